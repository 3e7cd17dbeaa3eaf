"""The schemas' verdicts: which breach of which field is found, under which code, and in which words."""

from __future__ import annotations

import copy
import json
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st
from rfc3339_validator import validate_rfc3339

from pytest_cce_precheck.contract import schema
from pytest_cce_precheck.contract.schema import SchemaError, json_path, schema_errors, unknown_fields
from pytest_cce_precheck.errors import ConfigurationError
from pytest_cce_precheck.schema_files import load_schema, schema_names
from pytest_cce_precheck.wire.timestamps import parse_timestamp
from pytest_cce_precheck.wire.vocabulary import RiskLevel, TaskState, TaskType

DATA = Path(__file__).resolve().parent.parent / "data"


def task(number: int) -> dict[str, Any]:
    state = list(TaskState)[number % 4]
    metadata = {
        "type": list(TaskType)[number % 2].value,
        "taskID": f"8ca259cc-553b-11e9-926f-0255ac10{number:04x}",
        "addonTemplateName": "coredns",
        "addonInstanceName": "cceaddon-coredns",
        "addonInstanceID": f"1d43577d-4b50-4723-b05b-2121f47c{number // 2:04x}",
        "createTimeStamp": f"2025-08-05T17:10:{number:02d}.648388123+08:00",
    }
    if state.final:
        metadata["expireTimeStamp"] = "2025-08-06T17:10:44.648388+08:00"
    risks = [
        {
            "riskName": name,
            "level": level.value,
            "status": state.value,
            "message": "addon status is not running",
        }
        for name, level in [("AddonStatus", RiskLevel.WARNING), ("AddonValidate", RiskLevel.FATAL)]
    ]
    return {
        "metadata": metadata,
        "spec": {"addonTargetVersion": "3.0.4"},
        "status": {"status": state.value, "message": "Addon task check finish", "riskList": risks},
    }


def answer(size: int = 12) -> dict[str, Any]:
    tasks = [task(number) for number in range(size)]
    return {"kind": "AddonCheck", "apiVersion": "v3", "pageInfo": {"currentCount": size}, "items": tasks}


def vendor_example(call: str) -> Any:
    return json.loads((DATA / f"example_{call}_response.json").read_bytes())


def errors_of(document: Any, name: str = "list_answer") -> list[SchemaError]:
    return list(schema_errors(document, name))


def places(document: Any, name: str = "list_answer") -> list[tuple[str, str]]:
    return [(error.code, error.path) for error in schema_errors(document, name)]


def explained(document: Any, name: str) -> list[SchemaError]:
    """Judge without jsonschema-rs."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(schema, "_judge", lambda _name: None)
        return list(schema_errors(document, name))


def accepted_by_rust(document: Any, name: str) -> bool:
    judge = schema._judge(name)
    assert judge is not None, "jsonschema-rs is part of the extra 'test'"
    return judge(document)


def put(document: Any, *steps: Any) -> Any:
    """Set the place to which all steps but the last lead to the last one."""
    *path, last, value = steps
    changed = copy.deepcopy(document)
    node = changed
    for step in path:
        node = node[step]
    node[last] = value
    return changed


def drop(document: Any, *steps: Any) -> Any:
    *path, last = steps
    changed = copy.deepcopy(document)
    node = changed
    for step in path:
        node = node[step]
    del node[last]
    return changed


# --- documents that conform


def test_a_conforming_answer_has_no_errors_and_no_unknown_fields() -> None:
    assert errors_of(answer()) == []
    assert explained(answer(), "list_answer") == []
    assert list(unknown_fields(answer(), "list_answer")) == []


def test_an_answer_without_tasks_conforms() -> None:
    assert errors_of(answer(0)) == []


@pytest.mark.parametrize("name", schema_names())
def test_the_examples_of_a_schema_conform_to_it(name: str) -> None:
    for document in load_schema(name)["examples"]:
        assert errors_of(document, name) == []
        assert explained(document, name) == []
        assert accepted_by_rust(document, name)
        assert list(unknown_fields(document, name)) == []


def test_optional_fields_may_be_left_out() -> None:
    document = answer(1)
    del document["items"][0]["spec"], document["items"][0]["status"]["riskList"]
    del (
        document["items"][0]["metadata"]["addonInstanceName"],
        document["items"][0]["metadata"]["addonInstanceID"],
    )
    assert errors_of(document) == []


# --- the vendor's own examples


def test_the_vendors_list_example_as_it_stands_breaks_one_rule() -> None:
    document = vendor_example("list")
    assert places(document) == [("PRE202", "$.items")]
    assert list(unknown_fields(document, "list_answer")) == []


def test_the_vendors_list_example_with_its_task_in_an_array_lacks_the_creation_time() -> None:
    document = vendor_example("list")
    document["items"] = [document["items"]]
    assert places(document) == [("PRE201", "$.items[0].metadata.createTimeStamp")]
    assert list(unknown_fields(document, "list_answer")) == [
        "$.items[*].metadata.createTimestamp",
        "$.items[*].riskList",
    ]


def test_the_vendors_create_example_lacks_the_message_of_its_task() -> None:
    document = vendor_example("create")
    assert places(document, "create_answer") == [("PRE201", "$.status.items[0].status.message")]
    assert list(unknown_fields(document, "create_answer")) == []


def test_the_spec_of_the_vendors_create_example_would_be_no_request_since_it_upgrades_to_no_version() -> None:
    request = vendor_example("create")
    del request["status"]
    assert places(request, "create_request") == [("PRE201", "$.spec.addonList[0].targetVersion")]


# --- one breach each

METADATA, STATUS = ("items", 3, "metadata"), ("items", 3, "status")
RISK = (*STATUS, "riskList", 1)


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
    assert places(drop(answer(), *path)) == [("PRE201", json_path(path))]


@pytest.mark.parametrize(
    ("steps", "code", "keyword", "message"),
    [
        (("kind", "Addon"), "PRE203", "const", 'kind must be "AddonCheck", not "Addon"'),
        (("kind", 5), "PRE202", "type", "kind must be a string, not 5"),
        (("apiVersion", "v4"), "PRE203", "const", 'apiVersion must be "v3", not "v4"'),
        (("items", None), "PRE202", "type", "items must be an array, not null"),
        (("items", {}), "PRE202", "type", "items must be an array, not an empty object"),
        (("items", 3, []), "PRE202", "type", "items[3] must be an object, not an empty array"),
        ((*METADATA, "taskID", 7), "PRE202", "type", "taskID must be a string, not 7"),
        ((*METADATA, "taskID", ""), "PRE206", "minLength", "taskID must not be empty, but is"),
        (
            (*METADATA, "addonTemplateName", ""),
            "PRE206",
            "minLength",
            "addonTemplateName must not be empty, but is",
        ),
        ((*RISK, "riskName", ""), "PRE206", "minLength", "riskName must not be empty, but is"),
        (
            (*METADATA, "type", "AddonStatic"),
            "PRE203",
            "enum",
            'type must be "addonStatic" or "addonUpgrade", not "AddonStatic"',
        ),
        (
            (*STATUS, "status", ""),
            "PRE203",
            "enum",
            'status must be "Init", "Running", "Failed" or "Success", not ""',
        ),
        ((*RISK, "level", None), "PRE202", "type", "level must be a string, not null"),
        ((*RISK, "level", "Error"), "PRE203", "enum", 'level must be "Warning" or "Fatal", not "Error"'),
        (("pageInfo", "currentCount", "12"), "PRE202", "type", 'currentCount must be an integer, not "12"'),
        (("pageInfo", "currentCount", None), "PRE202", "type", "currentCount must be an integer, not null"),
        (
            ("pageInfo", "currentCount", 12.0),
            "PRE205",
            "type",
            "currentCount must be an integer without fraction or exponent, not 12.0",
        ),
        (
            ("pageInfo", "currentCount", True),
            "PRE205",
            "type",
            "currentCount must be an integer without fraction or exponent, not true",
        ),
        (("pageInfo", "currentCount", -1), "PRE205", "minimum", "currentCount must be at least 0, not -1"),
        (
            ("pageInfo", "currentCount", 2**31),
            "PRE205",
            "maximum",
            "currentCount must be at most 2147483647, not 2147483648",
        ),
        (
            ("pageInfo", "currentCount", 10**4000),
            "PRE205",
            "maximum",
            "currentCount must be at most 2147483647, not an integer of 13288 bits",
        ),
    ],
)
def test_a_breach_names_the_field_the_expectation_and_what_came(
    steps: tuple[Any, ...], code: str, keyword: str, message: str
) -> None:
    path = json_path(steps[:-1])
    assert errors_of(put(answer(), *steps)) == [SchemaError(code, path, message, keyword)]


@pytest.mark.parametrize("literal", ["12.0", "1.2e1", "12e0", "-0.0", "12.5"])
def test_a_count_with_a_fraction_or_an_exponent_is_no_plain_integer(literal: str) -> None:
    body = json.dumps(answer()).replace('"currentCount": 12', f'"currentCount": {literal}')
    assert places(json.loads(body)) == [("PRE205", "$.pageInfo.currentCount")]


def test_the_largest_count_is_that_of_32_bits() -> None:
    assert errors_of({"currentCount": 2**31 - 1}, "page_info") == []


def test_a_missing_field_is_told_with_its_owner_and_the_fields_that_came() -> None:
    error = errors_of(drop(answer(), *STATUS, "message"))[0]
    assert (
        error.message
        == 'message is missing: CheckTaskStatus requires it, and here is an object of "status", "riskList"'
    )


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
    document = put(answer(), *METADATA, "createTimeStamp", text)
    assert explained(document, "list_answer") == []
    assert accepted_by_rust(document, "list_answer")


@pytest.mark.parametrize("text", NO_TIMESTAMPS)
def test_any_other_timestamp_is_refused(text: str) -> None:
    document = put(answer(), *METADATA, "createTimeStamp", text)
    assert places(document) == [("PRE204", "$.items[3].metadata.createTimeStamp")]


def test_an_expiry_time_is_held_to_the_same_form() -> None:
    document = put(answer(), *METADATA, "expireTimeStamp", "tomorrow")
    assert places(document) == [("PRE204", "$.items[3].metadata.expireTimeStamp")]


def test_the_message_says_what_is_wrong_with_a_timestamp() -> None:
    text = "2025-08-05T17:10:44"
    with pytest.raises(ValueError) as reason:  # noqa: PT011  its words are another module's
        parse_timestamp(text)
    error = errors_of(put(answer(), *METADATA, "createTimeStamp", text))[0]
    assert error.message == f"createTimeStamp must be a timestamp, but {reason.value}"


@pytest.mark.parametrize("text", TIMESTAMPS + NO_TIMESTAMPS)
def test_a_timestamp_that_is_accepted_is_one_for_rfc3339_validator_too(text: str) -> None:
    base = load_schema("check_task_metadata")["examples"][1]
    if not errors_of({**base, "createTimeStamp": text}, "check_task_metadata"):
        assert validate_rfc3339(text)


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
    assert errors_of(document) == [SchemaError("PRE202", "$", message, "type")]
    assert list(unknown_fields(document, "list_answer")) == []


def test_breaches_come_in_the_order_of_the_document_and_missing_fields_after_those_that_are_there() -> None:
    document = {
        "items": [task(0), {"status": {"message": 1, "status": "?"}}, {"metadata": {}}],
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
    document = put(put(answer(), *RISK, "level", 3), "pageInfo", "currentCount", -1.5)
    assert places(document) == [
        ("PRE205", "$.pageInfo.currentCount"),
        ("PRE202", json_path((*RISK, "level"))),
    ]


def test_a_long_text_is_cut_in_the_message() -> None:
    error = errors_of(put(answer(), "kind", "x" * 1_000_000))[0]
    assert error.message == f'kind must be "AddonCheck", not "{"x" * 60}…"'


def test_control_characters_and_lone_surrogates_are_escaped_in_the_message() -> None:
    error = errors_of(put(answer(), "kind", "检查\n\x1b[31m\u202e\x9b\ud800"))[0]
    assert error.message == r'kind must be "AddonCheck", not "检查\n\u001b[31m\u202e\x9b\ud800"'


def test_an_object_is_shown_by_its_first_fields() -> None:
    error = errors_of(put(answer(), "kind", dict.fromkeys("abcdefg")))[0]
    assert error.message == 'kind must be a string, not an object of "a", "b", "c", "d", "e", 2 more'


def test_deeply_nested_unknown_content_is_accepted() -> None:
    deep: Any = []
    for _ in range(98):
        deep = [deep]
    document = put(answer(), *METADATA, "extra", deep)
    assert errors_of(document) == []
    assert explained(document, "list_answer") == []
    assert places(put(document, "kind", deep)) == [("PRE202", "$.kind")]


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
    document = put(answer(), *steps)
    assert (errors_of(document) == []) is accepted
    assert errors_of(document) == explained(document, "list_answer")


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
    assert places({"error_code": code, "error_msg": "no"}, "error_gateway") == expected


def test_the_message_of_a_wrong_code_shows_pattern_and_code() -> None:
    error = errors_of({"errorCode": "E1", "errorMessage": "no"}, "error_cce")[0]
    assert error.message == r'errorCode must match ^CCE\.[0-9]{8}$, which "E1" does not'


def test_an_unknown_schema_is_misuse() -> None:
    with pytest.raises(ConfigurationError, match="there is no schema 'list'; there are: addon_check_task,"):
        errors_of({}, "list")


# --- fields that nobody documents


def test_unknown_fields_are_told_once_for_all_tasks_in_the_order_of_appearance() -> None:
    document = answer()
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
    document = {**answer(0), "a.b": 1, "c\n": 2, "d" * 100: 3}
    assert list(unknown_fields(document, "list_answer")) == ['$["a.b"]', r'$["c\n"]', f'$["{"d" * 60}…"]']


def test_free_objects_have_no_unknown_fields() -> None:
    request = load_schema("create_request")["examples"][0]
    request["spec"]["addonList"][0]["values"]["custom"]["anything"] = 1
    assert list(unknown_fields(request, "create_request")) == []
    document = load_schema("create_answer")["examples"][0]
    document["spec"]["anything"] = 1
    assert list(unknown_fields(document, "create_answer")) == []


def test_unknown_fields_are_no_breach_and_wrong_types_no_unknown_fields() -> None:
    document = put(put(answer(), "extra", 1), *METADATA, "spec", 1)
    assert errors_of(document) == []
    assert list(unknown_fields(put(answer(), "items", 3, 5), "list_answer")) == []


# --- jsonschema-rs and jsonschema agree

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


@given(document=mutants(answer()))
@example(document=put(answer(), "pageInfo", "currentCount", 12.0))
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
