"""Order within the house: small modules that keep no state, one table of codes, public names that are all there."""

from __future__ import annotations

import ast
import re
from importlib import import_module
from typing import TYPE_CHECKING, Final

import pytest

import pytest_cce_precheck
from pytest_cce_precheck.contract.rules import Kind, rules
from pytest_cce_precheck.report.language import entry
from tests.source import MODULES, PACKAGE, TREES, part_of

if TYPE_CHECKING:
    from collections.abc import Iterator

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


# ---- size and state


@pytest.mark.parametrize("name", TREES)
def test_modules_and_functions_stay_small(name: str) -> None:
    assert len(MODULES[name].read_text("utf-8").splitlines()) <= 400
    functions = (node for node in ast.walk(TREES[name]) if isinstance(node, ast.FunctionDef))
    assert [node.name for node in functions if (node.end_lineno or 0) - node.lineno >= 45] == []


def held_by(tree: ast.Module) -> Iterator[tuple[ast.Assign | ast.AnnAssign, ast.expr]]:
    """Return the assignments of a module's top level, each with what it assigns to."""
    for node in tree.body:
        if isinstance(node, ast.Assign | ast.AnnAssign):
            yield from ((node, target) for target in (node.targets if isinstance(node, ast.Assign) else [node.target]))


@pytest.mark.parametrize("name", TREES)
def test_a_list_dict_or_set_that_a_module_holds_is_named_as_a_constant(name: str) -> None:
    mutable = [
        node.lineno
        for node, target in held_by(TREES[name])
        if isinstance(node.value, ast.List | ast.Dict | ast.Set)
        and "Final" not in ast.unparse(getattr(node, "annotation", ast.Constant("")))
        and not re.fullmatch(r"_*[A-Z][A-Z0-9_]*|__all__", ast.unparse(target))
    ]
    assert mutable == []


@pytest.mark.parametrize("name", TREES)
def test_what_a_module_holds_is_never_changed(name: str) -> None:
    tree = TREES[name]
    held = {target.id for _, target in held_by(tree) if isinstance(target, ast.Name)}
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


# ---- the table of codes


def test_every_code_is_well_formed_and_says_everything() -> None:
    for code, rule in rules().items():
        assert re.fullmatch(r"PRE[1-7]\d\d", code)
        assert re.fullmatch(r"[a-z0-9]+(-[a-z0-9]+)*", rule.name)
        assert min(map(len, (rule.title, rule.source, rule.remedy))) > 10
    assert len({rule.name for rule in rules().values()}) == len(rules())


def test_every_code_that_can_fail_a_run_names_the_sentence_that_excludes_what_it_flags() -> None:
    # D the list call, C the create call, E the errors, P, G and J the SDKs; the run's own settings; an RFC
    known = re.compile(r"([DCEPGJ](, [DCEPGJ])*|RFC \d{4}, [\d.]+|The run)(:| lists )")
    for code, rule in rules().items():
        assert bool(rule.excluded_by) == (rule.kind is not Kind.OBSERVATION), code
        assert not rule.excluded_by or known.match(rule.excluded_by), (code, rule.excluded_by)
        assert not rule.excluded_by or rule.excluded_by in entry(code, []), code


def test_every_code_in_the_source_is_in_the_table_and_every_code_in_the_table_is_used() -> None:
    checking = [
        path
        for name, path in MODULES.items()
        if part_of(name) in {"contract", "drift", "suite", "explore", "sdk", "proxy"}
    ]
    used = {code for path in checking for code in re.findall(r'"(PRE\d{3})"', path.read_text("utf-8"))}
    # observations that are summed up instead of being found, see Inspection.note
    noted = {code for code, rule in rules().items() if rule.kind is Kind.OBSERVATION}
    assert used - rules().keys() == set()
    assert rules().keys() - used - noted == set()


def test_the_table_of_codes_is_written_in_their_order_under_the_heading_of_their_hundred() -> None:
    text = (PACKAGE / "contract" / "rules.toml").read_text("utf-8")
    codes = re.findall(r"^\[(PRE\d{3})\]$", text, re.MULTILINE)
    assert codes == sorted(codes)
    assert len(codes) == len(set(codes))
    for section in re.split(r"^# ---- ", text, flags=re.MULTILINE)[1:]:
        hundred = section[:4]
        assert {code[:4] for code in re.findall(r"^\[(PRE\d{3})\]$", section, re.MULTILINE)} == {hundred}


# ---- the public names


def test_every_public_name_is_there_and_said_to_type_checkers_too() -> None:
    for name in pytest_cce_precheck.__all__:
        assert getattr(pytest_cce_precheck, name) is not None
    assert {*pytest_cce_precheck.__all__, "__version__"} == set(dir(pytest_cce_precheck))
    assert pytest_cce_precheck.__all__ == sorted(pytest_cce_precheck.__all__)
    [guarded] = [node for node in TREES["pytest_cce_precheck"].body if isinstance(node, ast.If)]
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


def test_the_type_of_every_public_name_is_tested() -> None:
    tree = ast.parse((PACKAGE.parent / "tests" / "typing" / "public_names.py").read_text("utf-8"))
    imported = [node for node in tree.body if isinstance(node, ast.ImportFrom) and node.module == PACKAGE.name]
    assert [alias.name for node in imported for alias in node.names] == pytest_cce_precheck.__all__
