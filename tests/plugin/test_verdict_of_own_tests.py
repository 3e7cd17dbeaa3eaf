"""The verdict of a run of other tests than the suite's, of a service without tasks, and who sent what."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Final

import pytest

from pytest_cce_precheck.simulator.server import SimulatorServer
from pytest_cce_precheck.simulator.service import Simulator
from tests.plugin.projects import LIVE, ORDINARY, VERIFIES
from tests.plugin.verdicts import REPORTS, SUITE, check_that_all_say, first_line
from tests.recordings import credentials_of, recording_from
from tests.servers import always, serving
from tests.toolchains import require_module

if TYPE_CHECKING:
    from tests.conftest import Run

BAD_TASKS: Final = "@pytest.mark.cce(faults=['final-without-expiry'])"


def test_a_live_run_names_the_tests_that_only_met_the_simulator(
    pytester: pytest.Pytester, run: Run, report: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("CCE_AUTH_TOKEN", "made-up")
    pytester.makepyfile(test_it="def test_it(cce_server): pass\n\ndef test_other(cce_simulator): pass\n")
    result = run(*LIVE, "--cce-endpoint=https://cce.example", *REPORTS)
    result.assert_outcomes(passed=2)
    assert result.ret == 0
    result.stdout.fnmatch_lines(
        [
            "no answer was judged against the contract (cce_contract.verify)",
            "mode live: https://cce.example, no request was sent",
            "  2 tests ran on the simulator, not on https://cce.example: test_it.py::test_it, test_it.py::test_other",
        ]
    )
    assert [each["on_simulator"] for each in report()["tests"]] == [True, True]
    assert {tuple(each["services"]) for each in report()["tests"]} == {("the simulator",)}
    check_that_all_say(result, pytester, report())


@pytest.mark.parametrize("mode", ["record", "replay"])
def test_so_does_a_run_that_records_or_replays(
    pytester: pytest.Pytester, run: Run, monkeypatch: pytest.MonkeyPatch, mode: str
) -> None:
    monkeypatch.setenv("CCE_AUTH_TOKEN", "made-up")
    pytester.makepyfile(test_it="def test_it(cce_simulator): pass")
    result = run(*LIVE, f"--cce-mode={mode}", "--cce-endpoint=https://cce.example")
    result.stdout.fnmatch_lines(["  1 test ran on the simulator, not on *: test_it.py::test_it"])


def test_calls_of_any_client_of_requests_are_counted_and_the_service_is_named(
    pytester: pytest.Pytester, run: Run, report: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    mine = "def test_it(cce_client):\n    assert __import__('requests').get(cce_client.endpoint + '/x').status_code\n"
    pytester.makepyfile(VERIFIES, test_mine=mine)
    with SimulatorServer(Simulator()) as server:
        for name, value in credentials_of(server).items():
            monkeypatch.setenv(name, value)
        *_, project, cluster = recording_from(server)
        result = run("--cce-mode=live", f"--cce-endpoint={server.endpoint}", project, cluster, *REPORTS)
    assert result.ret == 0
    assert first_line(result) == "all judged answers meet the contract: 1 answer"
    assert report()["verdict"] == "incomplete"
    result.stdout.fnmatch_lines([f"mode live: {server.endpoint}, 2 requests, seed 0"])
    assert [each["services"] for each in report()["tests"]] == [[server.endpoint], [server.endpoint]]


def test_a_green_run_that_judged_nothing_stays_green_and_claims_nothing(
    pytester: pytest.Pytester, run: Run, report: Any
) -> None:
    pytester.makepyfile(ORDINARY, test_asks="def test_asks(cce_client): cce_client.list_tasks()")
    result = run(*REPORTS)
    assert result.ret == 0
    assert first_line(result) == "no answer was judged against the contract (cce_contract.verify)"
    assert (report()["verdict"], report()["suite"], report()["checks"]) == ("incomplete", False, [])
    check_that_all_say(result, pytester, report())


def test_a_deselected_test_of_ones_own_is_nobodys_business(pytester: pytest.Pytester, run: Run) -> None:
    pytester.makepyfile(VERIFIES, test_other=VERIFIES)
    result = run("-k", "test_other")
    assert result.ret == 0
    assert first_line(result) == "all judged answers meet the contract: 1 answer"


@pytest.mark.parametrize(
    ("mark", "body"),
    [
        ("@pytest.mark.xfail(strict=True)", "cce_contract.verify(cce_client.list_tasks())"),
        ("", "with pytest.raises(AssertionError): cce_contract.verify(cce_client.list_tasks())"),
    ],
    ids=["xfail", "raises"],
)
def test_a_finding_that_a_test_of_ones_own_expects_is_shown_and_breaks_nothing(
    pytester: pytest.Pytester, run: Run, report: Any, mark: str, body: str
) -> None:
    pytester.makepyfile(f"import pytest\n\n{mark}\n{BAD_TASKS}\ndef test_it(cce_client, cce_contract):\n    {body}\n")
    result = run(*REPORTS)
    assert result.ret == 0
    assert first_line(result) == "1 answer judged, 1 finding not counted"
    result.stdout.fnmatch_lines(["  not counted, its test did not fail: PRE302 *"])
    assert [each["verdict"] for each in report()["findings"]] == ["caught"]
    check_that_all_say(result, pytester, report())


def test_a_suite_without_its_recordings_is_incomplete(pytester: pytest.Pytester, run: Run, report: Any) -> None:
    result = run(*SUITE, "--cce-mode=replay", *REPORTS)
    assert result.ret == 1
    assert report()["verdict"] == "incomplete"
    check_that_all_say(result, pytester, report())


def checked(simulator: Simulator, run: Run, monkeypatch: pytest.MonkeyPatch, *options: str) -> pytest.RunResult:
    """Run the suite against a simulator as if it were a real service."""
    with SimulatorServer(simulator) as server:
        for name, value in credentials_of(server).items():
            monkeypatch.setenv(name, value)
        *_, project, cluster = recording_from(server)
        return run(*SUITE, "--cce-mode=live", f"--cce-endpoint={server.endpoint}", project, cluster, *options)


def test_a_cluster_without_tasks_shows_nothing_of_what_filters_select(
    run: Run, monkeypatch: pytest.MonkeyPatch
) -> None:
    result = checked(Simulator(tasks=0), run, monkeypatch)
    assert result.ret == 1
    assert first_line(result).startswith("incomplete: no answer listed a task")


def test_an_observation_can_fail_a_run_and_breaks_no_contract(
    run: Run, report: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    result = checked(Simulator(variations=["no-request-id"]), run, monkeypatch, "--cce-fail-on=note", *REPORTS)
    assert result.ret == 1
    assert report()["verdict"] == "holds"
    assert "1 observation of what the contract leaves unspecified (--cce-fail-on=note)" in first_line(result)


def test_what_was_sent_counts_whoever_sent_it_and_if_the_answer_never_came(
    pytester: pytest.Pytester, run: Run, report: Any
) -> None:
    pytester.makepyfile(
        """
        import pytest, urllib3

        def test_it(cce_config):
            urllib3.request("GET", cce_config.endpoint)

        def test_that_is_interrupted(cce_config):
            urllib3.request("GET", cce_config.endpoint)
            pytest.exit('enough')
        """
    )
    with serving(always(200, b"{}")) as server:
        run(*LIVE, f"--cce-endpoint={server.endpoint}", *REPORTS)
    assert report()["requests"] == len(server.seen) == 2


def test_what_workers_sent_counts_whoever_sent_it(pytester: pytest.Pytester, run_apart: Run, report: Any) -> None:
    require_module("xdist")
    pytester.makepyfile(
        """
        import pytest, urllib3

        @pytest.mark.parametrize("number", range(4))
        def test_it(cce_config, number):
            urllib3.request("GET", cce_config.endpoint)
        """
    )
    with serving(always(200, b"{}")) as server:
        run_apart(*LIVE, f"--cce-endpoint={server.endpoint}", "-n", "2", *REPORTS)
    assert report()["requests"] == len(server.seen) == 4
