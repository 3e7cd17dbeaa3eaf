"""Hypothesis beyond the classes: drawn combinations, judged in brackets, shrunk without asking anything twice."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from hypothesis import HealthCheck, Phase, given, seed, settings

from pytest_cce_precheck.contract.filters import Bracket, acceptable_statuses, judge_selection
from pytest_cce_precheck.errors import CcePrecheckError
from pytest_cce_precheck.explore.classes import known_values
from pytest_cce_precheck.explore.questions import Asked, select
from pytest_cce_precheck.explore.strategies import filters

if TYPE_CHECKING:
    from pytest_cce_precheck.contract.filters import Question
    from pytest_cce_precheck.contract.findings import Finding
    from pytest_cce_precheck.suite.inspection import Inspection

# a question and the unfiltered list that closes its bracket
_COST: Final = 2


class _Wrong(Exception):  # noqa: N818  a signal to hypothesis, not an error
    """A drawn question was answered wrongly; hypothesis shrinks towards the simplest such question."""


def beyond_the_classes(run: Inspection) -> None:
    """Draw combinations that the plan does not hold and report the simplest one that is answered wrongly."""
    opening = run.opening()
    if opening is None or run.shares.exploration < _COST:
        run.give_up("exploration beyond the classes", "no list to draw values from, or no budget left for it")
        return
    known = known_values(opening.tasks)
    answers = _Answers(run, limit=min(run.budget.limit, run.budget.sent + run.shares.exploration))
    simplest: list[tuple[Finding, ...]] = []

    # no explain phase: it asks seven times as much and says what the finding says already
    @seed(run.settings.seed)
    @settings(
        max_examples=run.shares.exploration // _COST,
        phases=(Phase.generate, Phase.shrink),
        database=None,
        deadline=None,
        suppress_health_check=list(HealthCheck),
        print_blob=False,
    )
    @given(asked=filters(known, at_least=1))
    def every_drawn_question_is_answered_rightly(asked: tuple[Asked, ...]) -> None:
        findings = answers.findings(select(asked))
        if findings:
            simplest[:] = [findings]
            raise _Wrong

    try:
        every_drawn_question_is_answered_rightly()
    except _Wrong:
        run.report(*simplest[0])
    if answers.failure is not None:
        raise answers.failure


class _Answers:
    """Judged answers, each asked for once: hypothesis repeats itself while it shrinks, the network need not."""

    def __init__(self, run: Inspection, limit: int) -> None:
        self._run = run
        self._limit = limit
        self._judged: dict[str, tuple[Finding, ...]] = {}
        self.failure: CcePrecheckError | None = None

    def findings(self, question: Question) -> tuple[Finding, ...]:
        """Give what the answer shows; nothing beyond the limit, or once the endpoint is lost."""
        if question.query not in self._judged:
            if self.failure is not None or self._run.budget.sent + _COST > self._limit:
                return ()
            self._judged[question.query] = ()
            try:
                self._judged[question.query] = self._asked(question)
            except CcePrecheckError as failure:
                self.failure = failure
        return self._judged[question.query]

    def _asked(self, question: Question) -> tuple[Finding, ...]:
        run = self._run
        before = run.opening()
        exchange = run.ask(run.client.list_request(question.query))
        after = run.unfiltered()
        if before is None or after is None:
            return ()
        bracket = Bracket(before, after)
        run.reached.update(question.classes)
        answer = run.judged(exchange, acceptable_statuses(question, bracket))
        return () if answer is None else judge_selection(question, answer, bracket).findings
