"""Hypothesis strategies for filters, drawn from the values that the endpoint itself shows."""

from __future__ import annotations

from itertools import combinations
from typing import TYPE_CHECKING, Final

from hypothesis import strategies as st

from pytest_cce_precheck.errors import ConfigurationError
from pytest_cce_precheck.explore.classes import CLASSES, EMPTY, MATCHING, UNKNOWN, unknown_value
from pytest_cce_precheck.explore.queries import SYNTHETIC, FilterValue
from pytest_cce_precheck.wire.vocabulary import Filter, TaskType

if TYPE_CHECKING:
    from collections.abc import Container, Mapping, Sequence

    from pytest_cce_precheck.explore.classes import Unselective

Subset = tuple[Filter, ...]

# Weights are repeated entries of lists to sample from, the simplest first: examples shrink towards the beginning.
# Hypothesis makes the same choices only once; with the repetition it can repeat the few queries of a small cluster.
_ONE_TASK, _SEVERAL_TASKS, _ODD = "one task", "several tasks", "odd"
_ORIGINS: Final = {
    1: st.sampled_from((_ONE_TASK,) * 56 + (_SEVERAL_TASKS,) * 12 + (_ODD,) * 32),
    2: st.sampled_from((_ONE_TASK,) * 44 + (_SEVERAL_TASKS,) * 44 + (_ODD,) * 12),
    3: st.sampled_from((_ONE_TASK,) * 44 + (_SEVERAL_TASKS,) * 44 + (_ODD,) * 12),
}
# the type alone is drawn most often: no other filter selects so many tasks, any of which may be wrong
_SUBSETS: Final[Mapping[Subset, int]] = {
    (): 2,
    (Filter.TYPE,): 18,
    (Filter.TASK_ID,): 6,
    (Filter.ADDON_INSTANCE_ID,): 6,
    **dict.fromkeys(combinations(Filter, 2), 4),
    tuple(Filter): 9,
}
# the type is replaced most often: there are two of them, so half of these combinations select a task all the same
_REPLACED: Final = {
    subset: st.sampled_from([name for name in subset for _ in range(4 if name is Filter.TYPE else 1)])
    for subset in _SUBSETS
    if subset
}
# one odd value is drawn as often as only odd values
_ODD_PLACES: Final = {
    1: st.just((0,)),
    2: st.sampled_from(((0,), (1,), *((0, 1),) * 2)),
    3: st.sampled_from(((0,), (1,), (2,), *((0, 1, 2),) * 3)),
}
_MUTATED: Final = "mutated"
_ODD_CLASSES: Final[Mapping[Filter, st.SearchStrategy[Unselective | str]]] = {
    name: st.sampled_from((*classes, EMPTY, _MUTATED, _MUTATED)) for name, classes in CLASSES.items()
}
# all characters that a URL can hold
_TEXT: Final = st.text(st.characters(exclude_categories=["Cs"]), min_size=1, max_size=40)
_MUTATION: Final = st.tuples(st.integers(0, 40), st.integers(0, 3), _TEXT)


def values(name: Filter, known: Sequence[str]) -> st.SearchStrategy[FilterValue]:
    """Draw a value of one filter with its class: one that exists, one of `explore.classes`, or a mutation of it."""
    cluster = _Cluster({}, [{name: value} for value in known])
    return _combinations(cluster, cluster.subsets({(name,): 1})).map(lambda asked: asked[0])


def filters(
    known: Mapping[Filter, Sequence[str]] | None = None,
    *,
    tasks: Sequence[Mapping[Filter, str]] = (),
    at_least: int = 0,
) -> st.SearchStrategy[tuple[FilterValue, ...]]:
    """Draw a combination of filters.

    ``known`` holds values that exist, ``tasks`` the values of each task (`classes.values_of`). With tasks, at least
    half of all combinations select one, with one, two and three filters; ``known`` alone does not say which values
    belong to one task. Both documented types exist, unless ``known`` lists others.
    Shrinks towards fewer filters and towards the values of one task. Raises `ConfigurationError` if there are fewer
    than ``at_least`` filters.
    """
    weights = {subset: weight for subset, weight in _SUBSETS.items() if len(subset) >= at_least}
    if not weights:
        raise ConfigurationError(f"at_least={at_least}: there are no more than {len(Filter)} filters")
    known = {Filter.TYPE: tuple(map(str, TaskType)), **(known or {})}
    cluster = _Cluster(known, tasks)
    return _combinations(cluster, cluster.subsets(weights))


def _side_by_side(known: Mapping[Filter, Sequence[str]]) -> list[dict[Filter, str]]:
    longest = max((len(each) for each in known.values()), default=0)
    return [{name: each[place % len(each)] for name, each in known.items() if each} for place in range(longest)]


def _by_turns(tasks: Sequence[Mapping[Filter, str]]) -> list[Mapping[Filter, str]]:
    """Alternate the types, repeating tasks of the rarer one, so that both are drawn equally often."""
    groups: dict[str | None, list[Mapping[Filter, str]]] = {}
    for task in tasks:
        groups.setdefault(task.get(Filter.TYPE), []).append(task)
    longest = max(map(len, groups.values()), default=0)
    return [group[place % len(group)] for place in range(longest) for group in groups.values()]


class _Cluster:
    """What exists, as strategies to draw from; made once for many draws."""

    def __init__(self, known: Mapping[Filter, Sequence[str]], tasks: Sequence[Mapping[Filter, str]]) -> None:
        self._tasks = _by_turns(tasks or _side_by_side(known))
        self._listed = bool(tasks)
        self.existing = {
            name: dict.fromkeys((*known.get(name, ()), *(task[name] for task in tasks if name in task)))
            for name in Filter
        }
        single = {
            name: [self._asked(name, each) for each in self.existing[name] or [SYNTHETIC[name]]] for name in Filter
        }
        self.values = {name: st.sampled_from(each) for name, each in single.items()}
        self.of_one_task = {
            subset: st.sampled_from(self._rows(subset) or [tuple(single[name][0] for name in subset)])
            for subset in _SUBSETS
        }

    def subsets(self, weights: Mapping[Subset, int]) -> st.SearchStrategy[Subset]:
        """Draw which filters are given; a combination that no listed task has values for is drawn less often."""
        rare = {each for each in weights if self._listed and not self._rows(each)}
        return st.sampled_from([each for each, weight in weights.items() for _ in range(1 if each in rare else weight)])

    def _rows(self, subset: Subset) -> list[tuple[FilterValue, ...]]:
        # the same index is the same task in all subsets, so that shrinking can drop a filter and keep the values
        rows = (tuple(self._asked(name, task[name]) for name in subset if name in task) for task in self._tasks)
        return [row for row in rows if len(row) == len(subset)]

    def _asked(self, name: Filter, value: str) -> FilterValue:
        return FilterValue(name, value, MATCHING if value in self.existing[name] else UNKNOWN)


@st.composite
def _combinations(draw: st.DrawFn, cluster: _Cluster, subsets: st.SearchStrategy[Subset]) -> tuple[FilterValue, ...]:
    subset = draw(subsets)
    if not subset:
        return ()
    origin = draw(_ORIGINS[len(subset)])
    asked = draw(cluster.of_one_task[subset])
    if origin == _ONE_TASK:
        return asked
    if origin == _SEVERAL_TASKS:
        replaced = draw(_REPLACED[subset])
        other = draw(cluster.values[replaced])
        return tuple(other if item.name is replaced else item for item in asked)
    places = draw(_ODD_PLACES[len(subset)])
    return tuple(
        _odd(draw, item, cluster.existing[item.name]) if place in places else item for place, item in enumerate(asked)
    )


def _odd(draw: st.DrawFn, real: FilterValue, existing: Container[str]) -> FilterValue:
    """Make an odd value from a real one: a service that takes one for the other lists a task."""
    chosen = draw(_ODD_CLASSES[real.name])
    if chosen == EMPTY:
        return FilterValue(real.name, "", EMPTY)
    if isinstance(chosen, str):
        position, dropped, inserted = draw(_MUTATION)
        made: str | None = real.value[:position] + inserted + real.value[position + dropped :]
    else:
        made = chosen.make(real.value)
    if not made or made in existing:
        return FilterValue(real.name, unknown_value(real.value, existing), UNKNOWN)
    return FilterValue(real.name, made, chosen if isinstance(chosen, str) else chosen.name)
