"""Exchanges that conform, to be spoilt in one place at a time."""

from __future__ import annotations

import copy
import json
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final

from pytest_cce_precheck.contract.answer import Answer
from pytest_cce_precheck.contract.check import check, judge
from pytest_cce_precheck.wire.exchange import Exchange, Headers, Request, Response
from pytest_cce_precheck.wire.vocabulary import create_path, list_path

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping

    from pytest_cce_precheck.contract.findings import Finding

Document = dict[str, Any]

DATA: Final = Path(__file__).resolve().parent.parent / "data"
ENDPOINT: Final = "https://cce.example"
DATE: Final = "Tue, 05 Aug 2025 12:00:00 GMT"
TOKEN: Final = "PLANTED-TOKEN-0123456789"
GOOD_HEADERS: Final = {"Content-Type": "application/json", "Date": DATE, "X-Request-Id": "b1946ac92492d234"}
FINISHED: Final = ("Failed", "Success")


def task(number: int = 0, state: str = "Success", **metadata: Any) -> Document:
    """A task as the tables have it; a field of ``metadata`` that is None is left out."""
    fields = {
        "type": "addonUpgrade",
        "taskID": f"8ca259cc-553b-11e9-926f-0255ac10{number:04x}",
        "addonTemplateName": "coredns",
        "addonInstanceName": "cceaddon-coredns",
        "addonInstanceID": "1d43577d-4b50-4723-b05b-2121f47cb219",
        "createTimeStamp": "2025-08-05T17:10:44.648388123+08:00",
        "expireTimeStamp": "2025-08-06T17:10:44.648388123+08:00" if state in FINISHED else None,
        **metadata,
    }
    return {
        "metadata": {name: value for name, value in fields.items() if value is not None},
        "spec": {"addonTargetVersion": "3.0.4"},
        "status": {
            "status": state,
            "message": "checked",
            "riskList": [risk(state), risk(state, "AddonValidate", "Fatal")],
        },
    }


def risk(state: str = "Success", name: str = "AddonStatus", level: str = "Warning") -> Document:
    return {"riskName": name, "status": state, "level": level, "message": "running"}


def listing(*tasks: Document, count: int | None = None) -> Document:
    number = len(tasks) if count is None else count
    return {"kind": "AddonCheck", "apiVersion": "v3", "pageInfo": {"currentCount": number}, "items": list(tasks)}


def listed(
    document: Any = None,
    *,
    query: str = "",
    status: int = 200,
    headers: Mapping[str, str | None] | None = None,
    method: str = "GET",
) -> Exchange:
    """Give a list call's exchange; ``document`` is JSON to be, or bytes; a header that is None is left out."""
    sent = Headers([("X-Auth-Token", TOKEN), ("Content-Type", "application/json")])
    request = Request(method, ENDPOINT, list_path("p", "c"), query, sent)
    return Exchange(request, _response(listing(task()) if document is None else document, status, headers))


def _response(document: Any, status: int, headers: Mapping[str, str | None] | None) -> Response:
    merged = {**GOOD_HEADERS, **(headers or {})}
    body = document if isinstance(document, bytes) else json.dumps(document).encode()
    return Response(status, Headers((name, value) for name, value in merged.items() if value is not None), body)


def entry(number: int = 0, type: str = "addonUpgrade", **fields: Any) -> Document:
    """What a create request asks for."""
    asked = {
        "addonTemplateName": "coredns",
        "addonInstanceID": f"1d43577d-4b50-4723-b05b-2121f47c{number:04x}",
        "type": type,
        "targetVersion": "3.0.4" if type == "addonUpgrade" else None,
        "values": {"basic": {"replicas": 2}},
        **fields,
    }
    return {name: value for name, value in asked.items() if value is not None}


def ordered(*entries: Document) -> Document:
    return {"kind": "AddonCheck", "apiVersion": "v3", "spec": {"clusterID": "c", "addonList": list(entries)}}


def created_task(asked: Document, number: int = 0) -> Document:
    """The task that a create call makes of an entry."""
    made = task(number, "Init", type=asked["type"], addonInstanceID=asked["addonInstanceID"])
    if "targetVersion" not in asked:
        del made["spec"]
    for each in made["status"]["riskList"]:
        del each["message"]
    return made


def creation(order: Document) -> Document:
    """The conforming answer to a create request."""
    made = [created_task(asked, number) for number, asked in enumerate(order["spec"]["addonList"])]
    return {**copy.deepcopy(order), "status": {"items": made}}


def created(document: Any = None, order: Any = None, *, status: int = 201) -> Exchange:
    """Give a create call's exchange; without ``order`` it asks for one upgrade check."""
    asked = ordered(entry()) if order is None else order
    body = asked if isinstance(asked, bytes) else json.dumps(asked).encode()
    request = Request("POST", ENDPOINT, create_path("p", "c"), "", Headers([("X-Auth-Token", TOKEN)]), body)
    return Exchange(request, _response(creation(asked) if document is None else document, status, None))


def refusal(status: int = 404, code: str | None = None, message: str = "Resource not found.") -> Document:
    """CCE's own error form."""
    return {"errorCode": code or f"CCE.01{status}001", "errorMessage": message}


def gateway_refusal(code: str = "APIG.0301", **fields: str) -> Document:
    return {"error_code": code, "error_msg": "Incorrect IAM authentication information", "request_id": "2f0d", **fields}


def example(call: str) -> Document:
    """The vendor's own example of an answer."""
    document: Document = json.loads((DATA / f"example_{call}_response.json").read_bytes())
    return document


def put(document: Document, *steps: Any) -> Document:
    """Set the place to which all steps but the last lead, in a copy."""
    *path, last, value = steps
    changed = copy.deepcopy(document)
    node: Any = changed
    for step in path:
        node = node[step]
    node[last] = value
    return changed


def drop(document: Document, *steps: Any) -> Document:
    *path, last = steps
    changed = copy.deepcopy(document)
    node: Any = changed
    for step in path:
        node = node[step]
    del node[last]
    return changed


def answer_of(*tasks: Document, query: str = "", count: int | None = None, date: str | None = DATE) -> Answer:
    """A list answer as the relations between answers read it."""
    answer, _ = judge(listed(listing(*tasks, count=count), query=query, headers={"Date": date}))
    assert answer is not None
    return answer


def codes(findings: Iterable[Finding], *severities: str) -> list[str]:
    """The codes found, of these severities; of errors and warnings where none is named."""
    return [each.code for each in findings if each.severity in (severities or ("error", "warning"))]


def verdict(exchange: Exchange, **expected: Any) -> list[str]:
    """The codes of the errors and warnings of one exchange."""
    return codes(check(exchange, **expected))
