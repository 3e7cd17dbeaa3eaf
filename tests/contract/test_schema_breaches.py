"""The schemas' verdicts: which breach of which field is found, under which code, and in which words."""

from __future__ import annotations

import json
from typing import Any

import pytest

from pytest_cce_precheck.contract.documented import unknown_fields
from pytest_cce_precheck.contract.schema import SchemaError, json_path, schema_errors
from pytest_cce_precheck.errors import ConfigurationError
from pytest_cce_precheck.schema_files import load_schema
from pytest_cce_precheck.wire.timestamps import parse_timestamp
from tests.contract.answers import example, listing, task
from tests.contract.documents import METADATA, RISK, STATUS, drop, errors_of, places, put

# --- one breach each


@pytest.mark.parametrize(
    "path",
    [
        ("kind",),
        ("apiVersion",),
        ("pageInfo",),
        ("items",),
        ("pageInfo", "currentCount"),
        ("items", 3, "metadata"),
        ("items", 3, "status"),
        (*METADATA, "type"),
        (*METADATA, "taskID"),
        (*METADATA, "addonTemplateName"),
        (*METADATA, "createTimeStamp"),
        (*STATUS, "status"),
        (*STATUS, "message"),
        (*RISK, "riskName"),
        (*RISK, "level"),
        (*RISK, "status"),
    ],
    ids=json_path,
)
def test_a_required_field_that_is_missing_is_reported_at_its_own_path(path: tuple[str | int, ...]) -> None:
    assert places(drop(listing(), *path)) == [("PRE201", json_path(path))]


@pytest.mark.parametrize(
    ("steps", "code", "message"),
    [
        (("kind", "Addon"), "PRE203", 'kind must be "AddonCheck", not "Addon"'),
        (("kind", 5), "PRE202", "kind must be a string, not 5"),
        (("apiVersion", "v4"), "PRE203", 'apiVersion must be "v3", not "v4"'),
        (("items", None), "PRE202", "items must be an array, not null"),
        (("items", {}), "PRE202", "items must be an array, not an empty object"),
        (("items", 3, []), "PRE202", "items[3] must be an object, not an empty array"),
        ((*METADATA, "taskID", 7), "PRE202", "taskID must be a string, not 7"),
        ((*METADATA, "taskID", ""), "PRE206", "taskID must not be empty, but is"),
        (
            (*METADATA, "addonTemplateName", ""),
            "PRE206",
            "addonTemplateName must not be empty, but is",
        ),
        ((*RISK, "riskName", ""), "PRE206", "riskName must not be empty, but is"),
        (
            (*METADATA, "type", "AddonStatic"),
            "PRE203",
            'type must be "addonStatic" or "addonUpgrade", not "AddonStatic"',
        ),
        (
            (*STATUS, "status", ""),
            "PRE203",
            'status must be "Init", "Running", "Failed" or "Success", not ""',
        ),
        ((*RISK, "level", None), "PRE202", "level must be a string, not null"),
        ((*RISK, "level", "Error"), "PRE203", 'level must be "Warning" or "Fatal", not "Error"'),
        (("pageInfo", "currentCount", "12"), "PRE202", 'currentCount must be an integer, not "12"'),
        (("pageInfo", "currentCount", None), "PRE202", "currentCount must be an integer, not null"),
        (
            ("pageInfo", "currentCount", 12.0),
            "PRE205",
            "currentCount must be an integer without fraction or exponent, not 12.0",
        ),
        (
            ("pageInfo", "currentCount", True),
            "PRE205",
            "currentCount must be an integer without fraction or exponent, not true",
        ),
        (("pageInfo", "currentCount", -1), "PRE205", "currentCount must be at least 0, not -1"),
        (
            ("pageInfo", "currentCount", 2**31),
            "PRE205",
            "currentCount must be at most 2147483647, not 2147483648",
        ),
        (
            ("pageInfo", "currentCount", 10**4000),
            "PRE205",
            "currentCount must be at most 2147483647, not an integer of 13288 bits",
        ),
    ],
)
def test_a_breach_names_the_field_the_expectation_and_what_came(
    steps: tuple[Any, ...], code: str, message: str
) -> None:
    path = json_path(steps[:-1])
    assert errors_of(put(listing(), *steps)) == [SchemaError(code, path, message)]


@pytest.mark.parametrize("literal", ["12.0", "1.2e1", "12e0", "-0.0", "12.5"])
def test_a_count_with_a_fraction_or_an_exponent_is_no_plain_integer(literal: str) -> None:
    body = json.dumps(listing()).replace('"currentCount": 8', f'"currentCount": {literal}')
    assert places(json.loads(body)) == [("PRE205", "$.pageInfo.currentCount")]


def test_the_largest_count_is_that_of_32_bits() -> None:
    assert errors_of({"currentCount": 2**31 - 1}, "page_info") == []


def test_a_missing_field_is_told_with_its_owner_and_the_fields_that_came() -> None:
    error = errors_of(drop(listing(), *STATUS, "message"))[0]
    assert (
        error.message
        == 'message is missing: CheckTaskStatus requires it, and here is an object of "status", "riskList"'
    )


def test_the_message_says_what_is_wrong_with_a_timestamp() -> None:
    text = "2025-08-05T17:10:44"
    with pytest.raises(ValueError) as reason:  # noqa: PT011  its words are another module's
        parse_timestamp(text)
    error = errors_of(put(listing(), *METADATA, "createTimeStamp", text))[0]
    assert error.message == f"createTimeStamp must be a timestamp, but {reason.value}"


# --- the vendor's own examples


def test_the_vendors_list_example_as_it_stands_breaks_one_rule() -> None:
    document = json.loads(example("list"))
    assert places(document) == [("PRE202", "$.items")]
    assert list(unknown_fields(document, "list_answer")) == []


def test_the_vendors_list_example_with_its_task_in_an_array_lacks_the_creation_time() -> None:
    document = json.loads(example("list"))
    document["items"] = [document["items"]]
    assert places(document) == [("PRE201", "$.items[0].metadata.createTimeStamp")]
    assert list(unknown_fields(document, "list_answer")) == [
        "$.items[*].metadata.createTimestamp",
        "$.items[*].riskList",
    ]


def test_the_vendors_create_example_lacks_the_message_of_its_task() -> None:
    document = json.loads(example("create"))
    assert places(document, "create_answer") == [("PRE201", "$.status.items[0].status.message")]
    assert list(unknown_fields(document, "create_answer")) == []


def test_the_spec_of_the_vendors_create_example_would_be_no_request_since_it_upgrades_to_no_version() -> None:
    request = json.loads(example("create"))
    del request["status"]
    assert places(request, "create_request") == [("PRE201", "$.spec.addonList[0].targetVersion")]


# --- several breaches, odd documents


@pytest.mark.parametrize(
    ("document", "shown"),
    [
        (None, "null"),
        (True, "true"),
        (3, "3"),
        ("AddonCheck", '"AddonCheck"'),
        ([{}], "an array of 1"),
        ([], "an empty array"),
    ],
)
def test_a_document_that_is_no_object_is_one_breach(document: Any, shown: str) -> None:
    message = f"the document must be an object, not {shown}"
    assert errors_of(document) == [SchemaError("PRE202", "$", message)]
    assert list(unknown_fields(document, "list_answer")) == []


def test_breaches_come_in_the_order_of_the_document_and_missing_fields_after_those_that_are_there() -> None:
    document = {
        "items": [task(), {"status": {"message": 1, "status": "?"}}, {"metadata": {}}],
        "pageInfo": {"currentCount": -1},
        "kind": "x",
    }
    assert [error.path for error in schema_errors(document, "list_answer")] == [
        "$.items[1].status.message",
        "$.items[1].status.status",
        "$.items[1].metadata",
        "$.items[2].metadata.type",
        "$.items[2].metadata.taskID",
        "$.items[2].metadata.addonTemplateName",
        "$.items[2].metadata.createTimeStamp",
        "$.items[2].status",
        "$.pageInfo.currentCount",
        "$.kind",
        "$.apiVersion",
    ]


def test_one_path_has_one_breach() -> None:
    document = put(put(listing(), *RISK, "level", 3), "pageInfo", "currentCount", -1.5)
    assert places(document) == [
        ("PRE205", "$.pageInfo.currentCount"),
        ("PRE202", json_path((*RISK, "level"))),
    ]


def test_a_long_text_is_cut_in_the_message() -> None:
    error = errors_of(put(listing(), "kind", "x" * 1_000_000))[0]
    assert error.message == 'kind must be "AddonCheck", not "xxxx … (1,000,000 characters) … xxxx"'


def test_control_characters_and_lone_surrogates_are_escaped_in_the_message() -> None:
    error = errors_of(put(listing(), "kind", "检查\n\x1b[31m\u202e\x9b\ud800"))[0]
    assert error.message == r'kind must be "AddonCheck", not "检查\n\u001b[31m\u202e\x9b\ud800"'


def test_an_object_is_shown_by_its_first_fields() -> None:
    error = errors_of(put(listing(), "kind", dict.fromkeys("abcdefg")))[0]
    assert error.message == 'kind must be a string, not an object of "a", "b", "c", "d", "e", 2 more'


# --- the other call, and errors


def test_an_upgrade_needs_a_target_version_and_an_inspection_does_not() -> None:
    upgrade, static = load_schema("create_request")["examples"]
    assert errors_of(static, "create_request") == []
    path = ("spec", "addonList", 0, "targetVersion")
    error = errors_of(drop(upgrade, *path), "create_request")[0]
    assert (error.code, error.path) == ("PRE201", "$.spec.addonList[0].targetVersion")
    assert error.message.startswith("targetVersion is missing: AddonToCheck of type addonUpgrade requires it")


def test_a_create_answer_in_the_shape_that_the_sdks_model_lacks_its_items() -> None:
    document = load_schema("create_answer")["examples"][0]
    document["status"] = {"phase": "Init", "itemsStatus": []}
    assert places(document, "create_answer") == [("PRE201", "$.status.items")]
    assert list(unknown_fields(document, "create_answer")) == ["$.status.phase", "$.status.itemsStatus"]


@pytest.mark.parametrize("code", ["CCE.0140100", "CCE.014010011", "cce.01401001", "CCE01401001", "CCE.01401001\n", ""])
def test_an_error_code_of_another_form_is_refused(code: str) -> None:
    assert places({"errorCode": code, "errorMessage": "no"}, "error_cce") == [("PRE108", "$.errorCode")]


@pytest.mark.parametrize(
    ("code", "good"), [("APIG.0301", True), ("APIGW.12345", True), ("APIG.301", False), (".0301", False)]
)
def test_a_gateways_code_is_a_name_and_at_least_four_digits(code: str, good: bool) -> None:
    expected = [] if good else [("PRE108", "$.error_code")]
    assert places({"error_code": code, "error_msg": "no", "request_id": "1"}, "error_gateway") == expected


def test_a_gateways_error_names_the_request() -> None:
    assert places({"error_code": "APIG.0301", "error_msg": "no"}, "error_gateway") == [("PRE201", "$.request_id")]


def test_the_message_of_a_wrong_code_shows_pattern_and_code() -> None:
    error = errors_of({"errorCode": "E1", "errorMessage": "no"}, "error_cce")[0]
    assert error.message == r'errorCode must match ^CCE\.[0-9]{8}$, which "E1" does not'


def test_an_unknown_schema_is_misuse() -> None:
    with pytest.raises(ConfigurationError, match="there is no schema 'list'; there are: addon_check_task,"):
        errors_of({}, "list")
