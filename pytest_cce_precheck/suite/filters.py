"""The checks of the list call's answers and filters: each asks its part of the plan, in brackets."""

from __future__ import annotations

from dataclasses import dataclass
from math import ceil
from typing import TYPE_CHECKING, Final

from pytest_cce_precheck.explore.classes import EMPTY, UNKNOWN
from pytest_cce_precheck.suite.brackets import AskedQuery, JudgedQuery, ask_joined, close_bracket
from pytest_cce_precheck.wire.exchange import TransportError
from pytest_cce_precheck.wire.vocabulary import Filter

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from pytest_cce_precheck.contract.filters import Bracket, Query
    from pytest_cce_precheck.explore.plan import Family
    from pytest_cce_precheck.suite.inspection import Inspection

# queries between two unfiltered lists: many while the cluster is quiet, few while it changes
_MOST, _FEWEST = 24, 6
# so many bytes of answers wait for the list that closes their bracket
_MOST_BYTES = 32 << 20
# the unfiltered list that closes a bracket must still be affordable, one retry included
_CLOSING: Final = 2
# the lists around queries that are asked once more, and what may have to be sent again
_AROUND: Final = 4
_ROUNDS: Final = 2
# the part of a budget that one check may send again
_SENT_AGAIN: Final = 8


def the_unfiltered_list_meets_the_contract(run: Inspection) -> None:
    """Read all tasks, twice: each answer on its own, and the second compared with the first."""
    for _ in range(2):
        if run.lists.read() is None:
            break
        run.results.judged += 1


def each_filter_value_selects_exactly_its_tasks(run: Inspection) -> None:
    """Ask for each value that the endpoint shows: its tasks, all of them, and no others."""
    # what tells most must not stay open because something changed just then
    left_open = _ask_family(run, "values", spare=run.shares.again if run.lag.lag else 0)
    run.left_open = left_open if run.shares.again else ()


def unknown_filter_values_select_nothing(run: Inspection) -> None:
    """Ask for values that no task has, in all the ways in which services take them for others."""
    _ask_joined_and_alone(run, "unknown")


def filters_together_select_what_satisfies_all(run: Inspection) -> None:
    """Ask with two and three filters at once."""
    _ask_joined_and_alone(run, "combinations")


def the_same_question_in_other_words_has_the_same_answer(run: Inspection) -> None:
    """Ask the same in other words: order, repetition, encoding, unknown parameters, empty values; and once more."""
    _ask_joined_and_alone(run, "spelling")


def _ask_joined_and_alone(run: Inspection, family: Family) -> None:
    ask_joined(run, family, lambda queries: ask_in_brackets(run, queries))
    _ask_family(run, family)


def _ask_family(run: Inspection, family: Family, spare: int = 0) -> tuple[Query, ...]:
    if run.lists.opening() is None:
        run.results.give_up("the unfiltered list cannot be read, so there is nothing to compare answers with")
        return ()
    return ask_in_brackets(run, run.queries(family), spare)


def ask_what_was_left_open(run: Inspection) -> None:
    """Ask once more for the cluster's own values that no answer was judged in full for, as the budget has room."""
    for _ in range(_ROUNDS):
        queries = run.left_open[: max(run.budget.left - _AROUND, 0)]
        if not queries or run.lists.read_after_the_lag() is None:
            return
        run.left_open = ask_in_brackets(run, queries)


def ask_for_classes_beyond(run: Inspection, kept: int) -> None:
    """Ask for the classes of values that had no room, with what nothing had to be sent again for; ``kept`` is left."""
    unused = run.shares.retries - run.budget.retried
    around = 1 + run.budget.left // _MOST + (_AROUND if run.budget.retried else 0)
    queries = run.classes_beyond()[: max(min(unused, run.budget.left - max(kept, 1) - around), 0)]
    if queries and run.lists.opening() is not None:
        ask_in_brackets(run, queries)


@dataclass(frozen=True)
class _Share:
    """What some queries may cost.

    What retries and brackets cost beyond it must not use up what other checks have planned. But a run that is throttled
    now and then asks less in all (`Inspection.queries`), and not less of this.
    """

    run: Inspection
    end: int
    retried: int

    @classmethod
    def of(cls, run: Inspection, number: int, spare: int) -> _Share:
        """Return the share of so many queries, and of ``spare`` requests for asking again."""
        end = run.budget.sent + number + max(2, ceil(number / _MOST)) + 1 + spare
        return cls(run, end + (run.shares.of_retries(number) if run.lag.lag else 0), run.budget.retried)

    @property
    def left(self) -> int:
        """How many requests may still be sent."""
        budget = self.run.budget
        again = 0 if self.run.lag.lag else min(budget.retried - self.retried, budget.limit // _SENT_AGAIN)
        return self.end + again - budget.sent


def ask_in_brackets(run: Inspection, queries: Sequence[Query], spare: int = 0) -> tuple[Query, ...]:
    """Ask all queries, and again those that the changing cluster left open.

    Return those that no single answer was judged in full for. ``spare`` are requests that are kept for asking again.
    """
    before = run.lists.opening()
    waiting = list(queries)
    open_ids: dict[str, frozenset[str]] = {}
    in_full: set[str] = set()
    share = _Share.of(run, len(waiting), spare)
    size = _MOST
    while waiting and before is not None:
        if run.lag.lag and waiting[0].query in open_ids:
            # what was too new before is now the same everywhere
            before = run.lists.read_after_the_lag()
            if before is None:
                break
        number, asked = _ask_batch(run, waiting[:size], share, open_ids)
        waiting = waiting[number:]
        if not asked:
            continue
        closed = close_bracket(run, before, asked)
        if closed is None:
            run.results.give_up(f"the unfiltered list cannot be read after {number} queries")
            break
        bracket, judged = closed
        for each in judged:
            query = each.asked.query
            is_first = query.query not in open_ids
            is_open = _report(run, each, bracket, open_ids)
            if not each.open_ids:
                in_full.add(query.query)
            if is_open and is_first and share.left > 0:
                waiting.append(query)
            elif is_open:
                _leave_open(run, query, open_ids)
        # if replicas lag, it is not the number of queries that makes a bracket long
        size = min(_MOST, size * 2) if bracket.quiet or run.lag.lag else max(_FEWEST, size // 2)
        before = bracket.after
    return tuple(query for query in queries if query.query in open_ids.keys() - in_full)


def _leave_open(run: Inspection, query: Query, open_ids: Mapping[str, frozenset[str]]) -> None:
    number = len(open_ids[query.query])
    run.results.give_up(f"{query.title}: {number} matching {'task' if number == 1 else 'tasks'} changed meanwhile")


def _ask_batch(
    run: Inspection, batch: Sequence[Query], share: _Share, open_ids: Mapping[str, frozenset[str]]
) -> tuple[int, list[AskedQuery]]:
    """Ask queries until their answers are many bytes; return how many were asked, and the answers to judge."""
    asked: list[AskedQuery] = []
    left = _MOST_BYTES
    for number, query in enumerate(batch, 1):
        item = _ask(run, query, share, open_ids)
        if item is not None:
            asked.append(item)
            left -= item.exchange.response.size
        if left <= 0:
            return number, asked
    return len(batch), asked


def _ask(run: Inspection, query: Query, share: _Share, open_ids: Mapping[str, frozenset[str]]) -> AskedQuery | None:
    """Ask a query; None if nothing can be judged."""
    if min(run.budget.left, share.left) <= _CLOSING:
        if query.query in open_ids:
            _leave_open(run, query, open_ids)
        elif run.budget.left <= _CLOSING:
            run.results.end_early(f"{query.title}: not asked, the budget of {run.budget.limit} requests is used up")
        else:
            run.results.give_up(f"{query.title}: not asked, this check's share of the budget is used up")
        return None
    run.results.reached.update(query.classes)
    try:
        exchange = run.sender.ask(run.client.list_request(query.query))
    except TransportError as error:
        run.sender.report_lost(error)
        return None
    return AskedQuery(query, exchange) if run.lists.answered(exchange) else None


def _report(run: Inspection, judged: JudgedQuery, bracket: Bracket, open_ids: dict[str, frozenset[str]]) -> bool:
    """Report what an answer shows; return whether a task stays open that no answer to the query was judged for."""
    _observe(run, judged)
    run.results.report(*judged.findings)
    query = judged.asked.query
    if judged.answer is not None and not judged.compared:
        run.results.report(*run.unlisted.judge(query, judged.answer, bracket, run.lag))
    # a task that was judged once is judged, though it may have been changing another time
    open_ids[query.query] = judged.open_ids & open_ids.get(query.query, judged.open_ids)
    run.results.judged += bool(judged.findings) or not open_ids[query.query]
    if judged.findings or not judged.open_ids:
        run.results.see_combination(query.classes, red=bool(judged.findings))
    return bool(open_ids[query.query])


def _observe(run: Inspection, judged: JudgedQuery) -> None:
    """Record how the endpoint takes what the contract leaves open."""
    classes, answer = judged.asked.query.classes, judged.answer
    if len(classes) != 1:
        return
    name, value_class = classes[0]
    shown = "nothing" if answer is not None and not answer.tasks else "everything" if answer is not None else "refused"
    behaviour = f"{judged.asked.exchange.status}, {shown}"
    if value_class == EMPTY:
        run.results.observe(f"an empty {name}", behaviour)
    elif value_class == UNKNOWN:
        run.results.observe("an unknown type" if name is Filter.TYPE else "an unknown id", behaviour)
