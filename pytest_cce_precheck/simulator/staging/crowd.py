"""Other clients that work in the same clusters, and replicas that show their work late."""

from __future__ import annotations

from collections import Counter
from datetime import datetime, timedelta
from random import Random
from typing import Final

from pytest_cce_precheck.simulator.busy import LONGEST_LIFE, add_task
from pytest_cce_precheck.simulator.pipeline import Call, Variation
from pytest_cce_precheck.simulator.refusals import Refusal
from pytest_cce_precheck.simulator.state import Task
from pytest_cce_precheck.wire.exchange import Response

# a replica may still show tasks that the primary no longer lists
_KEPT: Final = timedelta(seconds=60)
_MISSED: Final = 10


class Crowd:
    """Other clients create ``rate`` tasks a second, at times that depend on the seed and not on requests.

    At ``start`` they have done so for some time. With ``scale`` everything is that many times as fast.
    """

    def __init__(self, rate: float, *, seed: int, start: datetime, scale: float, happened: Counter[str]) -> None:
        self._rng = Random(f"{seed}:others")  # noqa: S311  test data, no secret
        self._rate = rate * scale
        self._scale = scale
        self._life = timedelta(seconds=LONGEST_LIFE / scale)
        self._next = start - self._life
        self._happened = happened

    def variation(self) -> Variation:
        """Return the variation that adds their tasks."""
        return Variation(name="others-at-work", summary="Other clients create tasks.", before=self._catch_up)

    def _catch_up(self, call: Call, answer: Response | None) -> Response | None:
        if call.now - self._next > _MISSED * self._life:
            # after a long time without a request, almost all tasks created in it have left again
            self._next = call.now - self._life
        while self._next <= call.now:
            add_task(call.state, call.ids, self._next, self._rng, self._scale)
            self._happened["others' tasks"] += 1
            self._next += timedelta(seconds=self._rng.expovariate(self._rate))
        call.state.sweep(call.now - _KEPT)
        return answer


class Replicas:
    """Read replicas, one of which answers each list; each catches up with the primary every so many ``seconds``.

    So no replica goes back in time, each is at most its number of seconds behind, and two may differ.
    """

    def __init__(self, seconds: tuple[float, ...], happened: Counter[str]) -> None:
        self._seconds = seconds
        self._happened = happened

    def variation(self) -> Variation:
        """Return the variation that reads from them."""
        summary = "Lists come from replicas that lag."
        return Variation(
            name="replicas", summary=summary, observe=self._observe, check=_present_at_a_refusal, document=_present
        )

    def _observe(self, call: Call, tasks: list[Task]) -> list[Task]:
        rng = Random(f"{call.seed}:replica:{call.number}")  # noqa: S311  as above
        seconds = rng.choice(self._seconds)
        behind = timedelta(seconds=call.now.timestamp() % seconds if seconds else 0)
        if call.route is None or not behind:
            return tasks
        self._happened["from a replica that is behind"] += 1
        # the documents of the tasks are of that time too
        call.now -= behind
        listed = call.state.tasks_of(call.route.cluster_id, call.now)
        return [task for task in listed if task.created.at <= call.now]


def _present(call: Call, _document: object = None) -> None:
    """Set the time back to the present: a replica's data is old, but its Date is right."""
    call.now = call.clock.now()


def _present_at_a_refusal(call: Call, refusal: Refusal | None) -> Refusal | None:
    if refusal is not None:
        _present(call)
    return refusal
