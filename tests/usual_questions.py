"""What a dashboard or an upgrade tool asks the list call."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Final

from pytest_cce_precheck.explore.classes import unknown_value

if TYPE_CHECKING:
    from collections.abc import Callable

    from pytest_cce_precheck import Response

UNKNOWN_ID: Final = "0c0ffee0-7a5c-4e1d-9b1e-5eed5eed5eed"


def ask_ten_usual_questions(ask: Callable[..., Response | None]) -> None:
    """Ask what a dashboard or an upgrade tool asks; ``ask`` takes filters."""
    first = ask()
    tasks = _listed(first) if first is not None and first.status == 200 else []
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


def _listed(answer: Response) -> list[dict[str, str]]:
    try:
        return [task["metadata"] for task in json.loads(answer.body)["items"]]
    except (ValueError, LookupError, TypeError):
        return []
