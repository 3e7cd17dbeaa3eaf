"""Other ways to follow the contract, of which no check may complain; their summaries are in ``catalogue.toml``."""

from __future__ import annotations

import gzip
import json
import re
import uuid
from collections.abc import Callable, Mapping
from dataclasses import replace
from datetime import timedelta
from hashlib import sha256
from typing import Any, Final

from pytest_cce_precheck.simulator.busy import busy
from pytest_cce_precheck.simulator.creation import names_a_cluster, parse_request
from pytest_cce_precheck.simulator.hooks import (
    FINAL,
    INSTANCE,
    TASK_ID,
    Condition,
    TaskCondition,
    accept,
    alter,
    by_call,
    drop,
    each,
    filtered,
    given,
    hide,
    in_document,
    in_each,
    items_of,
    nothing,
    on_error,
    put,
    refuse_with,
    select_by_pairs,
    when,
    when_empty,
    with_document,
    with_header,
)
from pytest_cce_precheck.simulator.pipeline import Call, Document, Edit, Hook, HookTable, Variation, load_variations
from pytest_cce_precheck.simulator.refusals import (
    INTERNAL_ERROR,
    THROTTLED,
    UNAVAILABLE,
    Refusal,
    bad_request,
    not_found,
    refuse,
)
from pytest_cce_precheck.simulator.rendering import task_document
from pytest_cce_precheck.simulator.routing import Route, admit, find_route
from pytest_cce_precheck.simulator.selection import field_of
from pytest_cce_precheck.simulator.state import Task
from pytest_cce_precheck.wire.exchange import Headers, Response
from pytest_cce_precheck.wire.timestamps import format_timestamp, parse_timestamp
from pytest_cce_precheck.wire.vocabulary import REQUEST_ID_HEADER, Filter, TaskState, TaskType

# the answer from which on an optional field is there
_LATER: Final = 8

# ---- refusals


def _unknown_id_is_404(call: Call, refusal: Refusal | None) -> Refusal | None:
    for name in (TASK_ID, INSTANCE):
        values = call.query.values.get(name, ())
        if refusal is None and values and {field_of(task, name) for task in call.listed}.isdisjoint(values):
            return not_found("unknown-id")
    return refusal


def _has_malformed_id(call: Call) -> bool:
    ids = [value for name in (TASK_ID, INSTANCE) for value in call.query.values.get(name, ())]
    try:
        return not all(map(uuid.UUID, ids))
    except ValueError:
        return True


def _has_repeated_values(call: Call) -> bool:
    return any(len(some) > 1 for some in call.query.values.values())


def _has_empty_value(call: Call) -> bool:
    return any(not value and name not in call.query.filters for name, value in call.query.given)


def _refuse_creation_if(condition: Callable[[list[Any]], bool], refusal: Refusal) -> Hook[Refusal | None]:
    """Refuse a good create request if its entries meet a condition."""
    return lambda call, given: (
        refusal if given is None and condition(parse_request(call.request.body)["spec"]["addonList"]) else given
    )


def _refuse_if(condition: Condition, reason: str, problem: str) -> Hook[Refusal | None]:
    return when(condition, lambda _call, _refusal: bad_request(reason, problem))


# ---- selections and documents


def _created_within(seconds: float) -> TaskCondition:
    return lambda call, task: task.id in call.created_ids and call.now - task.created.at < timedelta(seconds=seconds)


def _leaves_early(call: Call, task: Task) -> bool:
    return FINAL(call, task) and task.id in call.created_ids and call.now >= task.timetable.ends + timedelta(seconds=1)


def _as_a_moment_ago(call: Call, document: Document) -> None:
    shown = {task.id: task for task in call.listed}
    ids = [item["metadata"]["taskID"] for item in document["items"]]
    document["items"] = [task_document(shown[key], call.now - timedelta(seconds=0.8)) for key in ids if key in shown]


def _without_instance(call: Call, document: Document) -> None:
    # checks of an add-on that is no longer installed
    for task in document["items"]:
        if "spec" not in task and task["metadata"]["taskID"] not in call.created_ids:
            del task["metadata"]["addonInstanceID"], task["metadata"]["addonInstanceName"]


def _shuffle(call: Call, document: Document) -> None:
    call.rng.shuffle(document["items"])


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


def _timestamps(**fields: int) -> Edit:
    def written(text: str) -> str:
        return format_timestamp(replace(parse_timestamp(text), **fields))

    return in_each(alter("metadata.createTimeStamp", written), alter("metadata.expireTimeStamp", written))


_WITHOUT_OPTIONAL: Final = in_each(drop("metadata.addonInstanceName"), drop("status.riskList"), drop("spec"))


# in both calls
_DOCUMENTS: Final = {
    "unknown-fields": _more_fields,
    "timestamps-in-utc": _timestamps(offset_minutes=0),
    "timestamps-without-fraction": _timestamps(nanoseconds=0, digits=0),
    "optional-fields-absent": _WITHOUT_OPTIONAL,
    "risk-messages-absent": in_each(drop("status.riskList.*.message")),
    "risk-lists-empty": in_each(put("status.riskList", [])),
    "spec-empty": in_each(lambda task: task.setdefault("spec", {})),
}


# ---- responses


def _compressed(call: Call, response: Response) -> Response:
    if "gzip" not in call.request.headers.get("Accept-Encoding", "") or not response.body:
        return response
    pairs = (*response.headers.pairs, ("Content-Encoding", "gzip"), ("Vary", "Accept-Encoding"))
    return Response(response.status, Headers(pairs), gzip.compress(response.body, mtime=0))


def _gateway_error(response: Response) -> Response:
    document = {
        "error_code": f"APIG.0{response.status % 1000}",
        "error_msg": response.document["errorMessage"],
        "request_id": response.headers.get(REQUEST_ID_HEADER, "none"),
    }
    return with_document(response, document)


def _header(name: str, value: str | None) -> Hook[Response]:
    return lambda _, response: with_header(response, name, value)


def _headers(write: Callable[[str, str], tuple[str, str]]) -> Hook[Response]:
    return lambda _, response: replace(response, headers=Headers(write(*pair) for pair in response.headers.pairs))


def _written(write: Callable[[Any], str]) -> Hook[Response]:
    return lambda _, response: replace(response, body=write(response.document).encode())


def _head_as_get(call: Call, route: Route | Refusal) -> Route | Refusal:
    if isinstance(route, Refusal) and route.reason == "method" and call.request.method == "HEAD":
        found = find_route(replace(call.request, method="GET"))
        return admit(found, call.request, call.state, call.ids) if isinstance(found, Route) else found
    return route


def _by_one_of_several(place: int) -> Hook[list[Task]]:
    return lambda call, _: select_by_pairs(call, [(name, some[place]) for name, some in call.query.values.items()])


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
        "no-tasks": lambda population: replace(population, tasks=0),
        "one-task": lambda population: replace(population, tasks=1),
        "many-tasks": lambda population: replace(population, tasks=2000),
        "static-tasks-only": lambda population: replace(population, types=(TaskType.STATIC,)),
        "upgrade-tasks-only": lambda population: replace(population, types=(TaskType.UPGRADE,)),
    },
    "before": {
        "throttled": refuse_with(THROTTLED, each(5)),
        "throttled-by-the-gateway": when(
            each(5), lambda _call, _answer: with_header(_gateway_error(refuse(THROTTLED)), "Retry-After", None)
        ),
        "fails-every-ninth-time": refuse_with(INTERNAL_ERROR, each(9)),
        "sometimes-unavailable": refuse_with(UNAVAILABLE, each(7)),
        "old-http-refused": refuse_with(
            Refusal("version", 426, "CCE.03426001", "Upgrade required."), lambda call: call.request.version == "1.0"
        ),
        "busy-cluster": busy,
    },
    "check": {
        "unknown-type-matches-nothing": accept("unknown-type"),
        "unknown-ids-404": _unknown_id_is_404,
        "empty-value-400": _refuse_if(_has_empty_value, "empty", "empty parameter."),
        "malformed-ids-400": _refuse_if(_has_malformed_id, "malformed-id", "an id is not a UUID."),
        "repeated-parameters-400": _refuse_if(_has_repeated_values, "repeated", "given twice."),
        "unknown-parameters-400": _refuse_if(
            lambda call: not set(Filter).issuperset(dict(call.query.params)), "unknown-parameter", "unknown parameter."
        ),
    },
    "observe": {
        "created-tasks-listed-later": hide(_created_within(6.0)),
        "finished-tasks-leave-early": hide(_leaves_early),
    },
    "select": {
        "created-tasks-found-by-filters-later": when(filtered, hide(_created_within(6.0))),
        "empty-value-matches-nothing": when(_has_empty_value, nothing),
        "repeated-values-joined-by-commas": when(_has_repeated_values, nothing),
        "first-of-repeated-values": _by_one_of_several(0),
        "last-of-repeated-values": _by_one_of_several(-1),
        "instance-ids-absent": when(
            given(INSTANCE), hide(lambda call, task: task.target_version is None and task.id not in call.created_ids)
        ),
    },
    "document": {
        **_DOCUMENTS,
        "messages-in-the-language-of-the-client": when(
            lambda call: call.request.headers.get("Accept-Language", "").startswith("zh"),
            in_each(put("status.message", "检查结束")),
        ),
        "items-shuffled": _shuffle,
        "items-by-state": lambda _, document: document["items"].sort(
            key=lambda item: list(TaskState).index(item["status"]["status"])
        ),
        "lists-of-a-moment-ago": when(lambda call: not given(TASK_ID)(call), _as_a_moment_ago),
        "task-id-of-a-moment-ago": when(given(TASK_ID), _as_a_moment_ago),
        "count-of-the-cluster": by_call(lambda call: in_document(put("pageInfo.currentCount", len(call.listed)))),
        "instance-ids-absent": _without_instance,
        "busy-cluster": _shuffle,
        "optional-fields-appear-later": when(lambda call: call.number < _LATER, _WITHOUT_OPTIONAL),
    },
    "validate": {
        "create-takes-any-add-on": accept("instance", "template"),
        "create-takes-any-values": accept("values"),
        "create-takes-another-cluster-id": accept("cluster-id", where=names_a_cluster),
        "create-refuses-several": _refuse_creation_if(
            lambda entries: len(entries) > 1, Refusal("busy", 409, "CCE.03409001", "A check of that add-on is running.")
        ),
        "create-refuses-the-member-values": _refuse_creation_if(
            lambda entries: any("values" in each for each in entries),
            bad_request("unknown-values", "values is not known."),
        ),
        "create-refuses-static-checks": _refuse_creation_if(
            lambda entries: any(each["type"] == TaskType.STATIC for each in entries),
            bad_request("static", "addonStatic is not offered."),
        ),
        "create-refuses-values": _refuse_creation_if(
            lambda entries: any(each.get("values") for each in entries),
            bad_request("unknown-values", "values has a parameter that the add-on does not know."),
        ),
    },
    "created": _DOCUMENTS,
    "respond": {
        "gateway-errors": on_error(_gateway_error),
        "empty-combinations-404": when(
            lambda call: bool(call.query.filters & {TASK_ID, INSTANCE}),
            when_empty(
                lambda response: replace(response, status=404, body=refuse(not_found("none", "No task matches.")).body)
            ),
        ),
        "content-type-with-charset": _headers(
            lambda name, value: (name, f"{value};charset=UTF-8" if name == "Content-Type" else value)
        ),
        "no-request-id": _header(REQUEST_ID_HEADER, None),
        "conditional-answers": _conditional,
        "ranges-answered": _ranged,
        "body-spaced": _written(lambda document: json.dumps(document, ensure_ascii=False, indent=4) + "\n"),
        "body-escaped": _written(lambda document: json.dumps(document).replace("/", "\\/")),
    },
    "encode": {
        "gzip": _compressed,
        "header-names-in-lower-case": _headers(lambda name, value: (name.lower(), value)),
        "connection-close": _header("Connection", "close"),
        "caching-forbidden": _header("Cache-Control", "no-store, private"),
    },
}

VARIATIONS: Final[Mapping[str, Variation]] = load_variations(HOOKS)
"""Every variation by its name."""
