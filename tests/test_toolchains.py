from __future__ import annotations

import json

import pytest

from tests.toolchains import require_module, require_program


def test_a_module_that_is_there_is_imported() -> None:
    assert require_module("json") is json


def test_a_missing_module_skips_with_its_name(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("CCE_REQUIRE_TOOLCHAINS", raising=False)
    with pytest.raises(pytest.skip.Exception, match="needs no_such_module, which is not installed"):
        require_module("no_such_module")


def test_a_missing_module_fails_where_toolchains_are_required(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("CCE_REQUIRE_TOOLCHAINS", "1")
    with pytest.raises(pytest.fail.Exception, match="no_such_module cannot be imported"):
        require_module("no_such_module")


def test_a_program_that_is_there_is_found() -> None:
    assert require_program("sh").endswith("/sh")


def test_a_missing_program_skips_with_its_name(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("CCE_REQUIRE_TOOLCHAINS", raising=False)
    with pytest.raises(pytest.skip.Exception, match="needs the program no-such-program, which is not installed"):
        require_program("no-such-program")


def test_a_missing_program_fails_where_toolchains_are_required(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("CCE_REQUIRE_TOOLCHAINS", "1")
    with pytest.raises(pytest.fail.Exception, match="there is no program no-such-program"):
        require_program("no-such-program")
