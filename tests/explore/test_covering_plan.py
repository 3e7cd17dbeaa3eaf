"""The plan: covers the classes, keeps to its budget, and is the same for the same seed."""

from __future__ import annotations

from itertools import combinations, product
from typing import TYPE_CHECKING
from urllib.parse import parse_qsl

import pytest
from hypothesis import find, given, settings
from hypothesis import strategies as st

from pytest_cce_precheck.explore.classes import ABSENT, CLASSES, MATCHING, NIL, OTHER, known_values
from pytest_cce_precheck.explore.plan import FAMILIES, MAIN_CLASSES, covering_plan
from pytest_cce_precheck.explore.strategies import filters
from pytest_cce_precheck.wire.vocabulary import Filter, TaskType
from tests.contract.answers import answer_to, listing, task

if TYPE_CHECKING:
    from pytest_cce_precheck.contract.answer import AnsweredTask

AMPLE = 10_000


def cluster(size: int = 12) -> tuple[AnsweredTask, ...]:
    states = ("Init", "Running", "Failed", "Success")
    kinds = ("addonStatic", "addonUpgrade")
    tasks = [task(number, states[number % 4], kinds[number // 2 % 2], number % 4) for number in range(size)]
    return tuple(answer_to(listing(tasks)).tasks)


def test_every_class_of_every_filter_is_reached_with_an_ample_budget() -> None:
    reached = covering_plan(cluster(), questions=AMPLE).classes
    wanted = {(name, each.name) for name in Filter for each in CLASSES[name]}
    assert wanted - reached == set()


def test_the_nil_uuid_is_not_asked_for_if_a_task_does_not_show_its_instance() -> None:
    tasks = [task(number) for number in range(3)]
    del tasks[1]["metadata"]["addonInstanceID"]
    reached = covering_plan(answer_to(listing(tasks)).tasks, questions=AMPLE).classes
    assert {name for name in Filter if (name, NIL) in reached} == {Filter.TASK_ID}


def test_every_pair_and_triple_of_the_main_classes_is_reached_with_an_ample_budget() -> None:
    plan = covering_plan(cluster(), questions=AMPLE)
    asked = {frozenset(planned.question.classes) for planned in plan.asked}
    triples = [triple for triple in product(MAIN_CLASSES, repeat=3) if sum(each != ABSENT for each in triple) > 1]
    for triple in triples:
        if OTHER in triple:
            # the same query may be asked as a matching one of another task
            continue
        wanted = frozenset((name, each) for name, each in zip(Filter, triple, strict=True) if each != ABSENT)
        assert wanted in asked, triple


def test_each_pair_of_filters_that_match_is_among_the_first_forty_questions() -> None:
    asked = {frozenset(planned.question.classes) for planned in covering_plan(cluster(), questions=40).asked}
    for names in combinations(Filter, 2):
        assert frozenset((name, MATCHING) for name in names) in asked


@pytest.mark.parametrize("name", Filter)
def test_values_that_exist_but_do_not_match_the_other_filter_are_asked_early(name: Filter) -> None:
    asked = [planned.question.classes for planned in covering_plan(cluster(), questions=60).asked]
    assert any((name, OTHER) in classes and MATCHING in dict(classes).values() for classes in asked)


def test_each_task_is_asked_for_by_its_id_in_a_cluster_of_twelve_alone_or_with_more_of_its_values() -> None:
    tasks = cluster()
    asked = {frozenset(parse_qsl(planned.question.query)) for planned in covering_plan(tasks, questions=105).asked}
    own = {each.id: frozenset((str(name), value) for name, value in each.values.items()) for each in tasks}
    for key, values in own.items():
        assert any(("task_id", key) in query and query <= values for query in asked), key
    # half of them alone
    assert sum(frozenset({("task_id", key)}) in asked for key in own) >= len(own) // 2


@pytest.mark.parametrize("questions", [4, 27, 125])
def test_the_plan_keeps_to_its_budget_and_says_what_it_leaves_out(questions: int) -> None:
    plan = covering_plan(cluster(), questions=questions)
    assert len(plan.asked) == questions
    assert plan.left_out
    assert not plan.classes & plan.classes_left_out
    assert sum(len(plan.family(name)) for name in FAMILIES) == questions


def test_of_very_many_tasks_no_more_are_planned_for_than_queries_can_ask() -> None:
    plan = covering_plan(cluster(1_200), questions=125)
    assert len(plan.asked) == 125
    # each task has five queries of its own
    assert len(plan.left_out) < 4_000
    asked = {planned.question.query for planned in covering_plan(cluster(600), questions=AMPLE).asked}
    assert {f"task_id={each.id}" for each in cluster(600)} <= asked


def test_the_same_seed_gives_the_same_plan_and_another_one_another() -> None:
    first, second, other = (covering_plan(cluster(), questions=60, seed=seed) for seed in (1, 1, 2))
    assert first == second
    assert first != other


def test_no_question_is_asked_twice_but_to_see_whether_its_answer_is_the_same() -> None:
    plain = [
        each.question.query
        for each in covering_plan(cluster(), questions=AMPLE).asked
        if each.question.code != "PRE411"
    ]
    assert len(plain) == len(set(plain))


@pytest.mark.parametrize("size", [0, 1, 2, 12, 2000])
def test_a_cluster_of_any_size_is_planned_for(size: int) -> None:
    plan = covering_plan(cluster(size), questions=125)
    assert 60 <= len(plan.asked) <= 125
    values = known_values(cluster(size))
    for planned in plan.asked:
        if planned.question.code == "PRE406":
            [(name, _)] = planned.question.classes
            assert dict(_decoded(planned.question.query))[name] not in values[name]


def _decoded(query: str) -> list[tuple[str, str]]:

    return parse_qsl(query, keep_blank_values=True)


@given(st.data())
@settings(max_examples=50)
def test_drawn_values_are_of_the_class_that_they_say(data: st.DataObject) -> None:
    known = known_values(cluster())
    for asked in data.draw(filters(known)):
        assert (asked.value in known[asked.name]) == (asked.value_class == MATCHING)


def test_drawn_combinations_shrink_to_one_filter_with_a_value_that_exists() -> None:
    known = known_values(cluster())
    simplest = find(filters(known, at_least=1), lambda given: any(item.name is Filter.TYPE for item in given))
    assert [(item.name, item.value) for item in simplest] == [(Filter.TYPE, TaskType.STATIC)]
