"""What is wrong with a document, in words, by jsonschema; `contract.schema` loads this module if something is wrong."""

from __future__ import annotations

import json
import re
from collections import Counter
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from functools import cache
from itertools import chain, groupby, islice
from typing import Any, Final

from jsonschema import Draft202012Validator, FormatChecker, ValidationError
from jsonschema.exceptions import best_match
from jsonschema.validators import extend

from pytest_cce_precheck._text import shortened
from pytest_cce_precheck.contract.schema import MANY, SchemaError, json_path, shown
from pytest_cce_precheck.contract.time_limit import STEP, stop_if_over
from pytest_cce_precheck.schema_files import inlined_schema, load_schema
from pytest_cce_precheck.wire.timestamps import parse_timestamp

_MOST_ERRORS: Final = 5 * MANY
_SORTED: Final = 1000
_SHOWN_BREACH: Final = 200


def errors(document: Any, schema_name: str) -> Iterator[SchemaError]:
    """Yield the breaches of the schema, as `contract.schema.schema_errors`."""
    found = _one_for_each_path(_validator(schema_name).iter_errors(document))
    for error in islice(_in_order(found, document), _MOST_ERRORS):
        yield SchemaError(_code(error), json_path(error.absolute_path), _message(error))


def plainest(document: Any, schema_name: str) -> str:
    """Return the plainest breach, as `contract.schema.breach`."""
    error = best_match(_validator_of_files(schema_name).iter_errors(document))
    return f"at {json_path(error.absolute_path)}, {shortened(error.message, _SHOWN_BREACH)}" if error else ""


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


def _required(validator: Any, required: Sequence[str], instance: Any, _schema: Any) -> Iterator[ValidationError]:
    """Differ from jsonschema's: the error's path is that of the missing field."""
    if validator.is_type(instance, "object"):
        missing = (name for name in required if name not in instance)
        yield from (ValidationError(f"{name!r} is a required property", path=(name,)) for name in missing)


def _pattern(validator: Any, pattern: str, instance: Any, _schema: Any) -> Iterator[ValidationError]:
    """Differ from jsonschema's: ``$`` is the end, as in ECMA 262, and not also before a last line feed."""
    if validator.is_type(instance, "string") and not re.fullmatch(pattern, instance):
        yield ValidationError(f"{shown(instance)} does not match {pattern!r}")


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
    if error.validator == "format" and error.absolute_path[-1] == "expireTimeStamp":
        # C gives the form of the other timestamp alone
        return "PRE207"
    return _BREACHES[str(error.validator)][0]


def _message(error: ValidationError) -> str:
    # the path's end, from its last field on: the whole path is shown beside the message
    steps = list(error.absolute_path)
    start = max((index for index, step in enumerate(steps) if isinstance(step, str)), default=None)
    name = "the document" if start is None else json_path(steps[start:]).removeprefix("$").removeprefix(".")
    return f"{name} {_BREACHES[str(error.validator)][1](error)}"


def _missing(error: ValidationError) -> str:
    owner = error.schema.get("title", "its object") if isinstance(error.schema, Mapping) else "its object"
    return f"is missing: {owner} requires it, and here is {shown(error.instance)}"


def _wrong_type(error: ValidationError) -> str:
    if _code(error) == "PRE205":
        return f"must be an integer without fraction or exponent, not {shown(error.instance)}"
    expected = str(error.validator_value)
    return f"must be {'an' if expected[0] in 'aio' else 'a'} {expected}, not {shown(error.instance)}"


def _wrong_choice(error: ValidationError) -> str:
    choices: Any = error.validator_value
    *most, last = map(json.dumps, choices)
    return f"must be {', '.join(most)} or {last}, not {shown(error.instance)}"


# the code and the words for the breach of each keyword
_BREACHES: Final[Mapping[str, tuple[str, Callable[[ValidationError], str]]]] = {
    "required": ("PRE201", _missing),
    "type": ("PRE202", _wrong_type),
    "enum": ("PRE203", _wrong_choice),
    "const": ("PRE203", lambda error: f"must be {json.dumps(error.validator_value)}, not {shown(error.instance)}"),
    "format": ("PRE204", lambda error: f"must be a timestamp, but {error.cause}"),
    "minimum": ("PRE205", lambda error: f"must be at least {error.validator_value}, not {shown(error.instance)}"),
    "maximum": ("PRE205", lambda error: f"must be at most {error.validator_value}, not {shown(error.instance)}"),
    "minLength": ("PRE206", lambda _error: "must not be empty, but is"),
    "pattern": ("PRE108", lambda error: f"must match {error.validator_value}, which {shown(error.instance)} does not"),
}
