"""What is known of a target, and what a run adds to it.

What the documents allow is learnt in silence. What is told is told in every run of the next `DAYS` days: so long what
is known stays as it was, and a service that goes back breaks nothing. Then, or once somebody has accepted it, it is
known, and the way back is told in its turn.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from datetime import date, timedelta
from typing import TYPE_CHECKING, Final

from pytest_cce_precheck.contract.documented import documented
from pytest_cce_precheck.drift.comparison import FEW, MENDED, drifts, flip_key, flips, sum_of
from pytest_cce_precheck.drift.dialects import UNLIKELY, DeviationRecord, by_chance
from pytest_cce_precheck.drift.traits import MOST_WORDS, Trait, Traits, larger, most, share_of

if TYPE_CHECKING:
    from collections.abc import Mapping

    from pytest_cce_precheck.contract.documented import Documented
    from pytest_cce_precheck.drift.comparison import Drift
    from pytest_cce_precheck.drift.dialects import DeviationCounts
    from pytest_cce_precheck.drift.traits import Share

DAYS: Final = 7
"""So long a change is told: a night that nobody looks at, a holiday too, loses nothing."""
_ENOUGH: Final = 10


@dataclass(frozen=True)
class PendingChange:
    """A change that is being told: since when, when last, and whether somebody has accepted it."""

    since: date
    last: date
    accepted: bool = False


@dataclass(frozen=True)
class TargetMemory:
    """What is known of one target; the days are the first and the last that it was asked."""

    first: date
    last: date
    answers: Mapping[str, Traits]
    voices: Mapping[str, DeviationRecord]
    told: Mapping[str, PendingChange]


@dataclass(frozen=True)
class RememberedRun:
    """What a run has to tell of a target, what is known from now on without being told again, and the new memory.

    ``unseen`` is what earlier runs told of late, and this one did not see.
    """

    drifts: tuple[Drift, ...]
    settled: tuple[Drift, ...]
    unseen: Mapping[str, PendingChange]
    memory: TargetMemory


def remember(
    memory: TargetMemory | None, answers: Mapping[str, Traits], spoken: Mapping[str, DeviationCounts], today: date
) -> RememberedRun:
    """Hold a run against what is known of its target, None where that is nothing, and add it to what is known."""
    memory = memory or TargetMemory(today, today, {}, {}, {})
    # what was told last so long ago has gone and come again
    kept = {key: entry for key, entry in memory.told.items() if today <= entry.last + timedelta(DAYS)}
    found = [drift for kind in sorted(answers) for drift in drifts(kind, memory.answers.get(kind), answers[kind])]
    found += [
        drift
        for key in sorted(spoken)
        for drift in flips(key, memory.voices.get(key), spoken[key], today, lately=flip_key(key) in kept)
    ]
    told = {
        drift.key: replace(kept.get(drift.key, PendingChange(today, today)), last=max(today, memory.last))
        for drift in found
    }
    mended = {drift.key for drift in found if drift.aspect == MENDED}
    over = {key for key, entry in told.items() if entry.accepted or today >= entry.since + timedelta(DAYS)} - mended
    dated = [replace(drift, since=told[drift.key].since) for drift in found]
    return RememberedRun(
        tuple(drift for drift in dated if drift.key not in over),
        tuple(drift for drift in dated if drift.key in over),
        {key: entry for key, entry in sorted(kept.items()) if key not in told and not entry.accepted},
        TargetMemory(
            min(memory.first, today),
            max(memory.last, today),
            {**memory.answers, **_all_learnt(memory, answers, set(told), over | mended)},
            {**memory.voices, **_all_heard(memory, spoken, today, set(told), over)},
            {key: entry for key, entry in {**kept, **told}.items() if key not in over | mended},
        ),
    )


# ---- what is learnt of it


def _all_learnt(
    memory: TargetMemory, answers: Mapping[str, Traits], told: set[str], accepted: set[str]
) -> dict[str, Traits]:
    return {kind: _learnt(kind, memory.answers.get(kind), traits, told, accepted) for kind, traits in answers.items()}


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
        new = "presence" in held or (entry is None and not sum_of(shares)[0])
        return None if new else replace(now, there=shares)
    types = now.types if taken & {"type", MENDED} else before.types if "type" in held else {*before.types, *now.types}
    words = {word for word in now.words if f"word {word}" not in held}
    common = {each: number for each, number in now.fractions.items() if each in before.fractions}
    fractions = most(before.fractions, now.fractions if sum(before.fractions.values()) < FEW else common)
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
    (had, of), (has, again) = sum_of(before), sum_of(now)
    if entry is not None and entry.required and of and had < of:
        # it was missing: that it is not, takes more than a few answers to believe
        mended = has == again and by_chance([(of - had, of, again)]) < UNLIKELY
        return now if mended else before
    if has and not had and of >= _ENOUGH and path not in known.fields:
        # too rare to be told, and not to be taken for known either
        return before
    return larger(before, now)


def _all_heard(
    memory: TargetMemory, spoken: Mapping[str, DeviationCounts], today: date, told: set[str], accepted: set[str]
) -> dict[str, DeviationRecord]:
    return {
        key: _heard(memory.voices.get(key), each, today, flip_key(key) in told, flip_key(key) in accepted)
        for key, each in spoken.items()
    }


def _heard(
    voice: DeviationRecord | None, spoken: DeviationCounts, today: date, told: bool, accepted: bool
) -> DeviationRecord:
    voice = voice or DeviationRecord(spoken)
    # of what says the same, or too little to be told, the one counts that rests on more
    take = accepted or (not told and spoken.number >= voice.spoken.number)
    return DeviationRecord(
        replace(spoken, both=0) if take else voice.spoken,
        _until(voice.shown, today) if spoken.shown else voice.shown,
        _until(voice.plain, today) if spoken.plain else voice.plain,
    )


def _until(days: tuple[date, date] | None, today: date) -> tuple[date, date]:
    return (min(days[0], today), max(days[1], today)) if days else (today, today)
