"""Change the code in small ways, and see that a test fails each time: mutation testing with the operators of mutmut.

mutmut's own command leaves out properties, constants and tables. Here every mutant is tried in a fork of a process that
has already collected the tests: the changed functions get their new code, and the tests that run through the changed
line are run until one fails, the quickest first. What no function holds (a constant, a table) is tried in a fork that
imports the package anew, and so is each mutant that survived, this time to be sure. Nothing is written to the source.

    pip install "mutmut>=3.8"
    python benchmarks/mutation.py wire
    python benchmarks/mutation.py contract --share 0.4 --module contract/filters.py

Mutants of message texts are left out: a string with a blank between two words, and what stands in it or in its place.
`mutation_survivors.toml` has the survivors that are known, with the reason why no test kills them; others are printed.
"""

from __future__ import annotations

import argparse
import ast
import gc
import importlib
import json
import os
import random
import re
import resource
import signal
import sys
import tempfile
import time
import tomllib
import types
from collections import Counter
from contextlib import contextmanager
from dataclasses import dataclass
from functools import _lru_cache_wrapper, cache
from importlib.machinery import SourceFileLoader
from itertools import takewhile
from pathlib import Path
from typing import TYPE_CHECKING, Any

import coverage
import libcst as cst
import pytest
from hypothesis import HealthCheck, Phase, settings
from libcst.metadata import MetadataWrapper, PositionProvider
from mutmut.mutation.file_mutation import MutationVisitor
from mutmut.mutation.mutators import mutation_operators
from mutmut.mutation.pragma_handling import IgnoredCode

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Sequence

ROOT = Path(__file__).parents[1]
PACKAGE = ROOT / "pytest_cce_precheck"
KNOWN = Path(__file__).with_name("mutation_survivors.toml")
DOCSTRINGS = "tests/test_examples_in_docstrings.py"
# what is mutated, and the tests near it
PARTS: dict[str, tuple[list[str], list[str]]] = {
    "wire": (["wire/*.py"], ["tests/wire", DOCSTRINGS]),
    "budget": (
        ["config/targets.py", "suite/budget.py", "plugin/request_budget.py", "transport/pacing.py"],
        [
            "tests/config/test_targets.py",
            "tests/transport/test_pacing.py",
            "tests/suite/test_budget.py",
            "tests/plugin/test_request_budget.py",
        ],
    ),
    "contract": (["contract/*.py"], ["tests/contract", DOCSTRINGS]),
    "drift": (["drift/*.py"], ["tests/drift", "tests/suite/test_drift_between_runs.py", DOCSTRINGS]),
    "cassette": (["cassette/*.py", "cassette/importers/*.py"], ["tests/cassette", DOCSTRINGS]),
    "redaction": (["redaction/*.py"], ["tests/redaction", "tests/cassette", DOCSTRINGS]),
    "transport": (["transport/*.py"], ["tests/transport", "tests/test_client.py"]),
}
# tests of speed, which a loaded machine fails
SLOW = re.compile(r"the_time_grows|in_about_a_second|take_no_seconds|is_linear")
# pytest would otherwise load the plugin's own modules, to rewrite their asserts, from the files
ARGUMENTS = [
    "-q",
    f"--config-file={ROOT / 'pyproject.toml'}",
    f"--rootdir={ROOT}",
    "--assert=plain",
    "--hypothesis-profile=mutation",
    "-p",
    "no:randomly",
    "-p",
    "no:cacheprovider",
    "-W",
    "ignore::pytest.PytestAssertRewriteWarning",
]
TYPES = {"Literal", "tuple", "dict", "Callable"}
MOST_SECONDS = 4.0  # of tests for one mutant, as they took without it
MEMORY = 4 << 30
UNCHANGED = 9
RUN_ALREADY = ("<dictcomp>", "<setcomp>", "<listcomp>", "<genexpr>")


@dataclass
class Mutant:
    """One change: ``lines`` of the statement that it is in, and the whole module's source after it."""

    module: str
    where: str
    lines: range
    old: str
    new: str
    source: str
    status: str = ""


# ---- mutants


class Mutations(MutationVisitor):
    """Every mutation that is neither of a message nor of what only type checkers read."""

    def _skip_node_and_children(self, node: cst.CSTNode) -> bool:
        if isinstance(node, cst.If) and isinstance(node.test, cst.Name) and node.test.value == "TYPE_CHECKING":
            return True
        if isinstance(node, cst.FunctionDef) and node.name.value == "__repr__":
            return True
        if isinstance(node, cst.FunctionDef | cst.Param):
            return False
        return is_message(node) or is_type(node) or super()._skip_node_and_children(node)

    def _create_mutations(self, node: cst.CSTNode) -> None:
        value = node.value if isinstance(node, cst.Assign | cst.AnnAssign) else None
        if value is not None and (is_message(value) or is_type(value)):
            return
        before = len(self.mutations)
        super()._create_mutations(node)
        if isinstance(node, cst.Call):
            messages = [argument for argument in node.args if is_message(argument.value)]
            self.mutations[before:] = [
                mutation
                for mutation in self.mutations[before:]
                if not isinstance(mutation.mutated_node, cst.Call)
                or all(any(each is kept for kept in mutation.mutated_node.args) for each in messages)
            ]


def is_message(node: cst.CSTNode) -> bool:
    if isinstance(node, cst.ConcatenatedString):
        return is_message(node.left) or is_message(node.right)
    if isinstance(node, cst.SimpleString):
        return "r" not in node.prefix and re.search(r"\w\W? \w", node.value) is not None
    if isinstance(node, cst.FormattedString) and "r" not in node.prefix:
        return any(
            isinstance(part, cst.FormattedStringText) and re.search(r"[a-z]\W? \(?$|\w\W? \w|^ \w", part.value)
            for part in node.parts
        )
    return False


def is_type(node: cst.CSTNode) -> bool:
    if isinstance(node, cst.Call):
        return isinstance(node.func, cst.Name) and node.func.value == "TypeVar"
    return isinstance(node, cst.Subscript) and isinstance(node.value, cst.Name) and node.value.value in TYPES


def mutants_of(module: str, share: float, seed: str) -> Iterator[Mutant]:
    """Return a sample of a module's mutants, the same for a seed: so large a share of them, but 60 at least."""
    code = (PACKAGE / module).read_text("utf-8")
    wrapper = MetadataWrapper(cst.parse_module(code))
    visitor = Mutations(mutation_operators, IgnoredCode(set(), set(), set()))
    tree = wrapper.visit(visitor)
    places = wrapper.resolve(PositionProvider)
    statements = list(spans(ast.parse(code)))
    number = min(len(visitor.mutations), max(60, round(len(visitor.mutations) * share)))
    for each in sorted(random.Random(module + seed).sample(range(len(visitor.mutations)), number)):
        mutation = visitor.mutations[each]
        source = tree.deep_replace(mutation.original_node, mutation.mutated_node).code
        old, new, first = difference(code, source)
        place = places.get(mutation.original_node)
        start = place.start.line if place else first
        around = [(len(span), name, span) for name, span in statements if start in span]
        _, where, lines = min(around, key=lambda each: each[0], default=(0, "", range(0)))
        # names of headers and of encodings are the same in any case
        alike = ("headers" in old or "HEADER" in old) and old.lower() == new.lower()
        alike |= any(old.replace(each, each.upper()) == new for each in ("utf-8", "latin-1", '"ascii"'))
        if not alike:
            yield Mutant(module, where, lines, old, new, source)


def spans(tree: ast.Module) -> Iterator[tuple[str, range]]:
    """Return each statement's own lines, without those of the block below it, and the function it is in."""

    def below(node: ast.AST, name: str) -> Iterator[tuple[str, range]]:
        for child in ast.iter_child_nodes(node):
            inner = f"{name}.{child.name}".strip(".") if isinstance(child, ast.FunctionDef | ast.ClassDef) else name
            if isinstance(child, ast.stmt):
                body = getattr(child, "body", None)
                last = body[0].lineno - 1 if body else child.end_lineno or child.lineno
                yield name, range(child.lineno, max(last, child.lineno) + 1)
            yield from below(child, inner)

    return below(tree, "")


def alike_at_first(left: list[str], right: list[str]) -> int:
    return sum(1 for _ in takewhile(lambda pair: pair[0] == pair[1], zip(left, right, strict=False)))


def difference(before: str, after: str) -> tuple[str, str, int]:
    """Return the lines that differ, before and after, and the number of the first."""
    old, new = before.splitlines(), after.splitlines()
    first = alike_at_first(old, new)
    last = alike_at_first(old[first:][::-1], new[first:][::-1])
    removed, added = old[first : len(old) - last], new[first : len(new) - last]
    return " ".join(map(str.strip, removed)), " ".join(map(str.strip, added)), first + 1


# ---- new code in functions that are there


def changed_functions(before: types.CodeType, after: types.CodeType) -> dict[tuple[str, int], types.CodeType] | None:
    """Return the new code of each function that differs; None if something outside of functions does."""
    if not alike(before, after):
        return None
    changed: dict[tuple[str, int], types.CodeType] = {}
    for old, new in zip(inner(before), inner(after), strict=True):
        if old.co_flags & 2:  # CO_NEWLOCALS: a function, not a class
            if not same(old, new):
                # a comprehension out here has been run already
                if old.co_freevars != new.co_freevars or old.co_name in RUN_ALREADY:
                    return None
                changed[old.co_qualname, old.co_firstlineno] = new
        else:
            deeper = changed_functions(old, new)
            if deeper is None:
                return None
            changed |= deeper
    return changed


def inner(code: types.CodeType) -> list[types.CodeType]:
    return [each for each in code.co_consts if isinstance(each, types.CodeType)]


def alike(old: types.CodeType, new: types.CodeType) -> bool:
    """Return whether two codes are the same but for those within them, and for where they stand."""
    return bare(old) == bare(new) and len(inner(old)) == len(inner(new))


def bare(code: types.CodeType) -> types.CodeType:
    constants = tuple(each for each in code.co_consts if not isinstance(each, types.CodeType))
    return code.replace(co_consts=constants, co_firstlineno=1, co_linetable=b"")


def same(old: types.CodeType, new: types.CodeType) -> bool:
    return alike(old, new) and all(map(same, inner(old), inner(new)))


def functions_of(files: Sequence[str]) -> dict[str, list[types.FunctionType]]:
    found: dict[str, list[types.FunctionType]] = {file: [] for file in files}
    for each in gc.get_objects():
        if isinstance(each, types.FunctionType) and each.__code__.co_filename in found:
            found[each.__code__.co_filename].append(each)
    return found


def give(changed: dict[tuple[str, int], types.CodeType], functions: Sequence[types.FunctionType]) -> None:
    for each in functions:
        each.__code__ = changed.get((each.__code__.co_qualname, each.__code__.co_firstlineno), each.__code__)


@contextmanager
def imported(mutant: Mutant) -> Iterator[None]:
    """Let the mutant be imported in place of its module; end the process if it was not."""
    name = "pytest_cce_precheck." + mutant.module.removesuffix(".py").replace("/", ".")
    get_code, seen = SourceFileLoader.get_code, []

    def changed(loader: SourceFileLoader, fullname: str) -> types.CodeType | None:
        if fullname != name:
            return get_code(loader, fullname)
        seen.append(name)
        return compile(mutant.source, str(PACKAGE / mutant.module), "exec", dont_inherit=True)

    SourceFileLoader.get_code = changed  # type: ignore[method-assign]
    yield
    if name in sys.modules and not seen:
        os._exit(UNCHANGED)


# ---- forks


def forked(work: Callable[[], bool], cpu: float, *, loud: bool = False) -> str:
    """Do ``work`` in a fork, and return "killed" if it returns False, breaks, or takes too long."""
    child = os.fork()
    if child == 0:
        status = 1
        try:
            nowhere = os.open(os.devnull, os.O_WRONLY)
            os.dup2(nowhere, 1)
            if not loud:
                os.dup2(nowhere, 2)
            resource.setrlimit(resource.RLIMIT_CPU, (int(cpu) + 1, int(cpu) + 5))
            resource.setrlimit(resource.RLIMIT_AS, (MEMORY, MEMORY))
            status = 0 if work() else 1
        finally:
            os._exit(status)
    end = time.monotonic() + 10 * cpu
    while (got := os.waitpid(child, os.WNOHANG))[0] == 0:
        if time.monotonic() > end:
            os.kill(child, signal.SIGKILL)
            os.waitpid(child, 0)
            return "killed"
        time.sleep(0.002)
    if os.WIFEXITED(got[1]) and os.WEXITSTATUS(got[1]) == UNCHANGED:
        raise RuntimeError("the mutant was not imported: its source came from elsewhere")
    return "survived" if got[1] == 0 else "killed"


class Warm:
    """A plugin that tries mutants in place of running the tests once."""

    def __init__(self, mutants: Sequence[Mutant], folder: Path) -> None:
        self._mutants, self._folder, self._killer = mutants, folder, folder / "killer"

    @pytest.hookimpl(tryfirst=True)
    def pytest_runtestloop(self, session: pytest.Session) -> bool:
        items = {item.nodeid: item for item in session.items if not SLOW.search(item.nodeid)}
        covered = self._folder / "covered.json"
        files = sorted({str(PACKAGE / mutant.module) for mutant in self._mutants})
        forked(lambda: measure(session, list(items.values()), files, covered), 2000)
        tests, functions = Tests(json.loads(covered.read_text())), functions_of(files)
        forget()  # what was computed while the tests were collected
        gc.freeze()  # forks share what nobody writes to
        for number, mutant in enumerate(self._mutants):
            file = str(PACKAGE / mutant.module)
            changed = changed_functions(
                compile(Path(file).read_text("utf-8"), file, "exec", dont_inherit=True),
                compile(mutant.source, file, "exec", dont_inherit=True),
            )
            names, seconds = tests.of(mutant)
            if changed == {}:
                mutant.status = "same code"
            elif not names:
                mutant.status = "not run"
            elif changed is not None:

                def work(changed: Any = changed, file: str = file, names: list[str] = names) -> bool:
                    give(changed, functions[file])
                    return self._passes(session, [items[name] for name in names])

                self._killer.unlink(missing_ok=True)
                mutant.status = forked(work, 5 + 4 * seconds)
                if self._killer.exists():
                    tests.killers[mutant.where, self._killer.read_text()] += 1
            say(number, len(self._mutants))
        (self._folder / "status.json").write_text(json.dumps([mutant.status for mutant in self._mutants]))
        return True

    def _passes(self, session: pytest.Session, items: Sequence[pytest.Item]) -> bool:
        for item, following in zip(items, [*items[1:], None], strict=True):
            item.config.hook.pytest_runtest_protocol(item=item, nextitem=following)
            if session.testsfailed:
                self._killer.write_text(item.nodeid)
                return False
        return True


def forget() -> None:
    for each in gc.get_objects():
        if isinstance(each, _lru_cache_wrapper) and each.__module__.startswith(PACKAGE.name):
            each.cache_clear()


def measure(session: pytest.Session, items: Sequence[pytest.Item], files: list[str], into: Path) -> bool:
    """Write which tests run through which lines, and how long each takes; those that fail are left out."""
    cover = coverage.Coverage(data_file=None, include=files, config_file=False)
    seconds: dict[str, float] = {}
    place = None
    cover.start()
    for item, following in zip(items, [*items[1:], None], strict=True):
        if item.path != place:  # or only the first test of all would run through what is computed once
            place = item.path
            forget()
        cover.switch_context(item.nodeid)
        failed, start = session.testsfailed, time.process_time()
        item.config.hook.pytest_runtest_protocol(item=item, nextitem=following)
        if session.testsfailed == failed:
            seconds[item.nodeid] = time.process_time() - start
    cover.stop()
    data = cover.get_data()
    lines = {file: data.contexts_by_lineno(file) for file in files}
    into.write_text(json.dumps({"seconds": seconds, "lines": lines}))
    return True


class Tests:
    """Which tests to run for a mutant: first those that killed others in the same function, then the quickest."""

    def __init__(self, covered: dict[str, Any]) -> None:
        self._seconds: dict[str, float] = covered["seconds"]
        self._lines: dict[str, dict[str, list[str]]] = covered["lines"]
        self.killers: Counter[tuple[str, str]] = Counter()

    def of(self, mutant: Mutant) -> tuple[list[str], float]:
        lines = self._lines.get(str(PACKAGE / mutant.module), {})
        through = {name for line in mutant.lines for name in lines.get(str(line), ())} & self._seconds.keys()
        if through:
            # their neighbours too, since what is computed once is computed for the first of them alone
            files = {file_of(name) for name in through}
            others = {name for name in self._seconds if file_of(name) in files}
        elif any(str(line) in lines and lines[str(line)] == [] for line in mutant.lines):
            return [], 0
        else:  # a constant or a table
            imports = re.compile(rf"^(from|import) .*\b{Path(mutant.module).stem}\b", re.MULTILINE)
            through = {name for name in self._seconds if imports.search(text_of(file_of(name)))}
            others = {name for each in lines.values() for name in each} & self._seconds.keys()
        chosen, total = [], 0.0
        for name in sorted(
            through | others,
            key=lambda name: (-self.killers[mutant.where, name], name not in through, self._seconds[name]),
        ):
            total += self._seconds[name]
            if total > MOST_SECONDS and chosen:
                break
            chosen.append(name)
        return chosen, total


def file_of(test: str) -> str:
    return test.partition("::")[0]


@cache
def text_of(file: str) -> str:
    return (ROOT / file).read_text("utf-8")


class Chosen:
    """A plugin that keeps the tests named, in that order."""

    def __init__(self, names: list[str]) -> None:
        self._names = names

    @pytest.hookimpl(trylast=True)
    def pytest_collection_modifyitems(self, items: list[pytest.Item]) -> None:
        order = {name: number for number, name in enumerate(self._names)}
        items[:] = sorted((item for item in items if item.nodeid in order), key=lambda item: order[item.nodeid])


def anew(mutant: Mutant, names: list[str], seconds: float) -> str:
    def work() -> bool:
        files = sorted({str(ROOT / name.partition("::")[0]) for name in names})
        with imported(mutant):
            return pytest.main(["-x", *ARGUMENTS, *files], plugins=[Chosen(names)]) == 0

    return forked(work, 15 + 4 * seconds)


def say(number: int, of: int) -> None:
    if number % 50 == 0:
        print(f"{number} of {of}", file=sys.stderr, flush=True)


# ---- all of it


def run(mutants: Sequence[Mutant], tests: list[str], *, quick: bool) -> None:
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        forked(lambda: pytest.main([*ARGUMENTS, *tests], plugins=[Warm(mutants, folder)]) == 0, 10_000, loud=True)
        for mutant, status in zip(mutants, json.loads((folder / "status.json").read_text()), strict=True):
            mutant.status = status
        near = Tests(json.loads((folder / "covered.json").read_text()))
    for name in (
        "hypothesis.stateful",
        "jsonschema",
        "jsonschema_rs",
        "requests",
        "responses",
        "yaml",
        "_pytest.pytester",
    ):
        importlib.import_module(name)  # once for all forks
    again = [mutant for mutant in mutants if not mutant.status or (mutant.status == "survived" and not quick)]
    print(f"{len(again)} to be tried anew", file=sys.stderr, flush=True)
    for number, mutant in enumerate(again):
        names, seconds = near.of(mutant)
        mutant.status = anew(mutant, names, seconds) if names else "not run"
        say(number, len(again))


def known() -> dict[tuple[str, str, str, str], str]:
    entries = tomllib.loads(KNOWN.read_text("utf-8")).get("survivor", []) if KNOWN.exists() else []
    return {(each["module"], each["where"], each["old"], each["new"]): each["reason"] for each in entries}


def report(mutants: Sequence[Mutant]) -> None:
    reasons = known()
    for mutant in mutants:
        reason = reasons.get((mutant.module, mutant.where, mutant.old, mutant.new))
        if mutant.status in ("survived", "not run") and not reason:
            print(f"{mutant.status}: {mutant.module} {mutant.where} {mutant.lines[0] if mutant.lines else ''}")
            print(f"    - {mutant.old}\n    + {mutant.new}")
    print(f"{'module':<32}{'mutants':>8}{'killed':>8}{'known':>8}{'new':>6}")
    for module in (*sorted({mutant.module for mutant in mutants}), ""):
        of = [mutant for mutant in mutants if module in ("", mutant.module) and mutant.status != "same code"]
        count = Counter(mutant.status for mutant in of)
        left = [each for each in of if each.status != "killed"]
        listed = sum((each.module, each.where, each.old, each.new) in reasons for each in left)
        share = f"{count['killed'] / len(of):.1%}" if of else "-"
        print(f"{module or 'all':<32}{len(of):>8}{share:>8}{listed:>8}{len(left) - listed:>6}")


def absolute(text: str) -> Path:
    return Path(text).absolute()


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("part", choices=PARTS)
    parser.add_argument(
        "--share", type=float, default=1.0, help="try so much of each module's mutants, but 60 at least"
    )
    parser.add_argument("--seed", default="", help="any text: with another, another sample of that share")
    parser.add_argument("--module", action="append", help="only these, such as wire/body.py")
    parser.add_argument(
        "--survivors", type=absolute, help="write those that are left as JSON, to be tried again by --again"
    )
    parser.add_argument("--quick", action="store_true", help="do not try a second time, anew, what survived in a fork")
    parser.add_argument("--again", type=absolute, help="try only the mutants of such a file")
    chosen = parser.parse_args()
    sys.path.insert(0, str(ROOT))
    # the first example that fails is enough
    settings.register_profile(
        "mutation",
        phases=[Phase.explicit, Phase.generate],
        deadline=None,
        derandomize=True,
        report_multiple_bugs=False,
        suppress_health_check=HealthCheck,
    )
    patterns, tests = PARTS[chosen.part]
    modules = sorted(str(path.relative_to(PACKAGE)) for pattern in patterns for path in PACKAGE.glob(pattern))
    mutants: list[Mutant] = []
    for module in modules:
        if chosen.module is None or module in chosen.module:
            mutants += mutants_of(module, chosen.share, chosen.seed)
    if chosen.again:
        wanted = {tuple(each) for each in json.loads(chosen.again.read_text())}
        mutants = [each for each in mutants if (each.module, each.where, each.old, each.new) in wanted]
    with tempfile.TemporaryDirectory() as place:
        os.chdir(place)  # a mutant may write files
        run(mutants, [str(ROOT / test) for test in tests if (ROOT / test).exists()], quick=chosen.quick)
    report(mutants)
    if chosen.survivors:
        left = [each for each in mutants if each.status in ("survived", "not run")]
        chosen.survivors.write_text(json.dumps([(each.module, each.where, each.old, each.new) for each in left]))


if __name__ == "__main__":
    main()
