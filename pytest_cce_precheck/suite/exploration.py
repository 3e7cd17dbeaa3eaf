"""Hypothesis beyond the classes: drawn combinations, judged in brackets, shrunk without asking anything twice."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from hypothesis import HealthCheck, Phase, given, seed, settings
from hypothesis import strategies as st

from pytest_cce_precheck.contract.envelope import PASSING
from pytest_cce_precheck.errors import CcePrecheckError
from pytest_cce_precheck.explore.classes import MATCHING, values_of
from pytest_cce_precheck.explore.queries import select
from pytest_cce_precheck.explore.strategies import filters
from pytest_cce_precheck.suite.brackets import close_bracket
from pytest_cce_precheck.suite.filters import AskedQuery, ask_what_was_left_open
from pytest_cce_precheck.suite.query_log import DRAWN

if TYPE_CHECKING:
    from pytest_cce_precheck.contract.answer import Answer
    from pytest_cce_precheck.contract.filters import Query
    from pytest_cce_precheck.contract.findings import Finding
    from pytest_cce_precheck.suite.inspection import Inspection

# a question and the unfiltered list that closes its bracket
_COST: Final = 2
_OFTEN: Final = 20


class _Wrong(Exception):  # noqa: N818  a signal to hypothesis, not an error
    """A drawn question was answered wrongly; hypothesis shrinks towards the simplest such question."""


def beyond_the_classes(run: Inspection) -> None:
    """Draw combinations that the plan does not hold and report the simplest one that is answered wrongly."""
    ask_what_was_left_open(run)
    if run.shares.exploration < _COST:
        run.leave_out("exploration beyond the classes", "--cce-budget is too small for it")
        return
    opening = run.opening()
    if opening is None:
        run.give_up("exploration beyond the classes", "the unfiltered list cannot be read, so there are no values")
        return
    answers = _Answers(run, limit=min(run.budget.limit, run.budget.sent + run.shares.exploration))
    run.report(*_simplest_wrong_answer(run, opening, answers))
    if answers.failure is not None:
        raise answers.failure


def _simplest_wrong_answer(run: Inspection, opening: Answer, answers: _Answers) -> tuple[Finding, ...]:
    """Return what is wrong with the answer to the simplest question drawn, nothing if none is wrong."""
    recorded = run.memory.questions(DRAWN, tuple)
    for question in recorded:
        # in their order, so that each keeps the bracket that it was asked in
        answers.findings(question)
    # what exists, the plan has asked for: asked again it would cost requests and tell nothing of the cause
    odd = filters(tasks=values_of(opening.tasks), at_least=1).filter(
        lambda asked: any(item.value_class != MATCHING for item in asked)
    )
    drawn = st.sampled_from(recorded) if recorded else odd.map(select)
    simplest: list[tuple[Finding, ...]] = []

    # no explain phase: it asks seven times as much and says what the finding says already
    @seed(run.settings.seed)
    @settings(
        # of what is recorded, all is drawn, and nothing asked again
        max_examples=max(run.shares.exploration // _COST, _OFTEN * len(recorded)),
        phases=(Phase.generate, Phase.shrink),
        database=None,
        deadline=None,
        suppress_health_check=list(HealthCheck),
        print_blob=False,
    )
    @given(question=drawn)
    def every_drawn_question_is_answered_rightly(question: Query) -> None:
        findings = answers.findings(question)
        if findings:
            simplest[:] = [findings]
            raise _Wrong

    try:
        every_drawn_question_is_answered_rightly()
    except _Wrong:
        return simplest[0]
    return ()


class _Answers:
    """Judged answers, each asked for once: hypothesis repeats itself while it shrinks, the network need not."""

    def __init__(self, run: Inspection, limit: int) -> None:
        self._run = run
        self._limit = limit
        self._judged: dict[str, tuple[Finding, ...]] = {}
        self.failure: CcePrecheckError | None = None

    def findings(self, question: Query) -> tuple[Finding, ...]:
        """Return what the answer shows; nothing beyond the limit, or once the endpoint is lost."""
        if question.query not in self._judged:
            if self.failure is not None or self._run.budget.sent + _COST > self._limit:
                return ()
            self._judged[question.query] = ()
            self._run.memory.drawn(question)
            try:
                self._judged[question.query] = self._asked(question)
            except CcePrecheckError as failure:
                self.failure = failure
        return self._judged[question.query]

    def _asked(self, question: Query) -> tuple[Finding, ...]:
        run = self._run
        before = run.opening()
        asked = AskedQuery(run, question, run.ask(run.client.list_request(question.query)))
        if asked.exchange.status in PASSING:
            run.judged(asked.exchange, {200})
            return ()
        closed = close_bracket(run, before, [asked]) if before is not None else None
        if closed is None:
            return ()
        run.reached.update(question.classes)
        run.report(*asked.alone)
        return closed[1][0].findings[len(asked.alone) :]
