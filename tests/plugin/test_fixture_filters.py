"""What `cce_filters` draws: anything, or on replay what the test's cassette has an answer to."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING

from pytest_cce_precheck.cassette.files import read, write
from pytest_cce_precheck.cassette.format import dumps
from tests.contract.answers import listing
from tests.recordings import REPLAY, answered, files_in, origin

if TYPE_CHECKING:
    import pytest

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
    longer = cce_client.list_tasks(**{each.name: each.value + "0" for each in asked})
    assert longer.status in (200, 400, 404)

@settings(max_examples=5, deadline=None, database=None)
@given(data=st.data())
def test_drawn_second(cce_client, cce_filters, data):
    asked = data.draw(cce_filters())
    cce_client.list_tasks(**{each.name: each.value for each in asked})
"""


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
    assert len(classes) > 10
    result.stdout.fnmatch_lines([f"  what was drawn from covers {len(classes)} classes of filter values"])
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
