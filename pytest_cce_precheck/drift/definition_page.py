"""Read a saved page of the vendor, HTML, Markdown or its text, in Chinese or English, into the facts of `definition`.

A page describes each object in a table of its own. A table is recognised by its fields, or by the object's name in the
line above it; a page's text may have lost either.
"""

from __future__ import annotations

import re
from collections import Counter
from html.parser import HTMLParser
from itertools import pairwise
from typing import TYPE_CHECKING, Final

from pytest_cce_precheck.drift.definition import Fact
from pytest_cce_precheck.errors import ConfigurationError

if TYPE_CHECKING:
    from collections.abc import Iterator

    from pytest_cce_precheck.drift.definition import Facts

    Table = tuple[str, list[str], list[list[str]]]

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
