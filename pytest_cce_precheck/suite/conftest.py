"""The fixtures of the shipped contract tests."""

from __future__ import annotations

import json
from dataclasses import asdict
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest

from pytest_cce_precheck.plugin.failures import recorded
from pytest_cce_precheck.plugin.run_log import record
from pytest_cce_precheck.suite.checks import CHECKS
from pytest_cce_precheck.suite.inspection import Check, Inspection
from pytest_cce_precheck.suite.query_log import QueryLog
from pytest_cce_precheck.suite.run_settings import Neighbours, Settings

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

    from pytest_cce_precheck.client import PrecheckClient
    from pytest_cce_precheck.config.targets import NamedTarget
    from pytest_cce_precheck.plugin.modes.base import TestContext
    from pytest_cce_precheck.plugin.session import Contract, Harness


# a worker beside others opens brackets of its own
_READINGS = 12


@pytest.hookimpl(trylast=True)
def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Keep the suite in its own order, whoever shuffles tests: the first failure is then the cause."""
    ours = sorted((item for item in items if item.path.parent == Path(__file__).parent), key=_place)
    places = [number for number, item in enumerate(items) if item.path.parent == Path(__file__).parent]
    for number, item in zip(places, ours, strict=True):
        items[number] = item
        # every report of the test says so, that of a failed setup too
        record(item, "cce_check", getattr(item, "originalname", item.name))


def _place(item: pytest.Item) -> tuple[str, int]:
    # one target after the other
    parameters: Mapping[str, Any] = item.callspec.params if hasattr(item, "callspec") else {}
    target: NamedTarget | None = parameters.get("_cce_target")
    return target.name if target is not None else "", item.reportinfo()[1] or 0


class Suite:
    """The one inspection that all tests of the suite share, made when the first of them starts."""

    def __init__(self, harness: Harness, client: PrecheckClient, worker: str = "") -> None:
        self._harness = harness
        self._client = client
        self._worker = worker
        self._inspection: Inspection | None = None

    def inspection(self, test: TestContext) -> Inspection:
        """Return the inspection, ready for a test; on replay it has the settings that it was recorded with."""
        mode = self._harness.config.mode
        if self._inspection is None:
            settings = (
                _recorded(test.notes, self._harness) if mode.replays else settings_for(self._harness, self._worker)
            )
            self._inspection = Inspection(self._client, settings, proof=self._harness.proof)
        if mode.records:
            test.notes["suite"] = _as_notes(self._inspection.settings)
        if mode.records or mode.replays:
            self._inspection.begin(QueryLog(test.notes.get("questions", {}) if mode.replays else None))
        return self._inspection


def settings_for(harness: Harness, worker: str = "") -> Settings:
    """Return the settings of the suite in a session."""
    config, service = harness.config, harness.mode.simulator
    simulated = config.mode.is_simulated
    neighbours = Neighbours(
        config.other_cluster_id or (service.other_cluster_id if simulated else None),
        config.foreign_project_id or (service.foreign_project_id if simulated else None),
        config.foreign_cluster_id or (service.foreign_cluster_id if simulated else None),
    )
    return Settings(
        budget=config.budget,
        seed=config.seed,
        # the simulator is nobody's cluster
        allow_writes=config.allow_writes or simulated,
        allow_destructive=(config.allow_writes and config.allow_destructive) or simulated,
        max_created=config.max_created_tasks,
        neighbours=neighbours,
        wait=harness.mode.wait,
        lag=float(config.lag) if config.mode.is_real and not config.mode.records else 0.0,
        kept_back=len(CHECKS) if config.mode.records else _READINGS * (harness.workers - 1),
        replicas=not simulated,
        remaining=harness.remaining,
        worker=worker,
        max_response_time=config.max_response_time if config.mode.is_real else None,
    )


def _as_notes(settings: Settings) -> dict[str, Any]:
    kept = ("budget", "seed", "allow_writes", "allow_destructive", "max_created", "kept_back")
    return {"neighbours": asdict(settings.neighbours), **{name: getattr(settings, name) for name in kept}}


def _recorded(notes: Mapping[str, Any], harness: Harness) -> Settings:
    # recordings that are older than that option were made with every method
    recorded = {"allow_destructive": True, **notes.get("suite", {}), "wait": harness.mode.wait, "replicas": False}
    neighbours = Neighbours(**recorded.pop("neighbours", {}))
    return Settings(**recorded, neighbours=neighbours)


@pytest.fixture(scope="session")
def _cce_suite(_cce_harness: Harness, cce_client: PrecheckClient, pytestconfig: pytest.Config) -> Suite:
    worker = getattr(pytestconfig, "workerinput", {}).get("workerid", "")
    return Suite(_cce_harness, cce_client, worker)


@pytest.fixture
def holds(
    request: pytest.FixtureRequest, _cce_harness: Harness, _cce_suite: Suite, cce_contract: Contract
) -> Callable[[Check], None]:
    """Run one check and fail with what it finds; a check without a verdict is skipped, not passed."""

    def run(check: Check) -> None:
        __tracebackhide__ = True
        test = _cce_harness.test
        assert test is not None
        inspection = _cce_suite.inspection(test)
        before = inspection.progress()
        findings = inspection.run(check)
        if _cce_harness.config.mode.records:
            test.notes["questions"] = inspection.query_log.as_data()
        progress = inspection.progress() - before
        record(request.node, "cce_run", json.dumps(progress.to_dict()))
        record(request.node, "cce_kept", recorded(_cce_harness, inspection, findings, check.__name__))
        cce_contract.judge(findings)
        if progress.why_not_judged:
            pytest.skip(progress.why_not_judged)

    return run
