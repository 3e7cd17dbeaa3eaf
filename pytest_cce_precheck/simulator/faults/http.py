"""Statuses, headers, methods and bodies that are not those of the answer, and errors in another form."""

from __future__ import annotations

import json
from collections.abc import Callable, Collection
from dataclasses import replace
from datetime import timedelta
from functools import partial
from typing import Any, Final

from pytest_cce_precheck.simulator.hooks import (
    INSTANCE,
    TASK_ID,
    TYPE,
    Condition,
    ResponseChange,
    add_a_task,
    alter,
    always,
    drop,
    each,
    every,
    everything,
    filtered,
    in_document,
    in_each,
    on_error,
    on_list,
    on_status,
    only,
    refuse_with,
    when,
    when_empty,
    with_document,
    with_fields,
    with_header,
    with_status,
)
from pytest_cce_precheck.simulator.pipeline import Call, Hook, HookTable
from pytest_cce_precheck.simulator.refusals import JSON, THROTTLED, UNAVAILABLE, Refusal, unauthorized
from pytest_cce_precheck.simulator.routing import Route
from pytest_cce_precheck.wire.dates import http_date
from pytest_cce_precheck.wire.exchange import Headers, Response
from pytest_cce_precheck.wire.vocabulary import TOKEN_HEADER, Filter

# octets of a body that is sent with the length of a shorter one
_LEFT_OVER: Final = 20
_HTML: Final = b"<html><head><title>Error</title></head><body><h1>nginx</h1></body></html>"
_STACK: Final = (
    "java.lang.NullPointerException\n"
    "\tat com.huawei.cce.addon.PrecheckService.list(PrecheckService.java:118)\n"
    "\tat com.huawei.cce.addon.PrecheckResource.get(PrecheckResource.java:57)"
)
_IN_CHINESE: Final = {"Failed": "失败", "Success": "成功"}
_UNSUPPORTED: Final = Refusal("content-type", 415, "CCE.03415001", "Unsupported media type.")
_MALFORMED: Final = Refusal("content-type", 400, "CCE.03400001", "The request is invalid.")
_NOT_ACCEPTABLE: Final = Refusal("accept", 406, "CCE.03406001", "Not acceptable.")
_SQL: Final = "SQLSTATE[42000]: Syntax error near 'addon_precheck_task WHERE type ='"


def _content_type(value: str | None) -> ResponseChange:
    return lambda response: with_header(response, "Content-Type", value)


def _redirect(location: str) -> ResponseChange:
    return lambda response: Response(302, response.headers.without("Content-Type").replacing("Location", location))


def _inject(filters: Collection[Filter], call: Call, response: Response) -> Response:
    """Write the values of these filters into a header as they are, line breaks and all."""
    pairs = list(response.headers.pairs)
    for name, value in call.query.given:
        lines = value.splitlines() if name in filters else []
        pairs += [("X-Filter", lines[0])] if lines else []
        for line in lines[1:]:
            header, colon, content = line.partition(":")
            pairs += [(header.strip(), content.strip())] if colon and header.strip() else []
    return replace(response, headers=Headers(pairs))


def _method_as_get(methods: Collection[str], call: Call, route: Route | Refusal) -> Route | Refusal:
    wrong = isinstance(route, Refusal) and route.reason == "method"
    if wrong and call.request.method in methods and call.request.path.endswith("/tasks"):
        return Route("list", call.ids.project_id, call.ids.cluster_id)
    return route


def _delete_newest(call: Call, route: Route | Refusal) -> Route | Refusal:
    answered = _method_as_get(["DELETE"], call, route)
    if answered is not route:
        for task in call.state.tasks_of(call.ids.cluster_id, call.now)[-1:]:
            call.state.remove(call.ids.cluster_id, task.id)
    return answered


def _body(change: Callable[[bytes], bytes], condition: Condition = always) -> Hook[Any]:
    return on_list(lambda response: replace(response, body=change(response.body)), condition)


def _text(change: Callable[[str], str], condition: Condition = always) -> Hook[Any]:
    return _body(lambda body: change(body.decode()).encode(), condition)


def _header(name: str, value: str) -> ResponseChange:
    return lambda response: replace(response, headers=Headers((*response.headers.pairs, (name, value))))


def _modified_tomorrow(call: Call, response: Response) -> Response:
    return with_header(response, "Last-Modified", http_date(call.now + timedelta(days=1)))


def _tag_of_the_cluster(call: Call, response: Response) -> Response:
    """Send a tag that knows nothing of the filters, and compare it with that of the condition."""
    if response.status != 200 or call.route is None:
        return response
    tag = f'"{call.cluster.id}"'
    if tag in call.request.headers.get("If-None-Match", ""):
        return Response(304, response.headers.without("Content-Type").replacing("ETag", tag))
    return with_header(response, "ETag", tag)


def _unsupported(refused: Callable[[str], bool], refusal: Refusal = _UNSUPPORTED) -> Hook[Refusal | None]:
    """Refuse what has such a Content-Type."""
    return when(lambda call: refused(call.request.headers.get("Content-Type", "")), lambda *_: refusal)


def _is_head(call: Call) -> bool:
    return call.request.method == "HEAD"


def _has(name: str) -> Condition:
    return lambda call: name in call.request.headers


def _as(content_type: str, body: bytes, response: Response) -> Response:
    return replace(with_header(response, "Content-Type", content_type), body=body)


def _with(**fields: object) -> ResponseChange:
    return lambda response: with_fields(response, **fields)


def _without(name: str) -> ResponseChange:
    return lambda response: with_document(
        response, {key: value for key, value in response.document.items() if key != name}
    )


def _message_with_query(call: Call, response: Response) -> Response:
    if response.status != 400 or call.request.method != "GET":
        return response
    return _with(errorMessage=f"{_SQL} {call.request.query}")(response)


def _throttle(number: int, *headers: tuple[str, str]) -> Hook[Response | None]:
    """Throttle each ``number``-th call, with these headers instead of a right Retry-After."""
    return refuse_with(replace(THROTTLED, headers=headers), each(number))


HOOKS: Final[HookTable] = {
    "before": {
        "throttled-without-retry-after": _throttle(5),
        "retry-after-in-words": _throttle(5, ("Retry-After", "soon")),
        "retry-after-is-negative": _throttle(7, ("Retry-After", "-1")),
        "always-throttled": refuse_with(THROTTLED),
        "type-and-instance-never-available": refuse_with(UNAVAILABLE, only(TYPE, INSTANCE)),
    },
    "authorize": {
        "header-names-have-a-case": when(
            lambda call: dict(call.request.headers.pairs).keys().isdisjoint({TOKEN_HEADER, "Authorization"}),
            lambda _call, _refusal: unauthorized("no-credentials"),
        ),
        "header-of-the-token-has-a-case": when(
            lambda call: TOKEN_HEADER.lower() in dict(call.request.headers.pairs),
            lambda _call, _refusal: unauthorized("no-credentials"),
        ),
    },
    "route": {
        "post-answers-as-get": partial(_method_as_get, ["POST"]),
        "every-method-answers-as-get": partial(_method_as_get, ["POST", "PUT", "PATCH", "DELETE"]),
        "patch-answers-as-get": partial(_method_as_get, ["PATCH"]),
        "delete-removes-a-task": _delete_newest,
        "put-makes-a-task": partial(_method_as_get, ["PUT"]),
        "head-has-another-length": partial(_method_as_get, ["HEAD"]),
        "head-has-a-body": partial(_method_as_get, ["HEAD"]),
    },
    "observe": {"put-makes-a-task": when(lambda call: call.request.method == "PUT", add_a_task)},
    "check": {
        "read-needs-a-json-content-type": _unsupported(lambda sent: sent != JSON),
        "read-refuses-who-accepts-everything": when(
            lambda call: call.request.headers.get("Accept") == "*/*", lambda *_: _NOT_ACCEPTABLE
        ),
        "read-refuses-another-charset": _unsupported(lambda sent: "charset=ISO" in sent),
    },
    "validate": {
        "create-refuses-a-charset": _unsupported(lambda sent: "charset" in sent),
        "create-takes-a-charset-for-a-mistake": _unsupported(lambda sent: "charset" in sent, _MALFORMED),
    },
    "select": {
        "form-content-type-hides-the-query": when(
            lambda call: call.request.headers.get("Content-Type", "").startswith("application/x-www-form"), everything
        ),
        "tokens-see-a-task-less": when(
            lambda call: TOKEN_HEADER in call.request.headers and filtered(call), lambda _, tasks: tasks[:-1]
        ),
    },
    "document": {
        "line-breaks-not-escaped": in_each(alter("status.riskList.*.message", lambda text: text + "\x00")),
        "times-in-the-language-of-the-client": when(
            lambda call: call.request.headers.get("Accept-Language", "").startswith("de"),
            in_each(
                alter("metadata.createTimeStamp", lambda text: f"{text[8:10]}.{text[5:7]}.{text[:4]}, {text[11:19]}")
            ),
        ),
        "states-in-the-language-of-the-client": when(
            lambda call: call.request.headers.get("Accept-Language", "").startswith("zh"),
            in_each(alter("status.status", lambda text: _IN_CHINESE.get(text, text))),
        ),
        "sdk-gets-an-old-form": when(
            lambda call: "usdk" in call.request.headers.get("User-Agent", ""), in_document(drop("pageInfo"))
        ),
    },
    "respond": {
        "content-type-is-text": on_list(_content_type("text/plain; charset=utf-8")),
        "content-type-is-html-for-task-id": on_list(_content_type("text/html"), only(TASK_ID)),
        "content-type-missing": on_list(_content_type(None)),
        "content-type-says-latin-1": on_list(_content_type("application/json; charset=iso-8859-1")),
        "redirect-to-another-host": on_list(_redirect("https://elsewhere.example/tasks")),
        "filters-redirect-to-a-slash": on_list(_redirect("tasks/"), filtered),
        "refusal-redirects-to-login": on_status(401, _redirect("https://auth.example/login")),
        "no-content-when-nothing-matches": when_empty(
            lambda response: Response(204, response.headers.without("Content-Type"))
        ),
        "accepted-instead-of-ok": on_list(with_status(202)),
        "partial-content-under-type": on_list(with_status(206), only(TYPE)),
        "header-injected-by-any-filter": partial(_inject, tuple(Filter)),
        "header-injected-by-task-id": partial(_inject, [TASK_ID]),
        "content-type-sent-twice": on_list(_header("Content-Type", "text/plain")),
        "framed-in-two-ways": on_list(_header("Transfer-Encoding", "identity")),
        "date-in-another-form": lambda _, response: with_header(response, "Date", "2026-11-24T10:00:00Z"),
        "blank-before-a-colon": on_list(_header("X-Trace ", "5f3a"), only(TYPE, INSTANCE)),
        "folded-header": on_list(_header("X-Trace", "5f3a;\r\n 7d01"), only(TYPE, INSTANCE)),
        "chunks-for-http-1-0": on_list(
            _header("Transfer-Encoding", "chunked"), lambda call: call.request.version == "1.0"
        ),
        "page-for-browsers": on_list(
            lambda response: _as("text/html", _HTML, response),
            lambda call: "text/html" in call.request.headers.get("Accept", ""),
        ),
        "close-not-obeyed": on_list(
            _header("Connection", "keep-alive"), lambda call: call.request.headers.get("Connection") == "close"
        ),
        "modified-tomorrow": when(only(TYPE, INSTANCE), _modified_tomorrow),
        "etag-without-quotes": on_list(_header("ETag", "5f3a")),
        "method-refused-without-allow": on_status(405, lambda response: with_header(response, "Allow", None)),
        "unchanged-whatever-the-tag": when(
            _has("If-Modified-Since"),
            on_status(200, lambda response: Response(304, response.headers.without("Content-Type"))),
        ),
        "tag-knows-no-filters": _tag_of_the_cluster,
        "tag-of-the-count": lambda call, response: (
            with_header(response, "ETag", f'"{len(call.listed)}"') if response.status == 200 else response
        ),
        "range-without-content-range": when(
            _has("Range"), on_status(200, lambda response: replace(response, status=206, body=response.body[:5]))
        ),
        "head-has-another-length": when(_is_head, lambda _, response: replace(response, body=b"{}")),
        "head-has-a-body": when(_is_head, lambda _, response: replace(response, surplus=response.body)),
        "answers-followed-by-more": on_list(
            lambda response: replace(response, surplus=response.body[-_LEFT_OVER:]), only(TYPE)
        ),
        "cache-answers-signed-requests": when(
            _has("Authorization"), lambda _, response: with_header(response, "Age", "7")
        ),
        "byte-order-mark": _body(lambda body: b"\xef\xbb\xbf" + body),
        "body-in-latin-1": _body(
            lambda body: body.decode().replace('"message":"', '"message":"é: ').encode("latin-1", "replace")
        ),
        "body-in-utf-16": _body(lambda body: body.decode().encode("utf-16"), only(INSTANCE)),
        "kind-written-twice": _text(lambda text: '{"kind":"AddonCheck",' + text[1:]),
        "task-id-written-twice": _text(lambda text: text.replace('"taskID":', '"taskID":"","taskID":')),
        "count-is-nan-when-nothing-matches": _text(
            lambda text: text.replace('"currentCount":0}', '"currentCount":NaN}')
        ),
        "trailing-comma": _text(lambda text: text.replace("}]}", "},]}")),
        "python-instead-of-json": _text(lambda text: repr(json.loads(text))),
        "body-cut-under-a-filter": _body(lambda body: body[: len(body) // 2], filtered),
        "body-empty-under-task-id": _body(lambda _: b"", only(TASK_ID)),
        "body-written-twice": every(6, _body(lambda body: body + body)),
        "line-breaks-not-escaped": _body(lambda body: body.replace(b"\\u0000", b"\n")),
        "padding-before-the-body": _text(lambda text: ")]}',\n" + text, filtered),
        "html-on-success": _body(lambda _: b"<html><body>Maintenance</body></html>"),
        "errors-in-html": on_error(lambda response: _as("text/html", _HTML, response)),
        "not-found-in-html-as-json": on_status(404, lambda response: replace(response, body=_HTML)),
        "errors-without-body": on_error(lambda response: replace(response, body=b"")),
        "errors-in-plain-text": on_error(
            lambda response: _as("text/plain", str(response.document["errorMessage"]).encode(), response)
        ),
        "errors-without-message": on_error(_without("errorMessage")),
        "bad-request-without-code": on_status(400, _without("errorCode")),
        "errors-nested": on_error(
            lambda response: with_document(
                response,
                {"error": {"code": response.document["errorCode"], "message": response.document["errorMessage"]}},
            )
        ),
        "error-code-is-a-number": on_error(lambda response: _with(errorCode=response.status)(response)),
        "gateway-refusal-without-message": on_status(
            401,
            lambda response: with_document(
                response, {"error_code": "APIG.0301", "request_id": response.headers["X-Request-Id"]}
            ),
        ),
        "empty-list-with-an-error-code": when(only(TYPE, TASK_ID), when_empty(_with(errorCode="CCE.01404001"))),
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
