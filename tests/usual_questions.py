"""What a dashboard or an upgrade tool asks the list call, and faults that these questions show."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Final

from pytest_cce_precheck.explore.classes import unknown_value

if TYPE_CHECKING:
    from collections.abc import Callable

    from pytest_cce_precheck import Response

UNKNOWN_ID: Final = "0c0ffee0-7a5c-4e1d-9b1e-5eed5eed5eed"
FAULTS: Final = (
    "type-filter-ignored",
    "task-id-filter-ignored",
    "type-filter-inverted",
    "unknown-type-selects-all",
    "unknown-task-id-selects-all",
    "one-task-lost-under-type",
    "failed-tasks-lost-under-type",
    "first-match-only",
    "one-task-missing-from-the-unfiltered-list",
    "unfiltered-list-hides-init",
    "message-cut-under-type",
    "risks-missing-under-task-id",
    "or-for-and",
    "last-filter-wins",
    "type-and-instance-refused",
    "second-of-equal-questions-differs",
    "count-changes-its-meaning",
    "running-task-begins-anew",
    "expiry-moves-with-every-read",
    "type-changes",
    "error-codes-malformed",
)


def ask_ten_usual_questions(ask: Callable[..., Response | None]) -> None:
    """Ask what a dashboard or an upgrade tool asks; ``ask`` takes filters."""
    first = ask()
    document = json.loads(first.body) if first is not None and first.status == 200 else {}
    tasks = [task["metadata"] for task in document.get("items", ())]
    task_id, instance, kind = (
        next((task[name] for task in tasks if name in task), other)
        for name, other in (("taskID", UNKNOWN_ID), ("addonInstanceID", UNKNOWN_ID), ("type", "addonStatic"))
    )
    for filters in (
        {"type": "addonStatic"},
        {"type": "addonUpgrade"},
        {"task_id": task_id},
        {"addon_instance_id": instance},
        {"type": kind, "addon_instance_id": instance},
        {"task_id": unknown_value(task_id)},
        {"type": "addonUnknown"},
        {"task_id": task_id},
        {},
    ):
        ask(**filters)
