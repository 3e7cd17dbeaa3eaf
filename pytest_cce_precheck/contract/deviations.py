"""The vendor's documents contradict each other: recognise each contradiction by name, and normalise the document.

Each function takes a document, yields the places where it follows the other document and fixes them, so that the
other rules judge what remains. The document is the caller's own copy.
"""

from __future__ import annotations

import copy
import json
from collections.abc import Callable, Iterator
from typing import Any, Final

from pytest_cce_precheck.contract.answer import Operation, tasks_in
from pytest_cce_precheck.contract.findings import Finding
from pytest_cce_precheck.contract.rules import rules
from pytest_cce_precheck.wire.vocabulary import TaskState

_Fix = Callable[[dict[str, Any], Operation], Iterator[str]]


def items_object(document: dict[str, Any], operation: Operation) -> Iterator[str]:
    """D's example: `items` is the one task itself."""
    items = document.get("items")
    if operation == "list" and isinstance(items, dict) and isinstance(items.get("metadata"), dict):
        document["items"] = [items]
        yield "$.items"


def create_status_shape(document: dict[str, Any], operation: Operation) -> Iterator[str]:
    """P, G and J: the status of another call, with no list of tasks."""
    status = document.get("status") if operation == "create" else None
    if isinstance(status, dict) and "items" not in status and status.keys() & {"phase", "itemsStatus"}:
        document["status"] = {"items": []}
        yield "$.status"


def create_timestamp_spelling(document: dict[str, Any], operation: Operation) -> Iterator[str]:
    """D's example: `createTimestamp`."""
    for path, task in tasks_in(document, operation):
        metadata = task.get("metadata")
        if isinstance(metadata, dict) and "createTimestamp" in metadata and "createTimeStamp" not in metadata:
            metadata["createTimeStamp"] = metadata.pop("createTimestamp")
            yield f"{path}.metadata.createTimestamp"


def risk_list_beside_status(document: dict[str, Any], operation: Operation) -> Iterator[str]:
    """D's example: `riskList` is a field of the task."""
    for path, task in tasks_in(document, operation):
        status = task.get("status")
        if "riskList" in task and isinstance(status, dict) and "riskList" not in status:
            status["riskList"] = task.pop("riskList")
            yield f"{path}.riskList"


def status_without_message(document: dict[str, Any], operation: Operation) -> Iterator[str]:
    """C's example: a task in Init has no message; in another state a missing message follows no document."""
    for path, task in tasks_in(document, operation):
        status = task.get("status")
        if isinstance(status, dict) and status.get("status") == TaskState.INIT and "message" not in status:
            status["message"] = ""
            yield f"{path}.status.message"


# in this order: the first two make the list of tasks that the others go through
_FIXES: Final[tuple[tuple[str, _Fix], ...]] = (
    ("PRE210", items_object),
    ("PRE214", create_status_shape),
    ("PRE211", create_timestamp_spelling),
    ("PRE212", risk_list_beside_status),
    ("PRE213", status_without_message),
)


def normalise(document: dict[str, Any], operation: Operation) -> tuple[dict[str, Any], list[Finding]]:
    """Return the document in the form of the tables, and a finding for each deviation from it.

    ``final-without-expiry`` and ``create-type-mismatch`` change no shape: they are found among the invariants.
    """
    # a copy of every answer would be expensive
    if not _may_deviate(document, operation):
        return document, []
    normal = copy.deepcopy(document)
    found = ((code, list(fix(normal, operation))) for code, fix in _FIXES)
    return normal, [deviation(code, paths) for code, paths in found if paths]


def _may_deviate(document: dict[str, Any], operation: Operation) -> bool:
    items = document.get("items")
    if operation == "create" or not isinstance(items, list):
        return True
    for task in items:
        if not isinstance(task, dict):
            continue
        metadata, status = task.get("metadata"), task.get("status")
        if "riskList" in task or (isinstance(metadata, dict) and "createTimestamp" in metadata):
            return True
        if isinstance(status, dict) and "message" not in status:
            return True
    return False


def deviation(code: str, paths: list[str]) -> Finding:
    """Return the finding of one deviation, which is at all these places."""
    rule = rules()[code]
    where = f" in {len(paths)} places" if len(paths) > 1 else ""
    return Finding(
        code,
        f"{rule.title}{where} ({rule.name})",
        path=paths[0],
        subject=(rule.name,),
        evidence=(("documents", rule.source), ("places", json.dumps(paths[:3]))),
    )
