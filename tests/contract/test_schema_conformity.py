"""What conforms, to jsonschema and to jsonschema-rs alike: examples, unknown fields, timestamps, mutants of answers."""

from __future__ import annotations

import subprocess
import sys
from typing import Any

import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st
from rfc3339_validator import validate_rfc3339

from pytest_cce_precheck.contract.documented import unknown_fields
from pytest_cce_precheck.contract.rules import find_rule
from pytest_cce_precheck.schema_files import load_schema
from tests.contract.answers import DATA, listing, task
from tests.contract.documents import METADATA, accepted_by_rust, drop, errors_of, explained, places, put
from tests.schemas import schema_names

# --- documents that conform


def test_a_conforming_answer_has_no_errors_and_no_unknown_fields() -> None:
    assert errors_of(listing()) == []
    assert explained(listing(), "list_answer") == []
    assert list(unknown_fields(listing(), "list_answer")) == []


def test_an_answer_without_tasks_conforms() -> None:
    assert errors_of(listing([])) == []


@pytest.mark.parametrize("name", schema_names())
def test_the_examples_of_a_schema_conform_to_it(name: str) -> None:
    for document in load_schema(name)["examples"]:
        assert errors_of(document, name) == []
        assert explained(document, name) == []
        assert accepted_by_rust(document, name)
        assert list(unknown_fields(document, name)) == []


def test_optional_fields_may_be_left_out() -> None:
    document = listing([task()])
    del document["items"][0]["spec"], document["items"][0]["status"]["riskList"]
    del (
        document["items"][0]["metadata"]["addonInstanceName"],
        document["items"][0]["metadata"]["addonInstanceID"],
    )
    assert errors_of(document) == []


# --- fields that nobody documents


def test_unknown_fields_are_told_once_for_all_tasks_in_the_order_of_appearance() -> None:
    document = listing()
    for entry in document["items"]:
        entry["metadata"]["owner"] = {"name": "x"}
        entry["status"]["riskList"][0]["hint"] = 1
    document["total"] = 12
    document["items"][7]["labels"] = []
    assert list(unknown_fields(document, "list_answer")) == [
        "$.items[*].metadata.owner",
        "$.items[*].status.riskList[*].hint",
        "$.items[*].labels",
        "$.total",
    ]


def test_an_unknown_field_whose_name_is_no_identifier_is_quoted_and_cut() -> None:
    document = {**listing([]), "a.b": 1, "c\n": 2, "d" * 100: 3}
    assert list(unknown_fields(document, "list_answer")) == [
        '$["a.b"]',
        r'$["c\n"]',
        '$["dddd … (100 characters) … dddd"]',
    ]


def test_free_objects_have_no_unknown_fields() -> None:
    request = load_schema("create_request")["examples"][0]
    request["spec"]["addonList"][0]["values"]["custom"]["anything"] = 1
    assert list(unknown_fields(request, "create_request")) == []
    document = load_schema("create_answer")["examples"][0]
    document["spec"]["anything"] = 1
    assert list(unknown_fields(document, "create_answer")) == []


def test_unknown_fields_are_no_breach_and_wrong_types_no_unknown_fields() -> None:
    document = put(put(listing(), "extra", 1), *METADATA, "spec", 1)
    assert errors_of(document) == []
    assert list(unknown_fields(put(listing(), "items", 3, 5), "list_answer")) == []


def test_deeply_nested_unknown_content_is_accepted() -> None:
    deep: Any = []
    for _ in range(98):
        deep = [deep]
    document = put(listing(), *METADATA, "extra", deep)
    assert errors_of(document) == []
    assert explained(document, "list_answer") == []
    assert places(put(document, "kind", deep)) == [("PRE202", "$.kind")]


# --- timestamps

TIMESTAMPS = [
    "2025-08-05T17:10:44+08:00",
    "2025-08-05T17:10:44.648388+08:00",
    "2025-08-13T11:24:37.312017086+08:00",
    "2025-08-05T09:10:44Z",
    "2024-02-29T23:59:59.9-12:00",
    "2000-02-29T00:00:00+00:00",
]
NO_TIMESTAMPS = [
    "",
    "2025-08-05",
    "2025-08-05T17:10:44",
    "2025-08-05 17:10:44+08:00",
    "2025-08-05T17:10:44+0800",
    "2025-08-05T17:10:44+08",
    "2025-08-05T17:10+08:00",
    "2025-08-05T17:10:44.+08:00",
    "2025-08-05T17:10:44.1234567890+08:00",
    "2025-02-29T17:10:44+08:00",
    "1900-02-29T17:10:44+08:00",
    "2025-13-05T17:10:44+08:00",
    "2025-08-32T17:10:44+08:00",
    "2025-08-00T17:10:44+08:00",
    "2025-08-05T24:00:00+08:00",
    "2025-08-05T17:60:00+08:00",
    "2025-08-05T17:10:44+24:00",
    "2025-08-05T17:10:44Z\n",
    " 2025-08-05T17:10:44Z",
    "２０２５-08-05T17:10:44Z",
    "2025-08-05 17:10:44.648388 +0800 CST",
    "1754385044",
]


@pytest.mark.parametrize("text", TIMESTAMPS)
def test_a_timestamp_with_offset_and_up_to_nine_digits_is_accepted(text: str) -> None:
    document = put(listing(), *METADATA, "createTimeStamp", text)
    assert explained(document, "list_answer") == []
    assert accepted_by_rust(document, "list_answer")


@pytest.mark.parametrize("text", NO_TIMESTAMPS)
def test_any_other_timestamp_is_refused(text: str) -> None:
    document = put(listing(), *METADATA, "createTimeStamp", text)
    assert places(document) == [("PRE204", "$.items[3].metadata.createTimeStamp")]


def test_an_expiry_time_in_another_form_has_a_code_of_its_own_since_no_source_gives_its_form() -> None:
    document = put(listing(), *METADATA, "expireTimeStamp", "2026-11-22 18:00:00")
    assert places(document) == [("PRE207", "$.items[3].metadata.expireTimeStamp")]
    assert find_rule("PRE207").severity == "warning"


@pytest.mark.parametrize("text", TIMESTAMPS + NO_TIMESTAMPS)
def test_a_timestamp_that_is_accepted_is_one_for_rfc3339_validator_too(text: str) -> None:
    base = load_schema("check_task_metadata")["examples"][1]
    if not errors_of({**base, "createTimeStamp": text}, "check_task_metadata"):
        assert validate_rfc3339(text)


# --- jsonschema-rs and jsonschema agree


@pytest.mark.parametrize(
    ("steps", "accepted"),
    [
        ((*METADATA, "\ud800", 1), True),
        ((*METADATA, "addonInstanceName", "\ud800"), True),
        ((*METADATA, "createTimeStamp", "0999-01-01T00:00:00Z"), True),
        ((*METADATA, "createTimeStamp", "2025-08-05t17:10:44z"), True),
        ((*METADATA, "createTimeStamp", "2016-12-31T23:59:60Z"), True),
        ((*METADATA, "createTimeStamp", "2016-12-30T23:59:60Z"), False),
        ((*METADATA, "extra", 10**5000), True),
        ((*METADATA, "extra", float("inf")), True),
    ],
)
def test_what_jsonschema_rs_cannot_judge_is_left_to_jsonschema(steps: tuple[Any, ...], accepted: bool) -> None:
    document = put(listing(), *steps)
    assert (errors_of(document) == []) is accepted
    assert errors_of(document) == explained(document, "list_answer")


VALUES: list[Any] = [
    *(None, True, False, 0, -1, 12, 12.0, 1.5, 2**31, 10**400, [], {}, [1], [{}], {"a": 1}),
    *("", "x", "AddonCheck", "v3", "Init", "init", "Failed", "Fatal", "addonStatic", "addonUpgrade"),
    *("CCE.01401001", "CCE.01401001\n", "APIG.0301", "é" * 100, *TIMESTAMPS, *NO_TIMESTAMPS),
]
FIELDS = [
    "kind",
    "items",
    "metadata",
    "status",
    "message",
    "type",
    "targetVersion",
    "riskList",
    "extra",
    "errorCode",
]


def paths_in(node: Any, path: tuple[str | int, ...] = ()) -> list[tuple[str | int, ...]]:
    children = node.items() if isinstance(node, dict) else enumerate(node) if isinstance(node, list) else ()
    return [path, *(below for key, child in children for below in paths_in(child, (*path, key)))]


@st.composite
def mutants(draw: st.DrawFn, document: Any) -> Any:
    for _ in range(draw(st.integers(1, 3))):
        path = draw(st.sampled_from(paths_in(document)))
        if not path:
            # any object may get a field that it lacks
            field, value = draw(st.sampled_from(FIELDS)), draw(st.sampled_from(VALUES))
            document = {**document, field: value} if isinstance(document, dict) else value
        elif draw(st.booleans()):
            document = drop(document, *path)
        else:
            document = put(document, *path, draw(st.sampled_from(VALUES)))
    return document


@given(document=mutants(listing()))
@example(document=put(listing(), "pageInfo", "currentCount", 12.0))
@settings(max_examples=150, deadline=None)
def test_both_validators_agree_on_mutants_of_an_answer(document: Any) -> None:
    assert accepted_by_rust(document, "list_answer") is (explained(document, "list_answer") == [])


@given(data=st.data())
@settings(max_examples=150, deadline=None)
def test_both_validators_agree_on_mutants_of_every_schemas_example(data: st.DataObject) -> None:
    name = data.draw(st.sampled_from(schema_names()))
    document = data.draw(mutants(load_schema(name)["examples"][0]))
    assert accepted_by_rust(document, name) is (explained(document, name) == [])


def test_without_jsonschema_rs_the_verdicts_are_the_same() -> None:
    program = (
        "import sys; sys.modules['jsonschema_rs'] = None\n"
        "from pytest_cce_precheck.contract.schema import schema_errors\n"
        "for count in (12, 12.0, -1):\n"
        "    print([error.code for error in schema_errors({'currentCount': count}, 'page_info')])\n"
    )
    run = subprocess.run(
        [sys.executable, "-c", program], capture_output=True, text=True, check=True, cwd=DATA.parents[1]
    )
    assert run.stdout.split("\n") == ["[]", "['PRE205']", "['PRE205']", ""]
