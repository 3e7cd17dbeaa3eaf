"""Errors in another form, with another status, or with too much in them."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING, Final

from pytest_cce_precheck.simulator.hooks import (
    INSTANCE,
    TYPE,
    each,
    on_error,
    on_status,
    only,
    refuse_with,
    with_body,
    with_document,
    with_header,
    with_status,
)
from pytest_cce_precheck.simulator.refusals import throttled, unavailable

if TYPE_CHECKING:
    from pytest_cce_precheck.simulator.catalogue import HookTable
    from pytest_cce_precheck.simulator.hooks import ResponseChange
    from pytest_cce_precheck.simulator.pipeline import Call, Hook
    from pytest_cce_precheck.wire.exchange import Response

_HTML: Final = b"<html><head><title>Error</title></head><body><h1>nginx</h1></body></html>"
_STACK: Final = (
    "java.lang.NullPointerException\n"
    "\tat com.huawei.cce.addon.PrecheckService.list(PrecheckService.java:118)\n"
    "\tat com.huawei.cce.addon.PrecheckResource.get(PrecheckResource.java:57)"
)
_SQL: Final = "SQLSTATE[42000]: Syntax error near 'addon_precheck_task WHERE type ='"


def _html(response: Response) -> Response:
    return with_body(with_header(response, "Content-Type", "text/html"), _HTML)


def _plain(response: Response) -> Response:
    text = str(response.document["errorMessage"])
    return with_body(with_header(response, "Content-Type", "text/plain"), text.encode())


def _with(**fields: object) -> ResponseChange:
    return lambda response: with_document(response, {**response.document, **fields})


def _without(name: str) -> ResponseChange:
    return lambda response: with_document(
        response, {key: value for key, value in response.document.items() if key != name}
    )


def _nested(response: Response) -> Response:
    old = response.document
    return with_document(response, {"error": {"code": old["errorCode"], "message": old["errorMessage"]}})


def _gateway_without_message(response: Response) -> Response:
    return with_document(response, {"error_code": "APIG.0301", "request_id": response.headers["X-Request-Id"]})


def _message_with_query(call: Call, response: Response) -> Response:
    if response.status != 400 or call.request.method != "GET":
        return response
    return _with(errorMessage=f"{_SQL} {call.request.query}")(response)


def _throttle(number: int, *headers: tuple[str, str]) -> Hook[Response | None]:
    """Throttle each ``number``-th call, with these headers instead of a right Retry-After."""
    return refuse_with(replace(throttled(), headers=headers), each(number))


HOOKS: Final[HookTable] = {
    "before": {
        "throttled-without-retry-after": _throttle(5),
        "retry-after-in-words": _throttle(5, ("Retry-After", "soon")),
        "retry-after-is-negative": _throttle(7, ("Retry-After", "-1")),
        "always-throttled": refuse_with(throttled()),
        "type-and-instance-never-available": refuse_with(unavailable(), only(TYPE, INSTANCE)),
    },
    "respond": {
        "errors-in-html": on_error(_html),
        "not-found-in-html-as-json": on_status(404, lambda response: with_body(response, _HTML)),
        "errors-without-body": on_error(lambda response: with_body(response, b"")),
        "errors-in-plain-text": on_error(_plain),
        "errors-without-message": on_error(_without("errorMessage")),
        "bad-request-without-code": on_status(400, _without("errorCode")),
        "errors-nested": on_error(_nested),
        "error-code-is-a-number": on_error(lambda response: _with(errorCode=response.status)(response)),
        "gateway-refusal-without-message": on_status(401, _gateway_without_message),
        "not-found-with-the-code-of-500": on_status(404, _with(errorCode="CCE.01500001")),
        "refusal-with-the-code-of-403": on_status(401, _with(errorCode="CCE.01403001")),
        "error-codes-malformed": on_error(_with(errorCode="CCE.Error")),
        "bad-request-as-404": on_status(400, with_status(404)),
        "errors-as-200": on_error(with_status(200)),
        "bad-request-as-200": on_status(400, with_status(200)),
        "not-found-as-200": on_status(404, with_status(200)),
        "errors-show-the-stack": on_error(_with(errorMessage=_STACK)),
        "bad-request-shows-sql": _message_with_query,
    },
}
