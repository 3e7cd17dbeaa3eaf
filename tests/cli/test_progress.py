"""The line that shows a person how far a command is."""

from __future__ import annotations

import os
import sys
from contextlib import contextmanager
from typing import TYPE_CHECKING

import pytest

from pytest_cce_precheck.cli.main import main
from pytest_cce_precheck.cli.progress import ProgressLine, is_watched

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    from tests.conftest import Captured

pytestmark = pytest.mark.skipif(not hasattr(os, "openpty"), reason="needs a terminal")


@contextmanager
def on_a_terminal(**variables: str) -> Iterator[int]:
    """Show standard error on a terminal while the block runs; yield its other end."""
    ours, theirs = os.openpty()
    with pytest.MonkeyPatch.context() as patch, os.fdopen(theirs, "w") as terminal:
        for name, value in {"CI": "", "TERM": "xterm", **variables}.items():
            patch.setenv(name, value)
        patch.setattr(sys, "stderr", terminal)
        yield ours
    os.close(ours)


def shown(screen: int, last: str) -> str:
    text = ""
    while last not in text:
        text += os.read(screen, 4096).decode()
    return text


def test_the_line_names_the_work_and_its_time_and_is_erased_at_the_end() -> None:
    with on_a_terminal() as screen:
        with ProgressLine(after=0) as progress:
            progress.show("1 of 3")
            assert shown(screen, "s") == "\r1 of 3, 0 s"
            progress.show("2 of 3")
            assert shown(screen, "s").startswith("\r2 of 3, ")
        assert shown(screen, " \r").strip() == ""


def test_it_has_no_escape_sequence_and_no_more_than_one_line() -> None:
    with on_a_terminal() as screen, ProgressLine(after=0) as progress:
        progress.show("x" * 500)
        text = shown(screen, "x")
    assert "\x1b" not in text
    assert len(text.strip("\r")) < 500


def test_work_of_less_than_two_seconds_shows_nothing() -> None:
    with on_a_terminal() as screen:
        with ProgressLine() as progress:
            progress.show("1 of 3")
        os.set_blocking(screen, False)
        with pytest.raises(BlockingIOError):
            os.read(screen, 1)


@pytest.mark.parametrize(
    ("variables", "expected"), [({}, True), ({"CI": "true"}, False), ({"TERM": "dumb"}, False)], ids=str
)
def test_ci_and_a_dumb_terminal_see_nothing(variables: dict[str, str], *, expected: bool) -> None:
    with on_a_terminal(**variables):
        assert is_watched() is expected


def test_a_run_on_a_terminal_has_no_letters_for_its_checks(
    capsys: Captured, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    assert main(["run", "--budget=40"]) == 0
    assert ".." in capsys.readouterr().out.partition("= cce-precheck =")[0]
    with on_a_terminal():
        assert main(["run", "--budget=40"]) == 0
    assert ".." not in capsys.readouterr().out.partition("= cce-precheck =")[0]
