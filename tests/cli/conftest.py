"""What the tests of ``cce-precheck cassettes`` and of ``cce-precheck proxy`` share."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

import pytest_cce_precheck.cli.cassettes.command
from pytest_cce_precheck import Simulator, SimulatorServer
from pytest_cce_precheck.cli.main import main
from tests.proxies import recording, tasks_of

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    from tests.cli.put_down import Cassettes, Ended

assert pytest_cce_precheck.cli.cassettes.command  # otherwise pytester drops it, and its exceptions


@pytest.fixture
def cassettes(capsys: pytest.CaptureFixture[str], tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Cassettes:
    """Return a function that runs the command in an empty folder: its status, its output, and its errors."""
    monkeypatch.chdir(tmp_path)

    def cassettes(*arguments: object) -> Ended:
        status = main(["cassettes", *map(str, arguments)])
        captured = capsys.readouterr()
        return status, captured.out, captured.err

    return cassettes


@pytest.fixture(scope="module")
def server() -> Iterator[SimulatorServer]:
    with SimulatorServer(Simulator()) as running:
        yield running


@pytest.fixture(scope="module")
def recorded(server: SimulatorServer, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder with the cassettes of two tests that a proxy recorded."""
    folder = tmp_path_factory.mktemp("recorded")
    tasks = tasks_of(server)
    with recording(folder, server) as running:
        running.begin("TestList/static")
        for _ in range(2):
            assert running.get(f"{tasks}?type=addonStatic").status_code == 200
        assert running.end("TestList/static") == {
            "test": "TestList/static",
            "kept": True,
            "cassette": "cce-cassettes/TestList/static.json",
            "calls": 2,
            "problems": [],
            "findings": [],
        }
        running.begin("test_own::test_again", repeats=True)
        running.get(tasks)
        running.end("test_own::test_again")
        assert running.stop() == 0, running.output
    return folder
