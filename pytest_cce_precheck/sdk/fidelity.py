"""What an SDK's object keeps of the body that it was made from, JSON path by JSON path."""

from __future__ import annotations

import json
import re
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Any, Final, Literal

from pytest_cce_precheck.contract.schema import json_path
from pytest_cce_precheck.sdk.documented import element, inside, of_object, shape

if TYPE_CHECKING:
    from collections.abc import Iterator

Path = tuple[str | int, ...]
Schema = dict[str, Any]

_SHOWN: Final = 80


class _Absent:
    def __repr__(self) -> str:
        return "nothing"


ABSENT: Final = _Absent()
"""Stands for what is not there, which is not null."""


@dataclass(frozen=True)
class FieldDifference:
    """One place where an object is not the body.

    ``lost``: documented, sent, and not held. ``coerced``: held as another value or type. ``invented``: held and never
    sent. ``dropped``: sent, not documented, and not held, which is nobody's loss. ``count`` is the number of places
    that differ by their indices alone.
    """

    kind: Literal["lost", "coerced", "invented", "dropped"]
    path: str
    sent: Any
    held: Any
    count: int = 1

    @property
    def place(self) -> str:
        """The path with its indices generalised, as in ``$.items[*].spec``."""
        return generalised(self.path)

    @property
    def fact(self) -> str:
        """What happened, in words."""
        more = f" (and in {self.count - 1} more places)" if self.count > 1 else ""
        if self.kind == "invented":
            return f"{self.path} is {shown(self.held)}, and was never sent{more}"
        if self.held is ABSENT:
            return f"{self.path} was sent as {shown(self.sent)}, and is gone{more}"
        return f"{self.path} was sent as {shown(self.sent)}, and is {shown(self.held)}{more}"


def compare(sent: Any, held: Any, schema_name: str) -> tuple[FieldDifference, ...]:
    """Return every difference between a body and the object made from it, those of one place together.

    Null on the wire is as good as absent in the object; texts are compared as they are, timestamps too.

    >>> [found.fact for found in compare({"currentCount": "1"}, {"currentCount": 1}, "page_info")]
    ['$.currentCount was sent as "1", and is 1']
    """
    found: dict[tuple[str, str], FieldDifference] = {}
    for difference in _differences((), sent, held, shape(schema_name)):
        key = (difference.kind, difference.place)
        first = found.setdefault(key, replace(difference, count=0))
        found[key] = replace(first, count=first.count + 1)
    return tuple(found.values())


def generalised(path: str) -> str:
    """Return a JSON path without the numbers of its indices."""
    return re.sub(r"\[\d+\]", "[*]", path)


def shown(value: Any) -> str:
    """Write a value as JSON, cut where it is long."""
    if value is ABSENT:
        return "nothing"
    text = json.dumps(value, ensure_ascii=False)
    text = "".join(c if c.isprintable() else ascii(c)[1:-1] for c in text)
    return text if len(text) <= _SHOWN else text[: _SHOWN - 1] + "…"


def _differences(path: Path, sent: Any, held: Any, schema: Schema) -> Iterator[FieldDifference]:
    if isinstance(sent, dict):
        yield from _of_object(path, sent, held, schema)
    elif isinstance(sent, list):
        yield from _of_array(path, sent, held, schema)
    elif (_type(sent) != _type(held) or sent != held) and not (sent is None and held is ABSENT):
        yield _changed(path, sent, held)


def _of_object(path: Path, sent: dict[str, Any], held: Any, schema: Schema) -> Iterator[FieldDifference]:
    if isinstance(held, list) and len(held) == 1:
        yield FieldDifference("coerced", json_path(path), sent, held)
        held = held[0]
    if not isinstance(held, dict):
        yield _changed(path, sent, held)
        return
    schema = of_object(schema, sent)
    # some languages match names without regard to case: what is held under the documented spelling is not lost
    alike = {name.lower(): name for name in held.keys() - sent.keys()}
    for name, value in sent.items():
        below = inside(schema, name)
        kept = name if name in held else alike.pop(name.lower(), None)
        if kept is not None:
            yield from _differences((*path, name), value, held[kept], below or {})
        elif value is not None:
            yield FieldDifference("lost" if below is not None else "dropped", json_path((*path, name)), value, ABSENT)
    for name in sorted(alike.values()):
        yield FieldDifference("invented", json_path((*path, name)), ABSENT, held[name])


def _of_array(path: Path, sent: list[Any], held: Any, schema: Schema) -> Iterator[FieldDifference]:
    if not isinstance(held, list):
        yield _changed(path, sent, held)
        return
    for index, value in enumerate(sent):
        kept = held[index] if index < len(held) else ABSENT
        yield from _differences((*path, index), value, kept, element(schema))
    for index in range(len(sent), len(held)):
        yield FieldDifference("invented", json_path((*path, index)), ABSENT, held[index])


def _changed(path: Path, sent: Any, held: Any) -> FieldDifference:
    # an empty container in place of a text or of tasks holds nothing of them
    gone = held is ABSENT or (_hollow(held) and not _hollow(sent))
    return FieldDifference("lost" if gone else "coerced", json_path(path), sent, held)


def _hollow(value: Any) -> bool:
    return value is None or value == {} or (isinstance(value, list) and all(map(_hollow, value)))


def _type(value: Any) -> str:
    if isinstance(value, bool):
        return "boolean"
    if isinstance(value, int | float):
        return "number"
    return type(value).__name__
