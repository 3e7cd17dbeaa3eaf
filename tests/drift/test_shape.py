"""The shape of answers: what is kept of them, and how a change from one shape to another is graded."""

from __future__ import annotations

import json
import random
from typing import Any

import pytest

from pytest_cce_precheck import InProcessTransport, PrecheckClient, Simulator
from pytest_cce_precheck.drift.shape import Shape, changes, changes_between, shape_of, shapes_of
from pytest_cce_precheck.wire.exchange import Exchange, Request, Response
from tests.contract.answers import ENDPOINT, answered, created, creation, example, listing, task
from tests.contract.documents import METADATA, RISK, STATUS, drop, put

TASK = "$.items[*]"


def listed(*documents: Any, about: str = "list 200") -> Shape:
    return shape_of(documents, about)


def told(old: Any, new: Any, about: str = "list 200") -> list[tuple[str, str, str]]:
    """Return grade, path and fact of every change from one document to another."""
    return [(each.grade, each.path, each.what) for each in changes(listed(old, about=about), listed(new, about=about))]


# ---- what is kept


def test_a_shape_says_how_often_a_field_is_there_and_what_it_holds() -> None:
    shape = listed(listing())
    expiry, state = shape.paths[f"{TASK}.metadata.expireTimeStamp"], shape.paths[f"{TASK}.status.status"]
    assert shape.presence(f"{TASK}.metadata.expireTimeStamp", f"{TASK}.metadata") == (4, 8)
    assert shape.presence(f"{TASK}.metadata.owner", f"{TASK}.metadata") == (0, 8)
    assert (expiry.types, expiry.digits) == ({"string"}, {0})
    assert state.words == {"Failed", "Init", "Running", "Success"}
    assert shape.paths[f"{TASK}.metadata.createTimeStamp"].digits == {9}
    assert shape.paths["$.pageInfo.currentCount"].types == {"integer"}


def test_null_and_the_emptiness_of_arrays_are_kept() -> None:
    shape = listed(listing([]), put(listing([task()]), "items", 0, "spec", None))
    assert shape.paths["$.items"].lengths == {"empty", "filled"}
    assert shape.paths[f"{TASK}.spec"].types == {"null"}


def test_what_has_many_values_has_no_new_one() -> None:
    def of(count: int) -> Any:
        return {"items": [{"type": f"type-{number}", "taskID": f"{number}"} for number in range(count)]}

    assert [what for *_, what in told(of(30), of(32))] == ["a new value"] * 2
    assert told(of(32), of(33)) == told(of(40), of(80)) == []


@pytest.mark.parametrize("seed", range(3))
def test_the_order_of_the_answers_does_not_matter(seed: int) -> None:
    documents = [listing([task(number, state) for state in ("Init", "Failed")]) for number in range(5)] + [listing([])]
    shuffled = random.Random(seed).sample(documents, len(documents))
    assert listed(*shuffled) == listed(*documents)


# ---- what changed

OWNER = (*METADATA, "owner")


@pytest.mark.parametrize(
    ("new", "change"),
    [
        (drop(listing(), "pageInfo"), ("error", "$.pageInfo", "a required field is gone")),
        (
            drop(listing(), *STATUS, "message"),
            ("error", f"{TASK}.status.message", "a required field is missing at times"),
        ),
        (put(listing(), "pageInfo", "currentCount", "8"), ("error", "$.pageInfo.currentCount", "its type has changed")),
        (put(listing(), "pageInfo", "currentCount", 8.0), ("error", "$.pageInfo.currentCount", "its type has changed")),
        (put(listing(), "items", 0, "spec", None), ("error", f"{TASK}.spec", "its type has changed")),
        (put(listing(), *STATUS, "status", "Skipped"), ("warning", f"{TASK}.status.status", "a new value")),
        (put(listing(), *RISK, "level", "Info"), ("warning", f"{TASK}.status.riskList[*].level", "a new value")),
        (drop(listing(), "items", 0, "spec"), ("warning", f"{TASK}.spec", "it is present more or less often")),
        (
            put(listing(), *METADATA, "createTimeStamp", "2026-11-22T18:00:00.123+08:00"),
            ("warning", f"{TASK}.metadata.createTimeStamp", "the fractional digits of its timestamps have changed"),
        ),
        (put(listing(), *OWNER, "x"), ("note", f"{TASK}.metadata.owner", "a new undocumented field")),
    ],
    ids=lambda value: value[2] if isinstance(value, tuple) else "",
)
def test_a_change_is_graded_by_what_it_means_to_a_client(new: Any, change: tuple[str, str, str]) -> None:
    assert told(listing(), new) == [change]


def test_the_way_back_is_graded_too() -> None:
    without = listing([task(1), task(2)])
    for each in without["items"]:
        del each["spec"]
    assert told(listing([task(1)]), without) == [("warning", f"{TASK}.spec", "a field is gone")]
    assert told(without, listing([task(1)])) == [("note", f"{TASK}.spec", "a documented field that was not there")]
    both = put(listing(), *OWNER, "x")
    assert told(both, listing()) == [("warning", f"{TASK}.metadata.owner", "a field is gone")]
    nothing = put(listing(), "items", 0, "spec", None)
    assert told(nothing, listing()) == [("note", f"{TASK}.spec", "a type is no longer seen")]


def test_a_value_that_is_seen_no_longer_is_a_note() -> None:
    old = listing([task(1, "Failed"), task(2, "Success")])
    new = listing([task(1, "Failed"), task(2, "Failed")])
    assert {change for change in told(old, new) if change[1].endswith("status.status")} == {
        ("note", f"{TASK}.status.status", "a value is no longer seen"),
    }


def test_a_field_of_no_document_that_changes_its_type_is_a_warning() -> None:
    change = ("warning", f"{TASK}.metadata.owner", "its type has changed")
    assert told(put(listing(), *OWNER, "x"), put(listing(), *OWNER, 1)) == [change]


def test_of_what_was_not_there_to_be_seen_nothing_is_told() -> None:
    assert told(listing(), listing([])) == [("note", "$.items", "whether the array is empty has changed")]
    assert told(listing([]), listing()) == [("note", "$.items", "whether the array is empty has changed")]


def test_of_a_new_field_what_is_in_it_is_not_told_too() -> None:
    new = put(listing(), *OWNER, {"name": "x", "teams": [{"id": 1}]})
    assert told(listing(), new) == [("note", f"{TASK}.metadata.owner", "a new undocumented field")]
    assert told(listing([]), new)[1:] == [("note", f"{TASK}.metadata.owner", "a new undocumented field")]


def test_a_timestamp_that_lost_zeros_at_its_end_is_no_change() -> None:
    def stamped(text: str) -> Any:
        return put(listing(), *METADATA, "createTimeStamp", text)

    assert told(listing(), stamped("2026-11-22T18:00:00.1234567+08:00")) == []


def test_the_settings_of_an_add_on_are_nobodys_shape() -> None:
    asked, answer = creation()
    other = {
        **answer,
        "spec": {**answer["spec"], "addonList": [{**asked["spec"]["addonList"][0], "values": {"b": [1]}}]},
    }
    assert told(answer, other, "create 201") == []


def test_changes_come_in_one_order() -> None:
    new = put(put(drop(listing(), "kind"), *OWNER, "x"), *STATUS, "status", "Skipped")
    found = changes(listed(listing()), listed(new))
    assert found == changes(listed(listing()), listed(new))
    assert [change.path for change in found] == sorted(change.path for change in found)


def test_a_change_names_the_answers_that_it_is_about_and_says_both_sides_in_words() -> None:
    [change] = changes(listed(listing(), about="list 200"), listed(drop(listing(), *STATUS, "message")))
    assert change.to_dict() == {
        "grade": "error",
        "about": "list 200",
        "path": f"{TASK}.status.message",
        "what": "a required field is missing at times",
        "old": "always (8 of 8)",
        "new": "sometimes (7 of 8)",
    }


def test_the_vendors_example_is_another_shape_than_its_tables() -> None:
    graded = {(grade, path) for grade, path, _ in told(listing(), json.loads(example("list")))}
    assert ("error", "$.items") in graded


# ---- kinds of answers


def test_answers_are_shaped_by_call_status_and_envelope() -> None:
    asked, answer = creation()
    refused = {"errorCode": "CCE.01401001", "errorMessage": "Authorization failed."}
    exchanges = [
        answered(listing()),
        answered(listing([])),
        created(answer, asked),
        answered(refused, status=401),
        answered({"error_code": "APIG.0301", "error_msg": "no", "request_id": "r"}, status=401),
        answered(refused),
        answered(["nothing"], status=500),
    ]
    shapes = shapes_of(exchanges)
    assert list(shapes) == [
        *("create 201", "list 200", "list 200 (CCE)", "list 401 (CCE)", "list 401 (gateway)", "list 500"),
    ]
    assert shapes["list 200"].documents == 2


def test_what_has_no_json_and_what_is_no_call_has_no_shape() -> None:
    deleted = Exchange(Request("DELETE", ENDPOINT, "/x"), Response(405, body=b'{"errorCode": "x"}'))
    assert shapes_of([answered(b"<html>"), answered(b""), deleted]) == {}


def test_a_kind_of_answer_that_only_one_side_has_is_a_note() -> None:
    refused = answered({"errorCode": "CCE.01401001", "errorMessage": "no"}, status=401)
    old, new = shapes_of([answered(listing())]), shapes_of([answered(listing()), refused, refused])
    [came], [went] = changes_between(old, new), changes_between(new, old)
    assert (came.grade, came.about, came.old, came.new) == ("note", "list 401 (CCE)", "none", "2 answers")
    assert (went.grade, went.about, went.old, went.new) == ("note", "list 401 (CCE)", "2 answers", "none")


def test_an_error_that_loses_a_field_of_its_envelope_is_an_error() -> None:
    whole = {"errorCode": "CCE.01401001", "errorMessage": "no"}
    old, new = shapes_of([answered(whole, status=401)]), shapes_of([answered({"errorCode": "x"}, status=401)])
    assert [(each.grade, each.path) for each in changes_between(old, new)] == [("error", "$.errorMessage")]


def simulated(**options: Any) -> dict[str, Shape]:
    service = Simulator(**options)
    client = PrecheckClient(
        InProcessTransport(service),
        endpoint=service.endpoint,
        project_id=service.project_id,
        cluster_id=service.cluster_id,
        credentials=service.credentials,
    )
    return shapes_of([client.list_tasks(), client.list_tasks(type="addonStatic"), client.list_tasks(type="none")])


@pytest.mark.parametrize(
    ("variation", "grades"),
    [
        ("items-shuffled", set()),
        ("body-spaced", set()),
        ("unknown-fields", {"note"}),
        ("timestamps-without-fraction", {"warning"}),
        ("optional-fields-absent", {"warning"}),
        ("gateway-errors", {"note"}),
        ("no-tasks", {"note"}),
    ],
)
def test_what_the_contract_leaves_open_is_never_an_error(variation: str, grades: set[str]) -> None:
    found = changes_between(simulated(), simulated(variations=[variation]))
    assert {change.grade for change in found} == grades


@pytest.mark.parametrize("fault", ["page-info-missing", "count-as-text"])
def test_what_breaks_the_contract_in_its_shape_is_an_error(fault: str) -> None:
    assert "error" in {change.grade for change in changes_between(simulated(), simulated(faults=[fault]))}


@pytest.mark.parametrize("name", ["kind", "apiVersion", "type", "status", "level", "state", "phase", "severity"])
def test_the_words_of_a_field_that_holds_one_of_few_are_kept(name: str) -> None:
    assert listed({name: "b"}, {name: "a"}).paths[f"$.{name}"].words == {"a", "b"}
    assert listed({f"{name}s": "b"}).paths[f"$.{name}s"].words == set()


def test_an_answer_that_is_no_json_does_not_hide_those_after_it() -> None:
    shapes = shapes_of([answered(b"<html>"), answered(listing())])
    assert shapes["list 200"].documents == 1


def test_a_change_of_the_whole_is_told_at_the_root_and_in_both_words() -> None:
    shape = listed(listing())
    [gone] = changes_between({"list 200": shape}, {})
    assert (gone.path, gone.new) == ("$", "none")
    [come] = changes_between({}, {"list 200": shape})
    assert (come.path, come.old, come.new) == ("$", "none", gone.old)
    [change] = changes(listed({"kind": "a"}), listed({"kind": 1}))[:1]
    assert (change.what, change.old, change.new) == ("its type has changed", "string", "integer")
