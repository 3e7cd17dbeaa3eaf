"""Rules on what HTTP itself requires of an answer: framing, field names and values, caching (RFC 9110, 9111, 9112).

How long a body was on the wire, only the transport sees: it says what came after the end of the answer.
"""

from __future__ import annotations

import hashlib
import re
from collections import defaultdict
from collections.abc import Iterator
from http import HTTPStatus
from typing import Final

from pytest_cce_precheck._text import excerpt
from pytest_cce_precheck.contract.findings import Finding
from pytest_cce_precheck.wire.dates import parse_http_date
from pytest_cce_precheck.wire.exchange import Exchange

_TOKEN: Final = re.compile(r"[!#$%&'*+.^_`|~\w-]+", re.ASCII)
_LINE_END: Final = re.compile(r"[\0\r\n]")
_CONTROL: Final = re.compile(r"[\x00-\x08\x0a-\x1f\x7f]")
_DATE: Final = re.compile(
    r"(Mon|Tue|Wed|Thu|Fri|Sat|Sun), \d{2} (Jan|Feb|Mar|Apr|May|Jun|Jul|Aug|Sep|Oct|Nov|Dec) \d{4}"
    r" \d{2}:\d{2}:\d{2} GMT"
)
_FORMS: Final = {
    "date": (_DATE, "a date such as Fri, 02 Jan 2026 12:00:00 GMT"),
    "last-modified": (_DATE, "a date such as Fri, 02 Jan 2026 12:00:00 GMT"),
    "etag": (re.compile(r'(W/)?"[\x21\x23-\x7e\x80-\xff]*"'), "a quoted text, W/ before it if it is weak"),
    "age": (re.compile(r"\d+"), "a number of seconds"),
}
# fields with one value: a recipient may take either of two
_SINGLE: Final = frozenset({"content-type", "content-length", "content-range", "retry-after", "location", *_FORMS})
_SHARED: Final = re.compile(r"\b(public|must-revalidate|s-maxage)\b", re.IGNORECASE)


def single_fields_are_sent_once(exchange: Exchange) -> Iterator[Finding]:
    """RFC 9110, 5.3: a field that is no list is not sent twice; the same value again is harmless."""
    values = defaultdict(set)
    for name, value in exchange.response.headers.pairs:
        values[name.lower()].add(value.strip())
    for name in sorted(_SINGLE & values.keys()):
        if len(values[name]) > 1:
            both = " and ".join(repr(value) for value in sorted(values[name])[:2])
            yield Finding("PRE114", f"the header {name} is sent with {both}", subject=(name,))


def framing_is_consistent(exchange: Exchange) -> Iterator[Finding]:
    """RFC 9112, 6.2: no Content-Length beside Transfer-Encoding; RFC 9110, 8.6, 15.3.5: neither in a 204.

    RFC 9112, 6.1: no Transfer-Encoding unless the request is at least HTTP/1.1.
    """
    headers, status = exchange.response.headers, exchange.status
    if "Transfer-Encoding" in headers and exchange.request.version == "1.0":
        message = "the answer to a request in HTTP/1.0 has Transfer-Encoding, which such clients cannot read"
        yield Finding("PRE115", message, subject=("1.0",))
    if "Transfer-Encoding" in headers and "Content-Length" in headers:
        message = "the answer has both Transfer-Encoding and Content-Length"
        yield Finding("PRE115", message, subject=("both",))
    length = headers.get("Content-Length")
    if length is not None and not all(each.strip().isdecimal() and each.isascii() for each in length.split(",")):
        yield Finding("PRE115", f"Content-Length is {length!r}; a number of octets was expected", subject=("length",))
    if status == HTTPStatus.NO_CONTENT:
        framing = [name for name in ("Transfer-Encoding", "Content-Length") if name in headers]
        if framing:
            yield Finding("PRE115", f"a 204 has {framing[0]}", subject=("204",))


def a_connection_is_closed_on_request(exchange: Exchange) -> Iterator[Finding]:
    """RFC 9112, 9.6: after a request with ``Connection: close``, the server closes the connection."""
    asked = exchange.request.headers.get("Connection", "").lower()
    said = exchange.response.headers.get("Connection", "")
    if asked == "close" and "keep-alive" in said.lower():
        yield Finding("PRE115", f"Connection is {said!r} after a request with Connection: close", subject=("close",))


def fields_are_well_formed(exchange: Exchange) -> Iterator[Finding]:
    """RFC 9110, 5.1, 5.5, 5.6.7, 8.8.3: names are tokens, values hold no control characters; dates, … have a form."""
    for name, value in exchange.response.headers.pairs:
        form, wanted = _FORMS.get(name.lower(), (None, ""))
        if not _TOKEN.fullmatch(name):
            # RFC 9112, 5.1: nor is a blank between the name and the colon
            yield Finding("PRE116", f"{excerpt(name, 0, 60)!r} is no name of a header", subject=("name",))
        elif (_CONTROL if name.lower() in _SINGLE else _LINE_END).search(value):
            # RFC 9112, 5.2: nor is a value folded into several lines
            message = f"the header {name} holds a control character: {excerpt(value, 0, 60)!r}"
            yield Finding("PRE116", message, subject=(name.lower(), "control character"))
        elif form is not None and not form.fullmatch(value.strip()):
            message = f"{name} is {excerpt(value, 0, 60)!r}; {wanted} was expected"
            yield Finding("PRE116", message, subject=(name.lower(),))


def nothing_was_changed_after_the_answer(exchange: Exchange) -> Iterator[Finding]:
    """RFC 9110, 8.8.2.1: Last-Modified is not later than Date."""
    headers, sent = exchange.response.headers, exchange.date
    changed = headers.get("Last-Modified", "")
    try:
        is_later = sent is not None and parse_http_date(changed) > sent
    except ValueError:
        return
    if is_later:
        message = f"Last-Modified is {changed}, which is later than the answer's Date, {headers['Date']}"
        yield Finding("PRE116", message, subject=("last-modified", "later"))


def a_refused_method_is_told_the_others(exchange: Exchange) -> Iterator[Finding]:
    """RFC 9110, 15.5.6: a 405 has Allow, the methods that the path has."""
    if exchange.status != HTTPStatus.METHOD_NOT_ALLOWED or not exchange.response.headers:
        return
    allowed = exchange.response.headers.get("Allow")
    method = exchange.request.method
    if allowed is None:
        yield Finding("PRE117", "405 without Allow", subject=("absent",))
    elif method in {each.strip() for each in allowed.split(",")}:
        yield Finding("PRE117", f"405 for {method}, and Allow names it: {allowed}", subject=("contradiction",))


def no_shared_cache_answers(exchange: Exchange) -> Iterator[Finding]:
    """RFC 9111, 3.5: a shared cache answers no request with Authorization, unless the answer permits it."""
    age = exchange.response.headers.get("Age", "0")
    permitted = _SHARED.search(exchange.response.headers.get("Cache-Control", ""))
    if "Authorization" in exchange.request.headers and age.isdecimal() and int(age) > 0 and not permitted:
        message = f"a cache answers the signed request with what is {age[:9]} s old, and nothing permits it to"
        yield Finding("PRE119", message)


def nothing_follows_the_answer(exchange: Exchange) -> Iterator[Finding]:
    """RFC 9112, 6.3, 9.2: an answer ends where its head says; what follows belongs to no request."""
    # old servers end a body with an empty line, which clients ignore
    surplus = (exchange.response.surplus or b"").strip(b"\r\n")
    if surplus:
        method = exchange.request.method
        has_body = method != "HEAD" and exchange.status not in (HTTPStatus.NO_CONTENT, HTTPStatus.NOT_MODIFIED)
        end = "its body" if has_body else "its head, and it must have no body"
        octets = f"at least {len(surplus)} octets"
        message = f"the answer to {method} with status {exchange.status}: {octets} follow {end}"
        yield Finding("PRE125", message, subject=(method,))


HTTP_RULES: Final = (
    single_fields_are_sent_once,
    framing_is_consistent,
    a_connection_is_closed_on_request,
    fields_are_well_formed,
    nothing_was_changed_after_the_answer,
    a_refused_method_is_told_the_others,
    no_shared_cache_answers,
    nothing_follows_the_answer,
)


class EntityTags:
    """The strong entity tags of answers, to see whether two different answers to one request have the same."""

    def __init__(self) -> None:
        self._seen: dict[tuple[str, str], tuple[bytes, Exchange]] = {}

    def observe(self, exchange: Exchange) -> Iterator[Finding]:
        """RFC 9110, 8.8.1: a strong validator changes whenever the content of a 200 to GET does."""
        request, tag = exchange.request, exchange.response.headers.get("ETag", "")
        if request.method != "GET" or exchange.status != HTTPStatus.OK or not tag.startswith('"'):
            return
        content = hashlib.sha256(exchange.response.body).digest()
        before, earlier = self._seen.setdefault((request.target, tag), (content, exchange.abridged()))
        if before != content:
            message = f"two different answers to GET {request.target} have the entity tag {excerpt(tag, 0, 60)}"
            yield Finding("PRE126", message).seen_in(exchange, earlier)


def partial_content(exchange: Exchange) -> Iterator[Finding]:
    """RFC 9110, 15.3.7: the 206 to one range says which part it holds, and holds it."""
    value = exchange.response.headers.get("Content-Range")
    found = re.fullmatch(r"bytes (\d{1,18})-(\d{1,18})/(\d{1,18}|\*)", value or "")
    if found is None:
        yield Finding(
            "PRE121", f"206 with Content-Range {value!r}" if value else "206 without Content-Range", subject=("range",)
        )
    elif int(found[2]) - int(found[1]) + 1 != len(exchange.response.body):
        message = f"206 with Content-Range {value}, and {len(exchange.response.body)} octets"
        yield Finding("PRE121", message, subject=("length",))


def head_is_as_long_as_get(head: Exchange, gets: tuple[Exchange, ...]) -> Iterator[Finding]:
    """RFC 9110, 8.6: Content-Length in the answer to HEAD is that of the answer to GET; ``gets`` are around it."""
    length = head.response.headers.get("Content-Length")
    lengths = {each.response.headers.get("Content-Length") for each in gets}
    if head.status == HTTPStatus.OK and length is not None and len(lengths) == 1 and not lengths & {None, length}:
        message = f"HEAD is answered with Content-Length {length}, and GET with {lengths.pop()}, before and after it"
        yield Finding("PRE122", message).seen_in(head, *gets)
