"""What of an answer is documented, and what an SDK's object keeps of the answer, JSON path by JSON path."""

from __future__ import annotations

import json
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Any, Final, Literal

from pytest_cce_precheck._text import has_half_pair
from pytest_cce_precheck.contract.findings import everywhere
from pytest_cce_precheck.contract.schema import json_path
from pytest_cce_precheck.schema_files import inlined_schema

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

    Path = tuple[str | int, ...]
    Schema = Mapping[str, Any]

_SHOWN_CHARACTERS: Final = 80
# fields that only the examples of the vendor have: a client that drops them loses what a document shows
# (docs/deviations.md)
ONLY_IN_EXAMPLES: Final[dict[str, Schema]] = {
    "CheckTaskMetadata": {"createTimestamp": {"type": "string"}},
    "AddonCheckTask": {"riskList": {"type": "array", "items": inlined_schema("check_task_risk")}},
}


ABSENT: Final = object()
"""In place of a value that is not there, not even as null."""


@dataclass(frozen=True)
class FieldDifference:
    """One place where an object differs from the body that it was made from.

    ``lost``: documented, sent, and not held. ``coerced``: held as another value or type. ``invented``: held and never
    sent. ``dropped``: sent, not documented, and not held, which is allowed. ``count`` is the number of places that
    differ by their indices alone.
    """

    kind: Literal["lost", "coerced", "invented", "dropped"]
    path: str
    sent: Any
    held: Any
    count: int = 1

    @property
    def place(self) -> str:
        """The path with its indices generalised, as in ``$.items[*].spec``."""
        return everywhere(self.path)

    @property
    def fact(self) -> str:
        """The difference as a sentence."""
        more = f" (and in {self.count - 1} more places)" if self.count > 1 else ""
        if self.kind == "invented":
            return f"{self.path} is {shown(self.held)}, and was never sent{more}"
        now = "gone" if self.held is ABSENT else shown(self.held)
        return f"{self.path} was sent as {shown(self.sent)}, and is {now}{more}"


def compare(sent: Any, held: Any, schema_name: str) -> tuple[FieldDifference, ...]:
    """Return every difference between a body and the object made from it; places that differ by index are counted.

    Null in the body may be absent in the object; texts are compared as they are, timestamps too.

    >>> [found.fact for found in compare({"currentCount": "1"}, {"currentCount": 1}, "page_info")]
    ['$.currentCount was sent as "1", and is 1']
    """
    found: dict[tuple[str, str], FieldDifference] = {}
    for difference in _differences((), sent, held, inlined_schema(schema_name)):
        key = (difference.kind, difference.place)
        first = found.setdefault(key, replace(difference, count=0))
        found[key] = replace(first, count=first.count + 1)
    return tuple(found.values())


def documented(document: Any, schema_name: str) -> Any:
    """Return the documented part of ``document``; a value whose type is not the documented one is kept whole.

    >>> documented({"currentCount": "1", "total": 3}, "page_info")
    {'currentCount': '1'}
    """
    return _pruned(document, inlined_schema(schema_name))


def shown(value: Any) -> str:
    """Write a value as JSON, shortened if it is long."""
    if value is ABSENT:
        return "nothing"
    text = json.dumps(value, ensure_ascii=False)
    text = "".join(c if c.isprintable() else ascii(c)[1:-1] for c in text)
    return text if len(text) <= _SHOWN_CHARACTERS else text[: _SHOWN_CHARACTERS - 1] + "…"


def _differences(path: Path, sent: Any, held: Any, schema: Schema) -> Iterator[FieldDifference]:
    if isinstance(sent, dict):
        yield from _object_differences(path, sent, held, schema)
    elif isinstance(sent, list):
        yield from _array_differences(path, sent, held, schema)
    elif not _same(sent, held):
        yield _changed(path, sent, held)


def _object_differences(path: Path, sent: dict[str, Any], held: Any, schema: Schema) -> Iterator[FieldDifference]:
    if isinstance(held, list) and len(held) == 1:
        yield FieldDifference("coerced", json_path(path), sent, held)
        held = held[0]
    if not isinstance(held, dict):
        yield _changed(path, sent, held)
        return
    schema = _of_object(schema, sent)
    # some languages ignore the case of names: what is held under the documented spelling is not lost
    by_lower_name = {name.lower(): name for name in held.keys() - sent.keys()}
    for name, value in sent.items():
        field = _of_field(schema, name)
        held_name = name if name in held else by_lower_name.pop(name.lower(), None)
        if held_name is not None:
            yield from _differences((*path, name), value, held[held_name], field or {})
        elif value is not None:
            yield FieldDifference("dropped" if field is None else "lost", json_path((*path, name)), value, ABSENT)
    for name in sorted(by_lower_name.values()):
        yield FieldDifference("invented", json_path((*path, name)), ABSENT, held[name])


def _array_differences(path: Path, sent: list[Any], held: Any, schema: Schema) -> Iterator[FieldDifference]:
    if not isinstance(held, list):
        yield _changed(path, sent, held)
        return
    for index, value in enumerate(sent):
        element = held[index] if index < len(held) else ABSENT
        yield from _differences((*path, index), value, element, schema.get("items", {}))
    for index in range(len(sent), len(held)):
        yield FieldDifference("invented", json_path((*path, index)), ABSENT, held[index])


def _changed(path: Path, sent: Any, held: Any) -> FieldDifference:
    # an empty container holds nothing of what was sent
    lost = held is ABSENT or (_is_hollow(held) and not _is_hollow(sent))
    return FieldDifference("lost" if lost else "coerced", json_path(path), sent, held)


def _is_hollow(value: Any) -> bool:
    return value is None or value == {} or (isinstance(value, list) and all(map(_is_hollow, value)))


def _same(sent: Any, held: Any) -> bool:
    if sent is None and held is ABSENT:
        return True
    # what a reader makes of half of a surrogate pair is unpredictable (RFC 8259, 8.2)
    unpredictable = isinstance(sent, str) and has_half_pair(sent)
    return _type(sent) == _type(held) and (unpredictable or bool(sent == held))


def _type(value: Any) -> type:
    return float if isinstance(value, int) and not isinstance(value, bool) else type(value)


def _pruned(node: Any, schema: Schema) -> Any:
    if isinstance(node, list):
        return [_pruned(element, schema.get("items", {})) for element in node]
    if not isinstance(node, dict):
        return node
    schema = _of_object(schema, node)
    fields = {name: _of_field(schema, name) for name in node}
    return {name: _pruned(node[name], field) for name, field in fields.items() if field is not None}


# --- the schema of a part: {} if nothing is said about it


def _of_field(schema: Schema, name: str) -> Schema | None:
    """Return the schema of a field, None if it is not documented."""
    if "properties" not in schema:
        return {}
    field: Schema | None = schema["properties"].get(name, ONLY_IN_EXAMPLES.get(schema.get("title", ""), {}).get(name))
    return field


def _of_object(schema: Schema, node: Schema) -> Schema:
    # D's example has one task in place of the documented list of tasks; other objects in place of a list are unknown
    if schema.get("type") != "array":
        return schema
    element = schema.get("items", {})
    return element if element.get("properties", {}).keys() & node.keys() else {}
