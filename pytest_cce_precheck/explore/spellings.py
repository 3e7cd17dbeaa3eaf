"""The same queries in other spellings: order, repetition, unknown parameters, case of names, percent-encoding."""

from __future__ import annotations

from itertools import combinations, cycle, islice
from typing import TYPE_CHECKING, Final
from urllib.parse import quote

from pytest_cce_precheck.contract.filters import EVERYTHING, NOTHING, Query
from pytest_cce_precheck.explore.classes import EMPTY, MATCHING
from pytest_cce_precheck.explore.queries import FilterValue, everything, matching, select
from pytest_cce_precheck.wire.exchange import encode_query
from pytest_cce_precheck.wire.vocabulary import Filter, TaskType

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from pytest_cce_precheck.contract.answer import AnsweredTask

# paging and filters that other calls of the vendor have; this one documents none of them
_UNKNOWN_PARAMETERS: Final = (
    (1, "limit=1"),
    (2, "precheck_probe=1"),
    (2, "offset=1&limit=1"),
    (4, "marker=0"),
    (4, "status=Success"),
    (4, "sort_key=type&sort_dir=desc"),
    (4, "page=2&page_size=1"),
    (4, "callback=probe"),
    (4, "per_page=1"),
    (4, "fields=kind"),
    (4, "format=xml"),
    (4, "addon_template_name=probe"),
)

TieredQuery = tuple[int, Query]
"""A query with its tier: 1 is sent first."""


def spelling_queries(
    anchors: Sequence[AnsweredTask], values: dict[Filter, tuple[str, ...]], *, repeated: bool = True
) -> Iterator[TieredQuery]:
    """Yield each query of this family with its tier; ``anchors`` are tasks that exist, the first one used most.

    Where repeated parameters were refused already, not ``repeated``, most of these queries would show no more.
    """
    yield from _empty(anchors)
    yield from unknown_parameters(anchors)
    if anchors:
        yield from _order(anchors)
        yield from islice(_repetition(anchors, values), None if repeated else 1)
        yield from _encoding(anchors[0])
        yield from _names(anchors[0])
    yield from _again(anchors)


def _empty(anchors: Sequence[AnsweredTask]) -> Iterator[TieredQuery]:
    for name in Filter:
        empty = FilterValue(name, "", EMPTY)
        yield 4 if anchors else 2, select([empty])
        # an empty filter may switch off those beside it, which does not show alone
        for task in anchors[:1]:
            other = Filter.TASK_ID if name is Filter.TYPE else Filter.TYPE
            yield 1 if name is Filter.TYPE else 2, select([empty, *matching(task, other)])
    yield 4, select([FilterValue(name, "", EMPTY) for name in Filter])


def unknown_parameters(anchors: Sequence[AnsweredTask]) -> Iterator[TieredQuery]:
    """Yield queries with parameters that are not documented, alone and beside the type of the first task."""
    for tier, query in _UNKNOWN_PARAMETERS:
        yield tier, everything(query, "PRE409", about=(query.partition("=")[0],))
    for task in anchors[:1]:
        plain = select(matching(task, Filter.TYPE))
        for tier, extra in ((2, "precheck_probe=1"), (3, "limit=1")):
            about = (extra.partition("=")[0],)
            yield tier, Query(f"{extra}&{plain.query}", plain.meanings, frozenset({400}), "PRE409", about)
    # no name is the beginning of another: no source says whether a signature sorts names, or names with their values
    many = "&".join(f"precheck_probe_{number:02}=1" for number in range(60))
    yield 3, everything(many, "PRE409", about=("many parameters",))


def _order(anchors: Sequence[AnsweredTask]) -> Iterator[TieredQuery]:
    for index, names in enumerate(combinations(Filter, 2)):
        given = matching(anchors[index % len(anchors)], *reversed(names))
        if len(given) == 2:
            yield 2 if index else 1, select(given, code="PRE407")
    orders = ((2, 1, 0), (1, 2, 0), (1, 0, 2), (2, 0, 1), (0, 2, 1))
    for index, order in enumerate(orders):
        given = matching(anchors[index % len(anchors)], *(tuple(Filter)[position] for position in order))
        if len(given) == 3:
            yield 2 if index == 0 else 4, select(given, code="PRE407")


def _repetition(anchors: Sequence[AnsweredTask], values: dict[Filter, tuple[str, ...]]) -> Iterator[TieredQuery]:
    for index, name in enumerate(Filter):
        given = matching(anchors[index % len(anchors)], name)
        if given:
            yield 2 if index < 2 else 4, _repeated(name, given[0].value, given[0].value)
    for tier, name in ((2, Filter.TYPE), (4, Filter.TASK_ID), (4, Filter.ADDON_INSTANCE_ID)):
        if len(values[name]) > 1:
            # sorted: no source says whether a signature sorts the values too
            yield tier, _repeated(name, *sorted(values[name][:2]))


def _repeated(name: Filter, first: str, second: str) -> Query:
    # a service may join repeated values by commas, and find no such one; of two it may also take either, or both
    ones = (((name, first),),), (((name, second),),)
    either = (((name, first),), ((name, second),))
    meanings = (ones[0], NOTHING) if first == second else (either, *ones, NOTHING)
    query = encode_query([(name, first), (name, second)])
    return Query(query, meanings, frozenset({400}), "PRE408", (str(name),))


def encoded_values(task: AnsweredTask) -> Iterator[tuple[int, FilterValue, str]]:
    """Yield the task's value of each filter with its tier, and with each byte of it percent-encoded.

    Every second one has digits in lower case (RFC 3986, 6.2.2.1).
    """
    forms = cycle(("%{:02x}", "%{:02X}"))
    for tier, name in ((2, Filter.TASK_ID), (2, Filter.TYPE), (3, Filter.ADDON_INSTANCE_ID)):
        for item in matching(task, name):
            yield tier, item, f"{name}=" + "".join(next(forms).format(byte) for byte in item.value.encode())


def _encoding(task: AnsweredTask) -> Iterator[TieredQuery]:
    for tier, item, query in encoded_values(task):
        yield tier, select([item], query=query, code="PRE410")
    for item in matching(task, Filter.TYPE):
        yield 3, select([item], query=f"%74ype={item.value}", code="PRE410")
        both = [item, *matching(task, Filter.TASK_ID)]
        doubled = "&" + encode_query((each.name, each.value) for each in both).replace("&", "&&")
        yield 3, select(both, query=doubled, code="PRE410")
        broken = FilterValue(item.name, "\ufffd", "bytes that are not UTF-8")
        yield 3, select([broken], query="type=%FF%FE", code="PRE410")
    for item in matching(task, Filter.TASK_ID):
        twice = quote("".join(f"%{byte:02X}" for byte in item.value.encode()), safe="")
        unselective = FilterValue(item.name, item.value, "twice encoded")
        yield 3, select([unselective], query=f"{item.name}={twice}", code="PRE410")


def _names(task: AnsweredTask) -> Iterator[TieredQuery]:
    # names are folded, or are not: each of the two may be taken for the filter, but not for another one
    folded = {"TYPE": matching(task, Filter.TYPE), "Task_ID": matching(task, Filter.TASK_ID)}
    items = [(spelt, (item.name, item.value)) for spelt, some in folded.items() for item in some]
    subsets = [tuple(pair for _, pair in some) for size in (1, 2) for some in combinations(items, size)]
    query = encode_query((spelt, value) for spelt, (_, value) in items)
    yield 2, Query(query, (EVERYTHING, *((some,) for some in subsets)), frozenset({400}), "PRE413", tuple(folded))
    for tier, name, spelt in (
        (4, Filter.ADDON_INSTANCE_ID, "ADDON_INSTANCE_ID"),
        (3, Filter.TASK_ID, "taskID"),
        (4, Filter.ADDON_INSTANCE_ID, "addonInstanceID"),
        (4, Filter.TASK_ID, "task_id[]"),
    ):
        for item in matching(task, name):
            query = f"{quote(spelt, safe='')}={quote(item.value, safe='~')}"
            yield tier, everything(query, "PRE413", about=(spelt,), or_as=(((name, item.value),),))
    for item in matching(task, Filter.TASK_ID):
        yield 4, everything(f"{item.name}%5B%24ne%5D=x", "PRE409", about=("task_id[$ne]",))


def _again(anchors: Sequence[AnsweredTask]) -> Iterator[TieredQuery]:
    """Repeat queries, right after each other and after others."""
    for index, value in enumerate(TaskType):
        query = select([FilterValue(Filter.TYPE, value, MATCHING)], code="PRE411")
        yield 1 if index == 0 else 4, query
        yield 4, query
    for task in anchors[:2]:
        for given in (matching(task, Filter.TASK_ID), matching(task, Filter.ADDON_INSTANCE_ID)):
            if given:
                yield 4, select(given, code="PRE411")
