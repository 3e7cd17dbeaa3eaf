"""The covering plan: which questions to ask, the most telling first, so that a small budget finds most.

Tier 1 holds each filter with a value that exists, the unknown values that services most often get wrong, and each
pair of filters; tier 2 every value that the cluster shows (each may hide a single bad task), each type with each
instance, and other spellings; tier 3 the rarer classes and spellings; tier 4 what is left of the triples. No library
of covering arrays is used: they cover fixed values, while here a class's value ("exists, but does not match") depends
on the other filters' values, and the order under a budget is what matters.
"""

from __future__ import annotations

import random
from collections import Counter
from dataclasses import dataclass
from itertools import combinations, product
from typing import TYPE_CHECKING, Final, Literal

from pytest_cce_precheck.explore.classes import ABSENT, CLASSES, MATCHING, OTHER, UNKNOWN, known_values, unknown_value
from pytest_cce_precheck.explore.queries import SYNTHETIC, FilterValue, matching, other_value, select
from pytest_cce_precheck.explore.spellings import spelling_questions
from pytest_cce_precheck.wire.vocabulary import Filter

if TYPE_CHECKING:
    from collections.abc import Container, Iterable, Iterator, Sequence

    from pytest_cce_precheck.contract.answer import AnsweredTask
    from pytest_cce_precheck.contract.filters import Query
    from pytest_cce_precheck.explore.classes import Unselective

Family = Literal["values", "unknown", "combinations", "spelling"]
FAMILIES: Final[tuple[Family, ...]] = ("values", "unknown", "combinations", "spelling")
MAIN_CLASSES: Final = (ABSENT, MATCHING, OTHER, UNKNOWN)

# how many of the cluster's own values go into the first tiers; the rest are asked while the budget lasts
_FIRST, _MORE = 3, 16
_LOOKED_AT: Final = 64


@dataclass(frozen=True)
class Planned:
    """A question with its place in the plan."""

    tier: int
    family: Family
    question: Query


@dataclass(frozen=True)
class Plan:
    """The questions that fit the budget, and those that did not."""

    asked: tuple[Planned, ...]
    left_out: tuple[Planned, ...]

    def family(self, name: Family) -> tuple[Query, ...]:
        """Return the questions of one family, the most telling first."""
        return tuple(planned.question for planned in self.asked if planned.family == name)

    @property
    def classes(self) -> frozenset[tuple[Filter, str]]:
        """The classes that the plan reaches."""
        return frozenset(pair for planned in self.asked for pair in planned.question.classes)

    @property
    def classes_left_out(self) -> frozenset[tuple[Filter, str]]:
        """The classes that only questions beyond the budget would reach."""
        return frozenset(pair for planned in self.left_out for pair in planned.question.classes) - self.classes


def covering_plan(tasks: Sequence[AnsweredTask], *, questions: int, seed: int = 0) -> Plan:
    """Plan at most ``questions`` questions about a cluster that shows ``tasks``; the same seed gives the same plan."""
    anchors = _anchors(tasks, seed)
    values = known_values(tasks)
    every = [
        *_values(anchors, values),
        *_unknown(anchors, values),
        *_combinations(anchors, tasks, values),
        *(Planned(tier, "spelling", question) for tier, question in spelling_questions(anchors, values)),
    ]
    ordered = _by_worth(_once(every))
    return Plan(tuple(ordered[:questions]), tuple(ordered[questions:]))


def _by_worth(planned: Iterable[Planned]) -> list[Planned]:
    """Sort by tier; within one, take from the families in turn, so that none waits for all of another's."""
    places: Counter[tuple[int, Family]] = Counter()
    ranked = []
    for each in planned:
        place = (each.tier, each.family)
        ranked.append((each.tier, places[place], each))
        places[place] += 1
    sizes = dict(places.items())
    return [
        each for _, _, each in sorted(ranked, key=lambda item: (item[0], item[1] / sizes[item[2].tier, item[2].family]))
    ]


def _anchors(tasks: Sequence[AnsweredTask], seed: int) -> list[AnsweredTask]:
    """Order the tasks so that the first few differ in type and instance: what holds for one may not for the next."""
    shuffled = sorted((task for task in tasks if task.id), key=lambda task: str(task.id))
    random.Random(seed).shuffle(shuffled)  # noqa: S311  a repeatable choice, not a secret
    seen: dict[tuple[str | None, str | None], int] = {}
    ranked = []
    for task in shuffled:
        key = (task.value_of(Filter.TYPE), task.value_of(Filter.ADDON_INSTANCE_ID))
        seen[key] = seen.get(key, 0) + 1
        ranked.append((seen[key], task))
    return [task for _, task in sorted(ranked, key=lambda pair: pair[0])]


def _once(planned: list[Planned]) -> Iterator[Planned]:
    seen: set[str] = set()
    for each in planned:
        again = each.question.code == "PRE411"
        if again or each.question.query not in seen:
            seen.add(each.question.query)
            yield each


def _values(anchors: Sequence[AnsweredTask], values: dict[Filter, tuple[str, ...]]) -> Iterator[Planned]:
    order = {name: tuple(dict.fromkeys(value for task in anchors if (value := task.value_of(name)))) for name in Filter}
    order[Filter.TYPE] = values[Filter.TYPE]
    for name in Filter:
        for index, value in enumerate(order[name]):
            tier = 1 if index < _FIRST else 2 if index < _MORE else 4
            yield Planned(tier, "values", select([FilterValue(name, value, MATCHING)]))


def _unknown(anchors: Sequence[AnsweredTask], values: dict[Filter, tuple[str, ...]]) -> Iterator[Planned]:
    for name in Filter:
        for index, unselective in enumerate(CLASSES[name]):
            real = _real_value(name, anchors, index)
            value = _of_class(unselective, real, values[name])
            if value and value not in values[name]:
                # letters and shape matter to the class, the value does not
                yield Planned(unselective.tier, "unknown", select([FilterValue(name, value, unselective.name)]))
    two = values[Filter.TASK_ID][:2]
    if len(two) == 2:
        yield Planned(2, "unknown", select([FilterValue(Filter.TASK_ID, ",".join(two), "list")]))
    instances = values[Filter.ADDON_INSTANCE_ID][:2]
    if len(instances) == 2:
        yield Planned(4, "unknown", select([FilterValue(Filter.ADDON_INSTANCE_ID, ",".join(instances), "list")]))
    yield from _crossed(anchors)


def _of_class(unselective: Unselective, real: str, known: Container[str]) -> str | None:
    """Write a value of the class; an unknown one must not be, by chance, somebody's."""
    value = unselective.make(real)
    return unknown_value(real, known) if unselective.name == UNKNOWN and value in known else value


def _crossed(anchors: Sequence[AnsweredTask]) -> Iterator[Planned]:
    """An id given to the other id's filter: it exists, but not there."""
    for task in anchors[:1]:
        key, instance = task.value_of(Filter.TASK_ID), task.value_of(Filter.ADDON_INSTANCE_ID)
        if key and instance:
            yield Planned(4, "unknown", select([FilterValue(Filter.ADDON_INSTANCE_ID, key, "the other filter's id")]))
            yield Planned(3, "unknown", select([FilterValue(Filter.TASK_ID, instance, "the other filter's id")]))
        for field in ("addonInstanceName", "addonTemplateName"):
            value = task.metadata.get(field)
            if isinstance(value, str) and value.isprintable() and value:
                asked = FilterValue(Filter.ADDON_INSTANCE_ID, value, "the instance's name")
                yield Planned(3, "unknown", select([asked]))


def _real_value(name: Filter, anchors: Sequence[AnsweredTask], index: int) -> str:
    having = [value for task in anchors if (value := task.value_of(name))]
    return having[index % len(having)] if having else SYNTHETIC[name]


def _combinations(
    anchors: Sequence[AnsweredTask], tasks: Sequence[AnsweredTask], values: dict[Filter, tuple[str, ...]]
) -> Iterator[Planned]:
    pool = list(anchors)
    if not pool:
        yield from _combinations_of_nothing()
        return
    yield Planned(1, "combinations", select(matching(pool[0], *Filter)))
    # a value that exists elsewhere is found among the first tasks or hardly at all; looking at all pairs is quadratic
    yield from _main_combinations(pool, tasks[:_LOOKED_AT], values)
    # each type with each instance shows every task again, under two filters at once
    for index, (kind, instance) in enumerate(product(values[Filter.TYPE], values[Filter.ADDON_INSTANCE_ID])):
        given = [FilterValue(Filter.TYPE, kind, MATCHING), FilterValue(Filter.ADDON_INSTANCE_ID, instance, MATCHING)]
        yield Planned(2 if index < _MORE else 4, "combinations", select(given))
    seen: set[str | None] = set()
    for index, task in enumerate(pool):
        yield Planned(2 if index < _FIRST else 4, "combinations", select(matching(task, *Filter)))
        pairs = [matching(task, each, Filter.TASK_ID) for each in (Filter.TYPE, Filter.ADDON_INSTANCE_ID)]
        tier = 2 if task.value_of(Filter.TYPE) not in seen else 4
        # a task without an instance says nothing about the second pair
        if all(len(pair) == 2 for pair in pairs):
            seen.add(task.value_of(Filter.TYPE))
        for pair in pairs:
            yield Planned(tier, "combinations", select(pair))
    yield from _rare_combinations(pool, values)


def _main_combinations(
    pool: Sequence[AnsweredTask], tasks: Sequence[AnsweredTask], values: dict[Filter, tuple[str, ...]]
) -> Iterator[Planned]:
    """Every pair, then every triple of the main classes; pairs that both exist go first."""
    triples = [triple for triple in product(MAIN_CLASSES, repeat=3) if sum(each != ABSENT for each in triple) > 1]
    for index, classes in enumerate(triples):
        task = pool[index % len(pool)]
        asked: list[FilterValue] = list(
            matching(task, *(name for name, each in zip(Filter, classes, strict=True) if each == MATCHING))
        )
        for name, each in zip(Filter, classes, strict=True):
            value = None
            if each == OTHER:
                value = other_value(name, task, asked, tasks)
            elif each == UNKNOWN:
                value = _of_class(CLASSES[name][0], task.value_of(name) or SYNTHETIC[name], values[name])
            if value:
                asked.append(FilterValue(name, value, each))
        asked.sort(key=lambda item: list(Filter).index(item.name))
        if len(asked) == sum(each != ABSENT for each in classes):
            yield Planned(_tier_of(classes), "combinations", select(asked))


def _tier_of(classes: tuple[str, ...]) -> int:
    present = [each for each in classes if each != ABSENT]
    if UNKNOWN not in present:
        mixed = OTHER in present and MATCHING in present
        return 1 if len(present) == 2 and (mixed or OTHER not in present) else 2
    return 3 if len(present) == 2 and MATCHING in present else 4


def _rare_combinations(pool: Sequence[AnsweredTask], values: dict[Filter, tuple[str, ...]]) -> Iterator[Planned]:
    """A rarer class of one filter beside a matching value of another."""
    for (name, other), offset in zip(combinations(Filter, 2), range(3), strict=True):
        for index, unselective in enumerate(CLASSES[name][1:]):
            task = pool[(index + offset) % len(pool)]
            value = unselective.make(task.value_of(name) or SYNTHETIC[name])
            beside = matching(task, other)
            if value and value not in values[name] and beside:
                yield Planned(4, "combinations", select([FilterValue(name, value, unselective.name), *beside]))


def _combinations_of_nothing() -> Iterator[Planned]:
    for names in combinations(Filter, 2):
        asked = [FilterValue(name, SYNTHETIC[name], MATCHING if name is Filter.TYPE else UNKNOWN) for name in names]
        yield Planned(3, "combinations", select(asked))
