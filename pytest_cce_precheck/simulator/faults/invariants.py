"""Answers that are well-formed and contradict themselves: expiry, verdicts, identity, count."""

from __future__ import annotations

from datetime import timedelta
from typing import TYPE_CHECKING, Any, Final

from pytest_cce_precheck.simulator.hooks import (
    FAILED,
    FINAL,
    INIT,
    INSTANCE,
    RUNNING,
    SUCCESS,
    TYPE,
    alter,
    drop,
    filtered,
    in_document,
    in_each,
    in_one,
    only,
    pick,
    put,
    unfiltered,
    when,
)
from pytest_cce_precheck.simulator.rendering import timestamp
from pytest_cce_precheck.simulator.state import Moment

if TYPE_CHECKING:
    from collections.abc import Callable

    from pytest_cce_precheck.simulator.catalogue import HookTable
    from pytest_cce_precheck.simulator.pipeline import Call, Document, Hook

_EXPIRES: Final = "metadata.expireTimeStamp"
_COUNT: Final = "pageInfo.currentCount"


def _expiry_on_a_running_task(call: Call, document: Document) -> Document:
    tomorrow = call.now.replace(microsecond=0, second=0) + timedelta(days=1)
    return in_one(put(_EXPIRES, timestamp(Moment(tomorrow))), RUNNING, 1)(call, document)


def _expiry_everywhere(call: Call, document: Document) -> Document:
    tomorrow = timestamp(Moment(call.now + timedelta(hours=24), 500))
    return in_each(lambda item: item["metadata"].setdefault("expireTimeStamp", tomorrow))(call, document)


def _expiry_of_creation(item: Any) -> None:
    item["metadata"]["expireTimeStamp"] = item["metadata"]["createTimeStamp"]


def _swap_times(item: Any) -> None:
    times = item["metadata"]
    times["createTimeStamp"], times["expireTimeStamp"] = times["expireTimeStamp"], times["createTimeStamp"]


def _year_before_in_utc(text: str | None) -> str | None:
    return text and f"{int(text[:4]) - 1}{text[4:].replace('+08:00', 'Z')}"


def _created_in_three_days(call: Call, document: Document) -> Document:
    moment = timestamp(Moment(call.now + timedelta(days=3), 1))
    return in_one(put("metadata.createTimeStamp", moment), INIT, 1)(call, document)


def _twice(call: Call, document: Document) -> Document:
    task = pick(call, FAILED, 1)
    for item in list(document["items"]):
        if task is not None and item["metadata"]["taskID"] == task.id:
            document["items"].append(item)
            document["pageInfo"]["currentCount"] += 1
    return document


def _shared_id(call: Call, document: Document) -> Document:
    task = pick(call, place=1)
    return in_one(put("metadata.taskID", task.id), place=5)(call, document) if task else document


def _no_failed_risk(item: Any) -> None:
    for risk in item["status"]["riskList"]:
        risk["status"] = "Success"


def _two_finished_risks(item: Any) -> None:
    for risk, state in zip(item["status"]["riskList"], ("Success", "Failed"), strict=False):
        risk["status"] = state


def _add_an_unfinished_risk(item: Any) -> None:
    item["status"]["riskList"].append({"riskName": "PodDisruptionBudget", "status": "Running", "level": "Warning"})


def _count(number: Callable[[Call, Document], int]) -> Hook[Document]:
    return lambda call, document: in_document(put(_COUNT, number(call, document)))(call, document)


def _of_asked_type(call: Call, _document: Document) -> int:
    return sum(task.type in call.query.values[TYPE] for task in call.listed)


_ONE_MORE: Final = in_document(alter(_COUNT, lambda count: count + 1))

HOOKS: Final[HookTable] = {
    "document": {
        "expiry-on-a-running-task": _expiry_on_a_running_task,
        "expiry-on-every-task": _expiry_everywhere,
        "final-without-expiry": in_each(drop(_EXPIRES)),
        "one-final-task-without-expiry": in_one(drop(_EXPIRES), SUCCESS, 1),
        "expiry-before-creation": in_one(_swap_times, FINAL, 2),
        "expiry-is-the-creation": in_one(_expiry_of_creation, FINAL),
        "expiry-loses-its-offset": in_each(alter(_EXPIRES, _year_before_in_utc)),
        "task-listed-twice": _twice,
        "two-tasks-share-an-id": _shared_id,
        "failed-without-a-failed-risk": in_one(_no_failed_risk, FAILED),
        "success-with-a-failed-risk": in_one(put("status.riskList.1.status", "Failed"), SUCCESS),
        "success-with-a-running-risk": in_one(put("status.riskList.0.status", "Running"), SUCCESS, 1),
        "failed-shown-as-success": in_each(
            alter("status.status", lambda state: "Success" if state == "Failed" else state)
        ),
        "init-with-a-running-risk": in_one(put("status.riskList.0.status", "Running"), INIT),
        "init-with-finished-risks": in_one(_two_finished_risks, INIT, 1),
        "created-in-three-days": _created_in_three_days,
        "failed-with-an-unfinished-risk": in_one(_add_an_unfinished_risk, FAILED),
        "count-one-short": in_document(alter(_COUNT, lambda count: max(count - 1, 0))),
        "count-always-zero": in_document(put(_COUNT, 0)),
        "count-of-the-unfiltered-list-one-more": when(unfiltered, _ONE_MORE),
        "count-of-finished-tasks-only": _count(
            lambda _, document: sum("expireTimeStamp" in item["metadata"] for item in document["items"])
        ),
        "count-of-all-clusters": when(unfiltered, _count(lambda call, _: len(call.state.everything(call.now)))),
        "count-changes-its-meaning": when(only(INSTANCE), _count(lambda call, _: len(call.listed))),
        "count-by-type-alone": when(
            lambda call: TYPE in call.query.filters and len(call.query.filters) > 1, _count(_of_asked_type)
        ),
        "count-one-more-under-a-filter": when(filtered, _ONE_MORE),
        "page-of-ten-counted": lambda _, document: {**document, "items": document["items"][:10]},
    }
}
