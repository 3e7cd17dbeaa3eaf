"""Fields that are missing, of the wrong type, or out of their documented values."""

from __future__ import annotations

from functools import partial
from typing import Any, Final

from pytest_cce_precheck.simulator.faults.tools import (
    alter,
    drop,
    in_document,
    in_each,
    in_one,
    in_state,
    of_type,
    on_success,
    put,
)
from pytest_cce_precheck.simulator.pipeline import Call, Document, Fault, Hook
from pytest_cce_precheck.wire.exchange import Response
from pytest_cce_precheck.wire.timestamps import parse_timestamp
from pytest_cce_precheck.wire.vocabulary import TaskState, TaskType

_fault = partial(Fault, category="schema")
_missing = partial(_fault, codes=("PRE201",))
_mistyped = partial(_fault, codes=("PRE202",))
_undocumented = partial(_fault, codes=("PRE203",))
_timestamp = partial(_fault, codes=("PRE204",))
_CREATED: Final = "metadata.createTimeStamp"
_INIT: Final = in_state(TaskState.INIT)
_FAILED: Final = in_state(TaskState.FAILED)
_SUCCESS: Final = in_state(TaskState.SUCCESS)


def _when_empty(change: Hook[Document]) -> Hook[Document]:
    return lambda call, document: document if document["items"] else change(call, document)


def _count_as(text: str) -> Hook[Response]:
    def change(response: Response) -> Response:
        head, found, rest = response.body.partition(b'"currentCount":')
        digits = rest[: len(rest) - len(rest.lstrip(b"-0123456789"))]
        written = text.replace("N", digits.decode()).encode()
        body = head + found + written + rest[len(digits) :] if found else response.body
        return Response(response.status, response.headers, body)

    return on_success(change)


def _go_time(text: str) -> str:
    return f"{parse_timestamp(text).datetime:%Y-%m-%d %H:%M:%S.%f} +0800 CST"


def _rename_risks(item: Any) -> None:
    for risk in item["status"].get("riskList") or ():
        risk["name"] = risk.pop("riskName", None)


def _no_message_in_init(item: Any) -> None:
    if item["status"]["status"] == "Init":
        item["status"].pop("message", None)


def _created_without_message(_call: Call, document: Document) -> Document:
    for item in document["status"]["items"]:
        _no_message_in_init(item)
    return document


def _one_match_as_object(_call: Call, document: Document) -> Document:
    if len(document["items"]) == 1:
        document["items"] = document["items"][0]
    return document


def _rename_created(item: Any) -> None:
    item["metadata"]["createTimestamp"] = item["metadata"].pop("createTimeStamp")


def _risks_beside_status(item: Any) -> None:
    item["riskList"] = item["status"].pop("riskList")


FAULTS: Final = (
    _missing(name="kind-missing", summary="List answers have no `kind`.", document=in_document(drop("kind"))),
    _missing(
        name="api-version-missing",
        summary="List answers have no `apiVersion`.",
        document=in_document(drop("apiVersion")),
    ),
    _missing(
        name="page-info-missing",
        summary="List answers have no `pageInfo`.",
        document=in_document(drop("pageInfo")),
    ),
    _missing(
        name="count-missing",
        summary="`pageInfo` is empty.",
        document=in_document(drop("pageInfo.currentCount")),
    ),
    _missing(
        name="items-missing-when-nothing-matches",
        subtle=True,
        summary="`items` is left out where no task matches (Go's omitempty).",
        document=_when_empty(in_document(drop("items"))),
    ),
    _missing(
        name="task-id-missing-in-one-task",
        subtle=True,
        summary="One task has no `taskID`.",
        document=in_one(drop("metadata.taskID"), place=4),
    ),
    _missing(
        name="template-name-missing",
        summary="No task has an `addonTemplateName`.",
        document=in_each(drop("metadata.addonTemplateName")),
    ),
    _missing(
        name="create-time-missing-in-one-task",
        subtle=True,
        summary="One task has no `createTimeStamp`.",
        document=in_one(drop(_CREATED), place=6),
    ),
    _missing(
        name="metadata-type-missing",
        summary="Static tasks have no `type` (the zero value is left out).",
        document=in_each(lambda item: item.get("spec") or drop("metadata.type")(item)),
    ),
    _missing(
        name="status-missing-in-one-task",
        subtle=True,
        summary="A task in Init has no `status` at all.",
        document=in_one(drop("status"), _INIT),
    ),
    _missing(
        name="risk-level-missing-in-one-risk",
        subtle=True,
        summary="The second risk of one task has no `level`.",
        document=in_one(drop("status.riskList.1.level"), place=3),
    ),
    _missing(
        name="risk-name-missing",
        summary="Risks have `name` instead of `riskName`.",
        document=in_each(_rename_risks),
    ),
    _mistyped(name="count-as-text", summary="`currentCount` is a string.", respond=_count_as('"N"')),
    _mistyped(
        name="items-null-when-nothing-matches",
        subtle=True,
        summary="`items` is null where no task matches (Go's nil slice).",
        document=_when_empty(in_document(put("items", None))),
    ),
    _mistyped(
        name="body-is-an-array",
        summary="The answer is the bare list of tasks.",
        respond=on_success(lambda r: Response(r.status, r.headers, b"[" + r.body + b"]")),
    ),
    _mistyped(
        name="message-null-in-init",
        subtle=True,
        summary="The message of a task in Init is null.",
        document=in_one(put("status.message", None), _INIT),
    ),
    _mistyped(
        name="risk-list-null-in-one-task",
        subtle=True,
        summary="A successful task's `riskList` is null.",
        document=in_one(put("status.riskList", None), _SUCCESS),
    ),
    _mistyped(
        name="instance-name-null-in-one-task",
        subtle=True,
        summary="One task's `addonInstanceName` is null.",
        document=in_one(put("metadata.addonInstanceName", None), place=7),
    ),
    _mistyped(
        name="spec-null-on-static-tasks",
        summary="`spec` of static tasks is null instead of absent.",
        document=in_each(lambda item: item.setdefault("spec")),
    ),
    _mistyped(
        name="target-version-as-number",
        subtle=True,
        summary="One task's `addonTargetVersion` is a number.",
        document=in_one(put("spec.addonTargetVersion", 1.27), of_type(TaskType.UPGRADE), 1),
    ),
    _mistyped(
        name="create-time-as-number",
        summary="`createTimeStamp` counts milliseconds.",
        document=in_each(alter(_CREATED, lambda text: parse_timestamp(text).seconds * 1000)),
    ),
    _mistyped(
        name="risk-list-as-map",
        summary="`riskList` is an object by risk name.",
        document=in_each(alter("status.riskList", lambda risks: {risk["riskName"]: risk for risk in risks or ()})),
    ),
    _undocumented(
        name="kind-in-lower-case",
        summary="`kind` is `addoncheck`.",
        document=in_document(put("kind", "addoncheck")),
    ),
    _undocumented(
        name="api-version-with-minor",
        summary="`apiVersion` is `v3.1`.",
        document=in_document(put("apiVersion", "v3.1")),
    ),
    _undocumented(
        name="state-in-upper-case",
        summary="States are spelt INIT, RUNNING, FAILED and SUCCESS.",
        document=in_each(alter("status.status", lambda state: str(state).upper())),
    ),
    _undocumented(
        name="state-undocumented-in-one-task",
        subtle=True,
        summary="A task in Init is shown as Pending.",
        document=in_one(put("status.status", "Pending"), _INIT, 1),
    ),
    _undocumented(
        name="risk-state-undocumented-in-one-risk",
        subtle=True,
        summary="One risk of a successful task is Skipped.",
        document=in_one(put("status.riskList.2.status", "Skipped"), _SUCCESS, 1),
    ),
    _undocumented(
        name="level-undocumented-in-one-risk",
        subtle=True,
        summary="One risk's level is Info.",
        document=in_one(put("status.riskList.0.level", "Info"), _FAILED, 1),
    ),
    _undocumented(
        name="type-in-lower-case-in-one-task",
        subtle=True,
        summary="One task's type is spelt addonstatic.",
        document=in_one(put("metadata.type", "addonstatic"), of_type(TaskType.STATIC), 2),
    ),
    _timestamp(
        name="create-time-without-offset",
        summary="`createTimeStamp` has no offset.",
        document=in_each(alter(_CREATED, lambda text: text[:-6])),
    ),
    _timestamp(
        name="create-time-in-go-form",
        summary="`createTimeStamp` is what Go's Time.String writes.",
        document=in_each(alter(_CREATED, _go_time)),
    ),
    _timestamp(
        name="create-time-in-unix-seconds",
        summary="`createTimeStamp` is a text of digits.",
        document=in_each(alter(_CREATED, lambda text: str(parse_timestamp(text).seconds))),
    ),
    _timestamp(
        name="offset-without-colon-in-one-task",
        subtle=True,
        summary="One task's `expireTimeStamp` ends in +0800.",
        document=in_one(alter("metadata.expireTimeStamp", lambda text: text.replace("+08:00", "+0800")), _FAILED),
    ),
    _timestamp(
        name="expiry-on-a-day-that-is-not",
        subtle=True,
        summary="One task expires on 30 February.",
        document=in_one(put("metadata.expireTimeStamp", "2026-02-30T08:00:00.000000001+08:00"), _SUCCESS),
    ),
    _timestamp(
        name="create-time-with-ten-digits",
        subtle=True,
        summary="One task's `createTimeStamp` has ten fractional digits.",
        document=in_one(alter(_CREATED, lambda text: text.replace("+", "7+")), place=8),
    ),
    _fault(
        name="count-with-fraction",
        codes=("PRE205",),
        summary="`currentCount` is written as 12.0.",
        respond=_count_as("N.0"),
    ),
    _fault(
        name="count-with-exponent",
        codes=("PRE205",),
        subtle=True,
        summary="`currentCount` is written as 12e0.",
        respond=_count_as("Ne0"),
    ),
    _fault(
        name="count-negative",
        codes=("PRE205", "PRE309"),
        summary="`currentCount` is -1.",
        document=in_document(put("pageInfo.currentCount", -1)),
    ),
    _fault(
        name="count-over-32-bits",
        codes=("PRE205", "PRE309"),
        summary="`currentCount` is 4,294,967,296 too large.",
        document=in_document(alter("pageInfo.currentCount", lambda count: count + 2**32)),
    ),
    _fault(
        name="task-id-empty-in-one-task",
        codes=("PRE206",),
        subtle=True,
        summary="One task's `taskID` is the empty string.",
        document=in_one(put("metadata.taskID", ""), place=5),
    ),
    _fault(
        name="template-name-empty-in-one-task",
        codes=("PRE206",),
        subtle=True,
        summary="One task's `addonTemplateName` is the empty string.",
        document=in_one(put("metadata.addonTemplateName", ""), place=2),
    ),
    _fault(
        name="items-object",
        codes=("PRE210",),
        summary="A single match is an object instead of an array, as in the vendor's example.",
        document=_one_match_as_object,
    ),
    _fault(
        name="create-timestamp-spelling",
        codes=("PRE211",),
        summary="The field is spelt `createTimestamp`, as in the vendor's example.",
        document=in_each(_rename_created),
    ),
    _fault(
        name="risk-list-beside-status",
        codes=("PRE212",),
        summary="`riskList` stands beside `status`, as in the vendor's example.",
        document=in_each(_risks_beside_status),
    ),
    _fault(
        name="status-without-message",
        codes=("PRE213",),
        summary="Tasks in Init have no message, as in the vendor's example.",
        document=in_each(_no_message_in_init),
        created=_created_without_message,
    ),
)
