"""A service to record from, and the two runs that every project with cassettes makes."""

from __future__ import annotations

import json
import sys
from typing import TYPE_CHECKING, Any

import pytest
from jsonschema import Draft202012Validator

from pytest_cce_precheck.schema_files import REPORT, load_schema
from pytest_cce_precheck.simulator.server import SimulatorServer
from pytest_cce_precheck.simulator.service import Simulator
from tests.leaks import leaks, written
from tests.plugin.projects import KNOWS_THE_SECRET, LIVE, SECRET
from tests.recordings import REPLAY, credentials_of, recording_from

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

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


@pytest.fixture
def watched(pytester: pytest.Pytester, monkeypatch: pytest.MonkeyPatch) -> Run:
    """Run a project that knows a secret, live; check that it is in nothing that the run prints and writes."""
    monkeypatch.setenv("CCE_AUTH_TOKEN", SECRET)

    def run(
        source: str,
        *arguments: str,
        conftest: str = "",
        shown: str = "***",
        status: int | None = None,
        apart: bool = False,
    ) -> pytest.RunResult:
        pytester.makepyfile(test_it=KNOWS_THE_SECRET + source)
        if conftest:
            pytester.makeconftest(KNOWS_THE_SECRET + conftest)
        words = ("-p", "no:randomly", *LIVE, "--cce-endpoint=http://127.0.0.1:9", *arguments)
        if apart or "-n" in arguments:
            result = pytester.run(sys.executable, "-m", "pytest", *words, timeout=120)
        else:
            result = pytester.runpytest_inprocess(*words)
        printed = result.stdout.str() + result.stderr.str()
        files = [each for each in written(pytester.path) if not each[0].endswith((".py", ".pyc"))]
        assert leaks([("the terminal", printed), *files], [SECRET]) == []
        # it did say what it hides
        assert shown in printed + "".join(text for _, text in files), printed
        assert result.ret == (result.ret if status is None else status), printed
        return result

    return run


@pytest.fixture
def report(pytester: pytest.Pytester) -> Callable[[], dict[str, Any]]:
    """Return the report of the run, which meets its schema, once all forms of it say the same."""

    def read() -> dict[str, Any]:
        document: dict[str, Any] = json.loads((pytester.path / "report.json").read_bytes())
        Draft202012Validator(load_schema(REPORT)).validate(document)
        return document

    return read
