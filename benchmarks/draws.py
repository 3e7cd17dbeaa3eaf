"""What drawn filters prove: how many examples list a task, and how many seeds find each of three faults.

A property compares each listed task's type with the one asked for, in 50 examples a seed: on the simulator, and on what
was recorded from a server with the fault and is replayed without it. Everything is seeded: the figures can be repeated.

    python benchmarks/draws.py
"""

from __future__ import annotations

import os
import re
import subprocess
import sys
import tempfile
from collections import Counter
from pathlib import Path

from hypothesis import HealthCheck, Phase, given, seed, settings

from pytest_cce_precheck.client import PrecheckClient
from pytest_cce_precheck.contract.check import judge
from pytest_cce_precheck.explore.classes import values_of
from pytest_cce_precheck.explore.strategies import filters
from pytest_cce_precheck.simulator.server import SimulatorServer
from pytest_cce_precheck.simulator.service import Simulator
from pytest_cce_precheck.transport.simulate import InProcessTransport

SEEDS, EXAMPLES = 20, 50
SIZES = (1, 2, 12, 200)
FAULTS = ("type-filter-ignored", "upgrade-filter-ignored", "one-static-task-among-the-upgrades")

# recorded without looking: a test that fails is not recorded
PROPERTY = f"""
import os

import pytest
from hypothesis import given, seed, settings
from hypothesis import strategies as st


def property_of(number):
    @seed(number)
    @settings(max_examples={EXAMPLES}, deadline=None, database=None)
    @given(data=st.data())
    def test(cce_client, cce_filters, data):
        asked = {{item.name.value: item.value for item in data.draw(cce_filters())}}
        answer = cce_client.list_tasks(**asked)
        if "LOOK" in os.environ and asked.get("type") and answer.status == 200:
            assert {{task["metadata"]["type"] for task in answer.document["items"]}} <= {{asked["type"]}}

    return test


for number in range({SEEDS}):
    globals()[f"test_seed_{{number:02}}"] = property_of(number)
"""


def shares(size: int) -> str:
    simulator = Simulator(tasks=size)
    client = PrecheckClient(
        InProcessTransport(simulator),
        endpoint=simulator.endpoint,
        project_id=simulator.project_id,
        cluster_id=simulator.cluster_id,
        credentials=simulator.credentials,
    )
    answer, _ = judge(client.list_tasks())
    assert answer is not None
    tasks = values_of(answer.tasks)
    asked: Counter[int] = Counter()
    listed: Counter[int] = Counter()
    fewest = EXAMPLES
    for number in range(SEEDS):
        before = listed.total()

        @seed(number)
        @settings(
            max_examples=EXAMPLES, phases=[Phase.generate], database=None, deadline=None,
            suppress_health_check=list(HealthCheck),
        )  # fmt: skip
        @given(filters(tasks=tasks))
        def draw(drawn: object) -> None:
            assert isinstance(drawn, tuple)
            exchange = client.list_tasks(**{item.name.value: item.value for item in drawn})
            asked[len(drawn)] += 1
            listed[len(drawn)] += exchange.status == 200 and bool(exchange.document["items"])

        draw()
        fewest = min(fewest, listed.total() - before)
    counts = [*((listed[number], asked[number]) for number in (1, 2, 3)), (listed.total(), asked.total())]
    shown = " | ".join(f"{some} of {every} ({some / every:.0%})" for some, every in counts)
    return f"| {size} | {shown} | {fewest} |"


def found(folder: Path, *arguments: str, **environment: str) -> int:
    """Return how many of the seeds' tests fail."""
    own = {name: value for name, value in os.environ.items() if not name.startswith(("CCE_", "LOOK"))}
    words = [sys.executable, "-m", "pytest", "-q", "-p", "no:randomly", "-p", "no:cacheprovider", "--tb=no", *arguments]
    result = subprocess.run(words, cwd=folder, env={**own, **environment}, capture_output=True, text=True, timeout=900)
    told = {word: int(number) for number, word in re.findall(r"(\d+) (failed|passed|error)", result.stdout)}
    assert told.get("failed", 0) + told.get("passed", 0) == SEEDS, result.stdout
    return told.get("failed", 0)


def campaign(fault: str) -> str:
    with tempfile.TemporaryDirectory(prefix="draws-") as name, SimulatorServer(Simulator(faults=[fault])) as server:
        folder = Path(name)
        (folder / "test_types.py").write_text(PROPERTY)
        service = server.simulator
        assert service.credentials.token is not None
        simulated = found(folder, f"--cce-fault={fault}", LOOK="1")
        silent = found(
            folder,
            "--cce-mode=record", "--cce-budget=5000", f"--cce-endpoint={server.endpoint}",
            f"--cce-project-id={service.project_id}", f"--cce-cluster-id={service.cluster_id}",
            CCE_AUTH_TOKEN=service.credentials.token.reveal(),
        )  # fmt: skip
        assert silent == 0
        replayed = found(folder, "--cce-mode=replay", LOOK="1")
    return f"| `{fault}` | {simulated} of {SEEDS} | {replayed} of {SEEDS} |"


if __name__ == "__main__":
    print("| tasks | one filter | two filters | three filters | all | fewest of 50 |\n|--:|--:|--:|--:|--:|--:|")
    for size in SIZES:
        print(shares(size), flush=True)
    print("\n| fault | simulated | recorded and replayed |\n|---|---|---|")
    for fault in FAULTS:
        print(campaign(fault), flush=True)
