"""A driver whose SDK does everything right but for the one defect that it is started with."""

from __future__ import annotations

import contextlib
import http.client
import json
import os
import sys
from dataclasses import replace
from datetime import UTC, datetime
from typing import Any
from urllib.parse import urlsplit

from pytest_cce_precheck.wire.credentials import Credentials
from pytest_cce_precheck.wire.exchange import Headers, Request, encode_query
from pytest_cce_precheck.wire.signing import sign
from pytest_cce_precheck.wire.vocabulary import TOKEN_HEADER, create_path, list_path

DEFECT = sys.argv[1]
KEYS = Credentials.from_environment(os.environ)


class UnsentError(Exception):
    pass


def request_of(call: dict[str, Any]) -> Request:
    listing = call["operation"] == "list"
    path = (list_path if listing else create_path)(call["project_id"], call["cluster_id"])
    filters, addons = dict(call.get("filters", {})), call.get("addons", [])
    if DEFECT == "call-not-sent" and filters:
        raise UnsentError
    if DEFECT == "filter-lost":
        filters.pop("type", None)
    if DEFECT == "filter-encoded-twice":
        filters = {name: encode_query([("", text)])[1:] for name, text in filters.items()}
    if DEFECT == "parameter-invented":
        filters["limit"] = "100"
    if DEFECT == "path-wrong":
        path += "/"
    if DEFECT == "values-lost":
        addons = [{name: part for name, part in addon.items() if name != "values"} for addon in addons]
    spec = {"clusterID": call["cluster_id"], "addonList": addons}
    body = b"" if listing else json.dumps({"kind": "AddonCheck", "apiVersion": "v3", "spec": spec}).encode()
    headers = Headers({"Content-Type": "application/json"})
    request = Request(
        "GET" if listing else "POST", call["endpoint"], path, encode_query(filters.items()), headers, body
    )
    if call["authentication"] == "token" and DEFECT != "token-missing":
        assert KEYS.token is not None
        return request.with_headers(request.headers.replacing(TOKEN_HEADER, KEYS.token.reveal()))
    temporary = call["authentication"] == "temporary" and DEFECT != "security-token-missing"
    project = None if DEFECT == "project-missing" else call["project_id"]
    keys = KEYS if temporary else replace(KEYS, security_token=None)
    request = sign(request, keys, now=datetime.now(UTC), project_id=project)
    if DEFECT == "signature-wrong":
        wrong = request.headers["Authorization"][:-4] + "0000"
        request = request.with_headers(request.headers.replacing("Authorization", wrong))
    return request


def send(request: Request) -> tuple[int, dict[str, str], bytes]:
    connection = http.client.HTTPConnection(urlsplit(request.endpoint).netloc, timeout=5)
    connection.request(request.method, request.target, request.body or None, dict(request.headers.pairs))
    response = connection.getresponse()
    return response.status, dict(response.getheaders()), response.read()


def held(document: dict[str, Any]) -> dict[str, Any]:
    if DEFECT == "field-lost":
        for item in document.get("items", []):
            item.pop("spec", None)
    if DEFECT == "count-as-text" and "pageInfo" in document:
        document["pageInfo"]["currentCount"] = str(document["pageInfo"]["currentCount"])
    if DEFECT == "field-invented":
        document["nextMarker"] = ""
    return document


def outcome(call: dict[str, Any]) -> dict[str, Any]:
    try:
        request = request_of(call)
        status, headers, body = send(request)
        repeated = DEFECT == "retry-after-ignored" and "Retry-After" in headers
        status, headers, body = send(request) if repeated else (status, headers, body)
    except UnsentError:
        return failed("Refused", "a filter's value is not allowed")
    except (OSError, http.client.HTTPException) as error:
        if DEFECT == "create-repeated" and call["operation"] == "create":
            with contextlib.suppress(OSError, http.client.HTTPException):
                send(request)
        return failed(
            "ConnectionFailed", str(error), expected=DEFECT not in ("crash", "undocumented"), panic=DEFECT == "crash"
        )
    if status >= 300:
        if DEFECT == "failure-as-success":
            return {"outcome": "value", "value": {}}
        told = json.loads(body)
        code = {} if DEFECT == "code-lost" else {"code": told["errorCode"]}
        return failed("Told", told["errorMessage"], status=status, request_id=headers.get("X-Request-Id", ""), **code)
    if DEFECT == "not-readable":
        return failed("Unreadable", "no such field", status=status)
    return {"outcome": "value", "status": status, "value": held(json.loads(body))}


def failed(kind: str, message: str, *, expected: bool = True, **told: Any) -> dict[str, Any]:
    return {"outcome": "error", "error": {"class": kind, "expected": expected, "message": message, **told}}


def main() -> None:
    for line in sys.stdin:
        message = json.loads(line)
        answer = outcome(message) if message["do"] == "call" else INTRODUCTION
        print(json.dumps({"protocol": 1, "id": message["id"], **answer}), flush=True)


INTRODUCTION = {
    "language": "Fake 1",
    "sdk": {"name": "fake", "version": "1.0"},
    "operations": ["list", "create"],
    "authentication": ["ak/sk", "temporary", "token"],
}

if __name__ == "__main__":
    main()
