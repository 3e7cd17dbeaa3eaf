"""Join queries: one query that asks for many oddities at once, and is split only if its answer is wrong.

A joined query must not hide what it asks for. Filters are a conjunction: an odd value that selects nothing would hide
that the filter beside it is ignored. So odd values are joined only in one repeated parameter, around a value that
exists (the control). If the answer shows the tasks of the control, the service looked at each value, not at the first
or the last one alone; then an odd value that it takes for a real one adds that one's tasks. An answer without the
control proves nothing, and each value is asked for by itself. Only classes are joined that are lost on the way,
whichever operator compares them: a service may use LIKE for one value, and IN for several. Parameters that are not
documented are joined freely: each of them alone would change the answer.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Final

from pytest_cce_precheck.contract.filters import EVERYTHING, NOTHING, Query
from pytest_cce_precheck.explore.classes import MATCHING, refusals
from pytest_cce_precheck.explore.queries import FilterValue, matching, odd_values, select
from pytest_cce_precheck.explore.spellings import encoded_values, unknown_parameters
from pytest_cce_precheck.wire.exchange import encode_query
from pytest_cce_precheck.wire.vocabulary import Filter

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Sequence

    from pytest_cce_precheck.contract.answer import AnsweredTask
    from pytest_cce_precheck.explore.queries import OddValue

Known = dict[Filter, tuple[str, ...]]
# beside which other filter the odd values of a filter are asked for too
_BESIDE: Final = ((Filter.TASK_ID, Filter.TYPE), (Filter.ADDON_INSTANCE_ID, Filter.TYPE))


@dataclass(frozen=True)
class Group:
    """A joined query, and the queries that it is split into, each with the value of ``name`` that it was made from."""

    joined: Query
    members: tuple[tuple[str, Query], ...]
    name: Filter | None = None

    def suspects(self, shown: Iterable[AnsweredTask]) -> tuple[Query, ...]:
        """Return the members that may be the cause of a wrong answer, all of them if the answer does not tell."""
        if self.name is None:
            return tuple(query for _, query in self.members)
        values = {task.value_of(self.name) for task in shown}
        told = tuple(query for made_from, query in self.members if made_from in values)
        return told or tuple(query for _, query in self.members)


def value_groups(anchors: Sequence[AnsweredTask], values: Known) -> Iterator[Group]:
    """Yield for each filter the query for all classes that can be joined, if there are two values to tell apart."""
    for name in Filter:
        odd = [each for each in odd_values(name, anchors, values[name]) if each.joined]
        control = next((value for task in anchors if (value := task.value_of(name))), None)
        yield from _group(name, odd, control)


def pair_groups(anchors: Sequence[AnsweredTask], values: Known) -> Iterator[Group]:
    """Yield the same beside a matching value of another filter."""
    for name, other in _BESIDE:
        groups: dict[str, list[AnsweredTask]] = {}
        for task in anchors:
            groups.setdefault(task.value_of(other) or "", []).append(task)
        groups.pop("", None)
        tasks = max(groups.values(), key=lambda some: len({task.value_of(name) for task in some}), default=[])
        odd = [each for each in odd_values(name, tasks, values[name]) if each.joined]
        control = next((value for task in tasks if (value := task.value_of(name))), None)
        if tasks:
            yield from _group(name, odd, control, matching(tasks[0], other))


def _group(
    name: Filter, odd: Sequence[OddValue], control: str | None, beside: tuple[FilterValue, ...] = ()
) -> Iterator[Group]:
    odd = [each for each in odd if each.made_from != control]
    if control is None or len(odd) < 2:
        return
    values = [each.value for each in odd]
    # a service that takes the first or the last value alone does not show the control
    values.insert(len(values) // 2, FilterValue(name, control, MATCHING))
    wanted = select([FilterValue(name, control, MATCHING), *beside])
    joined = Query(
        query=encode_query((item.name, item.value) for item in _in_order([*values, *beside])),
        meanings=(*wanted.meanings, NOTHING),
        statuses=frozenset().union(*(refusals(name, each.value.value_class) for each in odd)),
        code=None if beside else "PRE406",
        about=wanted.about,
        classes=tuple((name, each.value.value_class) for each in odd),
    )
    members = tuple((each.made_from, select(_in_order([each.value, *beside]))) for each in odd)
    yield Group(joined, members, name)


def _in_order(asked: list[FilterValue]) -> list[FilterValue]:
    return sorted(asked, key=lambda item: list(Filter).index(item.name))


def spelling_groups(anchors: Sequence[AnsweredTask]) -> Iterator[Group]:
    """Yield queries with all values percent-encoded, and with all parameters that are not documented.

    Each value that is not decoded selects nothing, so none of them hides another.
    """
    for task in anchors[:1]:
        encoded = list(encoded_values(task))
        text = "&".join(query for _, _, query in encoded)
        joined = select([item for _, item, _ in encoded], query=text, code="PRE410")
        yield Group(joined, tuple(("", select([item], query=query, code="PRE410")) for _, item, query in encoded))
    queries = [query for _, query in unknown_parameters(())]
    # no parameter twice: that may be refused
    text = "&".join(dict.fromkeys(part for query in queries for part in query.query.split("&")))
    joined = Query(text, (EVERYTHING,), frozenset({400}), "PRE409", ("several parameters",))
    yield Group(joined, tuple(("", query) for query in queries))
    for task in anchors[:1]:
        plain = select(matching(task, Filter.TYPE))
        members = tuple(
            ("", replace(each, query=f"{each.query}&{plain.query}", meanings=plain.meanings)) for each in queries
        )
        beside = replace(joined, query=f"{text}&{plain.query}", meanings=plain.meanings)
        yield Group(beside, members)
