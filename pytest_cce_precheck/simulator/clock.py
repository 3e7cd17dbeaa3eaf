"""The simulator's time: tasks change and expire by this clock only."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from typing import Final, Protocol

# A fixed start makes the same seed give the same bytes.
START: Final = datetime(2025, 8, 13, 3, 24, 37, tzinfo=UTC)


class Clock(Protocol):
    """A clock of the simulator."""

    def now(self) -> datetime:
        """Return the time, aware and in UTC."""

    def advance(self, seconds: float) -> None:
        """Move the clock forward."""

    def start(self, at: datetime) -> None:
        """Set the clock, before anything is timed by it."""


class ManualClock:
    """A clock that stands still until it is advanced.

    >>> clock = ManualClock()
    >>> clock.advance(90)
    >>> clock.now().isoformat()
    '2025-08-13T03:26:07+00:00'
    """

    def __init__(self, start: datetime = START) -> None:
        if start.utcoffset() is None:
            raise ValueError("the clock's start has no time zone; give an aware datetime")
        self._now = start.astimezone(UTC)

    def now(self) -> datetime:
        """Return the time, aware and in UTC."""
        return self._now

    def advance(self, seconds: float) -> None:
        """Move the clock forward."""
        self._now += _forward(seconds)

    def start(self, at: datetime) -> None:
        """Set the clock, before anything is timed by it."""
        self._now = at.astimezone(UTC)


class RunningClock:
    """The real time, plus what it was advanced by."""

    def __init__(self) -> None:
        self._ahead = timedelta()

    def now(self) -> datetime:
        """Return the time, aware and in UTC."""
        return datetime.now(UTC) + self._ahead

    def advance(self, seconds: float) -> None:
        """Move the clock forward, ahead of the real time."""
        self._ahead += _forward(seconds)

    def start(self, at: datetime) -> None:
        """Set the clock, which runs on from there."""
        self._ahead = at - datetime.now(UTC)


def _forward(seconds: float) -> timedelta:
    if seconds < 0:
        raise ValueError(f"a clock only moves forward, not by {seconds} s")
    return timedelta(seconds=seconds)
