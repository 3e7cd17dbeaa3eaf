"""What is common to the files of other tools: which of their calls are taken in, and how a request is read."""

from __future__ import annotations

import re
from contextlib import contextmanager
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Final, TypeVar
from urllib.parse import urlsplit

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

    ``source`` names its form, ``left_out`` counts the calls that are none of ours, ``recorded_at`` is when the first
    call was made, None where the file does not tell.
    """

    source: str
    recordings: tuple[Recording, ...]
    left_out: int
    recorded_at: datetime | None


def is_call(method: str, path: str) -> bool:
    """Tell whether a request is to one of the two calls.

    >>> is_call("GET", "/api/v3/projects/p/clusters/c/addons/precheck/tasks"), is_call("GET", "/api/v3/projects")
    (True, False)
    """
    # a browser asks with OPTIONS whether it may call
    return method != "OPTIONS" and _CALL.search(path) is not None


def is_call_to(method: str, url: str) -> bool:
    """Tell the same of a whole URL; one that cannot be read is no call."""
    try:
        parts = urlsplit(url)
    except ValueError:
        return False
    return parts.scheme.lower() in ("http", "https") and is_call(method, parts.path)


def as_request(method: str, url: str, headers: Iterable[tuple[str, str]], body: bytes) -> Request:
    """Make a request of what another tool kept; a user and password in the URL are left behind."""
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
    """Return a member of an object; raises ValueError where it has another kind, or is not there."""
    value = data.get(name) if isinstance(data, dict) else None
    # to Python, true is a number
    if not isinstance(value, kind) or isinstance(value, bool):
        raise ValueError(f"its {name} is {'missing' if value is None else shown(value)}; expected {_KINDS[kind]}")
    return value


def shown(value: Any) -> str:
    """Return a value for a message; of a container its kind alone, since a few lines of YAML hold a billion texts."""
    return _KINDS[type(value)] if isinstance(value, dict | list) else repr(str(value)[:40])


def optional(data: Any, name: str, kind: type[T]) -> T:
    """Return a member of an object, an empty one where it is not there; raises ValueError where it has another kind."""
    return kind() if isinstance(data, dict) and data.get(name) is None else member(data, name, kind)


@contextmanager
def reading(what: str) -> Iterator[None]:
    """Raise `ConfigurationError` that names ``what`` for a ValueError within."""
    try:
        yield
    except ValueError as error:
        raise ConfigurationError(f"{what} cannot be taken in: {error}") from None
