"""Other ways to follow the contract, of which no check may complain; their summaries are in ``catalogue.toml``."""

from __future__ import annotations

import gzip
import json
import re
import uuid
from dataclasses import replace
from datetime import timedelta
from hashlib import sha256
from typing import TYPE_CHECKING, Any, Final

from pytest_cce_precheck.simulator.busy import busy
from pytest_cce_precheck.simulator.catalogue import HookTable, load_variations
from pytest_cce_precheck.simulator.creation import names_a_cluster, parse_request
from pytest_cce_precheck.simulator.hooks import (
    FINAL,
    INSTANCE,
    TASK_ID,
    accept,
    each,
    filtered,
    given,
    hide,
    in_each,
    items_of,
    nothing,
    on_error,
    put,
    refuse_with,
    select_by_pairs,
    when,
    with_body,
    with_document,
    with_header,
)
from pytest_cce_precheck.simulator.refusals import (
    Refusal,
    bad_request,
    internal_error,
    not_found,
    refuse,
    throttled,
    unavailable,
)
from pytest_cce_precheck.simulator.routing import Route, admit, find_route
from pytest_cce_precheck.simulator.selection import field_of
from pytest_cce_precheck.wire.exchange import Headers, Response
from pytest_cce_precheck.wire.timestamps import Timestamp, format_timestamp, parse_timestamp
from pytest_cce_precheck.wire.vocabulary import REQUEST_ID_HEADER, Filter, TaskState, TaskType

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

    from pytest_cce_precheck.simulator.hooks import Change, TaskCondition
    from pytest_cce_precheck.simulator.pipeline import Call, Document, Hook, Variation
    from pytest_cce_precheck.simulator.population import Population
    from pytest_cce_precheck.simulator.state import Task


# the answer from which on an optional field is there
_LATER: Final = 8

# ---- the cluster


def _main_cluster(**fields: Any) -> Callable[[Population], Population]:
    return lambda population: replace(population, **fields)


# ---- refusals


def _unknown_id_is_404(call: Call, refusal: Refusal | None) -> Refusal | None:
    for name in (TASK_ID, INSTANCE):
        values = call.query.values.get(name, ())
        if refusal is None and values and {field_of(task, name) for task in call.listed}.isdisjoint(values):
            return not_found("unknown-id")
    return refusal


def _malformed_id_is_400(call: Call, refusal: Refusal | None) -> Refusal | None:
    for name in (TASK_ID, INSTANCE):
        for value in call.query.values.get(name, ()):
            try:
                uuid.UUID(value)
            except ValueError:
                return bad_request("malformed-id", f"{name} is not a UUID.")
    return refusal


def _has_empty_value(call: Call) -> bool:
    return any(not value and name not in call.query.filters for name, value in call.query.given)


def _empty_combination_is_404(call: Call, response: Response) -> Response:
    ids = call.query.filters & {TASK_ID, INSTANCE}
    if response.status != 200 or not ids or response.document.get("items") != []:
        return response
    document = {"errorCode": not_found("none").code, "errorMessage": "No task matches."}
    return with_document(replace(response, status=404), document)


def _another_cluster_id(call: Call, refusal: Refusal | None) -> Refusal | None:
    is_another = refusal is not None and refusal.reason == "cluster-id" and names_a_cluster(call.request.body)
    return None if is_another else refusal


def _several_entries_are_409(call: Call, refusal: Refusal | None) -> Refusal | None:
    document = parse_request(call.request.body)
    if refusal is None and len(document["spec"]["addonList"]) > 1:
        return Refusal("busy", 409, "CCE.03409001", "A check of that add-on is running.")
    return refusal


def _any_values_are_400(call: Call, refusal: Refusal | None) -> Refusal | None:
    document = parse_request(call.request.body)
    if refusal is None and any(entry.get("values") for entry in document["spec"]["addonList"]):
        return bad_request("unknown-values", "values has a parameter that the add-on does not know.")
    return refusal


def _unknown_parameter_is_400(call: Call, refusal: Refusal | None) -> Refusal | None:
    unknown = {name for name, _ in call.query.params} - set(Filter)
    return bad_request("unknown-parameter", "unknown parameter.") if unknown else refusal


# ---- selections and documents


def _created_within(seconds: float) -> TaskCondition:
    return lambda call, task: task.id in call.created_ids and call.now - task.created.at < timedelta(seconds=seconds)


def _leaves_early(call: Call, task: Task) -> bool:
    return FINAL(call, task) and task.id in call.created_ids and call.now >= task.timetable.ends + timedelta(seconds=1)


def _fields_appear(call: Call, document: Document) -> Document:
    """Leave out what is optional in the first answers."""
    for task in document["items"] if call.number < _LATER else ():
        _without_optional(task)
    return document


def _not_by_instance(call: Call, tasks: list[Task]) -> list[Task]:
    return [task for task in tasks if task.target_version is not None or task.id in call.created_ids]


def _without_instance(call: Call, document: Document) -> Document:
    # checks of an add-on that is no longer installed
    for task in document["items"]:
        if "spec" not in task and task["metadata"]["taskID"] not in call.created_ids:
            del task["metadata"]["addonInstanceID"], task["metadata"]["addonInstanceName"]
    return document


def _more_fields(_call: Call, document: Document) -> Document:
    for task in items_of(document):
        task["metadata"]["labels"] = {"stage": "blue"}
        task["status"]["progress"] = 50
        for risk in task["status"]["riskList"]:
            risk["suggestion"] = None
        task["kind"] = "AddonCheckTask"
    if "pageInfo" in document:
        document["pageInfo"]["nextMarker"] = ""
    return {"traceId": "0f", **document, "warnings": []}


def _shuffled(call: Call, document: Document) -> Document:
    call.rng.shuffle(document["items"])
    return document


def _by_state(_call: Call, document: Document) -> Document:
    order = [str(state) for state in TaskState]
    document["items"].sort(key=lambda item: order.index(item["status"]["status"]))
    return document


def _count_of_all(call: Call, document: Document) -> Document:
    document["pageInfo"]["currentCount"] = len(call.listed)
    return document


def _timestamps(change: Callable[[Timestamp], Timestamp]) -> Change:
    def write(task: Any) -> None:
        for name in {"createTimeStamp", "expireTimeStamp"} & task["metadata"].keys():
            task["metadata"][name] = format_timestamp(change(parse_timestamp(task["metadata"][name])))

    return write


def _without_optional(task: Any) -> None:
    task["metadata"].pop("addonInstanceName", None)
    task["status"].pop("riskList", None)
    task.pop("spec", None)


def _without_risk_messages(task: Any) -> None:
    for risk in task["status"]["riskList"]:
        risk.pop("message", None)


# in both calls
_DOCUMENTS: Final = {
    "unknown-fields": _more_fields,
    "timestamps-in-utc": in_each(_timestamps(lambda stamp: replace(stamp, offset_minutes=0))),
    "timestamps-without-fraction": in_each(_timestamps(lambda stamp: replace(stamp, nanoseconds=0, digits=0))),
    "optional-fields-absent": in_each(_without_optional),
    "risk-messages-absent": in_each(_without_risk_messages),
    "risk-lists-empty": in_each(put("status.riskList", [])),
    "spec-empty": in_each(lambda task: task.setdefault("spec", {})),
}


# ---- responses


def _compressed(call: Call, response: Response) -> Response:
    if "gzip" not in call.request.headers.get("Accept-Encoding", "") or not response.body:
        return response
    pairs = (*response.headers.pairs, ("Content-Encoding", "gzip"), ("Vary", "Accept-Encoding"))
    return Response(response.status, Headers(pairs), gzip.compress(response.body, mtime=0))


def _throttled_by_the_gateway() -> Response:
    answer = _gateway_error(refuse(throttled()))
    return replace(answer, headers=answer.headers.without("Retry-After"))


def _gateway_error(response: Response) -> Response:
    document = {
        "error_code": f"APIG.0{response.status % 1000}",
        "error_msg": response.document["errorMessage"],
        "request_id": response.headers.get(REQUEST_ID_HEADER, "none"),
    }
    return with_document(response, document)


def _header(name: str, value: str | None) -> Hook[Response]:
    return lambda _, response: with_header(response, name, value)


def _with_charset(_call: Call, response: Response) -> Response:
    given = response.headers.get("Content-Type")
    return response if given is None else with_header(response, "Content-Type", f"{given};charset=UTF-8")


def _lower_case_names(_call: Call, response: Response) -> Response:
    return replace(response, headers=Headers((name.lower(), value) for name, value in response.headers.pairs))


def _spaced(_call: Call, response: Response) -> Response:
    text = json.dumps(response.document, ensure_ascii=False, indent=4)
    return with_body(response, text.encode() + b"\n")


def _escaped(_call: Call, response: Response) -> Response:
    return with_body(response, json.dumps(response.document).replace("/", "\\/").encode())


def _one_of_several(place: int) -> Hook[list[Task]]:
    def hook(call: Call, _tasks: list[Task]) -> list[Task]:
        return select_by_pairs(call, [(name, some[place]) for name, some in call.query.values.items()])

    return hook


def _is_repeated(call: Call) -> bool:
    return any(len(some) > 1 for some in call.query.values.values())


def _head_as_get(call: Call, route: Route | Refusal) -> Route | Refusal:
    if isinstance(route, Refusal) and route.reason == "method" and call.request.method == "HEAD":
        found = find_route(replace(call.request, method="GET"))
        return admit(found, call.request, call.state, call.ids) if isinstance(found, Route) else found
    return route


def _conditional(call: Call, response: Response) -> Response:
    if response.status != 200:
        return response
    tag = f'"{sha256(response.body).hexdigest()[:16]}"'
    response = with_header(response, "ETag", tag)
    if tag in call.request.headers.get("If-None-Match", ""):
        return Response(304, response.headers.without("Content-Type"))
    return response


def _ranged(call: Call, response: Response) -> Response:
    found = re.fullmatch(r"bytes=(\d+)-(\d+)", call.request.headers.get("Range", ""))
    if response.status != 200 or found is None:
        return response
    part = response.body[int(found[1]) : int(found[2]) + 1]
    value = f"bytes {found[1]}-{int(found[1]) + len(part) - 1}/{len(response.body)}"
    return replace(with_header(response, "Content-Range", value), status=206, body=part)


HOOKS: Final[HookTable] = {
    "route": {"head-answered": _head_as_get},
    "population": {
        "no-tasks": _main_cluster(tasks=0),
        "one-task": _main_cluster(tasks=1),
        "many-tasks": _main_cluster(tasks=2000),
        "static-tasks-only": _main_cluster(types=(TaskType.STATIC,)),
        "upgrade-tasks-only": _main_cluster(types=(TaskType.UPGRADE,)),
    },
    "before": {
        "throttled": refuse_with(throttled(), each(5)),
        "throttled-by-the-gateway": lambda call, answer: _throttled_by_the_gateway() if each(5)(call) else answer,
        "fails-every-ninth-time": refuse_with(internal_error(), each(9)),
        "sometimes-unavailable": refuse_with(unavailable(), each(7)),
        "busy-cluster": busy,
    },
    "check": {
        "unknown-type-matches-nothing": accept("unknown-type"),
        "unknown-ids-404": _unknown_id_is_404,
        "empty-value-400": when(_has_empty_value, lambda _call, _refusal: bad_request("empty", "empty parameter.")),
        "malformed-ids-400": _malformed_id_is_400,
        "repeated-parameters-400": when(_is_repeated, lambda _call, _refusal: bad_request("repeated", "given twice.")),
        "unknown-parameters-400": _unknown_parameter_is_400,
    },
    "observe": {
        "created-tasks-listed-later": hide(_created_within(6.0)),
        "finished-tasks-leave-early": hide(_leaves_early),
    },
    "select": {
        "created-tasks-found-by-filters-later": when(filtered, hide(_created_within(6.0))),
        "empty-value-matches-nothing": when(_has_empty_value, nothing),
        "first-of-repeated-values": _one_of_several(0),
        "last-of-repeated-values": _one_of_several(-1),
        "instance-ids-absent": when(given(INSTANCE), _not_by_instance),
    },
    "document": {
        **_DOCUMENTS,
        "items-shuffled": _shuffled,
        "items-by-state": _by_state,
        "count-of-the-cluster": _count_of_all,
        "instance-ids-absent": _without_instance,
        "busy-cluster": _shuffled,
        "optional-fields-appear-later": _fields_appear,
    },
    "validate": {
        "create-takes-any-add-on": accept("instance", "template"),
        "create-takes-another-cluster-id": _another_cluster_id,
        "create-refuses-several": _several_entries_are_409,
        "create-refuses-values": _any_values_are_400,
    },
    "created": _DOCUMENTS,
    "respond": {
        "gateway-errors": on_error(_gateway_error),
        "empty-combinations-404": _empty_combination_is_404,
        "content-type-with-charset": _with_charset,
        "no-request-id": _header(REQUEST_ID_HEADER, None),
        "conditional-answers": _conditional,
        "ranges-answered": _ranged,
        "body-spaced": _spaced,
        "body-escaped": _escaped,
    },
    "encode": {
        "gzip": _compressed,
        "header-names-in-lower-case": _lower_case_names,
        "connection-close": _header("Connection", "close"),
        "caching-forbidden": _header("Cache-Control", "no-store, private"),
    },
}

VARIATIONS: Final[Mapping[str, Variation]] = load_variations(HOOKS)
"""Every variation by its name."""
