"""Which kinds of answers there are, and what the documents say of each field of each kind."""

from __future__ import annotations

from dataclasses import dataclass
from functools import cache
from types import MappingProxyType
from typing import TYPE_CHECKING, Any, Final

from pytest_cce_precheck.contract.envelope import is_error_envelope
from pytest_cce_precheck.contract.schema import json_path
from pytest_cce_precheck.schema_files import load_schema

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

    from pytest_cce_precheck.wire.exchange import Exchange

CALLS: Final[Mapping[str, str]] = MappingProxyType({"GET": "list", "POST": "create"})
"""What a request's method calls; others are no calls."""
TYPES: Final[Mapping[type, str]] = MappingProxyType(
    {
        dict: "object",
        list: "array",
        str: "string",
        bool: "boolean",
        int: "integer",
        float: "number",
        type(None): "null",
    }
)
"""The types of JSON by those of Python."""
_ENVELOPES: Final[Mapping[str, str]] = MappingProxyType({"CCE": "error_cce", "gateway": "error_gateway"})


@dataclass(frozen=True)
class Documented:
    """What a schema says of a field.

    ``free`` tells that it says nothing of what is inside, ``words`` are the only values that it allows, where it
    names them, ``fields`` the paths of an object's fields by their names, ``time`` whether it is a timestamp.
    """

    required: bool
    free: bool
    type: str
    words: frozenset[str]
    fields: Mapping[str, str]
    time: bool


def kind_of(exchange: Exchange, document: Any) -> str:
    """Name the kind of an answer: the call, the status, and the envelope where it is an error's."""
    kind = f"{CALLS[exchange.request.method]} {exchange.status}"
    if not isinstance(document, dict) or not is_error_envelope(document):
        return kind
    return f"{kind} ({'gateway' if document.keys() & {'error_code', 'error_msg'} else 'CCE'})"


def documented(kind: str) -> Mapping[str, Documented]:
    """Return what the documents say of the fields of a kind of answer, by path; nothing if none describes it."""
    return _documented(_schema_of(kind))


def member(name: str) -> str:
    """Write a field's name as the step of a path."""
    return json_path([name]).removeprefix("$")


def _schema_of(kind: str) -> str | None:
    call, _, rest = kind.partition(" ")
    status, _, envelope = rest.partition(" ")
    if envelope:
        return _ENVELOPES.get(envelope.strip("()"))
    # an error without an envelope is nothing that a document describes
    return f"{call}_answer" if status < "400" else None


@cache
def _documented(schema_name: str | None) -> Mapping[str, Documented]:
    return MappingProxyType(dict(_entries(load_schema(schema_name), "$", required=True)) if schema_name else {})


def _entries(schema: Mapping[str, Any], path: str, *, required: bool) -> Iterator[tuple[str, Documented]]:
    if "$ref" in schema:
        schema = load_schema(schema["$ref"].removesuffix(".json"))
    fields = schema.get("properties", {})
    free = schema.get("type") == "object" and not fields
    words = frozenset(schema.get("enum", [schema["const"]] if "const" in schema else []))
    paths = {name: path + member(name) for name in fields}
    time = schema.get("format") == "date-time"
    yield path, Documented(required, free, schema.get("type", ""), words, MappingProxyType(paths), time)
    for name, part in fields.items():
        yield from _entries(part, paths[name], required=name in schema.get("required", ()))
    if "items" in schema:
        yield from _entries(schema["items"], f"{path}[*]", required=False)
