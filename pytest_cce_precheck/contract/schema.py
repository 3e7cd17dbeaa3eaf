"""Validate a document against the contract's JSON Schemas, and report each breach with its path.

jsonschema explains. If jsonschema-rs is installed (the extra ``fast``) it is asked first, and a document that it
accepts is not looked at again; what it refuses is judged by jsonschema alone. So it may refuse too much, which costs
time, but must never accept too much.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import dataclass
from functools import cache
from importlib import import_module
from itertools import islice
from typing import Any, Final

from pytest_cce_precheck._text import shortened
from pytest_cce_precheck.schema_files import inlined_schema, subschemas

try:
    import jsonschema_rs

    # before 0.44, which another package may have brought, it ends the process at a lone surrogate
    if not hasattr(jsonschema_rs, "canonical"):
        jsonschema_rs = None  # type: ignore[assignment]
except ImportError:
    jsonschema_rs = None  # type: ignore[assignment]  # the extra is not installed

# by its name: jsonschema is half of what the command `check` would load, and nobody needs it if nothing is wrong
_EXPLAINS: Final = "pytest_cce_precheck.contract.breaches"
MANY: Final = 10_000
"""If so many elements of an array are wrong, the rest of those that are like them are not looked at."""
_SHOWN_CHARACTERS: Final = 60
_SHOWN_FIELDS: Final = 5
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
    yield from import_module(_EXPLAINS).errors(document, schema_name)


def breach(document: Any, schema_name: str) -> str:
    """Return the plainest breach of the schema of a file of the project's own, with its place; empty if there is none.

    >>> breach({"notes": {"failure": {}}}, "kept_failure")
    "at $.notes.settings, 'settings' is a required property"
    """
    found: str = import_module(_EXPLAINS).plainest(document, schema_name)
    return found


def is_as_documented(document: Any, schema_name: str) -> bool:
    """Return whether a document breaks nothing and has documented fields only; without jsonschema-rs nobody knows."""
    judge = _judge(schema_name, closed=True)
    return judge is not None and judge(document)


def json_path(steps: Iterable[str | int]) -> str:
    """Write the steps to a place as a JSON path.

    >>> json_path(["items", 3, "metadata", "taskID"]), json_path(["a b"])
    ('$.items[3].metadata.taskID', '$["a b"]')
    """
    return "$" + "".join(f"[{step}]" if isinstance(step, int) else member(step) for step in steps)


def member(name: str) -> str:
    """Write a field's name as a step of a JSON path."""
    return f".{name}" if name.isidentifier() and len(name) <= _SHOWN_CHARACTERS else f"[{shown_text(name)}]"


def shown(value: Any) -> str:
    """Return a value, or what kind it is if it is long, for a message."""
    if isinstance(value, str):
        return shown_text(value)
    if isinstance(value, Mapping):
        names = [shown_text(str(name)) for name in islice(value, _SHOWN_FIELDS)]
        more = [f"{len(value) - _SHOWN_FIELDS} more"] if len(value) > _SHOWN_FIELDS else []
        return f"an object of {', '.join(names + more)}" if value else "an empty object"
    if isinstance(value, list):
        return f"an array of {len(value)}" if value else "an empty array"
    # Python refuses to write out an integer of some thousand digits
    if isinstance(value, int) and value.bit_length() > 128:
        return f"an integer of {value.bit_length()} bits"
    return json.dumps(value)


def shown_text(text: str) -> str:
    """Return a text in quotes, shortened, without what acts on a terminal."""
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
