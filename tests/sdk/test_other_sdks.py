"""The vendor's Go and Java SDKs through their drivers, where these are built."""

from __future__ import annotations

import pytest

from pytest_cce_precheck.sdk.cases import corpus_cases
from pytest_cce_precheck.sdk.judgement import Cell, Verdict
from pytest_cce_precheck.sdk.run import run_sdks
from tests.sdk.fakes import DRIVERS, require_programs

COMMANDS = {
    "go": (str(DRIVERS / "go" / "cce-driver"),),
    "java": ("java", "-jar", str(DRIVERS / "java" / "target" / "cce-driver.jar")),
}


@pytest.fixture(scope="module", params=COMMANDS)
def cells(request: pytest.FixtureRequest) -> dict[str, Cell]:
    """Every case but those that wait."""
    cases = [case for case in corpus_cases() if case.timeout > 1]
    [report] = run_sdks([require_programs(COMMANDS[request.param])], cases)
    return {cell.case.name: cell for cell in report.cells}


def test_every_conforming_list_is_read_whole(cells: dict[str, Cell]) -> None:
    lists = [
        cell
        for cell in cells.values()
        if cell.case.operation == "list"
        and cell.case.kind in ("variation", "request")
        and cell.case.expect.outcome == "value"
        and cell.case.authentication != "token"
    ]
    assert len(lists) > 60
    assert [(cell.case.name, cell.findings) for cell in lists if cell.verdict is not Verdict.WHOLE] == []


def test_of_a_create_answer_no_task_can_be_read(cells: dict[str, Cell]) -> None:
    cell = cells["example-create"]
    assert (cell.verdict, [finding.path for finding in cell.findings]) == (Verdict.LOSS, ["$.status.items"])


def test_the_vendors_own_list_example_cannot_be_read(cells: dict[str, Cell]) -> None:
    assert [finding.code for finding in cells["example-list"].findings] == ["PRE713"]


def test_the_list_call_is_sent_as_it_was_asked(cells: dict[str, Cell]) -> None:
    sent = {
        (cell.case.name, finding.code)
        for cell in cells.values()
        for finding in cell.findings
        if finding.code < "PRE710" and cell.case.operation == "list"
    }
    assert sent == set()
