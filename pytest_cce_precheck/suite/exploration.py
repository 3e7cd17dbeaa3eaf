"""Hypothesis beyond the classes: drawn combinations, judged in brackets, shrunk without asking anything twice."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from hypothesis import HealthCheck, Phase, given, seed, settings
from hypothesis import strategies as st

from pytest_cce_precheck.errors import CcePrecheckError
from pytest_cce_precheck.explore.classes import MATCHING, values_of
from pytest_cce_precheck.explore.queries import select
from pytest_cce_precheck.explore.strategies import filters
from pytest_cce_precheck.suite.brackets import AskedQuery, close_bracket
from pytest_cce_precheck.suite.filters import ask_for_classes_beyond, ask_what_was_left_open
from pytest_cce_precheck.suite.query_log import DRAWN

if TYPE_CHECKING:
    from pytest_cce_precheck.contract.answer import Answer
    from pytest_cce_precheck.contract.filters import Query
    from pytest_cce_precheck.contract.findings import Finding
    from pytest_cce_precheck.suite.inspection import Inspection

# a query and the unfiltered list that closes its bracket
_COST: Final = 2
_OFTEN: Final = 20


class _Wrong(Exception):  # noqa: N818  a signal to hypothesis, not an error
    """A drawn query was answered wrongly; hypothesis shrinks towards the simplest such query."""


def questions_beyond_the_plan_are_answered_rightly(run: Inspection) -> None:
    """Draw combinations that are not planned, and report the simplest one that is answered wrongly."""
    ask_what_was_left_open(run)
    ask_for_classes_beyond(run, kept=run.shares.exploration)
    # the draws have what is left: where retries and waiting lists took it, there is none, and nothing is wrong
    if min(run.shares.exploration, run.budget.left - _COST * bool(run.budget.retried)) < _COST:
        run.results.leave_out("--cce-budget is too small for it")
        return
    opening = run.lists.opening()
    if opening is None:
        run.results.give_up("the unfiltered list cannot be read, so there are no values to draw")
        return
    answers = _Answers(run, limit=min(run.budget.limit, run.budget.sent + run.shares.exploration))
    run.results.report(*_simplest_wrong_answer(run, opening, answers))
    if answers.failure is not None:
        raise answers.failure


def _simplest_wrong_answer(run: Inspection, opening: Answer, answers: _Answers) -> tuple[Finding, ...]:
    """Return what is wrong with the answer to the simplest query drawn, nothing if none is wrong."""
    recorded = run.query_log.questions(DRAWN, tuple)
    for query in recorded:
        # in their order, so that each keeps the bracket that it was asked in
        answers.findings(query)
    # the plan has asked for what exists: asking again would cost requests and add nothing about the cause
    odd = filters(tasks=values_of(opening.tasks), at_least=1).filter(
        lambda asked: any(item.value_class != MATCHING for item in asked)
    )
    drawn = st.sampled_from(recorded) if recorded else odd.map(select)
    simplest: list[tuple[Finding, ...]] = []

    # no explain phase: it asks seven times as much and adds nothing to the finding
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
    @given(query=drawn)
    def every_drawn_query_is_answered_rightly(query: Query) -> None:
        findings = answers.findings(query)
        if findings:
            simplest[:] = [findings]
            raise _Wrong

    try:
        every_drawn_query_is_answered_rightly()
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

    def findings(self, query: Query) -> tuple[Finding, ...]:
        """Return what the answer shows; nothing beyond the limit, or once the endpoint is lost."""
        if query.query not in self._judged:
            if self.failure is not None or self._run.budget.sent + _COST > self._limit:
                return ()
            self._judged[query.query] = ()
            self._run.query_log.drawn(query)
            try:
                self._judged[query.query] = self._ask(query)
            except CcePrecheckError as failure:
                self.failure = failure
        return self._judged[query.query]

    def _ask(self, query: Query) -> tuple[Finding, ...]:
        run = self._run
        before = run.lists.opening()
        exchange = run.sender.ask(run.client.list_request(query.query))
        if not run.lists.answered(exchange):
            return ()
        closed = close_bracket(run, before, [AskedQuery(query, exchange)]) if before is not None else None
        if closed is None:
            return ()
        [judged] = closed[1]
        run.results.judged += bool(judged.findings) or not judged.open_ids
        run.results.reached.update(query.classes)
        run.results.see_combination(query.classes, red=bool(judged.findings))
        run.results.report(*judged.alone)
        return judged.compared
