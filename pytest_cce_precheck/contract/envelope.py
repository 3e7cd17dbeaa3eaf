"""Rules on the answer before its content: status, headers, the body's form, the error envelopes.

A rule is a generator ``(exchange) -> findings``; `ENVELOPE_RULES` and `ERROR_RULES` are the tables.
"""

from __future__ import annotations

import json
import re
from collections.abc import Callable, Iterator, Mapping
from contextlib import suppress
from http import HTTPStatus
from typing import Any, Final

from pytest_cce_precheck.contract.findings import Finding
from pytest_cce_precheck.contract.schema import schema_errors
from pytest_cce_precheck.errors import BodyError
from pytest_cce_precheck.redaction.reflected_secrets import repeated_headers
from pytest_cce_precheck.wire.dates import is_retry_after
from pytest_cce_precheck.wire.exchange import Exchange, TransportError
from pytest_cce_precheck.wire.vocabulary import REQUEST_ID_HEADER

EnvelopeRule = Callable[[Exchange], Iterator[Finding]]

# a gateway's answer until the request is tried again: not a verdict on the service, see PRE113
THROTTLED: Final = 429
PASSING: Final = frozenset({429, 502, 503, 504})
# which of the two says that credentials are not good, no source says
REFUSALS: Final = frozenset({401, 403})

_CODE: Final = re.compile(r"[A-Z]+\.\d+")
_CCE_ERROR: Final = frozenset({"errorCode", "errorMessage"})
_GATEWAY_ERROR: Final = frozenset({"error_code", "error_msg"})

_MEDIA_TYPE: Final = re.compile(r"(application|audio|font|image|message|model|multipart|text|video)/[\w.+-]{1,60}")

_INTERNALS = re.compile(
    r"Traceback \(most recent call last\)|^[ \t]+at [\w.$]+\([\w.]+:\d+\)|goroutine \d+ \[|panic: |"
    r"\b(SQLException|ORA-\d{5}|psycopg2|java\.lang\.|NullPointerException)\b|SQLSTATE",
    re.MULTILINE,
)


def no_answer(error: TransportError) -> Finding:
    """Return the finding of an answer that never came."""
    message = f"{error.request.method} {error.request.target}: {error.detail}"
    return Finding("PRE101", message, subject=(error.reason,), evidence=(("endpoint", error.request.endpoint),))


def has_failed(exchange: Exchange) -> bool:
    """Whether the service failed on a request; E documents that, so only a failure each time is a violation."""
    return exchange.status >= HTTPStatus.INTERNAL_SERVER_ERROR and exchange.status not in PASSING


def operation_status(exchange: Exchange) -> int:
    """Return the success status of the call: 201 for a create (C), 200 for a list (D)."""
    return HTTPStatus.CREATED if exchange.request.method == "POST" else HTTPStatus.OK


def status_is_documented(exchange: Exchange) -> Iterator[Finding]:
    """D, C, E: one success status each, and the error statuses."""
    status = exchange.status
    if 300 <= status < 400:
        location = exchange.response.headers.get("Location", "nowhere")
        yield Finding("PRE104", f"status {status}, a redirect to {location}", subject=(str(status),))
    elif has_failed(exchange):
        yield Finding("PRE124", f"status {_named(status)}", subject=(str(status),))
    elif status < 300 and status != operation_status(exchange):
        message = f"status {_named(status)}, but {operation_status(exchange)} is documented"
        yield Finding("PRE102", message, subject=(str(status),))


def _named(status: int) -> str:
    return f"{status} {HTTPStatus(status).phrase if status in set(HTTPStatus) else ''}"


def content_type_is_json(exchange: Exchange) -> Iterator[Finding]:
    """D: answers are JSON. A captured body without headers is not judged."""
    headers = exchange.response.headers
    if not headers:
        return
    value = headers.get("Content-Type")
    if value is None:
        yield Finding("PRE105", "the answer has no Content-Type", subject=("absent",))
        return
    media_type, *parameters = (part.strip() for part in value.lower().split(";"))
    if media_type != "application/json":
        # anything else may be a secret, which nobody would know by its lower case
        subject = media_type if _MEDIA_TYPE.fullmatch(media_type) else "no media type"
        yield Finding("PRE105", f"Content-Type is {value!r}; application/json was expected", subject=(subject,))
    for parameter in parameters:
        name, _, charset = parameter.partition("=")
        if name.strip() == "charset" and charset.strip(' "') not in ("utf-8", "utf8", "us-ascii"):
            message = f"Content-Type declares the charset {charset!r}; JSON is UTF-8"
            yield Finding("PRE105", message, subject=("charset",))


def no_header_is_injected(exchange: Exchange) -> Iterator[Finding]:
    """RFC 9110: the text after a line break in a parameter must not become a header."""
    for _, value in exchange.request.params:
        for line in value.splitlines()[1:]:
            name, colon, content = line.partition(":")
            if colon and name and exchange.response.headers.get(name, "").strip() == content.strip() != "":
                yield Finding("PRE112", f"the parameter's second line became the header {name}", subject=(name,))


def throttling_says_when(exchange: Exchange) -> Iterator[Finding]:
    """E: on CCE's own 429 the client waits as Retry-After says; no source ties it to that of the gateway."""
    is_throttled = exchange.status == HTTPStatus.TOO_MANY_REQUESTS and exchange.response.headers
    if is_throttled and (read_object(exchange)[0] or {}).keys() & _CCE_ERROR:
        value = exchange.response.headers.get("Retry-After")
        if value is None:
            yield Finding("PRE110", "429 without Retry-After")
        elif not is_retry_after(value):
            yield Finding("PRE110", f"429 with Retry-After {value!r}: neither seconds nor an HTTP date")


def no_credential_is_revealed(exchange: Exchange) -> Iterator[Finding]:
    """E: an answer carries a code and a message; what the request was authenticated with is in neither."""
    for name in repeated_headers(exchange.request, exchange.response):
        yield Finding("PRE608", f"the answer repeats the request's {name}", subject=(name,))


def request_id_is_sent(exchange: Exchange) -> Iterator[Finding]:
    """An observation: the vendor's support asks for it."""
    if exchange.response.headers and REQUEST_ID_HEADER not in exchange.response.headers:
        yield Finding("PRE190", f"the answer has no {REQUEST_ID_HEADER}")


ENVELOPE_RULES: Final[tuple[EnvelopeRule, ...]] = (
    status_is_documented,
    content_type_is_json,
    no_header_is_injected,
    throttling_says_when,
    no_credential_is_revealed,
    request_id_is_sent,
)


def read_object(exchange: Exchange) -> tuple[dict[str, Any] | None, list[Finding]]:
    """Return the body as one strict JSON object, or None with a finding about it."""
    try:
        document = exchange.document
    except BodyError as error:
        return None, [Finding("PRE106", str(error), subject=(error.reason,))]
    if isinstance(document, dict):
        return document, []
    kind = {list: "an array", str: "a string", bool: "a boolean", type(None): "null"}.get(type(document), "a number")
    return None, [Finding("PRE202", f"the body is {kind}; an object was expected", path="$")]


def is_error_envelope(document: Mapping[str, Any]) -> bool:
    """Whether a body is one of the two error forms, or seems to be meant as one."""
    return bool(document.keys() & (_CCE_ERROR | _GATEWAY_ERROR)) and "items" not in document


def error_in_success(document: Mapping[str, Any]) -> str:
    """Return the code of an error that a list or a created task has beside it, empty if it has none."""
    codes = (document.get(name) for name in ("errorCode", "error_code"))
    return next((code for code in codes if isinstance(code, str) and _CODE.fullmatch(code)), "")


def is_gateway_error(document: Mapping[str, Any]) -> bool:
    """Whether an error is in the form of the API gateway, not in that of CCE, which may have further fields."""
    return bool(document.keys() & _GATEWAY_ERROR) and not document.keys() >= _CCE_ERROR


def status_in_code(code: Any) -> str:
    """Return the status that an error code of CCE names, empty if it names none.

    >>> status_in_code("CCE.01401001")
    '401'
    """
    named = re.fullmatch(r"CCE\.\d\d(\d{3})\d{3}", code) if isinstance(code, str) else None
    return named[1] if named else ""


def error_has_an_envelope(exchange: Exchange) -> Iterator[Finding]:
    """E: {errorCode, errorMessage}, or the gateway's {error_code, error_msg, request_id}."""
    if exchange.request.method == "HEAD":
        return
    status = str(exchange.status)
    document, problems = read_object(exchange)
    if document is None:
        yield Finding("PRE107", f"status {status}, and {problems[0].message}", subject=(status, "body"))
        return
    gateway = is_gateway_error(document)
    for problem in schema_errors(document, "error_gateway" if gateway else "error_cce"):
        if problem.code == "PRE108":
            yield Finding("PRE108", problem.message, path=problem.path, subject=("format",))
        else:
            yield Finding("PRE107", f"status {status}: {problem.message}", path=problem.path, subject=(problem.path,))
    named = "" if gateway else status_in_code(document.get("errorCode"))
    if named not in ("", status):
        message = f"the code {document['errorCode']} names the status {named}, but the answer has {status}"
        yield Finding("PRE108", message, path="$.errorCode", subject=("status",))


def error_carries_no_tasks(exchange: Exchange) -> Iterator[Finding]:
    """E: an error answers with its envelope and nothing else."""
    document, _ = read_object(exchange)
    found = sorted((document or {}).keys() & {"items", "pageInfo", "metadata"})
    if found:
        message = f"status {exchange.status} carries {' and '.join(found)}"
        yield Finding("PRE607", message, f"$.{found[0]}", subject=("body",))


def error_hides_internals(exchange: Exchange) -> Iterator[Finding]:
    """A message is for the caller."""
    text = exchange.response.body.decode("utf-8", "replace")
    with suppress(ValueError, AttributeError, RecursionError):
        # without the escapes of JSON
        text = "\n".join(str(value) for value in json.loads(text).values())
    if found := _INTERNALS.search(text):
        yield Finding("PRE111", f"the error's text holds {found.group().strip()!r}")


ERROR_RULES: Final[tuple[EnvelopeRule, ...]] = (error_has_an_envelope, error_carries_no_tasks, error_hides_internals)
