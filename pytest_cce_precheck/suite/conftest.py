"""The fixtures of the shipped contract tests."""

from __future__ import annotations

import json
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

from pytest_cce_precheck.suite.inspection import Check, Inspection, Neighbours, Settings

if TYPE_CHECKING:
    from collections.abc import Callable

    from pytest_cce_precheck.client import PrecheckClient
    from pytest_cce_precheck.config import Config
    from pytest_cce_precheck.harness import Contract, Harness


@pytest.hookimpl(trylast=True)
def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Keep the suite in its own order, whoever shuffles tests: the first failure is then the cause."""
    ours = sorted((item for item in items if item.path.parent == Path(__file__).parent), key=_place)
    places = [number for number, item in enumerate(items) if item.path.parent == Path(__file__).parent]
    for number, item in zip(places, ours, strict=True):
        items[number] = item


def _place(item: pytest.Item) -> int:
    return item.reportinfo()[1] or 0


@pytest.fixture(scope="session")
def _cce_inspection(cce_config: Config, cce_client: PrecheckClient, _cce_harness: Harness) -> Inspection:
    simulated = cce_config.mode == "simulate"
    service = _cce_harness.simulator
    neighbours = Neighbours(
        cce_config.other_cluster_id or (service.other_cluster_id if simulated else None),
        cce_config.foreign_project_id or (service.foreign_project_id if simulated else None),
        cce_config.foreign_cluster_id or (service.foreign_cluster_id if simulated else None),
    )
    settings = Settings(
        budget=cce_config.budget,
        seed=cce_config.seed,
        # the embedded service is nobody's cluster
        allow_writes=cce_config.allow_writes or simulated,
        neighbours=neighbours,
        wait=_cce_harness.wait,
    )
    return Inspection(cce_client, settings)


@pytest.fixture
def holds(
    request: pytest.FixtureRequest, _cce_inspection: Inspection, cce_contract: Contract
) -> Callable[[Check], None]:
    """Run one check and fail with what it finds; a check that could judge nothing is skipped, not passed."""

    def run(check: Check) -> None:
        __tracebackhide__ = True
        before = _cce_inspection.progress()
        findings = _cce_inspection.run(check)
        progress = _cce_inspection.progress() - before
        request.node.user_properties.append(("cce_run", json.dumps(progress.to_dict())))
        cce_contract.judge(findings)
        if not progress.judged:
            pytest.skip("inconclusive: " + "; ".join(progress.inconclusive or ["nothing could be judged"]))

    return run
