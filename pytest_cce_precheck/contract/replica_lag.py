"""Replicas that lag: which tasks changed so recently that not every replica may know it yet."""

from __future__ import annotations

from collections.abc import Callable, Container, Iterator
from dataclasses import dataclass, field
from math import ceil
from typing import Final
from weakref import ref

from pytest_cce_precheck.contract.answer import Answer, AnsweredTask
from pytest_cce_precheck.contract.lifecycle import moves_back

# no replica that anybody works with is further behind
_LONGEST: Final = 60.0


@dataclass(frozen=True)
class _ListRead:
    """A list that was read; the answer itself may be large, and is not kept for this."""

    answer: ref[Answer]
    ids: Container[str]
    asked: float
    received: float


@dataclass
class _SeenTask:
    """A task as last seen: when it was first seen, since when it has its content, and when it was gone.

    It is ``listed`` from the first list that shows it on; until then, only the create call has.
    """

    task: AnsweredTask
    first: float
    since: float
    listed: bool = False
    gone: float | None = None
    earlier: set[str] = field(default_factory=set)


class ReplicaLag:
    """What answers have shown, and since when.

    ``lag`` is how many seconds an answer may be behind, ``now`` a monotonic clock. A task's content never comes back
    once it has changed, so content that two answers share was there all the time between them. ``behind`` is by how
    many seconds, at least, answers were older than earlier ones; the lag does not explain more than itself.
    """

    def __init__(self, lag: float, now: Callable[[], float]) -> None:
        self.lag = lag
        self.behind = 0.0
        self.now = now
        self._tasks: dict[str, _SeenTask] = {}
        self._reads: list[_ListRead] = []

    def _older(self, answer: Answer, *, complete: bool) -> Iterator[tuple[str, float, bool]]:
        """Yield each task that seems older than it was seen, the moment it was seen, and whether that is certain."""
        for key, seen in self._tasks.items():
            task = answer.by_id.get(key)
            if seen.gone is not None:
                if task is not None:
                    yield key, seen.gone, True
            elif task is None:
                if complete:
                    # a finished task may have left for good, and how soon a list shows a new one, no source says
                    yield key, seen.first, seen.listed and not (seen.task.state and seen.task.state.final)
            elif task.lasting != seen.task.lasting:
                back = moves_back(seen.task, task)
                if back or task.lasting in seen.earlier:
                    yield key, seen.since, back

    def observe(self, answer: Answer, asked: float | None = None, *, complete: bool = True) -> frozenset[str]:
        """Add an answer; return the tasks that it shows as they were, or not yet, as far as the lag explains it.

        ``asked`` is when it was asked for, by the clock: it may have been long on its way. From an answer that is not
        ``complete``, nothing follows about the tasks that it does not show.
        """
        now = self.now()
        asked = now if asked is None else asked
        older = list(self._older(answer, complete=complete))
        certain = [asked - moment for _, moment, is_certain in older if is_certain and asked - moment <= _LONGEST]
        self.behind = max([self.behind, *certain])
        outdated = frozenset(key for key, moment, _ in older if moment > asked - self.lag)
        for key, task in answer.by_id.items():
            if key not in outdated:
                self._update(key, task, now)
                self._tasks[key].listed |= answer.operation == "list"
        if complete:
            # without a lag, nothing is looked up in lists that were read before
            ids = frozenset(answer.by_id) if self.lag else frozenset()
            self._reads.append(_ListRead(ref(answer), ids, asked, now))
            for key in self._tasks.keys() - answer.by_id.keys() - outdated:
                if self._tasks[key].gone is None:
                    self._tasks[key].gone = now
        return outdated

    def _update(self, key: str, task: AnsweredTask, now: float) -> None:
        seen = self._tasks.setdefault(key, _SeenTask(task, now, now))
        if seen.gone is not None or seen.task.lasting != task.lasting:
            seen.since = now
            if seen.gone is None:
                seen.earlier.add(seen.task.lasting)
        seen.task, seen.gone = task, None

    def changed(self, opening: Answer) -> frozenset[str]:
        """Return the tasks that changed, came or went within the lag before ``opening`` was asked for, or later."""
        return self._within_lag(opening, lambda seen: seen.since if seen.gone is None else seen.gone)

    def came_or_went(self, opening: Answer) -> frozenset[str]:
        """Return those of the `changed` tasks that came or went."""
        return self._within_lag(opening, lambda seen: seen.first if seen.gone is None else seen.gone)

    def _within_lag(self, opening: Answer, moment: Callable[[_SeenTask], float]) -> frozenset[str]:
        if not self.lag:
            return frozenset()
        since = self._read(opening).asked - self.lag
        return frozenset(key for key, seen in self._tasks.items() if moment(seen) > since)

    def left_out(self, key: str, since: float, opening: Answer) -> bool:
        """Return whether a list lacked a task that was there all the time: from ``since`` until after ``opening``."""
        until = self._read(opening).received - self.lag
        return any(
            key not in each.ids and each.asked >= since + self.lag and each.received <= until for each in self._reads
        )

    def _read(self, answer: Answer) -> _ListRead:
        return next(each for each in reversed(self._reads) if each.answer() is answer)

    @property
    def first_read(self) -> float:
        """When the first list was received."""
        return self._reads[0].received


def may_be_replicas(behind: float) -> str:
    """Return a hint for lists that were older than earlier ones by more than the lag.

    >>> may_be_replicas(3.4)
    'lists were older than others before them, by 3.4 s at least: if replicas answer here, give --cce-lag=5 or more'
    """
    fact = f"lists were older than others before them, by {behind:.1f} s at least"
    return f"{fact}: if replicas answer here, give --cce-lag={ceil(behind) + 1} or more"
