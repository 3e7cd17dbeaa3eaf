"""Other ways to follow the contract: no check may complain of them."""

from __future__ import annotations

import gzip
import json
import uuid
from dataclasses import replace
from typing import TYPE_CHECKING, Any, Final

from pytest_cce_precheck.simulator.busy import busy
from pytest_cce_precheck.simulator.pipeline import Call, Document, Hook, Variation
from pytest_cce_precheck.simulator.refusals import (
    Refusal,
    bad_request,
    dumps,
    not_found,
    refuse,
    throttled,
    unavailable,
)
from pytest_cce_precheck.simulator.selection import field_of
from pytest_cce_precheck.wire.exchange import Headers, Response
from pytest_cce_precheck.wire.timestamps import Timestamp, format_timestamp, parse_timestamp
from pytest_cce_precheck.wire.vocabulary import REQUEST_ID_HEADER, Filter, TaskState, TaskType

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

    from pytest_cce_precheck.simulator.population import Population
    from pytest_cce_precheck.simulator.world import Task

_TIMES: Final = ("createTimeStamp", "expireTimeStamp")


def _tasks_of(document: Document) -> list[Any]:
    holder = document if "items" in document else document["status"]
    return list(holder["items"])


def _empty_combination_is_404(call: Call, response: Response) -> Response:
    ids = {Filter.TASK_ID, Filter.ADDON_INSTANCE_ID} & set(call.question.filters)
    if response.status != 200 or not ids or json.loads(response.body).get("items") != []:
        return response
    document = {"errorCode": not_found("none").code, "errorMessage": "No task matches."}
    return replace(response, status=404, body=dumps(document))


def _takes_any_add_on(_call: Call, refusal: Refusal | None) -> Refusal | None:
    return None if refusal is not None and refusal.reason in ("instance", "template") else refusal


def _shows(name: str, summary: str, change: Callable[[Any], None]) -> Variation:
    """Show tasks otherwise, in both calls."""

    def hook(_call: Call, document: Document) -> Document:
        for task in _tasks_of(document):
            change(task)
        return document

    return Variation(name=name, summary=summary, document=hook, created=hook)


def _more_fields(_call: Call, document: Document) -> Document:
    for task in _tasks_of(document):
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


def _compressed(call: Call, response: Response) -> Response:
    if "gzip" not in call.request.headers.get("Accept-Encoding", "") or not response.body:
        return response
    pairs = (*response.headers.pairs, ("Content-Encoding", "gzip"), ("Vary", "Accept-Encoding"))
    return Response(response.status, Headers(pairs), gzip.compress(response.body, mtime=0))


def _every(number: int, refusal: Callable[[], Refusal]) -> Hook[Response | None]:
    return lambda call, answer: refuse(refusal()) if call.number % number == 0 else answer


def _gateway_error(_call: Call, response: Response) -> Response:
    if response.status < 400:
        return response
    document = {
        "error_code": f"APIG.0{response.status % 1000}",
        "error_msg": response.document["errorMessage"],
        "request_id": response.headers.get(REQUEST_ID_HEADER, "none"),
    }
    return Response(response.status, response.headers, dumps(document))


def _count_of_all(call: Call, document: Document) -> Document:
    document["pageInfo"]["currentCount"] = len(call.listed)
    return document


def _unknown_type_matches_nothing(_call: Call, refusal: Refusal | None) -> Refusal | None:
    return None if refusal is not None and refusal.reason == "unknown-type" else refusal


def _unknown_id_is_404(call: Call, refusal: Refusal | None) -> Refusal | None:
    for name in (Filter.TASK_ID, Filter.ADDON_INSTANCE_ID):
        values = set(call.question.values.get(name, ()))
        if refusal is None and values and not values & {field_of(task, name) for task in call.listed}:
            return not_found("unknown-id")
    return refusal


def _empties(call: Call) -> bool:
    return any(not value and name not in call.question.filters for name, value in call.question.given)


def _empty_matches_nothing(call: Call, tasks: list[Task]) -> list[Task]:
    return [] if _empties(call) else tasks


def _empty_is_400(call: Call, refusal: Refusal | None) -> Refusal | None:
    return bad_request("empty", "Request is invalid: empty parameter.") if _empties(call) else refusal


def _malformed_id_is_400(call: Call, refusal: Refusal | None) -> Refusal | None:
    for name in (Filter.TASK_ID, Filter.ADDON_INSTANCE_ID):
        for value in call.question.values.get(name, ()):
            try:
                uuid.UUID(value)
            except ValueError:
                return bad_request("malformed-id", f"Request is invalid: {name} is not a UUID.")
    return refusal


def _times(write: Callable[[Timestamp], Timestamp]) -> Callable[[Any], None]:
    def change(task: Any) -> None:
        for name in _TIMES:
            if name in task["metadata"]:
                stamp = write(parse_timestamp(task["metadata"][name]))
                task["metadata"][name] = format_timestamp(stamp)

    return change


def _without_optional(task: Any) -> None:
    task["metadata"].pop("addonInstanceName", None)
    task["status"].pop("riskList", None)
    task.pop("spec", None)


def _without_instance(call: Call, document: Document) -> Document:
    # inspections of an add-on that is no longer installed
    for task in document["items"]:
        if "spec" not in task and task["metadata"]["taskID"] not in call.posted:
            del task["metadata"]["addonInstanceID"], task["metadata"]["addonInstanceName"]
    return document


def _not_by_instance(call: Call, tasks: list[Task]) -> list[Task]:
    if Filter.ADDON_INSTANCE_ID not in call.question.filters:
        return tasks
    return [task for task in tasks if task.target_version is not None or task.id in call.posted]


def _empty_risk_lists(task: Any) -> None:
    task["status"]["riskList"] = []


def _empty_spec(task: Any) -> None:
    task.setdefault("spec", {})


def _without_risk_messages(task: Any) -> None:
    for risk in task["status"]["riskList"]:
        risk.pop("message", None)


def _header(name: str, value: str) -> Hook[Response]:
    return lambda _, response: Response(response.status, response.headers.replacing(name, value), response.body)


def _with_charset(_call: Call, response: Response) -> Response:
    given = response.headers.get("Content-Type")
    if given is None:
        return response
    headers = response.headers.replacing("Content-Type", f"{given};charset=UTF-8")
    return Response(response.status, headers, response.body)


def _without_request_id(_call: Call, response: Response) -> Response:
    return Response(response.status, response.headers.without(REQUEST_ID_HEADER), response.body)


def _lower_case_names(_call: Call, response: Response) -> Response:
    pairs = ((name.lower(), value) for name, value in response.headers.pairs)
    return Response(response.status, Headers(pairs), response.body)


def _spaced(_call: Call, response: Response) -> Response:
    text = json.dumps(response.document, ensure_ascii=False, indent=4)
    return Response(response.status, response.headers, text.encode() + b"\n")


def _escaped(_call: Call, response: Response) -> Response:
    text = json.dumps(response.document).replace("/", "\\/")
    return Response(response.status, response.headers, text.encode())


def _fewer(tasks: int) -> Callable[[Population], Population]:
    return lambda population: replace(population, tasks=tasks)


_ALL: Final = (
    Variation(
        name="unknown-fields",
        summary="Objects have fields that the contract does not name.",
        document=_more_fields,
        created=_more_fields,
    ),
    Variation(name="items-shuffled", summary="`items` has another order each time.", document=_shuffled),
    Variation(name="items-by-state", summary="`items` is ordered by state.", document=_by_state),
    Variation(name="gzip", summary="Bodies are compressed for who accepts it.", encode=_compressed),
    Variation(
        name="throttled",
        summary="Each fifth call gets 429 with Retry-After: 1.",
        before=_every(5, throttled),
    ),
    Variation(
        name="sometimes-unavailable",
        summary="Each seventh call gets 503 with Retry-After: 1.",
        before=_every(7, unavailable),
    ),
    Variation(name="gateway-errors", summary="Errors are in the API gateway's form.", respond=_gateway_error),
    Variation(name="no-tasks", summary="The main cluster has no tasks.", population=_fewer(0)),
    Variation(name="one-task", summary="The main cluster has one task.", population=_fewer(1)),
    Variation(name="many-tasks", summary="The main cluster has 2,000 tasks.", population=_fewer(2000)),
    Variation(
        name="static-tasks-only",
        summary="The main cluster has static tasks only.",
        population=lambda population: replace(population, types=(TaskType.STATIC,)),
    ),
    Variation(
        name="upgrade-tasks-only",
        summary="The main cluster has upgrade tasks only.",
        population=lambda population: replace(population, types=(TaskType.UPGRADE,)),
    ),
    Variation(
        name="count-of-the-cluster",
        summary="`currentCount` is that of all tasks of the cluster.",
        document=_count_of_all,
    ),
    Variation(
        name="unknown-type-matches-nothing",
        summary="An unknown type is no error, and matches nothing.",
        check=_unknown_type_matches_nothing,
    ),
    Variation(name="unknown-ids-404", summary="An id that no task has gets 404.", check=_unknown_id_is_404),
    Variation(
        name="empty-combinations-404",
        summary="404 where an id is given and no task satisfies all filters.",
        respond=_empty_combination_is_404,
    ),
    Variation(
        name="create-takes-any-add-on",
        summary="The create call checks neither the instance nor its template.",
        validate=_takes_any_add_on,
    ),
    Variation(
        name="empty-value-matches-nothing",
        summary="An empty value is a value that no task has.",
        select=_empty_matches_nothing,
    ),
    Variation(name="empty-value-400", summary="An empty value is refused.", check=_empty_is_400),
    Variation(
        name="malformed-ids-400",
        summary="An id that is not a UUID is refused.",
        check=_malformed_id_is_400,
    ),
    _shows("timestamps-in-utc", "Timestamps end in Z.", _times(lambda stamp: replace(stamp, offset_minutes=0))),
    _shows(
        "timestamps-without-fraction",
        "Timestamps have whole seconds.",
        _times(lambda stamp: replace(stamp, nanoseconds=0, digits=0)),
    ),
    _shows(
        "optional-fields-absent",
        "Optional fields are left out, but for instance id and expiry.",
        _without_optional,
    ),
    Variation(
        name="instance-ids-absent",
        summary="Static tasks have no instance, and no instance filter finds them.",
        document=_without_instance,
        select=_not_by_instance,
    ),
    _shows("risk-messages-absent", "No risk has a message.", _without_risk_messages),
    _shows("risk-lists-empty", "Every risk list is empty.", _empty_risk_lists),
    _shows("spec-empty", "Static tasks have an empty `spec`.", _empty_spec),
    Variation(
        name="content-type-with-charset",
        summary="Content-Type has a charset, UTF-8.",
        respond=_with_charset,
    ),
    Variation(name="no-request-id", summary="Answers have no X-Request-Id.", respond=_without_request_id),
    Variation(
        name="header-names-in-lower-case",
        summary="Answers' header names are in lower case.",
        encode=_lower_case_names,
    ),
    Variation(
        name="connection-close",
        summary="The connection is closed after each answer.",
        encode=_header("Connection", "close"),
    ),
    Variation(
        name="caching-forbidden",
        summary="Answers have the headers of a proxy.",
        encode=_header("Cache-Control", "no-store, private"),
    ),
    Variation(name="body-spaced", summary="Bodies have white space.", respond=_spaced),
    Variation(name="body-escaped", summary="Bodies are ASCII, with escapes.", respond=_escaped),
    Variation(
        name="busy-cluster",
        summary="Others create tasks all the time; tasks move on, finish, expire; each fifth call waits.",
        before=busy,
        document=_shuffled,
    ),
)

VARIATIONS: Final[Mapping[str, Variation]] = {variation.name: variation for variation in _ALL}
"""Every variation by its name."""
