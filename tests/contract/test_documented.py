"""What the documents say of each field of each kind of answer, as the table of it has it."""

from __future__ import annotations

from typing import Any

import pytest

from pytest_cce_precheck.contract.documented import TYPES, Documented, documented, kind_of
from pytest_cce_precheck.contract.schema import member
from tests.contract.answers import answered, created, creation

STATES = frozenset({"Init", "Running", "Failed", "Success"})


@pytest.mark.parametrize(
    ("document", "status", "kind"),
    [
        ({"items": []}, 200, "list 200"),
        ([], 200, "list 200"),
        ({"errorCode": "CCE.01401001"}, 401, "list 401 (CCE)"),
        ({"errorMessage": "no"}, 500, "list 500 (CCE)"),
        ({"error_code": "APIG.0301"}, 401, "list 401 (gateway)"),
        ({"error_msg": "no"}, 401, "list 401 (gateway)"),
        ({"detail": "no"}, 404, "list 404"),
    ],
)
def test_a_kind_of_answer_is_named_by_its_call_status_and_envelope(document: Any, status: int, kind: str) -> None:
    assert kind_of(answered(document, status=status), document) == kind


def test_a_create_call_is_a_kind_of_its_own() -> None:
    asked, made = creation()
    assert kind_of(created(made, asked), made) == "create 201"


@pytest.mark.parametrize(
    ("kind", "path", "required", "type_", "words"),
    [
        ("list 200", "$", True, "object", frozenset()),
        ("list 200", "$.kind", True, "string", {"AddonCheck"}),
        ("list 200", "$.pageInfo.currentCount", True, "integer", frozenset()),
        ("list 200", "$.items", True, "array", frozenset()),
        ("list 200", "$.items[*]", False, "object", frozenset()),
        ("list 200", "$.items[*].metadata.addonInstanceID", False, "string", frozenset()),
        ("list 200", "$.items[*].status.status", True, "string", STATES),
        ("list 200", "$.items[*].status.riskList[*].level", True, "string", {"Warning", "Fatal"}),
        ("create 201", "$.status.items[*].status.status", True, "string", STATES),
        ("list 401 (CCE)", "$.errorCode", True, "string", frozenset()),
        ("list 401 (gateway)", "$.error_code", True, "string", frozenset()),
        ("create 403 (gateway)", "$.request_id", True, "string", frozenset()),
    ],
)
def test_a_field_is_documented_like_this(kind: str, path: str, required: bool, type_: str, words: Any) -> None:
    field = documented(kind)[path]
    assert (field.required, field.type, field.words) == (required, type_, words)


def test_the_times_of_a_task_are_its_only_timestamps() -> None:
    times = [path for path, field in documented("list 200").items() if field.time]
    assert times == [f"$.items[*].metadata.{name}" for name in ("createTimeStamp", "expireTimeStamp")]


def test_of_the_spec_of_a_create_answer_alone_nothing_is_said() -> None:
    assert [path for path, field in documented("create 201").items() if field.free] == ["$.spec"]
    assert not any(field.free for field in documented("list 200").values())


def test_the_fields_of_an_object_are_known_by_name_and_path() -> None:
    assert documented("list 200")["$.items[*].spec"].fields == {
        "addonTargetVersion": "$.items[*].spec.addonTargetVersion"
    }
    assert documented("list 200")["$.items"].fields == {}


@pytest.mark.parametrize("kind", ["list 401", "list 500 (other)", "create 404"])
def test_an_error_without_a_documented_envelope_is_described_nowhere(kind: str) -> None:
    assert documented(kind) == {}


def test_each_type_of_python_has_its_name_in_json() -> None:
    values = [{}, [], "", True, 1, 1.5, None]
    assert [TYPES[type(each)] for each in values] == [
        "object", "array", "string", "boolean", "integer", "number", "null",
    ]  # fmt: skip


def test_a_name_that_is_no_identifier_is_quoted_in_a_path() -> None:
    assert (member("taskID"), member("a b")) == (".taskID", '["a b"]')


def test_what_is_documented_cannot_be_changed() -> None:
    with pytest.raises(TypeError):
        documented("list 200")["$"] = Documented(False, False, "", frozenset(), {}, False)  # type: ignore[index]
