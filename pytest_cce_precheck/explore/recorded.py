"""Questions as they were recorded: what a replayed property may draw, since nothing else has an answer."""

from __future__ import annotations

from typing import TYPE_CHECKING

from pytest_cce_precheck.errors import BodyError
from pytest_cce_precheck.explore.classes import EMPTY, MATCHING, UNKNOWN
from pytest_cce_precheck.explore.queries import FilterValue
from pytest_cce_precheck.wire.vocabulary import Filter

if TYPE_CHECKING:
    from collections.abc import Container, Iterable, Sequence

    from pytest_cce_precheck.wire.exchange import Exchange, Response


def recorded_questions(exchanges: Iterable[Exchange]) -> tuple[tuple[FilterValue, ...], ...]:
    """Return the combinations of filters that list calls asked, each once, the simplest first.

    A value's class is told by what the recorded answers show: it exists, or is unknown. Calls with other parameters,
    or with one of the three twice, are no such combination and are left out.
    """
    kept = [exchange for exchange in exchanges if exchange.request.method == "GET"]
    known = {name: {value for exchange in kept for value in _values(exchange, name)} for name in Filter}
    found: dict[tuple[FilterValue, ...], None] = {}
    for exchange in kept:
        names = [name for name, _ in exchange.request.params]
        if len(set(names)) == len(names) and set(names) <= set(Filter):
            given = dict(exchange.request.params)
            found[tuple(_asked(name, given[name], known[name]) for name in Filter if name in given)] = None
    return tuple(sorted(found, key=len))


def questions_that_list(exchanges: Iterable[Exchange]) -> set[frozenset[tuple[str, str]]]:
    """Return the parameters of each list call that was answered with a task, in any order."""
    return {
        frozenset(exchange.request.params)
        for exchange in exchanges
        if exchange.request.method == "GET" and lists_a_task(exchange.response)
    }


def lists_a_task(response: Response) -> bool:
    """Return whether a success answer's ``items`` hold anything, also if it is not in an array."""
    try:
        document = response.document if response.status < 300 else None
    except BodyError:
        return False
    return isinstance(document, dict) and bool(document.get("items"))


def weighted(
    questions: Sequence[tuple[FilterValue, ...]], listing: Container[frozenset[tuple[str, str]]]
) -> list[tuple[FilterValue, ...]]:
    """Repeat the questions whose parameters are in ``listing`` until they are half of all, if there are any."""
    lists = [frozenset((str(item.name), item.value) for item in asked) in listing for asked in questions]
    times = -(-lists.count(False) // max(1, lists.count(True)))
    return [
        asked for asked, listed in zip(questions, lists, strict=True) for _ in range(max(1, times) if listed else 1)
    ]


def _asked(name: Filter, value: str, known: Iterable[str]) -> FilterValue:
    return FilterValue(name, value, EMPTY if not value else MATCHING if value in known else UNKNOWN)


def _values(exchange: Exchange, name: Filter) -> Sequence[str]:
    try:
        items = exchange.document["items"]
        return [str(task["metadata"][name.field]) for task in items if name.field in task["metadata"]]
    except (BodyError, TypeError, KeyError):
        return ()
