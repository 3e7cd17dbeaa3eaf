"""The simulator's time: tasks change and expire by this clock only."""

from __future__ import annotations

from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from typing import Final

# A fixed start makes the same seed give the same bytes.
START: Final = datetime(2025, 8, 13, 3, 24, 37, tzinfo=UTC)


class Clock:
    """A clock of the simulator: another time, plus what the clock was advanced by."""

    def __init__(self, time: Callable[[], datetime]) -> None:
        self._time = time
        self._ahead = timedelta()

    def now(self) -> datetime:
        """Return the time, aware and in UTC."""
        return self._time() + self._ahead

    def advance(self, seconds: float) -> None:
        """Move the clock forward."""
        if seconds < 0:
            raise ValueError(f"a clock only moves forward, not by {seconds} s")
        self._ahead += timedelta(seconds=seconds)

    def start(self, at: datetime) -> None:
        """Set the clock, before anything is timed by it."""
        self._ahead = at - self._time()


class ManualClock(Clock):
    """A clock that stands still until it is advanced.

    >>> clock = ManualClock()
    >>> clock.advance(90)
    >>> clock.now().isoformat()
    '2025-08-13T03:26:07+00:00'
    """

    def __init__(self, start: datetime = START) -> None:
        if start.utcoffset() is None:
            raise ValueError("the clock's start has no time zone; give an aware datetime")
        start = start.astimezone(UTC)
        super().__init__(lambda: start)


class RunningClock(Clock):
    """The real time, plus what it was advanced by."""

    def __init__(self) -> None:
        super().__init__(lambda: datetime.now(UTC))
