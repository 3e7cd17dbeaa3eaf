"""The driver protocol, version 1: one JSON object a line to the driver, one back for each.

``docs/how-to-driver.md`` is the page for whoever writes a driver; the schemas are ``schemas/driver_*.json``.
"""

from __future__ import annotations

import json
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any, Final, Literal

from pytest_cce_precheck.contract.schema import schema_errors
from pytest_cce_precheck.errors import BodyError, CcePrecheckError
from pytest_cce_precheck.wire.body import parse_json

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

PROTOCOL: Final = 1

Operation = Literal["list", "create"]
Authentication = Literal["ak/sk", "temporary", "token"]
Misreading = Literal["rubbish", "version", "out-of-order", "floods"]


class ProtocolError(CcePrecheckError):
    """A line is no message of the protocol; ``reason`` is for programs."""

    def __init__(self, reason: Misreading, detail: str) -> None:
        super().__init__(detail)
        self.reason: Misreading = reason


@dataclass(frozen=True)
class DriverCall:
    """A call for the driver to make.

    ``filters`` (by the wire's names) belong to a list call, ``addons`` to a create call; ``timeout`` is the SDK's
    read timeout in seconds.
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
        """Return the message, but for what every message has."""
        asked: dict[str, Any] = (
            {"filters": dict(self.filters)} if self.operation == "list" else {"addons": [*map(dict, self.addons)]}
        )
        return {
            "do": "call",
            "operation": self.operation,
            "endpoint": self.endpoint,
            "project_id": self.project_id,
            "cluster_id": self.cluster_id,
            "authentication": self.authentication,
            "timeout": self.timeout,
            **asked,
        }


@dataclass(frozen=True)
class Introduction:
    """What a driver says of itself: its language, its SDK, and what that can do."""

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
    """The error that a call ended in; ``expected``: it is one of the SDK's documented types."""

    type: str
    expected: bool
    message: str = ""
    status: int | None = None
    code: str | None = None
    request_id: str | None = None


@dataclass(frozen=True)
class DriverAnswer:
    """How a call ended: with an object's ``value`` by the wire's names, or with an ``error``.

    The value is an object, unless the SDK gives what it read without a model.
    """

    value: Any = None
    status: int | None = None
    error: SdkError | None = None


def encode(number: int, message: Mapping[str, Any]) -> bytes:
    """Write a message to a driver as its line; all ASCII, so that no encoding can spoil it."""
    return json.dumps({"protocol": PROTOCOL, "id": number, **message}, separators=(",", ":")).encode() + b"\n"


def read_introduction(line: bytes, number: int) -> Introduction:
    """Read the answer to the first message; raises `ProtocolError`."""
    document = _read(line, number)
    _hold_to(document, "driver_introduction")
    return Introduction(
        language=document["language"],
        sdk=document["sdk"]["name"],
        version=document["sdk"]["version"],
        operations=tuple(document["operations"]),
        authentication=tuple(document["authentication"]),
    )


def read_answer(line: bytes, number: int) -> DriverAnswer:
    """Read the answer to a call; raises `ProtocolError`."""
    document = _read(line, number)
    if document.get("outcome") == "error":
        _hold_to(document, "driver_error")
        error = document["error"]
        told = {name: error.get(name) for name in ("status", "code", "request_id")}
        return DriverAnswer(error=SdkError(error["class"], error["expected"], error.get("message", ""), **told))
    _hold_to(document, "driver_value")
    return DriverAnswer(value=document["value"], status=document.get("status"))


def _read(line: bytes, number: int) -> dict[str, Any]:
    try:
        document = parse_json(line)
    except BodyError as error:
        raise ProtocolError("rubbish", str(error)) from None
    if not isinstance(document, dict):
        raise ProtocolError("rubbish", "a message is a JSON object")
    if document.get("protocol") != PROTOCOL:
        said = json.dumps(document.get("protocol"))
        raise ProtocolError("version", f"this kit speaks version {PROTOCOL} of the protocol, the message says {said}")
    answered = document.get("id")
    if answered != number:
        said = json.dumps(answered)
        if isinstance(answered, int) and answered < number:
            raise ProtocolError("floods", f"message {number} was to be answered, and {said} was answered once more")
        raise ProtocolError("out-of-order", f"message {number} was to be answered, the answer is to {said}")
    return document


def _hold_to(document: Mapping[str, Any], schema: str) -> None:
    for error in schema_errors(document, schema):
        raise ProtocolError("rubbish", f"{error.message} (at {error.path}; schemas/{schema}.json)")
