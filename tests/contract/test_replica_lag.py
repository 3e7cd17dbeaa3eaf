"""Replicas that lag: what changed shortly before is held against nobody, what is older is."""

from __future__ import annotations

from copy import deepcopy
from dataclasses import replace
from typing import Any

import pytest

from pytest_cce_precheck.contract.filters import Bracket, Query, judge_selection
from pytest_cce_precheck.contract.lifecycle import TaskHistory
from pytest_cce_precheck.contract.replica_lag import ReplicaLag
from pytest_cce_precheck.wire.vocabulary import Filter
from tests.contract.answers import answer_to, listing, task

STATIC = Query("type=addonStatic", (((((Filter.TYPE, "addonStatic"),)),),))


class Clock:
    now = 100.0


def lagging(lag: float = 5.0) -> tuple[ReplicaLag, Clock]:
    clock = Clock()
    return ReplicaLag(lag, lambda: clock.now), clock


def shows(*tasks: Any) -> Any:
    return answer_to(listing(list(tasks)))


def outdated(seen: ReplicaLag, *answer: Any, **how: Any) -> frozenset[str]:
    """Return what would be outdated in an answer, without adding it."""
    return deepcopy(seen).observe(*answer, **how)


ONE, TWO = task(1), task(2)
ONE_ID, TWO_ID = ONE["metadata"]["taskID"], TWO["metadata"]["taskID"]


def running(number: int) -> Any:
    return task(number, state="Running")


def test_a_task_just_seen_may_lack_in_a_list_until_the_lag_is_over() -> None:
    seen, clock = lagging()
    seen.observe(shows(ONE, TWO))
    clock.now += 4
    assert outdated(seen, shows(ONE)) == {TWO_ID}
    clock.now += 2
    assert outdated(seen, shows(ONE)) == frozenset()


def test_a_task_just_gone_may_still_be_listed_until_the_lag_is_over() -> None:
    seen, clock = lagging()
    seen.observe(shows(ONE, TWO))
    clock.now += 60
    seen.observe(shows(ONE))
    assert outdated(seen, shows(ONE, TWO)) == {TWO_ID}
    clock.now += 6
    assert outdated(seen, shows(ONE, TWO)) == frozenset()


def test_a_state_may_seem_to_move_back_shortly_after_it_moved_on() -> None:
    seen, clock = lagging()
    seen.observe(shows(task(1, state="Init")))
    clock.now += 60
    seen.observe(shows(running(1)))
    assert outdated(seen, shows(task(1, state="Init"))) == {ONE_ID}
    assert outdated(seen, shows(task(1, state="Init")), complete=False) == {ONE_ID}
    assert outdated(seen, shows(running(1))) == frozenset()
    clock.now += 6
    assert outdated(seen, shows(task(1, state="Init"))) == frozenset()


def test_an_older_list_changes_nothing_of_what_is_known() -> None:
    seen, clock = lagging()
    seen.observe(shows(ONE))
    clock.now += 60
    seen.observe(shows(ONE, TWO))
    clock.now += 1
    assert seen.observe(shows(ONE)) == {TWO_ID}
    clock.now += 1
    assert seen.observe(shows(ONE, TWO)) == frozenset()
    assert outdated(seen, shows(ONE)) == {TWO_ID}


def test_an_answer_that_was_long_on_its_way_is_as_old_as_its_question() -> None:
    seen, clock = lagging()
    seen.observe(shows(ONE, TWO))
    asked = clock.now + 1
    clock.now += 8
    assert outdated(seen, shows(ONE), asked) == {TWO_ID}
    assert outdated(seen, shows(ONE)) == frozenset()


def test_what_moves_on_is_never_older() -> None:
    seen, _ = lagging()
    seen.observe(shows(task(1, state="Init")))
    assert outdated(seen, shows(running(1))) == frozenset()
    assert outdated(seen, shows(task(1, state="Init"), TWO)) == frozenset()


def test_an_answer_that_is_not_complete_is_held_to_what_it_shows() -> None:
    seen, _ = lagging()
    seen.observe(shows(ONE, TWO))
    assert outdated(seen, shows(ONE), complete=False) == frozenset()


def test_without_a_lag_nothing_is_older_or_new() -> None:
    seen, _ = lagging(lag=0)
    opening = shows(ONE, TWO)
    seen.observe(opening)
    assert outdated(seen, shows(ONE)) == frozenset()
    assert seen.changed(opening) == frozenset()


@pytest.mark.parametrize("lag", [0.0, 5.0])
def test_how_far_answers_were_behind_is_measured_whether_or_not_a_lag_is_given(lag: float) -> None:
    seen, clock = lagging(lag)
    seen.observe(shows(task(1, state="Init")))
    clock.now += 60
    seen.observe(shows(running(1)))
    clock.now += 3.5
    seen.observe(shows(task(1, state="Init")))
    assert seen.behind == pytest.approx(3.5)


@pytest.mark.parametrize(("state", "behind"), [("Running", 2.0), ("Success", 0.0)])
def test_a_list_that_lacks_a_task_just_seen_was_behind_unless_it_may_have_left(state: str, behind: float) -> None:
    seen, clock = lagging()
    seen.observe(shows(task(1, state=state)))
    clock.now += 2
    seen.observe(shows())
    assert seen.behind == pytest.approx(behind)


@pytest.mark.parametrize(("seconds", "behind"), [(20, 20), (61, 0)])
def test_more_than_the_lag_is_measured_too_unless_no_replica_is_so_far_behind(seconds: float, behind: float) -> None:
    seen, clock = lagging()
    seen.observe(shows(running(1)))
    clock.now += seconds
    seen.observe(shows(task(1, state="Init")))
    assert seen.behind == pytest.approx(behind)


@pytest.mark.parametrize(("later", "left_out"), [(1.0, False), (11.0, True)])
def test_a_list_left_a_task_out_only_if_all_replicas_knew_it_by_then(later: float, *, left_out: bool) -> None:
    seen, clock = lagging()
    seen.observe(shows(ONE))
    sighted = clock.now
    clock.now += later / 2
    seen.observe(shows(ONE))
    clock.now += later / 2
    opening = shows(ONE)
    seen.observe(opening)
    assert seen.left_out(TWO_ID, sighted, opening) is left_out


def test_the_history_concludes_nothing_from_what_is_outdated_and_goes_on_as_before() -> None:
    history = TaskHistory()
    history.observe(shows(running(1), TWO))
    old = shows(task(1, state="Init"))
    assert history.observe(old, outdated=frozenset({ONE_ID, TWO_ID})) == []
    assert history.observe(shows(running(1), TWO)) == []
    assert [finding.code for finding in history.observe(shows(task(1, state="Init"), TWO))] == ["PRE501"]


def test_a_task_that_stays_away_after_the_lag_is_missed_once() -> None:
    final = task(2, state="Success")
    history = TaskHistory()
    history.observe(shows(ONE, final))
    assert history.observe(shows(ONE), outdated=frozenset({TWO_ID})) == []
    assert [finding.code for finding in history.observe(shows(ONE))] == ["PRE505"]
    assert history.observe(shows(ONE)) == []


@pytest.mark.parametrize(("seconds", "open_tasks"), [(1, True), (60, False)])
def test_a_task_left_out_shortly_after_it_came_is_open_and_later_a_finding(seconds: float, *, open_tasks: bool) -> None:
    seen, clock = lagging()
    seen.observe(shows(ONE))
    clock.now += 60
    seen.observe(shows(ONE, TWO))
    clock.now += seconds
    before, after = shows(ONE, TWO), shows(ONE, TWO)
    seen.observe(before)
    verdict = judge_selection(
        STATIC, shows(ONE), Bracket(before, after, seen.changed(before), seen.came_or_went(before))
    )
    assert bool(verdict.open_ids) is open_tasks
    assert [finding.code for finding in verdict.findings] == ([] if open_tasks else ["PRE402"])


def test_every_task_of_a_list_is_looked_at_whatever_the_first_ones_are_like() -> None:
    seen, _ = lagging()
    seen.observe(shows(ONE, running(2)))
    assert outdated(seen, shows(ONE, task(2, "Init"))) == {TWO_ID}


def test_a_content_that_a_task_had_before_is_an_older_one() -> None:
    def saying(message: str) -> Any:
        other = running(1)
        other["status"]["message"] = message
        return shows(other)

    seen, clock = lagging()
    for message in ("one", "two", "three"):
        clock.now += 10
        seen.observe(saying(message))
    assert outdated(seen, saying("one")) == outdated(seen, saying("two")) == {ONE_ID}
    assert outdated(seen, saying("three")) == outdated(seen, saying("four")) == frozenset()
    clock.now += 5
    assert outdated(seen, saying("one")) == frozenset()


def test_an_answer_is_taken_in_as_old_as_its_question() -> None:
    seen, clock = lagging()
    seen.observe(shows(ONE, TWO))
    clock.now += 60
    assert seen.observe(shows(ONE), asked=104.0) == {TWO_ID}
    assert seen.observe(shows(ONE), asked=105.0) == frozenset()


def test_a_task_that_is_listed_again_after_the_lag_is_gone_no_longer() -> None:
    seen, clock = lagging()
    seen.observe(shows(ONE, TWO))
    clock.now += 60
    seen.observe(shows(ONE))
    clock.now += 10
    seen.observe(shows(ONE, TWO))
    assert seen.behind == 10
    clock.now += 10
    seen.observe(shows(ONE, TWO))
    assert seen.behind == 10


def test_what_changed_exactly_the_lag_before_is_not_fresh() -> None:
    seen, clock = lagging()
    first = shows(ONE)
    seen.observe(first)
    clock.now += 5
    second = shows(ONE)
    seen.observe(second)
    assert (seen.changed(first), seen.changed(second)) == ({ONE_ID}, frozenset())


def test_a_created_task_that_no_list_shows_tells_nothing_of_replicas() -> None:
    seen, clock = lagging()
    made = shows(ONE)
    seen.observe(replace(made, operation="create"), complete=False)
    clock.now += 30
    seen.observe(shows())
    assert seen.behind == 0.0
