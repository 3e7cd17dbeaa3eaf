"""The fixture `cce_contract` in a hypothesis test, and what the end of a run reports of the examples."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any

import pytest

from pytest_cce_precheck.simulator.server import SimulatorServer
from pytest_cce_precheck.simulator.service import Simulator
from tests.recordings import REPLAY, credentials_of, recording_from

if TYPE_CHECKING:
    from tests.conftest import Run

HEAD = """
import pytest
import requests
from hypothesis import assume, example, given, seed, settings, strategies as st

fifty = settings(max_examples=50, deadline=None, database=None)

def ask(client, asked):
    return client.list_tasks(**{each.name.value: each.value for each in asked})
"""
VERIFIES = """
@seed(1)
@fifty
@given(data=st.data())
def test_verified(cce_client, cce_filters, cce_contract, data):
    cce_contract.verify(ask(cce_client, data.draw(cce_filters())))
"""


def report_of(pytester: pytest.Pytester) -> dict[str, Any]:
    return json.loads((pytester.path / "report.json").read_text())  # type: ignore[no-any-return]


# ---- the judge


def test_the_judge_may_be_used_under_given(pytester: pytest.Pytester, run: Run) -> None:
    pytester.makepyfile(HEAD + VERIFIES)
    result = run("--cce-report=report.json")
    result.assert_outcomes(passed=1)
    assert report_of(pytester)["findings"] == []


def test_what_it_finds_is_shrunk_and_reported_once(pytester: pytest.Pytester, run: Run) -> None:
    pytester.makepyfile(HEAD + VERIFIES)
    result = run("--cce-fault=upgrade-filter-ignored", "--cce-report=report.json", "--junitxml=junit.xml")
    result.assert_outcomes(failed=1)
    [finding] = report_of(pytester)["findings"]
    assert (finding["code"], finding["times"]) == ("PRE401", 1)
    assert finding["exchanges"][0]["target"].endswith("?type=addonUpgrade")
    junit = (pytester.path / "junit.xml").read_text()
    assert junit.count('name="cce_finding"') == junit.count('name="cce_code"') == 1
    result.stdout.fnmatch_lines(["*PRE401 ?type=addonUpgrade wrongly shows *"])


def test_what_passing_examples_show_is_reported_once(pytester: pytest.Pytester, run: Run) -> None:
    pytester.makepyfile(
        HEAD
        + """
@pytest.mark.cce_allow("PRE302", reason="agreed")
@fifty
@given(data=st.data())
def test_verified(cce_client, cce_filters, cce_contract, data):
    cce_contract.verify(ask(cce_client, data.draw(cce_filters())))
"""
    )
    result = run("--cce-fault=final-without-expiry", "--cce-report=report.json", "--junitxml=junit.xml")
    result.assert_outcomes(passed=1)
    [finding] = report_of(pytester)["findings"]
    assert (finding["verdict"], finding["times"]) == ("accepted", 1)
    junit = (pytester.path / "junit.xml").read_text()
    assert junit.count('name="cce_finding"') == junit.count('name="cce_accepted"') == 1
    result.stdout.no_fnmatch_line("*unused acceptance*")


def test_each_test_accepts_what_its_own_markers_say(pytester: pytest.Pytester, run: Run) -> None:
    pytester.makepyfile(
        """
        import pytest

        @pytest.mark.cce_allow("PRE302", reason="agreed")
        def test_first(cce_client, cce_contract):
            cce_contract.verify(cce_client.list_tasks())

        def test_second(cce_client, cce_contract):
            cce_contract.verify(cce_client.list_tasks())

        @pytest.mark.cce_allow("PRE210", reason="agreed")
        def test_third(cce_client, cce_contract):
            pass
        """
    )
    result = run("--cce-fault=final-without-expiry", "--cce-report=report.json")
    result.assert_outcomes(passed=2, failed=1)
    report = report_of(pytester)
    verdicts = {(each["verdict"], each["test"].partition("::")[2]) for each in report["findings"]}
    assert verdicts == {("accepted", "test_first"), ("failing", "test_second")}
    assert report["acceptances_never_met"] == [
        "PRE210 (agreed) in test_each_test_accepts_what_its_own_markers_say.py::test_third"
    ]


def test_what_a_fixture_of_the_module_finds_the_next_test_reports(pytester: pytest.Pytester, run: Run) -> None:
    pytester.makepyfile(
        """
        import pytest

        @pytest.fixture(scope="module")
        def tasks(cce_client, cce_contract):
            exchange = cce_client.list_tasks()
            cce_contract.verify(exchange)
            return exchange.document["items"]

        def test_tasks(tasks, cce_contract):
            assert tasks

        def test_others(tasks, cce_contract):
            assert tasks
        """
    )
    result = run("--cce-fault=final-without-expiry", "--cce-accept=PRE302: agreed", "--cce-report=report.json")
    result.assert_outcomes(passed=2)
    [finding] = report_of(pytester)["findings"]
    assert finding["test"].endswith("::test_tasks")


def test_of_two_kinds_of_failure_each_is_reported(pytester: pytest.Pytester, run: Run) -> None:
    pytester.makepyfile(
        HEAD
        + """
@seed(3)
@fifty
@given(data=st.data())
def test_verified(cce_client, cce_filters, cce_contract, data):
    asked = data.draw(cce_filters())
    answer = ask(cce_client, asked)
    cce_contract.verify(answer)
    assert answer.status != 400
"""
    )
    result = run("--cce-fault=upgrade-filter-ignored", "--cce-report=report.json")
    result.assert_outcomes(failed=1)
    assert [each["code"] for each in report_of(pytester)["findings"]] == ["PRE401"]


def test_what_a_discarded_example_showed_is_reported_too(pytester: pytest.Pytester, run: Run) -> None:
    pytester.makepyfile(
        HEAD
        + """
@fifty
@given(number=st.integers(0, 20))
def test_verified(cce_client, cce_contract, number):
    cce_contract.verify(cce_client.list_tasks(task_id=None if number == 7 else "unknown"))
    assume(number != 7)
"""
    )
    options = ("--cce-fault=final-without-expiry", "--cce-accept=PRE302: agreed", "--cce-report=report.json")
    result = run(*options)
    result.assert_outcomes(passed=1)
    report = report_of(pytester)
    assert [each["code"] for each in report["findings"]] == ["PRE302"]
    # and it does not count as one that was looked at
    assert report["examples"][0]["listed"] == 0


# ---- how many examples listed a task


def test_the_end_of_a_run_says_how_many_examples_listed_a_task(pytester: pytest.Pytester, run: Run) -> None:
    pytester.makepyfile(
        HEAD
        + """
@settings(max_examples=20, deadline=None, database=None)
@example(kind="addonStatic")
@given(kind=st.integers().map(str))
def test_types(cce_client, kind):
    cce_client.list_tasks(type=kind)

def test_no_hypothesis_test(cce_client):
    cce_client.list_tasks()
"""
    )
    result = run("--cce-report=report.json")
    result.assert_outcomes(passed=2)
    [counts] = report_of(pytester)["examples"]
    assert counts == {
        "test": "test_the_end_of_a_run_says_how_many_examples_listed_a_task.py::test_types",
        "examples": 21,
        "answered": 21,
        "listed": 1,
    }
    result.stdout.fnmatch_lines(["  1 of 21 examples listed a task"])
    result.stdout.no_fnmatch_line("*no example*")


def test_a_hypothesis_test_that_has_seen_no_task_is_named(pytester: pytest.Pytester, run: Run) -> None:
    pytester.makepyfile(
        HEAD
        + """
@fifty
@given(task_id=st.text(st.characters(codec="ascii"), min_size=1))
def test_ids(cce_client, task_id):
    for task in cce_client.list_tasks(task_id=task_id).document["items"]:
        assert task["metadata"]["taskID"] == task_id

@fifty
@given(data=st.data())
def test_drawn(cce_client, cce_filters, data):
    ask(cce_client, data.draw(cce_filters()))
"""
    )
    result = run("--cce-report=report.md")
    result.assert_outcomes(passed=2)
    name = "test_a_hypothesis_test_that_has_seen_no_task_is_named.py::test_ids"
    result.stdout.fnmatch_lines(
        ["  * of 100 examples listed a task", f"  no example listed a task, so none was checked: {name}"]
    )
    result.stdout.no_fnmatch_line("*none was checked: *test_drawn")
    assert f"## No example listed a task\n\n- `{name}`\n" in (pytester.path / "report.md").read_text()


@pytest.mark.parametrize("style", ["class", "parametrized", "fixture of the test's own"])
def test_examples_are_counted_however_the_test_is_written(pytester: pytest.Pytester, run: Run, style: str) -> None:
    body = {
        "class": """
class TestTypes:
    @fifty
    @given(number=st.integers(1, 6))
    def test_types(self, cce_client, number):
        cce_client.list_tasks()
""",
        "parametrized": """
@pytest.mark.parametrize("kind", ["addonStatic", "addonUpgrade", "unknown"])
@fifty
@given(number=st.integers(1, 6))
def test_types(cce_client, number, kind):
    cce_client.list_tasks(type=kind)
""",
        "fixture of the test's own": """
@pytest.fixture(scope="module")
def tasks(cce_client):
    return lambda: cce_client.list_tasks()

@fifty
@given(number=st.integers(1, 6))
def test_types(tasks, number):
    tasks()
""",
    }[style]
    pytester.makepyfile(HEAD + body)
    result = run()
    assert result.ret == 0
    counted = "12 of 18" if style == "parametrized" else "6 of 6"
    result.stdout.fnmatch_lines([f"  {counted} examples listed a task"])


def test_answers_to_code_of_ones_own_count(pytester: pytest.Pytester, run: Run) -> None:
    pytester.makepyfile(
        HEAD
        + """
@fifty
@given(number=st.integers(1, 6))
def test_own_code(cce_client, cce_credentials, number):
    request = cce_client.authenticated(cce_client.list_request("type=addonStatic"))
    with requests.get(request.url, headers=dict(request.headers.pairs), timeout=5) as answer:
        assert answer.json()["items"]
"""
    )
    result = run()
    result.assert_outcomes(passed=1)
    result.stdout.fnmatch_lines(["  6 of 6 examples listed a task"])


def test_a_test_that_asks_nothing_is_not_spoken_of(pytester: pytest.Pytester, run: Run) -> None:
    pytester.makepyfile(
        HEAD
        + """
@fifty
@given(number=st.integers())
def test_numbers(cce_config, number):
    assert cce_config.mode == "simulate"
"""
    )
    result = run("--cce-report=report.json")
    result.assert_outcomes(passed=1)
    assert report_of(pytester)["examples"] == []
    result.stdout.no_fnmatch_line("*listed a task*")


def test_counting_ends_with_the_first_failure(pytester: pytest.Pytester, run: Run) -> None:
    pytester.makepyfile(
        HEAD
        + """
@seed(5)
@fifty
@given(data=st.data())
def test_drawn(cce_client, cce_filters, data):
    asked = data.draw(cce_filters())
    ask(cce_client, asked)
    assert len(asked) < 3
"""
    )
    result = run("--cce-report=report.json")
    result.assert_outcomes(failed=1)
    [counts] = report_of(pytester)["examples"]
    assert counts["examples"] < 50


def test_a_test_that_fails_before_it_sees_a_task_is_not_said_to_have_looked_at_none(
    pytester: pytest.Pytester, run: Run
) -> None:
    pytester.makepyfile(
        HEAD
        + """
@fifty
@given(number=st.integers(1, 6))
def test_fails(cce_client, number):
    assert cce_client.list_tasks(task_id="unknown").document["items"]
"""
    )
    result = run()
    result.assert_outcomes(failed=1)
    result.stdout.no_fnmatch_line("*listed a task*")


def test_a_coroutine_that_another_plugin_runs_is_an_example_to_its_end(pytester: pytest.Pytester, run: Run) -> None:
    pytester.makeconftest(
        """
        import asyncio
        import functools
        import pytest

        # as pytest-asyncio does
        @pytest.hookimpl(wrapper=True)
        def pytest_pyfunc_call(pyfuncitem):
            handle = pyfuncitem.obj.hypothesis
            inner = handle.inner_test

            @functools.wraps(inner)
            def run_to_its_end(*arguments, **named):
                return asyncio.run(inner(*arguments, **named))

            handle.inner_test = run_to_its_end
            return (yield)
        """
    )
    pytester.makepyfile(
        HEAD
        + """
import asyncio

@fifty
@given(number=st.integers(1, 6))
async def test_awaited(cce_client, number):
    await asyncio.sleep(0)
    cce_client.list_tasks()
"""
    )
    result = run()
    result.assert_outcomes(passed=1)
    result.stdout.fnmatch_lines(["  6 of 6 examples listed a task"])


def test_a_state_machine_may_use_the_judge(pytester: pytest.Pytester, run: Run) -> None:
    pytester.makepyfile(
        HEAD
        + """
from hypothesis.stateful import RuleBasedStateMachine, rule

@pytest.fixture(scope="module", autouse=True)
def _tools(cce_client, cce_contract):
    Machine.client, Machine.contract = cce_client, cce_contract

class Machine(RuleBasedStateMachine):
    @rule()
    def listed(self):
        self.contract.verify(self.client.list_tasks())

Machine.TestCase.settings = settings(max_examples=3, stateful_step_count=3, deadline=None, database=None)
TestMachine = Machine.TestCase
"""
    )
    run().assert_outcomes(passed=1)
    run("--cce-fault=final-without-expiry").assert_outcomes(failed=1)


def test_the_unfiltered_list_that_values_are_made_from_is_no_example(
    pytester: pytest.Pytester, monkeypatch: pytest.MonkeyPatch, run: Run
) -> None:
    pytester.makepyfile(
        HEAD
        + """
@settings(max_examples=10, deadline=None, database=None)
@given(data=st.data())
def test_drawn(cce_client, cce_filters, data):
    data.draw(cce_filters())
    cce_client.list_tasks(task_id="unknown")
"""
    )
    with SimulatorServer(Simulator()) as server:
        for name, value in credentials_of(server).items():
            monkeypatch.setenv(name, value)
        live = ("--cce-mode=live", *recording_from(server)[2:])
        for options in (live, recording_from(server)):
            result = run(*options)
            result.assert_outcomes(passed=1)
            result.stdout.fnmatch_lines(["  0 of 10 examples listed a task"])
    run(*REPLAY).stdout.fnmatch_lines(["  0 of * examples listed a task"])


def test_the_counts_come_from_workers_too(pytester: pytest.Pytester, run_apart: Run) -> None:
    pytester.makepyfile(
        HEAD
        + """
@fifty
@given(number=st.integers(1, 6))
def test_one(cce_client, number):
    cce_client.list_tasks()

@fifty
@given(number=st.integers(1, 6))
def test_two(cce_client, number):
    cce_client.list_tasks(task_id="unknown")
"""
    )
    result = run_apart("-n", "2")
    result.assert_outcomes(passed=2)
    result.stdout.fnmatch_lines(
        ["  6 of 12 examples listed a task", "  no example listed a task, so none was checked: *::test_two"]
    )
