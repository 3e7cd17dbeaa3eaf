"""What a definition of the calls says, as a flat table of facts, and how two definitions differ.

It is Swagger 2.0, OpenAPI 3, or a saved page of the vendor: HTML, Markdown or its text, in Chinese or English. A page
describes each object in a table of its own, which is recognised by its fields, or by the object's name in the line
above it; a page's text may have lost either.

A place is where a fact belongs: ``answer.items[*].metadata.taskID``, ``body.spec.clusterID``, ``query.type``,
``path.project_id``, ``status.200``.
"""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from html.parser import HTMLParser
from itertools import pairwise
from typing import Any, Final

from pytest_cce_precheck._text import listed
from pytest_cce_precheck.contract.rules import rules
from pytest_cce_precheck.errors import ConfigurationError
from pytest_cce_precheck.schema_files import OPENAPI, load_schema

Table = tuple[str, list[str], list[list[str]]]

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


_NAME: Final = ("参数", "名称", "parameter", "name")
_MANDATORY: Final = ("是否必选", "mandatory", "required")
_STATUS: Final = re.compile(r"(?:状态码|Status code)\s*[:：]\s*(\d{3})", re.IGNORECASE)
_STATUS_HEAD: Final = ("状态码", "status code")
_FIELD: Final = re.compile(r"[A-Za-z_][\w-]*")
_RANGE: Final = re.compile(
    r"(?:取值范围|\b(?:Range|Value range|Options)\b)\s*[:：]?(.*?)(?=默认取值|Default value|\Z)",
    re.DOTALL | re.IGNORECASE,
)
_FIXED: Final = re.compile(r'(?:固定值|fixed value|fixed at|fixed to)\s*[:：]?\s*["“”]?(\w+)', re.IGNORECASE)
_VALUE: Final = re.compile(r"(?:^|\s)[-–•*]\s*([A-Za-z]\w*)(?=\s*(?:[:：(（]|$))", re.MULTILINE)
_TYPES: Final = {"string": "string", "integer": "integer", "int": "integer", "long": "integer", "boolean": "boolean"}
_TITLE: Final = re.compile(r"(?:表|Table)\s*\d+\s*(\w+)$")
_RULE: Final = re.compile(r"\|(?:\s*:?-{3,}:?\s*\|)+")


def facts_of_page(text: str, ours: Facts, name: str) -> Facts:
    """Return what a page says, by the places of ``ours``; raises `ConfigurationError` if no table is of the call."""
    tables = list(_of_html(text) if re.search(r"<table\b", text, re.IGNORECASE) else _of_text(text))
    facts: dict[str, Fact] = {f"status.{status}": Fact() for status in _STATUS.findall(text)}
    found = False
    for caption, head, rows in tables:
        if head and head[0].lower() in _STATUS_HEAD:
            facts |= {f"status.{row[0]}": Fact() for row in rows if re.fullmatch(r"\d{3}", row[0])}
        elif head and head[0].lower() in _NAME:
            parent = _parent_of(caption, [row[0] for row in rows], ours, is_answer=len(head) < 4)
            found = found or parent is not None
            facts |= dict(_facts(parent, head, rows)) if parent else {}
    if not found:
        raise ConfigurationError(
            f"{name} is no definition of this call: expected Swagger 2.0, OpenAPI 3, or a saved page of the vendor with"
            " a table whose first column is 参数 or Parameter, and whose rows name fields of the call"
        )
    return facts


def _parent_of(caption: str, fields: list[str], ours: Facts, *, is_answer: bool) -> str | None:
    """Return the place that a table describes: the one whose fields it shares most of."""
    names, shared = [field.lower() for field in fields], Counter[str]()
    for place in ours:
        parent, _, field = place.rpartition(".")
        if (parent.partition(".")[0] == "answer") is is_answer:
            # two spellings of one name are one field here: the difference is what is asked for
            shared[parent] += field.lower() in names
    titled = _TITLE.search(caption)
    for parent in shared if titled else ():
        last = parent.rpartition(".")[2].lower()
        shared[parent] += "." in parent and titled is not None and titled[1].lower().endswith(last)
    best = max(shared, key=lambda parent: (shared[parent], -parent.count(".")), default=None)
    return best if best is not None and shared[best] * 2 > len(fields) else None


def _facts(parent: str, head: list[str], rows: list[list[str]]) -> Iterator[tuple[str, Fact]]:
    names = [each.lower() for each in head]
    mandatory = next((at for at, each in enumerate(names) if each in _MANDATORY), None)
    kind_at = 1 if mandatory is None else 2
    for row in rows:
        if not _FIELD.fullmatch(row[0]):
            continue
        required = None if mandatory is None else row[mandatory].lower() in ("是", "yes")
        yield f"{parent}.{row[0]}", Fact(_type_of(row[kind_at]), required, _values(row[-1]))


def _type_of(text: str) -> str | None:
    words = text.lower().split()
    if not words:
        return None
    return "array" if words[0].startswith(("array", "list")) else _TYPES.get(words[0], "object")


def _values(text: str) -> frozenset[str] | None:
    part = _RANGE.search(text)
    found = _FIXED.findall(part[1]) or _VALUE.findall(part[1]) if part else []
    return frozenset(found) or None


def _of_text(text: str) -> Iterator[Table]:
    """Yield the tables of a page's text: cells between bars, over several lines, with a rule below the head."""
    found = []
    for rule in _RULE.finditer(text):
        columns, start = rule[0].count("|") - 1, rule.start()
        head = [cell.strip() for cell in text[:start].split("|") if cell.strip()][-columns:]
        for cell in reversed(head):
            start = text.rindex(cell, 0, start)
        found.append((start, rule.end(), head))
    for (start, end, head), (following, _, _) in pairwise([*found, (len(text), 0, [])]):
        cells = [cell.strip() for cell in text[end:following].split("|") if cell.strip()]
        above = text[:start].replace("|", " ").rstrip().rpartition("\n")[2].strip()
        yield above, head, [cells[at : at + len(head)] for at in range(0, len(cells) - len(head) + 1, len(head))]


def _of_html(text: str) -> Iterator[Table]:
    reader = _Tables()
    reader.feed(text)
    reader.close()
    for caption, rows in reader.tables:
        if rows:
            yield caption, rows[0], [row for row in rows[1:] if len(row) == len(rows[0])]


class _Tables(HTMLParser):
    def __init__(self) -> None:
        super().__init__(convert_charrefs=True)
        self.tables: list[tuple[str, list[list[str]]]] = []
        self._cell: list[str] | None = None
        self._above = ""

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:  # noqa: ARG002
        if tag == "table":
            self.tables.append((self._above, []))
        elif tag == "tr" and self.tables:
            self.tables[-1][1].append([])
        elif tag in ("td", "th") and self.tables and self.tables[-1][1]:
            self._cell = []
        elif self._cell is not None and tag in ("li", "br", "p", "div"):
            self._cell.append("\n- " if tag == "li" else "\n")

    def handle_endtag(self, tag: str) -> None:
        if tag in ("td", "th") and self._cell is not None:
            self.tables[-1][1][-1].append("".join(self._cell).strip())
            self._cell = None

    def handle_data(self, data: str) -> None:
        if self._cell is not None:
            self._cell.append(data)
        elif data.strip():
            self._above = data.strip()
