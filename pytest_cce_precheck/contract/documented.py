"""Which kinds of answers there are, and what the documents say of each field of each kind."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from functools import cache
from types import MappingProxyType
from typing import Any, Final

from pytest_cce_precheck.contract.envelope import is_error_envelope, is_gateway_error
from pytest_cce_precheck.contract.schema import member
from pytest_cce_precheck.schema_files import inlined_schema, subschemas
from pytest_cce_precheck.wire.exchange import Exchange

CALLS: Final[Mapping[str, str]] = MappingProxyType({"GET": "list", "POST": "create"})
"""The call that a request's method makes; other methods make none."""
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


@dataclass(frozen=True)
class Documented:
    """What a schema says of a field.

    ``free`` is whether it says nothing of the content of an object, ``words`` are the only values that it allows, if it
    lists them, ``fields`` the paths of an object's fields by their names, ``time`` whether it is a timestamp.
    """

    required: bool
    free: bool
    type: str
    words: frozenset[str]
    fields: Mapping[str, str]
    time: bool


def kind_of(exchange: Exchange, document: Any) -> str:
    """Return the kind of an answer: the call, the status, and the envelope if it is an error's."""
    kind = f"{CALLS[exchange.request.method]} {exchange.status}"
    if not isinstance(document, dict) or not is_error_envelope(document):
        return kind
    return f"{kind} ({'gateway' if is_gateway_error(document) else 'CCE'})"


def documented(kind: str) -> Mapping[str, Documented]:
    """Return what the documents say of the fields of a kind of answer, by path; nothing if none describes it."""
    call, status, *envelope = kind.split(" ")
    if envelope:
        known = {"(CCE)": "error_cce", "(gateway)": "error_gateway"}.get(envelope[0])
        return fields_of(known) if known else {}
    # an error without an envelope is described by no document
    return fields_of(f"{call}_answer") if status < "400" else {}


@cache
def fields_of(schema_name: str) -> Mapping[str, Documented]:
    """Return what a schema says of each field, by path."""
    parts = dict(subschemas(inlined_schema(schema_name)))
    paths = {steps: path_of(steps) for steps in parts}
    return MappingProxyType(
        {
            paths[steps]: Documented(
                required=not steps or steps[-1] in parts[steps[:-1]].get("required", ()),
                free=schema.get("type") == "object" and "properties" not in schema,
                type=schema.get("type", ""),
                words=frozenset(schema.get("enum", [schema["const"]] if "const" in schema else [])),
                fields=MappingProxyType({name: paths[*steps, name] for name in schema.get("properties", ())}),
                time=schema.get("format") == "date-time",
            )
            for steps, schema in parts.items()
        }
    )


def path_of(steps: Iterable[str]) -> str:
    """Return the path of the part of a schema that these steps lead to."""
    return "$" + "".join("[*]" if step == "*" else member(step) for step in steps)


def present_paths(node: Any, described: Mapping[str, Documented], path: str = "$") -> Iterator[str]:
    """Yield the path of each documented field that a document has, once for each place."""
    for name, below in described[path].fields.items():
        if isinstance(node, dict) and name in node:
            yield below
            yield from present_paths(node[name], described, below)
    if isinstance(node, list) and f"{path}[*]" in described:
        for element in node:
            yield from present_paths(element, described, f"{path}[*]")


def unknown_fields(document: Any, schema_name: str) -> Iterable[str]:
    """Return the JSON path of each field that the schema does not describe, once, in the order of the document.

    Indices are generalised, as in ``$.items[*].metadata.owner``. What an unknown field holds is not looked at, nor
    the content of an object that the contract leaves free.

    >>> list(unknown_fields({"currentCount": 0, "total": 3}, "page_info"))
    ['$.total']
    """
    found: dict[str, None] = {}
    _collect_unknown(document, "$", fields_of(schema_name), found)
    return found


def _collect_unknown(node: Any, path: str, described: Mapping[str, Documented], found: dict[str, None]) -> None:
    if isinstance(node, list) and f"{path}[*]" in described:
        for element in node:
            _collect_unknown(element, f"{path}[*]", described, found)
    elif isinstance(node, dict) and (fields := described[path].fields):
        for name, value in node.items():
            if name not in fields:
                found[path + member(name)] = None
            elif isinstance(value, dict | list):
                _collect_unknown(value, fields[name], described, found)
