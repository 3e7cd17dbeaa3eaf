"""Write the parts of the documentation that come from the code.

``python docs/generate.py`` updates docs/findings.md, docs/faults.md, docs/hazards.md, the marked blocks of README.md
and every code block that names its file; ``--check`` changes nothing, lists what is out of date, and exits with 1 if
anything is.
"""

from __future__ import annotations

import argparse
import re
import subprocess
import sys
import tempfile
import tomllib
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final, NamedTuple

from pytest_cce_precheck.config.options import OPTIONS, Config
from pytest_cce_precheck.report.explain import page
from pytest_cce_precheck.simulator.faults import FAULTS
from pytest_cce_precheck.simulator.variations import VARIATIONS

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Iterator, Mapping

ROOT: Final = Path(__file__).resolve().parent.parent
COMMAND: Final = "python docs/generate.py"
SAMPLE: Final = "failed-without-a-failed-risk"
_EXAMPLE: Final = re.compile(r"^```(?P<language>\w+) file=(?P<file>\S+)\n(?:.*?\n)??```$", re.MULTILINE | re.DOTALL)
_FAILURE: Final = re.compile(r"^E +\S*ContractViolation: .*?^E +more .*?$", re.MULTILINE | re.DOTALL)


def findings(_: str) -> str:
    """Return docs/findings.md."""
    return page([(fault.name, fault.codes) for fault in FAULTS.values()])


def faults(_: str) -> str:
    """Return docs/faults.md."""
    return "\n".join(_fault_lines()) + "\n"


def _fault_lines() -> Iterator[str]:
    yield "# Faults and variations"
    yield ""
    yield "The faults that you can inject into the simulator. Each is a single defect, with the codes that report it."
    yield "`cce-precheck faults` prints the same list. `cce-precheck selftest` runs the checks against all faults."
    yield ""
    yield "- In a run: `pytest --pyargs pytest_cce_precheck.suite --cce-fault=NAME`"
    yield '- In a test: `@pytest.mark.cce(mode="simulate", faults=["NAME"])`'
    yield "- Over HTTP: `cce-precheck serve --fault=NAME`"
    for category in dict.fromkeys(fault.category for fault in FAULTS.values()):
        yield from ("", f"## {category[0].upper()}{category[1:]}", "", "| name | codes | summary |", "|---|---|---|")
        for fault in FAULTS.values():
            if fault.category == category:
                yield f"| `{fault.name}` | {' '.join(fault.codes)} | {_cell(fault.summary)} |"
    yield from ("", "## Conforming variations", "")
    yield "Other ways to follow the contract. No check may report them: `cce-precheck serve --variation=NAME`."
    yield from ("", "| name | summary |", "|---|---|")
    for variation in VARIATIONS.values():
        yield f"| `{variation.name}` | {_cell(variation.summary)} |"


class Hazard(NamedTuple):
    """What may go wrong with a fact of the contract, and what follows for the checks.

    ``how`` is faults, noticed, none or gap; ``text`` is the reason, the relation, or the codes that would notice it.
    """

    fact: str
    word: str
    how: str
    text: str = ""
    faults: tuple[str, ...] = ()
    is_shared: bool = False


def read_hazards() -> dict[str, Any]:
    """Return docs/hazards.toml."""
    return tomllib.loads((ROOT / "docs" / "hazards.toml").read_text(encoding="utf-8"))


def hazards_of(table: Mapping[str, Any]) -> list[Hazard]:
    """Return every entry of the table: for each fact those of its own, and those of its kind for all other words."""
    found = []
    for fact, entry in table["facts"].items():
        own = list(_entries(fact, entry))
        words = {each.word for each in own}
        shared = _entries(fact, table["shared"][entry["kind"]], is_shared=True)
        found += [*own, *(each for each in shared if each.word not in words)]
    return found


def _entries(fact: str, entry: Mapping[str, Any], *, is_shared: bool = False) -> Iterator[Hazard]:
    for how in ("faults", "noticed", "none", "gap"):
        for words, value in entry.get(how, {}).items():
            for word in words.split(", "):
                faults = tuple(value) if how == "faults" else ()
                yield Hazard(fact, word, how, "" if faults else value, faults, is_shared)


def hazards(_: str) -> str:
    """Return docs/hazards.md."""
    return "\n".join(_hazard_lines(read_hazards())) + "\n"


_SAID: Final = {"none": "no fault: ", "gap": "**not checked yet**: ", "noticed": "", "faults": ""}


def _hazard_lines(table: Mapping[str, Any]) -> Iterator[str]:
    entries = hazards_of(table)
    number = {how: sum(each.how == how for each in entries) for how in ("faults", "noticed", "none", "gap")}
    yield "# What may go wrong, and what notices it"
    yield ""
    yield "Each fact of the contract, with what may go wrong with it by the guide words of a HAZOP study. The page is"
    yield "written from `docs/hazards.toml`. A test holds that each fact has an entry for each word, and each fault of"
    yield "the simulator has its place."
    yield ""
    yield f"- {number['faults']} of {len(entries)} entries have faults that the checks find."
    yield f"- {number['noticed']} are noticed by the codes that are named."
    yield f"- {number['none']} have no meaning, or no page excludes them."
    yield f"- {number['gap']} are not checked yet."
    yield from (
        "",
        "| word | meaning |",
        "|---|---|",
        *(f"| {word} | {text} |" for word, text in table["words"].items()),
    )
    for kind, shared in table["shared"].items():
        yield from ("", f"## Facts of the kind *{kind}*", "", "Unless the fact's own table says otherwise:", "")
        yield from _hazard_table(_entries(kind, shared))
        for fact, entry in table["facts"].items():
            if entry["kind"] == kind:
                yield from ("", f"### {_cell(entry['text'])}", "", f"Source: {entry['source']}.", "")
                yield from _hazard_table(_entries(fact, entry))


def _hazard_table(entries: Iterable[Hazard]) -> Iterator[str]:
    rows = [f"| {each.word} | {_SAID[each.how]}{_cell(each.text)}{_found_as(each.faults)} |" for each in entries]
    yield from ("| word | noticed by |", "|---|---|", *rows) if rows else ("No entries of its own.",)


def _found_as(names: Iterable[str]) -> str:
    return ", ".join(f"{FAULTS[name].codes[0]} `{name}`" for name in names)


def options() -> str:
    """Return the table of options."""
    lines = ["| option | ini | environment | default | meaning |", "|---|---|---|---|---|"]
    for option in OPTIONS:
        value = {"flag": "", "list": f"={option.metavar}"}.get(option.kind, f"={option.metavar}")
        if option.choices:
            value = "=" + "\\|".join(option.choices)
        elsewhere = (f"`{option.ini}`", ", ".join(f"`{name}`" for name in option.variables))
        ini, variables = ("command line only", "") if option.command_line_only else elsewhere
        default = _default(getattr(Config(), option.key))
        meaning = _cell(option.help)
        lines.append(f"| `{option.flag}{value}` | {ini} | {variables} | {default} | {meaning} |")
    return "\n".join(lines)


def _default(value: object) -> str:
    if value is False:
        return "off"
    return f"`{value}`" if value not in (None, ()) else ""


def sample() -> str:
    """Return what a run prints about a fault, without what differs from run to run."""
    command = [sys.executable, "-m", "pytest", "--pyargs", "pytest_cce_precheck.suite", "-q", "--tb=short"]
    with tempfile.TemporaryDirectory() as folder:
        # the request ids in the output depend on the order of the tests
        ran = subprocess.run(  # noqa: S603  our own interpreter, our own arguments
            [*command, f"--cce-fault={SAMPLE}", "-p", "no:randomly", "-p", "no:cacheprovider"],
            cwd=folder, capture_output=True, text=True, check=False, stdin=subprocess.DEVNULL,
        )  # fmt: skip
    failure = _FAILURE.search(ran.stdout)
    if ran.returncode != 1 or failure is None:
        raise SystemExit(f"--cce-fault={SAMPLE} no longer shows a finding:\n{ran.stdout}{ran.stderr}")
    printed = re.sub(r"\d+ ms$", "1 ms", failure[0], flags=re.MULTILINE)
    return f"```text\n{printed}\n```"


BLOCKS: Final[Mapping[str, Callable[[], str]]] = {"options": options, "finding": sample}


def with_examples(text: str) -> str:
    """Return ``text`` with the present content in each code block that names its file."""

    def block(found: re.Match[str]) -> str:
        return f"```{found['language']} file={found['file']}\n{(ROOT / found['file']).read_text()}```"

    return _EXAMPLE.sub(block, text)


def readme(text: str) -> str:
    """Return README.md with new text between ``<!-- NAME -->`` and ``<!-- /NAME -->``, and new examples."""
    for name, write in BLOCKS.items():
        start, end = f"<!-- {name} -->\n", f"<!-- /{name} -->"
        before, found, rest = text.partition(start)
        _, closed, after = rest.partition(end)
        if not found or not closed:
            raise SystemExit(f"README.md has no block {start.strip()} … {end}")
        text = f"{before}{start}{write()}\n{end}{after}"
    return with_examples(text)


DOCUMENTS: Final[Mapping[str, Callable[[str], str]]] = {
    "docs/findings.md": findings,
    "docs/faults.md": faults,
    "docs/hazards.md": hazards,
    "README.md": readme,
    "docs/deviations.md": with_examples,
    "docs/how-to-challenge.md": with_examples,
    "docs/how-to-clients.md": with_examples,
    "docs/how-to-dependents.md": with_examples,
    "docs/how-to-driver.md": with_examples,
    "docs/how-to-live.md": with_examples,
    "docs/how-to-proxy.md": with_examples,
    "docs/how-to-recordings.md": with_examples,
    "docs/how-to-strategies.md": with_examples,
    "docs/sdk.md": with_examples,
    "docs/staging.md": with_examples,
}


def outdated() -> Iterator[tuple[Path, str]]:
    """Yield each document that is out of date, with its new text."""
    for name, write in DOCUMENTS.items():
        path = ROOT / name
        text = path.read_text(encoding="utf-8") if path.exists() else ""
        wanted = write(text)
        if text != wanted:
            yield path, wanted


def _cell(text: str) -> str:
    return text.replace("|", "\\|")


def main() -> int:
    """Run the command."""
    parser = argparse.ArgumentParser(prog=COMMAND, description="Bring the documentation up to date with the code.")
    parser.add_argument("--check", action="store_true", help="change nothing; exit with 1 if a document is out of date")
    check = parser.parse_args().check
    found = list(outdated())
    for path, wanted in found:
        if not check:
            path.write_text(wanted, encoding="utf-8")
        sys.stdout.write(f"{path.relative_to(ROOT)}: {f'out of date, run {COMMAND}' if check else 'written'}\n")
    return int(check and bool(found))


if __name__ == "__main__":
    sys.exit(main())
