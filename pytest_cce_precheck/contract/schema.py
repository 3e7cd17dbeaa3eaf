"""Validate a document against the contract's JSON Schemas, and report each breach with its path.

jsonschema explains. If jsonschema-rs is installed (the extra ``fast``) it is asked first, and a document that it
accepts is not looked at again; what it refuses is judged by jsonschema alone. So it may refuse too much, which costs
time, but must never accept too much.
"""

from __future__ import annotations

import json
import re
from collections import Counter
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from functools import cache
from importlib.metadata import version
from itertools import chain, groupby, islice
from typing import Any, Final

from jsonschema import Draft202012Validator, FormatChecker, ValidationError
from jsonschema.exceptions import best_match
from jsonschema.validators import extend

from pytest_cce_precheck._text import shortened
from pytest_cce_precheck.contract.time_limit import STEP, stop_if_over
from pytest_cce_precheck.schema_files import inlined_schema, load_schema, subschemas
from pytest_cce_precheck.wire.timestamps import parse_timestamp

# an older jsonschema-rs, which another package may have brought, ends the process at a lone surrogate
FIRST_RUST: Final = (0, 44)
try:
    import jsonschema_rs

    if tuple(map(int, version("jsonschema-rs").split(".")[:2])) < FIRST_RUST:
        jsonschema_rs = None  # type: ignore[assignment]
except ImportError:
    jsonschema_rs = None  # type: ignore[assignment]  # the extra is not installed

MANY: Final = 10_000
"""If so many elements of an array are wrong, the rest of those that are like them are not looked at."""
_MOST_ERRORS: Final = 5 * MANY
_SORTED: Final = 1000
_SHOWN_CHARACTERS: Final = 60
_SHOWN_FIELDS: Final = 5
_SHOWN_BREACH: Final = 200
# RFC 3339 with at most nine digits, for years that occur. jsonschema-rs' own date-time takes more digits, but refuses
# days that a month does not have.
_FAST_TIMESTAMP: Final = (
    "^[12][0-9]{3}-[0-9]{2}-[0-9]{2}T([01][0-9]|2[0-3]):[0-5][0-9]:[0-5][0-9]"
    r"(\.[0-9]{1,9})?(Z|[+-]([01][0-9]|2[0-3]):[0-5][0-9])$"
)


@dataclass(frozen=True)
class SchemaError:
    """One breach of a schema.

    ``path`` is a JSON path (that of the missing field if one is missing).
    """

    code: str
    path: str
    message: str


def schema_errors(document: Any, schema_name: str) -> Iterator[SchemaError]:
    """Yield the breaches of the schema by ``document``, parsed JSON: one for each path, the first thousand in order.

    From `MANY` on, not every breach is found, but those of each kind are.

    >>> [error.path for error in schema_errors({"currentCount": -1}, "page_info")]
    ['$.currentCount']
    >>> next(schema_errors({"currentCount": 1.0}, "page_info")).message
    'currentCount must be an integer without fraction or exponent, not 1.0'
    """
    judge = _judge(schema_name)
    if judge is not None and judge(document):
        return
    errors = _one_for_each_path(_validator(schema_name).iter_errors(document))
    for error in islice(_in_order(errors, document), _MOST_ERRORS):
        yield SchemaError(_code(error), json_path(error.absolute_path), _message(error))


def breach(document: Any, schema_name: str) -> str:
    """Return the plainest breach of the schema of a file of the project's own, with its place; empty if there is none.

    >>> breach({"notes": {"failure": {}}}, "kept_failure")
    "at $.notes.settings, 'settings' is a required property"
    """
    error = best_match(_validator_of_files(schema_name).iter_errors(document))
    return f"at {json_path(error.absolute_path)}, {shortened(error.message, _SHOWN_BREACH)}" if error else ""


def is_as_documented(document: Any, schema_name: str) -> bool:
    """Return whether a document breaks nothing and has documented fields only; without jsonschema-rs nobody knows."""
    judge = _judge(schema_name, closed=True)
    return judge is not None and judge(document)


def _one_for_each_path(errors: Iterable[ValidationError]) -> Iterator[ValidationError]:
    # a value of the wrong type is not one of the documented values either, which is no second fact
    for _, found in groupby(errors, key=lambda error: tuple(error.absolute_path)):
        yield min(found, key=lambda error: error.validator != "type")


def _in_order(errors: Iterator[ValidationError], document: Any) -> Iterator[ValidationError]:
    """Sort the first errors by their places in the document; a missing field comes after those that are there."""
    places: dict[int, dict[str, int]] = {}

    def position(error: ValidationError) -> list[int]:
        found, node = [], document
        for step in error.absolute_path:
            if isinstance(step, int):
                found.append(step)
                node = node[step]
            else:
                # the fields of an object may be many: they are counted once
                if id(node) not in places:
                    places[id(node)] = {name: place for place, name in enumerate(node)}
                found.append(places[id(node)].get(step, len(node)))
                node = node.get(step)
        return found

    return chain(sorted(islice(errors, _SORTED), key=position), errors)


def json_path(steps: Iterable[str | int]) -> str:
    """Write the steps to a place as a JSON path.

    >>> json_path(["items", 3, "metadata", "taskID"]), json_path(["a b"])
    ('$.items[3].metadata.taskID', '$["a b"]')
    """
    return "$" + "".join(f"[{step}]" if isinstance(step, int) else member(step) for step in steps)


def member(name: str) -> str:
    """Write a field's name as a step of a JSON path."""
    return f".{name}" if name.isidentifier() and len(name) <= _SHOWN_CHARACTERS else f"[{_shown_text(name)}]"


# --- jsonschema, which explains


def _required(validator: Any, required: Sequence[str], instance: Any, _schema: Any) -> Iterator[ValidationError]:
    """Differ from jsonschema's: the error's path is that of the missing field."""
    if validator.is_type(instance, "object"):
        missing = (name for name in required if name not in instance)
        yield from (ValidationError(f"{name!r} is a required property", path=(name,)) for name in missing)


def _pattern(validator: Any, pattern: str, instance: Any, _schema: Any) -> Iterator[ValidationError]:
    """Differ from jsonschema's: ``$`` is the end, as in ECMA 262, and not also before a last line feed."""
    if validator.is_type(instance, "string") and not re.fullmatch(pattern, instance):
        yield ValidationError(f"{_shown(instance)} does not match {pattern!r}")


def _items(validator: Any, items: Mapping[str, Any], instance: Any, _schema: Any) -> Iterator[ValidationError]:
    """Differ from jsonschema's: when very many elements alike are wrong, the rest of them are not looked at.

    Elements are alike if they have the same type and the same of the documented fields.
    """
    wrong: Counter[object] = Counter()
    documented = items.get("properties", {}).keys()
    for index, element in enumerate(instance if validator.is_type(instance, "array") else ()):
        if index and not index % STEP:
            stop_if_over()
        kind = frozenset(documented & element.keys()) if isinstance(element, dict) else type(element)
        if wrong[kind] < MANY:
            errors = list(validator.descend(element, items, path=index))
            wrong[kind] += bool(errors)
            yield from errors


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
    validators={"required": _required, "pattern": _pattern, "items": _items},
    type_checker=Draft202012Validator.TYPE_CHECKER.redefine("integer", _is_plain_integer),
)


@cache
def _validator(schema_name: str) -> Any:
    return _Validator(inlined_schema(schema_name), format_checker=_FORMATS)


@cache
def _validator_of_files(schema_name: str) -> Any:
    # not inlined, which drops examples, a member of a report too
    schema = {name: part for name, part in load_schema(schema_name).items() if name != "$schema"}
    return _Validator(schema, format_checker=_FORMATS)


# --- the message of an error


def _code(error: ValidationError) -> str:
    of_integer = error.validator == "type" and error.validator_value == "integer"
    if of_integer and isinstance(error.instance, bool | float):
        return "PRE205"
    return _BREACHES[str(error.validator)][0]


def _message(error: ValidationError) -> str:
    # the path's end, from its last field on: the whole path is shown beside the message
    steps = list(error.absolute_path)
    start = max((index for index, step in enumerate(steps) if isinstance(step, str)), default=None)
    name = "the document" if start is None else json_path(steps[start:]).removeprefix("$").removeprefix(".")
    return f"{name} {_BREACHES[str(error.validator)][1](error)}"


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


# the code and the words for the breach of each keyword
_BREACHES: Final[Mapping[str, tuple[str, Callable[[ValidationError], str]]]] = {
    "required": ("PRE201", _missing),
    "type": ("PRE202", _wrong_type),
    "enum": ("PRE203", _wrong_choice),
    "const": ("PRE203", lambda error: f"must be {json.dumps(error.validator_value)}, not {_shown(error.instance)}"),
    "format": ("PRE204", lambda error: f"must be a timestamp, but {error.cause}"),
    "minimum": ("PRE205", lambda error: f"must be at least {error.validator_value}, not {_shown(error.instance)}"),
    "maximum": ("PRE205", lambda error: f"must be at most {error.validator_value}, not {_shown(error.instance)}"),
    "minLength": ("PRE206", lambda _error: "must not be empty, but is"),
    "pattern": ("PRE108", lambda error: f"must match {error.validator_value}, which {_shown(error.instance)} does not"),
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


# --- jsonschema-rs, which may accept


@cache
def _judge(schema_name: str, closed: bool = False) -> Callable[[Any], bool] | None:
    """Compile a verdict that is True only for what jsonschema accepts too; None without jsonschema-rs.

    A ``closed`` one accepts documented fields alone.
    """
    if jsonschema_rs is None:
        return None
    schema = inlined_schema(schema_name)
    is_valid = jsonschema_rs.Draft202012Validator(_hardened(schema, closed), validate_formats=True).is_valid
    integers = [steps for steps, part in subschemas(schema) if part.get("type") == "integer" and "*" not in steps]

    def judge(document: Any) -> bool:
        try:
            return is_valid(document) and all(_is_plain(document, steps) for steps in integers)
        except ValueError:  # what cannot be handed to Rust, such as a key with a lone surrogate
            return False

    return judge


def _hardened(schema: Any, closed: bool) -> Any:
    if isinstance(schema, list):
        return [_hardened(part, closed) for part in schema]
    if not isinstance(schema, dict):
        return schema
    hardened = {keyword: _hardened(part, closed) for keyword, part in schema.items()}
    if closed and "properties" in schema:
        hardened["additionalProperties"] = False
    return {**hardened, "pattern": _FAST_TIMESTAMP} if schema.get("format") == "date-time" else hardened


def _is_plain(document: Any, path: Iterable[str]) -> bool:
    # jsonschema-rs cannot tell an integer's literal from a float's
    for name in path:
        document = document.get(name, 0) if isinstance(document, dict) else 0
    # Rust may have taken an integer of thousands of digits for something else
    return isinstance(document, int) and document.bit_length() < 64
