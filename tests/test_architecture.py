"""Who imports whom: in one direction, never in a circle, strangers never, and nothing heavy before it is needed."""

from __future__ import annotations

import ast
import subprocess
import sys
from importlib.util import resolve_name
from typing import TYPE_CHECKING, Final, Literal

import pytest

from pytest_cce_precheck.config.options import Mode
from tests.source import MODULES, TREES, part_of

if TYPE_CHECKING:
    from collections.abc import Iterator

    Place = Literal["top", "type checking", "try", "within"]

# a module may import from its own level and from those below
LEVELS: Final = (
    {"_files", "_programs", "_secret_patterns", "_text", "errors", "environment", "schema_files"},
    {"config", "wire"},
    {"redaction"},
    {"contract", "simulator", "explore", "transport"},
    {"cassette"},
    {"client", "drift", "states"},
    {"report", "suite", "sdk", "proxy", "challenge"},
    {"plugin", "cli", ""},
)
LEVEL: Final = {part: number for number, parts in enumerate(LEVELS) for part in parts}
# what shares a level with these, and what lies above it, they do not know even in an annotation
STRANGERS: Final[dict[str, set[str]]] = {
    "wire": set(),
    "contract": {"simulator", "explore", "cassette"},
    "simulator": {"contract", "explore", "cassette"},
    "explore": {"simulator"},
    "cassette": {"contract", "simulator", "explore"},
}
LAZY: Final = {"plugin", "cli", ""}
HEAVY: Final = {"requests", "responses", "jsonschema", "jsonschema_rs", "hypothesis", "yaml", "jinja2", "urllib3"}


def imports_of(name: str) -> Iterator[tuple[str, Place]]:
    """Return each module that a module imports, and where it does so."""
    tree = TREES[name]
    places: dict[ast.AST, Place] = dict.fromkeys(tree.body, "top")
    for block in tree.body:
        if isinstance(block, ast.If) and ast.unparse(block.test) == "TYPE_CHECKING":
            places |= dict.fromkeys(block.body, "type checking")
        elif isinstance(block, ast.Try):
            places |= dict.fromkeys(block.body, "try")
    for node in ast.walk(tree):
        if isinstance(node, ast.Import | ast.ImportFrom):
            yield from ((module, places.get(node, "within")) for module in modules_named(node, name))


def modules_named(node: ast.Import | ast.ImportFrom, within: str) -> Iterator[str]:
    if isinstance(node, ast.Import):
        yield from (alias.name for alias in node.names)
    else:
        package = within if MODULES[within].stem == "__init__" else within.rpartition(".")[0]
        origin = resolve_name("." * node.level + (node.module or ""), package)
        deeper = (f"{origin}.{alias.name}" for alias in node.names)
        yield from (module if module in MODULES else origin for module in deeper)


def is_ours(module: str) -> bool:
    return module.partition(".")[0] == "pytest_cce_precheck"


IMPORTS: Final = {name: sorted(set(imports_of(name))) for name in MODULES}
RUN_TIME: Final = {
    name: [module for module, place in found if is_ours(module) and place != "type checking"]
    for name, found in IMPORTS.items()
}


def level_of(name: str) -> int:
    # a conftest is the plugin's wherever it lies
    return LEVEL["plugin"] if name.endswith(".conftest") else LEVEL[part_of(name)]


@pytest.mark.parametrize("name", MODULES)
def test_a_module_imports_only_from_its_level_and_below(name: str) -> None:
    assert [other for other in RUN_TIME[name] if LEVEL[part_of(other)] > level_of(name)] == []


@pytest.mark.parametrize("name", [name for name in MODULES if part_of(name) in STRANGERS])
def test_strangers_do_not_know_each_other_even_in_annotations(name: str) -> None:
    known = {part_of(module) for module, _ in IMPORTS[name] if is_ours(module)}
    assert known & STRANGERS[part_of(name)] == set()
    assert {part for part in known if LEVEL[part] > LEVEL[part_of(name)]} == set()


def test_no_import_goes_in_a_circle_not_even_for_annotations() -> None:
    waiting = {name: {other for other, _ in found if other in MODULES} - {name} for name, found in IMPORTS.items()}
    while ready := [name for name, needed in waiting.items() if not needed & waiting.keys()]:
        for name in ready:
            del waiting[name]
    assert waiting == {}


@pytest.mark.parametrize("name", [name for name in MODULES if part_of(name) not in LAZY])
def test_only_what_may_be_missing_is_imported_elsewhere_than_at_the_top(name: str) -> None:
    assert [
        module for module, place in IMPORTS[name] if place == "within" or (place == "try" and is_ours(module))
    ] == []


# the table of the facts, and the classes that differ
KNOW_THE_MODE: Final = ("pytest_cce_precheck.config.options", "pytest_cce_precheck.plugin.modes.")


def mode_in(part: ast.AST) -> bool:
    """Whether an expression names a mode: by its text, by its member of `Mode`, or by its class."""
    members, classes = {member.name for member in Mode}, {f"{mode.capitalize()}Mode" for mode in Mode}
    return any(
        (isinstance(node, ast.Constant) and node.value in set(Mode))
        or (isinstance(node, ast.Attribute) and node.attr in members)
        or (isinstance(node, ast.Name) and node.id in classes)
        for node in ast.walk(part)
    )


def asks_the_mode(node: ast.AST) -> bool:
    if isinstance(node, ast.Compare | ast.MatchValue):
        return mode_in(node)
    if isinstance(node, ast.Call):
        is_lookup = isinstance(node.func, ast.Attribute) and isinstance(node.func.value, ast.Dict)
        return (is_lookup and mode_in(node.func)) or (ast.unparse(node.func) == "isinstance" and mode_in(node))
    return isinstance(node, ast.Subscript) and isinstance(node.value, ast.Dict) and mode_in(node.value)


@pytest.mark.parametrize("name", [name for name in MODULES if not name.startswith(KNOW_THE_MODE)])
def test_nobody_asks_which_mode_a_run_is_in_but_what_is_true_of_it(name: str) -> None:
    assert [ast.unparse(node) for node in ast.walk(TREES[name]) if asks_the_mode(node)] == []


@pytest.mark.parametrize(
    "text",
    [
        "config.mode == 'live'",
        "mode in ('live', 'record')",
        "mode is Mode.REPLAY",
        "isinstance(mode, LiveMode)",
        "{'simulate': 1}.get(mode)",
        "{'simulate': 1}[mode]",
    ],
)
def test_a_question_for_the_name_of_a_mode_is_noticed(text: str) -> None:
    assert any(asks_the_mode(node) for node in ast.walk(ast.parse(text)))


def loaded_by(statement: str) -> set[str]:
    code = f"import sys; {statement}; print(*sys.modules)"
    return set(subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True).stdout.split())


def test_importing_the_package_imports_nothing_heavy() -> None:
    assert loaded_by("import pytest_cce_precheck") & HEAVY == set()


def test_the_contract_can_be_used_without_what_it_does_not_need() -> None:
    loaded = loaded_by("from pytest_cce_precheck import check, PrecheckClient, Exchange")
    assert loaded & {"requests", "responses", "hypothesis", "pytest"} == set()


def test_a_run_without_our_fixtures_imports_nothing_heavy_from_start_to_end(
    pytester: pytest.Pytester, monkeypatch: pytest.MonkeyPatch
) -> None:
    # what other plugins import is not ours to answer for
    monkeypatch.setenv("PYTEST_DISABLE_PLUGIN_AUTOLOAD", "1")
    pytester.makeconftest(
        f"""
        import sys

        def loaded():
            return sorted({HEAVY!r} & sys.modules.keys())

        def pytest_sessionstart():
            assert loaded() == []

        def pytest_unconfigure():
            print("heavy at the end:", loaded())
        """
    )
    pytester.makepyfile("def test_of_a_dependent(): assert 1 + 1 == 2")
    result = pytester.runpytest_subprocess("-p", "pytest_cce_precheck.plugin.hooks")
    result.assert_outcomes(passed=1)
    result.stdout.fnmatch_lines(["heavy at the end: []"])
