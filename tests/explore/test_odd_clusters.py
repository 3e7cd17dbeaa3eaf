"""Plans for clusters whose ids are not what one thinks of: what is said not to exist must not."""

from __future__ import annotations

from typing import TYPE_CHECKING
from urllib.parse import parse_qsl

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from pytest_cce_precheck.contract.filters import Bracket, judge_selection
from pytest_cce_precheck.explore.classes import CLASSES, MATCHING, OTHER, UNKNOWN, known_values
from pytest_cce_precheck.explore.plan import covering_plan
from pytest_cce_precheck.explore.strategies import filters, values
from pytest_cce_precheck.wire.exchange import encode_query
from pytest_cce_precheck.wire.vocabulary import Filter
from tests.contract.answers import Document, answer_to, listing, task

if TYPE_CHECKING:
    from collections.abc import Sequence

    from pytest_cce_precheck.contract.answer import AnsweredTask

AMPLE = 10_000
ID_SHAPES = {
    "dense numbers": [str(number) for number in range(40)],
    "padded numbers": [f"task-{number:02d}" for number in range(100)],
    "hexadecimal": [f"{number:02x}" for number in range(128)],
    "letters": ["a", "b", "A", "ab", "zz"],
    "no case": ["42", "43"],
    "blanks": ["a b", " a", "a "],
    "reserved characters": ["a/b?c=d&e", "100%", "a+b", "%41"],
    "Chinese": ["插件", "检查"],
    "words that probes use": ["null", "0", "*", "%", ".*", "all"],
    "one": ["x"],
    "very long": ["y" * 3000, "z" * 3000],
}


def cluster(ids: Sequence[str], instances: Sequence[str | None] = ("i-1", "i-2", None)) -> tuple[AnsweredTask, ...]:
    documents = []
    for number, key in enumerate(ids):
        document = task(number, "Success", ("addonStatic", "addonUpgrade")[number % 2])
        document["metadata"]["taskID"] = key
        instance = instances[number % len(instances)]
        if instance is None:
            del document["metadata"]["addonInstanceID"]
        else:
            document["metadata"]["addonInstanceID"] = instance
        documents.append(document)
    return tuple(answer_to(listing(documents)).tasks)


def test_a_class_is_made_from_the_values_that_it_tells_most_of_and_from_any_that_can_be_respelt_so() -> None:
    tasks = cluster(["a1-b2", "20250805", "c3-d4", "777", "e5-f6"])
    queries = [planned.question for planned in covering_plan(tasks, questions=AMPLE).asked]
    asked = {each.classes[0]: dict(parse_qsl(each.query)) for each in queries if len(each.classes) == 1}
    assert asked[Filter.TASK_ID, "leading zero"]["task_id"][1:].isdecimal()
    # neither has a number hyphens, nor has it another case
    assert asked[Filter.TASK_ID, "without hyphens"]["task_id"] in {"a1b2", "c3d4", "e5f6"}
    assert asked[Filter.TASK_ID, "other case"]["task_id"] in {"A1-B2", "C3-D4", "E5-F6"}


@pytest.mark.parametrize("ids", ID_SHAPES.values(), ids=ID_SHAPES)
@pytest.mark.parametrize("as_instances", [False, True])
def test_a_value_that_is_said_not_to_exist_does_not(ids: list[str], as_instances: bool) -> None:
    tasks = cluster([f"t-{key}" for key in ids], ids) if as_instances else cluster(ids)
    known = known_values(tasks)
    for planned in covering_plan(tasks, questions=AMPLE).asked:
        asked = dict(parse_qsl(planned.question.query, keep_blank_values=True))
        for name, value_class in planned.question.classes:
            if value_class in (MATCHING, OTHER) and asked.get(name):
                assert asked[name] in known[name], planned
            elif value_class in {each.name for each in CLASSES[name]}:
                assert asked[name] not in known[name], planned


@pytest.mark.parametrize("ids", ID_SHAPES.values(), ids=ID_SHAPES)
def test_an_unknown_id_is_asked_for_whatever_the_ids_look_like(ids: list[str]) -> None:
    reached = covering_plan(cluster(ids, ids), questions=AMPLE).classes
    assert {(Filter.TASK_ID, UNKNOWN), (Filter.ADDON_INSTANCE_ID, UNKNOWN)} <= reached


def selects(tasks: Sequence[AnsweredTask], query: str) -> list[Document]:
    """Answer as the simplest service would: each parameter it knows, compared for equality."""
    given = [(name, value) for name, value in parse_qsl(query) if name in set(Filter)]
    return [
        dict(each.raw) for each in tasks if all(each.metadata.get(Filter(name).field) == value for name, value in given)
    ]


@pytest.mark.parametrize("ids", ID_SHAPES.values(), ids=ID_SHAPES)
def test_a_service_that_compares_for_equality_answers_every_planned_question_rightly(ids: list[str]) -> None:
    tasks = cluster(ids, ids[:3])
    all_of_them = answer_to(listing([dict(each.raw) for each in tasks]))
    around = Bracket(all_of_them, all_of_them)
    for planned in covering_plan(tasks, questions=AMPLE).asked:
        answer = answer_to(listing(selects(tasks, planned.question.query)), planned.question.query)
        assert judge_selection(planned.question, answer, around).findings == (), planned


def test_a_task_without_id_or_instance_or_metadata_is_planned_around() -> None:
    documents = [task(1), task(2), task(3), task(4)]
    del documents[0]["metadata"]["taskID"]
    del documents[1]["metadata"]["type"]
    documents[2]["metadata"] = None
    documents[3]["metadata"]["addonInstanceID"] = 7
    tasks = answer_to(listing(documents)).tasks
    assert covering_plan(tasks, questions=AMPLE).asked


@pytest.mark.parametrize("field", ["taskID", "addonInstanceID", "type", "addonTemplateName", "addonInstanceName"])
def test_a_text_that_no_url_can_hold_is_planned_around(field: str) -> None:
    document = task(1)
    document["metadata"][field] = "half a pair \ud800"
    tasks = answer_to(listing([document, task(2)])).tasks
    assert covering_plan(tasks, questions=AMPLE).asked


@settings(max_examples=50)
@given(data=st.data())
def test_drawn_questions_can_be_written_and_are_of_their_class(data: st.DataObject) -> None:
    shape = data.draw(st.sampled_from(sorted(ID_SHAPES)))
    known = known_values(cluster(ID_SHAPES[shape], ID_SHAPES[shape][:3]))
    asked = data.draw(filters(known, at_least=1))
    assert 1 <= len(asked) <= 3
    assert parse_qsl(encode_query((item.name, item.value) for item in asked), keep_blank_values=True) == [
        (str(item.name), item.value) for item in asked
    ]
    for item in asked:
        assert (item.value in known[item.name]) == (item.value_class == MATCHING)


@pytest.mark.parametrize("name", Filter)
@given(data=st.data())
@settings(max_examples=20)
def test_values_are_drawn_even_for_a_cluster_that_shows_none(name: Filter, data: st.DataObject) -> None:
    item = data.draw(values(name, ()))
    assert item.name is name
    assert item.value_class != MATCHING
    encode_query([(item.name, item.value)])


def test_two_thousand_tasks_are_planned_for_with_every_first_tier_question_in_a_small_budget() -> None:
    tasks = cluster([f"{number:08x}" for number in range(2000)], [f"i-{number:03d}" for number in range(300)])
    small = covering_plan(tasks, questions=60)
    assert len(small.asked) == 60
    assert {planned.tier for planned in small.asked} <= {1, 2}
    assert {(name, MATCHING) for name in Filter} | {(name, UNKNOWN) for name in Filter} <= small.classes


def test_the_plan_does_not_depend_on_the_order_of_the_list() -> None:
    tasks = cluster(ID_SHAPES["padded numbers"])
    plans = [covering_plan(each, questions=40, seed=3) for each in (tasks, tuple(reversed(tasks)))]
    first, second = ([question.query for question in plan.family("values")] for plan in plans)
    assert first == second


def test_a_plan_of_no_questions_is_empty() -> None:
    plan = covering_plan(cluster(["a"]), questions=0)
    assert plan.asked == ()
    assert plan.classes == frozenset()
    assert plan.classes_left_out


@pytest.mark.parametrize(("name", "asked"), [("", False), (" ", False), ("coredns-1", True)])
def test_a_name_that_is_empty_is_not_asked_for_as_an_id_since_an_empty_filter_may_select_everything(
    name: str, asked: bool
) -> None:
    document = task(1)
    document["metadata"]["addonInstanceName"] = name
    tasks = tuple(answer_to(listing([document])).tasks)
    classes = {pair for planned in covering_plan(tasks, questions=AMPLE).asked for pair in planned.question.classes}
    assert ((Filter.ADDON_INSTANCE_ID, "the instance's name") in classes) == asked
