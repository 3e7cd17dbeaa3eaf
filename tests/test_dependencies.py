"""What pyproject.toml declares is what the package imports, and works without what it does not declare."""

from __future__ import annotations

import ast
import subprocess
import sys
from importlib.metadata import packages_distributions
from typing import TYPE_CHECKING, Final

import pytest
from packaging.utils import canonicalize_name

from tests import lowest
from tests.lowest import lowest_version, requirements
from tests.source import PACKAGE, TREES
from tests.toolchains import require_module

if TYPE_CHECKING:
    from collections.abc import Iterator

    from packaging.requirements import Requirement

# xdist is imported by a hook that only pytest-xdist calls; the core comes with the vendor's SDK
COME_ALONG: Final = {"pytest_cce_precheck", "xdist", "huaweicloudsdkcore", "markupsafe"}
JUDGE: Final = """
import sys
{}
from pytest_cce_precheck.contract import schema
from pytest_cce_precheck.schema_files import load_schema
answer = load_schema("list_answer")["examples"][0]
print(schema._judge("list_answer") is not None)
print([error.code for error in schema.schema_errors(answer, "list_answer")])
answer["items"][0]["metadata"]["createTimeStamp"] = "2023-11-01 10:11:12.1 +0000 UTC"
print([error.code for error in schema.schema_errors(answer, "list_answer")])
"""


def imported() -> Iterator[str]:
    """Yield the top-level modules that the package imports when it runs."""
    for tree in TREES.values():
        blocks = [
            node for node in ast.walk(tree) if isinstance(node, ast.If) and ast.unparse(node.test) == "TYPE_CHECKING"
        ]
        never = {node for block in blocks for node in ast.walk(block)}
        for node in ast.walk(tree):
            if isinstance(node, ast.Import) and node not in never:
                yield from (alias.name.partition(".")[0] for alias in node.names)
            elif isinstance(node, ast.ImportFrom) and node not in never:
                yield str(node.module).partition(".")[0]


def judged(preparation: str) -> list[str]:
    """Return whether jsonschema-rs is asked, and the breaches of an answer without and with a bad timestamp."""
    words = [sys.executable, "-c", JUDGE.format(preparation)]
    return subprocess.run(words, capture_output=True, text=True, check=True, cwd=PACKAGE.parent).stdout.splitlines()


def test_what_the_package_imports_is_declared_and_what_is_declared_is_imported() -> None:
    homes = packages_distributions()
    modules = {*imported()} - sys.stdlib_module_names - COME_ALONG
    used = {canonicalize_name(homes.get(module, [module])[0]) for module in modules}
    assert used == {canonicalize_name(each.name) for each in requirements("fast", "report", "sdk")}


@pytest.mark.parametrize("requirement", [*requirements("fast", "report", "sdk")], ids=lambda each: each.name)
def test_a_dependency_names_its_lowest_version_and_no_highest(requirement: Requirement) -> None:
    assert [each.operator for each in requirement.specifier] == [">="]


def test_the_constraints_for_pip_are_the_lowest_versions_of_all_dependencies() -> None:
    run = subprocess.run([sys.executable, lowest.__file__], capture_output=True, text=True, check=True)
    constraints = dict(line.split("==") for line in run.stdout.splitlines())
    for each in requirements("fast", "report", "sdk"):
        assert constraints[canonicalize_name(each.name)] == lowest_version(each)


@pytest.mark.parametrize("prepared", ["", "sys.modules['jsonschema_rs'] = None"], ids=["any", "jsonschema"])
def test_a_bad_timestamp_is_refused_without_a_package_that_knows_timestamps(prepared: str) -> None:
    assert judged(f"sys.modules['rfc3339_validator'] = None\n{prepared}")[1:] == ["[]", "['PRE204']"]


@pytest.mark.parametrize(("prepared", "is_asked"), [("del jsonschema_rs.canonical", False), ("", True)])
def test_a_jsonschema_rs_that_is_older_than_declared_is_not_asked(prepared: str, is_asked: bool) -> None:
    require_module("jsonschema_rs")
    assert judged(f"import jsonschema_rs\n{prepared}") == [str(is_asked), "[]", "['PRE204']"]


def test_what_is_right_is_judged_without_jsonschema_and_what_is_wrong_with_it() -> None:
    require_module("jsonschema_rs")
    loaded = """
import sys
from pytest_cce_precheck.contract import schema
from pytest_cce_precheck.schema_files import load_schema
answer = load_schema("list_answer")["examples"][0]
list(schema.schema_errors(answer, "list_answer"))
print("jsonschema" in sys.modules)
list(schema.schema_errors({}, "list_answer"))
print("jsonschema" in sys.modules)
"""
    run = subprocess.run([sys.executable, "-c", loaded], capture_output=True, text=True, check=True)
    assert run.stdout.split() == ["False", "True"]
