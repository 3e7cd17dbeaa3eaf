"""The create call: bad requests that are accepted, and other tasks than those asked for."""

from __future__ import annotations

import html
import json
import re
from collections.abc import Callable
from dataclasses import replace
from datetime import timedelta
from functools import partial
from types import NoneType, UnionType
from typing import Any, Final

from pytest_cce_precheck.simulator.creation import make_tasks, names_a_cluster, parse_request
from pytest_cce_precheck.simulator.hooks import (
    Change,
    accept,
    alter,
    drop,
    in_document,
    in_each,
    on_status,
    put,
    unfiltered,
    when,
    with_status,
)
from pytest_cce_precheck.simulator.pipeline import Call, Document, Edit, HookTable
from pytest_cce_precheck.simulator.refusals import INTERNAL_ERROR, Refusal, refuse
from pytest_cce_precheck.simulator.rendering import timestamp
from pytest_cce_precheck.simulator.state import Task
from pytest_cce_precheck.wire.vocabulary import TOKEN_HEADER, TaskType


def _as_number(version: str) -> str:
    try:
        return str(float(version))
    except ValueError:
        return version


_DATE: Final = re.compile(r"\d{4}-\d{2}-\d{2}")
_ORDINARY: Final = re.compile(r"(\d+\.\d+)\.\d+")
_OTHER_TARGET: Final = alter("spec.addonTargetVersion", lambda _: "9.9.9")
_TWO_PARTS: Final = alter(
    "spec.addonTargetVersion", lambda version: found[1] if (found := _ORDINARY.fullmatch(version)) else version
)


def _lose_last(call: Call, document: Document) -> None:
    items = document["status"]["items"]
    if len(items) > 1:
        call.state.remove(call.cluster.id, items.pop()["metadata"]["taskID"])


def _lose_from(start: int, call: Call, document: Document) -> None:
    """Show the tasks from a place on, and list none of these."""
    for item in document["status"]["items"][start:]:
        call.state.remove(call.cluster.id, item["metadata"]["taskID"])


def _first_twice(_call: Call, document: Document) -> None:
    for item in document["status"]["items"][:1]:
        again = {**item["metadata"], "taskID": item["metadata"]["taskID"][::-1]}
        document["status"]["items"].append({**item, "metadata": again})


def _other_instance(call: Call, document: Document) -> None:
    for item in document["status"]["items"]:
        other = next(each for each in call.cluster.instances if each.id != item["metadata"]["addonInstanceID"])
        item["metadata"].update(
            addonInstanceID=other.id, addonInstanceName=other.name, addonTemplateName=other.template
        )


def _change_made(change: Callable[[Task], Task], field: str, shown: Callable[[Task], str]) -> Edit:
    """Change the tasks that the call made, and show one of their fields so."""

    def edit(call: Call, document: Document) -> None:
        made = {item["metadata"]["taskID"]: item["metadata"] for item in document["status"]["items"]}
        for place, task in enumerate(call.cluster.tasks):
            if task.id in made:
                call.cluster.tasks[place] = changed = change(task)
                made[task.id][field] = shown(changed)

    return edit


def _other_shape(_call: Call, document: Document) -> None:
    names = [item["metadata"]["addonTemplateName"] for item in document["status"]["items"]]
    statuses = [{"name": name, "phase": "Running"} for name in names]
    document["status"] = {"phase": "Running", "itemsStatus": statuses}


def _make(call: Call) -> None:
    make_tasks(call, parse_request(call.request.body))


def _make_although_refused(call: Call, refusal: Refusal | None) -> Refusal | None:
    if refusal is not None:
        _make(call)
    return refusal


def _make_good_entries(call: Call, refusal: Refusal | None) -> Refusal | None:
    """Make the tasks of the good entries, and refuse because of a bad one."""
    reasons = ("missing-type", "order-type", "target-version", "template", "instance")
    if refusal is not None and refusal.reason in reasons:
        entries = parse_request(call.request.body)["spec"]["addonList"]
        good = [entry for entry in entries if call.cluster.instance(str(entry.get("addonInstanceID")))]
        make_tasks(call, {"spec": {"addonList": good}})
    return refusal


def _list_made(edit: Change, call: Call, document: Document) -> None:
    for item in document["items"]:
        if item["metadata"]["taskID"] in call.created_ids:
            edit(item)


def _in_values(kind: type | UnionType, change: Callable[[Any], Any]) -> Edit:
    """Change everything of a type that is in the `values` of the answer, however deep, the innermost first."""

    def changed(value: Any) -> Any:
        if isinstance(value, dict):
            value = {name: changed(each) for name, each in value.items()}
        elif isinstance(value, list):
            value = [changed(each) for each in value]
        # True is no number
        fits = isinstance(value, kind) and (kind is bool or not isinstance(value, bool))
        return change(value) if fits else value

    return in_document(alter("spec.addonList.*.values", changed))


def _static_without_values(call: Call, document: Document) -> None:
    entries = parse_request(call.request.body)["spec"]["addonList"]
    made = zip(entries, (item["metadata"] for item in document["status"]["items"]), strict=True)
    without = {metadata["taskID"]: metadata for entry, metadata in made if "values" not in entry}
    for place, task in enumerate(call.cluster.tasks):
        if task.id in without:
            call.cluster.tasks[place] = replace(task, type=TaskType.STATIC)
            without[task.id]["type"] = str(TaskType.STATIC)


def _list_in_both(call: Call, document: Document) -> None:
    other = document["spec"].get("clusterID")
    for task in call.cluster.tasks if other in call.state.clusters.keys() - {call.cluster.id} else ():
        if task.id in {item["metadata"]["taskID"] for item in document["status"]["items"]}:
            call.state.add(other, task)


def _replace_others(call: Call, document: Document) -> None:
    """Remove what other requests made for the same instances, and what has not ended yet."""
    made = {item["metadata"]["taskID"]: item["metadata"]["addonInstanceID"] for item in document["status"]["items"]}
    for task in [*call.cluster.tasks]:
        ours = task.id in call.created_ids and task.id not in made
        if ours and task.instance.id in made.values() and not task.state(call.now).final:
            call.state.remove(call.cluster.id, task.id)


def _beside_another(edit: Edit, call: Call, document: Document) -> None:
    """Edit the answer to a create request that comes within a second of one on another connection."""
    caller, at = call.previous("create", (call.caller, call.now))
    if caller != call.caller and call.now - at < timedelta(seconds=1):
        edit(call, document)


def _id_of_the_one_before(call: Call, document: Document) -> None:
    [made] = document["status"]["items"][-1:]
    own = {item["metadata"]["taskID"] for item in document["status"]["items"]}
    before = next(task for task in reversed(call.cluster.tasks) if task.id not in own)
    call.state.remove(call.cluster.id, made["metadata"]["taskID"])
    made["metadata"]["taskID"] = before.id


def _no_list_of_one(_call: Call, document: Document) -> None:
    items = document["status"]["items"]
    if len(items) == 1:
        document["status"]["items"] = items[0]


HOOKS: Final[HookTable] = {
    "validate": {
        "create-accepts-another-kind": accept("kind"),
        "create-accepts-another-version": accept("api-version"),
        "create-accepts-another-cluster-id": accept("cluster-id", where=names_a_cluster),
        "create-accepts-an-unknown-type": accept("order-type"),
        "create-accepts-an-entry-without-type": accept("missing-type"),
        "create-accepts-an-upgrade-without-version": accept("target-version"),
        "create-accepts-what-is-no-json": accept("not-json"),
        "refused-create-makes-a-task": _make_although_refused,
        "refused-create-makes-the-good-ones": _make_good_entries,
    },
    "created": {
        "create-status-shape": _other_shape,
        "create-spec-cuts-long-texts": _in_values(str, lambda text: text[:255]),
        "create-spec-reads-dates": _in_values(
            str, lambda text: f"{text}T00:00:00.000Z" if _DATE.fullmatch(text) else text
        ),
        "create-spec-loses-values": in_document(drop("spec.addonList.*.values")),
        "create-spec-loses-cluster": in_document(drop("spec.clusterID")),
        "created-task-is-running": in_each(put("status.status", "Running"), put("status.riskList.0.status", "Running")),
        "created-risk-has-a-message": in_each(put("status.riskList.0.message", "waiting")),
        "created-risk-is-running": in_each(put("status.riskList.0.status", "Running")),
        "create-makes-one-task-less": _lose_last,
        "create-answers-one-task-more": _first_twice,
        "created-for-another-instance": _other_instance,
        "created-version-as-a-number": in_each(alter("spec.addonTargetVersion", _as_number)),
        "created-version-loses-its-build": in_each(
            alter("spec.addonTargetVersion", lambda version: version.partition("-")[0])
        ),
        "created-for-another-version": in_each(_OTHER_TARGET),
        "create-makes-twins": lambda call, _: _make(call),
        "create-type-mismatch": _change_made(
            lambda task: replace(task, type=TaskType.UPGRADE), "type", lambda task: str(task.type)
        ),
        "created-without-values-is-static": _static_without_values,
        "create-spec-escapes-values": _in_values(str, html.escape),
        "create-spec-writes-numbers-as-texts": _in_values(int | float, json.dumps),
        "create-spec-writes-booleans-as-numbers": _in_values(bool, int),
        "create-spec-cuts-fractions": _in_values(float, int),
        "create-spec-writes-null-as-an-empty-text": _in_values(NoneType, lambda _: ""),
        "create-spec-drops-empty-fields": _in_values(
            dict, lambda value: {name: each for name, each in value.items() if each not in ("", [], {}, None)}
        ),
        "create-accepts-another-cluster-id": _list_in_both,
        "created-hours-ago": _change_made(
            lambda task: replace(task, created=replace(task.created, at=task.created.at - timedelta(hours=8))),
            "createTimeStamp",
            lambda task: timestamp(task.created),
        ),
        "third-entry-of-a-create-is-not-made": partial(_lose_from, 2),
        "create-by-token-is-lost": when(lambda call: TOKEN_HEADER in call.request.headers, partial(_lose_from, 0)),
        "create-beside-another-is-lost": partial(_beside_another, partial(_lose_from, 0)),
        "create-beside-another-gets-its-id": partial(_beside_another, _id_of_the_one_before),
        "create-replaces-those-of-its-instance": _replace_others,
        "create-of-one-task-answers-no-list": _no_list_of_one,
        "create-answers-other-ids": in_each(alter("metadata.taskID", lambda task_id: task_id[::-1])),
    },
    "select": {"list-ends-after-18-tasks": when(unfiltered, lambda _, tasks: tasks[:18])},
    "document": {
        "created-task-listed-with-another-version": partial(_list_made, _OTHER_TARGET),
        "created-task-listed-with-two-parts-of-three": partial(_list_made, _TWO_PARTS),
    },
    "respond": {
        "create-answers-200": on_status(201, with_status(200)),
        "create-always-fails": on_status(
            201, lambda response: replace(refuse(INTERNAL_ERROR), headers=response.headers)
        ),
    },
}
