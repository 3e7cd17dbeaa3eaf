"""What the rules see of a task: everything documented counts, unknown fields do not, wrong types read as nothing."""

from __future__ import annotations

from typing import Any

import pytest

from pytest_cce_precheck.contract.answer import Answer, AnsweredTask
from pytest_cce_precheck.contract.invariants import verdict_follows_risks
from tests.contract.answers import answered, created, creation, listing, risk, task
from tests.contract.documents import drop, put

TASK = task(1, "Failed")
ID = TASK["metadata"]["taskID"]


@pytest.mark.parametrize(
    ("place", "value", "said"),
    [
        (("metadata", "type"), "addonUpgrade", 'type: "addonUpgrade" / "addonStatic"'),
        (("metadata", "taskID"), "t-2", f'taskID: "t-2" / "{ID}"'),
        (("metadata", "addonTemplateName"), "everest", 'addonTemplateName: "everest" / "coredns"'),
        (("metadata", "addonInstanceName"), "检查", 'addonInstanceName: "检查" / "cceaddon-coredns-1"'),
        (
            ("metadata", "addonInstanceID"),
            None,
            'addonInstanceID: null / "1a1b2c3d-0000-4000-9000-000000000001"',
        ),
        (
            ("metadata", "createTimeStamp"),
            "2026-11-22T10:00:00Z",
            'createTimeStamp: "2026-11-22T10:00:00Z" / "2026-11-22T18:00:00.123456789+08:00"',
        ),
        (("metadata", "expireTimeStamp"), 1, 'expireTimeStamp: 1 / "2026-11-25T18:00:00+08:00"'),
        (("spec", "addonTargetVersion"), "2.0", 'addonTargetVersion: "2.0" / "1.2.3"'),
        (("status", "status"), "Init", 'status: "Init" / "Failed"'),
        (("status", "message"), "", 'message: "" / "Addon task check finish"'),
    ],
)
def test_each_documented_field_is_part_of_the_content_and_a_difference_names_it(
    place: tuple[str, str], value: Any, said: str
) -> None:
    other = AnsweredTask("$", put(TASK, *place, value))
    assert other.content != AnsweredTask("$", TASK).content
    assert list(other.differences(AnsweredTask("$", TASK))) == [said]


@pytest.mark.parametrize("field", ["riskName", "level", "status", "message"])
def test_each_documented_field_of_a_risk_is_part_of_the_content(field: str) -> None:
    other = AnsweredTask("$", put(TASK, "status", "riskList", 0, field, "other"))
    [said] = other.differences(AnsweredTask("$", TASK))
    assert said.startswith("risks: ")


def test_unknown_fields_and_the_order_of_the_risks_are_no_part_of_the_content() -> None:
    risks = TASK["status"]["riskList"]
    other = put(put(TASK, "metadata", "owner", "me"), "status", "riskList", [{**risks[1], "x": 1}, risks[0]])
    assert AnsweredTask("$", other).content == AnsweredTask("$", TASK).content


@pytest.mark.parametrize("value", [None, [], "x", 1])
def test_what_is_no_object_reads_as_an_empty_one(value: Any) -> None:
    bare = AnsweredTask("$", {"metadata": value, "spec": value, "status": value})
    assert (bare.id, bare.state, bare.created, bare.expires, bare.risks) == (None, None, None, None, [])
    assert bare.content == AnsweredTask("$", {}).content


def test_a_risk_is_known_by_its_name_if_it_has_one() -> None:
    risks = [risk("Failed", name="AddonStatus"), {"status": "Failed"}]
    document = listing([put(task(1, "Success"), "status", "riskList", risks)])
    found = verdict_follows_risks(Answer(answered(document), "list", document))
    told = [finding.message.partition("its risk ")[2] for finding in found]
    assert told == ["AddonStatus is Failed", "? is Failed"]


def test_tasks_and_risks_know_where_they_stand_and_what_is_no_object_is_left_out() -> None:
    document = put(listing([task(1), task(2)]), "items", 0, None)
    document = put(document, "items", 1, "status", "riskList", 0, "no risk")
    [second] = Answer(answered(document), "list", document).tasks
    assert second.path == "$.items[1]"
    assert second.risks == document["items"][1]["status"]["riskList"][1:]
    asked, made = creation()
    paths = [each.path for each in Answer(created(made, asked), "create", made).tasks]
    assert paths == ["$.status.items[0]", "$.status.items[1]"]


def test_a_list_can_be_compared_with_others_if_each_of_its_entries_has_an_id() -> None:
    def comparable(document: Any) -> bool:
        return Answer(answered(document), "list", document).comparable

    assert comparable(listing())
    assert comparable(listing([]))
    for odd in (
        drop(listing(), "items"),
        {**listing(), "items": task()},
        put(listing(), "items", 0, None),
        drop(listing(), "items", 3, "metadata", "taskID"),
        put(listing(), "items", 3, "metadata", "taskID", ""),
    ):
        assert not comparable(odd)
    asked, made = creation()
    assert not Answer(created(made, asked), "create", {**made, "items": made["status"]["items"]}).comparable


def test_of_an_id_that_stands_twice_the_first_task_counts() -> None:
    document = listing([task(1), task(1, "Init"), task(2)])
    tasks = Answer(answered(document), "list", document).by_id
    assert [str(each.state) for each in tasks.values()] == ["Success", "Success"]


@pytest.mark.parametrize(("count", "read"), [(0, 0), (8, 8), (True, None), ("8", None), (8.0, None), (None, None)])
def test_a_count_is_a_number_or_none(count: Any, read: int | None) -> None:
    document = put(listing(), "pageInfo", "currentCount", count)
    assert Answer(answered(document), "list", document).count == read


def test_of_two_lists_only_tasks_that_are_the_same_in_the_same_place_are_held_once() -> None:
    def read(document: Any) -> Answer:
        return Answer(answered(document), "list", document)

    tasks = [task(1), put(task(2), "metadata", "x", 1), task(3), task(4)]
    changed = [task(1), put(task(2), "metadata", "x", 2), put(task(3), "status", "message", "now"), task(5), task(4)]
    earlier, later = read(listing(tasks)), read(listing(changed))
    later.share_tasks(earlier)
    assert [new is old for new, old in zip(later.tasks, earlier.tasks, strict=False)] == [True, False, False, False]
    assert [each.raw for each in later.tasks] == later.document["items"] == changed
    assert later.document["items"][0] is earlier.document["items"][0]
    assert [each.path for each in later.tasks] == [f"$.items[{place}]" for place in range(5)]
