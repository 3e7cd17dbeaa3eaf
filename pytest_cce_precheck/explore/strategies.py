"""Hypothesis strategies for filters, drawn from the ids that the endpoint itself shows."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from hypothesis import strategies as st

from pytest_cce_precheck.explore.classes import CLASSES, EMPTY, MATCHING, UNKNOWN
from pytest_cce_precheck.explore.questions import SYNTHETIC, Asked
from pytest_cce_precheck.wire.vocabulary import Filter

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

# everything but what a URL cannot hold at all
_MADE_FROM: Final = 8
_TEXT: Final = st.text(st.characters(exclude_categories=["Cs"]), min_size=1, max_size=40)


def values(name: Filter, known: Sequence[str]) -> st.SearchStrategy[Asked]:
    """Draw a value of one filter with its class: one that exists, one of `explore.classes`, or a mutation of either."""
    real = list(known) or [SYNTHETIC[name]]
    listed = [Asked(name, value, MATCHING if value in known else UNKNOWN) for value in real]
    # in one list, so that shrinking goes towards values that exist and not towards the empty one
    listed += [
        Asked(name, text, each.name)
        for value in real[:_MADE_FROM]
        for each in CLASSES[name]
        if (text := each.make(value)) and text not in known
    ]
    listed.append(Asked(name, "", EMPTY))
    mutated = st.builds(_mutated, st.sampled_from(real), st.integers(0, 40), st.integers(0, 3), _TEXT)
    beyond = mutated.filter(lambda text: bool(text) and text not in known).map(
        lambda text: Asked(name, text, "mutated")
    )
    return st.sampled_from(listed) | beyond


def filters(known: Mapping[Filter, Sequence[str]], *, at_least: int = 0) -> st.SearchStrategy[tuple[Asked, ...]]:
    """Draw a combination of filters; ``known`` holds the values that the endpoint shows (`classes.known_values`).

    Shrinks towards fewer filters and towards values that exist.
    """
    each = [st.none() | values(name, known.get(name, ())) for name in Filter]
    drawn = st.tuples(*each).map(lambda given: tuple(item for item in given if item is not None))
    return drawn.filter(lambda given: len(given) >= at_least) if at_least else drawn


def _mutated(value: str, position: int, dropped: int, inserted: str) -> str:
    position = min(position, len(value))
    return value[:position] + inserted + value[position + dropped :]
