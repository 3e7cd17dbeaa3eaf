"""Joined queries: no single misbehaviour is hidden by what it is asked together with, and each is named by itself."""

from __future__ import annotations

from typing import TYPE_CHECKING
from urllib.parse import parse_qsl

import pytest

from pytest_cce_precheck.explore.classes import CLASSES
from pytest_cce_precheck.explore.plan import covering_plan, groups_of
from pytest_cce_precheck.explore.spellings import unknown_parameters
from pytest_cce_precheck.simulator.hooks import select_by
from pytest_cce_precheck.simulator.pipeline import Fault
from pytest_cce_precheck.simulator.service import Simulator
from pytest_cce_precheck.suite import filters
from pytest_cce_precheck.suite.checks import inspect
from pytest_cce_precheck.suite.run_settings import Neighbours
from pytest_cce_precheck.wire.exchange import Response
from pytest_cce_precheck.wire.vocabulary import Filter
from tests.suite.test_inspection import run_of

if TYPE_CHECKING:
    from pytest_cce_precheck.explore.classes import Unselective
    from pytest_cce_precheck.simulator.pipeline import Call
    from pytest_cce_precheck.simulator.refusals import Refusal
    from pytest_cce_precheck.simulator.state import Task
    from pytest_cce_precheck.suite.inspection import Inspection

JOINED = [(name, each) for name in Filter for each in CLASSES[name] if each.joined]
PARAMETERS = sorted({query.query for _, query in unknown_parameters(()) if query.query.count("&") < 2})
# how a service takes a parameter that is given several times; no source says
REPETITION = ["first-of-repeated-values", "last-of-repeated-values", "repeated-parameters-400"]


def fault_of(name: Filter, odd: Unselective) -> Fault:
    """Return the fault of a service that takes a value of the class for the real one."""
    same = select_by(lambda sent, actual: sent == odd.make(actual), name)

    def accept(call: Call, refusal: Refusal | None) -> Refusal | None:
        return None if refusal is not None and refusal.reason == "unknown-type" and same(call, []) else refusal

    return Fault(name="test", summary="", category="", codes=("PRE406",), check=accept, select=same)


def checked(simulator: Simulator, budget: int = 1000) -> Inspection:
    run, _ = run_of(simulator, budget=budget)
    run.run(filters.unknown_filter_values_select_nothing)
    return run


@pytest.mark.parametrize("repetition", ["", "last-of-repeated-values"])
@pytest.mark.parametrize(("name", "odd"), JOINED, ids=[f"{name}: {odd.name}" for name, odd in JOINED])
def test_a_class_that_is_taken_for_a_real_value_is_found_by_itself(
    name: Filter, odd: Unselective, repetition: str
) -> None:
    variations = [repetition] if repetition else []
    run = checked(Simulator(faults=[fault_of(name, odd)], variations=variations))
    found = [finding for finding in run.results.findings if finding.code == "PRE406"]
    # the query that shows it has one value: it names the cause
    assert found
    assert any(finding.message.count(f"{name}=") == 1 for finding in found)


@pytest.mark.parametrize(("variations", "most"), [([], 62), (["unknown-type-matches-nothing"], 45)])
def test_what_a_joined_query_has_proved_is_not_asked_again(variations: list[str], most: int) -> None:
    run, transport = run_of(Simulator(variations=variations))
    sent = transport.sent
    run.run(filters.unknown_filter_values_select_nothing)
    asked = [request.params for request in sent]
    assert len([params for params in asked if len(params) == 1]) < most
    assert (Filter.TASK_ID, "accent") in run.results.reached
    proved = {query for query in run.proved if query.startswith("task_id=")}
    assert proved
    assert not proved & {request.query for request in sent}


@pytest.mark.parametrize("repetition", REPETITION)
def test_an_answer_without_the_control_proves_nothing(repetition: str) -> None:
    run = checked(Simulator(variations=[repetition]))
    assert run.proved == set()
    # each class is asked for by itself instead
    assert {(name, each.name) for name, each in JOINED} <= run.results.reached


# with writes, the life cycle of created tasks takes the place of the last of them
@pytest.mark.parametrize(("writes", "most"), [(True, 0), (False, 0)])
def test_the_classes_are_reached_in_the_default_budget(writes: bool, most: int) -> None:
    simulator = Simulator()
    near = Neighbours(simulator.other_cluster_id, simulator.foreign_project_id, simulator.foreign_cluster_id)
    run = inspect(run_of(simulator, allow_writes=writes, allow_destructive=writes, neighbours=near)[0])
    wanted = {(name, each.name) for name in Filter for each in CLASSES[name]}
    missing = run.progress().not_reached - run.results.reached
    assert wanted - run.results.reached <= missing
    assert len(missing) <= most
    assert run.budget.sent <= 250


def test_a_service_that_refuses_repetition_is_asked_for_classes_in_place_of_repetitions() -> None:
    run, transport = run_of(Simulator(variations=["repeated-parameters-400"]))
    run.run(filters.unknown_filter_values_select_nothing)
    before = len(transport.sent)
    run.run(filters.filters_together_select_what_satisfies_all)
    run.run(filters.the_same_question_in_other_words_has_the_same_answer)
    repeated = [each for each in transport.sent[before:] if len({name for name, _ in each.params}) < len(each.params)]
    assert len(repeated) == 1
    # each class of ids in one of the two filters at least, but for those that are lost least often
    reached = {value_class for name, value_class in run.results.reached if name is not Filter.TYPE}
    assert {each.name for each in CLASSES[Filter.TASK_ID] if each.tier < 3} <= reached


@pytest.mark.parametrize("parameter", PARAMETERS)
def test_each_parameter_that_is_not_documented_is_found_by_itself(parameter: str) -> None:
    def fewer(call: Call, tasks: list[Task]) -> list[Task]:
        return tasks[:1] if set(parse_qsl(parameter)) <= set(call.query.params) else tasks

    run, _ = run_of(Simulator(faults=[Fault(name="test", summary="", category="", codes=(), select=fewer)]))
    run.run(filters.the_same_question_in_other_words_has_the_same_answer)
    found = [finding.message for finding in run.results.findings if finding.code == "PRE409"]
    assert any(f"?{parameter} " in message for message in found)


def test_a_joined_query_whose_signature_is_read_in_another_order_is_asked_in_parts() -> None:
    def sorted_otherwise(call: Call, response: Response) -> Response:
        return (
            Response(401, response.headers, b'{"error_code":"APIG.0301","error_msg":"x","request_id":"y"}')
            if len(call.query.params) > 8
            else response
        )

    run = checked(Simulator(faults=[Fault(name="test", summary="", category="", codes=(), respond=sorted_otherwise)]))
    assert not run.results.findings
    assert run.proved == set()
    assert {(name, each.name) for name, each in JOINED} <= run.results.reached


def test_a_joined_query_that_fails_alone_is_reported_itself() -> None:
    def many(call: Call, response: Response) -> Response:
        return (
            Response(500, response.headers, b'{"errorCode":"CCE.01500001","errorMessage":"x"}')
            if (len(call.query.params) > 8)
            else response
        )

    run = checked(Simulator(faults=[Fault(name="test", summary="", category="", codes=(), respond=many)]))
    assert {finding.code for finding in run.results.findings} == {"PRE103", "PRE124"}


def test_the_control_is_neither_the_first_nor_the_last_value() -> None:
    run, _ = run_of(Simulator())
    answer = run.lists.opening()
    assert answer is not None
    for family, number in (("unknown", 3), ("combinations", 2)):
        groups = groups_of(answer.tasks, family)  # type: ignore[arg-type]
        assert len(groups) == number
        for group in groups:
            assert group.name is not None
            (conjunction,) = group.joined.meanings[0]
            control = dict(conjunction)[group.name]
            values = [value for name, value in run.client.list_request(group.joined.query).params if name == group.name]
            assert control in values[1:-1]
            # no odd value is made from the control, whose tasks are shown anyway
            assert control not in {made_from for made_from, _ in group.members}


def test_the_plan_leaves_out_what_is_answered() -> None:
    run, _ = run_of(Simulator())
    answer = run.lists.opening()
    assert answer is not None
    answered = {"type=", "task_id=%25"}
    planned = covering_plan(answer.tasks, questions=1000, answered=answered).asked
    assert not answered & {each.question.query for each in planned}


def test_what_every_answer_shows_splits_no_joined_query() -> None:
    """A deviation in each answer would otherwise use up the budget of the checks that follow."""
    simulator = Simulator(faults=["final-without-expiry"])
    run = inspect(run_of(simulator, allow_writes=True, allow_destructive=True)[0])
    assert run.results.cut_short == []
    assert {(Filter.TASK_ID, "accent"), (Filter.TASK_ID, "braces")} <= run.results.reached
    assert run.proved
