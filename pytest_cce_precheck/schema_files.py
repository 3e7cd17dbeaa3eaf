"""The contract's JSON Schema files.

In a wheel they are inside the package; in a checkout, an editable install and an unpacked sdist beside it.
"""

from __future__ import annotations

import json
from collections.abc import Iterable, Iterator, Mapping
from functools import cache
from importlib import resources
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final

from pytest_cce_precheck.errors import ConfigurationError

if TYPE_CHECKING:
    from importlib.resources.abc import Traversable

OPENAPI: Final = "openapi"
CASSETTE: Final = "cassette"
SNAPSHOT: Final = "snapshot"
REPORT: Final = "report"
KEPT_FAILURE: Final = "kept_failure"
STATE: Final = "state"


@cache
def schema_text(name: str) -> str:
    """Return the text of a schema file, or of ``"openapi"``; raises `ConfigurationError` if there is none."""
    if name not in _file_names():
        raise ConfigurationError(f"there is no schema {name!r}; there are: {', '.join(_file_names())}")
    return _folder().joinpath(f"{name}.json").read_text(encoding="utf-8")


def load_schema(name: str) -> dict[str, Any]:
    """Return a new copy of a schema, or of ``"openapi"``.

    >>> load_schema("page_info")["required"]
    ['currentCount']
    """
    schema: dict[str, Any] = json.loads(schema_text(name))
    return schema


@cache
def inlined_schema(name: str) -> Mapping[str, Any]:
    """Return a schema with every reference replaced by the file that it names; shared, so do not change it.

    Identifiers and examples are left out: jsonschema returns to the standard's keywords at each ``$schema``.
    """
    schema: Mapping[str, Any] = _inlined(load_schema(name))
    return schema


def _inlined(schema: Any) -> Any:
    if isinstance(schema, list):
        return [_inlined(part) for part in schema]
    if not isinstance(schema, dict):
        return schema
    if "$ref" in schema:
        return inlined_schema(schema["$ref"].removesuffix(".json"))
    return {name: _inlined(part) for name, part in schema.items() if name not in ("$id", "$schema", "examples")}


def subschemas(
    schema: Mapping[str, Any], steps: tuple[str, ...] = ()
) -> Iterator[tuple[tuple[str, ...], Mapping[str, Any]]]:
    """Yield an inlined schema and each one below it, with the steps to it: a field's name, ``*`` for an array's items.

    >>> [".".join(steps) for steps, _ in subschemas(inlined_schema("list_answer"))][:6]
    ['', 'kind', 'apiVersion', 'pageInfo', 'pageInfo.currentCount', 'items']
    """
    yield steps, schema
    for name, part in schema.get("properties", {}).items():
        yield from subschemas(part, (*steps, name))
    if "items" in schema:
        yield from subschemas(schema["items"], (*steps, "*"))


def find_folder(candidates: Iterable[Traversable]) -> Traversable:
    """Return the first folder that holds the schemas; raises `ConfigurationError` if none does."""
    places = tuple(candidates)
    for place in places:
        # another distribution may well have a folder of this name
        if place.joinpath("list_answer.json").is_file() and place.joinpath(f"{OPENAPI}.json").is_file():
            return place
    looked = " and ".join(str(place) for place in places)
    raise ConfigurationError(
        f"the contract's schemas are missing: looked in {looked}; reinstall pytest-cce-precheck, "
        "or run from a complete checkout"
    )


@cache
def _folder() -> Traversable:
    package = resources.files("pytest_cce_precheck")
    return find_folder((package.joinpath("schemas"), Path(__file__).resolve().parent.parent / "schemas"))


@cache
def _file_names() -> tuple[str, ...]:
    files = (place.name for place in _folder().iterdir())
    return tuple(sorted(name.removesuffix(".json") for name in files if name.endswith(".json")))
