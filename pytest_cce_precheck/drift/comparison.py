"""Hold what a run saw of a service against what earlier runs saw: what is new, gone or changed, graded.

Nothing is told that the evidence does not carry, and nothing that the documents allow of themselves: a documented value
that was not seen before is none.
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import date
from types import MappingProxyType
from typing import TYPE_CHECKING, Final

from pytest_cce_precheck.contract.documented import documented
from pytest_cce_precheck.contract.findings import Finding
from pytest_cce_precheck.contract.rules import rules
from pytest_cce_precheck.drift.dialects import UNLIKELY, DeviationCounts, by_chance, least_of
from pytest_cce_precheck.drift.traits import NO_TIME, Trait, Traits, share_of

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping, Sequence

    from pytest_cce_precheck.contract.documented import Documented
    from pytest_cce_precheck.drift.dialects import DeviationRecord
    from pytest_cce_precheck.drift.shape import Grade
    from pytest_cce_precheck.drift.traits import Share

CODES: Final[Mapping[str, str]] = MappingProxyType({"error": "PRE520", "warning": "PRE521", "note": "PRE590"})
MENDED: Final = "type mended"
"""The aspect of what is told once, and known with that."""
FLIP: Final = "PRE522"
FEW: Final = 3
"""Fewer timestamps say nothing of how a service writes them."""
_PART: Final = 5
_RESOLUTIONS: Final[Mapping[str, str]] = MappingProxyType(
    {"0": "whole seconds", "1": "milliseconds", "2": "microseconds", "3": "nanoseconds", NO_TIME: "none, no RFC 3339"}
)
# the deviation final-without-expiry tells of it (`dialects`)
_LEFT_TO_DEVIATIONS: Final = ".metadata.expireTimeStamp"


@dataclass(frozen=True)
class Drift:
    """One thing that is not as it was; ``aspect`` is what of the field, ``old`` and ``new`` are in words."""

    code: str
    grade: Grade
    kind: str
    path: str
    aspect: str
    what: str
    old: str
    new: str
    since: date = date.min

    @property
    def key(self) -> str:
        """What it is about; the same in every run."""
        return " ".join(filter(None, (self.kind, self.path, self.aspect)))

    @property
    def said(self) -> str:
        """The fact, without the place that it is about and the day."""
        return f"{' '.join(filter(None, (self.kind, self.path)))} {self.what}: {self.old} → {self.new}"

    def finding(self, target: str) -> Finding:
        """Return it as a finding about ``target``."""
        return Finding(
            self.code,
            f"{self.said} (since {self.since}, {target})",
            path=self.path,
            subject=tuple(filter(None, (self.kind, self.path, self.aspect, target))),
            evidence=(("before", self.old), ("now", self.new), ("since", str(self.since)), ("target", target)),
        )


# ---- the shape of answers


def drifts(kind: str, known: Traits | None, seen: Traits) -> Iterator[Drift]:
    """Return what is otherwise in answers of one kind; nothing if there were none before."""
    if known is None:
        return
    described = documented(kind)
    for path in sorted({*known.fields, *seen.fields}):
        entry = described.get(path)
        before, now = known.fields.get(path, Trait()), seen.fields.get(path, Trait())
        retyped = list(_other_type(before, now, entry))
        for grade, aspect, what, old, new in (
            *retyped,
            *_new_words(before, now, entry),
            *_other_fraction(before, now),
            # null where there was nothing is one change, not two
            *(() if retyped else _other_presence(path, known, seen, entry)),
        ):
            yield Drift(CODES[grade], grade, kind, path, aspect, what, old, new)


_Change = tuple["Grade", str, str, str, str]


def _other_type(before: Trait, now: Trait, entry: Documented | None) -> Iterator[_Change]:
    new, old = set(now.types) - set(before.types), set(before.types)
    if entry is None:
        # whether it may be null, nobody has said
        new, old = new - {"null"}, old - {"null"}
    types = ", ".join(before.types), ", ".join(now.types)
    if not new or not old:
        return
    if entry is None:
        yield "warning", "type", "its type is another", *types
    elif now.types == (entry.type,):
        yield "note", MENDED, "its type is the documented one again", *types
    elif new != {entry.type}:
        yield "error", "type", "its type is another", *types


def _new_words(before: Trait, now: Trait, entry: Documented | None) -> Iterator[_Change]:
    if entry is not None and entry.words and before.words:
        for word in sorted(set(now.words) - set(before.words) - entry.words):
            yield "warning", f"word {word}", "a value that no document names", ", ".join(before.words), word


def _other_fraction(before: Trait, now: Trait) -> Iterator[_Change]:
    number = sum(now.fractions.values())
    for resolution in _new_fractions(before, now):
        there = now.fractions[resolution]
        if sum(before.fractions.values()) >= FEW and there >= FEW and there * _PART >= number:
            old = ", ".join(_RESOLUTIONS[each] for each in before.fractions)
            new = f"{_RESOLUTIONS[resolution]} ({there} of {number})"
            yield "warning", "fraction", "its timestamps have another resolution", old, new
            return


def _new_fractions(before: Trait, now: Trait) -> list[str]:
    return [each for each in now.fractions if each not in before.fractions]


def _other_presence(path: str, known: Traits, seen: Traits, entry: Documented | None) -> Iterator[_Change]:
    if path == "$" or path.endswith(("[*]", _LEFT_TO_DEVIATIONS)):
        return
    before, now = share_of(path, known), share_of(path, seen)
    (had, of), (has, again) = sum_of(before), sum_of(now)
    if not of or not again:
        return
    if entry is not None and entry.required:
        gone = had and not has and by_chance([(had, of, again)]) < UNLIKELY
        if (had == of and has < again) or gone:
            what = f"a required field is {'missing at times' if has else 'gone'}"
            yield "error", "presence", what, _often(had, of), _often(has, again)
        return
    gone_from, come_to = _only(before, now), _only(now, before)
    if _tells(before, now, gone_from):
        yield "warning", "presence", f"a field is gone{_of(gone_from) if has else ''}", *_sides(before, now, gone_from)
    elif _tells(now, before, come_to):
        what = f"a {'documented' if entry else 'new'} field that was not there{_of(come_to) if had else ''}"
        yield "note", "presence", what, *_sides(before, now, come_to)


def _only(one: Mapping[str, Share], other: Mapping[str, Share]) -> list[str]:
    """Return the circumstances in which the first has a field, and the other never."""
    return [about for about, (have, _) in one.items() if have and other.get(about, (1, 1))[0] == 0]


def _tells(one: Mapping[str, Share], other: Mapping[str, Share], circumstances: Sequence[str]) -> bool:
    groups = [(*one[about], other[about][1]) for about in circumstances]
    # circumstances that were picked because they differ have to differ more
    picked = any(have and other.get(about, (0, 0))[0] for about, (have, _) in one.items())
    return bool(groups) and by_chance(groups) < (UNLIKELY / 10 if picked else UNLIKELY)


def _of(circumstances: Sequence[str]) -> str:
    return f" in what is {', '.join(circumstances)}"


def _sides(before: Mapping[str, Share], now: Mapping[str, Share], circumstances: Sequence[str]) -> tuple[str, str]:
    old, new = ({about: share[about] for about in circumstances} for share in (before, now))
    return _often(*sum_of(old)), _often(*sum_of(new))


def sum_of(share: Mapping[str, Share]) -> Share:
    """Add up the shares of all circumstances."""
    return sum(have for have, _ in share.values()), sum(of for _, of in share.values())


def _often(have: int, of: int) -> str:
    word = "never" if not have else "always" if have == of else "sometimes"
    return f"{word} ({have} of {of})"


# ---- deviations


def flip_key(key: str) -> str:
    """Return the key of the drift that tells of a deviation."""
    code, _, call = key.partition(" ")
    return f"{call} deviation {rules()[code].name}"


def flips(
    key: str, voice: DeviationRecord | None, spoken: DeviationCounts, today: date, *, lately: bool
) -> Iterator[Drift]:
    """Return the deviation where a target has taken it up, or given it up.

    ``lately`` tells that it did so some days ago: then that it is as before again is a flip too.
    """
    if voice is None or spoken.number < least_of(key):
        return
    differs = voice.spoken.differs(spoken, least_of(key))
    days = voice.plain if spoken.shown else voice.shown
    if not differs and not (lately and days):
        return
    code, _, call = key.partition(" ")
    name = rules()[code].name
    what = f"{code} {name} is {'shown' if spoken.shown else 'shown no longer'}"
    old = (
        f"{_share(voice.spoken)} {_days(days)}"
        if differs
        else f"{'not shown' if spoken.shown else 'shown'} {_days(days)}"
    )
    yield Drift(FLIP, "warning", call, "", f"deviation {name}", what, old, f"{_share(spoken)} on {today}")


def _days(days: tuple[date, date] | None) -> str:
    if days is None:
        return "before"
    return f"on {days[0]}" if days[0] == days[1] else f"from {days[0]} to {days[1]}"


def _share(spoken: DeviationCounts) -> str:
    return f"{spoken.shown} of {spoken.number}"


def mixed(key: str, spoken: DeviationCounts, today: date) -> Drift | None:
    """Return a finding where the same tasks were shown with a deviation and without it, in one run."""
    if not spoken.both:
        return None
    code, _, call = key.partition(" ")
    name = rules()[code].name
    what = f"{code} {name} comes and goes within one run, where the same is asked again"
    number = f"{spoken.both} of {spoken.number}"
    return Drift(FLIP, "warning", call, "", f"deviation {name} in turns", what, "always or never", number, today)


def apart(spoken: Mapping[str, Mapping[str, DeviationCounts]], today: date) -> Iterator[Finding]:
    """Return a finding for each deviation that some targets of a run show and others do not; targets by their names."""
    for key in sorted({key for each in spoken.values() for key in each}):
        heard = {
            name: each[key]
            for name, each in sorted(spoken.items())
            if key in each and each[key].number >= least_of(key)
        }
        sides = [[name for name, each in heard.items() if bool(each.shown) is shown] for shown in (True, False)]
        if any(heard[one].differs(heard[other], least_of(key)) for one in sides[0] for other in sides[1]):
            code, _, call = key.partition(" ")
            showing, plain = (", ".join(f"{name} ({_share(heard[name])})" for name in side) for side in sides)
            yield Finding(
                FLIP,
                f"{call} {code} {rules()[code].name} is shown by {showing}, and not by {plain}, on {today}",
                subject=(call, f"deviation {rules()[code].name}", "between targets"),
                evidence=(("shown by", showing), ("not by", plain), ("on", str(today))),
            )
