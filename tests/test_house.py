"""The rules that hold the house: one direction of imports, two halves that never meet, nothing heavy at start-up."""

from __future__ import annotations

import ast
import re
import subprocess
import sys
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

import pytest_cce_precheck
from pytest_cce_precheck.contract.rules import Kind, rules
from pytest_cce_precheck.suggestions import did_you_mean

if TYPE_CHECKING:
    from collections.abc import Iterator

PACKAGE = Path(pytest_cce_precheck.__file__).parent
MODULES = {
    ".".join(path.relative_to(PACKAGE.parent).with_suffix("").parts).removesuffix(".__init__"): path
    for path in PACKAGE.rglob("*.py")
}


def _at_run_time(path: Path) -> ast.Module:
    tree = ast.parse(path.read_text("utf-8"))
    tree.body = [
        node for node in tree.body if not (isinstance(node, ast.If) and ast.unparse(node.test) == "TYPE_CHECKING")
    ]
    return tree


TREES = {name: _at_run_time(path) for name, path in MODULES.items()}

# a module may import from its own level and from those below; `contract` and `simulator` share a level and never meet
LEVELS = (
    {"errors", "suggestions"},
    {"config", "schema_files", "wire"},
    {"contract", "simulator", "explore"},
    {"transport"},
    {"client"},
    {"report", "suite", "startup", "harness"},
    {"hookspecs", "fixtures", "serving", "captured"},
    {"plugin", "cli", ""},
)
LAZY = {"plugin", "fixtures", "cli", ""}
HEAVY = ("requests", "responses", "jsonschema", "jsonschema_rs", "hypothesis", "yaml", "jinja2", "urllib3")


def part_of(module: str) -> str:
    return module.removeprefix("pytest_cce_precheck").removeprefix(".").partition(".")[0]


def level_of(module: str) -> int:
    return next(number for number, parts in enumerate(LEVELS) if part_of(module) in parts)


def imports_of(name: str) -> Iterator[tuple[str, bool]]:
    """Give the own modules that a module imports, and whether it does so at its top level."""
    top = set(TREES[name].body)
    for node in ast.walk(TREES[name]):
        if isinstance(node, ast.ImportFrom) and (node.module or "").startswith("pytest_cce_precheck"):
            for alias in node.names:
                deeper = f"{node.module}.{alias.name}"
                yield (deeper if deeper in MODULES else str(node.module)), node in top


RUN_TIME = {name: sorted(set(imports_of(name))) for name in sorted(MODULES)}


@pytest.mark.parametrize("name", RUN_TIME)
def test_a_module_imports_only_from_its_level_and_below(name: str) -> None:
    assert [other for other, _ in RUN_TIME[name] if level_of(other) > level_of(name)] == []


@pytest.mark.parametrize("name", [name for name in RUN_TIME if part_of(name) in {"contract", "simulator", "explore"}])
def test_the_contract_and_the_simulator_never_meet(name: str) -> None:
    strangers = {"contract": {"simulator", "explore"}, "simulator": {"contract", "explore"}, "explore": {"simulator"}}
    assert [other for other, _ in RUN_TIME[name] if part_of(other) in strangers[part_of(name)]] == []


def test_no_import_goes_in_a_circle() -> None:
    waiting = {name: {other for other, _ in found if other != name} for name, found in RUN_TIME.items()}
    while ready := [name for name, needed in waiting.items() if not needed & waiting.keys()]:
        for name in ready:
            del waiting[name]
    assert waiting == {}


@pytest.mark.parametrize("name", [name for name in RUN_TIME if part_of(name) not in LAZY])
def test_functions_import_nothing_of_ours(name: str) -> None:
    assert [other for other, top in RUN_TIME[name] if not top] == []


@pytest.mark.parametrize("name", sorted(TREES))
def test_no_module_keeps_state(name: str) -> None:
    assert [node.lineno for node in ast.walk(TREES[name]) if isinstance(node, ast.Global)] == []
    mutable = [
        node.lineno
        for node in TREES[name].body
        if isinstance(node, ast.Assign | ast.AnnAssign)
        and isinstance(node.value, ast.List | ast.Dict | ast.Set)
        and "Final" not in ast.unparse(getattr(node, "annotation", ast.Constant("")))
        and not all(re.fullmatch(r"_*[A-Z][A-Z0-9_]*|__all__", ast.unparse(target)) for target in _targets(node))
    ]
    assert mutable == []


def _targets(node: ast.Assign | ast.AnnAssign) -> list[ast.expr]:
    return node.targets if isinstance(node, ast.Assign) else [node.target]


@pytest.mark.parametrize("name", sorted(TREES))
def test_modules_and_functions_stay_small(name: str) -> None:
    assert len(MODULES[name].read_text("utf-8").splitlines()) <= 400
    functions = (node for node in ast.walk(TREES[name]) if isinstance(node, ast.FunctionDef))
    assert [node.name for node in functions if (node.end_lineno or 0) - node.lineno >= 45] == []


def test_every_code_is_well_formed_and_says_everything() -> None:
    for code, rule in rules().items():
        assert re.fullmatch(r"PRE[1-6]\d\d", code)
        assert re.fullmatch(r"[a-z0-9]+(-[a-z0-9]+)*", rule.name)
        assert min(map(len, (rule.title, rule.source, rule.remedy))) > 10
    assert len({rule.name for rule in rules().values()}) == len(rules())


def test_every_code_in_the_source_is_in_the_table_and_every_code_in_the_table_is_used() -> None:
    checking = [path for name, path in MODULES.items() if part_of(name) in {"contract", "suite", "explore"}]
    used = {code for path in checking for code in re.findall(r'"(PRE\d{3})"', path.read_text("utf-8"))}
    # observations that are summed up instead of being found, see Inspection.note
    noted = {code for code, rule in rules().items() if rule.kind is Kind.OBSERVATION}
    assert used - rules().keys() == set()
    assert rules().keys() - used - noted == set()


def test_a_mistyped_word_has_its_near_matches() -> None:
    assert did_you_mean("simulte", ["simulate", "live"]) == "; did you mean simulate?"
    assert did_you_mean("xyz", ["simulate", "live"]) == ""


def test_importing_the_package_imports_nothing_heavy() -> None:
    code = f"import sys, pytest_cce_precheck; print([name for name in {HEAVY!r} if name in sys.modules])"
    assert (
        subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True).stdout.strip() == "[]"
    )


def test_a_run_without_our_fixtures_imports_nothing_heavy_from_start_to_end(pytester: pytest.Pytester) -> None:
    pytester.makeconftest(
        f"""
        import sys

        def loaded():
            return [name for name in {HEAVY!r} if name in sys.modules]

        def pytest_sessionstart():
            assert loaded() == []

        def pytest_unconfigure():
            print("heavy at the end:", loaded())
        """
    )
    pytester.makepyfile("def test_of_a_dependent(): assert True")
    # hypothesis' own plugin imports it in its summary; that is not ours to answer for
    result = pytester.runpytest_subprocess("-p", "no:hypothesispytest", "-p", "no:randomly", "-p", "no:xdist")
    result.assert_outcomes(passed=1)
    result.stdout.fnmatch_lines(["heavy at the end: []"])
