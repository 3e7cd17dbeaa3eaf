"""What the contract leaves unspecified never fails a run, and what could not be checked is never called judged."""

from __future__ import annotations

import json
from dataclasses import replace
from datetime import datetime, timedelta
from itertools import count

import pytest

from pytest_cce_precheck.contract.check import judge
from pytest_cce_precheck.simulator.service import Simulator
from pytest_cce_precheck.suite import (
    bad_creation,
    creation,
    exploration,
    filters,
    isolation,
    test_contract,
)
from pytest_cce_precheck.suite.authentication import refusal_findings
from pytest_cce_precheck.suite.checks import CHECKS, inspect
from pytest_cce_precheck.suite.create_bodies import models_of
from pytest_cce_precheck.suite.run_settings import Neighbours
from pytest_cce_precheck.wire.exchange import Exchange, Headers, Request, Response
from pytest_cce_precheck.wire.vocabulary import Filter, list_path
from tests.contract.answers import answered, listing, task
from tests.suite.runs import alarms, is_create, refusal, run_of

# ---- each check has the name of its test, everywhere


def test_each_test_runs_the_check_of_its_name() -> None:
    called = []
    tests = {name: test for name, test in vars(test_contract).items() if name.startswith("test_")}
    for test in tests.values():
        test(lambda check: called.append(f"test_{check.__name__}"))
    assert called == list(tests)
    assert set(called) == {f"test_{check.__name__}" for check in CHECKS}


@pytest.mark.parametrize("budget", [30, 250])
def test_what_is_inconclusive_or_not_asked_names_its_test(budget: int) -> None:
    run = run_of(
        lambda request, *_: refusal(403) if is_create(request) else None, budget=budget, neighbours=Neighbours()
    )
    inspect(run)
    said = [*run.results.inconclusive, *run.results.not_asked]
    assert len(said) >= 4
    assert [each for each in said if not hasattr(test_contract, each.partition(":")[0].partition(" ")[0])] == []


# ---- creating that is refused


@pytest.mark.parametrize("status", [400, 401, 403])
def test_a_create_that_is_refused_in_a_documented_form_is_inconclusive(status: int) -> None:
    run = run_of(lambda request, *_: refusal(status) if is_create(request) else None)
    assert run.run(creation.created_tasks_are_found_and_finish) == ()
    assert run.progress().judged == 0
    [why] = run.results.inconclusive
    assert f"test_created_tasks_are_found_and_finish: creating was refused with {status}" in why


def test_who_may_not_create_upgrade_checks_creates_static_ones() -> None:
    run = run_of(lambda request, *_: refusal(403) if is_create(request) and b"addonUpgrade" in request.body else None)
    run.run(creation.created_tasks_are_found_and_finish)
    assert run.results.inconclusive == []
    assert run.created > 1
    assert alarms(run) == []


def test_a_create_that_is_refused_in_another_form_is_a_violation() -> None:
    html = Response(403, Headers([("Content-Type", "text/html")]), b"<html>")
    run = run_of(lambda request, *_: html if is_create(request) else None)
    run.run(creation.created_tasks_are_found_and_finish)
    assert "PRE107" in alarms(run)
    conflict = Response(409, refusal(400).headers, b'{"errorCode": "CCE.03409001", "errorMessage": "no"}')
    run = run_of(lambda request, *_: conflict if is_create(request) else None)
    run.run(creation.created_tasks_are_found_and_finish)
    assert alarms(run) == []


# three by one request, then two and up to three at the same time, of which three are kept
@pytest.mark.parametrize(("most", "expected"), [(1, 1), (2, 2), (3, 3), (4, 3), (5, 5), (8, 6), (12, 8)])
def test_no_more_tasks_are_created_than_allowed(most: int, expected: int) -> None:
    simulator = Simulator()
    before = len(simulator.state.clusters[simulator.cluster_id].tasks)
    run = run_of(simulator=simulator, max_created=most)
    run.run(creation.created_tasks_are_found_and_finish)
    run.run(bad_creation.bad_create_requests_are_refused)
    made = len(simulator.state.clusters[simulator.cluster_id].tasks) - before
    assert made == run.created == expected
    assert alarms(run) == []


@pytest.mark.parametrize("status", [409, 429, 502])
def test_one_of_two_creates_at_the_same_time_may_be_refused(status: int) -> None:
    refused = refusal(status, {"Retry-After": "1"})
    creates = count()
    run = run_of(lambda request, *_: refused if is_create(request) and next(creates) == 2 else None)
    run.run(creation.created_tasks_are_found_and_finish)
    assert next(creates) > 2
    assert alarms(run) == []


def test_tasks_are_created_for_an_id_with_capital_letters_first_and_then_for_the_oldest() -> None:
    ids = ("00000000-0000-0000-0000-000000000000", "abc", "aBc")
    items = [task(number, instance=number) for number in (1, 2, 3)]
    for item, instance, day in zip(items, ids, (3, 2, 4), strict=True):
        item["metadata"] |= {"addonInstanceID": instance, "createTimeStamp": f"2025-08-0{day}T11:24:37+08:00"}
    answer, _ = judge(answered(listing(items)))
    assert [each.value_of(Filter.ADDON_INSTANCE_ID) for each in models_of(answer)] == [ids[2], ids[1], ids[0]]


def test_the_second_instance_that_tasks_are_created_for_has_the_name_of_the_first() -> None:
    items = [task(number, instance=number) for number in (1, 2, 3, 4)]
    for item, name, day in zip(items, ("a", "b", "c", "b"), (1, 2, 3, 4), strict=True):
        item["metadata"] |= {"addonInstanceName": name, "createTimeStamp": f"2025-08-0{day}T11:24:37+08:00"}
    answer, _ = judge(answered(listing(items)))
    assert [each.metadata["addonInstanceName"] for each in models_of(answer)] == ["b", "b", "a", "c"]


def test_texts_in_the_values_of_a_create_come_back_as_sent() -> None:
    run = run_of()
    run.run(creation.created_tasks_are_found_and_finish)
    request, *_ = [each for each in run.client._transport.sent if is_create(each)]  # type: ignore[attr-defined]
    entries = json.loads(request.body)["spec"]["addonList"]
    instances = [entry["addonInstanceID"] for entry in entries]
    assert len(entries) == 3 > len(set(instances))
    assert "\u0301" in entries[0]["values"]["letters"]


def test_a_created_task_that_never_appears_is_found_and_no_lag_is_blamed() -> None:
    run = run_of(simulator=Simulator(faults=["created-task-not-listed"]))
    run.run(creation.created_tasks_are_found_and_finish)
    findings = [finding for finding in run.results.findings if finding.code == "PRE507"]
    assert findings
    assert [finding for finding in findings if finding.evidence] == []


def test_a_refusal_in_whatever_words_does_not_hold_the_task_named_a() -> None:
    refused = refusal_findings(
        Exchange(Request("GET", "https://x", "/"), refusal(401)), "PRE601", "nothing", ["a", "e"]
    )
    assert [each for each in refused if each.code == "PRE607"] == []


def test_who_may_not_create_learns_nothing_of_bad_create_requests() -> None:
    run = run_of(lambda request, *_: refusal(403) if is_create(request) else None)
    assert run.run(bad_creation.bad_create_requests_are_refused) == ()
    # the one without credentials is judged all the same
    assert run.progress().judged == 1
    assert "creating was refused with 401 or 403" in run.results.inconclusive[0]


@pytest.mark.parametrize("left", [9, 12, 30])
def test_a_run_that_had_to_ask_more_than_usual_leaves_out_the_rarest_bad_requests_and_is_complete(left: int) -> None:
    run = run_of(kind="ak/sk")
    run.budget.sent = run.budget.limit - left
    assert run.run(bad_creation.bad_create_requests_are_refused) == ()
    assert run.results.inconclusive == []
    assert 1 <= sum(map(is_create, run.client._transport.sent)) <= 16  # type: ignore[attr-defined]


# ---- what was not asked or not answered was not judged


@pytest.mark.parametrize("told", [refusal(403), answered(listing([])).response])
def test_a_cluster_that_is_refused_or_empty_instead_of_unknown_gets_no_other_method_and_judges_nothing(
    told: Response,
) -> None:
    unknown = run_of().unknown_id(Simulator().cluster_id)
    run = run_of(lambda request, *_: told if unknown in request.path else None)
    assert run.run(isolation.other_methods_are_not_answered_as_get) == ()
    assert {request.method for request in run.client._transport.sent} == {"GET"}  # type: ignore[attr-defined]
    progress = run.progress()
    assert progress.judged == 0
    # by which status an unknown cluster is told, no source says: such a service can meet the contract
    assert progress.inconclusive == ()
    assert progress.not_asked[-1].endswith(f"a cluster that does not exist: reading it was answered with {told.status}")


@pytest.mark.parametrize("destructive", [False, True])
@pytest.mark.parametrize(
    "check", [check for check in CHECKS if check is not CHECKS[0]], ids=lambda check: check.__name__
)
def test_no_check_judges_anything_if_only_the_unfiltered_list_is_answered(check: object, *, destructive: bool) -> None:
    simulator = Simulator()
    plain = list_path(simulator.project_id, simulator.cluster_id)

    def throttled(request: Request, _: int, response: Response) -> Response | None:
        unchanged = dict(request.headers.pairs).get("Accept") == "application/json"
        listed = request.path == plain and not request.query and response.status == 200
        return None if listed and request.method == "GET" and unchanged else refusal(429, {"Retry-After": "1"})

    run = run_of(throttled, simulator=simulator, allow_destructive=destructive, budget=2000)
    assert {finding.code for finding in run.run(check)} <= {"PRE113"}  # type: ignore[arg-type]
    assert run.progress().judged == 0
    assert run.progress().why_not_judged


# ---- the budget


@pytest.mark.parametrize("kind", ["token", "ak/sk"])
@pytest.mark.parametrize("budget", [*range(30, 100, 6), 120, 150, 180, 250])
def test_no_budget_is_planned_beyond_its_end(budget: int, kind: str) -> None:
    for settings in ({}, {"neighbours": Neighbours()}, {"allow_writes": False}):
        run = run_of(kind=kind, budget=budget, **settings)
        inspect(run)
        assert run.results.cut_short == []
        assert alarms(run) == []


def test_a_check_that_the_end_of_the_budget_cuts_short_was_not_made() -> None:
    run = run_of(lambda _, number, __: refusal(429, {"Retry-After": "1"}) if number % 2 else None, budget=30)
    inspect(run)
    assert alarms(run) == []
    assert run.budget.left <= 2
    assert any("budget" in each for each in run.results.cut_short)
    assert run.progress().why_not_judged.startswith("inconclusive: ")


def test_draws_for_which_retries_have_left_no_request_are_left_out_and_not_incomplete() -> None:
    run = run_of()
    run.run(filters.the_unfiltered_list_meets_the_contract)
    run.budget.sent = run.budget.limit - 1
    run.run(exploration.questions_beyond_the_plan_are_answered_rightly)
    progress = run.progress()
    assert progress.not_asked
    assert (progress.cut_short, progress.inconclusive) == ((), ())


# ---- passing states


def test_a_service_that_wants_to_be_left_alone_for_an_hour_is_left_alone_and_breaks_nothing() -> None:
    run = run_of(lambda *_: refusal(429, {"Retry-After": "3600"}))
    inspect(run)
    assert (alarms(run), run.budget.sent, run.progress().judged) == ([], 1, 0)
    assert len(run.results.cut_short) == len(CHECKS)
    assert "the service said to come again after 3600 s" in run.results.cut_short[0]


@pytest.mark.parametrize("status", [429, 502])
def test_seven_passing_states_in_a_row_leave_one_question_open(status: int) -> None:
    failed = list[int]()

    def passing(request: Request, *_: object) -> Response | None:
        if request.query != "type=addonStatic" or len(failed) == 7:
            return None
        failed.append(status)
        return refusal(status, {"Retry-After": "1"})

    run = run_of(passing)
    run.run(filters.each_filter_value_selects_exactly_its_tasks)
    assert alarms(run) == []
    assert [each for each in run.results.inconclusive if f"answered with {status} in all of 7 tries" in each]


def test_a_question_that_fails_whenever_it_is_asked_while_others_are_answered_is_no_passing_state() -> None:
    run = run_of(lambda request, *_: refusal(503) if request.query == "type=addonStatic" else None)
    run.run(filters.each_filter_value_selects_exactly_its_tasks)
    assert alarms(run) == ["PRE103"]


# ---- created tasks that are seen late


def test_created_tasks_that_come_and_go_for_half_a_second_break_nothing() -> None:
    simulator = Simulator()

    def one_of_two_replicas(request: Request, number: int, response: Response) -> Response | None:
        if request.method != "GET" or response.status != 200 or number % 2:
            return None
        document = json.loads(response.body)
        fresh = simulator.clock.now() - timedelta(seconds=0.5)
        old = [
            each for each in document["items"] if datetime.fromisoformat(each["metadata"]["createTimeStamp"]) < fresh
        ]
        document |= {"items": old, "pageInfo": {"currentCount": len(old)}}
        return replace(response, body=json.dumps(document).encode())

    run = run_of(one_of_two_replicas, simulator=simulator)
    run.run(filters.the_unfiltered_list_meets_the_contract)
    run.run(creation.created_tasks_are_found_and_finish)
    assert alarms(run) == []


def test_a_created_task_that_is_listed_and_then_is_not_was_not_late() -> None:
    simulator = Simulator()

    def moved_between_tables(request: Request, _: int, response: Response) -> Response | None:
        if request.method != "GET" or response.status != 200:
            return None
        document, now = json.loads(response.body), simulator.clock.now()
        age = {
            each["metadata"]["taskID"]: now - datetime.fromisoformat(each["metadata"]["createTimeStamp"])
            for each in document["items"]
        }
        there = [each for each in document["items"] if not 0.8 < age[each["metadata"]["taskID"]].total_seconds() < 1.2]
        document |= {"items": there, "pageInfo": {"currentCount": len(there)}}
        return replace(response, body=json.dumps(document).encode())

    run = run_of(moved_between_tables, simulator=simulator)
    run.run(filters.the_unfiltered_list_meets_the_contract)
    run.run(creation.created_tasks_are_found_and_finish)
    assert {"PRE505", "PRE506"} & set(alarms(run))


def test_a_machine_that_never_gets_new_tasks_is_met_on_another_connection() -> None:
    simulator, connection = Simulator(), [0]
    old = {str(task.id) for task in simulator.state.clusters[simulator.cluster_id].tasks}

    def by_connection(request: Request, _: int, response: Response) -> Response | None:
        if request.method != "GET" or response.status != 200 or connection[0] % 2 == 0:
            return None
        document = json.loads(response.body)
        there = [each for each in document["items"] if each["metadata"]["taskID"] in old]
        document |= {"items": there, "pageInfo": {"currentCount": len(there)}}
        return replace(response, body=json.dumps(document).encode())

    run = run_of(by_connection, simulator=simulator)
    run.client._transport.close = lambda: connection.append(connection.pop() + 1)  # type: ignore[method-assign]
    run.run(filters.the_unfiltered_list_meets_the_contract)
    run.run(creation.created_tasks_are_found_and_finish)
    assert {"PRE505", "PRE506"} & set(alarms(run))
