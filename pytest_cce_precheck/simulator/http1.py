"""HTTP/1.1 as bytes: parse the head of a request, format a response. No I/O here."""

from __future__ import annotations

import re
from dataclasses import dataclass
from http import HTTPStatus
from typing import Final

from pytest_cce_precheck.simulator.refusals import Refusal, refuse
from pytest_cce_precheck.wire.exchange import Headers, Response

MAX_HEAD: Final = 64 * 1024
MAX_BODY: Final = 1024 * 1024
MAX_FIELDS: Final = 256
END_OF_HEAD: Final = b"\r\n\r\n"
CONTINUE: Final = b"HTTP/1.1 100 Continue\r\n\r\n"

_TOKEN: Final = re.compile(rb"[A-Za-z!#$%&'*+.^_`|~-]")
_REQUEST_LINE: Final = re.compile(rb"([A-Za-z!#$%&'*+.^_`|~-]{1,32}) ([^\x00-\x20\x7f]+) HTTP/(\d)\.(\d)")
_FIELD_NAME: Final = re.compile(r"[!#$%&'*+.^_`|~0-9A-Za-z-]+")
# the form for proxies; some clients send it if they are given a whole URL as the path
_ABSOLUTE: Final = re.compile(r"https?://(?:\[[0-9a-f:.]+\]|[^][/?#@:]+)(?::[0-9]*)?(?=[/?]|$)", re.IGNORECASE)
_CONTROL: Final = re.compile(r"[\x00-\x08\x0a-\x1f\x7f]")


class BadHttp(Exception):  # noqa: N818  the client's request is bad
    """A request that this server cannot read; it is answered with ``response``, then the connection is closed."""

    def __init__(self, status: HTTPStatus, message: str) -> None:
        super().__init__(message)
        self.response = refuse(Refusal("http", status, f"CCE.03{status}001", message))


@dataclass(frozen=True, slots=True)
class Head:
    """A request's line and headers."""

    method: str
    path: str
    query: str
    headers: Headers
    length: int
    keep_alive: bool
    expects_continue: bool
    is_old: bool
    """Whether it is HTTP/1.0."""


def can_begin_request(data: bytes | bytearray) -> bool:
    """Return whether ``data`` may be the beginning of a request, and not of TLS or another binary protocol.

    >>> can_begin_request(b"GE"), can_begin_request(b"\\x16\\x03\\x01")
    (True, False)
    """
    return _TOKEN.match(data) is not None


def parse_head(head: bytes) -> Head:
    """Parse the lines before the empty one; raise `BadHttp` if they are malformed."""
    line, _, rest = head.partition(b"\r\n")
    match = _REQUEST_LINE.fullmatch(line)
    if match is None:
        raise BadHttp(HTTPStatus.BAD_REQUEST, "The request line is malformed.")
    if match[3] != b"1":
        raise BadHttp(HTTPStatus.HTTP_VERSION_NOT_SUPPORTED, "The protocol must be HTTP/1.1.")
    headers = _parse_headers(rest)
    path, query = _split_target(match[2].decode("latin-1"))
    connection = headers.get("Connection", "").lower()
    is_old = match[4] == b"0"
    return Head(
        method=match[1].decode("ascii"),
        path=path,
        query=query,
        headers=headers,
        length=_body_length(headers),
        keep_alive="keep-alive" in connection if is_old else "close" not in connection,
        # HTTP/1.0 has no interim responses
        expects_continue=not is_old and headers.get("Expect", "").lower() == "100-continue",
        is_old=is_old,
    )


def format_response(response: Response, *, close: bool) -> bytes:
    """Return the bytes of a response, head and body."""
    lines = [f"HTTP/1.1 {response.status} {_PHRASES.get(response.status, 'Status')}"]
    lines += [f"{name}: {value}" for name, value in response.headers.pairs]
    if close and "Connection" not in response.headers:
        lines.append("Connection: close")
    body = response.body
    if response.headers.get("Transfer-Encoding") == "chunked":
        body = b"%x\r\n%b\r\n0\r\n\r\n" % (len(body), body)
    # a fault may copy a parameter into a header, with characters that are not Latin-1
    return "\r\n".join(lines).encode("latin-1", "replace") + END_OF_HEAD + body + (response.surplus or b"")


def _parse_headers(block: bytes) -> Headers:
    pairs = []
    lines = block.decode("latin-1").split("\r\n") if block else []
    if len(lines) > MAX_FIELDS:
        raise BadHttp(HTTPStatus.REQUEST_HEADER_FIELDS_TOO_LARGE, f"There are more than {MAX_FIELDS} fields.")
    for line in lines:
        name, colon, value = line.partition(":")
        # a regular expression for the spaces around a value would take quadratic time
        value = value.strip(" \t")
        if not (colon and _FIELD_NAME.fullmatch(name)) or _CONTROL.search(value):
            raise BadHttp(HTTPStatus.BAD_REQUEST, "A header line is malformed.")
        pairs.append((name, value))
    return Headers(pairs)


def _split_target(target: str) -> tuple[str, str]:
    if target.lower().startswith(("http://", "https://")):
        match = _ABSOLUTE.match(target)
        if match is None:
            raise BadHttp(HTTPStatus.BAD_REQUEST, "The host of the target is malformed.")
        target = target[match.end() :]
    if not target.startswith("/"):
        target = f"/{target}"
    path, _, query = target.partition("?")
    return path, query


def _body_length(headers: Headers) -> int:
    if "Transfer-Encoding" in headers:
        raise BadHttp(HTTPStatus.LENGTH_REQUIRED, "Chunked bodies are not supported; send Content-Length.")
    text = headers.get("Content-Length", "0")
    if not (text.isascii() and text.isdigit()):
        raise BadHttp(HTTPStatus.BAD_REQUEST, "Content-Length is malformed.")
    if len(text) > 9 or int(text) > MAX_BODY:
        raise BadHttp(HTTPStatus.REQUEST_ENTITY_TOO_LARGE, f"The body must not exceed {MAX_BODY} bytes.")
    return int(text)


REQUEST_TIMED_OUT: Final = BadHttp(HTTPStatus.REQUEST_TIMEOUT, "The request did not come in time.").response
_PHRASES: Final = {status.value: status.phrase for status in HTTPStatus}
