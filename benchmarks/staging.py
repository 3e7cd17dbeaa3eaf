"""The checks against a staging service as bad as a real one: false findings, defects found, and what being safe costs.

The suite's checks run in this process against `simulator.staging`, by a clock that waiting moves on, so that a run of a
minute takes half a second. Each run has a seed of its own, for the service and for the checks; every other run
authenticates with tokens that it has to renew, the others with access keys. Results are Markdown tables.

    python benchmarks/staging.py                                 300 runs without a defect, 100 with each of 20
    python benchmarks/staging.py --runs 20 --defect-runs 10      a first look, in a minute
    python benchmarks/staging.py --defects all --defect-runs 5   the whole catalogue
    python benchmarks/staging.py --runs 0 --defect-runs 0 --http 8   some runs over HTTP, in real time

The 20 defects are taken by rule: of each category of the catalogue the first that is marked as subtle, in the
catalogue's order, then the second of each, until there are 20.
"""

from __future__ import annotations

import argparse
import platform
import statistics
import sys
import tempfile
import time
from concurrent.futures import ProcessPoolExecutor, ThreadPoolExecutor
from contextlib import ExitStack
from dataclasses import dataclass, replace
from importlib.metadata import version
from itertools import islice, zip_longest
from pathlib import Path
from typing import TYPE_CHECKING, Final

from pytest_cce_precheck.client import PrecheckClient
from pytest_cce_precheck.contract.rules import Severity
from pytest_cce_precheck.simulator.clock import ManualClock, RunningClock
from pytest_cce_precheck.simulator.faults import FAULTS
from pytest_cce_precheck.simulator.server import SimulatorServer
from pytest_cce_precheck.simulator.service import Simulator
from pytest_cce_precheck.simulator.staging.service import Staging
from pytest_cce_precheck.suite.checks import CHECKS
from pytest_cce_precheck.suite.inspection import Inspection
from pytest_cce_precheck.suite.run_settings import Neighbours, Settings
from pytest_cce_precheck.suite.sender import Sender
from pytest_cce_precheck.transport.live import HttpTransport
from pytest_cce_precheck.transport.pacing import SharedBudget
from pytest_cce_precheck.transport.simulate import InProcessTransport
from pytest_cce_precheck.transport.tokens import IamAccount, IamTokens, Issued, Tokens
from pytest_cce_precheck.wire.credentials import Credentials, Secret

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Sequence

    from pytest_cce_precheck.client import Transport
    from pytest_cce_precheck.wire.exchange import Exchange, Request

PROFILE: Final = "hostile"
BUDGET: Final = 250
LAG: Final = 5.0
DEFECTS: Final = 20
TIMEOUT: Final = 10.0


@dataclass(frozen=True)
class Job:
    """One run: against what, with which parts of what makes it safe.

    ``staging`` is False for the plain simulated service; ``patient`` runs send again what was turned away or lost.
    """

    seed: int
    defect: str = ""
    staging: bool = True
    patient: bool = True
    lag: float = LAG
    paced: bool = False
    http: bool = False


@dataclass(frozen=True)
class Outcome:
    """What a run told; ``lasted`` counts seconds of the service's clock, ``waited`` those of them that the run paused,
    ``seconds`` those that this machine's processor worked, for the service too."""

    job: Job
    told: tuple[str, ...]
    expected: bool
    requests: int
    retried: int
    judged: int
    left_open: int
    without_verdict: int
    behind: float
    lasted: float
    waited: float
    seconds: float


class Impatient(Sender):
    """A sender that takes each answer as it comes, and none if none comes."""

    def ask(self, request: Request, *, as_is: bool = False, repeat: bool = True) -> Exchange:  # noqa: ARG002
        return self.send(request, as_is=as_is)


def service(job: Job) -> Simulator:
    clock = RunningClock() if job.http else ManualClock()
    faults = [job.defect] if job.defect else []
    if not job.staging:
        return Simulator(seed=job.seed, faults=faults, clock=clock)
    return Staging(PROFILE, seed=job.seed, faults=faults, clock=clock)


def tokens_of(simulator: Simulator, endpoint: str) -> Tokens | None:
    """Return what renews tokens, over HTTP or within this process; the plain service has none that end."""
    if not isinstance(simulator, Staging):
        return None
    account = simulator.account
    iam = IamTokens(
        IamAccount(endpoint, account.user, account.password, account.domain, simulator.project_id), timeout=TIMEOUT
    )

    def issue() -> Issued:
        answer = simulator.handle(iam._request())
        return Issued(Secret(answer.headers["X-Subject-Token"]), simulator.profile.tokens.seconds)  # type: ignore[union-attr]

    if endpoint != simulator.endpoint:
        return Tokens(iam)
    return Tokens(issue, now=lambda: simulator.clock.now().timestamp())


@dataclass
class Counted:
    """Counts each request, as `transport.gate` does of those that go over HTTP."""

    transport: Transport
    meter: SharedBudget

    def send(self, request: Request) -> Exchange:
        self.meter.take()
        return self.transport.send(request)

    def close(self) -> None:
        self.transport.close()
        self.meter.close()


def run(job: Job) -> Outcome:
    """Run all checks once."""
    simulator = service(job)
    with ExitStack() as stack:
        endpoint = stack.enter_context(SimulatorServer(simulator)).endpoint if job.http else simulator.endpoint
        transport: Transport = HttpTransport(timeout=TIMEOUT) if job.http else InProcessTransport(simulator)
        if job.paced:
            folder = stack.enter_context(tempfile.TemporaryDirectory())
            transport = Counted(transport, SharedBudget(str(Path(folder, "requests.sqlite")), limit=BUDGET))
        tokens = tokens_of(simulator, endpoint) if job.seed % 2 else None
        client = PrecheckClient(
            transport,
            endpoint=endpoint,
            project_id=simulator.project_id,
            cluster_id=simulator.cluster_id,
            credentials=Credentials(token=tokens.current()) if tokens else simulator.credentials,
            tokens=tokens,
        )
        stack.callback(client.close)
        return inspected(job, simulator, client)


def inspected(job: Job, simulator: Simulator, client: PrecheckClient) -> Outcome:
    began, started = simulator.clock.now(), time.process_time()
    # over HTTP the plain service's clock is moved on all the same: it has nothing that real time is needed for
    pause = time.sleep if job.http and job.staging else simulator.clock.advance
    waits: list[float] = []

    def wait(seconds: float) -> None:
        waits.append(seconds)
        pause(seconds)

    settings = Settings(
        BUDGET,
        job.seed,
        allow_writes=True,
        allow_destructive=True,
        neighbours=Neighbours(simulator.other_cluster_id, simulator.foreign_project_id, simulator.foreign_cluster_id),
        wait=wait,
        lag=job.lag,
        now=lambda: simulator.clock.now().timestamp(),
    )
    inspection = Inspection(client, settings, Sender if job.patient else Impatient)
    without_verdict = 0
    for check in CHECKS:
        before = inspection.progress().judged
        found = inspection.run(check)
        without_verdict += not found and inspection.progress().judged == before
    failing = [finding for finding in inspection.results.findings if finding.severity is not Severity.NOTE]
    codes = {finding.code for finding in failing}
    progress = inspection.progress()
    return Outcome(
        job,
        told=tuple(f"{finding.code} {finding.message}" for finding in failing),
        expected=bool(job.defect) and bool(codes & set(FAULTS[job.defect].codes)),
        requests=progress.requests,
        retried=progress.retried,
        judged=progress.judged,
        left_open=len(progress.inconclusive),
        without_verdict=without_verdict,
        behind=progress.behind,
        lasted=(simulator.clock.now() - began).total_seconds(),
        waited=sum(waits),
        seconds=time.process_time() - started,
    )


# ---- which runs


def chosen(wanted: str) -> list[str]:
    """Return the defects to try: 20 by rule, ``all``, or those named."""
    if wanted == "all":
        return list(FAULTS)
    if wanted != str(DEFECTS):
        unknown = [name for name in wanted.split(",") if name not in FAULTS]
        if unknown:
            sys.exit(f"unknown: {', '.join(unknown)}; cce-precheck faults lists what there is")
        return wanted.split(",")
    categories: dict[str, list[str]] = {}
    for fault in FAULTS.values():
        categories.setdefault(fault.category, [])
        if fault.subtle:
            categories[fault.category].append(fault.name)
    in_turn = (name for turn in zip_longest(*categories.values()) for name in turn if name)
    return list(islice(in_turn, DEFECTS))


def run_all(jobs: Sequence[Job], processes: int, minutes: float) -> Iterator[Outcome]:
    """Return what comes of the jobs, in their order, as far as the time goes."""
    started = time.monotonic()
    with ProcessPoolExecutor(processes) as pool:
        for number, outcome in enumerate(pool.map(run, jobs, chunksize=4), 1):
            yield outcome
            seconds = time.monotonic() - started
            if sys.stderr.isatty() or number % 100 == 0:
                sys.stderr.write(f"\r{number}/{len(jobs)} runs, {seconds:.0f} s ")
            if seconds > minutes * 60:
                pool.shutdown(cancel_futures=True)
                break
    sys.stderr.write("\n")


# ---- tables


def clean_table(outcomes: Sequence[Outcome]) -> Iterator[str]:
    false = [outcome for outcome in outcomes if outcome.told]
    answers = sum(outcome.judged + outcome.left_open for outcome in outcomes)
    checks = len(outcomes) * len(CHECKS)
    yield "| without a defect | |"
    yield "|---|--:|"
    yield f"| runs | {len(outcomes)} |"
    yield f"| runs with a false finding | {len(false)} |"
    yield f"| checks without any verdict | {_share(sum(each.without_verdict for each in outcomes), checks)} |"
    yield f"| answers left open (inconclusive) | {_share(sum(each.left_open for each in outcomes), answers)} |"
    yield f"| requests a run | {_spread(each.requests for each in outcomes)} |"
    yield f"| of these sent again | {_spread(each.retried for each in outcomes)} |"
    yield f"| lag seen, seconds | {_spread((each.behind for each in outcomes), 1)} |"
    yield f"| seconds a run, by the service's clock | {_spread((each.lasted for each in outcomes), 0)} |"
    yield f"| seconds a run, of the processor | {_spread((each.seconds for each in outcomes), 2)} |"
    yield from (f"\nFALSE, seed {each.job.seed}: {'; '.join(each.told)[:400]}" for each in false)


def defect_table(outcomes: Sequence[Outcome], *, only_missed: bool) -> Iterator[str]:
    groups: dict[str, list[Outcome]] = {}
    for outcome in outcomes:
        groups.setdefault(outcome.job.defect, []).append(outcome)
    yield "| defect | category | runs | found | under its code | requests, median | left open, median |"
    yield "|---|---|--:|--:|--:|--:|--:|"
    for name, group in groups.items():
        found = sum(bool(each.told) for each in group)
        if only_missed and found == len(group):
            continue
        expected = sum(each.expected for each in group)
        requests = statistics.median(each.requests for each in group)
        open_ = statistics.median(each.left_open for each in group)
        cells = (f"`{name}`", FAULTS[name].category, len(group), _percent(found, len(group)))
        rest = (_percent(expected, len(group)), f"{requests:.0f}", f"{open_:.0f}")
        yield f"| {' | '.join(map(str, (*cells, *rest)))} |"
    always = sum(all(each.told for each in group) for group in groups.values())
    found = sum(bool(outcome.told) for outcome in outcomes)
    yield f"\nFound in {_share(found, len(outcomes))} of the runs; {always} of {len(groups)} defects in every run."
    for name, group in groups.items():
        seeds = [str(each.job.seed) for each in group if not each.told]
        if seeds:
            yield f"MISSED `{name}`, seeds {', '.join(seeds[:20])}"


def cost_table(seeds: int, first: int) -> Iterator[str]:
    """Measure over HTTP, where a request costs what it costs; waits are counted, and the clock moved on."""
    plain = Job(0, staging=False, patient=False, lag=0.0, http=True)
    rows = {
        "plain service, no retries": plain,
        "plain service, retries": replace(plain, patient=True),
        "plain service, the count of all workers too": replace(plain, patient=True, paced=True),
        f"plain service, all of it and `--cce-lag={LAG:.0f}`": replace(plain, patient=True, paced=True, lag=LAG),
        "hostile staging, no retries, no lag": Job(0, patient=False, lag=0.0),
        "hostile staging, retries, no lag": Job(0, lag=0.0),
        f"hostile staging, all of it and `--cce-lag={LAG:.0f}`": Job(0, paced=True),
    }
    yield "| run | requests | sent again | seconds of the processor | seconds waited | runs with a false finding |"
    yield "|---|--:|--:|--:|--:|--:|"
    for label, job in rows.items():
        outcomes = [run(replace(job, seed=seed)) for seed in range(first, first + seeds)]
        middle = [
            statistics.median(getattr(each, name) for each in outcomes)
            for name in ("requests", "retried", "seconds", "waited")
        ]
        false = sum(bool(each.told) for each in outcomes)
        shown = f"{middle[0]:.0f} | {middle[1]:.0f} | {middle[2]:.2f} | {middle[3]:.1f} | {false} of {seeds}"
        yield f"| {label} | {shown} |"


def _share(part: int, whole: int) -> str:
    return f"{part} of {whole} ({part / whole:.1%})" if whole else "0"


def _percent(part: int, whole: int) -> str:
    return f"{part / whole:.0%}" if part in (0, whole) else f"{part / whole:.1%}"


def _spread(numbers: Iterable[float], digits: int = 0) -> str:
    known = sorted(numbers)
    return f"{statistics.median(known):.{digits}f} (median), {known[-1]:.{digits}f} (most)"


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--runs", type=int, default=300, metavar="N", help="runs without a defect")
    parser.add_argument(
        "--defects", default=str(DEFECTS), metavar="NAMES", help="20, all, or names with commas between"
    )
    parser.add_argument("--defect-runs", type=int, default=100, metavar="N", help="runs with each defect")
    parser.add_argument("--costs", type=int, default=0, metavar="N", help="runs for each row of what being safe costs")
    parser.add_argument("--http", type=int, default=0, metavar="N", help="runs over HTTP in real time, all at once")
    parser.add_argument("--jobs", type=int, default=1, metavar="N", help="how many to run at the same time")
    parser.add_argument("--seed", type=int, default=0, metavar="N", help="the first seed")
    parser.add_argument("--minutes", type=float, default=60, metavar="N", help="after which each table is made of less")
    options = parser.parse_args()
    seeds = range(options.seed, options.seed + options.runs)
    write = sys.stdout.write
    write(f"pytest-cce-precheck {version('pytest-cce-precheck')}, Python {platform.python_version()}\n")
    if options.runs:
        write(
            "\n"
            + "\n".join(clean_table(list(run_all([Job(seed) for seed in seeds], options.jobs, options.minutes))))
            + "\n"
        )
    if options.http:
        with ThreadPoolExecutor(options.http) as pool:
            jobs = [Job(seed, http=True) for seed in range(options.seed, options.seed + options.http)]
            write("\nOver HTTP, in real time:\n\n" + "\n".join(clean_table(list(pool.map(run, jobs)))) + "\n")
    if options.defect_runs:
        names, seeds = chosen(options.defects), range(options.seed, options.seed + options.defect_runs)
        # whenever it is stopped, each defect has had as many runs
        jobs = [Job(seed, name) for seed in seeds for name in names]
        table = defect_table(list(run_all(jobs, options.jobs, options.minutes)), only_missed=len(names) > DEFECTS)
        write("\n" + "\n".join(table) + "\n")
    if options.costs:
        write("\n" + "\n".join(cost_table(options.costs, options.seed)) + "\n")


if __name__ == "__main__":
    main()
