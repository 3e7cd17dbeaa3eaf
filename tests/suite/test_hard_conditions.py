"""A run against a service that is hard to test: patient where that is safe, never twice unseen, and never for ever."""

from __future__ import annotations

import json
from dataclasses import replace
from typing import TYPE_CHECKING

import pytest

from pytest_cce_precheck.client import PrecheckClient
from pytest_cce_precheck.contract.rules import Severity
from pytest_cce_precheck.errors import BudgetExhaustedError
from pytest_cce_precheck.simulator.service import Simulator
from pytest_cce_precheck.simulator.staging.service import Staging
from pytest_cce_precheck.suite import creation, exploration, filters, following, transport
from pytest_cce_precheck.suite.budget import Shares
from pytest_cce_precheck.suite.checks import inspect
from pytest_cce_precheck.suite.inspection import Inspection
from pytest_cce_precheck.suite.run_settings import Neighbours, Settings
from pytest_cce_precheck.suite.sender import LONGEST, RetryPolicy
from pytest_cce_precheck.transport.simulate import InProcessTransport
from pytest_cce_precheck.wire.exchange import LARGE, Exchange, Headers, Request, Response, TransportError
from pytest_cce_precheck.wire.vocabulary import create_path

if TYPE_CHECKING:
    from collections.abc import Callable

    Fails = Callable[[int, Request], bool]


class Unreliable(InProcessTransport):
    """Loses answers, after the service has done what it was asked; remembers every request."""

    def __init__(self, simulator: Simulator, lost: Fails = lambda *_: False) -> None:
        super().__init__(simulator)
        self.sent: list[Request] = []
        self._lost = lost

    def send(self, request: Request) -> Exchange:
        self.sent.append(request)
        number = len(self.sent)
        exchange = super().send(request)
        if self._lost(number, request):
            raise TransportError("connection-lost", "the connection was lost", request)
        return exchange


def run_of(
    simulator: Simulator,
    lost: Fails = lambda *_: False,
    *,
    lag: float = 0.0,
    left: float | None = None,
    neighbours: Neighbours | None = None,
) -> tuple[Inspection, Unreliable]:
    sender = Unreliable(simulator, lost)
    client = PrecheckClient(
        sender,
        endpoint=simulator.endpoint,
        project_id=simulator.project_id,
        cluster_id=simulator.cluster_id,
        credentials=simulator.credentials,
    )
    settings = Settings(
        allow_writes=True,
        allow_destructive=True,
        wait=simulator.clock.advance,
        lag=lag,
        neighbours=neighbours or Neighbours(),
        now=lambda: simulator.clock.now().timestamp(),
        remaining=lambda: left,
    )
    return Inspection(client, settings), sender


def alarms(run: Inspection) -> list[str]:
    return [finding.code for finding in run.results.findings if finding.severity is not Severity.NOTE]


def throttled(value: str, date: str | None = "Wed, 25 Nov 2026 10:00:00 GMT") -> Exchange:
    headers = [("Retry-After", value), *([("Date", date)] if date else [])]
    return Exchange(Request("GET", "https://cce.example", "/"), Response(429, Headers(headers)))


# ---- pauses


def test_pauses_repeat_with_the_seed_and_differ_between_workers() -> None:
    def drawn(seed: int, worker: str) -> list[float]:
        patience = RetryPolicy(seed, worker)
        return [patience.pause(attempt) for attempt in range(1, 8)]

    assert drawn(1, "gw0") == drawn(1, "gw0")
    assert not {*drawn(1, "gw0")} & {*drawn(1, "gw1")}
    assert not {*drawn(1, "gw0")} & {*drawn(2, "gw0")}


def test_pauses_grow_up_to_a_bound() -> None:
    patience = RetryPolicy(0)
    for attempt, middle in enumerate((0.2, 0.4, 0.8, 1.6, 3.2, 3.2, 3.2), 1):
        assert all(middle / 2 <= patience.pause(attempt) <= middle * 1.5 for _ in range(20))


@pytest.mark.parametrize("value", ["7", " 7 ", "Wed, 25 Nov 2026 10:00:07 GMT"])
def test_who_is_told_when_to_come_again_comes_no_sooner_and_hardly_later(value: str) -> None:
    patience = RetryPolicy(0)
    assert all(7 <= patience.asked_for(throttled(value), 1) <= 7.25 for _ in range(20))


@pytest.mark.parametrize("value", ["0", "soon", "-5", "Wed, 25 Nov 2026 09:00:00 GMT"])
def test_who_is_told_nothing_of_use_pauses_all_the_same(value: str) -> None:
    assert 0.1 <= RetryPolicy(0).asked_for(throttled(value), 1) <= 0.3


def test_a_date_is_taken_by_the_services_clock_and_without_one_by_ours() -> None:
    assert RetryPolicy(0).asked_for(throttled("Fri, 31 Dec 2060 23:59:59 GMT", date=None), 1) > LONGEST


# ---- the end of the run


def test_no_wait_goes_beyond_the_end_of_the_run() -> None:
    run, _ = run_of(Simulator(), left=10.0)
    before = run.settings.now()
    run.sender.wait(9.9)
    assert run.settings.now() == pytest.approx(before + 9.9)
    with pytest.raises(BudgetExhaustedError, match=r"the run's time would be over before a wait of 10\.0 s"):
        run.sender.wait(10.0)
    assert run.settings.now() == pytest.approx(before + 9.9)


def test_a_lag_that_cannot_be_waited_out_leaves_the_questions_open_and_blames_nobody() -> None:
    run, _ = run_of(Staging("lagging"), lag=5.0, left=4.0)
    inspect(run)
    assert alarms(run) == []
    assert any("the run's time would be over before a wait of" in each for each in run.results.inconclusive)


class EncodedTwice(Simulator):
    """Answers ``task_id`` with JSON in a JSON string."""

    def handle(self, request: Request, *, caller: int | None = None) -> Response:
        response = super().handle(request, caller=caller)
        if response.status != 200 or "task_id=" not in request.query:
            return response
        body = json.dumps(response.body.decode()).encode()
        return replace(response, headers=response.headers.replacing("Content-Length", str(len(body))), body=body)


def seconds_of_creation(service: Simulator) -> float:
    run, _ = run_of(service)
    before = run.settings.now()
    run.run(creation.created_tasks_are_found_and_finish)
    return run.settings.now() - before


def test_nobody_waits_for_tasks_in_answers_that_are_no_lists() -> None:
    assert seconds_of_creation(EncodedTwice()) < 2 * seconds_of_creation(Simulator())


def test_a_run_waits_for_a_task_that_no_answer_shows_and_no_longer_than_it_says(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(following, "_PATIENCE", 70.0)
    usual = seconds_of_creation(Simulator())
    assert usual + 50 < seconds_of_creation(Simulator(faults=["created-task-not-found-by-id"])) < usual + 71
    assert usual + 50 < seconds_of_creation(Simulator(faults=["created-task-not-listed"])) < usual + 81


def test_a_long_list_is_parsed_once_whatever_is_asked_between_two_with_the_same_bytes() -> None:
    run, _ = run_of(Simulator(variations=["many-tasks"]))
    listed = run.sender.send(run.client.list_request())
    assert len(listed.response.body) > LARGE
    again = run.sender.send(run.client.list_request())
    for between in (run.client.list_request(method="HEAD"), run.client.list_request("type=addonStatic")):
        run.sender.send(between)
        assert run.sender.send(run.client.list_request()).document is again.document


# ---- what is not safe to repeat


def creates(sender: Unreliable, simulator: Simulator) -> list[int]:
    path = create_path(simulator.project_id, simulator.cluster_id)
    return [number for number, request in enumerate(sender.sent) if request.path == path]


def first_create(simulator: Simulator) -> Fails:
    path, seen = create_path(simulator.project_id, simulator.cluster_id), list[int]()

    def is_first(_: int, request: Request) -> bool:
        if request.path == path:
            seen.append(1)
        return request.path == path and len(seen) == 1

    return is_first


def test_a_create_whose_answer_is_lost_is_told_of_and_not_sent_again_before_a_list_was_read() -> None:
    simulator = Simulator()
    run, sender = run_of(simulator, first_create(simulator))
    run.run(creation.created_tasks_are_found_and_finish)
    assert alarms(run) == []
    first, second = creates(sender, simulator)[:2]
    assert [request.method for request in sender.sent[first + 1 : second]] == ["GET"]
    [told] = run.results.observations["a create request whose answer was lost"]
    assert "the first may have made tasks" in told


class Doubling(Simulator):
    """Makes the tasks of every create request twice, and tells of them once."""

    def handle(self, request: Request, *, caller: int | None = None) -> Response:
        response = super().handle(request, caller=caller)
        if request.path == create_path(self.project_id, self.cluster_id) and response.status == 201:
            super().handle(request, caller=caller)
        return response


@pytest.mark.parametrize("loses", [False, True])
def test_tasks_made_twice_are_found_whether_or_not_an_answer_was_lost(*, loses: bool) -> None:
    simulator = Doubling()
    run, _ = run_of(simulator, first_create(simulator) if loses else lambda *_: False)
    run.run(creation.created_tasks_are_found_and_finish)
    [finding] = [finding for finding in run.results.findings if finding.code == "PRE322"]
    # a lost answer may have made three of the twelve tasks that a run may create: there is room for three more
    assert "made 6 tasks or more, and its answer shows 3" in finding.message


# ---- what comes by chance


def test_several_answers_lost_at_the_same_time_are_no_finding_unless_it_happens_again() -> None:
    run, sender = run_of(Simulator())
    run.run(filters.the_unfiltered_list_meets_the_contract)
    begun = len(sender.sent)

    sender._lost = lambda number, _: number - begun <= 4
    assert run.run(transport.simultaneous_questions_are_answered_each_for_itself) == ()
    begun = len(sender.sent)
    sender._lost = lambda number, _: number > begun
    assert [finding.code for finding in run.run(transport.simultaneous_questions_are_answered_each_for_itself)] == [
        "PRE101"
    ]


def test_a_retry_does_not_hide_what_the_answer_shows() -> None:
    run, _ = run_of(Simulator(faults=["type-filter-ignored"]), lambda number, _: number % 3 == 1)
    assert "PRE401" in {finding.code for finding in run.run(filters.each_filter_value_selects_exactly_its_tasks)}
    assert run.budget.retried > 3


# ---- replicas


def test_replicas_are_named_where_no_lag_was_given() -> None:
    run, _ = run_of(Staging("lagging", seed=2))
    inspect(run)
    hints = [text for finding in run.results.findings for label, text in finding.evidence if label == "replicas?"]
    assert hints
    assert all("if replicas answer here, give --cce-lag=" in hint for hint in hints)


@pytest.mark.parametrize("seed", range(4))
def test_the_lag_that_was_seen_is_no_more_than_there_was(seed: int) -> None:
    run, _ = run_of(Staging("lagging", seed=seed), lag=5.0)
    inspect(run)
    assert alarms(run) == []
    assert 0 < run.progress().behind <= 4.0


def test_the_first_bracket_is_judged_although_everything_was_new_at_first() -> None:
    run, _ = run_of(Staging("lagging", faults=["one-task-lost-under-type"]), lag=5.0)
    run.run(filters.the_unfiltered_list_meets_the_contract)
    assert "PRE402" in {finding.code for finding in run.run(filters.each_filter_value_selects_exactly_its_tasks)}


def test_more_is_kept_for_retries_where_replicas_lag() -> None:
    smooth, rough = (Shares.of(250, writes=True, rough=rough) for rough in (False, True))
    assert rough.retries > smooth.retries
    assert rough.questions < smooth.questions


# by chance; a create request that names another cluster is lost, or a gateway's answer; a task leaves that cluster
@pytest.mark.parametrize("seed", [*range(6), 7, 28, 91])
def test_a_hostile_staging_without_a_defect_raises_no_finding(seed: int) -> None:
    staging = Staging("hostile", seed=seed)
    near = Neighbours(staging.other_cluster_id, staging.foreign_project_id, staging.foreign_cluster_id)
    run, sender = run_of(staging, lag=5.0, neighbours=near)
    inspect(run)
    assert alarms(run) == []
    assert len(sender.sent) <= 250


@pytest.mark.parametrize(
    "fault", ["newest-task-lost-under-instance", "count-of-all-clusters", "task-id-overrides-type", "put-makes-a-task"]
)
def test_a_hostile_staging_with_a_subtle_defect_is_found_out(fault: str) -> None:
    run, _ = run_of(Staging("hostile", seed=3, faults=[fault]), lag=5.0)
    inspect(run)
    assert alarms(run)


# ---- lost connections


@pytest.mark.parametrize("first", [1, 30])
def test_four_losses_in_a_row_are_chance_and_five_are_a_finding_at_the_start_as_later(first: int) -> None:
    for losses, codes in ((4, []), (5, ["PRE101"])):
        run, _ = run_of(Simulator(), lambda number, _, most=losses: first <= number < first + most)
        for check in (
            filters.the_unfiltered_list_meets_the_contract,
            filters.each_filter_value_selects_exactly_its_tasks,
            filters.unknown_filter_values_select_nothing,
        ):
            run.run(check)
        assert alarms(run) == codes, losses


# ---- what others' work left open


def test_what_was_never_judged_in_full_is_asked_once_more_at_the_end() -> None:
    # the newest task of an instance is most of the time too new, where others make tasks and replicas lag
    run, _ = run_of(Staging("hostile", seed=87, faults=["newest-task-lost-under-instance"]), lag=5.0)
    run.run(filters.each_filter_value_selects_exactly_its_tasks)
    assert (alarms(run), bool(run.left_open)) == ([], True)
    run.run(exploration.questions_beyond_the_plan_are_answered_rightly)
    assert alarms(run) == ["PRE402"]
