"""Hold a document to the contract's JSON Schemas: every breach with its path, and undocumented fields.

jsonschema explains. Where jsonschema-rs is installed (the extra ``fast``) it is asked first, and a document
that it accepts is looked at no further; what it refuses is judged by jsonschema alone. So it may refuse too
much, which costs time, but must never accept too much.
"""

from __future__ import annotations

import json
import re
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from functools import cache
from importlib.metadata import version
from itertools import chain, groupby, islice
from typing import Any, Final

from jsonschema import Draft202012Validator, FormatChecker, ValidationError
from jsonschema.validators import extend

from pytest_cce_precheck._text import shortened
from pytest_cce_precheck.schema_files import load_schema
from pytest_cce_precheck.wire.timestamps import parse_timestamp

# an older jsonschema-rs, which another package may have brought, ends the process at a lone surrogate
FIRST_RUST: Final = (0, 44)
try:
    import jsonschema_rs

    if tuple(map(int, version("jsonschema-rs").split(".")[:2])) < FIRST_RUST:
        jsonschema_rs = None  # type: ignore[assignment]
except ImportError:
    jsonschema_rs = None  # type: ignore[assignment]  # the extra is not installed

_CODES: Final[Mapping[str, str]] = {
    "required": "PRE201",
    "type": "PRE202",
    "enum": "PRE203",
    "const": "PRE203",
    "format": "PRE204",
    "minimum": "PRE205",
    "maximum": "PRE205",
    "minLength": "PRE206",
    "pattern": "PRE108",
}
_SHOWN_CHARACTERS: Final = 60
_SORTED: Final = 1000
_SHOWN_FIELDS: Final = 5

# RFC 3339 with at most nine digits, for years that occur. The days that a month does not have are left to
# jsonschema-rs' own date-time, which for its part takes more digits.
_FAST_TIMESTAMP: Final = (
    "^[12][0-9]{3}-[0-9]{2}-[0-9]{2}T([01][0-9]|2[0-3]):[0-5][0-9]:[0-5][0-9]"
    r"(\.[0-9]{1,9})?(Z|[+-]([01][0-9]|2[0-3]):[0-5][0-9])$"
)


@dataclass(frozen=True)
class SchemaError:
    """One breach of a schema.

    ``path`` is a JSON path, of the missing field itself where one is missing; ``keyword`` is the schema's.
    """

    code: str
    path: str
    message: str
    keyword: str


def schema_errors(document: Any, schema_name: str) -> Iterator[SchemaError]:
    """Yield every breach of the schema by ``document``, parsed JSON: one a path, the first thousand in order.

    >>> [error.path for error in schema_errors({"currentCount": -1}, "page_info")]
    ['$.currentCount']
    >>> next(schema_errors({"currentCount": 1.0}, "page_info")).message
    'currentCount must be an integer without fraction or exponent, not 1.0'
    """
    if _accepted(document, schema_name):
        return
    # there may be millions, and jsonschema finds them one by one
    errors = _one_a_path(_validator(schema_name).iter_errors(document))
    positions = _Positions(document)
    first = sorted(islice(errors, _SORTED), key=lambda error: positions.of(error.absolute_path))
    for error in chain(first, errors):
        path = json_path(error.absolute_path)
        yield SchemaError(_code(error), path, _message(error), str(error.validator))


def _one_a_path(errors: Iterable[ValidationError]) -> Iterator[ValidationError]:
    # what has the wrong type is outside the documented values too, which is no second fact; one follows the other
    for _, found in groupby(errors, key=lambda error: tuple(error.absolute_path)):
        yield min(found, key=lambda error: error.validator != "type")


def unknown_fields(document: Any, schema_name: str) -> Iterator[str]:
    """Yield the JSON path of every field that the schema does not name, each once, in order of appearance.

    Indices are generalised, as in ``$.items[*].metadata.owner``. The content of an unknown field is not
    looked at, nor that of an object which the contract leaves free.

    >>> list(unknown_fields({"currentCount": 0, "total": 3}, "page_info"))
    ['$.total']
    """
    found: dict[str, None] = {}
    if shape := _shape(schema_name):
        _collect_unknown(document, shape, found)
    return iter(found)


def json_path(steps: Iterable[str | int]) -> str:
    """Write the steps to a place as a JSON path.

    >>> json_path(["items", 3, "metadata", "taskID"]), json_path(["a b"])
    ('$.items[3].metadata.taskID', '$["a b"]')
    """
    return "$" + "".join(f"[{step}]" if isinstance(step, int) else _member(step) for step in steps)


def _member(name: str) -> str:
    return f".{name}" if name.isidentifier() and len(name) <= _SHOWN_CHARACTERS else f"[{_shown_text(name)}]"


# --- the schemas, each in one piece


@cache
def _inlined(schema_name: str) -> Mapping[str, Any]:
    """Replace every reference by the file that it names; no file refers back to itself.

    Neither validator then looks up references for every document; and jsonschema, which returns to the
    standard's keywords wherever it meets a ``$schema``, keeps to those below.
    """
    schema: Mapping[str, Any] = _with_references(load_schema(schema_name))
    return schema


def _with_references(schema: Any) -> Any:
    if isinstance(schema, list):
        return [_with_references(part) for part in schema]
    if not isinstance(schema, dict):
        return schema
    if "$ref" in schema:
        return _inlined(schema["$ref"].removesuffix(".json"))
    return {
        keyword: _with_references(part)
        for keyword, part in schema.items()
        if keyword not in ("$id", "$schema", "examples")
    }


# --- jsonschema, which explains


def _required(validator: Any, required: Sequence[str], instance: Any, _schema: Any) -> Iterator[ValidationError]:
    """Differ from jsonschema's in that the error's path is the missing field's."""
    if validator.is_type(instance, "object"):
        missing = (name for name in required if name not in instance)
        yield from (ValidationError(f"{name!r} is a required property", path=(name,)) for name in missing)


def _pattern(validator: Any, pattern: str, instance: Any, _schema: Any) -> Iterator[ValidationError]:
    """Differ from jsonschema's in that ``$`` is the end, as in ECMA 262, not also before a last line feed."""
    if validator.is_type(instance, "string") and not re.fullmatch(pattern, instance):
        yield ValidationError(f"{_shown(instance)} does not match {pattern!r}")


def _is_plain_integer(_checker: Any, value: Any) -> bool:
    # JSON Schema counts 1.0 as an integer; clients in typed languages do not
    return isinstance(value, int) and not isinstance(value, bool)


_FORMATS: Final = FormatChecker(formats=())


@_FORMATS.checks("date-time", raises=ValueError)
def _is_timestamp(value: object) -> bool:
    if isinstance(value, str):
        parse_timestamp(value)
    return True


_Validator: Final = extend(  # type: ignore[no-untyped-call]  # types-jsonschema leaves it bare
    Draft202012Validator,
    validators={"required": _required, "pattern": _pattern},
    type_checker=Draft202012Validator.TYPE_CHECKER.redefine("integer", _is_plain_integer),
)


@cache
def _validator(schema_name: str) -> Any:
    return _Validator(_inlined(schema_name), format_checker=_FORMATS)


class _Positions:
    """Where the places of a document are, to sort by; each object's fields are counted once."""

    def __init__(self, document: Any) -> None:
        self._document = document
        self._fields: dict[int, dict[str, int]] = {}

    def of(self, path: Iterable[str | int]) -> tuple[int, ...]:
        position = []
        node = self._document
        for step in path:
            if isinstance(step, int):
                position.append(step)
                node = node[step]
            else:
                # a missing field comes after those that are there
                if id(node) not in self._fields:
                    self._fields[id(node)] = {name: place for place, name in enumerate(node)}
                fields = self._fields[id(node)]
                position.append(fields.get(step, len(fields)))
                node = node.get(step)
        return tuple(position)


# --- what an error says


def _code(error: ValidationError) -> str:
    of_integer = error.validator == "type" and error.validator_value == "integer"
    if of_integer and isinstance(error.instance, bool | float):
        return "PRE205"
    return _CODES[str(error.validator)]


def _message(error: ValidationError) -> str:
    return f"{_name(error.absolute_path)} {_MESSAGES[str(error.validator)](error)}"


def _name(path: Sequence[str | int]) -> str:
    """Return the path's end from its last field on; the whole path stands beside the message."""
    steps = list(path)
    start = max((index for index, step in enumerate(steps) if isinstance(step, str)), default=None)
    return "the document" if start is None else json_path(steps[start:]).removeprefix("$").removeprefix(".")


def _missing(error: ValidationError) -> str:
    owner = error.schema.get("title", "its object") if isinstance(error.schema, Mapping) else "its object"
    return f"is missing: {owner} requires it, and here is {_shown(error.instance)}"


def _wrong_type(error: ValidationError) -> str:
    if _code(error) == "PRE205":
        return f"must be an integer without fraction or exponent, not {_shown(error.instance)}"
    expected = str(error.validator_value)
    return f"must be {'an' if expected[0] in 'aio' else 'a'} {expected}, not {_shown(error.instance)}"


def _wrong_choice(error: ValidationError) -> str:
    choices: Any = error.validator_value
    *most, last = map(json.dumps, choices)
    return f"must be {', '.join(most)} or {last}, not {_shown(error.instance)}"


_MESSAGES: Final[Mapping[str, Callable[[ValidationError], str]]] = {
    "required": _missing,
    "type": _wrong_type,
    "enum": _wrong_choice,
    "const": lambda error: f"must be {json.dumps(error.validator_value)}, not {_shown(error.instance)}",
    "format": lambda error: f"must be a timestamp, but {error.cause}",
    "minimum": lambda error: f"must be at least {error.validator_value}, not {_shown(error.instance)}",
    "maximum": lambda error: f"must be at most {error.validator_value}, not {_shown(error.instance)}",
    "minLength": lambda _error: "must not be empty, but is",
    "pattern": lambda error: f"must match {error.validator_value}, which {_shown(error.instance)} does not",
}


def _shown(value: Any) -> str:
    if isinstance(value, str):
        return _shown_text(value)
    if isinstance(value, Mapping):
        names = [_shown_text(str(name)) for name in islice(value, _SHOWN_FIELDS)]
        more = [f"{len(value) - _SHOWN_FIELDS} more"] if len(value) > _SHOWN_FIELDS else []
        return f"an object of {', '.join(names + more)}" if value else "an empty object"
    if isinstance(value, list):
        return f"an array of {len(value)}" if value else "an empty array"
    # Python refuses to write out an integer of some thousand digits
    if isinstance(value, int) and value.bit_length() > 128:
        return f"an integer of {value.bit_length()} bits"
    return json.dumps(value)


def _shown_text(text: str) -> str:
    quoted = json.dumps(shortened(text, _SHOWN_CHARACTERS), ensure_ascii=False)
    # terminals obey control characters, and lone surrogates cannot be printed
    return "".join(char if char.isprintable() else ascii(char)[1:-1] for char in quoted)


# --- the fields that the schemas name


@dataclass(frozen=True)
class _Shape:
    """What a schema says of the inside of ``path``: its fields, or (``items``) what an array holds."""

    path: str
    fields: frozenset[str] = frozenset()
    below: Mapping[str, _Shape] = field(default_factory=dict)
    items: _Shape | None = None


@cache
def _shape(schema_name: str) -> _Shape | None:
    return _shape_of(_inlined(schema_name), "$")


def _shape_of(schema: Mapping[str, Any], path: str) -> _Shape | None:
    """Return None where the contract says nothing of what is inside."""
    if fields := schema.get("properties"):
        shapes = {name: _shape_of(part, path + _member(name)) for name, part in fields.items()}
        return _Shape(path, frozenset(fields), {name: shape for name, shape in shapes.items() if shape})
    items = _shape_of(schema["items"], f"{path}[*]") if "items" in schema else None
    return _Shape(path, items=items) if items else None


def _collect_unknown(node: Any, shape: _Shape, found: dict[str, None]) -> None:
    if shape.items is not None:
        for value in node if isinstance(node, list) else ():
            _collect_unknown(value, shape.items, found)
    elif isinstance(node, dict):
        for name in node:
            if name in shape.below:
                _collect_unknown(node[name], shape.below[name], found)
            elif name not in shape.fields:
                found[shape.path + _member(name)] = None


# --- jsonschema-rs, which may decide


def _accepted(document: Any, schema_name: str) -> bool:
    judge = _judge(schema_name)
    return judge is not None and judge(document)


@cache
def _judge(schema_name: str) -> Callable[[Any], bool] | None:
    """Compile a verdict that is True only for what jsonschema accepts too; None without jsonschema-rs."""
    if jsonschema_rs is None:
        return None
    schema = _inlined(schema_name)
    is_valid = jsonschema_rs.Draft202012Validator(_hardened(schema), validate_formats=True).is_valid
    integers = tuple(_integers(schema))

    def judge(document: Any) -> bool:
        try:
            return is_valid(document) and all(_is_plain(document, path) for path in integers)
        except ValueError:  # what cannot be handed to Rust, such as a key with a lone surrogate
            return False

    return judge


def _hardened(schema: Any) -> Any:
    if isinstance(schema, list):
        return [_hardened(part) for part in schema]
    if not isinstance(schema, dict):
        return schema
    hardened = {keyword: _hardened(part) for keyword, part in schema.items()}
    return {**hardened, "pattern": _FAST_TIMESTAMP} if schema.get("format") == "date-time" else hardened


def _integers(schema: Mapping[str, Any]) -> Iterator[tuple[str, ...]]:
    """Return the way to each integer, whose literal jsonschema-rs cannot tell from a float's."""
    if schema.get("type") == "integer":
        yield ()
    for name, part in schema.get("properties", {}).items():
        yield from ((name, *rest) for rest in _integers(part))


def _is_plain(document: Any, path: Iterable[str]) -> bool:
    for name in path:
        document = document.get(name, 0) if isinstance(document, dict) else 0
    # Rust may have taken an integer of thousands of digits for something else
    return isinstance(document, int) and document.bit_length() < 64
