"""Records cassettes without end, in a child for each line of standard input, which waits to be killed."""

from __future__ import annotations

import os
import sys
from itertools import count
from pathlib import Path

import requests

from pytest_cce_precheck.config.options import Config
from pytest_cce_precheck.plugin.modes.base import TestContext
from pytest_cce_precheck.plugin.modes.recording import RecordMode
from pytest_cce_precheck.simulator.service import Simulator
from pytest_cce_precheck.transport.simulate import Interception
from pytest_cce_precheck.wire.vocabulary import list_path

# the cassettes, and how many calls each holds
SIZES = {"small": 1, "middle": 5, "folder/large": 25}


def main() -> None:
    """Fork a child for each line, tell its number, and once it is dead that it is."""
    folder = Path(sys.argv[1])
    for line in sys.stdin:
        pid = os.fork()
        if not pid:
            record_for_ever(folder, line.strip())
        print(pid, flush=True)
        os.waitpid(pid, 0)
        print("dead", flush=True)


def record_for_ever(folder: Path, name: str) -> None:
    """Record each cassette again and again; a ``name`` and a number tell one recording from the next."""
    for number in count():
        for cassette, calls in SIZES.items():
            record(folder / f"{cassette}.json", f"{name}.{number}", calls)


def record(path: Path, name: str, calls: int) -> None:
    """Record one cassette, as a test in mode record does."""
    simulator = Simulator()
    token = simulator.credentials.token
    assert token is not None
    config = Config(mode="record", endpoint=simulator.endpoint, project_id="p", cluster_id="c")
    mode = RecordMode(config, {"CCE_AUTH_TOKEN": token.reveal()})
    url = simulator.endpoint + list_path(simulator.project_id, simulator.cluster_id)
    test = TestContext(name, cassette=path)
    with Interception(simulator), mode.running(test):
        for _ in range(calls):
            requests.get(url, headers={"X-Auth-Token": token.reveal()}, timeout=1)
        test.finished = True


if __name__ == "__main__":
    main()
