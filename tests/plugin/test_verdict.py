"""The verdict of a run on the contract, and its exit status: never more than it proved."""

from __future__ import annotations

import json
from dataclasses import replace
from importlib import resources
from typing import TYPE_CHECKING, Any, Final

import pytest

from pytest_cce_precheck.plugin.ending import SHIPPED
from pytest_cce_precheck.simulator.clock import RunningClock
from pytest_cce_precheck.simulator.server import SimulatorServer
from pytest_cce_precheck.simulator.service import Simulator
from tests.plugin.projects import LIVE
from tests.plugin.verdicts import REPORTS, SUITE, check_that_all_say, first_line
from tests.recordings import credentials_of
from tests.servers import always, free_port, serving
from tests.toolchains import require_module

if TYPE_CHECKING:
    from pytest_cce_precheck.wire.exchange import Request, Response
    from tests.conftest import Run

FIRST: Final = "test_the_unfiltered_list_meets_the_contract"
# a defect that only a later check finds
DEFECT: Final = "--cce-fault=signature-ignored"
BAD_TASKS: Final = "@pytest.mark.cce(faults=['final-without-expiry'])"


PLUGIN: Final = ("-p", "ends_runs")


def with_plugin(pytester: pytest.Pytester, source: str) -> None:
    """Make the plugin of somebody else that `PLUGIN` loads."""
    pytester.makepyfile(ends_runs=source)
    pytester.syspathinsert()


# ---- stopped, deselected, skipped

INTERRUPTED: Final = """
import pytest

def pytest_runtest_setup(item):
    if item.name.startswith("test_each_filter_value"):
        {}
"""


@pytest.mark.parametrize(
    ("stop", "status", "why"),
    [
        ("raise KeyboardInterrupt", 2, "it was interrupted"),
        ("pytest.exit('enough')", 2, "it was ended by pytest.exit"),
        ("pytest.exit('enough', returncode=0)", 1, "it was ended by pytest.exit"),
        ("item.session.shouldstop = 'enough'", 2, "pytest stopped it (enough)"),
    ],
)
def test_a_run_that_was_stopped_is_incomplete(
    pytester: pytest.Pytester, run_apart: Run, report: Any, stop: str, status: int, why: str
) -> None:
    with_plugin(pytester, INTERRUPTED.format(stop))
    result = run_apart(*SUITE, DEFECT, *REPORTS, *PLUGIN)
    assert result.ret == status
    assert (report()["verdict"], report()["reason"].partition(";")[0]) == ("incomplete", why)
    check_that_all_say(result, pytester, report())


@pytest.mark.parametrize("hook", ["pytest_collection_finish(session)", "pytest_collection(session)"])
def test_a_run_that_is_interrupted_before_its_first_test_is_incomplete(
    pytester: pytest.Pytester, run_apart: Run, report: Any, hook: str
) -> None:
    with_plugin(pytester, f"def {hook}: raise KeyboardInterrupt")
    result = run_apart(*SUITE, *REPORTS, *PLUGIN)
    assert result.ret == 2
    assert report()["tests"] == []
    assert first_line(result).startswith("incomplete: it was interrupted; 14 of 14 checks not judged")
    check_that_all_say(result, pytester, report())


def test_a_run_of_which_pytest_shows_no_summary_says_its_verdict_all_the_same(
    pytester: pytest.Pytester, run_apart: Run, report: Any
) -> None:
    with_plugin(pytester, INTERRUPTED.format("pytest.exit('enough', returncode=7)"))
    result = run_apart(*SUITE, *REPORTS, *PLUGIN)
    assert result.ret == report()["exit_status"] == 7
    assert report()["headline"] in result.errlines


def test_an_internal_error_leaves_a_report_that_says_so(pytester: pytest.Pytester, run: Run, report: Any) -> None:
    with_plugin(
        pytester,
        """
        def pytest_runtest_logreport(report):
            if report.when == "call":
                raise RuntimeError("of another plugin")
        """,
    )
    result = run(*SUITE, *REPORTS, *PLUGIN, "-k", FIRST)
    assert result.ret == 3
    assert (report()["verdict"], report()["exit_status"]) == ("incomplete", 3)
    assert report()["reason"].startswith("an internal error ended it")


def test_a_plugin_that_breaks_at_the_end_leaves_no_green_report(
    pytester: pytest.Pytester, run_apart: Run, report: Any
) -> None:
    with_plugin(pytester, "def pytest_terminal_summary(): raise RuntimeError('of another plugin')")
    result = run_apart(*SUITE, *REPORTS, *PLUGIN, "-k", FIRST)
    assert result.ret != 0
    assert report()["exit_status"] != 0


OUTERMOST: Final = """
import pytest

@pytest.hookimpl(tryfirst=True)
def pytest_configure(config): config.pluginmanager.register(Outermost())

class Outermost:
    @pytest.hookimpl(wrapper=True, tryfirst=True)
    def pytest_sessionfinish(self, session):
        {}
        result = yield
        {}
        return result
"""


@pytest.mark.parametrize(
    "source",
    [
        "def pytest_sessionfinish(): raise KeyboardInterrupt",
        OUTERMOST.format("raise KeyboardInterrupt", "pass"),
        OUTERMOST.format("raise RuntimeError('of another plugin')", "pass"),
        "def pytest_unconfigure(): raise RuntimeError('of another plugin')",
        "def pytest_unconfigure(): raise KeyboardInterrupt",
    ],
    ids=["interrupted", "interrupted before ours", "fails before ours", "fails at last", "interrupted at last"],
)
def test_whatever_breaks_the_end_of_a_run_leaves_no_green_report(
    pytester: pytest.Pytester, run_apart: Run, report: Any, source: str
) -> None:
    with_plugin(pytester, source)
    result = run_apart(*SUITE, "--cce-budget=30", *REPORTS, *PLUGIN)
    assert result.ret != 0
    assert report()["exit_status"] == 3
    assert "the run fails for another reason (exit status 3)" in report()["reason"]


@pytest.mark.parametrize(
    "source", [OUTERMOST.format("pass", "session.exitstatus = 0"), OUTERMOST.format("session.exitstatus = 0", "pass")]
)
def test_no_plugin_makes_a_broken_contract_green(
    pytester: pytest.Pytester, run_apart: Run, report: Any, source: str
) -> None:
    with_plugin(pytester, source)
    result = run_apart(*SUITE, DEFECT, *REPORTS, *PLUGIN, "-k", "bad_credentials")
    assert result.ret == report()["exit_status"] == 1
    assert report()["verdict"] == "does-not-hold"


@pytest.mark.parametrize(
    "chosen",
    [
        ("-k", FIRST),
        ("-k", f"not {FIRST}"),
        ("--deselect", f"test_contract.py::{FIRST}"),
    ],
    ids=["one test", "all but one", "deselect"],
)
def test_a_run_of_some_checks_is_incomplete(
    pytester: pytest.Pytester, run: Run, report: Any, chosen: tuple[str, ...]
) -> None:
    result = run(*SUITE, *chosen, *REPORTS, f"--rootdir={resources.files('pytest_cce_precheck.suite')}")
    assert result.parseoutcomes()["deselected"]
    assert result.ret == 1
    assert report()["verdict"] == "incomplete"
    left = {check["name"] for check in report()["checks"] if check["state"] == "not-judged"}
    assert left == set(SHIPPED) - {each["nodeid"].partition("::")[2] for each in report()["tests"]}
    check_that_all_say(result, pytester, report())


@pytest.mark.parametrize("argument", ["pytest_cce_precheck.suite", str(resources.files("pytest_cce_precheck.suite"))])
def test_the_suite_is_asked_for_by_its_name_or_its_path(run: Run, argument: str) -> None:
    result = run("--pyargs", argument, "-k", "no_such_check")
    assert first_line(result).startswith("incomplete: no test was run; 14 of 14 checks not judged")


@pytest.mark.parametrize(
    "argument",
    [
        f"pytest_cce_precheck.suite.test_contract::{FIRST}",
        f"{resources.files('pytest_cce_precheck.suite')}/test_contract.py::{FIRST}",
    ],
    ids=["module", "path"],
)
def test_a_run_of_one_check_by_its_name_is_incomplete(run: Run, argument: str) -> None:
    result = run("--pyargs", argument)
    result.assert_outcomes(passed=1)
    assert result.ret == 1
    assert first_line(result).startswith("incomplete: 13 of 14 checks not judged")


def test_where_no_check_is_selected_pytest_keeps_its_own_status(run: Run) -> None:
    result = run(*SUITE, "-k", "no_such_check")
    assert result.ret == 5
    assert first_line(result).startswith("incomplete: no test was run; 14 of 14 checks not judged")


def test_a_run_that_stops_at_the_first_failure_is_incomplete(pytester: pytest.Pytester, run: Run, report: Any) -> None:
    pytester.makepyfile(test_mine="def test_red(): assert False")
    result = run("-x", "test_mine.py", *SUITE, *REPORTS)
    assert result.ret == 1
    assert first_line(result).startswith("incomplete: pytest stopped it (stopping after 1 failures); 14 of 14 checks")
    check_that_all_say(result, pytester, report())


@pytest.mark.parametrize(
    ("what", "why", "status"),
    [
        ("pytest.skip('not today')", "not today", 1),
        ("raise RuntimeError('no licence')", "its test failed without a finding", 1),
    ],
)
def test_a_check_that_was_skipped_or_broke_for_lack_of_something_was_not_judged(
    pytester: pytest.Pytester, run: Run, report: Any, what: str, why: str, status: int
) -> None:
    with_plugin(
        pytester, f"import pytest\n\ndef pytest_runtest_setup(item):\n    if item.name == {FIRST!r}:\n        {what}\n"
    )
    result = run(*SUITE, *REPORTS, *PLUGIN)
    assert result.ret == status
    assert first_line(result) == f"incomplete: 1 of 14 checks not judged ({FIRST}: {why})"
    check_that_all_say(result, pytester, report())


def test_a_whole_run_holds_and_its_record_tells_everything(pytester: pytest.Pytester, run: Run, report: Any) -> None:
    result = run(*SUITE, *REPORTS, "--cce-seed=3")
    assert result.ret == 0
    document = report()
    assert (document["verdict"], document["exit_status"], document["seed"], document["suite"]) == ("holds", 0, 3, True)
    assert document["settings"]["--cce-seed"] == {"value": "3", "source": "option"}
    assert [each["outcome"] for each in document["tests"]] == ["passed"] * 14
    assert {tuple(each["services"]) for each in document["tests"]} == {("the simulator",)}
    assert [check["name"] for check in document["checks"]] == list(SHIPPED)
    assert {check["state"] for check in document["checks"]} == {"judged"}
    assert document["duration"] > 0
    check_that_all_say(result, pytester, document)


@pytest.mark.parametrize("option", ["--collect-only", "--fixtures", "--setup-plan"])
def test_a_run_that_runs_no_test_has_no_verdict(pytester: pytest.Pytester, run: Run, option: str) -> None:
    result = run(*SUITE, *REPORTS, option)
    assert result.ret == 0
    result.stdout.no_fnmatch_line("*= cce-precheck =*")
    assert not (pytester.path / "report.json").exists()


@pytest.mark.parametrize("option", [("--no-summary",), ("-p", "no:terminal")], ids=" ".join)
def test_a_report_is_written_whatever_the_terminal_shows(
    pytester: pytest.Pytester, run_apart: Run, report: Any, option: tuple[str, ...]
) -> None:
    result = run_apart(*SUITE, *REPORTS, *option, "-k", FIRST)
    assert result.ret == report()["exit_status"] == 1


def test_findings_that_may_not_fail_the_run_still_name_the_verdict(
    pytester: pytest.Pytester, run: Run, report: Any
) -> None:
    result = run(*SUITE, *REPORTS, "--cce-fault=final-without-expiry", "--cce-fail-on=never")
    assert result.ret == 0
    assert report()["verdict"] == "does-not-hold"
    assert first_line(result).endswith("; findings do not fail this run (--cce-fail-on=never)")
    check_that_all_say(result, pytester, report())
    assert run(*SUITE, "--cce-fault=final-without-expiry", "--cce-fail-on=never", "-k", "values").ret == 1


def test_a_contract_that_holds_but_for_what_was_accepted_says_so(run: Run) -> None:
    result = run(*SUITE, "--cce-fault=final-without-expiry", "--cce-accept=PRE302: agreed")
    assert result.ret == 0
    assert "except for what was accepted" in first_line(result)


def test_a_run_that_fails_for_another_reason_does_not_blame_the_contract(
    pytester: pytest.Pytester, run: Run, report: Any
) -> None:
    pytester.makepyfile(test_mine="def test_red(): assert False")
    result = run(*SUITE, "test_mine.py", *REPORTS)
    assert result.ret == 1
    assert first_line(result) == (
        "the contract holds: 14 checks judged; the run fails for another reason (exit status 1)"
    )


# ---- workers


@pytest.mark.parametrize("dist", ["load", "each", "loadgroup"])
def test_workers_together_make_one_verdict(pytester: pytest.Pytester, run: Run, report: Any, dist: str) -> None:
    require_module("xdist")
    result = run(*SUITE, *REPORTS, "-n", "2", "--dist", dist, "-p", "no:randomly")
    assert result.ret == 0, result.stdout.str()
    assert first_line(result).startswith("the contract holds: 14 checks judged")
    assert len(report()["tests"]) == 14 * (2 if dist == "each" else 1)


def test_what_workers_deselect_is_known_to_the_controller(run: Run) -> None:
    require_module("xdist")
    result = run(*SUITE, "-n", "1", "-k", FIRST)
    result.assert_outcomes(passed=1)
    assert result.ret == 1
    assert first_line(result).startswith("incomplete: 13 of 14 checks not judged")


def test_a_check_whose_worker_crashed_was_not_judged(pytester: pytest.Pytester, run_apart: Run, report: Any) -> None:
    require_module("xdist")
    with_plugin(pytester, f"import os\n\ndef pytest_runtest_call(item):\n    if item.name == {FIRST!r}: os._exit(9)\n")
    result = run_apart(*SUITE, *REPORTS, "-n", "1", *PLUGIN)
    assert result.ret == 1
    assert report()["verdict"] == "incomplete"
    assert [check["name"] for check in report()["checks"] if check["state"] == "not-judged"] == [FIRST]
    check_that_all_say(result, pytester, report())


def test_workers_that_stop_at_the_first_failure_leave_the_run_incomplete(
    pytester: pytest.Pytester, run: Run, report: Any
) -> None:
    require_module("xdist")
    pytester.makepyfile(test_mine="def test_red(): assert False")
    result = run("test_mine.py", *SUITE, *REPORTS, "-n", "1", "-x")
    assert result.ret != 0
    assert report()["verdict"] == "incomplete"
    check_that_all_say(result, pytester, report())


# ---- not reachable, not let in


@pytest.mark.parametrize(
    ("status", "verdict"), [(401, "not-let-in"), (403, "not-let-in"), (404, "incomplete"), (500, "does-not-hold")]
)
def test_who_is_not_let_in_has_not_judged_the_contract(
    pytester: pytest.Pytester, run: Run, report: Any, monkeypatch: pytest.MonkeyPatch, status: int, verdict: str
) -> None:
    monkeypatch.setenv("CCE_AUTH_TOKEN", "made-up")
    body = json.dumps({"errorCode": f"CCE.01{status}001", "errorMessage": "no"}).encode()
    with serving(always(status, body)) as server:
        result = run(*SUITE, *LIVE, f"--cce-endpoint={server.endpoint}", *REPORTS)
    assert result.ret == 1
    assert report()["verdict"] == verdict
    if verdict != "does-not-hold":
        assert f"answered the first list with {status}" in first_line(result)
    check_that_all_say(result, pytester, report())


def test_bad_credentials_that_are_refused_are_not_the_runs_own(
    pytester: pytest.Pytester, run: Run, report: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    class Odd(Simulator):
        """Answers every list with 201 in place of 200."""

        def handle(self, request: Request, *, caller: int | None = None) -> Response:
            response = super().handle(request, caller=caller)
            return replace(response, status=201) if response.status == 200 else response

    with SimulatorServer(Odd(clock=RunningClock())) as server:
        for name, value in credentials_of(server).items():
            monkeypatch.setenv(name, value)
        place = {"endpoint": server.endpoint, "project-id": server.simulator.project_id}
        place["cluster-id"] = server.simulator.cluster_id
        options = [f"--cce-{name}={value}" for name, value in place.items()]
        result = run(*SUITE, "--cce-mode=live", *options, *REPORTS)
    assert report()["verdict"] == "does-not-hold"
    check_that_all_say(result, pytester, report())


def test_who_gets_no_answer_has_not_judged_the_contract(
    pytester: pytest.Pytester, run: Run, report: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("CCE_AUTH_TOKEN", "made-up")
    endpoint = f"http://127.0.0.1:{free_port()}"
    result = run(*SUITE, *LIVE, f"--cce-endpoint={endpoint}", *REPORTS, "--cce-timeout=1")
    assert result.ret == 1
    assert report()["verdict"] == "not-reachable"
    assert first_line(result).startswith(f"not reachable: {endpoint} answered none of ")
    check_that_all_say(result, pytester, report())


def test_each_target_has_a_verdict_and_the_worst_is_the_runs(
    pytester: pytest.Pytester, run: Run, report: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    with SimulatorServer(Simulator()) as server:
        service = server.simulator
        for name, value in credentials_of(server).items():
            monkeypatch.setenv(name, value)
        (pytester.path / "cce-targets.toml").write_text(
            "".join(
                f'[[target]]\nname = "{name}"\nendpoint = "{endpoint}"\nproject_id = "{service.project_id}"\n'
                f'clusters = ["{service.cluster_id}"]\nbudget = 60\ntimeout = 1\n'
                for name, endpoint in (("up", server.endpoint), ("down", f"http://127.0.0.1:{free_port()}"))
            )
        )
        result = run(*SUITE, "--cce-mode=live", "--cce-targets=cce-targets.toml", *REPORTS)
    assert result.ret == 1
    assert {each["name"]: each["verdict"] for each in report()["targets"]} == {"up": "holds", "down": "not-reachable"}
    assert report()["verdict"] == "not-reachable"
    assert first_line(result).startswith("not reachable: down: http")
    assert {(check["name"], check["target"]) for check in report()["checks"]} == {
        (name, target) for name in SHIPPED for target in ("up", "down")
    }
