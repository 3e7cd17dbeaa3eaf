"""Whole runs of the suite held against each other: a service that is as it was is never said to have changed, and each
fault of the answers' shape that came overnight is."""

from __future__ import annotations

from datetime import date, timedelta
from functools import cache
from itertools import permutations
from typing import TYPE_CHECKING, Final

import pytest

from pytest_cce_precheck.client import PrecheckClient
from pytest_cce_precheck.drift.deviation_counts import DeviationCounter
from pytest_cce_precheck.drift.memory import remember
from pytest_cce_precheck.drift.traits import Observer
from pytest_cce_precheck.simulator.service import Simulator
from pytest_cce_precheck.simulator.variations import VARIATIONS
from pytest_cce_precheck.suite.checks import inspect
from pytest_cce_precheck.suite.inspection import Inspection
from pytest_cce_precheck.suite.run_settings import Neighbours, Settings
from pytest_cce_precheck.transport.simulate import InProcessTransport

if TYPE_CHECKING:
    from collections.abc import Mapping

    from pytest_cce_precheck.drift.deviation_counts import DeviationCounts, DeviationKey
    from pytest_cce_precheck.drift.memory import TargetMemory
    from pytest_cce_precheck.drift.traits import Traits
    from pytest_cce_precheck.wire.exchange import Exchange

    Run = tuple[Mapping[str, Traits], Mapping[DeviationKey, DeviationCounts]]

FIRST: Final = date(2026, 11, 1)
# whole runs, partial ones, and one that reads a little
BUDGETS: Final = (250, 60, 30)
# one service, whose cluster happens to hold other tasks, and is read over other ways
ONE_SERVICE: Final = ("", "no-tasks", "one-task", "static-tasks-only", "upgrade-tasks-only", "busy-cluster", "gzip")


@cache
def run(seed: int, budget: int = 250, name: str = "", fault: str = "", *, writes: bool = True) -> Run:
    service = Simulator(seed=seed, variations=[name] if name else [], faults=[fault] if fault else [])
    observer, listener = Observer(), DeviationCounter()

    def observe(exchange: Exchange) -> None:
        if observer.take(exchange):
            listener.take(exchange)

    client = PrecheckClient(
        InProcessTransport(service),
        endpoint=service.endpoint,
        project_id=service.project_id,
        cluster_id=service.cluster_id,
        credentials=service.credentials,
        observe=observe,
    )
    neighbours = Neighbours(service.other_cluster_id, service.foreign_project_id, service.foreign_cluster_id)
    settings = Settings(budget, seed, allow_writes=writes, neighbours=neighbours, wait=service.clock.advance)
    inspect(Inspection(client, settings))
    return observer.traits, listener.counts


def told(*runs: Run) -> list[tuple[str, str, str]]:
    """Return grade, place and fact of all that a night after the other tells."""
    memory: TargetMemory | None = None
    found = []
    for night, (traits, spoken) in enumerate(runs):
        outcome = remember(memory, traits, spoken, FIRST + timedelta(night))
        memory = outcome.memory
        found += [(each.grade, each.path, each.what) for each in (*outcome.drifts, *outcome.confirmed)]
    return found


# ---- nothing has changed


@pytest.mark.parametrize("name", ["", *VARIATIONS])
def test_two_runs_of_a_conforming_service_tell_of_no_change(name: str) -> None:
    # two thousand tasks take their time
    budgets = BUDGETS[2:] * 2 if name == "many-tasks" else BUDGETS
    runs = [run(seed, budget, name, writes=bool(seed % 2)) for seed, budget in enumerate(budgets)]
    assert [told(*pair) for pair in permutations(runs, 2)] == [[]] * len(runs) * (len(runs) - 1)


def test_which_tasks_a_cluster_happens_to_have_is_no_change() -> None:
    runs = [run(seed, BUDGETS[seed % 3], name) for seed, name in enumerate(ONE_SERVICE)]
    assert told(*runs, *reversed(runs)) == []
    assert [told(*pair) for pair in permutations(runs, 2) if told(*pair)] == []


@pytest.mark.parametrize("seed", range(6))
def test_a_busy_cluster_is_the_same_service_every_night(seed: int) -> None:
    assert told(*(run(night, 120, "busy-cluster") for night in range(seed, seed + 4))) == []


# ---- something has

TASK: Final = "$.items[*]"
COUNT: Final = "$.pageInfo.currentCount"
STATE: Final = f"{TASK}.status.status"
RISK: Final = f"{TASK}.status.riskList[*]"


@pytest.mark.parametrize(
    ("fault", "changes"),
    [
        ("count-as-text", [("error", COUNT, "its type has changed")]),
        ("count-with-fraction", [("error", COUNT, "its type has changed")]),
        ("items-null-when-nothing-matches", [("error", "$.items", "its type has changed")]),
        ("spec-null-on-static-tasks", [("error", f"{TASK}.spec", "its type has changed")]),
        ("instance-name-null-in-one-task", [("error", f"{TASK}.metadata.addonInstanceName", "its type has changed")]),
        ("risk-list-as-map", [("error", f"{TASK}.status.riskList", "its type has changed")]),
        ("body-is-an-array", [("error", "$", "its type has changed")]),
        ("page-info-missing", [("error", "$.pageInfo", "a required field is gone")]),
        ("template-name-missing", [("error", f"{TASK}.metadata.addonTemplateName", "a required field is gone")]),
        ("task-id-missing-in-one-task", [("error", f"{TASK}.metadata.taskID", "a required field is missing at times")]),
        ("items-missing-when-nothing-matches", [("error", "$.items", "a required field is missing at times")]),
        (
            "risk-name-missing",
            [
                ("note", f"{RISK}.name", "a new field that was not there"),
                ("error", f"{RISK}.riskName", "a required field is gone"),
            ],
        ),
        ("state-undocumented-in-one-task", [("warning", STATE, "an undocumented value")]),
        ("state-in-upper-case", [("warning", STATE, "an undocumented value")] * 4),
        ("level-undocumented-in-one-risk", [("warning", f"{RISK}.level", "an undocumented value")]),
        ("api-version-with-minor", [("warning", "$.apiVersion", "an undocumented value")]),
        (
            "create-time-in-go-form",
            [("warning", f"{TASK}.metadata.createTimeStamp", "the resolution of its timestamps has changed")],
        ),
        ("items-object", [("warning", "", "PRE210 items-object is shown")]),
        ("create-timestamp-spelling", [("warning", "", "PRE211 create-timestamp-spelling is shown")]),
        ("risk-list-beside-status", [("warning", "", "PRE212 risk-list-beside-status is shown")]),
        # by the list, and by the create call
        ("status-without-message", [("warning", "", "PRE213 status-without-message is shown")] * 2),
        ("create-status-shape", [("warning", "", "PRE214 create-status-shape is shown")]),
        ("final-without-expiry", [("warning", "", "PRE302 final-without-expiry is shown")]),
        ("create-type-mismatch", [("warning", "", "PRE323 create-type-mismatch is shown")]),
    ],
    ids=lambda value: value if isinstance(value, str) else "",
)
def test_a_fault_that_came_overnight_is_told_as_grave_as_it_is(fault: str, changes: list[tuple[str, str, str]]) -> None:
    assert told(run(0), run(1, fault=fault)) == changes


@pytest.mark.parametrize("seed", range(4))
@pytest.mark.parametrize("fault", ["count-as-text", "template-name-missing", "final-without-expiry"])
def test_it_is_told_whatever_tasks_there_were(fault: str, seed: int) -> None:
    assert len(told(run(seed), run(seed + 1, fault=fault))) == 1


def test_a_deviation_that_is_given_up_is_told_too() -> None:
    back = told(run(0, fault="final-without-expiry"), run(1))
    assert back == [("warning", "", "PRE302 final-without-expiry is no longer shown")]


@pytest.mark.parametrize(
    ("name", "changes"),
    [
        ("timestamps-without-fraction", {("warning", "the resolution of its timestamps has changed")}),
        ("optional-fields-absent", {("warning", "a field is gone")}),
        ("risk-messages-absent", {("warning", "a field is gone")}),
        ("unknown-fields", {("note", "a new field that was not there")}),
        ("timestamps-in-utc", set()),
        ("gateway-errors", set()),
        ("unknown-ids-404", set()),
    ],
)
def test_another_way_to_follow_the_contract_is_never_an_error(name: str, changes: set[tuple[str, str]]) -> None:
    assert {(grade, what) for grade, _, what in told(run(0), run(1, name=name))} == changes
