"""A live run reports at its end how much this machine's clock differs from the service's; other runs do not."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING

import pytest

from pytest_cce_precheck.simulator.clock import RunningClock
from pytest_cce_precheck.simulator.server import SimulatorServer
from pytest_cce_precheck.simulator.staging.service import Staging
from tests.recordings import REPLAY, credentials_of, recording_from
from tests.toolchains import require_module

if TYPE_CHECKING:
    from collections.abc import Iterator

    from tests.conftest import Run

BEHIND = "  this machine's clock is 41? s behind the service's"


@pytest.fixture
def skewed(pytester: pytest.Pytester, monkeypatch: pytest.MonkeyPatch) -> Iterator[SimulatorServer]:
    """A service whose clock is 412 s ahead."""
    pytester.makepyfile("def test_asks(cce_client): assert cce_client.list_tasks().status == 200")
    with SimulatorServer(Staging("skewed", clock=RunningClock())) as server:
        for name, value in credentials_of(server).items():
            monkeypatch.setenv(name, value)
        yield server


def test_a_skew_is_named_live_and_at_record_and_not_on_replay(
    pytester: pytest.Pytester, run: Run, skewed: SimulatorServer
) -> None:
    recording = recording_from(skewed)
    for mode in ("live", "record"):
        result = run(*recording, f"--cce-mode={mode}", "--cce-report=report.json")
        result.assert_outcomes(passed=1)
        result.stdout.fnmatch_lines([BEHIND])
        assert -420 < json.loads((pytester.path / "report.json").read_text())["clock_skew"] < -410
    replayed = run(*REPLAY)
    replayed.assert_outcomes(passed=1)
    replayed.stdout.no_fnmatch_line("*clock*")


def test_a_skew_is_named_whichever_worker_saw_it(run_apart: Run, skewed: SimulatorServer) -> None:
    require_module("xdist")
    result = run_apart(*recording_from(skewed), "--cce-mode=live", "-n", "1")
    result.assert_outcomes(passed=1)
    result.stdout.fnmatch_lines([BEHIND])


def test_nothing_is_said_of_the_clock_of_the_embedded_service(run: Run, skewed: SimulatorServer) -> None:
    result = run("--cce-fault=type-filter-ignored")
    result.assert_outcomes(passed=1)
    result.stdout.no_fnmatch_line("*this machine's clock*")


def test_a_suite_whose_first_list_is_refused_says_why_and_tries_no_more(
    run: Run, skewed: SimulatorServer, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("CCE_AUTH_TOKEN", "PLANTED-token")
    result = run("--pyargs", "pytest_cce_precheck.suite", *recording_from(skewed), "--cce-mode=live")
    result.assert_outcomes(failed=1, skipped=13)
    result.stdout.fnmatch_lines(
        [
            "E * triage    token not accepted: *",
            "mode live: *, 1 request, seed 0",
            "    test_each_filter_value_*: not tried, the endpoint refuses the credentials (401)",
        ]
    )
