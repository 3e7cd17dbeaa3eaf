"""What is lost, coerced, invented or only dropped between a body and an object."""

from __future__ import annotations

from typing import Any

import pytest

from pytest_cce_precheck.sdk.cases import example, find_case, listing, task
from pytest_cce_precheck.sdk.fidelity import compare, documented
from pytest_cce_precheck.sdk.protocol import DriverAnswer
from pytest_cce_precheck.sdk.run import CaseVerdict, judge


def found(sent: Any, held: Any, schema: str = "addon_check_task") -> list[tuple[str, str]]:
    return [(difference.kind, difference.path) for difference in compare(sent, held, schema)]


def test_equal_documents_have_no_differences() -> None:
    assert found(listing(task()), listing(task()), "list_answer") == []


@pytest.mark.parametrize(
    ("sent", "held", "expected"),
    [
        ({"spec": None}, {}, []),
        ({"spec": {}}, {"spec": {}}, []),
        ({"spec": {}}, {}, [("lost", "$.spec")]),
        ({"spec": {"addonTargetVersion": "1"}}, {}, [("lost", "$.spec")]),
        ({"spec": {"addonTargetVersion": "1"}}, {"spec": {}}, [("lost", "$.spec.addonTargetVersion")]),
        ({"status": {"riskList": []}}, {"status": {}}, [("lost", "$.status.riskList")]),
        ({"status": {"riskList": []}}, {"status": {"riskList": []}}, []),
        ({"status": {"riskList": None}}, {"status": {}}, []),
        ({"status": "Failed"}, {"status": {}}, [("lost", "$.status")]),
        ({"status": {"message": None}}, {"status": {"message": ""}}, [("coerced", "$.status.message")]),
        ({"status": {"message": 7}}, {"status": {"message": "7"}}, [("coerced", "$.status.message")]),
        ({"status": {"message": True}}, {"status": {"message": 1}}, [("coerced", "$.status.message")]),
        ({"status": {"message": "a"}}, {"status": {"message": "b"}}, [("coerced", "$.status.message")]),
        ({"status": {"message": "1.0"}}, {"status": {"message": "1"}}, [("coerced", "$.status.message")]),
        ({}, {"status": {}}, [("invented", "$.status")]),
        ({"kind": "AddonCheckTask"}, {}, [("dropped", "$.kind")]),
        ({"metadata": {"createTimestamp": "x"}}, {"metadata": {}}, [("lost", "$.metadata.createTimestamp")]),
        ({"riskList": []}, {}, [("lost", "$.riskList")]),
    ],
)
def test_a_task_is_compared_with_what_was_sent(sent: Any, held: Any, expected: list[tuple[str, str]]) -> None:
    assert found(sent, held) == expected


def test_a_name_that_is_matched_without_regard_to_case_is_not_lost() -> None:
    sent, held = {"metadata": {"createTimestamp": "x"}}, {"metadata": {"createTimeStamp": "x"}}
    assert found(sent, held) == []


def test_a_list_of_one_in_place_of_an_object_is_a_coercion_and_what_is_in_it_is_looked_at() -> None:
    assert found({"items": task()}, {"items": [task()]}, "list_answer") == [("coerced", "$.items")]
    less = {**task(), "spec": {}}
    assert ("lost", "$.items.spec.addonTargetVersion") in found({"items": task()}, {"items": [less]}, "list_answer")


def test_a_map_in_place_of_the_risks_is_lost_in_an_empty_model() -> None:
    sent, held = {"status": {"riskList": {"AddonStatus": {}}}}, {"status": {"riskList": [{}]}}
    assert ("lost", "$.status.riskList.AddonStatus") in found(sent, held)


def test_each_missing_and_each_additional_element_is_a_difference() -> None:
    two, one = listing(task(), task()), {**listing(task(), task()), "items": [task()]}
    assert found(two, one, "list_answer") == [("lost", "$.items[1]")]
    assert found(one, two, "list_answer") == [("invented", "$.items[1]")]


def test_the_same_place_in_many_tasks_is_one_difference() -> None:
    less = task()
    del less["status"]["message"]
    [difference] = compare(listing(*[task()] * 5), listing(*[less] * 5), "list_answer")
    assert (difference.place, difference.count) == ("$.items[*].status.message", 5)
    sent = '"Addon task check finish"'
    assert difference.fact == f"$.items[0].status.message was sent as {sent}, and is gone (and in 4 more places)"


def test_everything_in_a_free_object_is_documented() -> None:
    document = example("create")
    assert documented(document, "create_answer") == document
    assert found(document, {**document, "spec": {}}, "create_answer")[0] == ("lost", "$.spec.clusterID")


def test_everything_in_the_vendors_own_examples_is_documented() -> None:
    assert documented(example("list"), "list_answer") == example("list")


def test_an_undocumented_field_is_not_expected() -> None:
    sent = {**task(), "kind": "AddonCheckTask"}
    assert documented(listing(sent), "list_answer") == listing(task())


def test_fields_that_only_the_vendors_sdks_have_may_be_dropped() -> None:
    case = find_case("create-status-shape-in-create")
    assert case.conforming
    assert case.documented["status"] == {}
    result = judge(case, DriverAnswer(value={**case.document, "status": {}}), ())
    assert (result.verdict, result.findings) == (CaseVerdict.WHOLE, ())
    assert result.dropped == ("$.status.itemsStatus", "$.status.phase")
