"""``cce-precheck cassettes diff``: compare the shape of the answers in two recordings."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from pytest_cce_precheck._text import count_of, listed
from pytest_cce_precheck.cassette.files import read
from pytest_cce_precheck.cassette.importers.foreign import is_call
from pytest_cce_precheck.cli.cassettes.folder import cassettes_in
from pytest_cce_precheck.drift.comparison import changes_between
from pytest_cce_precheck.errors import ConfigurationError
from pytest_cce_precheck.report.text import one_line

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping
    from pathlib import Path

    from pytest_cce_precheck.cassette.format import Cassette
    from pytest_cce_precheck.drift.comparison import Drift
    from pytest_cce_precheck.wire.exchange import Exchange


@dataclass(frozen=True)
class CassetteComparison:
    """What differs in the cassettes that both sides have, and the cassettes that only one side has.

    Each difference has the cassettes that show it alone; none if only all of them together do.
    """

    compared: tuple[str, ...]
    only_old: tuple[str, ...]
    only_new: tuple[str, ...]
    differences: tuple[tuple[Drift, tuple[str, ...]], ...]

    def to_dict(self) -> dict[str, Any]:
        """Return the comparison for programs."""
        return {
            "compared": list(self.compared),
            "only_old": list(self.only_old),
            "only_new": list(self.only_new),
            "changes": [
                {
                    "grade": each.grade,
                    "about": each.key.kind,
                    "path": each.path,
                    "what": each.what,
                    "old": each.old,
                    "new": each.new,
                    "seen_in": list(seen_in),
                }
                for each, seen_in in self.differences
            ],
        }


def compared(old: Path, new: Path) -> CassetteComparison:
    """Compare two cassettes, or those with the same name in two folders.

    The shape is that of the answers of all cassettes together, because a single test sees little of it. Raises
    `CassetteError` and `ConfigurationError`.
    """
    before, now = _exchanges_of(old), _exchanges_of(new)
    if old.is_dir() != new.is_dir():
        raise ConfigurationError(f"{old} and {new} cannot be compared: one is a folder, the other a file")
    if not old.is_dir():
        # two files are compared whatever their names are
        before = {new.name: before[old.name]}
    names = tuple(name for name in before if name in now)
    if not names:
        raise ConfigurationError(f"{old} and {new} have no cassette of the same name, so nothing can be compared")
    together = changes_between(*([each for name in names for each in side[name]] for side in (before, now)))
    alone = {name: {each.key for each in changes_between(before[name], now[name])} for name in names}
    return CassetteComparison(
        names,
        tuple(name for name in before if name not in now),
        tuple(name for name in now if name not in before),
        tuple((each, tuple(name for name in names if each.key in alone[name])) for each in together),
    )


def in_words(comparison: CassetteComparison) -> Iterator[str]:
    """Yield a line for each difference, then the sum."""
    for side, names in (("old", comparison.only_old), ("new", comparison.only_new)):
        yield from (f"note: {name} is only in the {side} folder" for name in names)
    for change, seen_in in comparison.differences:
        yield one_line(f"{change.grade}: {change.said}{f' [{listed(seen_in, 1)}]' if seen_in else ''}")
    grades = [change.grade for change, _ in comparison.differences]
    counts = [count_of(grades.count(grade), grade) for grade in ("error", "warning", "note") if grade in grades]
    total = ", ".join(counts) or "the answers have the same shape"
    yield f"{count_of(len(comparison.compared), 'cassette')} compared: {total}"


def _exchanges_of(path: Path) -> Mapping[str, list[Exchange]]:
    if not path.is_dir():
        return {path.name: _exchanges(read(path))}
    found = {}
    for each in cassettes_in(path):
        if each.cassette is None:
            raise ConfigurationError(each.problem)
        found[each.name] = _exchanges(each.cassette)
    return found


def _exchanges(cassette: Cassette) -> list[Exchange]:
    return [each.exchange for each in cassette if each.exchange and is_call(each.request.method, each.request.path)]
