"""Import of vcrpy's cassettes, in YAML or JSON; loading one runs no code."""

from __future__ import annotations

import zlib
from typing import TYPE_CHECKING, Any, Final

import yaml

from pytest_cce_precheck.cassette.format import Recording
from pytest_cce_precheck.cassette.importers.foreign import (
    Foreign,
    as_received,
    as_request,
    decoded_base64,
    is_call_to,
    member,
    optional,
    reading,
    shown,
)
from pytest_cce_precheck.errors import ConfigurationError
from pytest_cce_precheck.wire.body import MAX_BYTES, MAX_DEPTH
from pytest_cce_precheck.wire.exchange import Headers, Response

if TYPE_CHECKING:
    from collections.abc import Iterator

_VERSION: Final = 1
# libYAML's is ten times as fast, and is not in every installation
_Loader: Final = getattr(yaml, "CSafeLoader", yaml.SafeLoader)
_GZIP: Final = b"\x1f\x8b"
_EITHER: Final = zlib.MAX_WBITS | 32


def load_yaml(text: str, name: str) -> Any:
    """Parse YAML that holds data and nothing else; raises `ConfigurationError`."""
    try:
        _refuse_depth(text)
        return yaml.load(text, Loader=_Loader)  # noqa: S506  a safe loader in either case
    except yaml.constructor.ConstructorError as error:
        line = f", line {error.problem_mark.line + 1}" if error.problem_mark else ""
        raise ConfigurationError(
            f"{name}{line} cannot be imported: {error.problem}; only data is read, nothing that would run code"
        ) from None
    except yaml.MarkedYAMLError as error:
        line = f"line {error.problem_mark.line + 1}: " if error.problem_mark else ""
        raise ConfigurationError(f"{name} is neither JSON nor YAML: {line}{error.problem}") from None
    except (yaml.YAMLError, ValueError, RecursionError) as error:
        reason = " ".join(str(error).split()) or type(error).__name__
        raise ConfigurationError(f"{name} is neither JSON nor YAML that can be read: {reason}") from None


def _refuse_depth(text: str) -> None:
    # libYAML's loader is recursive, and a stack overflow would end the process
    depth = 0
    for event in yaml.parse(text, Loader=_Loader):
        depth += isinstance(event, yaml.CollectionStartEvent) - isinstance(event, yaml.CollectionEndEvent)
        if depth > MAX_DEPTH:
            raise ValueError(f"it nests deeper than {MAX_DEPTH} levels")


def is_vcr(document: Any) -> bool:
    """Whether a parsed document looks like a cassette of vcrpy."""
    return isinstance(document, dict) and "interactions" in document


def from_vcr(document: Any, name: str) -> Foreign:
    """Import the calls of a parsed cassette of vcrpy; raises `ConfigurationError` that names the interaction."""
    with reading(name):
        if document.get("version", _VERSION) != _VERSION:
            raise ValueError(f"its version is {shown(document['version'])}; expected {_VERSION}")
        interactions = member(document, "interactions", list)
    recordings = []
    for number, each in enumerate(interactions, 1):
        with reading(f"interaction {number} of {name}"):
            asked = member(each, "request", dict)
            method, url = member(asked, "method", str).upper(), member(asked, "uri", str)
            if is_call_to(method, url):
                request = as_request(method, url, _pairs(asked), _octets(asked.get("body")))
                recordings.append(Recording(request, _response(member(each, "response", dict))))
    dates = [each.exchange.date for each in recordings if each.exchange is not None]
    times = [date for date in dates if date is not None]
    return Foreign("vcr", tuple(recordings), len(interactions) - len(recordings), min(times, default=None))


def _response(answer: Any) -> Response:
    # some releases of vcrpy kept calls of httpx in another form
    status = answer["status_code"] if "status_code" in answer else member(member(answer, "status", dict), "code", int)
    if not isinstance(status, int) or not 100 <= status <= 999:
        raise ValueError(f"its status is {shown(status)}; expected a number of three digits")
    headers = Headers(_pairs(answer))
    body = _octets(answer["content"] if "content" in answer else answer.get("body"))
    return Response(status, as_received(headers.pairs), _decoded(body, headers.get("Content-Encoding", "")))


def _pairs(data: Any) -> Iterator[tuple[str, str]]:
    for name, values in optional(data, "headers", dict).items():
        for value in values if isinstance(values, list) else [values]:
            if not isinstance(value, str | int | float):
                raise ValueError(f"its header {name} is {shown(value)}; expected a text")
            yield str(name), str(value)


def _octets(body: Any) -> bytes:
    if isinstance(body, dict):
        if "base64_string" in body:
            return decoded_base64(member(body, "base64_string", str), strict=False)
        return _octets(body.get("string"))
    if isinstance(body, str):
        return body.encode("utf-8", "surrogatepass")
    if body is None or isinstance(body, bytes):
        return body or b""
    raise ValueError(f"its body is {shown(body)}; expected a text or octets")


def _decoded(body: bytes, coding: str) -> bytes:
    """Return a body without its content coding, which an option of vcrpy may have removed already."""
    coding = coding.strip().lower()
    if coding == "deflate" or (coding in ("gzip", "x-gzip") and body.startswith(_GZIP)):
        return _inflated(body)
    if coding in ("", "identity", "gzip", "x-gzip") or not body:
        return body
    try:
        body.decode()
    except UnicodeDecodeError:
        raise ValueError(f"its body is compressed ({coding}): record it with decode_compressed_response=True") from None
    return body


def _inflated(body: bytes) -> bytes:
    inflater = zlib.decompressobj(_EITHER)
    try:
        plain = inflater.decompress(body, MAX_BYTES)
    except zlib.error:
        # it is decoded already
        return body
    if inflater.unconsumed_tail:
        raise ValueError(f"its body is larger than {MAX_BYTES:,} bytes")
    if not inflater.eof:
        raise ValueError("its compressed body ends too early")
    return plain
