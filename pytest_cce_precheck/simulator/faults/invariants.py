"""Answers that are well-formed and contradict themselves: expiry, verdicts, identity, count."""

from __future__ import annotations

from datetime import timedelta
from functools import partial
from typing import Any, Final

from pytest_cce_precheck.simulator.faults.tools import (
    alter,
    asked,
    asked_only,
    both,
    drop,
    final,
    in_document,
    in_each,
    in_one,
    in_state,
    put,
    victim,
    when,
)
from pytest_cce_precheck.simulator.pipeline import Call, Document, Fault
from pytest_cce_precheck.simulator.rendering import timestamp
from pytest_cce_precheck.simulator.world import Moment
from pytest_cce_precheck.wire.vocabulary import Filter, TaskState

_fault = partial(Fault, category="invariants")
_count = partial(Fault, category="count")
_EXPIRES: Final = "metadata.expireTimeStamp"
_COUNT: Final = "pageInfo.currentCount"
_INIT: Final = in_state(TaskState.INIT)
_RUNNING: Final = in_state(TaskState.RUNNING)
_FAILED: Final = in_state(TaskState.FAILED)
_SUCCESS: Final = in_state(TaskState.SUCCESS)


def _expiry_of_creation(item: Any) -> None:
    item["metadata"]["expireTimeStamp"] = item["metadata"]["createTimeStamp"]


def _swap_times(item: Any) -> None:
    metadata = item["metadata"]
    metadata["createTimeStamp"], metadata["expireTimeStamp"] = (
        metadata["expireTimeStamp"],
        metadata["createTimeStamp"],
    )


def _expiry_everywhere(call: Call, document: Document) -> Document:
    for item in document["items"]:
        later = timestamp(Moment(call.now + timedelta(hours=24), 500))
        item["metadata"].setdefault("expireTimeStamp", later)
    return document


def _twice(call: Call, document: Document) -> Document:
    task = victim(call, _FAILED, 1)
    for item in list(document["items"]):
        if task is not None and item["metadata"]["taskID"] == task.id:
            document["items"].append(item)
            document["pageInfo"]["currentCount"] += 1
    return document


def _shared_id(call: Call, document: Document) -> Document:
    keeper, other = victim(call, place=1), victim(call, place=5)
    for item in document["items"] if keeper and other else ():
        if other and keeper and item["metadata"]["taskID"] == other.id:
            item["metadata"]["taskID"] = keeper.id
    return document


def _no_risk_failed(item: Any) -> None:
    for risk in item["status"]["riskList"]:
        risk["status"] = "Success"


def _created_later(days: float) -> Any:
    def hook(call: Call, document: Document) -> Document:
        moment = timestamp(Moment(call.now + timedelta(days=days), 1))
        return in_one(put("metadata.createTimeStamp", moment), _INIT, 1)(call, document)

    return hook


def _count_of_cluster_for_instances(call: Call, document: Document) -> Document:
    if asked_only(call, Filter.ADDON_INSTANCE_ID):
        document["pageInfo"]["currentCount"] = len(call.listed)
    return document


def _count_of_type_alone(call: Call, document: Document) -> Document:
    if asked(call, Filter.TYPE) and len(call.question.filters) > 1:
        types = call.question.values[Filter.TYPE]
        document["pageInfo"]["currentCount"] = sum(task.type in types for task in call.listed)
    return document


def _count_of_all_clusters(call: Call, document: Document) -> Document:
    if not call.question.filters:
        document["pageInfo"]["currentCount"] = len(call.world.everything(call.now))
    return document


def _count_of_finished(_call: Call, document: Document) -> Document:
    document["pageInfo"]["currentCount"] = sum("expireTimeStamp" in i["metadata"] for i in document["items"])
    return document


FAULTS: Final = (
    _fault(
        name="expiry-on-a-running-task",
        codes=("PRE301",),
        subtle=True,
        summary="One running task has an expiry time.",
        document=lambda call, document: in_one(
            put(_EXPIRES, timestamp(Moment(call.now.replace(microsecond=0, second=0) + timedelta(days=1)))),
            _RUNNING,
            1,
        )(call, document),
    ),
    _fault(
        name="expiry-on-every-task",
        codes=("PRE301",),
        summary="All tasks have an expiry time, the unfinished ones too.",
        document=_expiry_everywhere,
    ),
    _fault(
        name="final-without-expiry",
        codes=("PRE302",),
        summary="Finished tasks have no expiry time, as in the vendor's example.",
        document=in_each(drop(_EXPIRES)),
    ),
    _fault(
        name="one-final-task-without-expiry",
        codes=("PRE302",),
        subtle=True,
        summary="One successful task has no expiry time.",
        document=in_one(drop(_EXPIRES), _SUCCESS, 1),
    ),
    _fault(
        name="expiry-before-creation",
        codes=("PRE303",),
        subtle=True,
        summary="One task's creation and expiry are exchanged.",
        document=in_one(_swap_times, final, 2),
    ),
    _fault(
        name="expiry-is-the-creation",
        codes=("PRE303",),
        subtle=True,
        summary="One task expires at the instant of its creation.",
        document=in_one(_expiry_of_creation, final),
    ),
    _fault(
        name="expiry-loses-its-offset",
        codes=("PRE303",),
        summary="Expiry is local time marked as UTC of the year before.",
        document=in_each(
            alter(_EXPIRES, lambda text: text and f"{int(text[:4]) - 1}{text[4:].replace('+08:00', 'Z')}")
        ),
    ),
    _fault(
        name="task-listed-twice",
        codes=("PRE304",),
        subtle=True,
        summary="One failed task is listed twice (a join without DISTINCT).",
        document=_twice,
    ),
    _fault(
        name="two-tasks-share-an-id",
        codes=("PRE304", "PRE402"),
        subtle=True,
        summary="Two different tasks have the same `taskID`.",
        document=_shared_id,
    ),
    _fault(
        name="failed-without-a-failed-risk",
        codes=("PRE305",),
        subtle=True,
        summary="One failed task's risks are all Success.",
        document=in_one(_no_risk_failed, _FAILED),
    ),
    _fault(
        name="success-with-a-failed-risk",
        codes=("PRE306",),
        subtle=True,
        summary="One successful task has a failed risk.",
        document=in_one(put("status.riskList.1.status", "Failed"), _SUCCESS),
    ),
    _fault(
        name="success-with-a-running-risk",
        codes=("PRE306",),
        subtle=True,
        summary="One successful task has a risk that is still running.",
        document=in_one(put("status.riskList.0.status", "Running"), _SUCCESS, 1),
    ),
    _fault(
        name="failed-shown-as-success",
        codes=("PRE306",),
        summary="Failed tasks are shown as Success, their risks as they are.",
        document=in_each(alter("status.status", lambda state: "Success" if state == "Failed" else state)),
    ),
    _fault(
        name="init-with-a-running-risk",
        codes=("PRE307",),
        subtle=True,
        summary="One task in Init has a risk that is running.",
        document=in_one(put("status.riskList.0.status", "Running"), _INIT),
    ),
    _fault(
        name="init-with-finished-risks",
        codes=("PRE307",),
        subtle=True,
        summary="One task in Init has two finished risks.",
        document=in_one(
            both(put("status.riskList.0.status", "Success"), put("status.riskList.1.status", "Failed")),
            _INIT,
            1,
        ),
    ),
    _fault(
        name="created-in-three-days",
        codes=("PRE308",),
        subtle=True,
        summary="One task was created three days after the answer's Date.",
        document=_created_later(3),
    ),
    _fault(
        name="failed-with-an-unfinished-risk",
        codes=("PRE311",),
        subtle=True,
        summary="One failed task has a risk that is still in Init.",
        document=in_one(
            lambda item: item["status"]["riskList"].append(
                {"riskName": "PodDisruptionBudget", "status": "Init", "level": "Warning"}
            ),
            _FAILED,
        ),
    ),
    _count(
        name="count-one-short",
        codes=("PRE309",),
        summary="`currentCount` is one less than there are items.",
        document=in_document(alter(_COUNT, lambda count: max(count - 1, 0))),
    ),
    _count(
        name="count-always-zero",
        codes=("PRE309",),
        summary="`currentCount` is never filled in.",
        document=in_document(put(_COUNT, 0)),
    ),
    _count(
        name="count-of-the-unfiltered-list-one-more",
        codes=("PRE309",),
        subtle=True,
        summary="Without a filter the count is one more than there are items.",
        document=when(lambda call: not call.question.filters, in_document(alter(_COUNT, lambda count: count + 1))),
    ),
    _count(
        name="count-of-finished-tasks-only",
        codes=("PRE309",),
        summary="`currentCount` leaves out the tasks that are not finished.",
        document=_count_of_finished,
    ),
    _count(
        name="count-of-all-clusters",
        codes=("PRE309",),
        subtle=True,
        summary="Without a filter the count is that of all clusters' tasks.",
        document=_count_of_all_clusters,
    ),
    _count(
        name="count-changes-its-meaning",
        codes=("PRE310",),
        subtle=True,
        summary="The count is of the matches, but of all tasks where only an instance is asked for.",
        document=_count_of_cluster_for_instances,
    ),
    _count(
        name="count-by-type-alone",
        codes=("PRE310",),
        subtle=True,
        summary="With several filters the count is that of the type alone.",
        document=_count_of_type_alone,
    ),
    _count(
        name="count-one-more-under-a-filter",
        codes=("PRE310",),
        summary="Under any filter the count is one more than the matches.",
        document=when(lambda call: bool(call.question.filters), in_document(alter(_COUNT, lambda count: count + 1))),
    ),
    _count(
        name="page-of-ten-counted",
        codes=("PRE309", "PRE405"),
        subtle=True,
        summary="At most ten tasks are listed, and all are counted: a page size that no parameter asks for.",
        document=lambda _, document: {**document, "items": document["items"][:10]},
    ),
)
