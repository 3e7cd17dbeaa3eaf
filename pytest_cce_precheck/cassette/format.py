"""The cassette file: versioned JSON of recorded calls, the same text for the same calls, parsed when they are needed.

A file as it was written is split without parsing its answers (`json_layout`); one that was formatted differently is
parsed whole. Reading runs no code, and is bounded in size and depth.
"""

from __future__ import annotations

import hashlib
import json
from collections import defaultdict
from dataclasses import asdict, dataclass, field
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Any, Final, get_args

from pytest_cce_precheck.cassette.bodies import as_bytes, as_data
from pytest_cce_precheck.cassette.json_layout import HEAD, Part, split, written
from pytest_cce_precheck.errors import CassetteCorruptError, TransportReason
from pytest_cce_precheck.wire.exchange import Exchange, Headers, Request, Response

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping, Sequence

VERSION: Final = 1
RULES: Final = 1
"""The version of the rules of redaction: a cassette that was sealed under these need not be redacted again."""
MAX_CASSETTE: Final = 512 * 1024 * 1024
_REASONS: Final = get_args(TransportReason)

_TIME: Final = "%Y-%m-%dT%H:%M:%SZ"
_UNREADABLE: Final = (ValueError, TypeError, KeyError, AttributeError, RecursionError)
_HEAD: Final = HEAD.encode()
_CONFLICT: Final = b"\n<<<<<<< "
# the types of a head's members; others are strings
_KINDS: Final[Mapping[str, type]] = {"recorded_at": datetime, "pseudonyms": bool, "notes": dict, "credentials": list}


@dataclass(frozen=True)
class Failure:
    """A call that got no usable answer: `TransportError`'s reason and detail."""

    reason: TransportReason
    detail: str


@dataclass(frozen=True)
class Recording:
    """One recorded call: the request, and its answer or failure; if it ``repeats``, it answers many calls."""

    request: Request
    outcome: Response | Failure
    repeats: bool = False

    @property
    def exchange(self) -> Exchange | None:
        """The exchange, or None if no answer came."""
        return Exchange(self.request, self.outcome) if isinstance(self.outcome, Response) else None


@dataclass(frozen=True)
class Origin:
    """Where a cassette's recordings come from.

    ``recorded_at`` is in UTC, ``credentials`` names the kinds that were in use (`Credentials.names`), ``source`` is
    ``record`` or the format that was imported, ``notes`` is what the test wants to know again when it is replayed.
    """

    tool: str
    recorded_at: datetime
    endpoint: str
    source: str = "record"
    test: str | None = None
    project_id: str | None = None
    cluster_id: str | None = None
    credentials: tuple[str, ...] = ()
    pseudonyms: bool = False
    notes: Mapping[str, Any] = field(default_factory=dict)


class Cassette:
    """The recordings of one file, parsed when they are needed.

    ``sealed`` means that they are as they were written, redacted under today's rules.
    """

    def __init__(
        self, name: str, origin: Origin, parts: Sequence[Part | dict[str, Any]], *, sealed: bool = False
    ) -> None:
        self.name = name
        self.origin = origin
        self.sealed = sealed
        self._parts = parts

    def __len__(self) -> int:
        return len(self._parts)

    def request(self, number: int) -> Request:
        """Return the request of a recording, counted from 0; raises `CassetteCorruptError`."""
        part = self._parts[number]
        try:
            return _request(part.read_request() if isinstance(part, Part) else part["request"], self.origin.endpoint)
        except _UNREADABLE as error:
            raise self._corrupt(number, error) from None

    def outcome(self, number: int) -> tuple[Response | Failure, bool]:
        """Return the outcome of a recorded call, and whether it repeats; raises `CassetteCorruptError`."""
        part = self._parts[number]
        try:
            data, body = part.read_outcome(as_written=self.sealed) if isinstance(part, Part) else (part, None)
            return _outcome(data, body), data.get("repeats") is True
        except _UNREADABLE as error:
            raise self._corrupt(number, error) from None

    def recording(self, number: int) -> Recording:
        """Return a recording, counted from 0; raises `CassetteCorruptError`."""
        return Recording(self.request(number), *self.outcome(number))

    def __iter__(self) -> Iterator[Recording]:
        return (self.recording(number) for number in range(len(self)))

    def _corrupt(self, number: int, error: Exception) -> CassetteCorruptError:
        return CassetteCorruptError(
            f"recording {number + 1} of {self.name} cannot be read: {_in_words(error)}; record it again"
        )


def loads(file: bytes | str, name: str) -> Cassette:
    """Parse a cassette's file; ``name`` is for messages. Raises `CassetteCorruptError`."""
    file = file.encode() if isinstance(file, str) else file
    end_of_head = file.find(_HEAD)
    start = end_of_head + len(_HEAD)
    parts = split(file, start) if end_of_head >= 0 else None
    sealed = parts is not None and file.endswith(_seal(memoryview(file)[start:]), 0, end_of_head)
    # a seal says that there are none
    if _CONFLICT in (file[:end_of_head] if sealed else file):
        raise CassetteCorruptError(f"{name} has the markers of an unfinished merge; finish it, or record it again")
    if parts is not None:
        origin = _origin(_document(file[:end_of_head] + b'\n  "recordings":[]\n}', name), name)
        return Cassette(name, origin, parts, sealed=sealed)
    document = _document(file, name)
    origin = _origin(document, name)
    if not isinstance(document.get("recordings"), list):
        raise CassetteCorruptError(f"{name} is not a cassette: its recordings are missing; record it again")
    return Cassette(name, origin, document["recordings"])


def dumps(origin: Origin, recordings: Sequence[Recording], *, redacted: bool = False) -> str:
    """Return the text of a cassette, the same for the same recordings; if they are ``redacted``, it is sealed."""
    members = {**asdict(origin), "recorded_at": f"{origin.recorded_at.astimezone(UTC):{_TIME}}"}
    head = {name: value for name, value in members.items() if value not in (None, {}, ())}
    data = [_as_data(recording, origin.endpoint) for recording in recordings]
    text = written({"cassette": VERSION, **head, "recordings": data})
    before, found, rest = text.partition(HEAD)
    return f"{before}{_seal(rest.encode()).decode()}{found}{rest}" if redacted and found else text


def _seal(recordings: bytes | memoryview) -> bytes:
    """Return the line with the seal, as it stands before `HEAD`."""
    return f'\n  "seal":"{RULES}:{hashlib.sha256(recordings).hexdigest()}",'.encode()


def _document(text: bytes, name: str) -> Any:
    try:
        return json.loads(text.decode())
    except (ValueError, RecursionError) as error:
        raise CassetteCorruptError(f"{name} is not a cassette: {_in_words(error)}; record it again") from None


def _origin(document: Any, name: str) -> Origin:
    if not isinstance(document, dict) or "cassette" not in document:
        raise CassetteCorruptError(
            f'{name} is not a cassette: it has no "cassette": {VERSION}; HAR files and cassettes of vcrpy are imported'
            " with cce-precheck cassettes import"
        )
    if document["cassette"] != VERSION:
        raise CassetteCorruptError(
            f"{name} is a cassette of version {document['cassette']!r}, and this tool reads version {VERSION}:"
            " install a newer pytest-cce-precheck, or record it again"
        )
    try:
        known = {key: document[key] for key in Origin.__dataclass_fields__ if key in document}
        known["recorded_at"] = datetime.strptime(known["recorded_at"], _TIME).replace(tzinfo=UTC)
        for key, value in known.items():
            texts = value if isinstance(value, list) else ()
            if not isinstance(value, _KINDS.get(key, str)) or not all(isinstance(text, str) for text in texts):
                raise TypeError(f"its {key} is {value!r}")
        return Origin(**{**known, "credentials": tuple(known.get("credentials", ()))})
    except (KeyError, TypeError, ValueError) as error:
        raise CassetteCorruptError(f"{name} is not a cassette: {_in_words(error)}; record it again") from None


def _as_data(recording: Recording, endpoint: str) -> dict[str, Any]:
    asked = recording.request
    request: dict[str, Any] = {"method": asked.method}
    if asked.endpoint != endpoint:
        request["endpoint"] = asked.endpoint
    request |= {"path": asked.path, "query": asked.query, "headers": _headers_as_data(asked.headers)}
    if asked.body:
        request["body"] = as_data(asked.body)
    data: dict[str, Any] = {"request": request}
    if isinstance(recording.outcome, Failure):
        data["failure"] = asdict(recording.outcome)
    else:
        answer = recording.outcome
        data["response"] = {"status": answer.status, "headers": _headers_as_data(answer.headers)}
        if answer.body:
            data["response"]["body"] = as_data(answer.body)
    if recording.repeats:
        data["repeats"] = True
    return data


def _headers_as_data(headers: Headers) -> dict[str, Any]:
    values: dict[str, list[str]] = defaultdict(list)
    for name, value in headers.pairs:
        values[name].append(value)
    return {name: several if len(several) > 1 else several[0] for name, several in values.items()}


def _outcome(data: dict[str, Any], body: bytes | None) -> Response | Failure:
    if "failure" in data:
        failure = Failure(data["failure"]["reason"], str(data["failure"]["detail"]))
        if failure.reason not in _REASONS:
            raise ValueError(f"a failure's reason is one of {', '.join(_REASONS)}")
        return failure
    answer = data["response"]
    if not isinstance(answer["status"], int) or not 100 <= answer["status"] <= 999:
        raise ValueError("a response's status is a number of three digits")
    if body is None:
        body = as_bytes(answer["body"]) if "body" in answer else b""
    return Response(answer["status"], _headers(answer), body)


def _request(data: dict[str, Any], endpoint: str) -> Request:
    texts = data["method"], data.get("endpoint", endpoint), data["path"], data.get("query", "")
    if set(map(type, texts)) != {str}:
        raise TypeError("a request's method, endpoint, path and query are texts")
    return Request(*texts, _headers(data), as_bytes(data["body"]) if "body" in data else b"")


def _headers(data: dict[str, Any]) -> Headers:
    return Headers(
        (name, value)
        for name, values in data.get("headers", {}).items()
        for value in ([values] if isinstance(values, str) else values)
    )


def _in_words(error: Exception) -> str:
    if isinstance(error, KeyError):
        return f"{error.args[0]!r} is missing"
    if isinstance(error, RecursionError):
        return "it nests too deep"
    return str(error) or type(error).__name__
