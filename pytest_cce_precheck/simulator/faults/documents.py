"""Fields that are missing, of the wrong type or undocumented, and documents that contradict themselves."""

from __future__ import annotations

import re
from collections.abc import Callable
from dataclasses import replace
from datetime import timedelta
from typing import Any, Final

from pytest_cce_precheck.simulator.hooks import (
    FAILED,
    FINAL,
    INIT,
    INSTANCE,
    RUNNING,
    SUCCESS,
    TYPE,
    Change,
    alter,
    by_call,
    drop,
    filtered,
    in_document,
    in_each,
    in_one,
    of_type,
    on_status,
    only,
    pick,
    put,
    rename,
    several_filters,
    unfiltered,
    when,
)
from pytest_cce_precheck.simulator.pipeline import Call, Document, Edit, Hook, HookTable
from pytest_cce_precheck.simulator.rendering import timestamp
from pytest_cce_precheck.simulator.state import Moment
from pytest_cce_precheck.wire.exchange import Response
from pytest_cce_precheck.wire.timestamps import parse_timestamp
from pytest_cce_precheck.wire.vocabulary import TaskType

_CREATED: Final = "metadata.createTimeStamp"
_EXPIRES: Final = "metadata.expireTimeStamp"
_COUNT: Final = "pageInfo.currentCount"
_STATE: Final = "status.status"


def _when_empty(change: Change) -> Edit:
    return lambda call, document: None if document["items"] else in_document(change)(call, document)


def _count_as(written: bytes) -> Hook[Response]:
    """Write the count in another way; ``\\1`` stands for its digits."""
    return on_status(
        200,
        lambda response: replace(
            response, body=re.sub(rb'"currentCount":(-?[0-9]+)', rb'"currentCount":' + written, response.body, count=1)
        ),
    )


def _no_message_in_init(item: Any) -> None:
    if item["status"]["status"] == "Init":
        item["status"].pop("message", None)


def _in_days(call: Call, days: int, nanoseconds: int) -> str:
    return timestamp(Moment(call.now + timedelta(days=days), nanoseconds))


def _swap_times(item: Any) -> None:
    times = item["metadata"]
    times["createTimeStamp"], times["expireTimeStamp"] = times["expireTimeStamp"], times["createTimeStamp"]


def _twice(call: Call, document: Document) -> None:
    task = pick(call, FAILED, 1)
    for item in list(document["items"]):
        if task is not None and item["metadata"]["taskID"] == task.id:
            document["items"].append(item)
            document["pageInfo"]["currentCount"] += 1


def _two_finished_risks(item: Any) -> None:
    for risk, state in zip(item["status"]["riskList"], ("Success", "Failed"), strict=False):
        risk["status"] = state


def _count(number: Callable[[Call, Document], int]) -> Edit:
    return lambda call, document: in_document(put(_COUNT, number(call, document)))(call, document)


_ONE_MORE: Final = in_document(alter(_COUNT, lambda count: count + 1))

HOOKS: Final[HookTable] = {
    "document": {
        "kind-missing": in_document(drop("kind")),
        "api-version-missing": in_document(drop("apiVersion")),
        "page-info-missing": in_document(drop("pageInfo")),
        "count-missing": in_document(drop(_COUNT)),
        "items-missing-when-nothing-matches": _when_empty(drop("items")),
        "task-id-missing-in-one-task": in_one(drop("metadata.taskID"), place=4),
        "template-name-missing": in_each(drop("metadata.addonTemplateName")),
        "create-time-missing-in-one-task": in_one(drop(_CREATED), place=6),
        "metadata-type-missing": in_each(lambda item: item.get("spec") or drop("metadata.type")(item)),
        "status-missing-in-one-task": in_one(drop("status"), INIT),
        "risk-level-missing-in-one-risk": in_one(drop("status.riskList.1.level"), place=3),
        "risk-name-missing": in_each(rename("status.riskList.*.riskName", "name")),
        "items-null-when-nothing-matches": _when_empty(put("items", None)),
        "message-null-in-init": in_one(put("status.message", None), INIT),
        "risk-list-null-in-one-task": in_one(put("status.riskList", None), SUCCESS),
        "instance-name-null-in-one-task": in_one(put("metadata.addonInstanceName", None), place=7),
        "spec-null-on-static-tasks": in_each(lambda item: item.setdefault("spec")),
        "target-version-as-number": in_one(put("spec.addonTargetVersion", 1.27), of_type(TaskType.UPGRADE), 1),
        "create-time-as-number": in_each(alter(_CREATED, lambda text: parse_timestamp(text).seconds * 1000)),
        "risk-list-as-map": in_each(alter("status.riskList", lambda risks: {risk["riskName"]: risk for risk in risks})),
        "kind-in-lower-case": in_document(put("kind", "addoncheck")),
        "api-version-with-minor": in_document(put("apiVersion", "v3.1")),
        "state-in-upper-case": in_each(alter(_STATE, lambda state: str(state).upper())),
        "state-undocumented-in-one-task": in_one(put(_STATE, "Pending"), INIT, 1),
        "risk-state-undocumented-in-one-risk": in_one(put("status.riskList.2.status", "Skipped"), SUCCESS, 1),
        "level-undocumented-in-one-risk": in_one(put("status.riskList.0.level", "Info"), FAILED, 1),
        "type-in-lower-case-in-one-task": in_one(put("metadata.type", "addonstatic"), of_type(TaskType.STATIC), 2),
        "create-time-without-offset": in_each(alter(_CREATED, lambda text: text[:-6])),
        "create-time-in-go-form": in_each(
            alter(_CREATED, lambda text: f"{parse_timestamp(text).datetime:%Y-%m-%d %H:%M:%S.%f} +0800 CST")
        ),
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
        "items-object": lambda _, document: (
            {**document, "items": document["items"][0]} if len(document["items"]) == 1 else None
        ),
        "create-timestamp-spelling": in_each(rename(_CREATED, "createTimestamp")),
        "risk-list-beside-status": in_each(lambda item: item.update(riskList=item["status"].pop("riskList"))),
        "status-without-message": in_each(_no_message_in_init),
        "expiry-on-a-running-task": by_call(lambda call: in_one(put(_EXPIRES, _in_days(call, 1, 500)), RUNNING, 1)),
        "expiry-on-every-task": by_call(
            lambda call: in_each(lambda item: item["metadata"].setdefault("expireTimeStamp", _in_days(call, 1, 500)))
        ),
        "final-without-expiry": in_each(drop(_EXPIRES)),
        "one-final-task-without-expiry": in_one(drop(_EXPIRES), SUCCESS, 1),
        "expiry-before-creation": in_one(_swap_times, FINAL, 2),
        "expiry-is-the-creation": in_one(
            lambda item: item["metadata"].update(expireTimeStamp=item["metadata"]["createTimeStamp"]), FINAL
        ),
        "expiry-loses-its-offset": in_each(
            alter(_EXPIRES, lambda text: f"{int(text[:4]) - 1}{text[4:].replace('+08:00', 'Z')}")
        ),
        "task-listed-twice": _twice,
        "two-tasks-share-an-id": by_call(lambda call: in_one(put("metadata.taskID", call.listed[1].id), place=5)),
        "failed-without-a-failed-risk": in_one(put("status.riskList.*.status", "Success"), FAILED),
        "success-with-a-failed-risk": in_one(put("status.riskList.1.status", "Failed"), SUCCESS),
        "success-with-a-running-risk": in_one(put("status.riskList.0.status", "Running"), SUCCESS, 1),
        "failed-shown-as-success": in_each(alter(_STATE, lambda state: "Success" if state == "Failed" else state)),
        "init-with-a-running-risk": in_one(put("status.riskList.0.status", "Running"), INIT),
        "init-with-finished-risks": in_one(_two_finished_risks, INIT, 1),
        "created-in-three-days": by_call(lambda call: in_one(put(_CREATED, _in_days(call, 3, 1)), INIT, 1)),
        "failed-with-an-unfinished-risk": in_one(
            alter(
                "status.riskList",
                lambda risks: [*risks, {"riskName": "PodDisruptionBudget", "status": "Running", "level": "Warning"}],
            ),
            FAILED,
        ),
        "count-one-short": in_document(alter(_COUNT, lambda count: max(count - 1, 0))),
        "count-always-zero": in_document(put(_COUNT, 0)),
        "count-of-the-unfiltered-list-one-more": when(unfiltered, _ONE_MORE),
        "count-of-finished-tasks-only": _count(
            lambda _, document: sum("expireTimeStamp" in item["metadata"] for item in document["items"])
        ),
        "count-of-all-clusters": when(unfiltered, _count(lambda call, _: len(call.state.everything(call.now)))),
        "count-changes-its-meaning": when(only(INSTANCE), _count(lambda call, _: len(call.listed))),
        "count-changes-its-meaning-in-the-other-cluster": when(
            lambda call: call.cluster.id == call.ids.other_cluster_id, _count(lambda call, _: len(call.listed))
        ),
        "count-by-type-alone": when(
            lambda call: TYPE in call.query.filters and several_filters(call),
            _count(lambda call, _: sum(task.type in call.query.values[TYPE] for task in call.listed)),
        ),
        "count-one-more-under-a-filter": when(filtered, _ONE_MORE),
        "page-of-ten-counted": lambda _, document: {**document, "items": document["items"][:10]},
    },
    "created": {"status-without-message": in_each(_no_message_in_init)},
    "respond": {
        "count-as-text": _count_as(rb'"\1"'),
        "count-with-fraction": _count_as(rb"\1.0"),
        "count-with-exponent": _count_as(rb"\1e0"),
        "body-is-an-array": on_status(200, lambda response: replace(response, body=b"[" + response.body + b"]")),
    },
}
