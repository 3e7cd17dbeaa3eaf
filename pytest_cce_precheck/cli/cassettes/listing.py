"""``cce-precheck cassettes list``: one line a cassette, and what they cover together."""

from __future__ import annotations

from collections import Counter
from datetime import timedelta
from typing import TYPE_CHECKING

from pytest_cce_precheck.cassette.format import Failure
from pytest_cce_precheck.explore.coverage import all_classes, covered_classes
from pytest_cce_precheck.wire.vocabulary import Filter

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence
    from datetime import datetime

    from pytest_cce_precheck.cassette.format import Cassette, Recording
    from pytest_cce_precheck.explore.coverage import Covered

_HEADS = ("cassette", "recorded", "age", "endpoint", "calls", "answers", "classes")


def table(cassettes: Sequence[tuple[str, Cassette]], now: datetime) -> Iterator[str]:
    """Write the table, then which classes of filter values the cassettes cover, each line with its end."""
    rows: list[Sequence[str]] = [_HEADS]
    covered: dict[Filter, set[str]] = {name: set() for name in Filter}
    for name, cassette in cassettes:
        recordings = list(cassette)
        classes = covered_classes(recording.exchange for recording in recordings if recording.exchange)
        for each in Filter:
            covered[each] |= set(classes[each])
        rows.append(_row(name, cassette, recordings, classes, now))
    yield from columns(rows)
    yield "\n"
    for each in Filter:
        names = [value_class for value_class in all_classes(each) if value_class in covered[each]]
        yield f"{each}: {len(names)} of {len(all_classes(each))} classes of values: {', '.join(names) or 'none'}\n"


def columns(rows: Sequence[Sequence[str]]) -> Iterator[str]:
    """Write rows as lines, each column as wide as it must be."""
    widths = [max(len(row[place]) for row in rows) for place in range(len(rows[0]))]
    for row in rows:
        yield "  ".join(part.ljust(width) for part, width in zip(row, widths, strict=True)).rstrip() + "\n"


def age(recorded_at: datetime, now: datetime) -> str:
    """Say how long ago something was recorded."""
    since = now - recorded_at
    if since < timedelta(days=2):
        hours = since // timedelta(hours=1)
        return f"{hours} h" if hours >= 0 else "in the future"
    return f"{since.days} days"


def _row(
    name: str, cassette: Cassette, recordings: Sequence[Recording], classes: Covered, now: datetime
) -> tuple[str, ...]:
    origin = cassette.origin
    answers = Counter(_outcome(recording) for recording in recordings)
    return (
        name,
        f"{origin.recorded_at:%Y-%m-%d %H:%M}",
        age(origin.recorded_at, now),
        origin.endpoint,
        str(len(recordings)),
        " ".join(f"{outcome}×{number}" for outcome, number in sorted(answers.items())),
        ", ".join(f"{each} {len(classes[each])}/{len(all_classes(each))}" for each in Filter),
    )


def _outcome(recording: Recording) -> str:
    return recording.outcome.reason if isinstance(recording.outcome, Failure) else str(recording.outcome.status)
