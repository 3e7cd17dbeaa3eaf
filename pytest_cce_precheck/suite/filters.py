"""The checks of the list call's answers and filters: each asks its part of the plan, bracketed by unfiltered lists."""

from __future__ import annotations

from collections import Counter
from math import ceil
from typing import TYPE_CHECKING, Final

from pytest_cce_precheck.contract.filters import Bracket, Question, acceptable_statuses, judge_selection
from pytest_cce_precheck.errors import TransportError
from pytest_cce_precheck.explore.classes import EMPTY, UNKNOWN
from pytest_cce_precheck.wire.vocabulary import Filter

if TYPE_CHECKING:
    from collections.abc import Sequence

    from pytest_cce_precheck.contract.answer import Answer
    from pytest_cce_precheck.explore.plan import Family
    from pytest_cce_precheck.suite.inspection import Inspection
    from pytest_cce_precheck.wire.exchange import Exchange

# questions between two unfiltered lists: many while the cluster is quiet, few while it changes
_MOST, _FEWEST = 24, 6
_AGAIN: Final = 2
# the unfiltered list that closes a bracket must still be affordable, one retry included
_CLOSING: Final = 2


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
    ask_in_brackets(run, run.questions(family))


def ask_in_brackets(run: Inspection, questions: Sequence[Question]) -> None:
    """Ask all questions; what the changing cluster left open is asked again, then counted as inconclusive."""
    before = run.opening()
    waiting = list(questions)
    asked: Counter[str] = Counter()
    # what retries and brackets cost beyond their share must not eat what other checks have planned
    limit = run.budget.sent + len(waiting) + max(2, ceil(len(waiting) / _MOST)) + 1
    size = _MOST
    while waiting and before is not None:
        batch, waiting = waiting[:size], waiting[size:]
        exchanges = [_put(run, question, limit) for question in batch]
        after = run.unfiltered()
        if after is None:
            run.give_up(f"{len(batch)} questions", "the unfiltered list after them cannot be read")
            return
        bracket = run.bracket(before, after)
        for question, exchange in zip(batch, exchanges, strict=True):
            open_ids = _judged(run, question, exchange, bracket) if exchange is not None else frozenset[str]()
            asked[question.query] += 1
            if open_ids and asked[question.query] < _AGAIN and run.budget.sent < limit:
                waiting.append(question)
            elif open_ids:
                run.give_up(question.title, f"{len(open_ids)} of its tasks changed meanwhile")
        size = min(_MOST, size * 2) if bracket.quiet else max(_FEWEST, size // 2)
        before = after


def _put(run: Inspection, question: Question, limit: int) -> Exchange | None:
    if min(run.budget.left, limit - run.budget.sent) <= _CLOSING:
        run.give_up(question.title, "not asked, this check's share of the budget is used up")
        return None
    run.reached.update(question.classes)
    try:
        return run.ask(run.client.list_request(question.query))
    except TransportError as error:
        run.lost(error)
        return None


def _judged(run: Inspection, question: Question, exchange: Exchange, bracket: Bracket) -> frozenset[str]:
    answer = run.judged(exchange, acceptable_statuses(question, bracket))
    _observe(run, question, exchange, answer)
    if answer is None:
        return frozenset()
    verdict = judge_selection(question, answer, bracket)
    run.report(*verdict.findings)
    if not verdict.findings:
        run.report(*run.count_meaning.judge(answer, bracket))
        run.report(*run.unlisted.judge(question, answer, bracket))
    return verdict.open_ids


def _observe(run: Inspection, question: Question, exchange: Exchange, answer: Answer | None) -> None:
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
