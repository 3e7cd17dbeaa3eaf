"""--cce-max-response-time: response times are shown, and an answer that takes longer than allowed is a finding."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING

import pytest

from pytest_cce_precheck.contract.timing import kind_of_query, too_slow
from pytest_cce_precheck.report.record import response_times
from pytest_cce_precheck.wire.exchange import Exchange, Request, Response
from tests.recordings import recording_from

if TYPE_CHECKING:
    from pytest_cce_precheck.simulator.server import SimulatorServer
    from tests.conftest import Run

OWN = """
    def test_it(cce_client, cce_contract):
        cce_contract.verify(cce_client.list_tasks(), cce_client.list_tasks(type="addonStatic"))
"""


def exchange(query: str = "", status: int = 200, method: str = "GET", elapsed: float = 1.0) -> Exchange:
    return Exchange(Request(method, "https://cce.example", "/p", query), Response(status, elapsed=elapsed))


@pytest.mark.parametrize(("limit", "failed"), [("60", 0), ("0.000001", 1)])
def test_a_slower_answer_fails_a_live_test(
    pytester: pytest.Pytester, run: Run, service: SimulatorServer, limit: str, failed: int
) -> None:
    pytester.makepyfile(OWN)
    options = ("--cce-mode=live", f"--cce-max-response-time={limit}", "--cce-report=report.json")
    result = run(*recording_from(service), *options)
    result.assert_outcomes(passed=1 - failed, failed=failed)
    result.stdout.fnmatch_lines(["  response times in seconds *", "    unfiltered list  *  of 1 answer"])
    record = json.loads((pytester.path / "report.json").read_text())
    assert {each["kind"]: each["answers"] for each in record["response_times"]} == {"unfiltered list": 1, "type": 1}
    subjects = [finding["subject"] for finding in record["findings"] if finding["code"] == "PRE123"]
    assert sorted(subjects) == [["type"], ["unfiltered list"]] * failed


def test_each_check_of_the_suite_reports_slow_answers(run: Run, service: SimulatorServer) -> None:
    options = ("--cce-mode=live", "--cce-max-response-time=0.000001", "-k", "unfiltered_list")
    result = run("--pyargs", "pytest_cce_precheck.suite", *recording_from(service), *options)
    result.stdout.fnmatch_lines(["  PRE123 GET * was answered after * s; at most 1e-06 s are allowed"])


def test_the_simulators_times_are_not_a_services(run: Run, pytester: pytest.Pytester) -> None:
    pytester.makepyfile(OWN)
    result = run("--cce-max-response-time=0.000001")
    result.assert_outcomes(passed=1)
    result.stdout.no_fnmatch_line("*response times*")


@pytest.mark.parametrize("given", ["0", "-1", "soon", "nan", "inf"])
def test_a_limit_that_is_no_time_ends_the_run(run: Run, given: str) -> None:
    result = run(f"--cce-max-response-time={given}")
    assert result.ret == 4
    result.stderr.fnmatch_lines(["*expected a number of seconds above 0, such as 2 or 0.5*"])


@pytest.mark.parametrize("status", [429, 502, 503, 504])
def test_an_answer_that_asks_for_a_retry_is_not_counted(status: int) -> None:
    assert kind_of_query(exchange(status=status)) == ""
    assert list(too_slow(exchange(status=status), 0.5)) == []


@pytest.mark.parametrize(
    ("asked", "kind"),
    [
        (exchange(), "unfiltered list"),
        (exchange("type=x"), "type"),
        (exchange("type=x&task_id=y"), "several filters"),
        (exchange("type=&limit=1"), "unfiltered list"),
        (exchange(status=404), "refusals"),
        (exchange(method="POST", status=201), "create"),
        (exchange(method="PUT"), "other methods"),
    ],
)
def test_times_are_grouped_by_what_was_asked(asked: Exchange, kind: str) -> None:
    assert kind_of_query(asked) == kind


def test_a_limit_is_allowed_to_be_reached() -> None:
    assert list(too_slow(exchange(elapsed=1.0), 1.0)) == []
    (finding,) = too_slow(exchange(elapsed=1.5), 1.0)
    assert (finding.code, finding.subject) == ("PRE123", ("unfiltered list",))


def test_a_percentile_is_a_time_that_was_measured() -> None:
    (times,) = response_times([{"type": [number / 100 for number in range(1, 101)]}])
    assert (times.answers, times.median, times.p95, times.p99, times.longest) == (100, 0.5, 0.95, 0.99, 1.0)
