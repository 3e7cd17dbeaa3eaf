"""Response times by kind of query: median, 95th and 99th percentile."""

from __future__ import annotations

import math
from collections import defaultdict
from dataclasses import dataclass
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping, Sequence


@dataclass(frozen=True)
class ResponseTimes:
    """How long a service took to answer one kind of query, in seconds; no retries, and no waits before them."""

    kind: str
    answers: int
    median: float
    p95: float
    p99: float
    longest: float


def response_times(recorded: Iterable[Mapping[str, Sequence[float]]]) -> tuple[ResponseTimes, ...]:
    """Return the response times of each kind of query, the most frequent kind first.

    >>> response_times([{"type": [0.1, 0.3]}, {"type": [0.2]}])
    (ResponseTimes(kind='type', answers=3, median=0.2, p95=0.3, p99=0.3, longest=0.3),)
    """
    by_kind: dict[str, list[float]] = defaultdict(list)
    for each in recorded:
        for kind, times in each.items():
            by_kind[kind] += times
    found = [_of_kind(kind, sorted(times)) for kind, times in by_kind.items() if times]
    return tuple(sorted(found, key=lambda each: -each.answers))


def _of_kind(kind: str, times: Sequence[float]) -> ResponseTimes:
    # the nearest rank: a time that was measured, none in between
    median, p95, p99 = (times[math.ceil(len(times) * share) - 1] for share in (0.5, 0.95, 0.99))
    return ResponseTimes(kind, len(times), median, p95, p99, times[-1])
