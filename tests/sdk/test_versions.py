"""Which versions are compared, and what a comparison says."""

from __future__ import annotations

import subprocess
import sys
from typing import TYPE_CHECKING, Any

import pytest

from pytest_cce_precheck.errors import ConfigurationError
from pytest_cce_precheck.sdk import versions
from pytest_cce_precheck.sdk.cases import find_case
from pytest_cce_precheck.sdk.run import run_sdks
from pytest_cce_precheck.sdk.versions import available_versions, environment_of, resolve, steps
from tests.sdk.fakes import fake_sdk

if TYPE_CHECKING:
    from pathlib import Path


def released() -> list[str]:
    return ["3.1.200", "3.1.99", "3.1.190", "3.1.195", "3.0.1rc1"]


def test_a_range_is_written_out_in_the_order_of_the_versions() -> None:
    assert resolve(["3.1.99..3.1.195"], released) == ("3.1.99", "3.1.190", "3.1.195")
    assert resolve(["3.1.200", "3.1.99"], released) == ("3.1.200", "3.1.99")


@pytest.mark.parametrize("wanted", [["3.1.1..3.1.2"], ["3.1.190..x"], ["..3"], ["3.1.190"]])
def test_what_is_no_two_versions_is_refused(wanted: list[str]) -> None:
    with pytest.raises(ConfigurationError, match=r"needs two versions or more|is no version"):
        resolve(wanted, released)


def test_a_step_tells_what_is_wrong_now_and_what_no_longer_is() -> None:
    cases = [find_case("every-field")]
    before, after = run_sdks([fake_sdk("field-lost"), fake_sdk("count-as-text")], cases)
    first, second = steps([before, after])
    assert first.text.startswith(
        "huaweicloudsdkcce 1.0\n  call appeared: create\n  call appeared: list\n  now wrong: PRE710"
    )
    assert second.text.startswith("huaweicloudsdkcce 1.0 -> 1.0\n  now wrong: PRE711 $.pageInfo.currentCount")
    assert "\n  no longer wrong: PRE710 $.items[0].spec" in second.text
    assert second.to_dict()["gone"][0]["identity"][0] == "PRE710"
    assert next(steps([after])).before is None
    assert list(steps([after, after]))[1].text.endswith("  nothing changed\n")


def test_an_environment_is_made_once(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    ran: list[list[str]] = []

    def run(command: list[str], **_: Any) -> subprocess.CompletedProcess[str]:
        ran.append(command)
        versions.Path(tmp_path / "pytest-cce-precheck").mkdir(exist_ok=True)
        next_to = tmp_path / "pytest-cce-precheck" / environment_name()
        next_to.mkdir(exist_ok=True)
        return subprocess.CompletedProcess(command, 0, "", "")

    monkeypatch.setattr(versions.subprocess, "run", run)
    environment = {"XDG_CACHE_HOME": str(tmp_path)}
    assert environment_of("3.1.190", environment) == environment_of("3.1.190", environment)
    assert [command[1:3] for command in ran] == [["-m", "venv"], ["-m", "pip"]]
    assert ran[1][-1] == "huaweicloudsdkcce==3.1.190"


def environment_name() -> str:
    return f"huaweicloudsdkcce-3.1.190-py{sys.version_info.major}.{sys.version_info.minor}"


def test_why_a_version_cannot_be_installed_is_told(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def run(command: list[str], **_: Any) -> subprocess.CompletedProcess[str]:
        return subprocess.CompletedProcess(command, int("pip" in command), "", "ERROR: No matching distribution\n")

    monkeypatch.setattr(versions.subprocess, "run", run)
    with pytest.raises(ConfigurationError, match=r"version 3\.1\.190 could not be installed: ERROR: No matching"):
        environment_of("3.1.190", {"XDG_CACHE_HOME": str(tmp_path)})


def test_the_released_versions_are_pips(monkeypatch: pytest.MonkeyPatch) -> None:
    def run(command: list[str], **_: Any) -> subprocess.CompletedProcess[str]:
        out = "huaweicloudsdkcce (3.1.200)\nAvailable versions: 3.1.200, 3.1.199\n  LATEST: 3.1.200\n"
        return subprocess.CompletedProcess(command, 0, out, "")

    monkeypatch.setattr(versions.subprocess, "run", run)
    assert available_versions() == ["3.1.200", "3.1.199"]
