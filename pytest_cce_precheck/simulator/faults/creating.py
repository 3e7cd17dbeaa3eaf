"""The create call: bad orders that are accepted, and tasks that are not those asked for."""

from __future__ import annotations

from dataclasses import replace
from functools import partial
from typing import TYPE_CHECKING, Any, Final

from pytest_cce_precheck.simulator.creation import make_tasks, read_order
from pytest_cce_precheck.simulator.faults.tools import accept
from pytest_cce_precheck.simulator.pipeline import Call, Document, Fault, Hook
from pytest_cce_precheck.wire.exchange import Response
from pytest_cce_precheck.wire.vocabulary import TaskType

if TYPE_CHECKING:
    from pytest_cce_precheck.simulator.refusals import Refusal

_fault = partial(Fault, category="life cycle")
_accepts = partial(Fault, category="safety", codes=("PRE508",))


def _in_each_created(change: Any) -> Hook[Document]:
    def hook(_call: Call, document: Document) -> Document:
        for item in document["status"]["items"]:
            change(item)
        return document

    return hook


def _begun(item: Any) -> None:
    item["status"]["status"] = item["status"]["riskList"][0]["status"] = "Running"


def _first_risk(**fields: str) -> Hook[Document]:
    return _in_each_created(lambda item: item["status"]["riskList"][0].update(fields))


def _without_values(_call: Call, document: Document) -> Document:
    for entry in document["spec"].get("addonList", ()):
        entry.pop("values", None)
    return document


def _cluster_left_out(_call: Call, document: Document) -> Document:
    document["spec"].pop("clusterID", None)
    return document


def _forget_the_last(call: Call, document: Document) -> Document:
    items = document["status"]["items"]
    if len(items) > 1:
        lost = items.pop()
        call.world.remove(call.route.cluster_id if call.route else "", lost["metadata"]["taskID"])
    return document


def _first_twice(_call: Call, document: Document) -> Document:
    items = document["status"]["items"]
    if items:
        again = {**items[0], "metadata": {**items[0]["metadata"]}}
        again["metadata"]["taskID"] = items[0]["metadata"]["taskID"][::-1]
        items.append(again)
    return document


def _another_instance(call: Call, document: Document) -> Document:
    instances = call.world.clusters[call.route.cluster_id].instances if call.route else ()
    for item in document["status"]["items"]:
        other = next(i for i in instances if i.id != item["metadata"]["addonInstanceID"])
        item["metadata"].update(
            addonInstanceID=other.id, addonInstanceName=other.name, addonTemplateName=other.template
        )
    return document


def _other_target(item: Any) -> None:
    if "spec" in item:
        item["spec"]["addonTargetVersion"] = "9.9.9"


def _other_id(item: Any) -> None:
    item["metadata"]["taskID"] = item["metadata"]["taskID"][::-1]


def _all_upgrades(call: Call, document: Document) -> Document:
    cluster = call.world.clusters[call.route.cluster_id if call.route else call.places.cluster_id]
    made = {item["metadata"]["taskID"]: item for item in document["status"]["items"]}
    for place, task in enumerate(cluster.tasks):
        if task.id in made:
            cluster.tasks[place] = replace(task, type=TaskType.UPGRADE)
            made[task.id]["metadata"]["type"] = str(TaskType.UPGRADE)
    return document


def _other_shape(_call: Call, document: Document) -> Document:
    names = [item["metadata"]["addonTemplateName"] for item in document["status"]["items"]]
    statuses = [{"name": name, "phase": "Running"} for name in names]
    document["status"] = {"phase": "Running", "itemsStatus": statuses}
    return document


def _make_although_refused(call: Call, refusal: Refusal | None) -> Refusal | None:
    if refusal is not None and call.route is not None:
        cluster = call.world.clusters[call.route.cluster_id]
        make_tasks(read_order(call.request.body), cluster, call.world, call.now)
    return refusal


def _make_the_good_ones(call: Call, refusal: Refusal | None) -> Refusal | None:
    """Make tasks until the first bad entry, then refuse: no transaction."""
    order = read_order(call.request.body)
    reasons = ("missing-type", "order-type", "target-version", "template", "instance")
    if refusal is not None and refusal.reason in reasons and call.route is not None:
        cluster = call.world.clusters[call.route.cluster_id]
        known = [e for e in order["spec"]["addonList"] if cluster.instance(str(e.get("addonInstanceID")))]
        make_tasks({"spec": {"addonList": known}}, cluster, call.world, call.now)
    return refusal


def _as_ok(_call: Call, response: Response) -> Response:
    return Response(200, response.headers, response.body) if response.status == 201 else response


FAULTS: Final = (
    _fault(
        name="create-status-shape",
        codes=("PRE214",),
        summary="The create answer's `status` is {phase, itemsStatus}, as in the vendor's SDKs.",
        created=_other_shape,
    ),
    _fault(
        name="create-answers-200",
        codes=("PRE102",),
        summary="A create is answered with 200 instead of 201.",
        respond=_as_ok,
    ),
    _fault(
        name="create-spec-loses-values",
        codes=("PRE320",),
        subtle=True,
        summary="`values` are missing in the create answer's spec.",
        created=_without_values,
    ),
    _fault(
        name="create-spec-loses-cluster",
        codes=("PRE320",),
        summary="`clusterID` is missing in the create answer's spec.",
        created=_cluster_left_out,
    ),
    _fault(
        name="created-task-is-running",
        codes=("PRE321",),
        summary="Created tasks and their first risk are Running at once.",
        created=_in_each_created(_begun),
    ),
    _fault(
        name="created-risk-has-a-message",
        codes=("PRE321",),
        subtle=True,
        summary="The first risk of a created task has a message.",
        created=_first_risk(message="waiting"),
    ),
    _fault(
        name="created-risk-is-running",
        codes=("PRE321", "PRE307"),
        subtle=True,
        summary="The first risk of a created task is Running, the task in Init.",
        created=_first_risk(status="Running"),
    ),
    _fault(
        name="create-makes-one-task-less",
        codes=("PRE322",),
        subtle=True,
        summary="Of several add-ons, the last is left out.",
        created=_forget_the_last,
    ),
    _fault(
        name="create-answers-one-task-more",
        codes=("PRE322",),
        summary="The create answer has a task that nobody asked for.",
        created=_first_twice,
    ),
    _fault(
        name="created-for-another-instance",
        codes=("PRE322",),
        summary="Created tasks are of another instance.",
        created=_another_instance,
    ),
    _fault(
        name="created-for-another-version",
        codes=("PRE322",),
        subtle=True,
        summary="Created upgrade checks have another target version.",
        created=_in_each_created(_other_target),
    ),
    _fault(
        name="create-type-mismatch",
        codes=("PRE323",),
        summary="Created tasks are of type addonUpgrade whatever was asked, as in the vendor's example.",
        created=_all_upgrades,
    ),
    _fault(
        name="create-answers-other-ids",
        codes=("PRE507",),
        summary="The ids in the create answer are not those of the list.",
        created=_in_each_created(_other_id),
    ),
    _accepts(
        name="create-accepts-another-kind",
        summary="A create with another `kind` is carried out.",
        validate=accept("kind"),
    ),
    _accepts(
        name="create-accepts-another-version",
        subtle=True,
        summary="A create with another `apiVersion` is carried out.",
        validate=accept("api-version"),
    ),
    _accepts(
        name="create-accepts-another-cluster-id",
        subtle=True,
        summary="A create whose `clusterID` is not that of the path is carried out.",
        validate=accept("cluster-id"),
    ),
    _accepts(
        name="create-accepts-no-add-on",
        subtle=True,
        summary="A create with an empty `addonList` is carried out.",
        validate=accept("addon-list"),
    ),
    _accepts(
        name="create-accepts-an-unknown-type",
        summary="A create with an unknown `type` is carried out.",
        validate=accept("order-type"),
    ),
    _accepts(
        name="create-accepts-an-entry-without-type",
        subtle=True,
        summary="A create without `type` is carried out as addonStatic.",
        validate=accept("missing-type"),
    ),
    _accepts(
        name="create-accepts-an-upgrade-without-version",
        subtle=True,
        summary="An upgrade check without `targetVersion` is carried out.",
        validate=accept("target-version"),
    ),
    _accepts(
        name="create-accepts-what-is-no-json",
        summary="A body that is no JSON is answered with 201 and no tasks.",
        validate=accept("not-json"),
    ),
    _accepts(
        name="refused-create-makes-a-task",
        codes=("PRE510",),
        subtle=True,
        summary="A create is refused, and its tasks are made all the same.",
        validate=_make_although_refused,
    ),
    _accepts(
        name="refused-create-makes-the-good-ones",
        codes=("PRE510",),
        subtle=True,
        summary="A create with a bad entry is refused, and tasks for its known instances are made.",
        validate=_make_the_good_ones,
    ),
)
