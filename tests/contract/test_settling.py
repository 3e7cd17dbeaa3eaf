"""Replicas that lag: what changed shortly before is held against nobody, what is older is."""

from __future__ import annotations

from typing import Any

import pytest

from pytest_cce_precheck.contract.filters import Bracket, Question, judge_selection
from pytest_cce_precheck.contract.settling import Settling
from pytest_cce_precheck.wire.vocabulary import Filter
from tests.contract.answers import answer_to, listing, task

STATIC = Question("type=addonStatic", (((((Filter.TYPE, "addonStatic"),)),),))


class Clock:
    now = 100.0


def settling(lag: float = 5.0) -> tuple[Settling, Clock]:
    clock = Clock()
    return Settling(lag, lambda: clock.now), clock


def shows(*tasks: Any) -> Any:
    return answer_to(listing(list(tasks)))


ONE, TWO = task(1), task(2)


def running(number: int) -> Any:
    return task(number, state="Running")


def test_a_list_that_lacks_a_task_just_seen_is_stale_until_the_lag_is_over() -> None:
    seen, clock = settling()
    seen.observe(shows(ONE, TWO))
    clock.now += 4
    assert seen.is_stale(shows(ONE))
    clock.now += 2
    assert not seen.is_stale(shows(ONE))


def test_a_list_that_still_has_a_task_just_gone_is_stale_until_the_lag_is_over() -> None:
    seen, clock = settling()
    seen.observe(shows(ONE, TWO))
    clock.now += 60
    seen.observe(shows(ONE))
    assert seen.is_stale(shows(ONE, TWO))
    clock.now += 6
    assert not seen.is_stale(shows(ONE, TWO))


def test_a_state_that_moves_back_is_stale_shortly_after_it_moved_on() -> None:
    seen, clock = settling()
    seen.observe(shows(task(1, state="Init")))
    clock.now += 60
    seen.observe(shows(running(1)))
    assert seen.is_stale(shows(task(1, state="Init")))
    assert seen.is_stale(shows(task(1, state="Init")), complete=False)
    assert not seen.is_stale(shows(running(1)))
    clock.now += 6
    assert not seen.is_stale(shows(task(1, state="Init")))


def test_an_answer_that_was_long_on_its_way_is_as_old_as_its_question() -> None:
    seen, clock = settling()
    seen.observe(shows(ONE, TWO))
    asked = clock.now + 1
    clock.now += 8
    assert seen.is_stale(shows(ONE), asked)
    assert not seen.is_stale(shows(ONE))


def test_what_moves_on_is_never_stale() -> None:
    seen, _ = settling()
    seen.observe(shows(task(1, state="Init")))
    assert not seen.is_stale(shows(running(1)))
    assert not seen.is_stale(shows(task(1, state="Init"), TWO))


def test_an_answer_that_is_not_complete_is_held_to_what_it_shows() -> None:
    seen, _ = settling()
    seen.observe(shows(ONE, TWO))
    assert not seen.is_stale(shows(ONE), complete=False)


def test_without_a_lag_nothing_is_stale_or_new() -> None:
    seen, _ = settling(lag=0)
    opening = shows(ONE, TWO)
    seen.observe(opening)
    assert not seen.is_stale(shows(ONE))
    assert seen.fresh(opening) == frozenset()


@pytest.mark.parametrize(("seconds", "open_tasks"), [(1, True), (60, False)])
def test_a_task_left_out_shortly_after_it_came_is_open_and_later_a_finding(seconds: float, *, open_tasks: bool) -> None:
    seen, clock = settling()
    seen.observe(shows(ONE))
    clock.now += 60
    seen.observe(shows(ONE, TWO))
    clock.now += seconds
    before, after = shows(ONE, TWO), shows(ONE, TWO)
    seen.observe(before)
    verdict = judge_selection(STATIC, shows(ONE), Bracket(before, after, seen.fresh(before)))
    assert bool(verdict.open_ids) is open_tasks
    assert [finding.code for finding in verdict.findings] == ([] if open_tasks else ["PRE402"])
