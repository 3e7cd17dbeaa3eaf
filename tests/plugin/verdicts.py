"""Read the verdict of a run from its output."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Final

if TYPE_CHECKING:
    import pytest

SUITE: Final = ("--pyargs", "pytest_cce_precheck.suite")
REPORTS: Final = ("--cce-report=report.json", "--cce-report=report.html", "--cce-report=report.md")


def first_line(result: pytest.RunResult) -> str:
    """Return the first line of the section."""
    lines = result.outlines
    [place] = [number for number, line in enumerate(lines) if line.strip("= ") == "cce-precheck"]
    return lines[place + 1]


def check_that_all_say(result: pytest.RunResult, pytester: pytest.Pytester, document: dict[str, Any]) -> None:
    assert first_line(result) == document["headline"]
    assert document["exit_status"] == result.ret
    for name in ("report.html", "report.md"):
        assert document["headline"].partition(":")[0] in (pytester.path / name).read_text("utf-8").lower()
    if document["verdict"] != "holds":
        said = result.stdout.str() + (pytester.path / "report.html").read_text("utf-8")
        assert "the contract holds" not in said
