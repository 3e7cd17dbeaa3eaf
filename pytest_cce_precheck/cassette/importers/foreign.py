"""What the files of other tools have in common: which of their calls are imported, and how a request is read."""

from __future__ import annotations

import base64
import re
from contextlib import contextmanager
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Final, TypeVar
from urllib.parse import urlsplit

from pytest_cce_precheck._text import excerpt
from pytest_cce_precheck.errors import ConfigurationError
from pytest_cce_precheck.wire.exchange import Headers, Request
from pytest_cce_precheck.wire.vocabulary import FRAMING_HEADERS

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator
    from datetime import datetime

    from pytest_cce_precheck.cassette.format import Recording

T = TypeVar("T")

_CALL: Final = re.compile(r"/addons/precheck(?:/tasks)?/?\Z")
_KINDS: Final = {dict: "an object", list: "an array", str: "a text", int: "a number"}


@dataclass(frozen=True)
class Foreign:
    """What a file of another tool holds.

    ``source`` names its format, ``left_out`` counts the calls to other services, ``recorded_at`` is the time of the
    first call, None if the file does not have it.
    """

    source: str
    recordings: tuple[Recording, ...]
    left_out: int
    recorded_at: datetime | None


def is_call(method: str, path: str) -> bool:
    """Whether a request is one of the two calls of the contract.

    >>> is_call("GET", "/api/v3/projects/p/clusters/c/addons/precheck/tasks"), is_call("GET", "/api/v3/projects")
    (True, False)
    """
    # a browser asks with OPTIONS whether it may call
    return method != "OPTIONS" and _CALL.search(path) is not None


def is_call_to(method: str, url: str) -> bool:
    """Whether a request to a whole URL is one of the two; one that cannot be parsed is not."""
    try:
        parts = urlsplit(url)
    except ValueError:
        return False
    return parts.scheme.lower() in ("http", "https") and is_call(method, parts.path)


def as_request(method: str, url: str, headers: Iterable[tuple[str, str]], body: bytes) -> Request:
    """Return the request that another tool kept, without a user and password in its URL."""
    parts = urlsplit(url)
    endpoint = f"{parts.scheme}://{parts.netloc.rpartition('@')[2]}".lower()
    return Request(method, endpoint, parts.path, parts.query, without_pseudo(headers), body)


def without_pseudo(headers: Iterable[tuple[str, str]]) -> Headers:
    """Return headers without those that only HTTP/2 has (``:path``)."""
    return Headers((name, value) for name, value in headers if not name.startswith(":"))


def as_received(headers: Iterable[tuple[str, str]]) -> Headers:
    """Return the headers of an answer without those that describe how its body was sent."""
    return without_pseudo(headers).without(*FRAMING_HEADERS)


def member(data: Any, name: str, kind: type[T]) -> T:
    """Return a member of an object; raises ValueError if it has another type or is missing."""
    value = data.get(name) if isinstance(data, dict) else None
    # in Python, true is a number
    if not isinstance(value, kind) or isinstance(value, bool):
        raise ValueError(f"its {name} is {'missing' if value is None else shown(value)}; expected {_KINDS[kind]}")
    return value


def shown(value: Any) -> str:
    """Return a value for a message; of a container its type alone: in YAML, a few lines can hold a billion texts."""
    return _KINDS[type(value)] if isinstance(value, dict | list) else repr(excerpt(str(value), 0, 40))


def optional(data: Any, name: str, kind: type[T]) -> T:
    """Return a member of an object, an empty one if it is missing; raises ValueError if it has another type."""
    return kind() if isinstance(data, dict) and data.get(name) is None else member(data, name, kind)


@contextmanager
def reading(what: str) -> Iterator[None]:
    """Turn a ValueError within into a `ConfigurationError` that names ``what``."""
    try:
        yield
    except ValueError as error:
        raise ConfigurationError(f"{what} cannot be imported: {error}") from None


def decoded_base64(text: str, *, strict: bool = True) -> bytes:
    """Return the octets of a body in Base64; raises ValueError. Unless ``strict``, other characters are ignored."""
    try:
        return base64.b64decode(text, validate=strict)
    except ValueError as error:
        raise ValueError(f"its body is not valid Base64: {error}") from None
