"""The request budget of a run: the most requests, a rate and an end, whichever of its processes sends them."""

from __future__ import annotations

import sqlite3
import threading
import time
from collections.abc import Callable
from contextlib import closing, suppress
from typing import Final

from pytest_cce_precheck.errors import BudgetExhaustedError, ConfigurationError

# how many seconds a process waits for others that count at the same moment
_LOCK_TIMEOUT: Final = 60.0
# a second, and how much two clocks may differ within it
_WINDOW: Final = 1.01
# how many seconds a request travels at most: by then it has arrived, or its process was killed
_ON_ITS_WAY: Final = 5.0
_CREATE: Final = (
    "CREATE TABLE IF NOT EXISTS run (id INTEGER PRIMARY KEY, sent INTEGER, free_at REAL, ends_at REAL)",
    # requests that may have reached the service within the last second, each with the time from which they have not
    "CREATE TABLE IF NOT EXISTS recent (id INTEGER PRIMARY KEY AUTOINCREMENT, until REAL)",
)
_BEGIN: Final = "INSERT OR IGNORE INTO run VALUES (1, 0, 0, ?)"


class SharedBudget:
    """Counts the requests of a run and spaces them; the processes that pass the same ``path`` share one count.

    ``limit`` is the most requests, ``rate`` the most that reach a service in any second, ``seconds`` how long the run
    may take since it ``began`` (by ``now``; if that is None, since its first process did); None means no limit. ``now``
    is a clock that is never set back and that the processes of one machine share. The count survives a process that is
    killed.
    """

    def __init__(
        self,
        path: str = ":memory:",
        *,
        limit: int | None = None,
        rate: float | None = None,
        seconds: float | None = None,
        began: float | None = None,
        now: Callable[[], float] = time.monotonic,
        wait: Callable[[float], None] = time.sleep,
    ) -> None:
        self.has_answered = False
        self._limit, self._rate, self._seconds = limit, rate, seconds
        self._now, self._wait = now, wait
        self._lock, self._turn = threading.Lock(), threading.Lock()
        try:
            # without implicit transactions: `_try` begins them
            self._file = sqlite3.connect(path, timeout=_LOCK_TIMEOUT, isolation_level=None, check_same_thread=False)
            # the count must survive a process that is killed, but not a crash of the machine
            self._file.execute("PRAGMA synchronous = OFF")
            for table in _CREATE:
                self._file.execute(table)
            first = now() if began is None else began
            self._file.execute(_BEGIN, (first + seconds if seconds is not None else None,))
            self._ends_at: float | None = self._file.execute("SELECT ends_at FROM run").fetchone()[0]
        except sqlite3.Error as error:
            if hasattr(self, "_file"):
                self.close()
            raise ConfigurationError(f"the requests of the run cannot be counted in {path}: {error}") from None

    @property
    def sent(self) -> int:
        """How many requests all processes have sent."""
        with self._lock, closing(self._file.execute("SELECT sent FROM run")) as rows:
            return int(rows.fetchone()[0])

    @property
    def remaining(self) -> float | None:
        """How many seconds the run may still take, negative after its end; None if it may take any time."""
        return None if self._ends_at is None else self._ends_at - self._now()

    @property
    def is_over(self) -> bool:
        """Whether the run's time is over."""
        left = self.remaining
        return left is not None and left <= 0

    def over(self, *, was_sent: bool = True) -> BudgetExhaustedError:
        """Return the error of a request that the end of the run cut off; ``was_sent`` if it was sent already."""
        error = BudgetExhaustedError(f"the {self._seconds:g} seconds of the run are over (--cce-run-time)")
        error.was_sent = was_sent
        return error

    def take(self) -> int | None:
        """Wait until one more request may be sent, and count it; return its number for `arrived`.

        Raises `BudgetExhaustedError` if all are sent, or the run's time is over or would be by then.
        """
        __tracebackhide__ = True
        # one thread of a process waits, and the others wait for that
        with self._turn:
            while True:
                pause, number = self._try()
                if not pause:
                    return number
                self._wait(pause)

    def arrived(self, number: int | None) -> None:
        """Record that a request has reached the service; until then it may yet do so at any time."""
        if number is not None:
            # a thread may still run when the run has ended and its count is closed
            with self._lock, suppress(sqlite3.ProgrammingError):
                self._file.execute("UPDATE recent SET until = ? WHERE id = ?", (self._now() + _WINDOW, number))

    def _try(self) -> tuple[float, int | None]:
        __tracebackhide__ = True
        with self._lock:
            self._file.execute("BEGIN IMMEDIATE")
            try:
                outcome = self._count()
                self._file.execute("COMMIT")
            except BaseException:
                self._file.execute("ROLLBACK")
                raise
        return outcome

    def _count(self) -> tuple[float, int | None]:
        """Count one request and return 0 and its number, or return the seconds to wait before the next try."""
        __tracebackhide__ = True
        sent, free_at = self._file.execute("SELECT sent, free_at FROM run").fetchone()
        now = self._now()
        if self._limit is not None and sent >= self._limit:
            raise BudgetExhaustedError(f"all {self._limit} requests of the budget are sent (--cce-budget)")
        slot = max(now, free_at, self._second_is_full_until(now))
        if self._ends_at is not None and slot >= self._ends_at:
            raise self.over(was_sent=False)
        if slot > now:
            return slot - now, None
        self._file.execute("UPDATE run SET sent = sent + 1, free_at = ?", (now + 1 / self._rate if self._rate else 0,))
        if not self._rate:
            return 0.0, None
        until = now + _ON_ITS_WAY + _WINDOW
        return 0.0, self._file.execute("INSERT INTO recent (until) VALUES (?)", (until,)).lastrowid

    def _second_is_full_until(self, now: float) -> float:
        """Return the time at which the service may be reached once more without exceeding the rate of a second.

        It is not enough to space requests when they are sent: a slow one may arrive together with later ones.
        """
        if not self._rate:
            return 0.0
        self._file.execute("DELETE FROM recent WHERE until <= ?", (now,))
        room = max(int(self._rate), 1)
        full = "SELECT until FROM recent ORDER BY until DESC LIMIT 1 OFFSET ?"
        return max((until for (until,) in self._file.execute(full, (room - 1,))), default=0.0)

    def close(self) -> None:
        """Close the file."""
        self._file.close()
