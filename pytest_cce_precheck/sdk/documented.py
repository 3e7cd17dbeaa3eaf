"""The fields that some document of the vendor describes, its own examples included."""

from __future__ import annotations

from functools import cache
from typing import Any, Final

from pytest_cce_precheck.schema_files import load_schema

Schema = dict[str, Any]

# what only an example or an SDK has: a client that drops it loses what the vendor itself shows (docs/deviations.md)
_ELSEWHERE: Final[dict[str, Schema]] = {
    "CheckTaskMetadata": {"createTimestamp": {"type": "string"}},
    "AddonCheckTask": {"riskList": {"type": "array", "items": {"$ref": "check_task_risk.json"}}},
    "CreateAnswerStatus": {"phase": {"type": "string"}, "itemsStatus": {"type": "array"}},
}


@cache
def shape(schema_name: str) -> Schema:
    """Return the schema of an answer in one piece, with what only the examples and the SDKs have.

    It says which fields there are; what it says of their types is the tables' word alone.
    """
    return _resolved(load_schema(schema_name))


def inside(schema: Schema, name: str) -> Schema | None:
    """Return the schema of a field, {} where nothing is said of it, None where it is not documented."""
    fields = schema.get("properties")
    found: Schema | None = {} if fields is None else fields.get(name)
    return found


def element(schema: Schema) -> Schema:
    """Return the schema of an array's elements, {} where nothing is said of them."""
    items: Schema = schema.get("items", {})
    return items


def of_object(schema: Schema, node: Schema) -> Schema:
    """Return the schema of an object, that of an element where it is one and stands in place of an array.

    D's example has the one task where the tables have a list of them; of any other object there, nothing is said.
    """
    if schema.get("type") != "array":
        return schema
    one = element(schema)
    return one if one.get("properties", {}).keys() & node.keys() else {}


def documented(document: Any, schema_name: str) -> Any:
    """Return the part of ``document`` that is documented; what has another type than it should is kept whole.

    >>> documented({"currentCount": "1", "total": 3}, "page_info")
    {'currentCount': '1'}
    """
    return _pruned(document, shape(schema_name))


def _pruned(node: Any, schema: Schema) -> Any:
    if isinstance(node, list):
        return [_pruned(part, element(schema)) for part in node]
    if not isinstance(node, dict):
        return node
    schema = of_object(schema, node)
    known = {name: inside(schema, name) for name in node}
    return {name: _pruned(node[name], below) for name, below in known.items() if below is not None}


def _resolved(schema: Schema) -> Schema:
    if "$ref" in schema:
        return shape(schema["$ref"].removesuffix(".json"))
    resolved: Schema = {key: schema[key] for key in ("type", "title") if key in schema}
    if "properties" in schema:
        fields = {**_ELSEWHERE.get(schema.get("title", ""), {}), **schema["properties"]}
        resolved["properties"] = {name: _resolved(below) for name, below in fields.items()}
    if "items" in schema:
        resolved["items"] = _resolved(schema["items"])
    return resolved
