"""``cce-precheck cassettes diff``: what two recordings show of the answers' shape, and what changed."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from pytest_cce_precheck.cassette.files import read
from pytest_cce_precheck.cassette.importers.foreign import is_call
from pytest_cce_precheck.cli.cassettes.found import cassettes_in
from pytest_cce_precheck.drift.shape import changes_between, shapes_of
from pytest_cce_precheck.errors import ConfigurationError
from pytest_cce_precheck.report.text import one_line

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping
    from pathlib import Path

    from pytest_cce_precheck.cassette.format import Cassette
    from pytest_cce_precheck.drift.shape import Change
    from pytest_cce_precheck.wire.exchange import Exchange


@dataclass(frozen=True)
class Difference:
    """A change, and the cassettes that show it by themselves; none where only all together do."""

    change: Change
    seen_in: tuple[str, ...]

    def to_dict(self) -> dict[str, Any]:
        """Return what machines read."""
        return {**self.change.to_dict(), "seen_in": list(self.seen_in)}


@dataclass(frozen=True)
class Comparison:
    """What is otherwise in the cassettes that both sides have, and which only one of them has."""

    compared: tuple[str, ...]
    only_old: tuple[str, ...]
    only_new: tuple[str, ...]
    differences: tuple[Difference, ...]

    def to_dict(self) -> dict[str, Any]:
        """Return what machines read."""
        return {
            "compared": list(self.compared),
            "only_old": list(self.only_old),
            "only_new": list(self.only_new),
            "changes": [difference.to_dict() for difference in self.differences],
        }


def compared(old: Path, new: Path) -> Comparison:
    """Compare two cassettes, or those of two folders that have the same name.

    The answers of all of them together make the shape, since one test alone sees but little of it. Raises
    `CassetteError` and `ConfigurationError`.
    """
    before, now = _exchanges_of(old), _exchanges_of(new)
    if old.is_dir() != new.is_dir():
        raise ConfigurationError(f"{old} and {new} cannot be compared: one is a folder, the other a file")
    if not old.is_dir():
        # two files are compared whatever they are called
        before = {new.name: before[old.name]}
    names = [name for name in before if name in now]
    if not names:
        raise ConfigurationError(f"{old} and {new} have no cassette of the same name, so nothing can be compared")
    together = changes_between(*(shapes_of(each for name in names for each in side[name]) for side in (before, now)))
    alone = {name: {_key(each) for each in _changes(before[name], now[name])} for name in names}
    return Comparison(
        tuple(names),
        tuple(name for name in before if name not in now),
        tuple(name for name in now if name not in before),
        tuple(Difference(each, tuple(name for name in names if _key(each) in alone[name])) for each in together),
    )


def in_words(comparison: Comparison) -> Iterator[str]:
    """Write a comparison, each line with its end: a change a line, then the sum."""
    for name in comparison.only_old:
        yield f"note: {name} is in the old folder alone\n"
    for name in comparison.only_new:
        yield f"note: {name} is in the new folder alone\n"
    for difference in comparison.differences:
        change, names = difference.change, difference.seen_in
        where = f" [{names[0]}{f' and {len(names) - 1} more' if len(names) > 1 else ''}]" if names else ""
        text = f"{change.grade}: {change.about} {change.path} {change.what}: {change.old} → {change.new}{where}"
        yield one_line(text) + "\n"
    number = len(comparison.compared)
    yield f"{number} cassette{'s' if number != 1 else ''} compared: {_sum(comparison)}\n"


def _sum(comparison: Comparison) -> str:
    grades = [difference.change.grade for difference in comparison.differences]
    counts = [(grade, grades.count(grade)) for grade in ("error", "warning", "note")]
    said = [f"{number} {grade}{'s' if number != 1 else ''}" for grade, number in counts if number]
    return ", ".join(said) or "the answers have the same shape"


def _key(change: Change) -> tuple[str, str, str]:
    return change.about, change.path, change.what


def _changes(before: list[Exchange], now: list[Exchange]) -> tuple[Change, ...]:
    return changes_between(shapes_of(before), shapes_of(now))


def _exchanges_of(path: Path) -> Mapping[str, list[Exchange]]:
    if not path.is_dir():
        return {path.name: list(_exchanges(read(path)))}
    found = {}
    for each in cassettes_in(path):
        if each.cassette is None:
            raise ConfigurationError(each.problem)
        found[each.name] = list(_exchanges(each.cassette))
    return found


def _exchanges(cassette: Cassette) -> Iterator[Exchange]:
    for recording in cassette:
        if recording.exchange is not None and is_call(recording.request.method, recording.request.path):
            yield recording.exchange
