"""A hard number of requests, a rate and an end for a run, whichever of its processes sends them."""

from __future__ import annotations

import sqlite3
import threading
import time
from contextlib import closing
from typing import TYPE_CHECKING, Final

from pytest_cce_precheck.errors import BudgetExhaustedError, ConfigurationError, TransportError

if TYPE_CHECKING:
    from collections.abc import Callable

    from pytest_cce_precheck.transport.base import Transport
    from pytest_cce_precheck.wire.exchange import Exchange, Request

# how long a process waits for others that count at the same moment
_PATIENCE: Final = 60.0
_CREATE: Final = "CREATE TABLE IF NOT EXISTS run (id INTEGER PRIMARY KEY, sent INTEGER, free_at REAL, ends_at REAL)"
# a little over the rate's own distance: what the network delays is not to make N + 1 requests of a second's N
_SLACK: Final = 1.05
_BEGIN: Final = "INSERT OR IGNORE INTO run VALUES (1, 0, 0, ?)"


class Meter:
    """Counts the requests of a run and spaces them; the processes that give the same ``path`` share one count.

    ``limit`` is the most requests, ``rate`` the most a second, ``seconds`` how long the run may take from when it
    ``began`` (by ``now``; where that is not given, with its first process); None means no bound. A process that is
    killed leaves the count as it is.
    """

    def __init__(
        self,
        path: str = ":memory:",
        *,
        limit: int | None = None,
        rate: float | None = None,
        seconds: float | None = None,
        began: float | None = None,
        # no clock that can be set back: a run would wait for as long, and a limit would end as much later
        now: Callable[[], float] = time.monotonic,
        wait: Callable[[float], None] = time.sleep,
    ) -> None:
        self._limit, self._rate, self._seconds = limit, rate, seconds
        self._now, self._wait = now, wait
        self._lock = threading.Lock()
        try:
            # without a transaction of its own making: `take` says where one begins
            self._file = sqlite3.connect(path, timeout=_PATIENCE, isolation_level=None, check_same_thread=False)
            # the count outlives a process that is killed, and need not outlive the machine
            self._file.execute("PRAGMA synchronous = OFF")
            self._file.execute(_CREATE)
            first = now() if began is None else began
            self._file.execute(_BEGIN, (first + seconds if seconds is not None else None,))
        except sqlite3.Error as error:
            raise ConfigurationError(f"the requests of the run cannot be counted in {path}: {error}") from None

    @property
    def sent(self) -> int:
        """How many requests all processes have sent."""
        with self._lock, closing(self._file.execute("SELECT sent FROM run")) as rows:
            return int(rows.fetchone()[0])

    @property
    def remaining(self) -> float | None:
        """How many seconds the run may still take, below 0 where it is over; None where it may take any time."""
        if self._seconds is None:
            return None
        with self._lock, closing(self._file.execute("SELECT ends_at FROM run")) as rows:
            return float(rows.fetchone()[0]) - self._now()

    @property
    def is_over(self) -> bool:
        """Whether the run's time is over."""
        left = self.remaining
        return left is not None and left <= 0

    def over(self) -> BudgetExhaustedError:
        """Say that it is."""
        return BudgetExhaustedError(f"the {self._seconds:g} seconds of the run are over (--cce-run-time)")

    def take(self) -> None:
        """Wait until one more request may be sent, and count it.

        Raises `BudgetExhaustedError` if all are sent, or if the run's time is over or would be by then.
        """
        # the distance counts from when the last one really went, not from when it might have
        while (seconds := self._seconds_to_wait()) > 0:
            self._wait(seconds)

    def _seconds_to_wait(self) -> float:
        with self._lock:
            self._file.execute("BEGIN IMMEDIATE")
            try:
                seconds = self._counted()
                self._file.execute("COMMIT")
            except BaseException:
                self._file.execute("ROLLBACK")
                raise
        return seconds

    def _counted(self) -> float:
        """Count a request that may be sent now, and return 0; else return how many seconds too early it is."""
        with closing(self._file.execute("SELECT sent, free_at, ends_at FROM run")) as rows:
            sent, free_at, ends_at = rows.fetchone()
        now = self._now()
        if self._limit is not None and sent >= self._limit:
            raise BudgetExhaustedError(f"all {self._limit} requests of the budget are sent (--cce-budget)")
        if ends_at is not None and max(now, free_at) > ends_at:
            raise self.over()
        if now < free_at:
            return float(free_at - now)
        following = now + _SLACK / self._rate if self._rate else 0.0
        self._file.execute("UPDATE run SET sent = sent + 1, free_at = ?", (following,))
        return 0.0

    def close(self) -> None:
        """Let go of the file."""
        self._file.close()


class PacedTransport:
    """Sends what a meter lets through."""

    def __init__(self, transport: Transport, meter: Meter) -> None:
        self._transport = transport
        self._meter = meter
        self._answered = False

    def send(self, request: Request) -> Exchange:
        """Count, wait, send; raises `BudgetExhaustedError` in place of sending one too many.

        Who has answered before is not blamed for an answer that the end of the run cut off.
        """
        self._meter.take()
        try:
            exchange = self._transport.send(request)
        except TransportError:
            if not self._answered or not self._meter.is_over:
                raise
        else:
            self._answered = True
            return exchange
        raise self._meter.over()

    def close(self) -> None:
        """Let go of connections and of the count."""
        self._transport.close()
        self._meter.close()
