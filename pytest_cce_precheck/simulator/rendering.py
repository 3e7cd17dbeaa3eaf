"""Tasks as the documents of an answer."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from datetime import datetime
from typing import Any, Final

from pytest_cce_precheck.simulator.state import Moment, SimulatedRisk, Task
from pytest_cce_precheck.wire.timestamps import Timestamp, format_timestamp
from pytest_cce_precheck.wire.vocabulary import API_VERSION, KIND, TaskState

OFFSET_MINUTES: Final = 8 * 60
MESSAGES: Final[Mapping[TaskState, str]] = {
    TaskState.INIT: "Addon task check init",
    TaskState.RUNNING: "Addon task check running",
    TaskState.FAILED: "Addon task check finish",
    TaskState.SUCCESS: "Addon task check finish",
}


def timestamp(moment: Moment) -> str:
    """Format a moment as the service does: nine digits, China's offset."""
    return format_timestamp(Timestamp.from_datetime(moment.at, moment.nanoseconds, OFFSET_MINUTES))


def risk_document(risk: SimulatedRisk, now: datetime) -> dict[str, Any]:
    """Return a CheckTaskRisk; only one that has ended has a message."""
    state = risk.state(now)
    document = {"riskName": risk.name, "status": str(state), "level": str(risk.level)}
    if state.final:
        document["message"] = risk.remark
    return document


def status_document(task: Task, now: datetime) -> dict[str, Any]:
    """Return a CheckTaskStatus."""
    state = task.state(now)
    risks = [risk_document(risk, now) for risk in task.risks]
    return {"status": str(state), "message": MESSAGES[state], "riskList": risks}


def task_document(task: Task, now: datetime) -> dict[str, Any]:
    """Return an AddonCheckTask; a static check has no ``spec``, an unfinished one no expiry."""
    own = task.document(now)
    if own is not None:
        return own
    state = task.state(now)
    metadata = {
        "type": str(task.type),
        "taskID": task.id,
        "addonTemplateName": task.instance.template,
        "addonInstanceName": task.instance.name,
        "addonInstanceID": task.instance.id,
        "createTimeStamp": timestamp(task.created),
    }
    if state.final:
        metadata["expireTimeStamp"] = timestamp(task.expires)
    document: dict[str, Any] = {"metadata": metadata}
    if task.target_version is not None:
        document["spec"] = {"addonTargetVersion": task.target_version}
    document["status"] = status_document(task, now)
    return document


def list_document(tasks: Iterable[Task], now: datetime) -> dict[str, Any]:
    """Return the list answer; the count is that of the matching tasks."""
    items = [task_document(task, now) for task in tasks]
    return {"kind": KIND, "apiVersion": API_VERSION, "pageInfo": {"currentCount": len(items)}, "items": items}


def create_document(spec: object, tasks: Iterable[Task], now: datetime) -> dict[str, Any]:
    """Return the create answer, the request's ``spec`` as it was sent."""
    items = [task_document(task, now) for task in tasks]
    return {"kind": KIND, "apiVersion": API_VERSION, "spec": spec, "status": {"items": items}}
