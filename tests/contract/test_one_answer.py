"""Each rule on the content of one answer: a fault that it alone catches, and silence on what is conforming or open."""

from __future__ import annotations

import json
from collections.abc import Callable
from typing import Any

import pytest

from pytest_cce_precheck.contract.check import check
from pytest_cce_precheck.contract.rules import Kind
from tests.contract.answers import Document, answered, codes, created, creation, example, listing, risk, task

Change = Callable[[Document], Any]


def at(number: int, *steps: Any) -> Callable[[Document], Any]:
    """Reach into the task of that number."""

    def reach(document: Document) -> Any:
        found: Any = document["items"][number]
        for step in steps:
            found = found[step]
        return found

    return reach


INIT, RUNNING, FAILED, SUCCESS = range(4)
LATER = "2026-11-24T18:00:00Z"
WRONG: list[tuple[str, str, Change]] = [
    ("PRE201", "no kind", lambda d: d.pop("kind")),
    ("PRE201", "no items", lambda d: d.pop("items")),
    ("PRE201", "no type in one task", lambda d: at(SUCCESS, "metadata")(d).pop("type")),
    ("PRE201", "no message in a finished task", lambda d: at(FAILED, "status")(d).pop("message")),
    ("PRE201", "no level in one risk", lambda d: at(FAILED, "status", "riskList", 0)(d).pop("level")),
    ("PRE202", "items is null", lambda d: d.update(items=None)),
    ("PRE202", "spec is null", lambda d: at(INIT)(d).update(spec=None)),
    ("PRE202", "count is a text", lambda d: d["pageInfo"].update(currentCount="8")),
    ("PRE203", "another kind", lambda d: d.update(kind="addoncheck")),
    ("PRE203", "another level", lambda d: at(FAILED, "status", "riskList", 0)(d).update(level="Error")),
    ("PRE204", "a blank for T", lambda d: at(INIT, "metadata")(d).update(createTimeStamp="2026-11-22 18:00:00+08:00")),
    ("PRE204", "no offset", lambda d: at(INIT, "metadata")(d).update(createTimeStamp="2026-11-22T18:00:00")),
    (
        "PRE204",
        "ten digits",
        lambda d: at(INIT, "metadata")(d).update(createTimeStamp="2026-11-22T18:00:00.0123456789Z"),
    ),
    ("PRE205", "a float", lambda d: d["pageInfo"].update(currentCount=8.0)),
    ("PRE206", "an empty template", lambda d: at(INIT, "metadata")(d).update(addonTemplateName="")),
    ("PRE211", "createTimestamp", lambda d: _renamed(at(INIT, "metadata")(d), "createTimeStamp", "createTimestamp")),
    ("PRE212", "riskList outside", lambda d: at(INIT)(d).update(riskList=at(INIT, "status")(d).pop("riskList"))),
    ("PRE213", "Init without message", lambda d: at(INIT, "status")(d).pop("message")),
    (
        "PRE301",
        "Running with an expiry",
        lambda d: at(RUNNING, "metadata")(d).update(expireTimeStamp="2026-11-25T00:00:00Z"),
    ),
    ("PRE302", "Failed without expiry", lambda d: at(FAILED, "metadata")(d).pop("expireTimeStamp")),
    (
        "PRE303",
        "expired before",
        lambda d: at(FAILED, "metadata")(d).update(expireTimeStamp="2026-11-22T18:00:00.123456788+08:00"),
    ),
    (
        "PRE303",
        "expired when it was created",
        lambda d: at(FAILED, "metadata")(d).update(expireTimeStamp=at(FAILED, "metadata")(d)["createTimeStamp"]),
    ),
    ("PRE304", "one id twice", lambda d: at(INIT, "metadata")(d).update(taskID=at(RUNNING, "metadata", "taskID")(d))),
    ("PRE305", "Failed, all Success", lambda d: at(FAILED, "status")(d).update(riskList=[risk("Success")])),
    ("PRE306", "Success, one Failed", lambda d: at(SUCCESS, "status")(d).update(riskList=[risk(), risk("Failed")])),
    ("PRE306", "Success, one Running", lambda d: at(SUCCESS, "status")(d).update(riskList=[risk("Running")])),
    ("PRE307", "Init, one Failed", lambda d: at(INIT, "status")(d).update(riskList=[risk("Init"), risk("Failed")])),
    (
        "PRE308",
        "made an hour and a second after the answer",
        lambda d: at(INIT, "metadata")(d).update(createTimeStamp="2026-11-23T11:00:01Z"),
    ),
    ("PRE308", "made tomorrow", lambda d: at(INIT, "metadata")(d).update(createTimeStamp="2026-11-24T18:00:00Z")),
    ("PRE309", "one too many counted", lambda d: d["pageInfo"].update(currentCount=9)),
    (
        "PRE311",
        "Failed, one Running",
        lambda d: at(FAILED, "status")(d).update(riskList=[risk("Failed"), risk("Running")]),
    ),
]


def _renamed(holder: Document, old: str, new: str) -> None:
    holder[new] = holder.pop(old)


def test_a_conforming_answer_raises_nothing() -> None:
    assert check(answered(listing())) == []


@pytest.mark.parametrize(("code", "what", "change"), WRONG, ids=[f"{code} {what}" for code, what, _ in WRONG])
def test_a_single_fault_in_a_list_is_caught_by_its_rule_alone(code: str, what: str, change: Change) -> None:
    document = listing()
    change(document)
    assert codes(answered(document)) == [code]


def test_an_object_for_items_is_a_deviation_and_its_task_is_judged_all_the_same() -> None:
    document = {**listing([task()]), "items": task()}
    assert codes(answered(document)) == ["PRE210"]
    document["items"]["metadata"]["taskID"] = ""
    assert codes(answered(document)) == ["PRE210", "PRE206"]


OPEN: list[tuple[str, Change]] = [
    (
        "unknown fields",
        lambda d: (d.update(extra=1), at(INIT)(d).update(extra={}), at(INIT, "metadata")(d).update(x=None)),
    ),
    ("no spec", lambda d: at(INIT)(d).pop("spec")),
    ("no instance", lambda d: [at(INIT, "metadata")(d).pop(name) for name in ("addonInstanceID", "addonInstanceName")]),
    ("no risks", lambda d: at(FAILED, "status")(d).pop("riskList")),
    ("an empty list of risks", lambda d: at(FAILED, "status")(d).update(riskList=[])),
    ("risks without message", lambda d: at(FAILED, "status", "riskList", 0)(d).pop("message")),
    ("an empty message", lambda d: at(INIT, "status")(d).update(message="")),
    ("UTC", lambda d: at(INIT, "metadata")(d).update(createTimeStamp="2026-11-22T10:00:00Z")),
    ("an expiry that has passed", lambda d: at(FAILED, "metadata")(d).update(expireTimeStamp="2026-11-23T01:00:00Z")),
    ("made an hour after the answer", lambda d: at(INIT, "metadata")(d).update(createTimeStamp="2026-11-23T11:00:00Z")),
    (
        "an expiry one nanosecond after the creation",
        lambda d: at(FAILED, "metadata")(d).update(
            createTimeStamp="2026-11-22T10:00:00.000000001Z", expireTimeStamp="2026-11-22T18:00:00.000000002+08:00"
        ),
    ),
    ("Running with finished risks", lambda d: at(RUNNING, "status")(d).update(riskList=[risk(), risk("Failed")])),
    ("no task", lambda d: (d.update(items=[]), d["pageInfo"].update(currentCount=0))),
]


@pytest.mark.parametrize(("what", "change"), OPEN, ids=[what for what, _ in OPEN])
def test_what_the_contract_allows_or_leaves_open_raises_nothing(what: str, change: Change) -> None:
    document = listing()
    change(document)
    assert codes(answered(document)) == []


def test_under_a_filter_the_count_may_be_that_of_the_cluster_but_not_less_than_is_listed() -> None:
    assert codes(answered(listing([task()], count=12), query="type=addonStatic")) == []
    assert codes(answered(listing([task(1), task(2)], count=1), query="type=addonStatic")) == ["PRE309"]


def test_unknown_fields_are_an_observation() -> None:
    found = check(answered({**listing(), "extra": 1}))
    assert [(each.code, each.kind) for each in found] == [("PRE290", Kind.OBSERVATION)]


def test_the_vendors_list_example_follows_exactly_four_contradicting_documents() -> None:
    found = check(answered(example("list"), headers=()))
    names = {each.rule.name for each in found}
    assert names == {"items-object", "create-timestamp-spelling", "risk-list-beside-status", "final-without-expiry"}
    assert all("D's" in dict(each.evidence)["documents"] for each in found)


def test_the_vendors_create_example_lacks_the_message_and_gets_another_type_than_its_page_asks_for() -> None:
    document = json.loads(example("create"))
    assert [each.rule.name for each in check(created(document))] == ["status-without-message"]
    asked = {name: document[name] for name in ("kind", "apiVersion", "spec")}
    asked = json.loads(json.dumps(asked).replace("addonUpgrade", "addonStatic"))
    names = [each.rule.name for each in check(created(document, asked))]
    assert names == ["status-without-message", "create-type-mismatch"]


CREATED: list[tuple[str, str, Change]] = [
    ("PRE214", "another call's shape", lambda d: d.update(status={"phase": "Running", "itemsStatus": []})),
    ("PRE320", "values lost", lambda d: d["spec"]["addonList"][0].pop("values")),
    ("PRE321", "Running already", lambda d: d["status"]["items"][0]["status"].update(status="Running")),
    (
        "PRE321",
        "a risk with no text as message",
        lambda d: d["status"]["items"][0]["status"]["riskList"][0].update(message=""),
    ),
    ("PRE321", "a risk with message", lambda d: d["status"]["items"][0]["status"]["riskList"][0].update(message="ok")),
    ("PRE322", "one task less", lambda d: d["status"]["items"].pop()),
    ("PRE322", "another instance", lambda d: d["status"]["items"][0]["metadata"].update(addonInstanceID="i-9")),
    ("PRE322", "another version", lambda d: d["status"]["items"][1]["spec"].update(addonTargetVersion="3.0")),
    ("PRE323", "another type", lambda d: d["status"]["items"][0]["metadata"].update(type="addonUpgrade")),
    ("PRE201", "no items", lambda d: d["status"].pop("items")),
]


def test_a_conforming_create_answer_raises_nothing() -> None:
    asked, document = creation()
    assert check(created(document, asked)) == []


@pytest.mark.parametrize(("code", "what", "change"), CREATED, ids=[f"{code} {what}" for code, what, _ in CREATED])
def test_a_single_fault_in_a_create_answer_is_caught_by_its_rule_alone(code: str, what: str, change: Change) -> None:
    asked, document = creation()
    change(document)
    assert codes(created(document, asked)) == [code]


def test_types_that_are_swapped_between_two_created_tasks_are_a_mismatch() -> None:
    asked, document = creation()
    for item, kind in zip(document["status"]["items"], ("addonUpgrade", "addonStatic"), strict=True):
        item["metadata"]["type"] = kind
    assert codes(created(document, asked)) == ["PRE323"]


def test_a_single_answer_shows_a_filter_that_is_unsound() -> None:
    both, static = listing(), listing([task(1), task(2)])
    assert codes(answered(both, query="type=addonStatic")) == ["PRE401"]
    assert codes(answered(static, query="type=addonStatic")) == []
    assert codes(answered(static, query="type=addonUnknown")) == ["PRE406"]
    for open_question in ("type=", "type=addonStatic&type=addonUpgrade", "TYPE=addonStatic", "limit=1"):
        assert codes(answered(both, query=open_question)) == []


@pytest.mark.parametrize(
    ("change", "code", "path"),
    [
        (lambda d: at(FAILED, "status")(d).update(riskList=[risk("Success")]), "PRE305", "$.items[2].status.riskList"),
        (
            lambda d: at(INIT, "metadata")(d).update(createTimeStamp="2026-11-24T18:00:00Z"),
            "PRE308",
            "$.items[0].metadata.createTimeStamp",
        ),
        (lambda d: d["pageInfo"].update(currentCount=9), "PRE309", "$.pageInfo.currentCount"),
    ],
)
def test_a_finding_names_its_place(change: Change, code: str, path: str) -> None:
    document = listing()
    change(document)
    [finding] = check(answered(document))
    assert (finding.code, finding.path) == (code, path)


def test_a_creation_to_come_is_told_with_its_time() -> None:
    [finding] = check(answered(listing([{**task(), "metadata": {**task()["metadata"], "createTimeStamp": LATER}}])))[:1]
    assert f"was created {LATER}, and the answer's Date is earlier by more than an hour" in finding.message


def test_a_spec_that_differs_is_told_with_the_fields_that_do() -> None:
    asked, document = creation()
    document["spec"]["clusterID"] = "other"
    document["spec"]["addonList"] = []
    [finding] = [each for each in check(created(document, asked)) if each.code == "PRE320"]
    assert finding.message == "the answer's spec differs from the request's in addonList, clusterID"
    assert finding.path == "$.spec.addonList"


def test_a_type_that_is_dropped_is_no_type_that_differs() -> None:
    asked, document = creation()
    del document["spec"]["addonList"][0]["type"]
    found = [each.message for each in check(created(document, asked)) if each.code == "PRE320"]
    assert found == ["the answer's spec differs from the request's in addonList"]
