"""A service to record from, and the two runs that every project with cassettes makes."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from pytest_cce_precheck.simulator.server import SimulatorServer
from pytest_cce_precheck.simulator.service import Simulator
from tests.recordings import REPLAY, credentials_of, recording_from

if TYPE_CHECKING:
    from collections.abc import Iterator

    from tests.conftest import Run


@pytest.fixture
def service(monkeypatch: pytest.MonkeyPatch) -> Iterator[SimulatorServer]:
    """A service whose token is in the environment."""
    with SimulatorServer(Simulator()) as server:
        for name, value in credentials_of(server).items():
            monkeypatch.setenv(name, value)
        yield server


@pytest.fixture
def record(run: Run, service: SimulatorServer) -> Run:
    """Run pytest in mode record."""
    return lambda *arguments: run(*recording_from(service), *arguments)


@pytest.fixture
def replay(run: Run, service: SimulatorServer, monkeypatch: pytest.MonkeyPatch) -> Run:
    """Run pytest in mode replay, when the service is gone and its token too."""

    def replay(*arguments: str) -> pytest.RunResult:
        service.close()
        for name in credentials_of(service):
            monkeypatch.delenv(name, raising=False)
        return run(*REPLAY, *arguments)

    return replay
