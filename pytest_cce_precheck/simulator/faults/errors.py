"""Errors in another form, with another status, or with too much in them."""

from __future__ import annotations

from dataclasses import replace
from functools import partial
from typing import Any, Final

from pytest_cce_precheck.simulator.faults.tools import asked_only, body_of, document_of, on_error
from pytest_cce_precheck.simulator.pipeline import Call, Fault, Hook
from pytest_cce_precheck.simulator.refusals import refuse, throttled, unavailable
from pytest_cce_precheck.wire.exchange import Response
from pytest_cce_precheck.wire.vocabulary import Filter

_fault = partial(Fault, category="errors")

_HTML: Final = b"<html><head><title>Error</title></head><body><h1>nginx</h1></body></html>"
_STACK: Final = (
    "java.lang.NullPointerException\n"
    "\tat com.huawei.cce.addon.PrecheckService.list(PrecheckService.java:118)\n"
    "\tat com.huawei.cce.addon.PrecheckResource.get(PrecheckResource.java:57)"
)
_SQL: Final = "SQLSTATE[42000]: Syntax error near 'addon_precheck_task WHERE type ='"


def _of_status(status: int, change: Any) -> Hook[Response]:
    return lambda _, response: change(response) if response.status == status else response


def _message(text: str) -> Any:
    return lambda response: document_of(response, {**response.document, "errorMessage": text})


def _without(name: str) -> Any:
    return lambda r: document_of(r, {key: value for key, value in r.document.items() if key != name})


def _html(response: Response) -> Response:
    return replace(response, headers=response.headers.replacing("Content-Type", "text/html"), body=_HTML)


def _html_as_json(response: Response) -> Response:
    return body_of(response, _HTML)


def _plain(response: Response) -> Response:
    return replace(
        response,
        headers=response.headers.replacing("Content-Type", "text/plain"),
        body=str(response.document["errorMessage"]).encode(),
    )


def _nested(response: Response) -> Response:
    old = response.document
    return document_of(response, {"error": {"code": old["errorCode"], "message": old["errorMessage"]}})


def _status_as_code(response: Response) -> Response:
    return document_of(response, {**response.document, "errorCode": response.status})


def _code(code: str) -> Any:
    return lambda response: document_of(response, {**response.document, "errorCode": code})


def _as_ok(response: Response) -> Response:
    return replace(response, status=200)


def _unavailable_when(condition: Any, refusal: Any) -> Hook[Response | None]:
    return lambda call, answer: refuse(refusal()) if condition(call) else answer


def _throttle(number: int, retry_after: str | None) -> Hook[Response | None]:
    def hook(call: Call, answer: Response | None) -> Response | None:
        if call.number % number:
            return answer
        response = refuse(throttled())
        headers = response.headers.without("Retry-After")
        if retry_after is not None:
            headers = headers.replacing("Retry-After", retry_after)
        return Response(response.status, headers, response.body)

    return hook


def _status(status: int) -> Any:
    return lambda response: replace(response, status=status)


def _message_with_query(call: Call, response: Response) -> Response:
    if response.status != 400 or call.request.method != "GET":
        return response
    return _message(f"{_SQL} {call.request.query}")(response)  # type: ignore[no-any-return]  # a change is untyped


def _gateway_without_message(response: Response) -> Response:
    return document_of(response, {"error_code": "APIG.0301", "request_id": response.headers["X-Request-Id"]})


FAULTS: Final = (
    _fault(
        name="errors-in-html",
        codes=("PRE107", "PRE105"),
        summary="Errors are an HTML page.",
        respond=on_error(_html),
    ),
    _fault(
        name="not-found-in-html-as-json",
        codes=("PRE107",),
        subtle=True,
        summary="A 404 is an HTML page that is called JSON.",
        respond=_of_status(404, _html_as_json),
    ),
    _fault(
        name="errors-without-body",
        codes=("PRE107",),
        summary="Errors have no body.",
        respond=on_error(lambda response: body_of(response, b"")),
    ),
    _fault(
        name="errors-in-plain-text",
        codes=("PRE107", "PRE105"),
        summary="Errors are a line of text.",
        respond=on_error(_plain),
    ),
    _fault(
        name="errors-without-message",
        codes=("PRE107",),
        summary="Errors have a code and no message.",
        respond=on_error(_without("errorMessage")),
    ),
    _fault(
        name="bad-request-without-code",
        codes=("PRE107",),
        subtle=True,
        summary="A 400 has a message and no code.",
        respond=_of_status(400, _without("errorCode")),
    ),
    _fault(
        name="errors-nested",
        codes=("PRE107",),
        summary="Code and message are inside an `error` object.",
        respond=on_error(_nested),
    ),
    _fault(
        name="error-code-is-a-number",
        codes=("PRE107", "PRE108"),
        subtle=True,
        summary="`errorCode` is the HTTP status, as a number.",
        respond=on_error(_status_as_code),
    ),
    _fault(
        name="gateway-refusal-without-message",
        codes=("PRE107",),
        subtle=True,
        summary="A 401 is in the gateway's form, without `error_msg`.",
        respond=_of_status(401, _gateway_without_message),
    ),
    _fault(
        name="not-found-with-the-code-of-500",
        codes=("PRE108",),
        subtle=True,
        summary="A 404 has the code of an internal error.",
        respond=_of_status(404, _code("CCE.01500001")),
    ),
    _fault(
        name="refusal-with-the-code-of-403",
        codes=("PRE108",),
        subtle=True,
        summary="A 401 has the code of a 403.",
        respond=_of_status(401, _code("CCE.01403001")),
    ),
    _fault(
        name="error-codes-malformed",
        codes=("PRE108",),
        summary="Codes are words, not CCE's eight digits.",
        respond=on_error(_code("CCE.Error")),
    ),
    _fault(
        name="bad-request-as-404",
        codes=("PRE108", "PRE102"),
        subtle=True,
        summary="An invalid query has status 404 and the code of a 400.",
        respond=_of_status(400, _status(404)),
    ),
    _fault(
        name="errors-as-200",
        codes=("PRE109", "PRE606"),
        summary="Every error is sent with status 200.",
        respond=on_error(_as_ok),
    ),
    _fault(
        name="bad-request-as-200",
        codes=("PRE109",),
        subtle=True,
        summary="An invalid query gets status 200 and an error body.",
        respond=_of_status(400, _as_ok),
    ),
    _fault(
        name="not-found-as-200",
        codes=("PRE109",),
        subtle=True,
        summary="An unknown cluster gets status 200 and an error body.",
        respond=_of_status(404, _as_ok),
    ),
    _fault(
        name="throttled-without-retry-after",
        codes=("PRE110",),
        summary="Each fifth call is throttled, without Retry-After.",
        before=_throttle(5, None),
    ),
    _fault(
        name="retry-after-in-words",
        codes=("PRE110",),
        subtle=True,
        summary="Each fifth call is throttled, with Retry-After: soon.",
        before=_throttle(5, "soon"),
    ),
    _fault(
        name="retry-after-is-negative",
        codes=("PRE110",),
        subtle=True,
        summary="Each seventh call is throttled, with Retry-After: -1.",
        before=_throttle(7, "-1"),
    ),
    _fault(
        name="errors-show-the-stack",
        codes=("PRE111",),
        summary="Error messages hold a Java stack trace.",
        respond=on_error(_message(_STACK)),
    ),
    _fault(
        name="bad-request-shows-sql",
        codes=("PRE111",),
        subtle=True,
        summary="The message of a 400 is the database's.",
        respond=_message_with_query,
    ),
    _fault(
        name="always-throttled",
        codes=("PRE113",),
        summary="Every call is throttled.",
        before=_unavailable_when(lambda _: True, throttled),
    ),
    _fault(
        name="type-and-instance-never-available",
        codes=("PRE113",),
        subtle=True,
        summary="`type` with `addon_instance_id` finds the service unavailable every time.",
        before=_unavailable_when(lambda call: asked_only(call, Filter.TYPE, Filter.ADDON_INSTANCE_ID), unavailable),
    ),
)
