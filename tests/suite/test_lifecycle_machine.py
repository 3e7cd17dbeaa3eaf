"""The simulator and the contract held against each other over arbitrary histories: create, list, let time pass."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest
from hypothesis import settings
from hypothesis import strategies as st
from hypothesis.stateful import (
    RuleBasedStateMachine,
    initialize,
    invariant,
    precondition,
    rule,
    run_state_machine_as_test,
)

from pytest_cce_precheck.client import PrecheckClient
from pytest_cce_precheck.contract.check import judge
from pytest_cce_precheck.contract.filters import Bracket, acceptable_statuses, judge_selection
from pytest_cce_precheck.contract.lifecycle import TaskHistory
from pytest_cce_precheck.contract.rules import Severity
from pytest_cce_precheck.explore.classes import values_of
from pytest_cce_precheck.explore.queries import select
from pytest_cce_precheck.explore.strategies import filters
from pytest_cce_precheck.simulator.service import Simulator
from pytest_cce_precheck.transport.simulate import InProcessTransport
from pytest_cce_precheck.wire.vocabulary import Filter, TaskType

if TYPE_CHECKING:
    from collections.abc import Iterable

    from pytest_cce_precheck.contract.answer import Answer
    from pytest_cce_precheck.contract.findings import Finding
    from pytest_cce_precheck.wire.exchange import Exchange


class CheckTasks(RuleBasedStateMachine):
    """Everything that the simulator answers satisfies the contract, whatever was done before."""

    faults: tuple[str, ...] = ()

    @initialize(seed=st.integers(0, 5))
    def start(self, seed: int) -> None:
        self.service = Simulator(seed=seed, tasks=6, faults=self.faults)
        self.client = PrecheckClient(
            InProcessTransport(self.service),
            endpoint=self.service.endpoint,
            project_id=self.service.project_id,
            cluster_id=self.service.cluster_id,
            credentials=self.service.credentials,
        )
        self.history = TaskHistory()
        self.latest = self.read()

    def judged(self, exchange: Exchange, statuses: frozenset[int]) -> Answer | None:
        answer, findings = judge(exchange, expect=statuses)
        silent(findings)
        return answer

    def read(self) -> Answer:
        answer = self.judged(self.client.list_tasks(), frozenset({200}))
        assert answer is not None
        silent(self.history.observe(answer))
        return answer

    @rule(kind=st.sampled_from(TaskType), which=st.integers(0, 20))
    def create(self, kind: TaskType, which: int) -> None:
        models = [task for task in self.latest.tasks if task.value_of(Filter.ADDON_INSTANCE_ID)]
        if not models:
            # all have expired
            return
        model = models[which % len(models)]
        addon = {
            "addonTemplateName": model.metadata["addonTemplateName"],
            "addonInstanceID": model.value_of(Filter.ADDON_INSTANCE_ID),
            "type": str(kind),
            "targetVersion": "1.2.3",
        }
        created = self.judged(self.client.create_tasks([addon]), frozenset({201}))
        assert created is not None
        silent(self.history.observe(created, complete=False))
        self.latest = self.read()
        assert created.by_id.keys() <= self.latest.by_id.keys()

    @rule(seconds=st.sampled_from([0.5, 1.0, 2.0, 5.0, 60.0, 3600.0, 90_000.0]))
    def let_time_pass(self, seconds: float) -> None:
        self.service.clock.advance(seconds)
        self.latest = self.read()

    @precondition(lambda self: bool(self.latest.tasks))
    @rule(data=st.data())
    def list_with_filters(self, data: st.DataObject) -> None:
        question = select(data.draw(filters(tasks=values_of(self.latest.tasks), at_least=1)))
        exchange = self.client.send(self.client.list_request(question.query))
        bracket = Bracket(self.latest, self.read())
        answer = self.judged(exchange, acceptable_statuses(question, bracket))
        if answer is not None:
            silent(judge_selection(question, answer, bracket).findings)

    @invariant()
    def reading_changes_nothing(self) -> None:
        if hasattr(self, "latest"):
            assert Bracket(self.latest, self.read()).quiet


def silent(findings: Iterable[Finding]) -> None:
    assert [each for each in findings if each.severity is Severity.ERROR] == []


TestCheckTasks = CheckTasks.TestCase
TestCheckTasks.settings = settings(max_examples=25, stateful_step_count=15, deadline=None)


class CheckTasksThatRunAgain(CheckTasks):
    faults = ("finished-task-runs-again",)


def test_the_machine_catches_a_finished_task_that_runs_again() -> None:
    with pytest.raises(AssertionError, match="PRE501"):
        run_state_machine_as_test(CheckTasksThatRunAgain, settings=settings(TestCheckTasks.settings, database=None))
