"""Build queries: the text on the wire, what it may mean, and which classes it covers."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Final

from pytest_cce_precheck.contract.filters import EVERYTHING, NOTHING, Query, Selection
from pytest_cce_precheck.explore.classes import CLASSES, EMPTY, MATCHING, NIL, OTHER, UNKNOWN, refusals, unknown_value
from pytest_cce_precheck.wire.exchange import encode_query
from pytest_cce_precheck.wire.vocabulary import Filter, TaskType

if TYPE_CHECKING:
    from collections.abc import Container, Iterable, Iterator, Sequence

    from pytest_cce_precheck.contract.answer import AnsweredTask
    from pytest_cce_precheck.explore.classes import Unselective


@dataclass(frozen=True)
class FilterValue:
    """A filter with a value and the class that the value was chosen from."""

    name: Filter
    value: str
    value_class: str


def select(asked: Sequence[FilterValue], *, query: str | None = None, code: str | None = None) -> Query:
    """Return the query for the tasks that satisfy every filter given.

    An empty value has two acceptable meanings, no filter or nothing; a value that no task has selects nothing and may
    be refused. ``query`` is another spelling of it.
    """
    conjunction = tuple((item.name, item.value) for item in asked if item.value_class != EMPTY)
    meanings: tuple[Selection, ...] = ((conjunction,),)
    if any(item.value_class == EMPTY for item in asked):
        meanings, code = ((conjunction,), NOTHING), code or "PRE412"
    refused = (refusals(each.name, each.value_class) for each in asked if each.value_class not in (MATCHING, OTHER))
    if len(asked) == 1 and asked[0].value_class not in (MATCHING, OTHER, EMPTY):
        meanings, code = (NOTHING,), code or "PRE406"
    return Query(
        query=encode_query((item.name, item.value) for item in asked) if query is None else query,
        meanings=meanings,
        statuses=frozenset().union(*refused),
        code=code,
        about=tuple(sorted({str(item.name) for item in asked})),
        classes=tuple((item.name, item.value_class) for item in asked),
    )


def matching(task: AnsweredTask, *names: Filter) -> tuple[FilterValue, ...]:
    """Return the named filters with the task's own values, without those that it has no value for."""
    values = ((name, task.value_of(name)) for name in names)
    return tuple(FilterValue(name, value, MATCHING) for name, value in values if value)


@dataclass(frozen=True)
class OddValue:
    """A value that no task has, and the real value that it was made from; tier and ``joined`` as in `Unselective`."""

    value: FilterValue
    made_from: str
    tier: int
    joined: bool


def odd_values(name: Filter, anchors: Sequence[AnsweredTask], known: Sequence[str]) -> Iterator[OddValue]:
    """Yield one value of each class, made from the values of different tasks.

    The first task's value is the control of joined queries (`explore.groups`): no joined class is made from it.
    """
    having = [value for task in anchors if (value := task.value_of(name))]
    others = [value for value in having if value != having[0]]
    places = {True: 0, False: 0}
    for unselective in CLASSES[name]:
        if unselective.name == NIL and len(having) < len(anchors):
            # an id that a task does not show may be this one
            continue
        pool = (others if unselective.joined else having) or having or [SYNTHETIC[name]]
        start = places[unselective.joined] % len(pool)
        places[unselective.joined] += 1
        made = [
            (real, value)
            for real in (*pool[start:], *pool[:start])
            if (value := of_class(unselective, real, known)) and value not in known
        ]
        # some classes tell more of some values: a leading zero, of what is a number
        telling = [each for each in made if unselective.of is not None and unselective.of(each[0])]
        for real, value in (telling or made)[:1]:
            odd = FilterValue(name, value, unselective.name)
            yield OddValue(odd, real, unselective.tier, unselective.joined)
    for task in anchors[:1]:
        for value_class, value in _named_elsewhere(name, task):
            if value not in known:
                # not joined: a service that looks elsewhere may do so only if nothing is found
                yield OddValue(FilterValue(name, value, value_class), task.value_of(name) or "", 2, joined=False)


def _named_elsewhere(name: Filter, task: AnsweredTask) -> Iterator[tuple[str, str]]:
    """Yield what names the same task in another field: it exists, but is no value of this filter."""
    ids = {Filter.TASK_ID: Filter.ADDON_INSTANCE_ID, Filter.ADDON_INSTANCE_ID: Filter.TASK_ID}
    if name in ids and (value := task.value_of(ids[name])):
        yield "the other filter's id", value
    if name is Filter.ADDON_INSTANCE_ID:
        for value_class, field in (("the instance's name", "addonInstanceName"), ("the add-on", "addonTemplateName")):
            text = task.metadata.get(field)
            if isinstance(text, str) and text.strip() and text.isprintable():
                yield value_class, text


def of_class(unselective: Unselective, real: str, known: Container[str]) -> str | None:
    """Return a value of the class; an unknown one must not be a known one by chance."""
    value = unselective.make(real)
    return unknown_value(real, known) if unselective.name == UNKNOWN and value in known else value


def other_value(
    name: Filter, task: AnsweredTask, beside: Iterable[FilterValue], tasks: Sequence[AnsweredTask]
) -> str | None:
    """Return a value that exists, for tasks that do not satisfy the filters ``beside``; None if there is none."""
    if name is Filter.TYPE:
        return next(value for value in TaskType if value != task.value_of(name))
    given = tuple(beside)
    mine = task.value_of(name)
    for candidate in tasks:
        value = candidate.value_of(name)
        if value is None or value == mine:
            continue
        sharing = [each for each in tasks if each.value_of(name) == value]
        if not any(all(each.value_of(item.name) == item.value for item in given) for each in sharing):
            return value
    return next((value for each in tasks if (value := each.value_of(name)) not in (None, mine)), None)


def everything(query: str, code: str, *, about: tuple[str, ...] = (), or_as: Selection | None = None) -> Query:
    """Return a query that must not select: it shows everything (or the selection ``or_as``), or is refused with 400."""
    meanings = (EVERYTHING,) if or_as is None else (EVERYTHING, or_as)
    return Query(query=query, meanings=meanings, statuses=frozenset({400}), code=code, about=about)


SYNTHETIC: Final = {
    Filter.TYPE: str(TaskType.STATIC),
    Filter.TASK_ID: "0c0ffee0-7a5c-4e1d-9b1e-5eed5eed5eed",
    Filter.ADDON_INSTANCE_ID: "0ddba11a-7a5c-4e1d-9b1e-5eed5eed5eed",
}
"""Well-formed values for a cluster that shows none."""
