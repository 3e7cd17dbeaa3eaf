"""The simulator's state: projects, clusters, add-on instances and check tasks.

A task holds its whole timetable; its state is computed from the clock, so that reading changes nothing.
"""

from __future__ import annotations

import uuid
from collections.abc import Iterator
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from random import Random
from typing import Any

from pytest_cce_precheck.simulator.addons import risks_of
from pytest_cce_precheck.wire.vocabulary import RiskLevel, TaskState, TaskType


@dataclass(frozen=True, slots=True)
class Moment:
    """An instant to the nanosecond: a datetime, and the nanoseconds that it cannot hold (0 to 999)."""

    at: datetime
    nanoseconds: int = 0


@dataclass(frozen=True, slots=True)
class Timetable:
    """When a task or risk begins (Init until then) and ends (Running until then)."""

    begins: datetime
    ends: datetime

    def state(self, now: datetime, outcome: TaskState) -> TaskState:
        """Return the state at ``now`` of a task or risk that ends in ``outcome``."""
        if now < self.begins:
            return TaskState.INIT
        return TaskState.RUNNING if now < self.ends else outcome


@dataclass(frozen=True, slots=True)
class SimulatedRisk:
    """One thing that a task checks; ``remark`` is its message once it has ended."""

    name: str
    level: RiskLevel
    outcome: TaskState
    remark: str
    timetable: Timetable

    def state(self, now: datetime) -> TaskState:
        """Return the risk's state at ``now``."""
        return self.timetable.state(now, self.outcome)


@dataclass(frozen=True, slots=True)
class Instance:
    """An add-on that is installed in a cluster."""

    id: str
    name: str
    template: str
    versions: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class Task:
    """One check of one instance."""

    id: str
    type: TaskType
    instance: Instance
    created: Moment
    target_version: str | None
    risks: tuple[SimulatedRisk, ...]
    timetable: Timetable
    expires: Moment

    @property
    def outcome(self) -> TaskState:
        """Failed if a risk was found, else Success."""
        found = any(risk.outcome is TaskState.FAILED for risk in self.risks)
        return TaskState.FAILED if found else TaskState.SUCCESS

    def state(self, now: datetime) -> TaskState:
        """Return the task's state at ``now``."""
        return self.timetable.state(now, self.outcome)

    @property
    def leaves(self) -> datetime:
        """When the task is no longer listed."""
        return leaving(self.expires)

    def document(self, now: datetime) -> dict[str, Any] | None:  # noqa: ARG002  an arranged one's depends on it
        """Return the task's own document, None if it is to be rendered."""
        return None

    def moments(self) -> Iterator[datetime]:
        """Yield every instant at which the document of the task changes."""
        yield from (self.timetable.begins, self.timetable.ends, self.leaves)
        for risk in self.risks:
            yield from (risk.timetable.begins, risk.timetable.ends)


@dataclass(slots=True)
class Cluster:
    """A cluster with its instances and its tasks, oldest first."""

    id: str
    project_id: str
    instances: tuple[Instance, ...] = ()
    tasks: list[Task] = field(default_factory=list)

    def instance(self, instance_id: str) -> Instance | None:
        """Return the instance of that id, if the cluster has it."""
        return next((instance for instance in self.instances if instance.id == instance_id), None)


@dataclass(frozen=True, slots=True)
class Pace:
    """How a new task goes: seconds in Init, seconds in Running, seconds listed once finished."""

    waits: float = 2.0
    runs: float = 3.0
    kept: float = 24 * 3600.0


class SimulatorState:
    """The clusters of all projects. ``version`` grows with each change except the clock's."""

    def __init__(self, rng: Random) -> None:
        self.clusters: dict[str, Cluster] = {}
        self.version = 0
        self.rng = rng
        self._unchanged: dict[str, tuple[int, datetime, datetime]] = {}

    def tasks_of(self, cluster_id: str, now: datetime) -> list[Task]:
        """Return the tasks that the cluster lists at ``now``, oldest first."""
        return [task for task in self.clusters[cluster_id].tasks if now < task.leaves]

    def everything(self, now: datetime) -> list[Task]:
        """Return the listed tasks of all clusters."""
        return [task for cluster_id in self.clusters for task in self.tasks_of(cluster_id, now)]

    def unchanged_since(self, cluster_id: str, now: datetime) -> tuple[int, datetime]:
        """Return a value that stays equal as long as the cluster's list does."""
        version, since, until = self._unchanged.get(cluster_id, (-1, now, now))
        if version == self.version and since <= now < until:
            return version, since
        moments = (moment for task in self.clusters[cluster_id].tasks for moment in task.moments())
        until = min((moment for moment in moments if moment > now), default=datetime.max.replace(tzinfo=now.tzinfo))
        self._unchanged[cluster_id] = (self.version, now, until)
        return self.version, now

    def add(self, cluster_id: str, task: Task) -> None:
        """List ``task`` in the cluster."""
        self.clusters[cluster_id].tasks.append(task)
        self.version += 1

    def remove(self, cluster_id: str, task_id: str) -> None:
        """Take a task out of the cluster; a service that follows the contract never does."""
        cluster = self.clusters[cluster_id]
        cluster.tasks = [task for task in cluster.tasks if task.id != task_id]
        self.version += 1

    def clear(self, cluster_id: str) -> None:
        """List no task of the cluster any more."""
        self.clusters[cluster_id].tasks = []
        self.version += 1

    def sweep(self, now: datetime) -> None:
        """Remove the tasks that are no longer listed."""
        for cluster in self.clusters.values():
            kept = [task for task in cluster.tasks if now < task.leaves]
            if len(kept) != len(cluster.tasks):
                cluster.tasks = kept
                self.version += 1

    def make(
        self, instance: Instance, type: TaskType, target_version: str | None, now: datetime, pace: Pace | None = None
    ) -> Task:
        """Make a task that begins by the clock; it is not listed before `add`."""
        pace = pace or Pace()
        begins = now + timedelta(seconds=pace.waits)
        timetable = Timetable(begins, begins + timedelta(seconds=pace.runs))
        return self.schedule(instance, type, target_version, now, timetable, pace.kept)

    def schedule(
        self,
        instance: Instance,
        type: TaskType,
        target_version: str | None,
        created: datetime,
        timetable: Timetable,
        kept: float,
        outcome: TaskState | None = None,
    ) -> Task:
        """Make a task with a given timetable; without an outcome, the seed decides."""
        return Task(
            id=new_id(self.rng),
            type=type,
            instance=instance,
            created=Moment(created, self.rng.randrange(1, 1000)),
            target_version=target_version,
            risks=self._risks(instance.template, timetable, outcome),
            timetable=timetable,
            expires=Moment(timetable.ends + timedelta(seconds=kept), self.rng.randrange(1, 1000)),
        )

    def _risks(self, template: str, timetable: Timetable, outcome: TaskState | None) -> tuple[SimulatedRisk, ...]:
        kinds = risks_of(template)
        fails = self.rng.random() < 0.5 if outcome is None else outcome is TaskState.FAILED
        found = {self.rng.choice(kinds).name} | {k.name for k in kinds if self.rng.random() < 0.3} if fails else set()
        step = (timetable.ends - timetable.begins) / len(kinds)
        return tuple(
            SimulatedRisk(
                name=kind.name,
                level=kind.level,
                outcome=TaskState.FAILED if kind.name in found else TaskState.SUCCESS,
                remark=kind.found if kind.name in found else kind.clear,
                # one after the other, so that a running task shows risks in every state
                timetable=Timetable(timetable.begins + step * place, timetable.begins + step * (place + 1)),
            )
            for place, kind in enumerate(kinds)
        )


def leaving(expires: Moment) -> datetime:
    """Return when a task that expires is no longer listed: the first whole second at or after that.

    Readers take the service's time from the Date header, which has whole seconds; at that time no task may be gone
    before it expires.
    """
    at = expires.at + timedelta(microseconds=1 if expires.nanoseconds else 0)
    whole = at.replace(microsecond=0)
    return whole if whole == at else whole + timedelta(seconds=1)


def new_id(rng: Random) -> str:
    """Return a random UUID with letters in its first and last group, so that upper and lower case differ."""
    while True:
        text = str(uuid.UUID(int=rng.getrandbits(128), version=4))
        first, *_, last = text.split("-")
        if not first.isdigit() and not last.isdigit():
            return text
