"""Documents changed in one place, and what the schemas say of them."""

from __future__ import annotations

import copy
from typing import Any

import pytest

from pytest_cce_precheck.contract import schema
from pytest_cce_precheck.contract.schema import SchemaError, schema_errors

# the ways into the fourth task of a list, which is finished
METADATA, STATUS = ("items", 3, "metadata"), ("items", 3, "status")
RISK = (*STATUS, "riskList", 1)


def put(document: Any, *steps: Any) -> Any:
    """Set the place to which all steps but the last lead to the last one."""
    *path, last, value = steps
    changed = copy.deepcopy(document)
    node = changed
    for step in path:
        node = node[step]
    node[last] = value
    return changed


def drop(document: Any, *steps: Any) -> Any:
    *path, last = steps
    changed = copy.deepcopy(document)
    node = changed
    for step in path:
        node = node[step]
    del node[last]
    return changed


def errors_of(document: Any, name: str = "list_answer") -> list[SchemaError]:
    return list(schema_errors(document, name))


def places(document: Any, name: str = "list_answer") -> list[tuple[str, str]]:
    return [(error.code, error.path) for error in schema_errors(document, name)]


def explained(document: Any, name: str) -> list[SchemaError]:
    """Judge without jsonschema-rs."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(schema, "_judge", lambda _name: None)
        return list(schema_errors(document, name))


def accepted_by_rust(document: Any, name: str) -> bool:
    judge = schema._judge(name)
    assert judge is not None, "jsonschema-rs is part of the extra 'test'"
    return judge(document)
