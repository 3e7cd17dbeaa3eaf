"""Which classes of the filters' values recorded calls cover."""

from __future__ import annotations

from collections import defaultdict
from typing import TYPE_CHECKING

from pytest_cce_precheck.contract.answer import Answer
from pytest_cce_precheck.contract.deviations import normalise
from pytest_cce_precheck.errors import BodyError
from pytest_cce_precheck.explore.classes import ABSENT, CLASSES, EMPTY, MATCHING, OTHER, UNKNOWN, known_values
from pytest_cce_precheck.wire.vocabulary import Filter

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping, Sequence

    from pytest_cce_precheck.contract.answer import AnsweredTask, Operation
    from pytest_cce_precheck.wire.exchange import Exchange

Covered = dict[Filter, tuple[str, ...]]


def covered_classes(exchanges: Iterable[Exchange]) -> Covered:
    """Return the classes of each filter's values that list calls asked with, in the order of `explore.classes`.

    The answers tell a value's class: they show it, or it is made from one that they show, or it is unknown.
    """
    kept = list(exchanges)
    tasks = [task for exchange in kept for task in tasks_of(exchange)]
    known = known_values(tasks)
    made = {name: _made_from(name, known[name]) for name in Filter}
    found: dict[Filter, set[str]] = defaultdict(set)
    for exchange in kept:
        if exchange.request.method == "GET":
            asked = [(Filter(name), value) for name, value in exchange.request.params if name in set(Filter)]
            for name in Filter:
                classes = {_class_of(name, value, asked, tasks, made[name]) for each, value in asked if each == name}
                found[name] |= classes or {ABSENT}
    return {name: tuple(each for each in all_classes(name) if each in found[name]) for name in Filter}


def named_classes(covered: Covered) -> tuple[str, ...]:
    """Return each class with its filter, as in ``type: matching``."""
    return tuple(f"{name}: {each}" for name, classes in covered.items() for each in classes)


def all_classes(name: Filter) -> tuple[str, ...]:
    """Return every class of a filter's values."""
    return (ABSENT, MATCHING, OTHER, EMPTY, *(each.name for each in CLASSES[name]))


def every_class() -> tuple[str, ...]:
    """Return each class that a query can cover, with its filter: all but the filter's absence."""
    return tuple(f"{name}: {each}" for name in Filter for each in all_classes(name) if each != ABSENT)


def _class_of(
    name: Filter,
    value: str,
    asked: Sequence[tuple[Filter, str]],
    tasks: Sequence[AnsweredTask],
    made: Mapping[str, str],
) -> str:
    if not value:
        return EMPTY
    having = [task for task in tasks if task.value_of(name) == value]
    if having:
        others = [pair for pair in asked if pair[0] != name and pair[1]]
        fits = any(all(task.value_of(each) == other for each, other in others) for task in having)
        return MATCHING if fits else OTHER
    return made.get(value, UNKNOWN)


def _made_from(name: Filter, known: Iterable[str]) -> dict[str, str]:
    """Return the class of every value that is made from one of ``known``, the first class that makes it."""
    classes: dict[str, str] = {}
    for unselective in CLASSES[name]:
        for value in known:
            made = unselective.make(value)
            if made:
                classes.setdefault(made, unselective.name)
    return classes


def tasks_of(exchange: Exchange) -> tuple[AnsweredTask, ...]:
    """Return the tasks of an answer, none if it is not a JSON object."""
    try:
        document = exchange.document
    except BodyError:
        return ()
    operation: Operation = "create" if exchange.request.method == "POST" else "list"
    return Answer(exchange, operation, normalise(document, operation)[0]).tasks if isinstance(document, dict) else ()
