"""What `test_house` leaves out: annotations, mutation, imports inside functions, the table as written, public names."""

from __future__ import annotations

import ast
import re
import subprocess
import sys
from importlib import import_module
from pathlib import Path
from typing import TYPE_CHECKING, Final

import pytest

import pytest_cce_precheck

if TYPE_CHECKING:
    from collections.abc import Iterator

PACKAGE: Final = Path(pytest_cce_precheck.__file__).parent
TREES: Final = {
    str(path.relative_to(PACKAGE)): ast.parse(path.read_text("utf-8")) for path in sorted(PACKAGE.rglob("*.py"))
}
LAZY: Final = {"plugin.py", "fixtures.py", "cli.py", "__init__.py"}
MUTATORS: Final = {
    "append",
    "extend",
    "insert",
    "add",
    "update",
    "setdefault",
    "pop",
    "popitem",
    "remove",
    "discard",
    "clear",
}
STRANGERS: Final = {
    "contract": {"simulator", "explore", "transport", "client", "suite", "report"},
    "simulator": {"contract", "explore", "transport", "client", "suite", "report"},
    "explore": {"simulator", "transport", "client", "suite", "report"},
    "wire": {"contract", "simulator", "explore", "transport", "client", "suite", "report"},
}


def modules_named(tree: ast.AST) -> Iterator[str]:
    for node in ast.walk(tree):
        if isinstance(node, ast.ImportFrom):
            yield str(node.module)
        elif isinstance(node, ast.Import):
            yield from (alias.name for alias in node.names)


@pytest.mark.parametrize("name", [name for name in TREES if name.partition("/")[0] in STRANGERS])
def test_the_parts_do_not_know_each_other_even_in_annotations(name: str) -> None:
    named = {module.split(".")[1] for module in modules_named(TREES[name]) if module.startswith("pytest_cce_precheck.")}
    assert named & STRANGERS[name.partition("/")[0]] == set()


@pytest.mark.parametrize("name", [name for name in TREES if name not in LAZY])
def test_functions_import_nothing_at_all(name: str) -> None:
    functions = (node for node in ast.walk(TREES[name]) if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef))
    assert [module for function in functions for module in modules_named(function)] == []


@pytest.mark.parametrize("name", TREES)
def test_what_a_module_holds_is_never_changed(name: str) -> None:
    tree = TREES[name]
    targets = [
        target
        for node in tree.body
        if isinstance(node, ast.Assign | ast.AnnAssign)
        for target in (node.targets if isinstance(node, ast.Assign) else [node.target])
    ]
    held = {target.id for target in targets if isinstance(target, ast.Name)}
    assert [node for node in ast.walk(tree) if isinstance(node, ast.Global | ast.Nonlocal)] == []
    changed = [
        ast.unparse(node)
        for node in ast.walk(tree)
        if (isinstance(node, ast.Attribute) and node.attr in MUTATORS and is_one_of(node.value, held))
        or (isinstance(node, ast.Subscript) and not isinstance(node.ctx, ast.Load) and is_one_of(node.value, held))
    ]
    assert changed == []


def is_one_of(node: ast.expr, names: set[str]) -> bool:
    return isinstance(node, ast.Name) and node.id in names


def test_the_table_of_codes_is_written_in_their_order_under_the_heading_of_their_hundred() -> None:
    text = (PACKAGE / "contract" / "rules.toml").read_text("utf-8")
    codes = re.findall(r"^\[(PRE\d{3})\]$", text, re.MULTILINE)
    assert codes == sorted(codes)
    assert len(codes) == len(set(codes))
    for section in re.split(r"^# ---- ", text, flags=re.MULTILINE)[1:]:
        hundred = section[:4]
        assert {code[:4] for code in re.findall(r"^\[(PRE\d{3})\]$", section, re.MULTILINE)} == {hundred}


def test_every_public_name_is_there_and_said_to_type_checkers_too() -> None:
    for name in pytest_cce_precheck.__all__:
        assert getattr(pytest_cce_precheck, name) is not None
    assert {*pytest_cce_precheck.__all__, "__version__"} == set(dir(pytest_cce_precheck))
    assert pytest_cce_precheck.__all__ == sorted(pytest_cce_precheck.__all__)
    [guarded] = [node for node in TREES["__init__.py"].body if isinstance(node, ast.If)]
    announced = {alias.name for node in guarded.body if isinstance(node, ast.ImportFrom) for alias in node.names}
    assert announced == set(pytest_cce_precheck.__all__)


def test_a_name_that_is_not_public_is_an_attribute_error() -> None:
    with pytest.raises(AttributeError, match="no attribute 'Exchanges'"):
        pytest_cce_precheck.Exchanges  # noqa: B018  # type: ignore[attr-defined]


@pytest.mark.parametrize("name", sorted(pytest_cce_precheck.__all__))
def test_a_public_name_is_what_its_home_calls_so(name: str) -> None:
    home = import_module(f"pytest_cce_precheck.{pytest_cce_precheck._HOME[name]}")
    value = getattr(pytest_cce_precheck, name)
    assert value is home or value is getattr(home, name)


def test_the_contract_can_be_used_without_what_it_does_not_need() -> None:
    words = "import sys; from pytest_cce_precheck import check, PrecheckClient, Exchange; print(sorted(sys.modules))"
    loaded = subprocess.run([sys.executable, "-c", words], capture_output=True, text=True, check=True).stdout
    for heavy in ("requests", "responses", "hypothesis", "pytest"):
        assert f"'{heavy}'" not in loaded
