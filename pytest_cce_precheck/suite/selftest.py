"""The checks against every known defect and every conforming variation: what is found, what is missed, at what cost."""

from __future__ import annotations

import os
import signal
import threading
import time
from concurrent.futures import ProcessPoolExecutor
from dataclasses import dataclass
from multiprocessing import active_children, parent_process
from typing import TYPE_CHECKING

from pytest_cce_precheck._text import did_you_mean
from pytest_cce_precheck.client import PrecheckClient
from pytest_cce_precheck.config.options import DEFAULT_BUDGET
from pytest_cce_precheck.contract.causes import causes
from pytest_cce_precheck.contract.rules import Severity
from pytest_cce_precheck.errors import ConfigurationError
from pytest_cce_precheck.simulator.faults import FAULTS
from pytest_cce_precheck.simulator.service import Simulator
from pytest_cce_precheck.simulator.variations import VARIATIONS
from pytest_cce_precheck.suite.checks import inspect
from pytest_cce_precheck.suite.inspection import Inspection
from pytest_cce_precheck.suite.run_settings import Neighbours, Settings
from pytest_cce_precheck.transport.simulate import InProcessTransport

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Sequence


@dataclass(frozen=True)
class Row:
    """One run: what it should find, what it found, and what it cost."""

    name: str
    conforming: bool
    expected: tuple[str, ...]
    codes: tuple[str, ...]
    causes: tuple[str, ...]
    messages: tuple[str, ...]
    requests: int
    inconclusive: int
    seconds: float

    @property
    def right(self) -> bool:
        """Whether a fault was found, if only by the observation that it is known by, or a variation raised nothing."""
        return not self.codes if self.conforming else bool(self.codes)

    @property
    def named(self) -> bool:
        """Whether one of the causes found is one that the fault is known by."""
        return self.conforming or bool(set(self.causes) & set(self.expected))


def inspection_of(
    faults: Sequence[str] = (), variations: Sequence[str] = (), budget: int = DEFAULT_BUDGET, seed: int = 0
) -> Inspection:
    """Return an inspection of a new simulator, in this process and without HTTP."""
    simulator = Simulator(seed=seed, faults=faults, variations=variations)
    client = PrecheckClient(
        InProcessTransport(simulator),
        endpoint=simulator.endpoint,
        project_id=simulator.project_id,
        cluster_id=simulator.cluster_id,
        credentials=simulator.credentials,
    )
    neighbours = Neighbours(simulator.other_cluster_id, simulator.foreign_project_id, simulator.foreign_cluster_id)
    settings = Settings(
        budget, seed, allow_writes=True, allow_destructive=True, neighbours=neighbours, wait=simulator.clock.advance
    )
    return Inspection(client, settings)


def run_one(name: str, budget: int = DEFAULT_BUDGET, seed: int = 0) -> Row:
    """Inspect the simulator with one fault or variation, in this process and without HTTP."""
    fault = FAULTS.get(name)
    inspection = inspection_of([name] if fault else [], [] if fault else [name], budget, seed)
    started = time.perf_counter()
    run = inspect(inspection)
    known_by = fault.codes if fault else ()
    telling = [each for each in run.results.findings if each.severity is not Severity.NOTE or each.code in known_by]
    groups = causes(telling)
    return Row(
        name=name,
        conforming=fault is None,
        expected=known_by,
        codes=tuple(dict.fromkeys(finding.code for finding in telling)),
        causes=tuple(dict.fromkeys(group.finding.code for group in groups)),
        messages=tuple(group.finding.message for group in groups),
        requests=run.budget.sent,
        inconclusive=len(run.results.inconclusive),
        seconds=time.perf_counter() - started,
    )


def run_all(names: Sequence[str], budget: int, seed: int, jobs: int) -> Iterator[Row]:
    """Run each by name, over several processes, in the order given."""
    if jobs == 1 or len(names) == 1:
        yield from (run_one(name, budget, seed) for name in names)
        return
    others = set(active_children())
    with ProcessPoolExecutor(min(jobs, len(names)), initializer=_end_with_the_parent) as pool:
        futures = [pool.submit(run_one, name, budget, seed) for name in names]
        try:
            yield from (future.result() for future in futures)
        except BaseException:
            # Ctrl-C among them: the pool would wait for all that its processes have been given
            for worker in set(active_children()) - others:
                worker.terminate()
            raise


def _end_with_the_parent() -> None:
    # the terminal sends Ctrl-C to all processes, and the first of them ends the others; unless it was killed itself
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    # a handler that the first has would raise in the middle of a run, which the pool takes for its result
    signal.signal(signal.SIGTERM, signal.SIG_DFL)
    threading.Thread(target=_wait_for_the_parent, daemon=True).start()


def _wait_for_the_parent() -> None:
    parent = parent_process()
    if parent is not None:
        parent.join()
        os._exit(1)


def matrix(rows: Sequence[Row], seconds: float) -> str:
    """Write the rows, of which there is one or more, as a table, then the score."""
    width = max(len(row.name) for row in rows)
    lines = []
    for row in rows:
        verdict = ("silent" if row.right else "FALSE ALARM") if row.conforming else ("found" if row.right else "MISSED")
        rest = [code for code in row.codes if code not in row.causes]
        also = f" (and {', '.join(rest)})" if rest else ""
        lines.append(
            f"{row.name:<{width}}  {verdict:<11}  {row.requests:>4}  {row.seconds:5.2f} s  {' '.join(row.causes)}{also}"
        )
    return "\n".join([*lines, "", *_score(rows, seconds)]) + "\n"


def _score(rows: Sequence[Row], seconds: float) -> Iterator[str]:
    defects = [row for row in rows if not row.conforming]
    variations = [row for row in rows if row.conforming]
    if defects:
        found, named = sum(row.right for row in defects), sum(row.right and row.named for row in defects)
        yield f"defects found        {found} of {len(defects)}, {named} of them under a code that names the cause"
    if variations:
        yield f"variations flagged   {sum(not row.right for row in variations)} of {len(variations)}"
    requests = sorted(row.requests for row in rows)
    yield f"requests a run       {requests[len(requests) // 2]} (median), {requests[-1]} (most)"
    yield f"time                 {seconds:.1f} s in all"


def chosen(names: Iterable[str]) -> list[str]:
    """Return the faults and variations with these names, or all; raises `ConfigurationError` for an unknown name."""
    known = [*FAULTS, *VARIATIONS]
    for name in names:
        if name not in known:
            raise ConfigurationError(
                f"unknown fault or variation {name!r}{did_you_mean(name, known)}; cce-precheck faults lists them"
            )
    return list(names) or known
