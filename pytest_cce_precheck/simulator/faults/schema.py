"""Fields that are missing, of the wrong type, or out of their documented values."""

from __future__ import annotations

import re
from dataclasses import replace
from typing import TYPE_CHECKING, Any, Final

from pytest_cce_precheck.simulator.hooks import (
    FAILED,
    INIT,
    SUCCESS,
    alter,
    drop,
    in_document,
    in_each,
    in_one,
    of_type,
    on_status,
    put,
)
from pytest_cce_precheck.wire.timestamps import parse_timestamp
from pytest_cce_precheck.wire.vocabulary import TaskType

if TYPE_CHECKING:
    from pytest_cce_precheck.simulator.catalogue import HookTable
    from pytest_cce_precheck.simulator.pipeline import Call, Document, Hook
    from pytest_cce_precheck.wire.exchange import Response

_CREATED: Final = "metadata.createTimeStamp"
_EXPIRES: Final = "metadata.expireTimeStamp"
_COUNT: Final = "pageInfo.currentCount"


def _when_empty(change: Hook[Document]) -> Hook[Document]:
    return lambda call, document: document if document["items"] else change(call, document)


def _count_as(written: bytes) -> Hook[Response]:
    """Write the count in another way; ``\\1`` stands for its digits."""
    return on_status(
        200,
        lambda response: replace(
            response, body=re.sub(rb'"currentCount":(-?[0-9]+)', rb'"currentCount":' + written, response.body, count=1)
        ),
    )


def _go_time(text: str) -> str:
    return f"{parse_timestamp(text).datetime:%Y-%m-%d %H:%M:%S.%f} +0800 CST"


def _rename_risks(item: Any) -> None:
    for risk in item["status"].get("riskList") or ():
        risk["name"] = risk.pop("riskName", None)


def _no_message_in_init(item: Any) -> None:
    if item["status"]["status"] == "Init":
        item["status"].pop("message", None)


def _one_match_as_object(_call: Call, document: Document) -> Document:
    if len(document["items"]) == 1:
        document["items"] = document["items"][0]
    return document


def _rename_created(item: Any) -> None:
    item["metadata"]["createTimestamp"] = item["metadata"].pop("createTimeStamp")


def _risks_beside_status(item: Any) -> None:
    item["riskList"] = item["status"].pop("riskList")


HOOKS: Final[HookTable] = {
    "document": {
        "kind-missing": in_document(drop("kind")),
        "api-version-missing": in_document(drop("apiVersion")),
        "page-info-missing": in_document(drop("pageInfo")),
        "count-missing": in_document(drop(_COUNT)),
        "items-missing-when-nothing-matches": _when_empty(in_document(drop("items"))),
        "task-id-missing-in-one-task": in_one(drop("metadata.taskID"), place=4),
        "template-name-missing": in_each(drop("metadata.addonTemplateName")),
        "create-time-missing-in-one-task": in_one(drop(_CREATED), place=6),
        "metadata-type-missing": in_each(lambda item: item.get("spec") or drop("metadata.type")(item)),
        "status-missing-in-one-task": in_one(drop("status"), INIT),
        "risk-level-missing-in-one-risk": in_one(drop("status.riskList.1.level"), place=3),
        "risk-name-missing": in_each(_rename_risks),
        "items-null-when-nothing-matches": _when_empty(in_document(put("items", None))),
        "message-null-in-init": in_one(put("status.message", None), INIT),
        "risk-list-null-in-one-task": in_one(put("status.riskList", None), SUCCESS),
        "instance-name-null-in-one-task": in_one(put("metadata.addonInstanceName", None), place=7),
        "spec-null-on-static-tasks": in_each(lambda item: item.setdefault("spec")),
        "target-version-as-number": in_one(put("spec.addonTargetVersion", 1.27), of_type(TaskType.UPGRADE), 1),
        "create-time-as-number": in_each(alter(_CREATED, lambda text: parse_timestamp(text).seconds * 1000)),
        "risk-list-as-map": in_each(
            alter("status.riskList", lambda risks: {risk["riskName"]: risk for risk in risks or ()})
        ),
        "kind-in-lower-case": in_document(put("kind", "addoncheck")),
        "api-version-with-minor": in_document(put("apiVersion", "v3.1")),
        "state-in-upper-case": in_each(alter("status.status", lambda state: str(state).upper())),
        "state-undocumented-in-one-task": in_one(put("status.status", "Pending"), INIT, 1),
        "risk-state-undocumented-in-one-risk": in_one(put("status.riskList.2.status", "Skipped"), SUCCESS, 1),
        "level-undocumented-in-one-risk": in_one(put("status.riskList.0.level", "Info"), FAILED, 1),
        "type-in-lower-case-in-one-task": in_one(put("metadata.type", "addonstatic"), of_type(TaskType.STATIC), 2),
        "create-time-without-offset": in_each(alter(_CREATED, lambda text: text[:-6])),
        "create-time-in-go-form": in_each(alter(_CREATED, _go_time)),
        "create-time-in-unix-seconds": in_each(alter(_CREATED, lambda text: str(parse_timestamp(text).seconds))),
        "offset-without-colon-in-one-task": in_one(
            alter(_EXPIRES, lambda text: text.replace("+08:00", "+0800")), FAILED
        ),
        "expiry-on-a-day-that-is-not": in_one(put(_EXPIRES, "2026-02-30T08:00:00.000000001+08:00"), SUCCESS),
        "create-time-with-ten-digits": in_one(alter(_CREATED, lambda text: text.replace("+", "7+")), place=8),
        "count-negative": in_document(put(_COUNT, -1)),
        "count-over-32-bits": in_document(alter(_COUNT, lambda count: count + 2**32)),
        "task-id-empty-in-one-task": in_one(put("metadata.taskID", ""), place=5),
        "template-name-empty-in-one-task": in_one(put("metadata.addonTemplateName", ""), place=2),
        "items-object": _one_match_as_object,
        "create-timestamp-spelling": in_each(_rename_created),
        "risk-list-beside-status": in_each(_risks_beside_status),
        "status-without-message": in_each(_no_message_in_init),
    },
    "created": {"status-without-message": in_each(_no_message_in_init)},
    "respond": {
        "count-as-text": _count_as(rb'"\1"'),
        "count-with-fraction": _count_as(rb"\1.0"),
        "count-with-exponent": _count_as(rb"\1e0"),
        "body-is-an-array": on_status(200, lambda response: replace(response, body=b"[" + response.body + b"]")),
    },
}
