"""What is known of a target, and what a run adds to it.

What the documents allow is learned without a report. Another change is reported by every run of the next `DAYS` days:
until then what is known stays as it was, and a service that goes back has not changed. After that, or once somebody has
accepted it, the change is known, and the way back is a change of its own.
"""

from __future__ import annotations

from collections.abc import Mapping
from collections.abc import Set as AbstractSet
from dataclasses import dataclass, replace
from datetime import date, timedelta
from typing import TYPE_CHECKING, Final

from pytest_cce_precheck.contract.documented import Documented, documented
from pytest_cce_precheck.drift.comparison import FEW, TYPE_FIXED, change_of, deviation_changes, drifts, sum_of
from pytest_cce_precheck.drift.deviation_counts import UNLIKELY, DeviationRecord, by_chance
from pytest_cce_precheck.drift.traits import MOST_WORDS, Share, Trait, Traits, larger, most, most_objects, share_of

if TYPE_CHECKING:
    from pytest_cce_precheck.drift.comparison import ChangeKey, Drift
    from pytest_cce_precheck.drift.deviation_counts import DeviationCounts, DeviationKey

DAYS: Final = 7
"""How long a change is reported: a night that nobody looks at loses nothing, nor do holidays."""
_ENOUGH: Final = 10


@dataclass(frozen=True)
class PendingChange:
    """A change that is being reported: since when, when last, and whether somebody has accepted it."""

    since: date
    last: date
    accepted: bool = False


@dataclass(frozen=True)
class TargetMemory:
    """What is known of one target; the days are the first and the last that it was asked."""

    first: date
    last: date
    answers: Mapping[str, Traits]
    deviations: Mapping[DeviationKey, DeviationRecord]
    pending: Mapping[ChangeKey, PendingChange]


@dataclass(frozen=True)
class RememberedRun:
    """The changes that a run reports of a target, those that are known from now on, and the new memory.

    ``unseen`` are changes that earlier runs reported lately, and this one did not see.
    """

    drifts: tuple[Drift, ...]
    confirmed: tuple[Drift, ...]
    unseen: Mapping[ChangeKey, PendingChange]
    memory: TargetMemory


def remember(
    memory: TargetMemory | None,
    answers: Mapping[str, Traits],
    deviations: Mapping[DeviationKey, DeviationCounts],
    today: date,
) -> RememberedRun:
    """Compare a run with what is known of its target, None if nothing is, and add the run to it."""
    memory = memory or TargetMemory(today, today, {}, {}, {})
    # what was last reported longer ago has gone and come again
    kept = {key: entry for key, entry in memory.pending.items() if today <= entry.last + timedelta(DAYS)}
    found = [drift for kind in sorted(answers) for drift in drifts(kind, memory.answers.get(kind), answers[kind])]
    for key, counts in sorted(deviations.items()):
        record = memory.deviations.get(key)
        found += deviation_changes(key, record, counts, today, lately=change_of(key) in kept)
    reported = {
        drift.key: replace(kept.get(drift.key, PendingChange(today, today)), last=max(today, memory.last))
        for drift in found
    }
    fixed = {drift.key for drift in found if drift.key.aspect == TYPE_FIXED}
    over = {key for key, entry in reported.items() if entry.accepted or today >= entry.since + timedelta(DAYS)} - fixed
    held, taken = reported.keys() - over - fixed, over | fixed
    dated = [replace(drift, since=reported[drift.key].since) for drift in found]
    learned = {kind: _learned(kind, memory.answers.get(kind), seen, held, taken) for kind, seen in answers.items()}
    counted = {
        key: _counted(memory.deviations.get(key), counts, today, change_of(key) in reported, change_of(key) in over)
        for key, counts in deviations.items()
    }
    return RememberedRun(
        tuple(drift for drift in dated if drift.key not in over),
        tuple(drift for drift in dated if drift.key in over),
        {key: entry for key, entry in sorted(kept.items()) if key not in reported and not entry.accepted},
        TargetMemory(
            min(memory.first, today),
            max(memory.last, today),
            {**memory.answers, **learned},
            {**memory.deviations, **counted},
            {key: entry for key, entry in {**kept, **reported}.items() if key not in taken},
        ),
    )


# ---- what is learned from a run


def _learned(
    kind: str, known: Traits | None, seen: Traits, held: AbstractSet[ChangeKey], taken: AbstractSet[ChangeKey]
) -> Traits:
    """Add what was seen: what is ``held`` stays as it was, and what is ``taken`` becomes as it was seen."""
    if known is None:
        return seen
    fields = {}
    for path in sorted({*known.fields, *seen.fields}):
        own_held, own_taken = ({key.aspect for key in keys if key[:2] == (kind, path)} for keys in (held, taken))
        trait = _learned_trait(path, known, seen, own_held, own_taken, documented(kind).get(path))
        if trait is not None:
            fields[path] = trait
    return Traits(most_objects(known, seen), fields)


def _learned_trait(
    path: str, known: Traits, seen: Traits, held: set[str], taken: set[str], entry: Documented | None
) -> Trait | None:
    before, now = known.fields.get(path), seen.fields.get(path)
    shares = _learned_share(path, known, seen, held, taken, entry)
    if now is None:
        return before and replace(before, there=shares)
    if before is None:
        # a new field is not known before it has been reported, or while it is too rare to be reported
        new = "presence" in held or (entry is None and not sum_of(shares)[0])
        return None if new else replace(now, there=shares)
    types = (
        now.types if taken & {"type", TYPE_FIXED} else before.types if "type" in held else {*before.types, *now.types}
    )
    words = {word for word in now.words if f"word {word}" not in held}
    common = {each: number for each, number in now.fractions.items() if each in before.fractions}
    fractions = most(before.fractions, now.fractions if sum(before.fractions.values()) < FEW else common)
    return Trait(
        tuple(sorted(types)),
        tuple(sorted({*before.words, *words})[:MOST_WORDS]),
        dict(now.fractions) if "fraction" in taken else fractions,
        shares,
    )


def _learned_share(
    path: str, known: Traits, seen: Traits, held: set[str], taken: set[str], entry: Documented | None
) -> Mapping[str, Share]:
    before, now = share_of(path, known), share_of(path, seen)
    if "presence" in held:
        return before
    if "presence" in taken:
        return now
    (had, of), (has, again) = sum_of(before), sum_of(now)
    if entry is not None and entry.required and of and had < of:
        # it was missing: a few answers that have it are not enough to believe that it always is there
        back = has == again and by_chance([(of - had, of, again)]) < UNLIKELY
        return now if back else before
    if has and not had and of >= _ENOUGH and path not in known.fields:
        # too rare to be reported, and not to be taken for known either
        return before
    return larger(before, now)


def _counted(
    record: DeviationRecord | None, counts: DeviationCounts, today: date, reported: bool, accepted: bool
) -> DeviationRecord:
    record = record or DeviationRecord(counts)
    # if nothing is reported, the counts that rest on more are kept
    take = accepted or (not reported and counts.number >= record.counts.number)
    return DeviationRecord(
        replace(counts, both=0) if take else record.counts,
        _until(record.shown, today) if counts.shown else record.shown,
        _until(record.plain, today) if counts.plain else record.plain,
    )


def _until(days: tuple[date, date] | None, today: date) -> tuple[date, date]:
    return (min(days[0], today), max(days[1], today)) if days else (today, today)
