"""What all benchmarks of `run.py` share: measures that take turns, and the line of a table that comes of them."""

from __future__ import annotations

import importlib.metadata
import os
import statistics
import subprocess
import sys
import time
from dataclasses import dataclass
from itertools import count
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Mapping, Sequence
    from pathlib import Path

OURS = "pytest-cce-precheck"
# plugins of the development environment; hypothesis' own stays, since it is there wherever this project is
QUIET = ("-p", "no:randomly", "-p", "no:xdist", "-p", "no:xdist.looponfail", "-p", "no:cacheprovider")


@dataclass(frozen=True)
class Effort:
    """How much is measured: all of it, or what a minute allows; ``tools`` are programs of peers, by name."""

    quick: bool
    tools: Mapping[str, str]

    def choose(self, whole: int, quick: int) -> int:
        """Return a number of rounds, calls or tests."""
        return quick if self.quick else whole


@dataclass(frozen=True)
class Line:
    """What something costs in relation to a peer that was measured in turns with it; a lower ratio is better.

    ``low`` and ``high`` are the lowest and the highest ratio of a round, ``cost`` and ``peer_cost`` medians in
    ``unit``; ``goal`` is the highest ratio that is wanted.
    """

    part: str
    what: str
    who: str
    peer: str
    ratio: float
    low: float
    high: float
    cost: float
    peer_cost: float
    unit: str
    goal: float | None = None


def in_turns(
    part: str,
    what: str,
    measures: Mapping[str, Callable[[], float]],
    *,
    rounds: int,
    unit: str,
    goal: float | None = None,
) -> Iterator[Line]:
    """Measure all in turns, and yield a line for each but the first, which is the peer of the others.

    ``goal`` is that of `OURS`.
    """
    taken: dict[str, list[float]] = {name: [] for name in measures}
    for _ in range(rounds):
        for name, measure in measures.items():
            taken[name].append(measure())
    peer, *others = taken
    for who in others:
        ratios = [cost / base for cost, base in zip(taken[who], taken[peer], strict=True)]
        cost, peer_cost = statistics.median(taken[who]), statistics.median(taken[peer])
        yield Line(
            part, what, who, peer, cost / peer_cost, min(ratios), max(ratios), cost, peer_cost, unit,
            goal if who.startswith(OURS) else None,
        )  # fmt: skip


def per_call(function: Callable[[], object], seconds: float = 0.2) -> float:
    """Return the seconds of the processor that a call takes."""
    begun = time.process_time()
    for calls in count(1):
        function()
        if (used := time.process_time() - begun) > seconds:
            return used / calls
    raise AssertionError


def cpu_of(command: Sequence[str], folder: Path | None = None, environment: Mapping[str, str] | None = None) -> float:
    """Return the seconds of the processor that a program takes, from its start to its end."""
    process = subprocess.Popen(
        command, cwd=folder, env=environment, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL
    )
    _, status, used = os.wait4(process.pid, 0)
    process.returncode = os.waitstatus_to_exitcode(status)
    if process.returncode:
        raise SystemExit(f"{' '.join(command)} ended with status {process.returncode}")
    return used.ru_utime + used.ru_stime


def with_caches(folder: Path) -> dict[str, str]:
    """Return an environment in which Python writes compiled modules into a folder; the first run of a program does."""
    environment = {**os.environ, "PYTHONPYCACHEPREFIX": str(folder / "compiled")}
    environment.pop("PYTHONDONTWRITEBYTECODE", None)
    return environment


def pytest(*arguments: str) -> list[str]:
    """Return the command that runs pytest with no plugin but ours and hypothesis' own."""
    return [sys.executable, "-m", "pytest", "-q", *QUIET, *arguments]


def version(distribution: str) -> str:
    """Return the version of an installed distribution, an empty text if it is not installed."""
    try:
        return importlib.metadata.version(distribution)
    except importlib.metadata.PackageNotFoundError:
        return ""
