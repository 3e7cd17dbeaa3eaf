"""Hypothesis strategies for filters, drawn from the values that the endpoint itself shows."""

from __future__ import annotations

from dataclasses import dataclass, replace
from itertools import combinations
from typing import TYPE_CHECKING, Any, Final

from hypothesis import strategies as st

from pytest_cce_precheck._text import did_you_mean
from pytest_cce_precheck.errors import ConfigurationError
from pytest_cce_precheck.explore.classes import CLASSES, EMPTY, MATCHING, UNKNOWN, unknown_value
from pytest_cce_precheck.explore.queries import SYNTHETIC, FilterValue
from pytest_cce_precheck.wire.vocabulary import Filter, TaskType

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping, Sequence

    from pytest_cce_precheck.explore.classes import Unselective

Subset = tuple[Filter, ...]


def _name(value_class: Unselective | str) -> str:
    return value_class if isinstance(value_class, str) else value_class.name


# Weights are repeated entries of lists to sample from, the simplest first: examples shrink towards the beginning.
# Hypothesis makes the same choices only once; with the repetition it can repeat the few queries of a small cluster.
_ONE_TASK, _SEVERAL_TASKS, _ODD = "one task", "several tasks", "odd"
_ORIGINS: Final = {
    1: (_ONE_TASK,) * 56 + (_SEVERAL_TASKS,) * 12 + (_ODD,) * 32,
    2: (_ONE_TASK,) * 44 + (_SEVERAL_TASKS,) * 44 + (_ODD,) * 12,
    3: (_ONE_TASK,) * 44 + (_SEVERAL_TASKS,) * 44 + (_ODD,) * 12,
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
_MUTATED: Final = "mutated"
_ODD_CLASSES: Final[Mapping[Filter, tuple[Unselective | str, ...]]] = {
    name: (*classes, EMPTY, _MUTATED, _MUTATED) for name, classes in CLASSES.items()
}
CLASS_NAMES: Final = tuple(dict.fromkeys(_name(each) for classes in _ODD_CLASSES.values() for each in classes))
"""The classes of values that do not exist; the class of those that do is `classes.MATCHING`."""
# all characters that a URL can hold
_TEXT: Final = st.text(st.characters(exclude_categories=["Cs"]), min_size=1, max_size=40)
_MOST_WEIGHT: Final = 1000
_MUTATION: Final = st.tuples(st.integers(0, 40), st.integers(0, 3), _TEXT)


@dataclass(frozen=True)
class Wanted:
    """Which combinations are drawn: of how many filters, with values that exist or of which classes, how often.

    With ``classes``, each combination has a value of one of them; if `classes.MATCHING` is among them, combinations of
    existing values are drawn too. ``existing`` is the same as that class alone. ``weights`` holds the weight of a
    combination by the names of its filters, joined by ``+``: "type", "type+task_id", "" for none; 0 means never.
    """

    at_least: int = 0
    at_most: int = len(Filter)
    existing: bool = False
    classes: tuple[str, ...] | None = None
    weights: tuple[tuple[str, int], ...] = ()

    @classmethod
    def of(
        cls,
        *,
        at_least: int = 0,
        at_most: int = len(Filter),
        existing: bool = False,
        classes: Iterable[str] | None = None,
        weights: Mapping[str, int] | None = None,
    ) -> Wanted:
        """Return what is wanted; raises `ConfigurationError` if that is nothing, or is not known."""
        if isinstance(classes, str):
            raise ConfigurationError(f"classes={classes!r}: expected a list of classes, such as [{classes!r}]")
        wanted = cls(at_least, at_most, existing, None if classes is None else tuple(classes), ())
        for each in wanted.classes or ():
            if each not in (MATCHING, *CLASS_NAMES):
                near = did_you_mean(str(each), (MATCHING, *CLASS_NAMES)) or f": expected {', '.join(CLASS_NAMES)}"
                raise ConfigurationError(f"classes: there is no class {each!r}{near}")
        if existing and classes is not None:
            raise ConfigurationError("existing=True draws existing values only: leave it or classes out")
        names = {"+".join(subset): subset for subset in _SUBSETS}
        for name, weight in (weights or {}).items():
            if name not in names:
                raise ConfigurationError(
                    f"weights: there is no combination {name!r}{did_you_mean(str(name), names)}: expected some of"
                    f" {', '.join(map(repr, names))}"
                )
            if isinstance(weight, bool) or not isinstance(weight, int) or not 0 <= weight <= _MOST_WEIGHT:
                raise ConfigurationError(f"weights: {name!r} is {weight!r}: expected a number from 0 to {_MOST_WEIGHT}")
        wanted = replace(wanted, weights=tuple((weights or {}).items()))
        if not wanted.subsets:
            asked = [f"at_least={at_least}", f"at_most={at_most}"]
            asked += [f"classes={list(wanted.classes)!r}"] if wanted.classes is not None else []
            asked += [f"weights={dict(wanted.weights)!r}"] if wanted.weights else []
            raise ConfigurationError(f"{', '.join(asked)}: no combination of the {len(Filter)} filters is such")
        return wanted

    @property
    def takes_existing(self) -> bool:
        """Whether combinations of existing values are drawn."""
        return self.classes is None or MATCHING in self.classes

    def odd_classes(self, name: Filter) -> tuple[Unselective | str, ...]:
        """Return the classes of a filter's values that do not exist."""
        if self.existing:
            return ()
        return tuple(each for each in _ODD_CLASSES[name] if self.classes is None or _name(each) in self.classes)

    @property
    def subsets(self) -> dict[Subset, int]:
        """The combinations of filters with their weights, the fewest filters first."""
        given = dict(self.weights)
        return {
            subset: weight
            for subset, usual in _SUBSETS.items()
            if self.at_least <= len(subset) <= self.at_most
            and (weight := given.get("+".join(subset), usual))
            and (self.takes_existing or any(map(self.odd_classes, subset)))
        }

    def takes(self, asked: Sequence[FilterValue]) -> bool:
        """Whether a recorded combination is one that is wanted."""
        odd = {item.value_class for item in asked} - {MATCHING}
        if tuple(item.name for item in asked) not in self.subsets or (self.existing and odd):
            return False
        return self.classes is None or (odd <= set(self.classes) if odd else self.takes_existing)


def values(name: Filter, known: Sequence[str]) -> st.SearchStrategy[FilterValue]:
    """Draw a value of one filter with its class: one that exists, one of `explore.classes`, or a mutation of it."""
    cluster = _Cluster({}, [{name: value} for value in known], Wanted())
    return _combinations(cluster, cluster.subsets({(name,): 1})).map(lambda asked: asked[0])


def filters(
    known: Mapping[Filter, Sequence[str]] | None = None,
    *,
    tasks: Sequence[Mapping[Filter, str]] = (),
    **wanted: Any,
) -> st.SearchStrategy[tuple[FilterValue, ...]]:
    """Draw a combination of filters.

    ``known`` holds values that exist, ``tasks`` the values of each task (`classes.values_of`). With tasks, at least
    half of all combinations select one, with one, two and three filters; ``known`` alone does not say which values
    belong to one task. Both documented types exist, unless ``known`` lists others. ``wanted`` are the arguments of
    `Wanted.of`: at_least, at_most, existing, classes, weights.
    Shrinks towards fewer filters and towards the values of one task. Raises `ConfigurationError` if no combination is
    as wanted.
    """
    return filters_wanted(Wanted.of(**wanted), known, tasks)


def filters_wanted(
    wanted: Wanted, known: Mapping[Filter, Sequence[str]] | None, tasks: Sequence[Mapping[Filter, str]]
) -> st.SearchStrategy[tuple[FilterValue, ...]]:
    """Draw a combination that is ``wanted``; otherwise as `filters`."""
    known = {Filter.TYPE: tuple(map(str, TaskType)), **(known or {})}
    cluster = _Cluster(known, tasks, wanted)
    return _combinations(cluster, cluster.subsets(wanted.subsets))


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

    def __init__(
        self, known: Mapping[Filter, Sequence[str]], tasks: Sequence[Mapping[Filter, str]], wanted: Wanted
    ) -> None:
        self._tasks = _by_turns(tasks or _side_by_side(known))
        self._listed = bool(tasks)
        self.existing = {
            name: dict.fromkeys((*known.get(name, ()), *(task[name] for task in tasks if name in task)))
            for name in Filter
        }
        values = {name: [*self.existing[name]] or [SYNTHETIC[name]] for name in Filter}
        self.values = {name: st.sampled_from(each) for name, each in values.items()}
        first = {name: each[0] for name, each in values.items()}
        self.of_one_task = {subset: st.sampled_from(self._having(subset) or [first]) for subset in wanted.subsets}
        odd = {name: wanted.odd_classes(name) for name in Filter}
        self.odd_classes = {name: st.sampled_from(classes) for name, classes in odd.items() if classes}
        self.odd_places = {subset: self._odd_places(subset) for subset in _SUBSETS}
        self.origins = {
            subset: st.sampled_from(
                [
                    origin
                    for origin in _ORIGINS[len(subset)]
                    if (self.odd_places[subset] is not None if origin is _ODD else wanted.takes_existing)
                ]
            )
            for subset in wanted.subsets
            if subset
        }

    def _odd_places(self, subset: Subset) -> st.SearchStrategy[tuple[int, ...]] | None:
        """Draw which values are odd: one of them as often as all that can be; None if none can be."""
        places = [place for place, name in enumerate(subset) if name in self.odd_classes]
        every = (tuple(places),) * (len(places) if len(places) > 1 else 0)
        return st.sampled_from((*((place,) for place in places), *every)) if places else None

    def subsets(self, weights: Mapping[Subset, int]) -> st.SearchStrategy[Subset]:
        """Draw which filters are given; a combination that no listed task has values for is drawn less often."""
        rare = {each for each in weights if self._listed and not self._having(each)}
        return st.sampled_from([each for each, weight in weights.items() for _ in range(1 if each in rare else weight)])

    def _having(self, subset: Subset) -> list[Mapping[Filter, str]]:
        # the same index is the same task in all subsets, so that shrinking can drop a filter and keep the values
        return [task for task in self._tasks if task.keys() >= set(subset)]

    def asked(self, name: Filter, value: str) -> FilterValue:
        """Return a value with its class, made only when it is drawn: there may be many."""
        return FilterValue(name, value, MATCHING if value in self.existing[name] else UNKNOWN)


@st.composite
def _combinations(draw: st.DrawFn, cluster: _Cluster, subsets: st.SearchStrategy[Subset]) -> tuple[FilterValue, ...]:
    subset = draw(subsets)
    if not subset:
        return ()
    origin = draw(cluster.origins[subset])
    task = draw(cluster.of_one_task[subset])
    asked = tuple(cluster.asked(name, task[name]) for name in subset)
    if origin == _ONE_TASK:
        return asked
    if origin == _SEVERAL_TASKS:
        replaced = draw(_REPLACED[subset])
        other = cluster.asked(replaced, draw(cluster.values[replaced]))
        return tuple(other if item.name is replaced else item for item in asked)
    odd_places = cluster.odd_places[subset]
    assert odd_places is not None
    places = draw(odd_places)
    return tuple(_odd(draw, item, cluster) if place in places else item for place, item in enumerate(asked))


def _odd(draw: st.DrawFn, real: FilterValue, cluster: _Cluster) -> FilterValue:
    """Make an odd value from a real one: a service that takes one for the other lists a task."""
    chosen, existing = draw(cluster.odd_classes[real.name]), cluster.existing[real.name]
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
