"""``--cce-history``: the outcome of each test is recorded from run to run."""

from __future__ import annotations

from typing import TYPE_CHECKING

from pytest_cce_precheck.report.history import latest
from tests.plugin.projects import ORDINARY, VERIFIES

if TYPE_CHECKING:
    import pytest

    from tests.conftest import Run


def test_each_run_adds_a_row_for_each_test_of_ours(pytester: pytest.Pytester, run: Run) -> None:
    pytester.makepyfile(VERIFIES, test_ordinary=ORDINARY)
    run("--cce-history=h.sqlite")
    result = run("--cce-history=h.sqlite", "--cce-fault=final-without-expiry")
    result.stdout.fnmatch_lines(["history of 1 test written to h.sqlite"])
    rows = latest(pytester.path / "h.sqlite", 50)
    assert [(row.result, row.codes) for row in rows] == [("passed", ""), ("failed", "PRE302")]


def test_a_file_that_is_no_history_stops_the_run(pytester: pytest.Pytester, run: Run) -> None:
    pytester.makepyfile(ORDINARY)
    (pytester.path / "h.sqlite").write_text("no database")
    result = run("--cce-history=h.sqlite")
    assert result.ret == 4
    result.stderr.fnmatch_lines(["ERROR: h.sqlite is not a history, nor an SQLite file at all: name another file"])


def test_what_the_suite_was_not_asked_for_counts_as_not_run(pytester: pytest.Pytester, run: Run) -> None:
    # too few requests for bad create requests
    run(
        "--pyargs",
        "pytest_cce_precheck.suite",
        "--cce-history=h.sqlite",
        "--cce-budget=60",
        "-k",
        "bad_create or unfiltered",
    )
    rows = latest(pytester.path / "h.sqlite", 50)
    # what did not run is left out
    assert [row.test.rpartition("::test_")[2] for row in rows] == ["the_unfiltered_list_meets_the_contract"]
