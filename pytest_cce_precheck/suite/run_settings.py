"""The settings of one run of the suite."""

from __future__ import annotations

import time
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from pytest_cce_precheck.config.options import DEFAULT_BUDGET, DEFAULT_MAX_CREATED

if TYPE_CHECKING:
    from collections.abc import Callable


@dataclass(frozen=True)
class Neighbours:
    """Other clusters that isolation is checked against.

    One is of the same project, the other of a project that these credentials must not be able to read.
    """

    other_cluster_id: str | None = None
    foreign_project_id: str | None = None
    foreign_cluster_id: str | None = None


@dataclass(frozen=True)
class Settings:
    """The settings of a run.

    ``allow_writes`` permits it to create tasks, ``max_created`` at most, ``allow_destructive`` to try on the cluster
    itself what may lose its tasks. ``wait`` sleeps, or advances a simulated clock. ``kept_back`` requests are left out
    of the plan: tests with a cassette each, and workers, read the unfiltered list each for itself. ``lag`` is how many
    seconds an answer may be behind, by the clock ``now``; without a lag, ``replicas`` tells whether a hint at replicas
    makes sense.
    ``remaining`` returns how many seconds the run has left, None if it may take any time; ``worker`` names one of
    several processes; ``max_response_time`` is how many seconds an answer may take, None for any.
    """

    budget: int = DEFAULT_BUDGET
    seed: int = 0
    allow_writes: bool = False
    allow_destructive: bool = False
    max_created: int = DEFAULT_MAX_CREATED
    neighbours: Neighbours = field(default_factory=Neighbours)
    wait: Callable[[float], None] = time.sleep
    kept_back: int = 0
    lag: float = 0.0
    now: Callable[[], float] = time.monotonic
    replicas: bool = True
    remaining: Callable[[], float | None] = lambda: None
    worker: str = ""
    max_response_time: float | None = None
