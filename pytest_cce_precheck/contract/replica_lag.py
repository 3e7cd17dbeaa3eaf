"""Where answers come from replicas that lag: what is so new that not every one of them knows it yet."""

from __future__ import annotations

from dataclasses import dataclass
from math import ceil
from typing import TYPE_CHECKING, Final

from pytest_cce_precheck.contract.lifecycle import moves_back

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Mapping

    from pytest_cce_precheck.contract.answer import Answer, AnsweredTask

# no replica that anybody works with is further behind
_LONGEST: Final = 60.0


@dataclass(frozen=True)
class _Reading:
    answer: Answer
    asked: float
    received: float


class ReplicaLag:
    """What answers have shown, and since when.

    ``lag`` is how many seconds an answer may be behind, ``now`` a clock that only goes forward. A task's content never
    comes back once it has changed, so what two answers show alike held all the time between them. ``behind`` is by how
    many seconds answers were older than others before them, at least; nothing explains what is more than the lag.
    """

    def __init__(self, lag: float, now: Callable[[], float]) -> None:
        self.lag = lag
        self.behind = 0.0
        self._now = now
        self._shown: dict[str, AnsweredTask] = {}
        self._since: dict[str, float] = {}
        self._first: dict[str, float] = {}
        self._earlier: dict[str, set[str]] = {}
        self._gone: dict[str, float] = {}
        self._lacking: dict[str, float] = {}
        self._readings: list[_Reading] = []

    def outdated(self, answer: Answer, asked: float | None = None, *, complete: bool = True) -> frozenset[str]:
        """Name the tasks that an answer shows as they were, or does not show yet, as far as the lag explains it.

        ``asked`` is when it was asked for, by the clock: it may have been long on its way. What is not ``complete``
        is held to the tasks that it shows.
        """
        asked = self._now() if asked is None else asked
        return frozenset(key for key, moment, _ in self._older(answer, complete=complete) if moment > asked - self.lag)

    def _older(self, answer: Answer, *, complete: bool) -> Iterator[tuple[str, float, bool]]:
        """Return each task that seems older than it was known, the moment it was known, and whether that is certain."""
        listed = answer.by_id
        yield from ((key, went, True) for key, went in self._gone.items() if key in listed)
        if complete:
            absent = (item for item in self._shown.items() if item[0] not in listed)
            # what is finished may have left for good
            yield from ((key, self._first[key], not (task.state and task.state.final)) for key, task in absent)
        for key, task in listed.items():
            shown = self._shown.get(key)
            if shown is None or task.content == shown.content:
                continue
            back = moves_back(shown, task)
            if back or task.content in self._earlier.get(key, ()):
                yield key, self._since[key], back

    def observe(self, answer: Answer, asked: float | None = None, *, complete: bool = True) -> frozenset[str]:
        """Take an answer in, and give what in it is `outdated`; ``complete`` says that it lists all tasks."""
        now = self._now()
        asked = now if asked is None else asked
        self._measure(answer, asked, complete=complete)
        outdated = self.outdated(answer, asked, complete=complete)
        if complete:
            self._readings.append(_Reading(answer, asked, now))
        for key, task in answer.by_id.items():
            if key not in outdated:
                self._learn(key, task, now)
        if complete:
            for key in self._shown.keys() - answer.by_id.keys() - outdated:
                self._gone[key] = now
                del self._shown[key]
        return outdated

    def _learn(self, key: str, task: AnsweredTask, now: float) -> None:
        shown = self._shown.get(key)
        if shown is None or shown.content != task.content:
            self._since[key] = now
            if shown is not None:
                self._earlier.setdefault(key, set()).add(shown.content)
        self._first.setdefault(key, now)
        self._shown[key] = task
        self._gone.pop(key, None)

    def _measure(self, answer: Answer, asked: float, *, complete: bool) -> None:
        for _, moment, certain in self._older(answer, complete=complete):
            behind = asked - moment
            if certain and behind <= _LONGEST:
                self.behind = max(self.behind, behind)
        for key in self._lacking.keys() & answer.by_id.keys():
            self.behind = max(self.behind, self._lacking.pop(key))

    def lacked(self, key: str, asked: float) -> None:
        """Take note that an answer did not show a task that was just created; once one does, that one was behind."""
        self._lacking[key] = max(self._lacking.get(key, 0.0), asked - self._first[key])

    def fresh(self, opening: Answer) -> frozenset[str]:
        """Name the tasks that changed, came or went within the lag before ``opening`` was asked for, or later."""
        return self._after(opening, self._since) | self.newcomers(opening)

    def newcomers(self, opening: Answer) -> frozenset[str]:
        """Name those of the `fresh` tasks that came or went."""
        return self._after(opening, self._first) | self._after(opening, self._gone)

    def _after(self, opening: Answer, moments: Mapping[str, float]) -> frozenset[str]:
        if not self.lag:
            return frozenset()
        since = self._reading(opening).asked - self.lag
        return frozenset(key for key, moment in moments.items() if moment > since)

    def left_out(self, key: str, since: float, opening: Answer) -> bool:
        """Tell whether a list lacked a task that was there all the time: from ``since`` until after ``opening``."""
        until = self._reading(opening).received - self.lag
        return any(
            key not in each.answer.by_id and each.asked >= since + self.lag and each.received <= until
            for each in self._readings
        )

    def _reading(self, answer: Answer) -> _Reading:
        return next(each for each in reversed(self._readings) if each.answer is answer)

    @property
    def begun(self) -> float:
        """When the first list was read."""
        return self._readings[0].received

    @property
    def now(self) -> float:
        """The clock's time."""
        return self._now()


def may_be_replicas(behind: float) -> str:
    """Say what to do where lists were older than others before them by more than was allowed for.

    >>> may_be_replicas(3.4)
    'lists were older than others before them, by 3.4 s at least: if replicas answer here, give --cce-lag=5 or more'
    """
    fact = f"lists were older than others before them, by {behind:.1f} s at least"
    return f"{fact}: if replicas answer here, give --cce-lag={ceil(behind) + 1} or more"
