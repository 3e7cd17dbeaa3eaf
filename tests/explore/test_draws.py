"""What hypothesis draws: enough that lists a task, enough that is odd, on every cluster, and simple when it shrinks."""

from __future__ import annotations

from collections import Counter
from typing import TYPE_CHECKING, Any

import pytest
from hypothesis import HealthCheck, Phase, find, given, seed, settings

from pytest_cce_precheck.errors import ConfigurationError
from pytest_cce_precheck.explore.classes import CLASSES, EMPTY, MATCHING, UNKNOWN, unknown_value, values_of
from pytest_cce_precheck.explore.queries import FilterValue
from pytest_cce_precheck.explore.recorded import weighted
from pytest_cce_precheck.explore.strategies import Wanted, filters
from pytest_cce_precheck.wire.vocabulary import Filter, TaskType
from tests.contract.answers import answer_to, listing, task

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence

    from hypothesis.strategies import SearchStrategy

    Values = dict[Filter, str]

ABSENT, OTHER_CASE = "absent", "other case"
# these are made by leaving a filter out, or by asking for what exists
NOT_ODD = {ABSENT, MATCHING}


def cluster(size: int, *, instances: int = 4) -> list[Values]:
    """Tasks of both types, as far as their number allows, on so many instances."""
    tasks = [task(number, "Success", tuple(TaskType)[number // 2 % 2], number % instances) for number in range(size)]
    return values_of(answer_to(listing(tasks)).tasks)


def drawn(
    strategy: SearchStrategy[tuple[FilterValue, ...]], *, seeds: Iterable[int] = range(20), examples: int = 50
) -> list[list[FilterValue]]:
    found: list[list[FilterValue]] = []
    for number in seeds:

        @seed(number)
        @settings(
            max_examples=examples,
            phases=[Phase.generate],
            database=None,
            deadline=None,
            suppress_health_check=list(HealthCheck),
        )
        @given(strategy)
        def draw(asked: tuple[FilterValue, ...]) -> None:
            found.append(list(asked))

        draw()
    return found


def lists(asked: Sequence[FilterValue], tasks: Iterable[Values]) -> bool:
    return any(all(each.get(item.name) == item.value for item in asked) for each in tasks)


@pytest.mark.parametrize("at_least", [0, 1])
@pytest.mark.parametrize("size", [1, 2, 12, 200])
def test_at_least_half_of_all_combinations_list_a_task_with_one_two_and_three_filters(size: int, at_least: int) -> None:
    tasks = cluster(size)
    examples = drawn(filters(tasks=tasks, at_least=at_least))
    asked, listed = Counter(map(len, examples)), Counter(len(each) for each in examples if lists(each, tasks))
    assert set(asked) == {0, 1, 2, 3} - set(range(at_least))
    assert [number for number in asked if listed[number] < asked[number] / 2] == []
    assert min(asked[number] for number in (1, 2, 3)) > 100


@pytest.mark.parametrize("at_least", [2, 3])
def test_half_list_a_task_where_no_two_tasks_share_an_instance(at_least: int) -> None:
    tasks = cluster(100, instances=100)
    examples = drawn(filters(tasks=tasks, at_least=at_least))
    assert sum(lists(each, tasks) for each in examples) > len(examples) / 2


def test_half_list_a_task_where_no_task_has_an_instance() -> None:
    tasks = [{name: each[name] for name in (Filter.TYPE, Filter.TASK_ID)} for each in cluster(12)]
    examples = drawn(filters(tasks=tasks))
    assert sum(lists(each, tasks) for each in examples) > len(examples) / 2
    assert any(item.name is Filter.ADDON_INSTANCE_ID for each in examples for item in each)


def test_of_an_empty_cluster_ids_are_asked_for_as_often_as_elsewhere() -> None:
    asked = Counter(item.name for each in drawn(filters()) for item in each)
    assert min(asked.values()) > 200
    assert all(item.value_class != MATCHING for each in drawn(filters()) for item in each[1:])


def test_a_thousand_examples_of_one_task_still_list_it_half_the_time() -> None:
    tasks = cluster(1)
    examples = drawn(filters(tasks=tasks), seeds=[0], examples=1000)
    assert len(examples) == 1000
    assert sum(lists(each, tasks) for each in examples) > 500


def test_values_that_exist_often_belong_to_no_single_task() -> None:
    tasks = cluster(100, instances=100)
    existing = [
        each for each in drawn(filters(tasks=tasks, at_least=2)) if all(item.value_class == MATCHING for item in each)
    ]
    assert 0.15 < sum(not lists(each, tasks) for each in existing) / len(existing) < 0.5


def test_the_rarer_type_is_drawn_as_often_as_the_other() -> None:
    static, upgrade = (next(each for each in cluster(12) if each[Filter.TYPE] == kind) for kind in TaskType)
    examples = drawn(filters(tasks=[*[static] * 30, upgrade]))
    types = Counter(item.value for each in examples for item in each if item.name is Filter.TYPE)
    assert 0.75 < types["addonUpgrade"] / types["addonStatic"] < 1.35


def test_a_type_that_no_task_has_is_asked_for_too() -> None:
    tasks = [each for each in cluster(12) if each[Filter.TYPE] == TaskType.STATIC]
    assert [FilterValue(Filter.TYPE, "addonUpgrade", MATCHING)] in drawn(filters(tasks=tasks), seeds=range(6))


@pytest.mark.parametrize("name", Filter)
def test_every_odd_class_turns_up_in_some_filter_over_a_few_hundred_examples(name: Filter) -> None:
    strategy, missing = filters(tasks=cluster(12)), {EMPTY, "mutated", *(each.name for each in CLASSES[name])}
    for number in range(60):
        missing -= {item.value_class for each in drawn(strategy, seeds=[number]) for item in each}
        if not missing:
            break
    assert missing == set()


def test_beside_an_odd_value_stand_values_of_one_task() -> None:
    tasks = cluster(100, instances=100)
    examples = drawn(filters(tasks=tasks, at_least=3))
    existing = [[item for item in each if item.value_class == MATCHING] for each in examples]
    beside = [each for each in existing if len(each) == 2]
    assert beside
    assert all(lists(each, tasks) for each in beside)


def test_an_odd_value_is_made_from_the_value_of_the_task_that_it_stands_for() -> None:
    tasks = cluster(100, instances=100)
    ids = {name: {each[name].swapcase(): each for each in tasks} for name in (Filter.TASK_ID, Filter.ADDON_INSTANCE_ID)}
    for asked in drawn(filters(tasks=tasks, at_least=2)):
        for item in asked:
            if item.value_class == OTHER_CASE and item.name in ids:
                made_from = ids[item.name][item.value]
                assert all(made_from[other.name] == other.value for other in asked if other.value_class == MATCHING)


def test_what_is_made_up_exists_nowhere() -> None:
    assert unknown_value("x", {"x", "x0", "x00"}) == "x000"
    tasks = [{Filter.TASK_ID: each} for each in ("x", "x0", "X", "%", "xx0")]
    for asked in drawn(filters(tasks=tasks), seeds=range(3)):
        assert all((item.value in {"x", "x0", "X", "%", "xx0"}) == (item.value_class == MATCHING) for item in asked[1:])


def test_examples_shrink_to_the_fewest_filters_and_to_the_first_task() -> None:
    tasks = cluster(12)
    strategy = filters(tasks=tasks)

    def simplest(number: int) -> dict[Filter, str]:
        asked = find(strategy, lambda each: len(each) >= number, settings=settings(database=None))
        return {item.name: item.value for item in asked}

    assert simplest(0) == {}
    assert simplest(1) == {Filter.TYPE: "addonStatic"}
    assert simplest(2) == {name: tasks[0][name] for name in (Filter.TYPE, Filter.TASK_ID)}
    assert simplest(3) == tasks[0]


def test_an_ignored_type_shrinks_to_the_type_alone() -> None:
    tasks = cluster(12)
    found = find(
        filters(tasks=tasks),
        lambda each: any(item.value == "addonUpgrade" for item in each),
        settings=settings(database=None),
    )
    assert found == (FilterValue(Filter.TYPE, "addonUpgrade", MATCHING),)


def test_more_filters_than_there_are_cannot_be_asked_for() -> None:
    with pytest.raises(ConfigurationError, match="at_least=4, at_most=3: no combination of the 3 filters is such"):
        filters(at_least=4)


def test_recorded_questions_that_list_a_task_are_repeated_until_they_are_half() -> None:
    questions = [(FilterValue(Filter.TYPE, value, MATCHING),) for value in "abcde"]
    listing_one = {frozenset({("type", "b")})}
    assert Counter(weighted(questions, listing_one))[questions[1]] == 4
    assert len(weighted(questions, listing_one)) == 8
    assert weighted(questions, set()) == questions
    assert weighted(questions[:1], {frozenset({("type", "a")})}) == questions[:1]


# ---- what a test wants


@pytest.mark.parametrize(("at_least", "at_most"), [(0, 0), (0, 1), (1, 2), (2, 2), (3, 3)])
def test_only_so_many_filters_are_drawn(at_least: int, at_most: int) -> None:
    examples = drawn(filters(tasks=cluster(12), at_least=at_least, at_most=at_most), seeds=range(3))
    assert set(map(len, examples)) == set(range(at_least, at_most + 1))


def test_only_existing_values_are_drawn_of_one_task_and_of_several() -> None:
    tasks = cluster(12)
    examples = drawn(filters(tasks=tasks, existing=True), seeds=range(4))
    assert {item.value_class for asked in examples for item in asked} == {MATCHING}
    assert {lists(asked, tasks) for asked in examples} == {True, False}


@pytest.mark.parametrize("classes", [["unknown"], ["other case", "empty"], ["mutated"], ["prefix"], ["null"]])
def test_only_values_of_some_classes_are_drawn_beside_existing_ones(classes: list[str]) -> None:
    examples = drawn(filters(tasks=cluster(12), classes=classes), seeds=range(4))
    found = [{item.value_class for item in asked} for asked in examples]
    # a mutation may make nothing new
    assert all(each - {MATCHING, UNKNOWN} <= set(classes) for each in found)
    assert all(each & {*classes, UNKNOWN} for each in found)
    assert set().union(*found) >= set(classes)


def test_matching_among_the_classes_draws_existing_values_too() -> None:
    examples = drawn(filters(tasks=cluster(12), classes=[MATCHING, "empty"], at_least=1), seeds=range(4))
    only = [{item.value_class for item in asked} == {MATCHING} for asked in examples]
    assert 0.5 < sum(only) / len(only) < 1


def test_a_weight_says_how_often_a_combination_is_drawn() -> None:
    weights = {"task_id": 60, "type": 0, "": 0}
    examples = drawn(filters(tasks=cluster(12), weights=weights), seeds=range(6))
    asked = Counter("+".join(item.name for item in each) for each in examples)
    assert asked["type"] == asked[""] == 0
    assert asked["task_id"] > sum(asked.values()) / 2


@pytest.mark.parametrize(
    ("wanted", "told"),
    [
        ({"at_least": 4}, "at_least=4, at_most=3: no combination of the 3 filters is such"),
        ({"at_least": 2, "at_most": 1}, "at_least=2, at_most=1: no combination"),
        ({"classes": ["unknwon"]}, "classes: there is no class 'unknwon'; did you mean unknown?"),
        ({"classes": "unknown"}, "classes='unknown': expected a list of classes, such as ['unknown']"),
        ({"classes": []}, "classes=[]: no combination"),
        ({"classes": ["underscores"], "weights": {"type": 0}, "at_most": 1}, "no combination of the 3 filters is such"),
        ({"classes": ["unknown"], "existing": True}, "existing=True draws existing values only"),
        ({"weights": {"typ": 1}}, "weights: there is no combination 'typ'; did you mean type?"),
        ({"weights": {"type": -1}}, "weights: 'type' is -1: expected a number from 0 to 1000"),
    ],
)
def test_what_cannot_be_drawn_is_one_clear_line(wanted: dict[str, Any], told: str) -> None:
    with pytest.raises(ConfigurationError) as raised:
        filters(tasks=cluster(3), **wanted)
    assert told in str(raised.value)
    assert "\n" not in str(raised.value)


def test_a_failure_shrinks_to_the_fewest_filters_and_to_existing_values() -> None:
    tasks = cluster(12)
    static = next(each for each in tasks if each[Filter.TYPE] == TaskType.STATIC)
    asked = find(filters(tasks=tasks), lambda each: any(item.name is Filter.TASK_ID for item in each))
    assert asked == (FilterValue(Filter.TASK_ID, static[Filter.TASK_ID], MATCHING),)
    asked = find(filters(tasks=tasks, classes=["other case"]), lambda each: len(each) > 1)
    assert (len(asked), [item.value_class for item in asked].count("other case")) == (2, 1)


def test_a_recorded_combination_is_drawn_if_it_is_wanted() -> None:
    existing = FilterValue(Filter.TYPE, "addonStatic", MATCHING)
    odd = FilterValue(Filter.TASK_ID, "x", UNKNOWN)
    assert [Wanted.of(existing=True).takes(each) for each in ((), (existing,), (odd,))] == [True, True, False]
    assert [Wanted.of(classes=[UNKNOWN]).takes(each) for each in ((), (existing,), (odd,))] == [False, False, True]
    assert [Wanted.of(at_most=1, weights={"type": 0}).takes(each) for each in ((existing,), (odd,))] == [False, True]
