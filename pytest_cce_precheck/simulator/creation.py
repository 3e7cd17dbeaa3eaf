"""The create call: what it accepts, and the tasks that it makes."""

from __future__ import annotations

from typing import Any, Final

from pytest_cce_precheck.errors import BodyError
from pytest_cce_precheck.simulator.pipeline import Call
from pytest_cce_precheck.simulator.refusals import Refusal, bad_request, not_found
from pytest_cce_precheck.simulator.state import Cluster, Instance, Task
from pytest_cce_precheck.wire.body import parse_json
from pytest_cce_precheck.wire.vocabulary import API_VERSION, KIND, TaskType

MOST_TASKS: Final = 50_000
"""How many tasks a cluster may have: whatever clients create, the simulator stays of use to others."""


def parse_request(body: bytes) -> Any:
    """Return the request's document, or None if it is not strict JSON."""
    try:
        return parse_json(body)
    except BodyError:
        return None


def names_a_cluster(call: Call) -> bool:
    """Return whether the body of a create request names any cluster."""
    return isinstance(parse_request(call.request.body)["spec"].get("clusterID"), str)


def check_request(document: Any, cluster: Cluster) -> Refusal | None:
    """Refuse a request that the contract does not allow, and name the first mistake."""
    if not isinstance(document, dict):
        return bad_request("not-json", "the body is not a JSON object.")
    if document.get("kind") != KIND:
        return bad_request("kind", f"kind must be {KIND}.")
    if document.get("apiVersion") != API_VERSION:
        return bad_request("api-version", f"apiVersion must be {API_VERSION}.")
    spec = document.get("spec")
    if not isinstance(spec, dict):
        return bad_request("spec", "spec must be an object.")
    if spec.get("clusterID") != cluster.id:
        return bad_request("cluster-id", "spec.clusterID is not the cluster of the path.")
    entries = spec.get("addonList")
    if not isinstance(entries, list) or not entries:
        return bad_request("addon-list", "spec.addonList must name at least one add-on.")
    problems = (_check_entry(entry, cluster) for entry in entries)
    return next((problem for problem in problems if problem is not None), None)


def _check_entry(entry: Any, cluster: Cluster) -> Refusal | None:
    if not isinstance(entry, dict):
        return bad_request("entry", "spec.addonList must hold objects.")
    for name in ("addonTemplateName", "addonInstanceID", "type"):
        if not isinstance(entry.get(name), str) or not entry[name]:
            return bad_request(f"missing-{name}", f"{name} is required.")
    if entry["type"] not in set(TaskType):
        return bad_request("order-type", "type must be addonStatic or addonUpgrade.")
    target = entry.get("targetVersion")
    if not isinstance(target, str | None):
        return bad_request("target-type", "targetVersion must be a string.")
    if entry["type"] == TaskType.UPGRADE and not target:
        return bad_request("target-version", "addonUpgrade needs a targetVersion.")
    if not isinstance(entry.get("values", {}), dict):
        return bad_request("values", "values must be an object.")
    instance = cluster.instance(entry["addonInstanceID"])
    if instance is None:
        return not_found("instance", "The add-on instance does not exist.")
    if instance.template != entry["addonTemplateName"]:
        return bad_request("template", "the instance is not of that add-on template.")
    return None


def check_room(document: Any, call: Call) -> Refusal | None:
    """Refuse a request after which the cluster would have too many tasks; those that are no longer listed are removed.

    No source says how many a cluster may have, so a service may refuse, in a documented form.
    """
    number = len(document["spec"]["addonList"])
    if len(call.cluster.tasks) + number > MOST_TASKS:
        call.state.sweep(call.now)
    if len(call.cluster.tasks) + number > MOST_TASKS:
        return bad_request("too-many-tasks", f"a cluster must not have more than {MOST_TASKS} check tasks.")
    return None


def make_tasks(call: Call, document: Any) -> list[Task]:
    """Make a task for each entry and list it; accepts any document, since a fault may accept a bad one."""
    spec = document.get("spec") if isinstance(document, dict) else None
    entries = spec.get("addonList") if isinstance(spec, dict) else None
    tasks = [_make(call, entry) for entry in entries or () if isinstance(entry, dict)]
    for task in tasks:
        call.state.add(call.cluster.id, task)
    return tasks


def _make(call: Call, entry: dict[str, Any]) -> Task:
    template, instance_id = str(entry.get("addonTemplateName")), str(entry.get("addonInstanceID"))
    unknown = Instance(instance_id, f"cceaddon-{template}", template, ())
    is_upgrade = entry.get("type") == TaskType.UPGRADE
    target = entry.get("targetVersion")
    return call.state.make(
        call.cluster.instance(instance_id) or unknown,
        TaskType.UPGRADE if is_upgrade else TaskType.STATIC,
        target if is_upgrade and isinstance(target, str) else None,
        call.now,
    )
