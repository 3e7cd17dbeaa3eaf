"""Hypothesis beyond the classes: drawn combinations, judged in brackets, shrunk without asking anything twice."""

from __future__ import annotations

from typing import TYPE_CHECKING

from hypothesis import HealthCheck, Phase, given, seed, settings

from pytest_cce_precheck.contract.filters import Bracket, acceptable_statuses, judge_selection
from pytest_cce_precheck.explore.classes import known_values
from pytest_cce_precheck.explore.questions import Asked, select
from pytest_cce_precheck.explore.strategies import filters

if TYPE_CHECKING:
    from pytest_cce_precheck.contract.findings import Finding
    from pytest_cce_precheck.suite.inspection import Inspection


class _Found(Exception):
    """A drawn question was answered wrongly; hypothesis shrinks towards the simplest such question."""


def beyond_the_classes(run: Inspection) -> None:
    """Draw combinations that the plan does not hold and report the simplest one that is answered wrongly."""
    opening = run.opening()
    if opening is None or run.shares.exploration < 2:
        run.give_up("exploration beyond the classes", "no list to draw values from, or no budget left for it")
        return
    known = known_values(opening.tasks)
    answered: dict[str, tuple[Finding, ...]] = {}
    simplest: list[tuple[Finding, ...]] = []
    limit = run.budget.sent + run.shares.exploration

    # no explain phase: it asks seven times as much and says what the finding says already
    @seed(run.settings.seed)
    @settings(
        max_examples=run.shares.exploration // 2,
        phases=(Phase.generate, Phase.shrink),
        database=None,
        deadline=None,
        suppress_health_check=list(HealthCheck),
        print_blob=False,
    )
    @given(asked=filters(known, at_least=1))
    def every_drawn_question_is_answered_rightly(asked: tuple[Asked, ...]) -> None:
        question = select(asked)
        if question.query not in answered:
            if run.budget.sent + 2 > limit:
                return
            answered[question.query] = _findings(run, asked)
        if answered[question.query]:
            simplest[:] = [answered[question.query]]
            raise _Found

    try:
        every_drawn_question_is_answered_rightly()
    except _Found:
        run.report(*simplest[0])


def _findings(run: Inspection, asked: tuple[Asked, ...]) -> tuple[Finding, ...]:
    question = select(asked)
    before = run.opening()
    exchange = run.ask(run.client.list_request(question.query))
    after = run.unfiltered()
    if before is None or after is None:
        return ()
    bracket = Bracket(before, after)
    run.reached.update(question.classes)
    answer = run.judged(exchange, acceptable_statuses(question, bracket))
    return () if answer is None else judge_selection(question, answer, bracket).findings
