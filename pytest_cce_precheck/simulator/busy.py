"""A cluster that others work in: between any two requests tasks come, move on, finish and leave.

Everything goes by the simulator's clock, which each request moves on a little, and by the life cycle of the world:
states only go forward, an expiry is told at the end and stays, and no task leaves before it.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from pytest_cce_precheck.simulator.refusals import refuse, throttled
from pytest_cce_precheck.simulator.world import Pace
from pytest_cce_precheck.wire.vocabulary import TaskType

if TYPE_CHECKING:
    from random import Random

    from pytest_cce_precheck.simulator.pipeline import Call
    from pytest_cce_precheck.simulator.world import Task
    from pytest_cce_precheck.wire.exchange import Response

_THROTTLED_EVERY: Final = 5
_LONGEST_STEP: Final = 1.0
_CHANCE_OF_A_TASK: Final = 0.35
_TASKS_AT_FIRST: Final = 6


def busy(call: Call, answer: Response | None) -> Response | None:
    """Let time go by and others work, then throttle each fifth call."""
    rng = call.rng
    if call.count("busy") == 1:
        for _ in range(_TASKS_AT_FIRST):
            _add(call, rng)
    call.clock.advance(rng.uniform(0.05, _LONGEST_STEP))
    call.now = call.clock.now()
    call.world.sweep(call.now)
    if rng.random() < _CHANCE_OF_A_TASK:
        _add(call, rng)
    return refuse(throttled()) if call.number % _THROTTLED_EVERY == 0 else answer


def _add(call: Call, rng: Random) -> None:
    main = rng.random() < 0.8
    cluster_id = call.places.cluster_id if main else call.places.other_cluster_id
    call.world.add(cluster_id, _task(call, cluster_id, rng))


def _task(call: Call, cluster_id: str, rng: Random) -> Task:
    instance = rng.choice(call.world.clusters[cluster_id].instances)
    task_type = rng.choice(tuple(TaskType))
    target = rng.choice(instance.versions) if task_type is TaskType.UPGRADE else None
    pace = Pace(waits=rng.uniform(0.5, 4.0), runs=rng.uniform(1.0, 8.0), kept=rng.uniform(15.0, 60.0))
    return call.world.make(instance, task_type, target, call.now, pace)
