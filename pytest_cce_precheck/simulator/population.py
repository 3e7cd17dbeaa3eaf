"""The simulator's state at the start, made from a seed."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime, timedelta
from itertools import cycle, islice
from random import Random
from typing import Final

from pytest_cce_precheck.simulator.addons import VERSIONS
from pytest_cce_precheck.simulator.state import Cluster, Instance, SimulatorState, Timetable, new_id
from pytest_cce_precheck.wire.vocabulary import TaskState, TaskType

_STATES: Final = tuple(TaskState)
_ISOLATED: Final = ("coredns", "everest")


@dataclass(frozen=True)
class Population:
    """How the main cluster starts: how many tasks, and of which types."""

    tasks: int = 12
    types: tuple[TaskType, ...] = tuple(TaskType)


@dataclass(frozen=True)
class SeededIds:
    """The ids of the seeded projects and clusters; the credentials must not be able to read ``foreign_*``."""

    project_id: str
    cluster_id: str
    other_cluster_id: str
    empty_cluster_id: str
    foreign_project_id: str
    foreign_cluster_id: str


def populate(seed: int, population: Population, start: datetime) -> tuple[SimulatorState, SeededIds]:
    """Make the state of a seed at ``start``.

    The seeded tasks cover both types and all states on every instance as far as their number allows; the
    unfinished ones do not change for at least an hour of the clock.
    """
    rng = Random(seed)  # noqa: S311  test data, no secret
    ids = SeededIds(_project_id(rng), new_id(rng), new_id(rng), new_id(rng), _project_id(rng), new_id(rng))
    simulated = SimulatorState(rng)
    main = tuple(islice(cycle(VERSIONS), 4 + population.tasks // 100))
    for cluster_id, project_id, templates, tasks in (
        (ids.cluster_id, ids.project_id, main, population.tasks),
        (ids.other_cluster_id, ids.project_id, _ISOLATED, 5),
        (ids.empty_cluster_id, ids.project_id, _ISOLATED, 0),
        (ids.foreign_cluster_id, ids.foreign_project_id, _ISOLATED, 4),
    ):
        instances = tuple(
            Instance(new_id(rng), f"cceaddon-{template}", template, VERSIONS[template]) for template in templates
        )
        simulated.clusters[cluster_id] = Cluster(cluster_id, project_id, instances)
        types = population.types if cluster_id == ids.cluster_id else tuple(TaskType)
        _add_tasks(simulated, simulated.clusters[cluster_id], tasks, types, start, rng)
    return simulated, ids


def _add_tasks(
    simulated: SimulatorState, cluster: Cluster, tasks: int, types: tuple[TaskType, ...], start: datetime, rng: Random
) -> None:
    age = sorted((rng.uniform(1.0, 7.0) * 3600 for _ in range(tasks)), reverse=True)
    for number in range(tasks):
        place = number % len(cluster.instances)
        instance, turn = cluster.instances[place], number // len(cluster.instances)
        task_type = types[(turn + (place if turn > 1 else 0)) % len(types)]
        state = _STATES[(place + turn) % len(_STATES)]
        created = start - timedelta(seconds=age[number])
        target = rng.choice(instance.versions) if task_type is TaskType.UPGRADE else None
        timetable = _timetable(state, created, start, rng)
        outcome = state if state.final else None
        simulated.add(
            cluster.id, simulated.schedule(instance, task_type, target, created, timetable, 24 * 3600.0, outcome)
        )


def _timetable(state: TaskState, created: datetime, start: datetime, rng: Random) -> Timetable:
    if state is TaskState.INIT:
        begins = start + timedelta(seconds=3600 + rng.uniform(0, 3600))
        return Timetable(begins, begins + timedelta(seconds=rng.uniform(60, 600)))
    if state is TaskState.RUNNING:
        begins = start - timedelta(seconds=rng.uniform(300, 1800))
        # so long that none of its risks changes within the first hour
        return Timetable(begins, begins + timedelta(hours=12))
    begins = created + timedelta(seconds=rng.uniform(1, 60))
    return Timetable(begins, begins + timedelta(seconds=rng.uniform(5, 600)))


def _project_id(rng: Random) -> str:
    return new_id(rng).replace("-", "")
