"""A cluster in which other clients work: between any two requests tasks are created, change, finish and expire.

All of it follows the simulator's clock, which each request advances a little, and the life cycle: states only go
forward, a finished task has an expiry that does not change, and no task leaves before it.
"""

from __future__ import annotations

from datetime import datetime
from random import Random
from typing import Final

from pytest_cce_precheck.simulator.pipeline import Call
from pytest_cce_precheck.simulator.population import SeededIds
from pytest_cce_precheck.simulator.refusals import THROTTLED, refuse
from pytest_cce_precheck.simulator.state import Pace, SimulatorState
from pytest_cce_precheck.wire.exchange import Response
from pytest_cce_precheck.wire.vocabulary import TaskType

_THROTTLED_EVERY: Final = 5
_LONGEST_STEP: Final = 1.0
_CHANCE_OF_A_TASK: Final = 0.35
_TASKS_AT_FIRST: Final = 6
_WAITS: Final = (0.5, 4.0)
_RUNS: Final = (1.0, 8.0)
_KEPT: Final = (15.0, 60.0)
LONGEST_LIFE: Final = _WAITS[1] + _RUNS[1] + _KEPT[1]
"""Seconds from the creation of another client's task until it leaves."""


def busy(call: Call, answer: Response | None) -> Response | None:
    """Advance the clock, let other clients create tasks, and throttle each fifth call."""
    rng = call.rng
    if call.count("busy") == 1:
        for _ in range(_TASKS_AT_FIRST):
            add_task(call.state, call.ids, call.now, rng)
    call.clock.advance(rng.uniform(0.05, _LONGEST_STEP))
    call.now = call.clock.now()
    call.state.sweep(call.now)
    if rng.random() < _CHANCE_OF_A_TASK:
        add_task(call.state, call.ids, call.now, rng)
    return refuse(THROTTLED) if call.number % _THROTTLED_EVERY == 0 else answer


def add_task(state: SimulatorState, ids: SeededIds, created: datetime, rng: Random, scale: float = 1.0) -> None:
    """Create a task of another client, in most cases in the main cluster; it lives ``scale`` times as fast."""
    cluster_id = ids.cluster_id if rng.random() < 0.8 else ids.other_cluster_id
    instance = rng.choice(state.clusters[cluster_id].instances)
    task_type = rng.choice(tuple(TaskType))
    target = rng.choice(instance.versions) if task_type is TaskType.UPGRADE else None
    waits, runs, kept = (rng.uniform(*limits) / scale for limits in (_WAITS, _RUNS, _KEPT))
    state.add(cluster_id, state.make(instance, task_type, target, created, Pace(waits, runs, kept)))
