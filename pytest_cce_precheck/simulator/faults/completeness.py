"""Single filters that leave tasks out, or show other content than the unfiltered list."""

from __future__ import annotations

from datetime import timedelta
from typing import TYPE_CHECKING, Final

from pytest_cce_precheck.simulator.hooks import (
    FAILED,
    FINAL,
    INIT,
    INSTANCE,
    RUNNING,
    TASK_ID,
    TYPE,
    alter,
    drop,
    filtered,
    given,
    hide,
    hide_one,
    in_each,
    in_one,
    keep,
    lose,
    nothing,
    of_type,
    only,
    put,
    unfiltered,
    when,
)
from pytest_cce_precheck.simulator.rendering import task_document
from pytest_cce_precheck.wire.vocabulary import TaskType

if TYPE_CHECKING:
    from pytest_cce_precheck.simulator.catalogue import HookTable
    from pytest_cce_precheck.simulator.pipeline import Call, Document, Hook
    from pytest_cce_precheck.simulator.state import Task


def _lose_match(place: int) -> Hook[list[Task]]:
    """Leave out one of several matches."""
    return lambda _, tasks: lose(tasks[place], tasks) if len(tasks) > 1 else tasks


def _as_hours_ago(call: Call, document: Document) -> Document:
    then = call.now - timedelta(hours=5)
    shown = {task.id: task for task in call.listed}
    ids = [item["metadata"]["taskID"] for item in document["items"]]
    document["items"] = [task_document(shown[task_id], then) for task_id in ids if task_id in shown]
    return document


def _in_another_zone(_call: Call, document: Document) -> Document:
    for item in document["items"]:
        if "expireTimeStamp" in item["metadata"]:
            item["metadata"]["expireTimeStamp"] = item["metadata"]["expireTimeStamp"].replace("+08:", "+09:")
    return document


def _shift_messages(_call: Call, document: Document) -> Document:
    texts = [item["status"]["message"] for item in document["items"]]
    for item, text in zip(document["items"], texts[1:] + texts[:1], strict=True):
        item["status"]["message"] = text
    return document


HOOKS: Final[HookTable] = {
    "select": {
        "one-task-lost-under-type": when(only(TYPE), _lose_match(1)),
        "newest-task-lost-under-instance": when(only(INSTANCE), _lose_match(-1)),
        "failed-tasks-lost-under-type": when(given(TYPE), hide(FAILED)),
        "unfinished-tasks-lost-under-instance": when(given(INSTANCE), keep(FINAL)),
        "running-task-not-found-by-id": when(given(TASK_ID), hide(RUNNING)),
        "static-task-not-found-by-id": when(given(TASK_ID), keep(of_type(TaskType.UPGRADE))),
        "one-task-not-found-by-id": when(only(TASK_ID), hide_one(place=6)),
        "page-of-five-under-a-filter": when(filtered, lambda _, tasks: tasks[:5]),
        "first-match-only": when(filtered, lambda _, tasks: tasks[:1]),
        "instance-filter-empties": when(given(INSTANCE), nothing),
        "one-instance-not-found": when(only(INSTANCE), hide(lambda _, task: task.instance.template == "everest")),
        "one-task-missing-from-the-unfiltered-list": when(unfiltered, hide_one(place=4)),
        "unfiltered-list-shows-ten": when(unfiltered, lambda _, tasks: tasks[-10:]),
        "task-listed-twice-under-instance": when(only(INSTANCE), lambda _, tasks: [*tasks, *tasks[-1:]]),
        "unfiltered-list-hides-init": when(unfiltered, hide(INIT)),
    },
    "document": {
        "filtered-view-is-hours-old": when(filtered, _as_hours_ago),
        "messages-shifted-under-instance": when(only(INSTANCE), _shift_messages),
        "expiry-in-another-zone-under-task-id": when(only(TASK_ID), _in_another_zone),
        "message-cut-under-type": when(only(TYPE), in_each(alter("status.message", lambda text: text[:10]))),
        "risks-missing-under-task-id": when(only(TASK_ID), in_each(drop("status.riskList"))),
        "expiry-missing-under-type": when(only(TYPE), in_each(drop("metadata.expireTimeStamp"))),
        "target-version-missing-under-instance": when(only(INSTANCE), in_each(drop("spec"))),
        "one-instance-name-differs-under-instance": when(
            only(INSTANCE), in_one(put("metadata.addonInstanceName", "cceaddon-other"), FINAL, 1)
        ),
    },
}
