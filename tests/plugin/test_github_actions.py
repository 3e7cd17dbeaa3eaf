"""A run in GitHub Actions annotates the job and adds to its summary; any other run does neither."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

import pytest

from pytest_cce_precheck.simulator.server import SimulatorServer
from pytest_cce_precheck.simulator.service import Simulator
from tests.plugin.projects import VERIFIES
from tests.recordings import credentials_of, recording_from
from tests.toolchains import require_module

if TYPE_CHECKING:
    from collections.abc import Iterator

    from tests.conftest import Run

TESTS: Final = VERIFIES + VERIFIES.replace("def test_", "def test_again_")


@pytest.fixture
def live(pytester: pytest.Pytester, monkeypatch: pytest.MonkeyPatch) -> Iterator[tuple[str, ...]]:
    """The options of a live run on a service with a defect, in a job of GitHub Actions."""
    pytester.makepyfile(TESTS)
    monkeypatch.setenv("GITHUB_ACTIONS", "true")
    monkeypatch.setenv("GITHUB_STEP_SUMMARY", str(pytester.path / "summary.md"))
    with SimulatorServer(Simulator(faults=["final-without-expiry"])) as server:
        for name, value in credentials_of(server).items():
            monkeypatch.setenv(name, value)
        *_, project, cluster = recording_from(server)
        yield ("--cce-mode=live", f"--cce-endpoint={server.endpoint}", project, cluster)


@pytest.mark.parametrize("workers", [(), ("-n", "2")], ids=["alone", "two workers"])
def test_each_cause_is_annotated_once_and_the_report_is_the_jobs_summary(
    pytester: pytest.Pytester, run_apart: Run, live: tuple[str, ...], workers: tuple[str, ...]
) -> None:
    if workers:
        require_module("xdist")
    result = run_apart(*live, *workers)
    result.assert_outcomes(failed=2)
    [line] = [line for line in result.stdout.lines if line.startswith("::")]
    assert line.startswith("::error title=PRE302::A finished task ")
    assert "(request id " in line
    told = (pytester.path / "summary.md").read_text("utf-8")
    assert told.startswith("# Contract check of `http://127.0.0.1:")
    assert told.count("# Contract check") == 1
    assert "| failing | PRE302 |" in told


def test_elsewhere_nothing_of_it_is_seen(
    pytester: pytest.Pytester, run: Run, live: tuple[str, ...], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.delenv("GITHUB_ACTIONS")
    result = run(*live)
    result.assert_outcomes(failed=2)
    result.stdout.no_fnmatch_line("::*")
    assert not (pytester.path / "summary.md").exists()
