"""A larger budget finds more: faults that are rare, that show when a query is repeated, or only under load."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import pytest

from pytest_cce_precheck.client import PrecheckClient
from pytest_cce_precheck.contract.findings import Severity
from pytest_cce_precheck.simulator.hooks import everything, filtered, given, nothing, when
from pytest_cce_precheck.simulator.pipeline import Fault
from pytest_cce_precheck.simulator.service import Simulator
from pytest_cce_precheck.suite.checks import inspect
from pytest_cce_precheck.suite.inspection import Inspection
from pytest_cce_precheck.suite.run_settings import Settings
from pytest_cce_precheck.transport.simulate import InProcessTransport
from pytest_cce_precheck.wire.vocabulary import Filter

if TYPE_CHECKING:
    from pytest_cce_precheck.simulator.pipeline import Call
    from pytest_cce_precheck.simulator.state import Task


def _from_another_connection(call: Call) -> bool:
    previous = call.memory.get("connection", call.caller)
    call.memory["connection"] = call.caller
    return bool(previous != call.caller)


def _everything_under_load(call: Call, tasks: list[Task]) -> list[Task]:
    return everything(call, tasks) if _from_another_connection(call) and given(*Filter)(call) else tasks


def _is_second(call: Call) -> bool:
    return len(call.query.filters) > 1 and call.count(call.request.query) == 2


FAULTS: dict[str, dict[str, Any]] = {
    "each 265th request loses a task": {
        "select": when(lambda call: filtered(call) and call.number % 265 == 0, lambda _, tasks: tasks[:-1])
    },
    "a combination selects nothing the second time": {"select": when(_is_second, nothing)},
    "three filters are ignored under load": {"select": _everything_under_load},
    "a task is lost after 400 requests": {
        "select": when(lambda call: filtered(call) and call.number > 400, lambda _, tasks: tasks[:-1])
    },
}


def inspected(budget: int, *faults: Fault) -> Inspection:
    simulator = Simulator(faults=faults)
    client = PrecheckClient(
        InProcessTransport(simulator),
        endpoint=simulator.endpoint,
        project_id=simulator.project_id,
        cluster_id=simulator.cluster_id,
        credentials=simulator.credentials,
    )
    return inspect(Inspection(client, Settings(budget, wait=simulator.clock.advance)))


def failing(run: Inspection) -> set[str]:
    return {finding.code for finding in run.results.findings if finding.severity is not Severity.NOTE}


@pytest.mark.parametrize("name", FAULTS)
def test_a_fault_that_the_default_budget_misses_is_found_with_a_thousand_requests(name: str) -> None:
    fault = Fault(name=name, summary=name, category="rare", codes=(), **FAULTS[name])
    assert failing(inspected(250, fault)) == set()
    assert failing(inspected(1000, fault)) != set()


@pytest.mark.parametrize(("budget", "least"), [(250, 200), (500, 420), (1000, 850), (2000, 1600)])
def test_what_is_allowed_is_used_and_never_exceeded(budget: int, least: int) -> None:
    run = inspected(budget)
    assert least <= run.budget.sent <= budget
    assert failing(run) == set()
    assert run.results.cut_short == []
