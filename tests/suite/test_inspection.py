"""A run keeps to its budget and its permissions, and says what it could not judge."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING

import pytest

from pytest_cce_precheck.client import PrecheckClient
from pytest_cce_precheck.contract.time_limit import judging_within
from pytest_cce_precheck.simulator.service import Simulator
from pytest_cce_precheck.suite import authentication, creation, filters, isolation
from pytest_cce_precheck.suite.budget import number_of_probes
from pytest_cce_precheck.suite.checks import CHECKS, inspect
from pytest_cce_precheck.suite.inspection import Inspection
from pytest_cce_precheck.suite.run_settings import Neighbours, Settings
from pytest_cce_precheck.transport.simulate import InProcessTransport
from pytest_cce_precheck.wire.exchange import TransportError

if TYPE_CHECKING:
    from pytest_cce_precheck.wire.credentials import Credentials
    from pytest_cce_precheck.wire.exchange import Exchange, Request


class Recorder(InProcessTransport):
    """Remembers every request; stands for a network that is down where told so."""

    def __init__(self, simulator: Simulator, *, down: bool = False) -> None:
        super().__init__(simulator)
        self.sent: list[Request] = []
        self.down = down

    def send(self, request: Request) -> Exchange:
        self.sent.append(request)
        if self.down:
            raise TransportError("unreachable", "no connection", request)
        return super().send(request)


def run_of(
    simulator: Simulator, *, down: bool = False, credentials: Credentials | None = None, **settings: object
) -> tuple[Inspection, Recorder]:
    transport = Recorder(simulator, down=down)
    client = PrecheckClient(
        transport,
        endpoint=simulator.endpoint,
        project_id=simulator.project_id,
        cluster_id=simulator.cluster_id,
        credentials=credentials or simulator.credentials,
    )
    given = Settings(wait=simulator.clock.advance, **settings)  # type: ignore[arg-type]
    return Inspection(client, given), transport


@pytest.mark.parametrize("budget", [30, 60, 250])
@pytest.mark.parametrize("variation", ["busy-cluster", "throttled", "no-tasks"])
def test_a_run_never_sends_more_than_its_budget(budget: int, variation: str) -> None:
    run, transport = run_of(Simulator(variations=[variation]), budget=budget, allow_writes=True)
    inspect(run)
    assert len(transport.sent) == run.budget.sent <= budget


@pytest.mark.parametrize("budget", [30, 60, 250, 1000])
def test_a_run_without_permission_to_write_sends_nothing_but_reads(budget: int) -> None:
    run, transport = run_of(Simulator(), budget=budget)
    inspect(run)
    assert {request.method for request in transport.sent} == {"GET"}


def test_what_may_not_be_written_is_not_asked_for_and_not_passed() -> None:
    run, transport = run_of(Simulator())
    for check in (
        creation.created_tasks_are_found_and_finish,
        creation.bad_create_requests_are_refused,
        isolation.other_methods_are_not_answered_as_get,
    ):
        assert run.run(check) == ()
    assert transport.sent == []
    assert run.progress().judged == len(run.results.inconclusive) == 0
    assert len(run.results.not_asked) == 3
    assert all("--cce-allow-writes" in reason for reason in run.results.not_asked)


def test_an_endpoint_that_is_down_is_one_finding_and_is_not_tried_for_every_check() -> None:
    run, transport = run_of(Simulator(), down=True)
    inspect(run)
    assert [finding.code for finding in run.results.findings] == ["PRE101"]
    assert len(transport.sent) <= 3
    assert len(run.results.inconclusive) == len(CHECKS) - 1


def test_a_throttled_question_is_asked_again_and_the_retries_are_counted() -> None:
    run, _ = run_of(Simulator(variations=["throttled"]))
    assert run.run(filters.each_filter_value_selects_exactly_its_tasks) == ()
    assert run.budget.retried > 0


def test_the_number_of_ways_to_spoil_credentials_is_known_before_they_are_tried() -> None:
    own = Simulator().credentials
    kinds = (own, replace(own, token=None), replace(own, access_key=None, secret_key=None))
    for credentials in kinds:
        run, _ = run_of(Simulator(), credentials=credentials)
        probes = list(authentication._probes(run))
        assert len(probes) == number_of_probes(credentials)
        assert len({probe.what for probe in probes}) == len(probes)


def test_another_cluster_is_needed_to_check_isolation_and_its_absence_is_told() -> None:
    alone, _ = run_of(Simulator())
    inspect(alone)
    assert any("--cce-other-cluster-id" in reason for reason in alone.results.not_asked)
    simulator = Simulator()
    near = Neighbours(simulator.other_cluster_id, simulator.foreign_project_id, simulator.foreign_cluster_id)
    run, _ = run_of(simulator, neighbours=near)
    inspect(run)
    assert not any("--cce-other" in each or "--cce-foreign" in each for each in run.results.not_asked)


def test_queries_with_huge_answers_get_a_bracket_each(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(filters, "_MOST_BYTES", 1)
    run, transport = run_of(Simulator(), budget=250)
    assert run.run(filters.each_filter_value_selects_exactly_its_tasks) == ()
    queries = [request.query for request in transport.sent]
    # an unfiltered list follows each query, so that no more than one answer waits for it
    assert all(not query for query in queries[::2])
    assert run.results.judged == sum(map(bool, queries)) == 10
    assert run.results.inconclusive[0].endswith("not asked, this check's share of the budget is used up")


def test_the_end_of_the_time_while_an_answer_is_judged_cuts_the_check_short() -> None:
    run, _ = run_of(Simulator(), budget=60)
    with judging_within(lambda: 0.0):
        assert run.run(filters.the_unfiltered_list_meets_the_contract) == ()
    [why] = run.progress().cut_short
    assert "the time of the run ended while an answer was judged (--cce-run-time)" in why
