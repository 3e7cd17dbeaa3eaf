"""The driver protocol, version 1: one line of JSON for each message to the driver, and one for each answer.

``docs/how-to-driver.md`` explains it to those who write a driver; the schemas are ``schemas/driver_*.json``.
"""

from __future__ import annotations

import json
from dataclasses import asdict, dataclass, field
from typing import TYPE_CHECKING, Any, Final, Literal

from pytest_cce_precheck.contract.schema import schema_errors
from pytest_cce_precheck.errors import BodyError, CcePrecheckError
from pytest_cce_precheck.wire.body import parse_json
from pytest_cce_precheck.wire.exchange import Headers, Request, encode_query
from pytest_cce_precheck.wire.vocabulary import API_VERSION, KIND, PROJECT_HEADER, create_path, list_path

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

PROTOCOL: Final = 1

MODEL_TYPES: Final = ("string", "integer", "number", "boolean", "array", "object")

Operation = Literal["list", "create"]
Authentication = Literal["ak/sk", "temporary", "token"]
ProtocolReason = Literal["rubbish", "version", "out-of-order", "floods"]


class ProtocolError(CcePrecheckError):
    """A line is not a message of the protocol; ``reason`` is for programs."""

    def __init__(self, reason: ProtocolReason, detail: str) -> None:
        super().__init__(detail)
        self.reason: ProtocolReason = reason


@dataclass(frozen=True)
class DriverCall:
    """A call for the driver to make.

    ``filters`` (with the names of the query parameters) are for a list call, ``addons`` for a create call; ``timeout``
    is the SDK's read timeout in seconds.
    """

    endpoint: str
    project_id: str
    cluster_id: str
    operation: Operation = "list"
    filters: Mapping[str, str] = field(default_factory=dict)
    addons: Sequence[Mapping[str, Any]] = ()
    authentication: Authentication = "ak/sk"
    timeout: float = 10.0

    def message(self) -> dict[str, Any]:
        """Return the message without the fields that every message has."""
        message = {"do": "call", **asdict(self)}
        del message["addons" if self.operation == "list" else "filters"]
        return message

    @property
    def body(self) -> dict[str, Any]:
        """The body of a create call."""
        spec = {"clusterID": self.cluster_id, "addonList": [dict(addon) for addon in self.addons]}
        return {"kind": KIND, "apiVersion": API_VERSION, "spec": spec}

    @property
    def request(self) -> Request:
        """The request that this asks for, without credentials."""
        headers = Headers({"Content-Type": "application/json", PROJECT_HEADER: self.project_id})
        if self.operation == "list":
            path = list_path(self.project_id, self.cluster_id)
            return Request("GET", self.endpoint, path, encode_query(self.filters.items()), headers)
        body = json.dumps(self.body, ensure_ascii=False).encode(errors="backslashreplace")
        return Request("POST", self.endpoint, create_path(self.project_id, self.cluster_id), "", headers, body)


@dataclass(frozen=True)
class Introduction:
    """How a driver describes itself: its language, its SDK, and what the SDK can do."""

    language: str
    sdk: str
    version: str
    operations: tuple[Operation, ...]
    authentication: tuple[Authentication, ...]

    @property
    def name(self) -> str:
        """The SDK with its version."""
        return f"{self.sdk} {self.version}"


@dataclass(frozen=True)
class SdkError:
    """The error that a call ended in.

    ``expected`` says whether the SDK documents its type, ``panic`` whether it is an error of the language itself.
    """

    type: str
    expected: bool
    panic: bool = False
    message: str = ""
    status: int | None = None
    code: str | None = None
    request_id: str | None = None


@dataclass(frozen=True)
class DriverAnswer:
    """The result of a call: the ``value`` of an object, with the JSON names of its fields, or an ``error``.

    The value is a JSON object, unless the SDK has no model and returns what it parsed.
    """

    value: Any = None
    status: int | None = None
    error: SdkError | None = None


def encode(number: int, message: Mapping[str, Any]) -> bytes:
    """Return a message to a driver as its line, in ASCII: the driver's encoding then does not matter."""
    return json.dumps({"protocol": PROTOCOL, "id": number, **message}, separators=(",", ":")).encode() + b"\n"


def read_introduction(line: bytes, number: int) -> Introduction:
    """Parse the answer to the first message; raise `ProtocolError` if it is invalid."""
    document = _parse(line, number, "driver_introduction")
    return Introduction(
        language=document["language"],
        sdk=document["sdk"]["name"],
        version=document["sdk"]["version"],
        operations=tuple(document["operations"]),
        authentication=tuple(document["authentication"]),
    )


def read_answer(line: bytes, number: int) -> DriverAnswer:
    """Parse the answer to a call; raise `ProtocolError` if it is invalid."""
    document = _parse(line, number, None)
    if document["outcome"] == "value":
        return DriverAnswer(value=document["value"], status=document.get("status"))
    error = document["error"]
    details = {name: error[name] for name in ("panic", "message", "status", "code", "request_id") if name in error}
    return DriverAnswer(error=SdkError(error["class"], error["expected"], **details))


def read_models(line: bytes, number: int) -> dict[str, dict[str, str]] | None:
    """Parse a description of models; None if the driver does not know the message."""
    try:
        error = read_answer(line, number).error
    except (ProtocolError, KeyError):
        error = None
    if error is not None:
        return None
    models: dict[str, dict[str, str]] = _parse(line, number, "driver_models")["models"]
    for path, kind in (pair for fields in models.values() for pair in fields.items()):
        if kind not in MODEL_TYPES:
            raise ProtocolError("rubbish", f"{path} has the type {kind!r}: expected one of {', '.join(MODEL_TYPES)}")
    return models


def _parse(line: bytes, number: int, schema: str | None) -> dict[str, Any]:
    try:
        document = parse_json(line)
    except BodyError as error:
        raise ProtocolError("rubbish", str(error).replace("the body", "the line", 1)) from None
    if not isinstance(document, dict):
        raise ProtocolError("rubbish", "a message is a JSON object")
    if document.get("protocol") != PROTOCOL:
        version = json.dumps(document.get("protocol"))
        raise ProtocolError("version", f"this kit speaks protocol version {PROTOCOL}, the message says {version}")
    answered = document.get("id")
    if answered != number:
        shown = json.dumps(answered)
        if isinstance(answered, int) and answered < number:
            raise ProtocolError("floods", f"expected the answer to message {number}, got another to {shown}")
        raise ProtocolError("out-of-order", f"expected the answer to message {number}, got one to {shown}")
    schema = schema or ("driver_error" if document.get("outcome") == "error" else "driver_value")
    for breach in schema_errors(document, schema):
        raise ProtocolError("rubbish", f"{breach.message} (at {breach.path}; schemas/{schema}.json)")
    return document
