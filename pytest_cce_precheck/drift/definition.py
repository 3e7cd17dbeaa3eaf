"""What a definition of the calls says, as a flat table of facts, and how two definitions differ.

A place is where a fact belongs: ``answer.items[*].metadata.taskID``, ``body.spec.clusterID``, ``query.type``,
``path.project_id``, ``status.200``.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Final

from pytest_cce_precheck._text import listed
from pytest_cce_precheck.contract.rules import rules
from pytest_cce_precheck.errors import ConfigurationError
from pytest_cce_precheck.schema_files import OPENAPI, load_schema

if TYPE_CHECKING:
    from collections.abc import Iterator

PATHS: Final = {"list": "/addons/precheck/tasks", "create": "/addons/precheck"}
METHODS: Final = {"list": "get", "create": "post"}
_MOST: Final = 5_000
_DEEPEST: Final = 30
# a header of authentication is no parameter in OpenAPI
_PARAMETERS: Final = ("path", "query")


@dataclass(frozen=True)
class Fact:
    """What is said of one place; None if nothing is said."""

    type: str | None = None
    required: bool | None = None
    values: frozenset[str] | None = None


@dataclass(frozen=True)
class Difference:
    """One place that two definitions describe differently, and the codes of the rules that it touches."""

    place: str
    what: str
    ours: str
    theirs: str
    codes: tuple[str, ...]


Facts = Mapping[str, Fact]


def our_facts(call: str) -> Facts:
    """Return what the contract's own schemas say of a call, ``list`` or ``create``."""
    return facts_of(load_schema(OPENAPI), call, "schemas/openapi.json")


def facts_of(document: Mapping[str, Any], call: str, name: str) -> Facts:
    """Return what a definition in Swagger 2.0 or OpenAPI 3 says of a call; raises `ConfigurationError` if nothing."""
    reader = _Reader(document, name)
    paths = reader.members(document.get("paths"))
    for path, item in paths.items():
        operation = reader.resolved(item).get(METHODS[call])
        if str(path).rstrip("/").endswith(PATHS[call]) and operation is not None:
            return dict(reader.operation(reader.resolved(item), reader.resolved(operation)))
    defined = listed([*map(str, paths)], 5) or "no path"
    raise ConfigurationError(f"{name} does not define {METHODS[call].upper()} …{PATHS[call]}; it defines: {defined}")


class _Reader:
    def __init__(self, document: Mapping[str, Any], name: str) -> None:
        self._document, self._name, self._read = document, name, 0

    def members(self, part: Any) -> Mapping[str, Any]:
        return part if isinstance(part, Mapping) else {}

    def resolved(self, part: Any) -> Mapping[str, Any]:
        """Return a part of the document, or what its reference names."""
        for _ in range(_DEEPEST):
            reference = self.members(part).get("$ref")
            if not isinstance(reference, str):
                return self.members(part)
            part = self._document
            for step in reference.removeprefix("#/").split("/"):
                part = self.members(part).get(step.replace("~1", "/").replace("~0", "~"))
            if part is None:
                raise ConfigurationError(f"{self._name} refers to {reference}, which it does not contain")
        raise ConfigurationError(f"{self._name} refers in a circle")

    def operation(self, item: Mapping[str, Any], operation: Mapping[str, Any]) -> Iterator[tuple[str, Fact]]:
        for each in (*_list(item.get("parameters")), *_list(operation.get("parameters"))):
            parameter = self.resolved(each)
            where, schema = parameter.get("in"), self.resolved(parameter.get("schema", parameter))
            if where in _PARAMETERS:
                yield f"{where}.{parameter.get('name')}", self._fact(schema, required=bool(parameter.get("required")))
            elif where == "body":
                yield from self._below("body", schema)
        yield from self._below("body", self._content(self.resolved(operation.get("requestBody"))))
        for status, each in self.members(operation.get("responses")).items():
            yield f"status.{status}", Fact()
            if str(status).startswith("2"):
                yield from self._below("answer", self._content(self.resolved(each)))

    def _content(self, part: Mapping[str, Any]) -> Mapping[str, Any]:
        """Return the schema of a body: where Swagger has it, or of the first media type."""
        media: Any = next(iter(self.members(part.get("content")).values()), None)
        return self.resolved(part.get("schema") or self.members(media).get("schema"))

    def _below(self, place: str, schema: Mapping[str, Any], depth: int = 0) -> Iterator[tuple[str, Fact]]:
        properties, required = self.members(schema.get("properties")), _list(schema.get("required"))
        if depth > _DEEPEST:
            raise ConfigurationError(f"{self._name} nests deeper than {_DEEPEST} levels at {place}")
        for name, each in properties.items():
            self._read += 1
            if self._read > _MOST:
                raise ConfigurationError(
                    f"{self._name} has more than {_MOST:,} fields, which no definition of this call has"
                )
            part = self.resolved(each)
            # a definition without any list of required fields does not say which they are
            yield f"{place}.{name}", self._fact(part, required=name in required if required else None)
            is_array = "array" in (part.get("type"), *_list(part.get("type")))
            inner, suffix = (self.resolved(part.get("items")), "[*]") if is_array else (part, "")
            yield from self._below(f"{place}.{name}{suffix}", inner, depth + 1)

    def _fact(self, schema: Mapping[str, Any], *, required: bool | None) -> Fact:
        values = [schema["const"]] if "const" in schema else _list(schema.get("enum"))
        kind = schema.get("type") or ("object" if "properties" in schema else None)
        # OpenAPI 3.1 writes a type that may be null as a list
        kinds = (
            [str(each) for each in kind if each != "null"] if isinstance(kind, list) else [str(kind)] if kind else []
        )
        return Fact(" or ".join(kinds) or None, required, frozenset(map(str, values)) if values else None)


def _list(part: Any) -> list[Any]:
    return part if isinstance(part, list) else []


def differences(ours: Facts, theirs: Facts) -> Iterator[Difference]:
    """Yield how another definition differs, in the order of our own."""
    described = {_parent(place) for place in theirs}
    for parent in dict.fromkeys(map(_parent, ours)):
        fields = {place: fact for place, fact in ours.items() if _parent(place) == parent}
        if parent == "status":
            # a document may leave the statuses of errors to an appendix
            fields = {place: fact for place, fact in fields.items() if place.startswith("status.2")}
        elif parent not in described:
            names = listed([place.rpartition(".")[2] for place in fields])
            codes = dict.fromkeys(code for place, fact in fields.items() for code in _by_kind(place, "", fact))
            yield Difference(parent, "has no table or schema", names, "", tuple(codes))
            continue
        for place, fact in fields.items():
            if place in theirs:
                yield from _of_one(place, fact, theirs[place])
            else:
                yield _difference(place, "is no longer described", _said(fact), "", fact)
    for place, fact in theirs.items():
        if place not in ours:
            yield _difference(place, "is new", "", _said(fact), fact)


def _of_one(place: str, ours: Fact, theirs: Fact) -> Iterator[Difference]:
    if ours.type and theirs.type and ours.type != theirs.type:
        yield _difference(place, "has another type", ours.type, theirs.type, ours)
    if ours.required is not None and theirs.required is not None and ours.required != theirs.required:
        words = {True: "required", False: "optional"}
        yield _difference(place, "is", words[ours.required], words[theirs.required], ours)
    if ours.values and theirs.values and ours.values != theirs.values:
        yield _difference(place, "has other values", _listed(ours), _listed(theirs), ours)


def _difference(place: str, what: str, ours: str, theirs: str, fact: Fact) -> Difference:
    return Difference(place, what, ours, theirs, tuple(dict.fromkeys((*_by_kind(place, what, fact), *_naming(place)))))


def _by_kind(place: str, what: str, fact: Fact) -> tuple[str, ...]:
    part = place.partition(".")[0]
    if part == "status":
        return ("PRE102",)
    if part in ("query", "path"):
        return ("PRE401", "PRE402") if part == "query" else ("PRE102",)
    if what == "is new":
        return ("PRE290",)
    by_what = {"has another type": "PRE202", "has other values": "PRE203", "is": "PRE201"}
    return (by_what.get(what, "PRE201" if fact.required else "PRE202"),)


def _naming(place: str) -> Iterator[str]:
    """Yield the codes of the rules that name a field; short words such as ``type`` name too much."""
    name = place.rpartition(".")[2].removesuffix("[*]")
    word = rf"\b{re.escape(name)}\b" if re.search(r"[A-Z_]", name) else f"`{re.escape(name)}`"
    for rule in rules().values():
        if re.search(word, f"{rule.title} {rule.source} {rule.remedy}", re.IGNORECASE):
            yield rule.code


def _parent(place: str) -> str:
    return place.rpartition(".")[0]


def _said(fact: Fact) -> str:
    words = (fact.type, "required" if fact.required else None, _listed(fact) if fact.values else None)
    return ", ".join(filter(None, words))


def _listed(fact: Fact) -> str:
    return " or ".join(sorted(fact.values or ()))
