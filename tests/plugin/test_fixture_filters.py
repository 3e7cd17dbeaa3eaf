"""What `cce_filters` draws: any filters, or on replay those that the test's cassette answers."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING

import pytest

from pytest_cce_precheck.cassette.files import read, write
from pytest_cce_precheck.cassette.format import dumps
from pytest_cce_precheck.simulator.server import SimulatorServer
from pytest_cce_precheck.simulator.service import Simulator
from tests.contract.answers import listing
from tests.recordings import REPLAY, answered, credentials_of, files_in, origin, recording_from

if TYPE_CHECKING:
    from tests.conftest import Run

DRAWS = """
from hypothesis import given, settings, strategies as st

@settings(max_examples=25, deadline=None, database=None)
@given(data=st.data())
def test_drawn(cce_client, cce_filters, data):
    asked = data.draw(cce_filters(at_least=1))
    print("\\ndrawn", [(str(each.name), str(each.value), each.value_class) for each in asked])
    cce_client.list_tasks(**{each.name: each.value for each in asked})
    # a property may ask more than what it draws: of this, no more is to be made
    longer = cce_client.list_tasks(**{each.name: each.value + "x" for each in asked})
    assert longer.status in (200, 400, 404)

@settings(max_examples=5, deadline=None, database=None)
@given(data=st.data())
def test_drawn_second(cce_client, cce_filters, data):
    asked = data.draw(cce_filters())
    cce_client.list_tasks(**{each.name: each.value for each in asked})
"""


COMPARES_TYPES = """
import os
from hypothesis import given, seed, settings, strategies as st

def property_of(number):
    @seed(number)
    @settings(max_examples=50, deadline=None, database=None)
    @given(data=st.data())
    def test(cce_client, cce_filters, data):
        asked = {each.name.value: each.value for each in data.draw(cce_filters())}
        answer = cce_client.list_tasks(**asked)
        # recorded without looking: a test that fails is not recorded
        if LOOKS and answer.status == 200 and asked.get("type"):
            assert {each["metadata"]["type"] for each in answer.document["items"]} <= {asked["type"]}
    return test

for number in range(4):
    globals()[f"test_seed_{number}"] = property_of(number)
"""
FAULTS = ("type-filter-ignored", "upgrade-filter-ignored", "one-static-task-among-the-upgrades")


def drawn(result: pytest.RunResult) -> set[str]:
    return {line for line in result.stdout.str().splitlines() if line.startswith("drawn")}


def test_on_replay_what_was_drawn_is_drawn_again_and_nothing_that_was_made_of_it(
    pytester: pytest.Pytester, record: Run, replay: Run
) -> None:
    pytester.makepyfile(test_it=DRAWS)
    recorded = record("-s", "-p", "no:randomly")
    recorded.assert_outcomes(passed=2)
    before = files_in(pytester.path / "cassettes")
    again = replay("-s", "--cce-report=report.json")
    again.assert_outcomes(passed=2)
    assert len(drawn(again)) > 10
    assert drawn(again) - drawn(recorded) == set()
    assert files_in(pytester.path / "cassettes") == before
    # the second test's cassette lacks the list that values were made from, and needs it not
    replay("-k", "second").assert_outcomes(passed=1, deselected=1)


def test_stand_ins_are_drawn_in_place_of_ids(pytester: pytest.Pytester, record: Run, replay: Run) -> None:
    pytester.makepyfile(test_it=DRAWS)
    record("--cce-pseudonyms", "-p", "no:randomly").assert_outcomes(passed=2)
    replay().assert_outcomes(passed=2)


def test_the_report_says_how_many_classes_the_cassettes_cover(
    pytester: pytest.Pytester, record: Run, replay: Run
) -> None:
    pytester.makepyfile(test_it=DRAWS)
    record("-p", "no:randomly")
    result = replay("--cce-report=report.json")
    cassettes = json.loads((pytester.path / "report.json").read_text())["cassettes"]
    classes = {name for each in cassettes for name in each["classes"]}
    assert {"type: absent", "task_id: absent"} < classes
    assert len(classes) > 6
    result.stdout.fnmatch_lines([f"  the cassettes drawn from cover {len(classes)} classes of filter values"])
    # which of them is asked for is chance
    assert "recordings were not used" not in result.stdout.str()


def test_of_an_imported_cassette_every_list_call_is_drawn_from(pytester: pytest.Pytester, run: Run) -> None:
    pytester.makepyfile(
        test_it="""
        from hypothesis import given, settings, strategies as st

        @settings(deadline=None, database=None)
        @given(data=st.data())
        def test_it(cce_client, cce_filters, data):
            asked = data.draw(cce_filters(at_least=1))
            print("\\ndrawn", [(str(each.name), each.value, each.value_class) for each in asked])
            assert cce_client.list_tasks(**{each.name: each.value for each in asked}).status == 200
        """
    )
    recordings = [answered(query, json.dumps(listing()).encode(), repeats=True) for query in ("", "type=x", "task_id=")]
    path = pytester.path / "cassettes" / "test_it" / "test_it.json"
    write(path, dumps(origin(source="har", project_id="p", cluster_id="c"), recordings))
    assert read(path).origin.notes == {}
    result = run(*REPLAY, "-s")
    result.assert_outcomes(passed=1)
    assert drawn(result) == {"drawn [('type', 'x', 'unknown')]", "drawn [('task_id', '', 'empty')]"}


def test_where_nothing_fitting_was_recorded_the_test_is_told_so(pytester: pytest.Pytester, run: Run) -> None:
    pytester.makepyfile(test_it=DRAWS)
    write(pytester.path / "cassettes" / "test_it" / "test_drawn.json", dumps(origin(), [answered()]))
    result = run(*REPLAY, "-k", "not second")
    result.assert_outcomes(failed=1, deselected=1)
    result.stdout.fnmatch_lines(["*no list call with at least 1 filters was recorded for this test; record it (*"])


@pytest.mark.parametrize("fault", FAULTS)
def test_a_property_that_compares_types_finds_the_fault(pytester: pytest.Pytester, run: Run, fault: str) -> None:
    pytester.makepyfile(test_it="LOOKS = True\n" + COMPARES_TYPES)
    run().assert_outcomes(passed=4)
    run(f"--cce-fault={fault}").assert_outcomes(failed=4)


def test_what_is_recorded_contains_what_shows_the_fault(
    pytester: pytest.Pytester, monkeypatch: pytest.MonkeyPatch, run: Run
) -> None:
    pytester.makepyfile(test_it="LOOKS = False\n" + COMPARES_TYPES)
    with SimulatorServer(Simulator(faults=["one-static-task-among-the-upgrades"])) as server:
        for name, value in credentials_of(server).items():
            monkeypatch.setenv(name, value)
        run(*recording_from(server), "--cce-budget=300").assert_outcomes(passed=4)
    again = run(*REPLAY, "--cce-report=report.json")
    again.assert_outcomes(passed=4)
    counts = json.loads((pytester.path / "report.json").read_text())["examples"]
    assert sum(each["listed"] for each in counts) >= sum(each["examples"] for each in counts) / 2
    pytester.makepyfile(test_it="LOOKS = True\n" + COMPARES_TYPES)
    run(*REPLAY).assert_outcomes(failed=4)


def test_values_are_drawn_from_the_tasks_of_a_simulator_whose_list_cannot_be_read(
    pytester: pytest.Pytester, run: Run
) -> None:
    pytester.makepyfile(test_it=DRAWS)
    assert run("--cce-fault=kind-written-twice").parseoutcomes() == {"passed": 2}
