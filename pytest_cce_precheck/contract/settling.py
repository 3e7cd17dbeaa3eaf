"""Where answers come from replicas that lag: what is so new that not every one of them knows it yet."""

from __future__ import annotations

from typing import TYPE_CHECKING

from pytest_cce_precheck.contract.lifecycle import moves_back

if TYPE_CHECKING:
    from collections.abc import Callable

    from pytest_cce_precheck.contract.answer import Answer, Task


class Settling:
    """What unfiltered lists have shown, and since when; without a ``lag`` nothing is ever new or stale.

    ``lag`` is how many seconds an answer may be behind, ``now`` a clock that only goes forward.
    """

    def __init__(self, lag: float, now: Callable[[], float]) -> None:
        self.lag = lag
        self._now = now
        self._shown: dict[str, Task] = {}
        self._since: dict[str, float] = {}
        self._first: dict[str, float] = {}
        self._earlier: dict[str, set[str]] = {}
        self._gone: dict[str, float] = {}
        self._read: dict[int, float] = {}

    def is_stale(self, answer: Answer, asked: float | None = None, *, complete: bool = True) -> bool:
        """Tell whether an answer may be older than a list before it: it lacks, or still has, what changed in the lag.

        ``asked`` is when it was asked for, by the clock: it may have been long on its way. What is not ``complete``
        is held to the tasks that it shows.
        """
        if not self.lag:
            return False
        since = (self._now() if asked is None else asked) - self.lag
        listed = answer.by_id
        if any(went > since for key, went in self._gone.items() if key in listed):
            return True
        if complete and any(self._first[key] > since for key in self._shown if key not in listed):
            return True
        known = ((self._shown[key], task) for key, task in listed.items() if self._since.get(key, 0.0) > since)
        return any(self._is_older(task, shown) for shown, task in known)

    def _is_older(self, task: Task, shown: Task) -> bool:
        if task.content == shown.content:
            return False
        return task.content in self._earlier.get(task.id or "", ()) or moves_back(shown, task)

    def observe(self, answer: Answer, *, complete: bool = True) -> None:
        """Take in an answer that is not stale; ``complete`` says that it lists all tasks."""
        now = self._now()
        self._read[id(answer)] = now
        for key, task in answer.by_id.items():
            shown = self._shown.get(key)
            if shown is None or shown.content != task.content:
                self._since[key] = now
                if shown is not None:
                    self._earlier.setdefault(key, set()).add(shown.content)
            self._first.setdefault(key, now)
            self._shown[key] = task
            self._gone.pop(key, None)
        if complete:
            for key in self._shown.keys() - answer.by_id.keys():
                self._gone[key] = now
                del self._shown[key]

    def fresh(self, opening: Answer) -> frozenset[str]:
        """Name the tasks that changed, came or went within the lag before ``opening`` was read, or later."""
        if not self.lag:
            return frozenset()
        since = self._read.get(id(opening), self._now()) - self.lag
        moments = (*self._since.items(), *self._gone.items())
        return frozenset(key for key, moment in moments if moment > since)
