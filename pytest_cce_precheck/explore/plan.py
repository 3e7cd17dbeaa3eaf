"""The covering plan: which queries to send, those that find most first, for a small budget.

Tier 1 holds each filter with a value that exists, the unknown values that services most often get wrong, and each
pair of filters; tier 2 every value that the cluster shows (each may hide a single bad task), each type with each
instance, and other spellings; tier 3 the rarer classes and spellings; tier 4 the other triples. With a budget for
more, queries are repeated. No library of covering arrays is used: they cover fixed values, while here the value of a
class ("exists, but does not match") depends on the other filters' values, and the order matters under a budget.
"""

from __future__ import annotations

import random
from collections import Counter
from dataclasses import dataclass, replace
from itertools import combinations, product
from typing import TYPE_CHECKING, Final, Literal

from pytest_cce_precheck.explore.classes import ABSENT, CLASSES, MATCHING, NIL, OTHER, UNKNOWN, known_values
from pytest_cce_precheck.explore.groups import pair_groups, spelling_groups, value_groups
from pytest_cce_precheck.explore.queries import (
    SYNTHETIC,
    FilterValue,
    matching,
    odd_values,
    of_class,
    other_value,
    select,
)
from pytest_cce_precheck.explore.spellings import spelling_queries
from pytest_cce_precheck.wire.vocabulary import Filter

if TYPE_CHECKING:
    from collections.abc import Container, Iterable, Iterator, Sequence

    from pytest_cce_precheck.contract.answer import AnsweredTask
    from pytest_cce_precheck.contract.filters import Query
    from pytest_cce_precheck.explore.groups import Group
    from pytest_cce_precheck.explore.spellings import TieredQuery

Family = Literal["values", "unknown", "combinations", "spelling"]
FAMILIES: Final[tuple[Family, ...]] = ("values", "unknown", "combinations", "spelling")
MAIN_CLASSES: Final = (ABSENT, MATCHING, OTHER, UNKNOWN)

# how many of the cluster's own values are in the first tiers; the others are in the last
_FIRST, _MORE = 3, 16
_LAST: Final = 4
# from so many queries on, those of the first two tiers are all asked
_WHOLE: Final = 80
# how many tasks are asked for with all of their values, and how many instances with a type
_TOGETHER: Final = 2
_LOOKED_AT: Final = 64
# asked for in both id filters, even if values cannot be joined
_MOST_TELLING: Final = ("blank after", "null byte", "with separators")
_PLANNED: Final = 500
_BESIDE_A_TYPE: Final = ((Filter.TASK_ID, NIL), (Filter.ADDON_INSTANCE_ID, UNKNOWN))


@dataclass(frozen=True)
class Planned:
    """A query with its place in the plan."""

    tier: int
    family: Family
    question: Query


@dataclass(frozen=True)
class Plan:
    """The queries that fit the budget, and those that do not."""

    asked: tuple[Planned, ...]
    left_out: tuple[Planned, ...]

    def family(self, name: Family) -> tuple[Query, ...]:
        """Return the queries of one family, in the order of the plan."""
        return tuple(planned.question for planned in self.asked if planned.family == name)

    @property
    def classes(self) -> frozenset[tuple[Filter, str]]:
        """The classes that the plan reaches."""
        return frozenset(pair for planned in self.asked for pair in planned.question.classes)

    def classes_beyond(self, reached: Container[tuple[Filter, str]]) -> tuple[Query, ...]:
        """Return one query for each class that is not ``reached``, in the order of the plan."""
        queries: dict[tuple[Filter, str], Query] = {}
        for planned in (*self.asked, *self.left_out):
            if len(planned.question.classes) == 1 and planned.question.classes[0] not in reached:
                queries.setdefault(planned.question.classes[0], planned.question)
        return tuple(queries.values())

    @property
    def classes_left_out(self) -> frozenset[tuple[Filter, str]]:
        """The classes that only queries beyond the budget would reach."""
        return frozenset(pair for planned in self.left_out for pair in planned.question.classes) - self.classes


def groups_of(tasks: Sequence[AnsweredTask], family: Family, *, seed: int = 0) -> tuple[Group, ...]:
    """Return the joined queries of a family (`explore.groups`)."""
    anchors, values = _anchors(tasks, seed), known_values(tasks)
    groups = {
        "unknown": value_groups(anchors, values),
        "combinations": pair_groups(anchors, values),
        "spelling": spelling_groups(anchors),
    }
    return tuple(groups.get(family, ()))


def covering_plan(
    tasks: Sequence[AnsweredTask], *, questions: int, seed: int = 0, answered: Iterable[str] = (), repeated: bool = True
) -> Plan:
    """Plan at most ``questions`` queries to a cluster that shows ``tasks``; the same seed gives the same plan.

    ``answered`` are queries that joined ones were asked in place of; not ``repeated``, the service refuses joined ones.
    """
    # more tasks than there are queries add none that are asked: of 20,000, a hundred thousand queries would be planned
    most = max(questions, _PLANNED)
    anchors = _anchors(tasks, seed)[:most]
    values = known_values(tasks)
    together = list(_combinations(anchors, tasks, values, most))
    families: dict[Family, Iterable[TieredQuery]] = {
        # a small budget has room for what tells most: each value alone
        "values": _values(anchors, values, _found_by(together) if questions >= _WHOLE else ()),
        "unknown": _unknown(anchors, values),
        "combinations": together,
        "spelling": spelling_queries(anchors, values, repeated=repeated),
    }
    seen: set[str] = set(answered)
    ranked = []
    for family, queries in families.items():
        planned = []
        for tier, query in queries:
            # the same query is planned once, unless it is repeated on purpose
            if query.code == "PRE411" or query.query not in seen:
                seen.add(query.query)
                planned.append(Planned(tier, family, query))
        # within a tier, all families advance together, so that none waits for all of another's
        sizes = Counter(each.tier for each in planned)
        places: Counter[int] = Counter()
        for each in planned:
            ranked.append((each.tier, places[each.tier] / sizes[each.tier], each))
            places[each.tier] += 1
    ordered = [each for *_, each in sorted(ranked, key=lambda item: item[:2])]
    again = _once_more(ordered, questions - len(ordered), seed)
    return Plan(tuple((*ordered, *again)[:questions]), tuple(ordered[questions:]))


def _anchors(tasks: Sequence[AnsweredTask], seed: int) -> list[AnsweredTask]:
    """Order the tasks so that the first few differ in type and instance: a service may treat these differently."""
    shuffled = sorted((task for task in tasks if task.id), key=lambda task: str(task.id))
    random.Random(seed).shuffle(shuffled)  # noqa: S311  a repeatable choice, not a secret
    seen: Counter[tuple[str | None, str | None]] = Counter()
    ranked = []
    for task in shuffled:
        kind = (task.value_of(Filter.TYPE), task.value_of(Filter.ADDON_INSTANCE_ID))
        ranked.append((seen[kind], task))
        seen[kind] += 1
    return [task for _, task in sorted(ranked, key=lambda pair: pair[0])]


def _found_by(queries: Iterable[TieredQuery]) -> frozenset[tuple[Filter, str]]:
    """Return the ids of the tasks that queries of the first two tiers, which are always asked, find by more values."""
    return frozenset(
        pair
        for tier, query in queries
        if tier <= 2 and all(value_class == MATCHING for _, value_class in query.classes)
        for pair in query.meanings[0][0]
        if pair[0] is Filter.TASK_ID
    )


def _values(
    anchors: Sequence[AnsweredTask],
    values: dict[Filter, tuple[str, ...]],
    found: Container[tuple[Filter, str]],
) -> Iterator[TieredQuery]:
    order = {name: tuple(dict.fromkeys(value for task in anchors if (value := task.value_of(name)))) for name in Filter}
    order[Filter.TYPE] = values[Filter.TYPE]
    for name in Filter:
        for index, value in enumerate(order[name]):
            # a task that cannot be found by its id is not found by its id and more either
            tier = 1 if index < _FIRST else 2 if index < _MORE and (name, value) not in found else _LAST
            yield tier, select([FilterValue(name, value, MATCHING)])


def _unknown(anchors: Sequence[AnsweredTask], values: dict[Filter, tuple[str, ...]]) -> Iterator[TieredQuery]:
    for name in Filter:
        for index, odd in enumerate(odd_values(name, anchors, values[name])):
            # every class comes before the rare combinations; if values cannot be joined, each is asked for in one of
            # the id filters first
            in_both = odd.tier > 1 and index < len(CLASSES[name]) and odd.value.value_class not in _MOST_TELLING
            later = in_both and name is (Filter.TASK_ID, Filter.ADDON_INSTANCE_ID)[index % 2]
            # and a type is checked against those that there are, so that what is rare there comes last
            last = later or (name is Filter.TYPE and odd.tier > 2)
            # who finds no such id may search by the type alone
            is_beside = anchors and (name, odd.value.value_class) in _BESIDE_A_TYPE
            beside = matching(anchors[0], Filter.TYPE) if is_beside else ()
            yield (_LAST if odd.joined and later else 3) if last else min(odd.tier, 3), select([*beside, odd.value])


def _combinations(
    anchors: Sequence[AnsweredTask], tasks: Sequence[AnsweredTask], values: dict[Filter, tuple[str, ...]], most: int
) -> Iterator[TieredQuery]:
    if not anchors:
        yield from _combinations_of_nothing()
        return
    yield 1, select(matching(anchors[0], *Filter))
    # a value that exists elsewhere is found among the first tasks or hardly at all; looking at all pairs is quadratic
    yield from _main_combinations(anchors, tasks[:_LOOKED_AT], values)
    # each type with each instance shows every task again, under two filters at once; first some instances with one type
    for (place, kind), (index, instance) in product(
        enumerate(values[Filter.TYPE]), enumerate(values[Filter.ADDON_INSTANCE_ID][:most])
    ):
        given = [FilterValue(Filter.TYPE, kind, MATCHING), FilterValue(Filter.ADDON_INSTANCE_ID, instance, MATCHING)]
        is_first = index % len(values[Filter.TYPE]) == place and index < _TOGETHER
        yield 2 if is_first else 4, select(given)
    seen: set[str | None] = set()
    # the tasks that are not among the first are asked for with more of their values, and not by their id alone
    for index, task in enumerate(reversed(anchors)):
        yield 2 if index < _TOGETHER else 4, select(matching(task, *Filter))
        yield 4, select(matching(task, Filter.TYPE, Filter.TASK_ID))
        ids = matching(task, Filter.ADDON_INSTANCE_ID, Filter.TASK_ID)
        # a task without an instance says nothing about both ids
        if len(ids) == 2 and (index >= _TOGETHER or len(anchors) <= _FIRST):
            yield 4 if task.value_of(Filter.TYPE) in seen else 2, select(ids)
            seen.add(task.value_of(Filter.TYPE))
    yield from _rare_combinations(anchors, values)


def _main_combinations(
    anchors: Sequence[AnsweredTask], tasks: Sequence[AnsweredTask], values: dict[Filter, tuple[str, ...]]
) -> Iterator[TieredQuery]:
    """Combine the main classes: every pair, then every triple; pairs that both exist are in the first tier."""
    triples = [triple for triple in product(MAIN_CLASSES, repeat=3) if sum(each != ABSENT for each in triple) > 1]
    for index, classes in enumerate(triples):
        task = anchors[index % len(anchors)]
        asked: list[FilterValue] = list(
            matching(task, *(name for name, each in zip(Filter, classes, strict=True) if each == MATCHING))
        )
        for name, each in zip(Filter, classes, strict=True):
            value = None
            if each == OTHER:
                value = other_value(name, task, asked, tasks)
            elif each == UNKNOWN:
                value = of_class(CLASSES[name][0], task.value_of(name) or SYNTHETIC[name], values[name])
            if value:
                asked.append(FilterValue(name, value, each))
        asked.sort(key=lambda item: list(Filter).index(item.name))
        if len(asked) == sum(each != ABSENT for each in classes):
            yield _tier_of(classes), select(asked)


def _tier_of(classes: tuple[str, ...]) -> int:
    present = [each for each in classes if each != ABSENT]
    if UNKNOWN not in present:
        if present.count(OTHER) > 1:
            # shows something only if two filters are ignored at once
            return 4
        mixed = OTHER in present and MATCHING in present
        return 1 if len(present) == 2 and (mixed or OTHER not in present) else 2
    return 4


def _rare_combinations(anchors: Sequence[AnsweredTask], values: dict[Filter, tuple[str, ...]]) -> Iterator[TieredQuery]:
    """Combine a rarer class of one filter with a matching value of another."""
    for (name, other), offset in zip(combinations(Filter, 2), range(3), strict=True):
        for index, unselective in enumerate(CLASSES[name][1:]):
            task = anchors[(index + offset) % len(anchors)]
            value = unselective.make(task.value_of(name) or SYNTHETIC[name])
            beside = matching(task, other)
            if value and value not in values[name] and beside:
                yield 4, select([FilterValue(name, value, unselective.name), *beside])


def _once_more(asked: Sequence[Planned], number: int, seed: int) -> Iterator[Planned]:
    """Repeat queries, each time in another order, if the budget has room: what fails now and then fails some time."""
    order = list(asked)
    while number > 0 and order:
        random.Random(f"{seed}/{number}").shuffle(order)  # noqa: S311  as above
        for each in order[:number]:
            yield replace(each, family="spelling", question=replace(each.question, code="PRE411"))
        number -= len(order)


def _combinations_of_nothing() -> Iterator[TieredQuery]:
    for names in combinations(Filter, 2):
        asked = [FilterValue(name, SYNTHETIC[name], MATCHING if name is Filter.TYPE else UNKNOWN) for name in names]
        yield 3, select(asked)
