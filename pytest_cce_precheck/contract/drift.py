"""Hold what a run saw of a service against what earlier runs saw: what is new, gone or changed, graded.

Nothing is told that the evidence does not carry. What any document allows is learnt in silence. What is told is told in
every run of the next `DAYS` days, and is then known.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from datetime import date, timedelta
from types import MappingProxyType
from typing import TYPE_CHECKING, Final

from pytest_cce_precheck.contract.dialects import UNLIKELY, Spoken, by_chance, least_of
from pytest_cce_precheck.contract.documented import documented
from pytest_cce_precheck.contract.findings import Finding
from pytest_cce_precheck.contract.rules import rules
from pytest_cce_precheck.contract.traits import ALL, MOST_WORDS, NO_TIME, Trait, Traits, larger, most, share_of

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping, Sequence

    from pytest_cce_precheck.contract.documented import Documented
    from pytest_cce_precheck.contract.shape import Grade
    from pytest_cce_precheck.contract.traits import Share

DAYS: Final = 7
"""So long a change is told: a night that nobody looks at, a holiday too, loses nothing."""
CODES: Final[Mapping[str, str]] = MappingProxyType({"error": "PRE520", "warning": "PRE521", "note": "PRE590"})
FLIP: Final = "PRE522"
_ENOUGH: Final = 10
_FEW: Final = 3
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
        """Give it as a finding about ``target``."""
        return Finding(
            self.code,
            f"{self.said} (since {self.since}, {target})",
            path=self.path,
            subject=tuple(filter(None, (self.kind, self.path, self.aspect, target))),
            evidence=(("before", self.old), ("now", self.new), ("since", str(self.since)), ("target", target)),
        )


@dataclass(frozen=True)
class Told:
    """A change that is being told: since when, when last, and whether somebody has accepted it."""

    since: date
    last: date
    accepted: bool = False


@dataclass(frozen=True)
class Voice:
    """A deviation as it was last heard, with the first and the last day that it was shown, and was not."""

    spoken: Spoken
    shown: tuple[date, date] | None = None
    plain: tuple[date, date] | None = None


@dataclass(frozen=True)
class Memory:
    """What is known of one target; the days are the first and the last that it was asked."""

    first: date
    last: date
    answers: Mapping[str, Traits]
    voices: Mapping[str, Voice]
    told: Mapping[str, Told]


@dataclass(frozen=True)
class Outcome:
    """What a run has to tell of a target, what is known from now on without being told again, and the new memory."""

    drifts: tuple[Drift, ...]
    settled: tuple[Drift, ...]
    memory: Memory


def remember(
    memory: Memory | None, answers: Mapping[str, Traits], spoken: Mapping[str, Spoken], today: date
) -> Outcome:
    """Hold a run against what is known of its target, None where that is nothing, and add it to what is known."""
    memory = memory or Memory(today, today, {}, {}, {})
    found = [drift for kind in sorted(answers) for drift in _drifts(kind, memory.answers.get(kind), answers[kind])]
    found += [drift for key in sorted(spoken) for drift in _flips(key, memory.voices.get(key), spoken[key], today)]
    told = {
        drift.key: replace(memory.told.get(drift.key, Told(today, today)), last=max(today, memory.last))
        for drift in found
    }
    known = {key for key, entry in told.items() if entry.accepted or today >= entry.since + timedelta(DAYS)}
    drifts = tuple(replace(drift, since=told[drift.key].since) for drift in found)
    kept = {key: entry for key, entry in memory.told.items() if today <= entry.last + timedelta(DAYS)}
    kinds = {
        kind: _learnt(kind, memory.answers.get(kind), traits, set(told), known) for kind, traits in answers.items()
    }
    voices = {
        key: _heard(memory.voices.get(key), each, today, _flip_key(key) in told, _flip_key(key) in known)
        for key, each in spoken.items()
    }
    return Outcome(
        tuple(drift for drift in drifts if drift.key not in known),
        tuple(drift for drift in drifts if drift.key in known),
        Memory(
            min(memory.first, today),
            max(memory.last, today),
            {**memory.answers, **kinds},
            {**memory.voices, **voices},
            {key: entry for key, entry in {**kept, **told}.items() if key not in known},
        ),
    )


# ---- the shape of answers


def _drifts(kind: str, known: Traits | None, seen: Traits) -> Iterator[Drift]:
    if known is None:
        return
    described = documented(kind)
    for path in sorted({*known.fields, *seen.fields}):
        entry = described.get(path)
        before, now = known.fields.get(path, Trait()), seen.fields.get(path, Trait())
        for grade, aspect, what, old, new in (
            *_other_type(before, now, entry),
            *_new_words(before, now, entry),
            *_other_fraction(before, now),
            *_other_presence(path, known, seen, entry),
        ):
            yield Drift(CODES[grade], grade, kind, path, aspect, what, old, new)


_Change = tuple["Grade", str, str, str, str]


def _other_type(before: Trait, now: Trait, entry: Documented | None) -> Iterator[_Change]:
    new, old = set(now.types) - set(before.types), set(before.types)
    if entry is None:
        # whether it may be null, nobody has said
        new, old = new - {"null"}, old - {"null"}
    if new and old:
        grade: Grade = "warning" if entry is None else "note" if new == {entry.type} else "error"
        yield grade, "type", "its type is another", ", ".join(before.types), ", ".join(now.types)


def _new_words(before: Trait, now: Trait, entry: Documented | None) -> Iterator[_Change]:
    if entry is not None and entry.words and before.words:
        for word in sorted(set(now.words) - set(before.words) - entry.words):
            yield "warning", f"word {word}", "a value that no document names", ", ".join(before.words), word


def _other_fraction(before: Trait, now: Trait) -> Iterator[_Change]:
    number = sum(now.fractions.values())
    for resolution in _new_fractions(before, now):
        there = now.fractions[resolution]
        if sum(before.fractions.values()) >= _FEW and there >= _FEW and there * _PART >= number:
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
    (had, of), (has, again) = _sum(before), _sum(now)
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
        yield "warning", "presence", f"a field is gone{_of(gone_from, now)}", *_sides(before, now, gone_from)
    elif _tells(now, before, come_to):
        what = f"a {'documented' if entry else 'new'} field that was not there{_of(come_to, now)}"
        yield "note", "presence", what, *_sides(before, now, come_to)


def _only(one: Mapping[str, Share], other: Mapping[str, Share]) -> list[str]:
    """Give the circumstances in which the first has a field, and the other never."""
    return [about for about, (have, _) in one.items() if have and other.get(about, (1, 1))[0] == 0]


def _tells(one: Mapping[str, Share], other: Mapping[str, Share], circumstances: Sequence[str]) -> bool:
    groups = [(*one[about], other[about][1]) for about in circumstances]
    # circumstances that were picked because they differ have to differ more
    picked = any(have and other.get(about, (0, 0))[0] for about, (have, _) in one.items())
    return bool(groups) and by_chance(groups) < (UNLIKELY / 10 if picked else UNLIKELY)


def _of(circumstances: Sequence[str], now: Mapping[str, Share]) -> str:
    every = {about for about, (_, of) in now.items() if of} <= set(circumstances)
    return "" if every or circumstances == [ALL] else f" in tasks that are {', '.join(circumstances)}"


def _sides(before: Mapping[str, Share], now: Mapping[str, Share], circumstances: Sequence[str]) -> tuple[str, str]:
    old, new = ({about: share[about] for about in circumstances} for share in (before, now))
    return _often(*_sum(old)), _often(*_sum(new))


def _sum(share: Mapping[str, Share]) -> Share:
    return sum(have for have, _ in share.values()), sum(of for _, of in share.values())


def _often(have: int, of: int) -> str:
    word = "never" if not have else "always" if have == of else "sometimes"
    return f"{word} ({have} of {of})"


# ---- what is learnt of it


def _learnt(kind: str, known: Traits | None, seen: Traits, told: set[str], accepted: set[str]) -> Traits:
    """Add what was seen; what is told stays as it was until it is ``accepted``, and is then as it was seen."""
    if known is None:
        return seen
    objects = {
        path: most(known.objects.get(path, {}), seen.objects.get(path, {}))
        for path in sorted({*known.objects, *seen.objects})
    }
    fields = {}
    for path in sorted({*known.fields, *seen.fields}):
        held = {key.removeprefix(f"{kind} {path} ") for key in told - accepted if key.startswith(f"{kind} {path} ")}
        taken = {key.removeprefix(f"{kind} {path} ") for key in accepted if key.startswith(f"{kind} {path} ")}
        trait = _learnt_trait(path, known, seen, held, taken, documented(kind).get(path))
        if trait is not None:
            fields[path] = trait
    return Traits(objects, fields)


def _learnt_trait(
    path: str, known: Traits, seen: Traits, held: set[str], taken: set[str], entry: Documented | None
) -> Trait | None:
    before, now = known.fields.get(path), seen.fields.get(path)
    shares = _learnt_share(path, known, seen, held, taken, entry)
    if now is None:
        return before and replace(before, there=shares)
    if before is None:
        # a new field is not known before it has been told, or while it is too rare to be told
        new = "presence" in held or (entry is None and not _sum(shares)[0])
        return None if new else replace(now, there=shares)
    types = now.types if "type" in taken else before.types if "type" in held else {*before.types, *now.types}
    words = {word for word in now.words if f"word {word}" not in held}
    common = {each: number for each, number in now.fractions.items() if each in before.fractions}
    fractions = most(before.fractions, now.fractions if sum(before.fractions.values()) < _FEW else common)
    return Trait(
        tuple(sorted(types)),
        tuple(sorted({*before.words, *words})[:MOST_WORDS]),
        dict(now.fractions) if "fraction" in taken else fractions,
        shares,
    )


def _learnt_share(
    path: str, known: Traits, seen: Traits, held: set[str], taken: set[str], entry: Documented | None
) -> Mapping[str, Share]:
    before, now = share_of(path, known), share_of(path, seen)
    if "presence" in held:
        return before
    if "presence" in taken:
        return now
    (had, of), (has, again) = _sum(before), _sum(now)
    if entry is not None and entry.required and of and had < of:
        # it was missing: that it is not, takes more than a few answers to believe
        mended = has == again and by_chance([(of - had, of, again)]) < UNLIKELY
        return now if mended else before
    if has and not had and of >= _ENOUGH and path not in known.fields:
        # too rare to be told, and not to be taken for known either
        return before
    return larger(before, now)


# ---- deviations


def _flip_key(key: str) -> str:
    code, _, call = key.partition(" ")
    return f"{call} deviation {rules()[code].name}"


def _flips(key: str, voice: Voice | None, spoken: Spoken, today: date) -> Iterator[Drift]:
    if voice is None or not voice.spoken.differs(spoken, least_of(key)):
        return
    code, _, call = key.partition(" ")
    days = voice.shown if voice.spoken.shown else voice.plain
    what = f"{code} {rules()[code].name} is {'shown' if spoken.shown else 'shown no longer'}"
    old = f"{_share(voice.spoken)} {_days(days)}"
    yield Drift(FLIP, "warning", call, "", f"deviation {rules()[code].name}", what, old, f"{_share(spoken)} on {today}")


def _heard(voice: Voice | None, spoken: Spoken, today: date, told: bool, accepted: bool) -> Voice:
    voice = voice or Voice(spoken)
    # of what says the same, or too little to be told, the one counts that rests on more
    take = accepted or (not told and spoken.number >= voice.spoken.number)
    return Voice(
        replace(spoken, both=0) if take else voice.spoken,
        _until(voice.shown, today) if spoken.shown else voice.shown,
        _until(voice.plain, today) if spoken.plain else voice.plain,
    )


def _until(days: tuple[date, date] | None, today: date) -> tuple[date, date]:
    return (min(days[0], today), max(days[1], today)) if days else (today, today)


def _days(days: tuple[date, date] | None) -> str:
    if days is None:
        return "before"
    return f"on {days[0]}" if days[0] == days[1] else f"from {days[0]} to {days[1]}"


def _share(spoken: Spoken) -> str:
    return f"{spoken.shown} of {spoken.number}"


def mixed(key: str, spoken: Spoken, today: date) -> Drift | None:
    """Give a finding where the same tasks were shown with a deviation and without it, in one run."""
    if not spoken.both:
        return None
    code, _, call = key.partition(" ")
    name = rules()[code].name
    what = f"{code} {name} comes and goes within one run, where the same is asked again"
    number = f"{spoken.both} of {spoken.number}"
    return Drift(FLIP, "warning", call, "", f"deviation {name} in turns", what, "always or never", number, today)


def apart(spoken: Mapping[str, Mapping[str, Spoken]], today: date) -> Iterator[Finding]:
    """Give a finding for each deviation that some targets of a run show and others do not; targets by their names."""
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
