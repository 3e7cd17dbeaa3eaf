"""Two recordings are compared and graded as two runs are, but no number is too small to be reported."""

from __future__ import annotations

import random
from typing import TYPE_CHECKING, Any

import pytest

from pytest_cce_precheck import InProcessTransport, PrecheckClient, Simulator
from pytest_cce_precheck.drift.comparison import changes_between
from pytest_cce_precheck.wire.exchange import Exchange, Request, Response
from tests.contract.answers import ENDPOINT, answered, created, creation, listing, task
from tests.contract.documents import METADATA, RISK, STATUS, drop, put

if TYPE_CHECKING:
    from pytest_cce_precheck.drift.comparison import Drift

TASK = "$.items[*]"
OWNER = (*METADATA, "owner")
REFUSED = {"errorCode": "CCE.01401001", "errorMessage": "Authorization failed."}


def between(old: Any, new: Any) -> list[tuple[str, str, str]]:
    """Return grade, path and fact of every change from one listed document to another."""
    return told(changes_between([answered(old)], [answered(new)]))


def told(changes: list[Drift]) -> list[tuple[str, str, str]]:
    return [(each.grade, each.path, each.what) for each in changes]


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
        (put(listing(), *STATUS, "status", "Skipped"), ("warning", f"{TASK}.status.status", "an undocumented value")),
        (
            put(listing(), *RISK, "level", "Info"),
            ("warning", f"{TASK}.status.riskList[*].level", "an undocumented value"),
        ),
        (
            drop(listing([task()]), "items", 0, "spec"),
            ("warning", f"{TASK}.spec", "a field is gone"),
        ),
        (
            put(listing(), *METADATA, "createTimeStamp", "2026-11-22T18:00:00.123+08:00"),
            ("warning", f"{TASK}.metadata.createTimeStamp", "the resolution of its timestamps has changed"),
        ),
        (put(listing(), *OWNER, "x"), ("note", f"{TASK}.metadata.owner", "a new field that was not there")),
    ],
    ids=lambda value: value[2] if isinstance(value, tuple) else "",
)
def test_a_change_is_graded_by_what_it_means_to_a_client(new: Any, change: tuple[str, str, str]) -> None:
    old = listing([task()]) if len(new["items"]) == 1 else listing()
    assert between(old, new) == [change]


def test_the_way_back_is_graded_too() -> None:
    without = listing([drop(task(1), "spec"), drop(task(2), "spec")])
    assert between(without, listing([task(1)])) == [
        ("note", f"{TASK}.spec", "a documented field that was not there"),
    ]
    assert between(put(listing(), *OWNER, "x"), listing()) == [
        ("warning", f"{TASK}.metadata.owner", "a field is gone"),
    ]
    nothing = listing([put(task(1), "spec", None)])
    assert between(nothing, listing([task(1)])) == [
        ("note", f"{TASK}.spec", "its type is the documented one again"),
    ]


def test_a_field_of_no_document_that_changes_its_type_is_a_warning() -> None:
    change = ("warning", f"{TASK}.metadata.owner", "its type has changed")
    assert between(put(listing(), *OWNER, "x"), put(listing(), *OWNER, 1)) == [change]


def test_of_what_was_not_there_to_be_seen_nothing_is_told() -> None:
    assert between(listing(), listing([])) == between(listing([]), listing()) == []
    assert between(listing([task(1, "Failed")]), listing([task(1, "Success")])) == []


def test_of_a_new_field_what_is_in_it_is_not_told_too() -> None:
    new = put(listing(), *OWNER, {"name": "x", "teams": [{"id": 1}]})
    assert between(listing(), new) == [("note", f"{TASK}.metadata.owner", "a new field that was not there")]


def test_a_timestamp_that_lost_zeros_at_its_end_is_no_change() -> None:
    new = put(listing(), *METADATA, "createTimeStamp", "2026-11-22T18:00:00.1234567+08:00")
    assert between(listing(), new) == []


def test_the_settings_of_an_add_on_are_nobodys_shape() -> None:
    asked, answer = creation()
    other = put(answer, "spec", "addonList", 0, "values", {"b": [1]})
    assert changes_between([created(answer, asked)], [created(other, asked)]) == []


def test_each_side_of_a_change_says_how_often() -> None:
    [change] = changes_between([answered(listing())], [answered(drop(listing(), *STATUS, "message"))])
    assert change.said == (
        f"list 200 {TASK}.status.message a required field is missing at times: always (8 of 8) → sometimes (7 of 8)"
    )


@pytest.mark.parametrize("seed", range(3))
def test_the_order_of_the_answers_does_not_matter_and_changes_come_in_one_order(seed: int) -> None:
    documents = [listing([task(number, state) for state in ("Init", "Failed")]) for number in range(5)] + [listing([])]
    shuffled = random.Random(seed).sample(documents, len(documents))
    assert changes_between(map(answered, documents), map(answered, shuffled)) == []
    new = put(put(drop(listing(), "kind"), *OWNER, "x"), *STATUS, "status", "Skipped")
    paths = [path for _, path, _ in between(listing(), new)]
    assert paths == sorted(paths)


def test_a_deviation_that_one_recording_shows_and_the_other_does_not_is_a_warning() -> None:
    renamed = task()
    renamed["metadata"]["createTimestamp"] = renamed["metadata"].pop("createTimeStamp")
    [change] = changes_between([answered(listing([task()]))], [answered(listing([renamed]))])
    assert (change.grade, change.code) == ("warning", "PRE522")
    assert change.said == f"list PRE211 {change.key.aspect.split()[1]} is shown: 0 of 1 before → 1 of 1 now"


# ---- kinds of answers


def test_a_kind_of_answer_that_only_one_side_has_is_a_note() -> None:
    refused = answered(REFUSED, status=401)
    old, new = [answered(listing())], [answered(listing()), refused, refused]
    [came], [went] = changes_between(old, new), changes_between(new, old)
    assert came.said == "list 401 (CCE) $ not among the answers before: none → 2 answers"
    assert went.said == "list 401 (CCE) $ no longer among the answers: 2 answers → none"
    assert came.grade == went.grade == "note"


def test_answers_are_told_apart_by_call_status_and_envelope() -> None:
    asked, answer = creation()
    exchanges = [
        answered(listing()),
        created(answer, asked),
        answered(REFUSED, status=401),
        answered({"error_code": "APIG.0301", "error_msg": "no", "request_id": "r"}, status=401),
        answered(REFUSED),
        answered(["nothing"], status=500),
    ]
    assert [change.key.kind for change in changes_between([], exchanges)] == [
        *("create 201", "list 200", "list 200 (CCE)", "list 401 (CCE)", "list 401 (gateway)", "list 500"),
    ]


def test_what_has_no_json_and_what_is_no_call_is_left_out_and_hides_nothing() -> None:
    deleted = Exchange(Request("DELETE", ENDPOINT, "/x"), Response(405, body=b'{"errorCode": "x"}'))
    [change] = changes_between([], [answered(b"<html>"), answered(b""), deleted, answered(listing())])
    assert (change.key.kind, change.new) == ("list 200", "1 answer")


def test_an_error_that_loses_a_field_of_its_envelope_is_an_error() -> None:
    lost = {"errorCode": REFUSED["errorCode"]}
    changes = changes_between([answered(REFUSED, status=401)], [answered(lost, status=401)])
    assert told(changes) == [("error", "$.errorMessage", "a required field is gone")]


def simulated(**options: Any) -> list[Exchange]:
    service = Simulator(**options)
    client = PrecheckClient(
        InProcessTransport(service),
        endpoint=service.endpoint,
        project_id=service.project_id,
        cluster_id=service.cluster_id,
        credentials=service.credentials,
    )
    return [client.list_tasks(), client.list_tasks(type="addonStatic"), client.list_tasks(type="none")]


@pytest.mark.parametrize(
    ("variation", "grades"),
    [
        ("items-shuffled", set()),
        ("body-spaced", set()),
        ("no-tasks", set()),
        ("unknown-fields", {"note"}),
        ("timestamps-without-fraction", {"warning"}),
        ("optional-fields-absent", {"warning"}),
        ("gateway-errors", {"note"}),
    ],
)
def test_what_the_contract_leaves_open_is_never_an_error(variation: str, grades: set[str]) -> None:
    changes = changes_between(simulated(), simulated(variations=[variation]))
    assert {change.grade for change in changes} == grades


@pytest.mark.parametrize("fault", ["page-info-missing", "count-as-text"])
def test_what_breaks_the_contract_in_its_shape_is_an_error(fault: str) -> None:
    assert "error" in {change.grade for change in changes_between(simulated(), simulated(faults=[fault]))}
