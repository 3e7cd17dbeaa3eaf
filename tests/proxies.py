"""The command ``cce-precheck proxy`` in a process of its own, and what a program of any language sends to it."""

from __future__ import annotations

import json
import os
import subprocess
import sys
import threading
from contextlib import contextmanager, suppress
from typing import TYPE_CHECKING, Any, Final

import requests

from pytest_cce_precheck.wire.vocabulary import list_path

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    from pytest_cce_precheck import SimulatorServer

SECONDS: Final = 60
_OURS: Final = ("CCE_", "HUAWEICLOUD_", "CLOUD_SDK_", "CI")


def environment(**variables: str) -> dict[str, str]:
    """Return the environment of a user: without settings of ours, and where the command is found."""
    here = {name: value for name, value in os.environ.items() if not name.startswith(_OURS)}
    return {**here, "NO_PROXY": "127.0.0.1,localhost", **variables}


class RunningProxy:
    """A proxy in a process of its own; ``events`` are the lines that it printed."""

    def __init__(self, folder: Path, *arguments: str, **variables: str) -> None:
        words = [sys.executable, "-m", "pytest_cce_precheck.cli", "proxy", "--json", *arguments]
        self.process = subprocess.Popen(
            words, cwd=folder, env=environment(**variables), text=True, stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE, stderr=subprocess.PIPE,
        )  # fmt: skip
        assert self.process.stdout is not None
        first = self.process.stdout.readline()
        if not first:
            raise AssertionError(self.process.communicate(timeout=SECONDS)[1])
        self.facts: dict[str, Any] = json.loads(first)
        self.url: str = self.facts["endpoint"]
        self.events: list[dict[str, Any]] = []
        self._lines = [first]
        self.errors = ""
        self._reading = threading.Thread(target=self._read)
        self._reading.start()

    def _read(self) -> None:
        assert self.process.stdout is not None
        for line in self.process.stdout:
            self._lines.append(line)
            self.events.append(json.loads(line))

    @property
    def output(self) -> str:
        return "".join(self._lines)

    @property
    def token(self) -> dict[str, str]:
        return {"X-Auth-Token": self.facts["token"]}

    def get(self, target: str, test: str | None = None, **headers: str) -> requests.Response:
        named = {"X-Cce-Test": test} if test is not None else {}
        return requests.get(self.url + target, headers={**self.token, **named, **headers}, timeout=SECONDS)

    def begin(self, name: str, **more: Any) -> dict[str, Any]:
        told = requests.post(f"{self.url}/_cce/tests", json={"name": name, **more}, headers=self.token, timeout=SECONDS)
        assert told.status_code == 201, told.text
        found: dict[str, Any] = told.json()
        return found

    def end(self, name: str, query: str = "") -> dict[str, Any]:
        told = requests.delete(f"{self.url}/_cce/tests/{name}{query}", headers=self.token, timeout=SECONDS)
        assert told.status_code == 200, told.text
        found: dict[str, Any] = told.json()
        return found

    def report(self) -> dict[str, Any]:
        found: dict[str, Any] = requests.get(f"{self.url}/_cce/report", headers=self.token, timeout=SECONDS).json()
        return found

    def stop(self) -> int:
        """End it as a script does, and return its exit status."""
        if self.process.poll() is None:
            self.process.terminate()
        status = self.process.wait(SECONDS)
        self._reading.join(SECONDS)
        for pipe in (self.process.stdout, self.process.stderr):
            assert pipe is not None
            if not pipe.closed:
                self.errors += pipe.read()
                pipe.close()
        return status

    def of(self, event: str) -> list[dict[str, Any]]:
        return [each for each in self.events if each["event"] == event]


@contextmanager
def proxy(folder: Path, *arguments: str, **variables: str) -> Iterator[RunningProxy]:
    """Run a proxy while the block runs."""
    running = RunningProxy(folder, *arguments, **variables)
    try:
        yield running
    finally:
        with suppress(OSError):
            running.process.terminate()
        running.stop()


def real(server: SimulatorServer) -> dict[str, str]:
    token = server.simulator.credentials.token
    assert token is not None
    return {"CCE_AUTH_TOKEN": token.reveal()}


def tasks_of(server: SimulatorServer) -> str:
    return list_path(server.simulator.project_id, server.simulator.cluster_id)


@contextmanager
def recording(folder: Path, server: SimulatorServer, *more: str, **variables: str) -> Iterator[RunningProxy]:
    with proxy(folder, "--mode=record", "--to", server.endpoint, *more, **{**real(server), **variables}) as running:
        yield running


def cassette(folder: Path, name: str) -> dict[str, Any]:
    found: dict[str, Any] = json.loads((folder / "cce-cassettes" / name).read_text("utf-8"))
    return found
