"""Compare what a run saw of a service with what earlier runs saw: what is new, gone or changed, graded.

Nothing is reported without enough evidence, nor what the documents allow: a documented value that was not seen before
is no change.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import date
from math import inf
from types import MappingProxyType
from typing import TYPE_CHECKING, Final, Literal, NamedTuple

from pytest_cce_precheck._text import count_of
from pytest_cce_precheck.contract.documented import Documented, documented
from pytest_cce_precheck.contract.findings import Finding
from pytest_cce_precheck.drift.deviation_counts import UNLIKELY, DeviationCounter, DeviationRecord, by_chance
from pytest_cce_precheck.drift.traits import NO_TIME, Observer, Share, Trait, Traits, parsed, share_of

if TYPE_CHECKING:
    from pytest_cce_precheck.drift.deviation_counts import DeviationCounts, DeviationKey
    from pytest_cce_precheck.wire.exchange import Exchange

Grade = Literal["error", "warning", "note"]
CODES: Final[Mapping[Grade, str]] = MappingProxyType({"error": "PRE520", "warning": "PRE521", "note": "PRE590"})
_DEVIATION_CODE: Final = "PRE522"
TYPE_FIXED: Final = "type mended"
"""The aspect of a change that is reported once, and known from then on."""
FEW: Final = 3
"""Fewer timestamps do not show how a service writes them."""
_RESOLUTIONS: Final[Mapping[str, str]] = MappingProxyType(
    {"0": "whole seconds", "1": "milliseconds", "2": "microseconds", "3": "nanoseconds", NO_TIME: "none, no RFC 3339"}
)


class Evidence(NamedTuple):
    """What it takes to report a change: how unlikely it is by chance, of how many timestamps, of which part of all."""

    unlikely: float
    few: int
    part: float


ENOUGH: Final = Evidence(UNLIKELY, FEW, 5)
"""Between two runs, which see some tasks of all that there are."""
ANY: Final = Evidence(inf, 1, inf)
"""Between two recordings, which are all that there is."""
# it is counted as the deviation final-without-expiry (`deviation_counts`)
_COUNTED_AS_DEVIATION: Final = ".metadata.expireTimeStamp"


class ChangeKey(NamedTuple):
    """What a change is about, the same in every run: a kind of answer, a field of it, and which aspect of the field.

    A deviation has the call as its kind, and no path.
    """

    kind: str
    path: str
    aspect: str

    def __str__(self) -> str:
        """Return it as people read it."""
        return " ".join(filter(None, self))


@dataclass(frozen=True)
class Drift:
    """One thing that has changed; ``what`` is the change, ``old`` and ``new`` are in words."""

    grade: Grade
    key: ChangeKey
    what: str
    old: str
    new: str
    since: date = date.min

    @property
    def code(self) -> str:
        """The code of its finding."""
        return CODES[self.grade] if self.path else _DEVIATION_CODE

    @property
    def path(self) -> str:
        """The field that it is about, empty if it is about a deviation."""
        return self.key.path

    @property
    def said(self) -> str:
        """The fact, without the target and the day."""
        return f"{ChangeKey(self.key.kind, self.path, '')} {self.what}: {self.old} → {self.new}"

    def finding(self, target: str) -> Finding:
        """Return it as a finding about ``target``."""
        return Finding(
            self.code,
            f"{self.said} (since {self.since}, {target})",
            path=self.path,
            subject=tuple(filter(None, (*self.key, target))),
            evidence=(("before", self.old), ("now", self.new), ("since", str(self.since)), ("target", target)),
        )


# ---- the shape of answers


def drifts(kind: str, known: Traits | None, seen: Traits, least: Evidence = ENOUGH) -> Iterator[Drift]:
    """Yield what has changed in answers of one kind; nothing if there were none before."""
    if known is None:
        return
    described = documented(kind)
    for path in sorted({*known.fields, *seen.fields}):
        entry = described.get(path)
        before, now = known.fields.get(path, Trait()), seen.fields.get(path, Trait())
        retyped = list(_type_changes(before, now, entry))
        for grade, aspect, *words in (
            *retyped,
            *_new_words(before, now, entry),
            *_resolution_changes(before, now, least),
            # null in place of nothing is one change, not two
            *(() if retyped else _presence_changes(path, known, seen, entry, least.unlikely)),
        ):
            yield Drift(grade, ChangeKey(kind, path, aspect), *words)


_Change = tuple["Grade", str, str, str, str]


def _type_changes(before: Trait, now: Trait, entry: Documented | None) -> Iterator[_Change]:
    new, old = set(now.types) - set(before.types), set(before.types)
    if entry is None:
        # no document says whether it may be null
        new, old = new - {"null"}, old - {"null"}
    if not new or not old:
        return
    types = ", ".join(before.types), ", ".join(now.types)
    if entry is not None and now.types == (entry.type,):
        yield "note", TYPE_FIXED, "its type is the documented one again", *types
    elif entry is None or new != {entry.type}:
        yield "warning" if entry is None else "error", "type", "its type has changed", *types


def _new_words(before: Trait, now: Trait, entry: Documented | None) -> Iterator[_Change]:
    if entry is not None and entry.words and before.words:
        for word in sorted(set(now.words) - set(before.words) - entry.words):
            yield "warning", f"word {word}", "an undocumented value", ", ".join(before.words), word


def _resolution_changes(before: Trait, now: Trait, least: Evidence) -> Iterator[_Change]:
    number = sum(now.fractions.values())
    for resolution, count in now.fractions.items():
        if resolution in before.fractions or count < least.few or count * least.part < number:
            continue
        if sum(before.fractions.values()) >= least.few:
            old = ", ".join(_RESOLUTIONS[each] for each in before.fractions)
            new = f"{_RESOLUTIONS[resolution]} ({count} of {number})"
            yield "warning", "fraction", "the resolution of its timestamps has changed", old, new
        return


def _presence_changes(
    path: str, known: Traits, seen: Traits, entry: Documented | None, unlikely: float
) -> Iterator[_Change]:
    if path == "$" or path.endswith(("[*]", _COUNTED_AS_DEVIATION)):
        return
    before, now = share_of(path, known), share_of(path, seen)
    (had, of), (has, again) = sum_of(before), sum_of(now)
    if not of or not again:
        return
    if entry is not None and entry.required:
        gone = had and not has and by_chance([(had, of, again)]) < unlikely
        if (had == of and has < again) or gone:
            what = f"a required field is {'missing at times' if has else 'gone'}"
            yield "error", "presence", what, _often(had, of), _often(has, again)
        return
    gone_from, come_to = _only(before, now), _only(now, before)
    where = f" in what is {', '.join(gone_from or come_to)}"
    if _is_evident(before, now, gone_from, unlikely):
        yield "warning", "presence", f"a field is gone{where if has else ''}", *_sides(before, now, gone_from)
    elif _is_evident(now, before, come_to, unlikely):
        what = f"a {'documented' if entry else 'new'} field that was not there{where if had else ''}"
        yield "note", "presence", what, *_sides(before, now, come_to)


def _only(one: Mapping[str, Share], other: Mapping[str, Share]) -> list[str]:
    """Return the circumstances in which the first has a field, and the other never has it."""
    return [about for about, (have, _) in one.items() if have and other.get(about, (1, 1))[0] == 0]


def _is_evident(
    one: Mapping[str, Share], other: Mapping[str, Share], circumstances: Sequence[str], unlikely: float
) -> bool:
    groups = [(*one[about], other[about][1]) for about in circumstances]
    # circumstances that were picked because they differ have to differ more
    picked = any(have and other.get(about, (0, 0))[0] for about, (have, _) in one.items())
    return bool(groups) and by_chance(groups) < (unlikely / 10 if picked else unlikely)


def _sides(before: Mapping[str, Share], now: Mapping[str, Share], circumstances: Sequence[str]) -> tuple[str, str]:
    old, new = ({about: share[about] for about in circumstances} for share in (before, now))
    return _often(*sum_of(old)), _often(*sum_of(new))


def sum_of(share: Mapping[str, Share]) -> Share:
    """Add up the shares of all circumstances."""
    return sum(have for have, _ in share.values()), sum(of for _, of in share.values())


def _often(have: int, of: int) -> str:
    often = "never" if not have else "always" if have == of else "sometimes"
    return f"{often} ({have} of {of})"


def changes_between(old: Iterable[Exchange], new: Iterable[Exchange]) -> list[Drift]:
    """Return what differs in two recordings: kinds of answers that one lacks, the shape of the others, deviations."""
    (before, had, known), (now, has, seen) = map(_observed, (old, new))
    found = []
    for kind in sorted({*had, *has}):
        if not has[kind] or not had[kind]:
            what = "not among the answers before" if has[kind] else "no longer among the answers"
            old_number, new_number = (count_of(n, "answer") if n else "none" for n in (had[kind], has[kind]))
            found.append(Drift("note", ChangeKey(kind, "$", "presence"), what, old_number, new_number))
        elif kind in now:
            found += drifts(kind, before.get(kind), now[kind], ANY)
    for key in known.keys() & seen.keys():
        found += deviation_changes(key, DeviationRecord(known[key]), seen[key])
    return sorted(found, key=lambda drift: drift.key)


def _observed(
    exchanges: Iterable[Exchange],
) -> tuple[Mapping[str, Traits], Counter[str], Mapping[DeviationKey, DeviationCounts]]:
    observer, counter, kinds = Observer(), DeviationCounter(), Counter[str]()
    for exchange in exchanges:
        if (found := parsed(exchange)) is not None:
            kinds[found[0]] += 1
            if observer.take(exchange):
                counter.take(exchange)
    return observer.traits, kinds, counter.counts


# ---- deviations


def change_of(key: DeviationKey) -> ChangeKey:
    """Return the key of a change of this deviation."""
    return ChangeKey(key.call, "", f"deviation {key.name}")


def deviation_changes(
    key: DeviationKey,
    record: DeviationRecord | None,
    counts: DeviationCounts,
    today: date | None = None,
    *,
    lately: bool = False,
) -> Iterator[Drift]:
    """Yield the change if a target has begun or ceased to show a deviation.

    ``lately`` is whether it did so some days ago: then it is a change too that it is as before again. A recording has
    no ``today``, and in it no number is too small.
    """
    least = key.least if today else 1
    if record is None or counts.number < least:
        return
    differs = record.counts.differs(counts, least)
    days = record.plain if counts.shown else record.shown
    if not differs and not (lately and days):
        return
    what = f"{key.code} {key.name} is {'shown' if counts.shown else 'no longer shown'}"
    before = _share(record.counts) if differs else "not shown" if counts.shown else "shown"
    now = f"on {today}" if today else "now"
    yield Drift("warning", change_of(key), what, f"{before} {_days(days)}", f"{_share(counts)} {now}")


def _days(days: tuple[date, date] | None) -> str:
    if days is None:
        return "before"
    return f"on {days[0]}" if days[0] == days[1] else f"from {days[0]} to {days[1]}"


def _share(counts: DeviationCounts) -> str:
    return f"{counts.shown} of {counts.number}"


def mixed(key: DeviationKey, counts: DeviationCounts, today: date) -> Drift | None:
    """Return a change if the same tasks were shown with a deviation and without it in one run."""
    if not counts.both:
        return None
    change = ChangeKey(key.call, "", f"deviation {key.name} in turns")
    what = f"{key.code} {key.name} comes and goes within one run, when the same query is repeated"
    return Drift("warning", change, what, "always or never", f"{counts.both} of {counts.number}", today)


def apart(counts: Mapping[str, Mapping[DeviationKey, DeviationCounts]], today: date) -> Iterator[Finding]:
    """Yield a finding for each deviation that some targets of a run show and others do not; targets by their names."""
    for key in sorted({key for each in counts.values() for key in each}):
        enough = {
            name: each[key] for name, each in sorted(counts.items()) if key in each and each[key].number >= key.least
        }
        sides = [[name for name, each in enough.items() if bool(each.shown) is shown] for shown in (True, False)]
        if any(enough[one].differs(enough[other], key.least) for one in sides[0] for other in sides[1]):
            showing, plain = (", ".join(f"{name} ({_share(enough[name])})" for name in side) for side in sides)
            yield Finding(
                _DEVIATION_CODE,
                f"{key.call} {key.code} {key.name} is shown by {showing}, and not by {plain}, on {today}",
                subject=(key.call, f"deviation {key.name}", "between targets"),
                evidence=(("shown by", showing), ("not by", plain), ("on", str(today))),
            )
