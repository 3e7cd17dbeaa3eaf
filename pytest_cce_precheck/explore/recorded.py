"""Recorded queries: a replayed property test can draw no others, since only they have an answer."""

from __future__ import annotations

from typing import TYPE_CHECKING

from pytest_cce_precheck.errors import BodyError
from pytest_cce_precheck.explore.classes import EMPTY, MATCHING, UNKNOWN
from pytest_cce_precheck.explore.coverage import tasks_of
from pytest_cce_precheck.explore.queries import FilterValue
from pytest_cce_precheck.wire.vocabulary import Filter

if TYPE_CHECKING:
    from collections.abc import Container, Iterable, Sequence

    from pytest_cce_precheck.wire.exchange import Exchange, Response


def recorded_questions(exchanges: Iterable[Exchange]) -> tuple[tuple[FilterValue, ...], ...]:
    """Return the combinations of filters that list calls asked, each once, the simplest first.

    The recorded answers tell a value's class: it exists, or is unknown. Calls with other parameters, or with a filter
    twice, are left out.
    """
    kept = [exchange for exchange in exchanges if exchange.request.method == "GET"]
    tasks = [task for exchange in kept for task in tasks_of(exchange)]
    known = {(name, task.value_of(name)) for task in tasks for name in Filter}
    found: dict[tuple[FilterValue, ...], None] = {}
    for exchange in kept:
        given = dict(exchange.request.params)
        if len(given) == len(exchange.request.params) and given.keys() <= set(Filter):
            asked = [(name, given[name]) for name in Filter if name in given]
            classes = [EMPTY if not pair[1] else MATCHING if pair in known else UNKNOWN for pair in asked]
            found[tuple(FilterValue(*pair, each) for pair, each in zip(asked, classes, strict=True))] = None
    return tuple(sorted(found, key=len))


def questions_that_list(exchanges: Iterable[Exchange]) -> set[frozenset[tuple[str, str]]]:
    """Return the parameters of each list call that was answered with a task, in any order."""
    return {
        frozenset(exchange.request.params)
        for exchange in exchanges
        if exchange.request.method == "GET" and lists_a_task(exchange.response)
    }


def lists_a_task(response: Response) -> bool:
    """Return whether a success answer's ``items`` hold anything, in an array or not."""
    try:
        document = response.document if response.status < 300 else None
    except BodyError:
        return False
    return isinstance(document, dict) and bool(document.get("items"))


def weighted(
    questions: Sequence[tuple[FilterValue, ...]], listing: Container[frozenset[tuple[str, str]]]
) -> list[tuple[FilterValue, ...]]:
    """Repeat the queries whose parameters are in ``listing`` until they are half of all, if there are any."""
    lists = [frozenset((str(item.name), item.value) for item in asked) in listing for asked in questions]
    times = -(-lists.count(False) // max(1, lists.count(True)))
    return [
        asked for asked, listed in zip(questions, lists, strict=True) for _ in range(max(1, times) if listed else 1)
    ]
