"""A simulator that notes what is done to it, and the replay of the notes on a simulator with one more fault."""

from __future__ import annotations

import threading
from contextlib import suppress
from copy import deepcopy
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING, Any

from pytest_cce_precheck.errors import CcePrecheckError
from pytest_cce_precheck.simulator.clock import Clock, ManualClock
from pytest_cce_precheck.simulator.pipeline import NoAnswer
from pytest_cce_precheck.simulator.variations import VARIATIONS
from pytest_cce_precheck.states import Simulator

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

    from pytest_cce_precheck.wire.exchange import Request, Response

    Answered = tuple[Request, Response | NoAnswer]


@dataclass(frozen=True)
class Step:
    """One thing that was done to a simulator: a call of a method, and how far the clock had moved since the last."""

    method: str
    arguments: tuple[Any, ...]
    named: Mapping[str, Any]
    seconds: float
    at: datetime


@dataclass
class Notes:
    """All that a simulator was made of, and all that was done to it, in order."""

    settings: Mapping[str, Any]
    started: datetime
    steps: list[Step] = field(default_factory=list)

    @property
    def asked(self) -> int:
        """The number of requests."""
        return sum(step.method == "handle" for step in self.steps)


class NotedSimulator(Simulator):
    """A simulator that notes how it was made and what is done to it."""

    def __init__(self, *, clock: Clock | None = None, **settings: Any) -> None:
        clock = clock or ManualClock()
        self._last = clock.now()
        # the tasks of a replay are as old
        super().__init__(clock=ManualClock(self._last), **settings)
        self.clock = clock
        self.notes = Notes(settings, self._last)
        self._noting = threading.Lock()
        self._callers: dict[int, int] = {}

    def copy(self) -> NotedSimulator:
        """Return a simulator to which the same was done, with a clock that stands still."""
        copied = NotedSimulator(clock=ManualClock(self.notes.started), **self.notes.settings)
        for _ in perform(self.notes, copied, {}):
            pass
        copied.clock.advance(max(0.0, (self.clock.now() - copied.clock.now()).total_seconds()))
        return copied

    def _note(self, method: str, *arguments: Any, **named: Any) -> None:
        with self._noting:
            now = self.clock.now()
            moved = (now - self._last).total_seconds()
            self._last = now
            # what a test passes, it may change afterwards
            if method != "handle":
                arguments, named = deepcopy((arguments, named))
            self.notes.steps.append(Step(method, arguments, named, moved, datetime.now(UTC)))

    def handle(self, request: Request, *, caller: int | None = None) -> Response:
        """Answer one request."""
        known = threading.get_ident() if caller is None else caller
        self._note("handle", request, caller=self._callers.setdefault(known, len(self._callers)))
        return super().handle(request, caller=caller)

    def add_task(self, **said: Any) -> Any:
        """List one more task."""
        self._note("add_task", **said)
        return super().add_task(**said)

    def clear(self) -> None:
        """List no task any more."""
        self._note("clear")
        super().clear()

    def load(self, *state: Any, **more: Any) -> None:
        """List the tasks of a state in place of all others."""
        self._note("load", *state, **more)
        super().load(*state, **more)
        # it may have set the clock, as its replay does
        self._last = self.clock.now()

    def answer(self, **answer: Any) -> None:
        """Answer one question of an authenticated client so."""
        self._note("answer", **answer)
        super().answer(**answer)


def replayed(notes: Notes, name: str | None = None) -> list[Answered]:
    """Return each noted request with its answer, if the simulator has one more fault or variation."""
    moment: dict[str, datetime] = {}
    clock = ManualClock(notes.started)
    settings = with_behaviour(notes.settings, name)
    simulator = Simulator(clock=clock, wall=lambda: moment["now"], **settings)
    return list(perform(notes, simulator, moment))


def with_behaviour(settings: Mapping[str, Any], name: str | None) -> dict[str, Any]:
    """Return the settings of a simulator with one more fault or variation, unless it has it already."""
    kind = "variations" if name in VARIATIONS else "faults"
    had = tuple(settings.get(kind, ()))
    return {**settings, kind: had if name is None or name in had else (*had, name)}


def perform(notes: Notes, simulator: Simulator, moment: dict[str, datetime]) -> Iterator[Answered]:
    """Do to a simulator what was noted, and yield each request with its answer; ``moment`` is set to the real time."""
    for step in notes.steps:
        if step.seconds >= 0:
            simulator.clock.advance(step.seconds)
        else:
            simulator.clock.start(simulator.clock.now() + timedelta(seconds=step.seconds))
        moment["now"] = step.at
        if step.method != "handle":
            arguments, named = deepcopy((step.arguments, step.named))
            # a test may have expected it
            with suppress(CcePrecheckError):
                getattr(simulator, step.method)(*arguments, **named)
            continue
        try:
            answer: Response | NoAnswer = simulator.handle(*step.arguments, **step.named)
        except NoAnswer as failure:
            answer = failure
        yield step.arguments[0], answer
