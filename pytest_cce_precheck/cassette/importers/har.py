"""Import and export of HAR 1.2, which browsers and proxies write."""

from __future__ import annotations

import base64
from datetime import UTC, datetime
from http import HTTPStatus
from importlib.metadata import version
from typing import TYPE_CHECKING, Any, Final, get_args

from pytest_cce_precheck.cassette.format import Failure, Recording
from pytest_cce_precheck.cassette.importers.foreign import (
    Foreign,
    as_received,
    as_request,
    decoded_base64,
    is_call_to,
    member,
    optional,
    reading,
)
from pytest_cce_precheck.errors import TransportReason
from pytest_cce_precheck.wire.exchange import Headers, Response

if TYPE_CHECKING:
    from collections.abc import Iterator

    from pytest_cce_precheck.cassette.format import Cassette
    from pytest_cce_precheck.wire.exchange import Request

# the names of an application's own fields start with an underscore
_FAILURE: Final = "_failure"
_REPEATS: Final = "_repeats"
_ENCODING: Final = "_encoding"


def is_har(document: Any) -> bool:
    """Whether parsed JSON looks like a HAR."""
    return isinstance(document, dict) and "log" in document


def from_har(document: Any, name: str) -> Foreign:
    """Import the calls of a parsed HAR; raises `ConfigurationError` that names the entry which cannot be used."""
    with reading(name):
        entries = member(member(document, "log", dict), "entries", list)
    recordings, times = [], []
    for number, entry in enumerate(entries, 1):
        with reading(f"entry {number} of {name}"):
            asked = member(entry, "request", dict)
            method, url = member(asked, "method", str), member(asked, "url", str)
            if is_call_to(method, url):
                request = as_request(method, url, _pairs(asked), _posted(asked))
                recordings.append(Recording(request, _outcome(entry), entry.get(_REPEATS) is True))
                times.append(_time(member(entry, "startedDateTime", str)))
    return Foreign("har", tuple(recordings), len(entries) - len(recordings), min(times, default=None))


def _pairs(data: Any) -> Iterator[tuple[str, str]]:
    for header in member(data, "headers", list):
        yield member(header, "name", str), member(header, "value", str)


def _posted(asked: Any) -> bytes:
    posted = optional(asked, "postData", dict)
    if not posted.get("text") and posted.get("params"):
        raise ValueError("its body was kept as a form; expected a text")
    return _octets(posted, optional(posted, _ENCODING, str))


def _octets(data: Any, encoding: str) -> bytes:
    text = optional(data, "text", str)
    if encoding == "base64":
        return decoded_base64(text)
    if encoding:
        raise ValueError(f"its body is in the encoding {encoding!r}; expected base64 or none")
    # half of a surrogate pair, which JSON can hold
    return text.encode("utf-8", "surrogatepass")


def _outcome(entry: Any) -> Response | Failure:
    answer = member(entry, "response", dict)
    status = member(answer, "status", int)
    failure = entry.get(_FAILURE)
    if isinstance(failure, dict) and failure.get("reason") in get_args(TransportReason):
        return Failure(failure["reason"], member(failure, "detail", str))
    if not 100 <= status <= 999:
        why = answer.get("_error") or answer.get("statusText") or "the file does not say why"
        raise ValueError(f"its status is {status}, so no answer arrived ({why}): take the entry out of the file")
    content = member(answer, "content", dict)
    if "text" not in content and isinstance(content.get("size"), int) and content["size"] > 0:
        raise ValueError(f"its answer had {content['size']} bytes that the file does not hold: export it with content")
    return Response(status, as_received(_pairs(answer)), _octets(content, optional(content, "encoding", str)))


def _time(text: str) -> datetime:
    moment = datetime.fromisoformat(text)
    return moment if moment.tzinfo else moment.replace(tzinfo=UTC)


def to_har(cassette: Cassette) -> dict[str, Any]:
    """Return a cassette as HAR 1.2; what HAR has no field for is kept in fields of our own, which are read again.

    The times are not known: every call starts when the cassette was recorded, and takes no time.
    """
    started = cassette.origin.recorded_at.isoformat(timespec="milliseconds").replace("+00:00", "Z")
    return {
        "log": {
            "version": "1.2",
            "creator": {"name": "pytest-cce-precheck", "version": version("pytest-cce-precheck")},
            "entries": [_entry(recording, started) for recording in cassette],
        }
    }


def _entry(recording: Recording, started: str) -> dict[str, Any]:
    outcome = recording.outcome
    entry: dict[str, Any] = {
        "startedDateTime": started,
        "time": 0,
        "request": _request_data(recording.request),
        "response": _response_data(outcome if isinstance(outcome, Response) else Response(0)),
        "cache": {},
        # the last three must not be unknown (HAR 1.2, timings)
        "timings": {"blocked": -1, "dns": -1, "connect": -1, "ssl": -1, "send": 0, "wait": 0, "receive": 0},
    }
    if isinstance(outcome, Failure):
        entry["response"]["_error"] = outcome.detail
        entry[_FAILURE] = {"reason": outcome.reason, "detail": outcome.detail}
    if recording.repeats:
        entry[_REPEATS] = True
    return entry


def _request_data(request: Request) -> dict[str, Any]:
    data: dict[str, Any] = {
        "method": request.method,
        "url": request.url,
        "httpVersion": "HTTP/1.1",
        "cookies": [],
        "headers": _header_data(request.headers),
        "queryString": [{"name": name, "value": value} for name, value in request.params],
        "headersSize": -1,
        "bodySize": len(request.body),
    }
    if request.body:
        # HAR has no field for the encoding of what was posted
        data["postData"] = {"mimeType": request.headers.get("Content-Type", ""), **_text(request.body, _ENCODING)}
    return data


def _response_data(response: Response) -> dict[str, Any]:
    known = response.status in set(HTTPStatus)
    mime_type = response.headers.get("Content-Type", "")
    return {
        "status": response.status,
        "statusText": HTTPStatus(response.status).phrase if known else "",
        "httpVersion": "HTTP/1.1",
        "cookies": [],
        "headers": _header_data(response.headers),
        "content": {"size": len(response.body), "mimeType": mime_type, **_text(response.body, "encoding")},
        "redirectURL": response.headers.get("Location", ""),
        "headersSize": -1,
        "bodySize": len(response.body),
    }


def _header_data(headers: Headers) -> list[dict[str, str]]:
    return [{"name": name, "value": value} for name, value in headers.pairs]


def _text(body: bytes, encoding: str) -> dict[str, str]:
    try:
        return {"text": body.decode()}
    except UnicodeDecodeError:
        return {"text": base64.b64encode(body).decode(), encoding: "base64"}
