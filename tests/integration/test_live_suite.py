"""The suite in live mode against ``cce-precheck serve``: the verdicts are those of a simulated run."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import time
from concurrent.futures import ThreadPoolExecutor
from contextlib import ExitStack
from typing import TYPE_CHECKING, Any
from xml.etree import ElementTree as ET

import pytest

from pytest_cce_precheck import Request, Response, Simulator, SimulatorServer
from pytest_cce_precheck.simulator.clock import RunningClock
from pytest_cce_precheck.simulator.faults import FAULTS
from tests.processes import service
from tests.toolchains import require_module

if TYPE_CHECKING:
    from pathlib import Path

    from tests.conftest import Run

TIMEOUT = 120


def live(facts: dict[str, Any]) -> list[str]:
    """Return the options that the service itself prints for a person."""
    ids = ("project", "cluster", "other_cluster", "foreign_project", "foreign_cluster")
    options = [f"--cce-{each.replace('_', '-')}-id={facts[f'{each}_id']}" for each in ids]
    return ["--cce-mode=live", f"--cce-endpoint={facts['endpoint']}", *options]


def credentials(facts: dict[str, Any], kind: str) -> dict[str, str]:
    if kind == "token":
        return {"CCE_AUTH_TOKEN": facts["token"]}
    return {"HUAWEICLOUD_SDK_AK": facts["access_key"], "HUAWEICLOUD_SDK_SK": facts["secret_key"]}


def suite(folder: Path, *options: str, **environment: str) -> subprocess.CompletedProcess[str]:
    folder.mkdir()
    words = [sys.executable, "-m", "pytest", "-p", "no:cacheprovider", "-W", "error", "--junitxml=junit.xml"]
    return subprocess.run(
        [*words, "--pyargs", "pytest_cce_precheck.suite", *options],
        cwd=folder, env={**os.environ, **environment}, capture_output=True, text=True, timeout=TIMEOUT, check=False,
    )  # fmt: skip


def verdicts(folder: Path) -> dict[str, str]:
    cases = ET.parse(folder / "junit.xml").iter("testcase")
    return {
        case.attrib["name"]: next((each.tag for each in case if each.tag != "properties"), "passed") for case in cases
    }


def test_every_way_to_run_the_suite_live_gives_the_verdicts_of_a_simulated_run(tmp_path: Path) -> None:
    require_module("xdist")
    ways = {"token": ("token", ()), "keys": ("keys", ()), "workers": ("keys", ("-n", "2"))}
    with ExitStack() as stack:
        services = {name: stack.enter_context(service()) for name in ways}

        def run_one(name: str) -> subprocess.CompletedProcess[str]:
            kind, options = ways[name]
            facts = services[name]
            arguments = (*live(facts), "--cce-allow-writes", *options)
            return suite(tmp_path / name, *arguments, **credentials(facts, kind))

        # created tasks are followed to their end, which is waiting above all
        with ThreadPoolExecutor(len(ways)) as pool:
            done = dict(zip(ways, pool.map(run_one, ways), strict=True))
    simulated = suite(tmp_path / "simulated")
    assert simulated.returncode == 0, simulated.stdout
    assert "no real service was contacted" in simulated.stdout
    for name, run in done.items():
        assert run.returncode == 0, run.stdout
        assert verdicts(tmp_path / name) == verdicts(tmp_path / "simulated"), run.stdout
        assert f"mode live: {services[name]['endpoint']}" in run.stdout
        assert "no real service was contacted" not in run.stdout
        shown = run.stdout + run.stderr + (tmp_path / name / "junit.xml").read_text("utf-8")
        assert not [secret for secret in ("token", "access_key", "secret_key") if services[name][secret] in shown]


@pytest.mark.parametrize(
    ("fault", "kind"),
    [
        ("type-filter-ignored", "token"),
        ("one-task-not-found-by-id", "keys"),
        ("final-without-expiry", "token"),
        ("cluster-ignored", "keys"),
        ("signature-ignored", "keys"),
        ("empty-token-accepted", "token"),
        ("answers-half", "token"),
        ("state-flickers", "keys"),
    ],
)
def test_a_faulty_service_turns_the_suite_red_with_the_faults_code(
    run: Run, monkeypatch: pytest.MonkeyPatch, fault: str, kind: str
) -> None:
    with service("--fault", fault) as facts:
        for name, value in credentials(facts, kind).items():
            monkeypatch.setenv(name, value)
        result = run("--pyargs", "pytest_cce_precheck.suite", *live(facts))
    assert result.ret == 1
    text = result.stdout.str()
    assert any(code in text for code in FAULTS[fault].codes), text
    assert "the contract does not hold" in text


def test_a_cluster_that_is_not_there_is_one_finding_and_what_could_not_be_asked_is_skipped(
    run: Run, monkeypatch: pytest.MonkeyPatch
) -> None:
    with service() as facts:
        for name, value in credentials(facts, "token").items():
            monkeypatch.setenv(name, value)
        result = run("--pyargs", "pytest_cce_precheck.suite", *live({**facts, "cluster_id": "a-typo"}))
    result.assert_outcomes(failed=1, skipped=13)
    result.stdout.fnmatch_lines(["*not tried, the endpoint knows no such project or cluster (404)"])


@pytest.mark.parametrize("leave", [False, True])
def test_nothing_is_created_in_live_mode_without_leave(
    run: Run, monkeypatch: pytest.MonkeyPatch, *, leave: bool
) -> None:
    posted = []

    class Watched(Simulator):
        def handle(self, request: Request, *, caller: int | None = None) -> Response:
            response = super().handle(request, caller=caller)
            # to post to the list's own path is to try whether it is answered
            if request.method == "POST" and request.path.endswith("/addons/precheck"):
                posted.append(response.status)
            return response

    # the clock of a service that is left running moves by itself
    with SimulatorServer(Watched(clock=RunningClock() if leave else None)) as server:
        facts = {**server.simulator.describe(), "endpoint": server.endpoint}
        for name, value in credentials(facts, "token").items():
            monkeypatch.setenv(name, value)
        only = ("-k", "bad_create", "--cce-allow-writes") if leave else ()
        result = run("--pyargs", "pytest_cce_precheck.suite", *live(facts), *only)
    # of what was deselected the run does not say that it holds
    assert result.ret == int(leave), result.stdout.str()
    assert bool(posted) == leave
    text = result.stdout.str()
    why = "test_created_tasks_are_found_and_finish: the create call may not be used (--cce-allow-writes)"
    assert (why in text) != leave


@pytest.mark.parametrize(("budget", "rate"), [(60, 0), (40, 25)])
def test_two_workers_never_send_one_request_too_many_or_too_early(tmp_path: Path, budget: int, rate: int) -> None:
    require_module("xdist")
    arrived: list[float] = []

    class Counted(Simulator):
        def handle(self, request: Request, *, caller: int | None = None) -> Response:
            arrived.append(time.monotonic())
            return super().handle(request, caller=caller)

    with SimulatorServer(Counted(clock=RunningClock())) as server:
        facts = {**server.simulator.describe(), "endpoint": server.endpoint}
        bounds = (f"--cce-budget={budget}", f"--cce-rate={rate}", "-n", "2")
        ran = suite(tmp_path / "run", *live(facts), *bounds, **credentials(facts, "token"))
    assert ran.returncode == 0, ran.stdout
    assert budget // 2 < len(arrived) <= budget
    if rate:
        # two workers that each kept the rate for itself would take half as long; the first may have arrived late
        assert arrived[-1] - arrived[0] > (len(arrived) - 1) / rate * 0.6


WRITES_ITS_PID = """
import os, pathlib

def pytest_sessionstart(session):
    worker = getattr(session.config, "workerinput", {}).get("workerid")
    if worker:
        pathlib.Path(f"{worker}.pid").write_text(str(os.getpid()))
"""


def test_a_worker_that_is_killed_takes_neither_the_others_nor_the_count_with_it(tmp_path: Path) -> None:
    require_module("xdist")
    folder, budget, number_of_the_kill = tmp_path / "run", 120, 20
    seen: list[str] = []

    class Deadly(Simulator):
        def handle(self, request: Request, *, caller: int | None = None) -> Response:
            seen.append(request.method)
            if len(seen) == number_of_the_kill:
                # while a request of one of the two is on its way
                os.kill(int((folder / "gw0.pid").read_text()), signal.SIGKILL)
            return super().handle(request, caller=caller)

    (tmp_path / "writes_its_pid.py").write_text(WRITES_ITS_PID)
    with SimulatorServer(Deadly(clock=RunningClock())) as server:
        facts = {**server.simulator.describe(), "endpoint": server.endpoint}
        options = (f"--cce-budget={budget}", "-n", "2", "-p", "writes_its_pid")
        ran = suite(folder, *live(facts), *options, **credentials(facts, "token"), PYTHONPATH=str(tmp_path))
    assert "worker 'gw0' crashed" in ran.stdout
    outcomes = list(verdicts(folder).values())
    assert ran.returncode == 1, ran.stdout
    # the one test that the killed worker was at; its place was taken
    assert len(outcomes) - outcomes.count("passed") - outcomes.count("skipped") == 1
    assert outcomes.count("passed") >= len(outcomes) // 2
    assert number_of_the_kill < len(seen) <= budget
