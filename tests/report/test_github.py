"""GitHub Actions: one escaped annotation for each cause, and a summary that is appended."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import pytest

from pytest_cce_precheck.contract.findings import Finding
from pytest_cce_precheck.report.files import _command, commands, write_to_github
from tests.saved_reports import SERVICE, as_data, record_of

if TYPE_CHECKING:
    from pathlib import Path


def finding(code: str = "PRE305", message: str = "it is so", **more: Any) -> dict[str, Any]:
    exchange = {"method": "GET", "target": "/t", "status": 200, "request_id": "r-1"}
    return {**as_data(Finding(code, "")), "message": message, "exchanges": [exchange], **more}


def commands_of(*findings: dict[str, Any]) -> list[str]:
    return list(commands(record_of(*findings)))


def test_a_failing_finding_is_an_error_with_its_request_id() -> None:
    assert commands_of(finding()) == ["::error title=PRE305::it is so (request id r-1)"]


def test_what_a_service_sends_can_end_no_command_and_begin_none() -> None:
    exchange = {"request_id": "r\r\n::stop-commands::x"}
    [line] = commands_of(finding(message="100 % a:b,c\r\n::error::forged\x1b[0m", exchanges=[exchange]))
    assert line == r"::error title=PRE305::100 %25 a:b,c\r (request id r\r\n::stop-commands::x)"


def test_a_title_is_escaped_as_a_property() -> None:
    assert _command("error", "a: b, c\n%", "d: e, f") == "::error title=a%3A b%2C c%0A%25::d: e, f"


def test_a_summary_that_cannot_be_written_is_a_warning(tmp_path: Path) -> None:
    environment = {"GITHUB_ACTIONS": "true", "GITHUB_STEP_SUMMARY": str(tmp_path)}
    [line] = write_to_github(record_of(), environment)
    message = "GITHUB_STEP_SUMMARY cannot be written: it is a directory; expected a regular file"
    assert line == f"::warning title=cce-precheck::{message}"


def test_consequences_are_counted_and_not_listed_one_by_one() -> None:
    [line] = commands_of(finding("PRE102", "status 500"), finding("PRE105", "no JSON"))
    assert line == "::error title=PRE102::status 500 (request id r-1); 1 more follow from it"


def test_a_warning_that_fails_nothing_is_a_warning_and_the_rest_is_left_out() -> None:
    shown = [finding(verdict="shown", severity=severity) for severity in ("warning", "note")]
    lines = commands_of(*shown, finding(verdict="accepted"), finding("PRE301", verdict="shown", severity="note"))
    assert lines == ["::warning title=PRE305::it is so (request id r-1)"]


def test_the_summary_is_appended_to_what_other_steps_wrote(tmp_path: Path) -> None:
    file = tmp_path / "summary.md"
    file.write_text("# Another step\n")
    lines = write_to_github(record_of(finding()), {"GITHUB_ACTIONS": "true", "GITHUB_STEP_SUMMARY": str(file)})
    assert len(lines) == 1
    text = file.read_text("utf-8")
    assert text.startswith(f"# Another step\n# Contract check of `{SERVICE}`\n")
    assert "| failing | PRE305 | `it is so` |" in text


def test_a_summary_that_github_would_not_show_is_cut(tmp_path: Path) -> None:
    file = tmp_path / "summary.md"
    many = [finding(message=f"{number} " + "é" * 1000) for number in range(600)]
    write_to_github(record_of(*many), {"GITHUB_ACTIONS": "true", "GITHUB_STEP_SUMMARY": str(file)})
    assert 400_000 < file.stat().st_size < 600_000
    assert file.read_text("utf-8").endswith("… the rest is in the report file (--cce-report).\n")


@pytest.mark.parametrize(
    ("mode", "in_actions", "lines"),
    [("live", "true", 1), ("replay", "true", 1), ("simulate", "true", 0), ("live", "", 0)],
)
def test_only_a_run_on_real_answers_in_github_actions_prints_anything(mode: str, in_actions: str, lines: int) -> None:
    assert len(write_to_github(record_of(finding(), mode=mode), {"GITHUB_ACTIONS": in_actions})) == lines
