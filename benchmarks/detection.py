"""This project's checks and schemathesis against the same defects and the same conforming variations, over HTTP.

For every defect (`cce-precheck faults` lists them) and every variation, a simulated service is started twice on
loopback, once for each tool: the same world, a running clock, 12 tasks where the variation does not say otherwise. The
service counts the requests. Results are Markdown tables.

    python benchmarks/detection.py                       all of them; installs schemathesis into a temporary environment
    python benchmarks/detection.py --sample 5 --jobs 2   every fifth defect, two at a time, and all variations
    python benchmarks/detection.py --only type-filter-ignored --schemathesis ~/st/bin/schemathesis
"""

from __future__ import annotations

import argparse
import json
import platform
import statistics
import sys
import tempfile
import time
from concurrent.futures import ProcessPoolExecutor
from dataclasses import asdict, dataclass
from functools import partial
from importlib.metadata import version
from pathlib import Path
from typing import TYPE_CHECKING

import schemathesis_peer

from pytest_cce_precheck.client import PrecheckClient
from pytest_cce_precheck.contract.causes import causes
from pytest_cce_precheck.contract.rules import Severity
from pytest_cce_precheck.simulator.clock import RunningClock
from pytest_cce_precheck.simulator.faults import FAULTS
from pytest_cce_precheck.simulator.server import SimulatorServer
from pytest_cce_precheck.simulator.service import NoAnswer, Simulator
from pytest_cce_precheck.simulator.variations import VARIATIONS
from pytest_cce_precheck.suite.checks import inspect
from pytest_cce_precheck.suite.inspection import Inspection
from pytest_cce_precheck.suite.run_settings import Neighbours, Settings
from pytest_cce_precheck.transport.live import HttpTransport

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Sequence

    from pytest_cce_precheck.wire.exchange import Request, Response

HEALTHY = "(none)"
VARIATION = "variation"
SEED = 0
BUDGET = 250
# a defect that lets the client wait costs either tool this much a request
TIMEOUT = 2.0


class Counting(Simulator):
    """A simulator that counts what it is asked, and remembers a failure of its own."""

    requests = 0
    failed = False

    def handle(self, request: Request, *, caller: int | None = None) -> Response:
        self.requests += 1
        try:
            return super().handle(request, caller=caller)
        except NoAnswer:
            raise
        except Exception:
            self.failed = True
            raise


@dataclass(frozen=True)
class Outcome:
    """One tool's run: what it complained of, and what that cost.

    ``waited`` are seconds of the service's clock. Where the simulator itself ``failed``, its 500 is none of the defect.
    """

    told: tuple[str, ...]
    requests: int
    seconds: float
    failed: bool
    waited: float = 0.0


@dataclass(frozen=True)
class Row:
    name: str
    category: str
    ours: Outcome
    peer: Outcome


def simulated(name: str) -> Counting:
    return Counting(
        seed=SEED,
        faults=[name] if name in FAULTS else [],
        variations=[name] if name in VARIATIONS else [],
        clock=RunningClock(),
    )


def run_ours(name: str) -> Outcome:
    simulator = simulated(name)
    waits: list[float] = []

    def wait(seconds: float) -> None:
        waits.append(seconds)
        simulator.clock.advance(seconds)

    neighbours = Neighbours(simulator.other_cluster_id, simulator.foreign_project_id, simulator.foreign_cluster_id)
    with SimulatorServer(simulator) as server:
        started = time.perf_counter()
        client = PrecheckClient(
            HttpTransport(timeout=TIMEOUT),
            endpoint=server.endpoint,
            project_id=simulator.project_id,
            cluster_id=simulator.cluster_id,
            credentials=simulator.credentials,
        )
        settings = Settings(BUDGET, SEED, allow_writes=True, allow_destructive=True, neighbours=neighbours, wait=wait)
        run = inspect(Inspection(client, settings))
        client.close()
        seconds = time.perf_counter() - started
    failing = [finding for finding in run.results.findings if finding.severity is not Severity.NOTE]
    told = tuple(f"{group.finding.code} {group.finding.message}" for group in causes(failing))
    return Outcome(told, simulator.requests, seconds, simulator.failed, sum(waits))


def run_peer(name: str, command: Path, examples: int) -> Outcome:
    simulator = simulated(name)
    with SimulatorServer(simulator) as server:
        done = schemathesis_peer.run(command, simulator, server.endpoint, TIMEOUT, examples)
    return Outcome(done.failures, simulator.requests, done.seconds, simulator.failed)


def compare(name: str, command: Path, examples: int) -> Row:
    category = FAULTS[name].category if name in FAULTS else VARIATION
    return Row(name, category, run_ours(name), run_peer(name, command, examples))


def run_all(names: Sequence[str], command: Path, jobs: int, examples: int) -> Iterator[Row]:
    if jobs == 1:
        yield from (compare(name, command, examples) for name in names)
        return
    with ProcessPoolExecutor(jobs) as pool:
        yield from pool.map(partial(compare, command=command, examples=examples), names)


def chosen(only: Sequence[str], sample: int) -> list[str]:
    unknown = [name for name in only if name not in FAULTS and name not in VARIATIONS]
    if unknown:
        sys.exit(f"unknown: {', '.join(unknown)}; cce-precheck faults lists what there is")
    return list(dict.fromkeys(only)) or [*list(FAULTS)[::sample], *VARIATIONS]


def by_category(rows: Iterable[Row]) -> Iterator[str]:
    yield "| defects | number | found by this project | found by schemathesis |"
    yield "|---|--:|--:|--:|"
    categories: dict[str, list[Row]] = {}
    for row in rows:
        if row.category != VARIATION:
            categories.setdefault(row.category, []).append(row)
    every = [row for group in categories.values() for row in group]
    for category, group in [*categories.items(), ("**all**", every)]:
        yield f"| {category} | {len(group)} | {_found(group, 'ours')} | {_found(group, 'peer')} |"


def _found(rows: Sequence[Row], tool: str) -> str:
    found = sum(bool(getattr(row, tool).told) for row in rows)
    return f"{found} ({found / len(rows):.0%})" if rows else "0"


def costs(rows: Sequence[Row]) -> Iterator[str]:
    variations = [row for row in rows if row.category == VARIATION]
    yield "| | this project | schemathesis |"
    yield "|---|--:|--:|"
    alarms = [sum(bool(getattr(row, tool).told) for row in variations) for tool in ("ours", "peer")]
    yield f"| false alarms, of {len(variations)} conforming variations | {alarms[0]} | {alarms[1]} |"
    for label, pick in (("median", statistics.median), ("most", max)):
        ours, peer = (pick(getattr(row, tool).requests for row in rows) for tool in ("ours", "peer"))
        yield f"| requests a run, {label} | {ours:.0f} | {peer:.0f} |"
    for label, pick in (("median", statistics.median), ("most", max)):
        ours, peer = (pick(getattr(row, tool).seconds for row in rows) for tool in ("ours", "peer"))
        yield f"| seconds a run, {label} | {ours:.2f} | {peer:.2f} |"
    waited = statistics.median(row.ours.waited for row in rows)
    yield f"| seconds of the service's clock that a run waits for tasks to end, median | {waited:.1f} | 0 |"


def alarms(rows: Iterable[Row]) -> Iterator[str]:
    for row in rows:
        if row.category == VARIATION:
            for tool, told in (("this project", row.ours.told), ("schemathesis", row.peer.told)):
                if told:
                    yield f"- `{row.name}`, {tool}: {'; '.join(told)[:300]}"


def missed(rows: Iterable[Row], tool: str) -> Iterator[str]:
    categories: dict[str, list[str]] = {}
    for row in rows:
        if row.category != VARIATION and not getattr(row, tool).told:
            categories.setdefault(row.category, []).append(f"`{row.name}`")
    return (f"- {category}: {', '.join(names)}" for category, names in categories.items())


def document(rows: Sequence[Row], versions: str) -> str:
    faults = sum(row.category != VARIATION for row in rows)
    failed = [row.name for row in rows if row.ours.failed or row.peer.failed]
    parts = [
        f"{versions}. {faults} of {len(FAULTS)} defects, {len(rows) - faults} of {len(VARIATIONS)} variations.",
        "\n".join(by_category(rows)),
        "\n".join(costs(rows)),
        schemathesis_peer.TURNED_OFF,
        "False alarms:\n\n" + ("\n".join(alarms(rows)) or "none"),
        "Missed by this project:\n\n" + ("\n".join(missed(rows, "ours")) or "none"),
        "Missed by schemathesis:\n\n" + ("\n".join(missed(rows, "peer")) or "none"),
    ]
    if failed:
        parts.append(f"Not to be counted, since the simulated service itself failed: {', '.join(failed)}")
    return "\n\n".join(parts) + "\n"


def healthy_first(command: Path) -> None:
    """Stop where a tool complains of the service as it should be: its settings would be at fault."""
    row = Row(HEALTHY, VARIATION, run_ours(HEALTHY), run_peer(HEALTHY, command, schemathesis_peer.EXAMPLES))
    for tool, outcome in (("this project", row.ours), ("schemathesis", row.peer)):
        if outcome.told:
            sys.exit(f"{tool} complains of the service without a defect: {'; '.join(outcome.told)}")


def measure(options: argparse.Namespace, command: Path) -> None:
    healthy_first(command)
    names = chosen(options.only, options.sample)
    rows: list[Row] = []
    for row in run_all(names, command, options.jobs, options.examples):
        rows.append(row)
        verdicts = " ".join(f"{'+' if outcome.told else '-'}" for outcome in (row.ours, row.peer))
        sys.stderr.write(f"{len(rows):>4}/{len(names)}  {verdicts}  {row.name}\n")
        if options.json:
            text = json.dumps([asdict(each) for each in rows], indent=1, ensure_ascii=False)
            options.json.write_text(text + "\n", encoding="utf-8")
    versions = (
        f"pytest-cce-precheck {version('pytest-cce-precheck')}, schemathesis {schemathesis_peer.version(command)},"
        f" Python {platform.python_version()}"
    )
    text = document(rows, versions)
    sys.stdout.write(text)
    if options.markdown:
        options.markdown.write_text(text, encoding="utf-8")


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--only", nargs="+", default=[], metavar="NAME", help="these defects and variations alone")
    parser.add_argument("--sample", type=int, default=1, metavar="N", help="every Nth defect; all variations")
    parser.add_argument("--jobs", type=int, default=1, metavar="N", help="how many to run at the same time")
    parser.add_argument("--schemathesis", type=Path, metavar="PATH", help="its command, in place of a new environment")
    parser.add_argument(
        "--examples", type=int, default=schemathesis_peer.EXAMPLES, metavar="N", help="schemathesis' examples a call"
    )
    parser.add_argument("--json", type=Path, metavar="PATH", help="write every run's result, after each")
    parser.add_argument("--markdown", type=Path, metavar="PATH", help="write the tables, which are printed too")
    options = parser.parse_args()
    if options.schemathesis:
        measure(options, options.schemathesis.resolve())
        return
    with tempfile.TemporaryDirectory(prefix="schemathesis-") as folder:
        measure(options, schemathesis_peer.install(Path(folder)))


if __name__ == "__main__":
    main()
