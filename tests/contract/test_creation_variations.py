"""Answers to the create call that conform in other ways, and what is wrong with those that do not."""

from __future__ import annotations

import copy
import json
from typing import TYPE_CHECKING, Any

import pytest

from pytest_cce_precheck.contract.check import check, judge
from tests.contract.answers import Document, answer_to, codes, created, creation, example, judge_series, listing, task

if TYPE_CHECKING:
    from collections.abc import Callable

    Change = Callable[[Document, Document], Any]


def items(made: Document) -> list[Document]:
    found: list[Document] = made["status"]["items"]
    return found


def moved(source: Document, name: str, target: Document, new: str) -> None:
    target[new] = source.pop(name)


def same_instance_twice(asked: Document, made: Document) -> None:
    for entry in (*asked["spec"]["addonList"], *made["spec"]["addonList"]):
        entry.update(addonTemplateName="coredns", addonInstanceID="i-1")
    for item in items(made):
        item["metadata"].update(addonTemplateName="coredns", addonInstanceID="i-1")


def without(*names: str) -> Change:
    def change(asked: Document, made: Document) -> None:
        for item in items(made):
            for name in names:
                item["metadata"].pop(name)

    return change


CONFORMING: dict[str, Change] = {
    "the tasks in another order": lambda asked, made: items(made).reverse(),
    "two checks of one instance": same_instance_twice,
    "no instance in the task": without("addonInstanceID", "addonInstanceName"),
    "no spec in the tasks": lambda asked, made: [item.pop("spec") for item in items(made)],
    "no risks yet": lambda asked, made: [item["status"].pop("riskList") for item in items(made)],
    "an empty list of risks": lambda asked, made: [item["status"].update(riskList=[]) for item in items(made)],
    "unknown fields": lambda asked, made: (made.update(extra=1), items(made)[0].update(extra={})),
    "other fields of spec in another order": lambda asked, made: made.update(spec=dict(reversed(made["spec"].items()))),
    "no check asked for": lambda asked, made: [
        asked["spec"].update(addonList=[]), made["spec"].update(addonList=[]), items(made).clear()
    ],
}  # fmt: skip


@pytest.mark.parametrize(
    ("sent", "received"),
    [(1, "1"), (1, True), (True, 1), (0, False), (1.0, True), (1.5, 1), (None, ""), (None, 0), ([], {}), ("", [])],
)
def test_a_value_that_is_of_another_type_in_the_answer_is_not_as_sent(sent: object, received: object) -> None:
    asked, made = creation()
    asked["spec"]["addonList"][0]["values"] = {"a": [{"b": sent}]}
    made["spec"]["addonList"][0]["values"] = {"a": [{"b": received}]}
    assert codes(created(made, asked)) == ["PRE320"]


@pytest.mark.parametrize(("sent", "received"), [(1, 1.0), (1.0, 1), (100, 1e2), (0.10, 0.1)])
def test_one_number_may_be_written_in_two_ways(sent: float, received: float) -> None:
    asked, made = creation()
    asked["spec"]["addonList"][0]["values"] = {"a": sent}
    made["spec"]["addonList"][0]["values"] = {"a": received}
    assert codes(created(made, asked)) == []


@pytest.mark.parametrize("empty", [None, {}])
def test_what_was_left_out_of_an_entry_may_come_back_empty(empty: object) -> None:
    asked, made = creation()
    for document, entry in ((asked, {}), (made, {"values": empty})):
        del document["spec"]["addonList"][0]["values"]
        document["spec"]["addonList"][0].update(entry)
    assert codes(created(made, asked)) == []


@pytest.mark.parametrize("change", CONFORMING.values(), ids=CONFORMING)
def test_a_create_answer_may_be_so(change: Change) -> None:
    asked, made = creation()
    change(asked, made)
    assert codes(created(made, asked)) == []


@pytest.mark.parametrize("change", CONFORMING.values(), ids=CONFORMING)
def test_a_create_answer_whose_request_was_not_kept_is_judged_by_itself(change: Change) -> None:
    asked, made = creation()
    change(asked, made)
    assert codes(created(made)) == []


WRONG: dict[str, tuple[str, Change]] = {
    "an empty cluster": ("PRE320", lambda asked, made: made["spec"].update(clusterID="")),
    "a field of spec left out": ("PRE320", lambda asked, made: made["spec"].pop("clusterID")),
    "a documented field added to spec": (
        "PRE320",
        lambda asked, made: made["spec"]["addonList"][0].update(targetVersion="9"),
    ),
    "a value changed": ("PRE320", lambda asked, made: made["spec"]["addonList"][0]["values"].update(a="1")),
    "the checks swapped in spec": ("PRE320", lambda asked, made: made["spec"]["addonList"].reverse()),
    "a risk that runs": ("PRE321", lambda a, made: items(made)[0]["status"]["riskList"][0].update(status="Running")),
    "a finished task": (
        "PRE321",
        lambda asked, made: items(made)[0]["status"].update(status="Success", riskList=[]),
    ),
    "an expiry": ("PRE301", lambda a, made: items(made)[0]["metadata"].update(expireTimeStamp="2026-11-25T00:00:00Z")),
    "one id for both": (
        "PRE304",
        lambda a, made: items(made)[1]["metadata"].update(taskID=items(made)[0]["metadata"]["taskID"]),
    ),
    "made tomorrow": (
        "PRE308",
        lambda a, made: items(made)[0]["metadata"].update(createTimeStamp="2026-11-24T18:00:00Z"),
    ),
    "a task too many": (
        "PRE322",
        lambda a, made: items(made).append(task(7, "Init") | {"status": {"status": "Init", "message": ""}}),
    ),
    "another template": ("PRE322", lambda a, made: items(made)[0]["metadata"].update(addonTemplateName="npd")),
    "an instance that is the other check's": (
        "PRE322",
        lambda a, made: items(made)[0]["metadata"].update(addonInstanceID="i-2"),
    ),
    "no status": ("PRE201", lambda a, made: made.pop("status")),
    "items an object": ("PRE202", lambda a, made: made["status"].update(items={})),
    "kind": ("PRE203", lambda a, made: made.update(kind="Addon")),
    "createTimestamp": (
        "PRE211",
        lambda a, made: moved(
            items(made)[0]["metadata"], "createTimeStamp", items(made)[0]["metadata"], "createTimestamp"
        ),
    ),
    "risks beside status": (
        "PRE212",
        lambda a, made: moved(items(made)[0]["status"], "riskList", items(made)[0], "riskList"),
    ),
    "no message": ("PRE213", lambda a, made: items(made)[0]["status"].pop("message")),
    "an empty id": ("PRE206", lambda a, made: items(made)[0]["metadata"].update(taskID="")),
}  # fmt: skip


@pytest.mark.parametrize(("expected", "change"), WRONG.values(), ids=WRONG)
def test_a_create_answer_must_not_be_so(expected: str, change: Change) -> None:
    asked, made = creation()
    change(asked, made)
    found = codes(created(made, asked))
    # tasks that cannot be read are fewer than were asked for, too
    follows = {"PRE322"} if expected in ("PRE201", "PRE202") else set()
    assert [code for code in found if code not in follows] == [expected]


def test_the_vendors_create_example_is_found_to_follow_its_documents() -> None:
    found = check(created(json.loads(example("create"))))
    [finding] = [each for each in found if each.severity == "error"]
    assert finding.rule.name == "status-without-message"
    assert dict(finding.evidence)["documents"] == "G: message is required. C's own example, in Init, has none."
    assert finding.path == "$.status.items[0].status.message"


def test_another_calls_status_is_one_deviation_and_not_a_number_of_tasks() -> None:
    asked, made = creation()
    for status in ({"phase": "Running", "itemsStatus": []}, {"phase": ""}, {"itemsStatus": None}):
        assert codes(created({**made, "status": status}, asked)) == ["PRE214"]


def test_what_is_normalised_stays_in_the_answer_as_it_was_sent() -> None:
    asked, made = creation()
    exchange = created({**made, "items": [], "status": {"phase": "Running"}}, asked)
    assert "PRE214" in codes(exchange)
    assert codes(exchange) == codes(exchange)
    assert exchange.document["status"] == {"phase": "Running"}


def test_the_document_that_was_sent_is_not_mended_in_place() -> None:
    document = json.loads(example("list"))
    exchange = created(copy.deepcopy(document))
    judge(exchange)
    assert exchange.document == document


def test_a_created_task_may_be_listed_with_fewer_digits_and_without_optional_fields() -> None:
    asked, made = creation()
    answer, _ = judge(created(made, asked))
    assert answer is not None
    listed = copy.deepcopy(items(made))
    for item in listed:
        item["metadata"]["createTimeStamp"] = "2026-11-22T18:00:00.123+08:00"
        item["status"]["status"] = "Running"
    assert judge_series([answer, answer_to(listing(listed))]) == []
