"""The checks of the list call's answers and filters: each asks its part of the plan, bracketed by unfiltered lists."""

from __future__ import annotations

from dataclasses import dataclass
from math import ceil
from typing import TYPE_CHECKING, Final

from pytest_cce_precheck.contract.envelope import PASSING
from pytest_cce_precheck.contract.filters import Bracket, Query, SelectionVerdict, acceptable_statuses, judge_selection
from pytest_cce_precheck.explore.classes import EMPTY, UNKNOWN
from pytest_cce_precheck.suite.brackets import close_bracket
from pytest_cce_precheck.suite.inspection import judged_alone
from pytest_cce_precheck.wire.exchange import TransportError
from pytest_cce_precheck.wire.vocabulary import Filter

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from pytest_cce_precheck.contract.answer import Answer
    from pytest_cce_precheck.contract.findings import Finding
    from pytest_cce_precheck.explore.plan import Family
    from pytest_cce_precheck.suite.inspection import Inspection
    from pytest_cce_precheck.wire.exchange import Exchange

# questions between two unfiltered lists: many while the cluster is quiet, few while it changes
_MOST, _FEWEST = 24, 6
# the unfiltered list that closes a bracket must still be affordable, one retry included
_CLOSING: Final = 2
# the lists around questions that are asked once more, and what may have to be sent again
_AROUND: Final = 4
_ROUNDS: Final = 2


def the_unfiltered_list(run: Inspection) -> None:
    """Read all tasks, twice: each answer on its own, and the second against the first."""
    if run.unfiltered() is not None:
        run.unfiltered()


def existing_values(run: Inspection) -> None:
    """Ask for each value that the endpoint shows: its tasks, all of them, and no others."""
    _ask_family(run, "values")


def unknown_values(run: Inspection) -> None:
    """Ask for values that no task has, in all the ways in which services take them for others."""
    _ask_family(run, "unknown")


def combinations(run: Inspection) -> None:
    """Ask with two and three filters at once."""
    _ask_family(run, "combinations")


def spellings(run: Inspection) -> None:
    """Ask the same in other words: order, repetition, encoding, unknown parameters, empty values; and once more."""
    _ask_family(run, "spelling")


def _ask_family(run: Inspection, family: Family) -> None:
    if run.opening() is None:
        run.give_up(
            f"filters, {family}", "the unfiltered list cannot be read, so there is nothing to hold answers against"
        )
        return
    # what tells most must not stay open because just then something changed
    ask_in_brackets(run, run.questions(family), again=run.shares.again if family == "values" else 0)


def ask_what_was_left_open(run: Inspection) -> None:
    """Ask once more for the cluster's own values of which no answer was judged in full, as the budget has room."""
    for _ in range(_ROUNDS):
        questions = list(run.left_open.values())[: max(run.budget.left - _AROUND, 0)]
        if not questions or _settled_opening(run) is None:
            return
        ask_in_brackets(run, questions)


def ask_in_brackets(run: Inspection, questions: Sequence[Query], again: int = 0) -> None:
    """Ask all questions; what the changing cluster left open is asked again, then counted as inconclusive.

    Where replicas lag, ``again`` are requests that are kept for that.
    """
    before = run.opening()
    waiting = list(questions)
    left: dict[str, frozenset[str]] = {}
    # what retries and brackets cost beyond their share must not eat what other checks have planned
    limit = run.budget.sent + len(waiting) + max(2, ceil(len(waiting) / _MOST)) + 1
    limit += run.shares.of_retries(len(waiting)) + again if run.settling.lag else 0
    size = _MOST
    while waiting and before is not None:
        if run.settling.lag and waiting[0].query in left and (before := _settled_opening(run)) is None:
            break
        batch, waiting = waiting[:size], waiting[size:]
        asked = [each for question in batch if (each := _put(run, question, limit, left)) is not None]
        if not asked:
            continue
        closed = close_bracket(run, before, asked)
        if closed is None:
            run.give_up(f"{len(batch)} questions", "the unfiltered list after them cannot be read")
            return
        bracket, verdicts = closed
        for each, verdict in zip(asked, verdicts, strict=True):
            _report(each, verdict, bracket)
            query, first = each.question.query, each.question.query not in left
            # a task that was judged once is judged, though another time it was just changing
            left[query] = verdict.open_ids & left.get(query, verdict.open_ids)
            if left[query] and first and run.budget.sent < limit:
                waiting.append(each.question)
            elif left[query]:
                _leave_open(run, each.question, left)
            if not verdict.open_ids:
                run.left_open.pop(query, None)
            elif again:
                run.left_open[query] = each.question
        # where replicas lag, it is not the number of questions that makes a bracket long
        size = min(_MOST, size * 2) if bracket.quiet or run.settling.lag else max(_FEWEST, size // 2)
        before = bracket.after


def _settled_opening(run: Inspection) -> Answer | None:
    """Open a bracket when what was too new in the one before has got around."""
    run.wait_out_the_lag()
    return run.unfiltered()


@dataclass
class AskedQuery:
    """A question with the exchange that answers it; called with a bracket, it is judged."""

    run: Inspection
    question: Query
    exchange: Exchange
    answer: Answer | None = None
    alone: tuple[Finding, ...] = ()

    def __call__(self, bracket: Bracket) -> SelectionVerdict:
        """Judge the answer alone (``alone`` keeps that), then by the lists around it."""
        self.answer, alone = judged_alone(self.exchange, acceptable_statuses(self.question, bracket))
        self.alone = tuple(alone)
        if self.answer is None:
            return SelectionVerdict(self.alone)
        verdict = judge_selection(self.question, self.answer, bracket)
        counted = () if verdict.findings else self.run.count_meaning.judge(self.answer, bracket)
        return SelectionVerdict((*self.alone, *verdict.findings, *counted), verdict.open_ids)


def _leave_open(run: Inspection, question: Query, left: Mapping[str, frozenset[str]]) -> None:
    run.give_up(question.title, f"{len(left[question.query])} of its tasks changed meanwhile")


def _put(run: Inspection, question: Query, limit: int, left: Mapping[str, frozenset[str]]) -> AskedQuery | None:
    """Ask a question; None if nothing can be judged."""
    if min(run.budget.left, limit - run.budget.sent) <= _CLOSING:
        if question.query in left:
            _leave_open(run, question, left)
        else:
            run.give_up(question.title, "not asked, this check's share of the budget is used up")
        return None
    run.reached.update(question.classes)
    try:
        exchange = run.ask(run.client.list_request(question.query))
    except TransportError as error:
        run.lost(error)
        return None
    if exchange.status in PASSING:
        run.judged(exchange, {200})
        return None
    return AskedQuery(run, question, exchange)


def _report(asked: AskedQuery, verdict: SelectionVerdict, bracket: Bracket) -> None:
    run = asked.run
    _observe(run, asked.question, asked.exchange, asked.answer)
    run.report(*verdict.findings)
    if asked.answer is not None and len(verdict.findings) == len(asked.alone):
        run.report(*run.unlisted.judge(asked.question, asked.answer, bracket, run.settling))


def _observe(run: Inspection, question: Query, exchange: Exchange, answer: Answer | None) -> None:
    """Note how the endpoint takes what the contract leaves open."""
    if len(question.classes) != 1:
        return
    name, value_class = question.classes[0]
    shown = "nothing" if answer is not None and not answer.tasks else "everything" if answer is not None else "refused"
    behaviour = f"{exchange.status}, {shown}"
    if value_class == EMPTY:
        run.note(f"an empty {name}", behaviour)
    elif value_class == UNKNOWN:
        run.note("an unknown type" if name is Filter.TYPE else "an unknown id", behaviour)
