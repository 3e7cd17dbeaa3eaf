"""Write the parts of the documentation that come from the code.

``python docs/generate.py`` updates docs/findings.md, docs/faults.md, docs/hazards.md, the marked blocks of every page
and every code block that names its file; ``--check`` changes nothing, lists what is out of date, and exits with 1 if
anything is.
"""

from __future__ import annotations

import argparse
import json
import re
import subprocess
import sys
import tempfile
import tomllib
from functools import cache, partial
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final, NamedTuple

from pytest_cce_precheck.cli.main import COMMANDS, parser_of
from pytest_cce_precheck.config.options import OPTIONS, Config
from pytest_cce_precheck.contract.rules import Rule, rules
from pytest_cce_precheck.plugin import fixtures as plugin_fixtures
from pytest_cce_precheck.plugin import hooks
from pytest_cce_precheck.report.language import fault_that_shows, in_language, line_in, table
from pytest_cce_precheck.simulator.faults import FAULTS
from pytest_cce_precheck.simulator.variations import VARIATIONS

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Iterator, Mapping

    from pytest_cce_precheck.config.options import Language

ROOT: Final = Path(__file__).resolve().parent.parent
COMMAND: Final = "python docs/generate.py"
SAMPLE: Final = "failed-without-a-failed-risk"
_EXAMPLE: Final = re.compile(r"^```(?P<language>\w+) file=(?P<file>\S+)\n(?:.*?\n)??```$", re.MULTILINE | re.DOTALL)
_FAILURE: Final = re.compile(r"^E +\S*ContractViolation: .*?^E +(more|更多) .*?$", re.MULTILINE | re.DOTALL)


def findings(_: str, language: Language = "en") -> str:
    """Return docs/findings.md, or docs/zh/findings.md."""
    samples = json.loads((ROOT / "docs" / "samples.json").read_text("utf-8"))
    shown_by = [(fault.name, fault.codes) for fault in FAULTS.values()]
    words = table("explain.toml")[language]
    parts, family = [words["page"].strip()], ""
    for rule in rules().values():
        if rule.code[3] != family:
            family = rule.code[3]
            parts += ["", words["heading"].format(family=family, title=words["families"][int(family) - 1])]
        parts += [
            "",
            *_rule_lines(
                rule,
                fault_that_shows(rule, shown_by),
                words,
                in_language(rule, language),
                line_in(rule.severity, language),
            ),
        ]
        if rule.code in samples:
            label = words["item"].format(label=words["labels"][4], text="").rstrip()
            parts += [
                label,
                "",
                *(f"  {line}" for line in ("```text", *samples[rule.code][language].splitlines(), "```")),
            ]
    return "\n".join(parts) + "\n"


def _rule_lines(
    rule: Rule, fault: str | None, words: Mapping[str, Any], said: Mapping[str, str], severity: str
) -> Iterator[str]:
    yield f"### {rule.code} {rule.name}"
    yield ""
    yield words["line"].format(title=said["fact"], kind=words["kinds"][rule.kind], severity=severity)
    yield ""
    command = f"`pytest --pyargs pytest_cce_precheck.suite --cce-fault={fault}`" if fault else None
    texts = (said["source"], rule.excluded_by, said["expected"], command)
    for label, text in zip(words["labels"], texts, strict=False):
        if text:
            yield words["item"].format(label=label, text=text)


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


def trust(_: str) -> str:
    """Return docs/trust.md: each figure as the page that has it says, and the command that repeats it."""
    parts: dict[str, list[tuple[str, str, str]]] = {}
    for each in tomllib.loads((ROOT / "docs" / "trust.toml").read_text("utf-8"))["figure"]:
        found = re.search(each["pattern"], (ROOT / each["page"]).read_text("utf-8"))
        if not found:
            raise SystemExit(f"docs/trust.toml: {each['page']} no longer has the figure: {each['text']}")
        figures = [found[name] for name in each["order"]] if "order" in each else found.groups()
        page, command = Path(each["page"]).name, each["command"]
        row = (each["text"].format(*figures), f"[{page}]({page})", f"`{command}`" if command else "")
        parts.setdefault(each["part"], []).append(row)
    sections = (f"## {part}\n\n{_table(('figure', 'page', 'repeat it'), rows)}\n" for part, rows in parts.items())
    return f"{TRUST}\n{chr(10).join(sections)}"


TRUST: Final = """# Figures, and the command that repeats each

Every figure is taken from the page that describes how it was measured, bad ones too. The catalogue of faults is the
project's own, so a full score there proves little: read the server of somebody else, and what is not checked yet.
"""


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


def sample(language: Language = "en") -> str:
    """Return what a run prints about a fault, without what differs from run to run."""
    command = [sys.executable, "-m", "pytest", "--pyargs", "pytest_cce_precheck.suite", "-q", "--tb=short"]
    command += [f"--cce-fault={SAMPLE}", f"--cce-lang={language}"]
    with tempfile.TemporaryDirectory() as folder:
        # the request ids in the output depend on the order of the tests
        ran = subprocess.run(  # noqa: S603  our own interpreter, our own arguments
            [*command, "-p", "no:randomly", "-p", "no:cacheprovider"],
            cwd=folder, capture_output=True, text=True, check=False, stdin=subprocess.DEVNULL,
        )  # fmt: skip
    failure = _FAILURE.search(ran.stdout)
    if ran.returncode != 1 or failure is None:
        raise SystemExit(f"--cce-fault={SAMPLE} no longer shows a finding:\n{ran.stdout}{ran.stderr}")
    printed = re.sub(r"\d+ (?=(ms|毫秒)$)", "1 ", failure[0], flags=re.MULTILINE)
    return f"```text\n{printed}\n```"


def fixtures() -> str:
    """Return the table of fixtures."""
    names = [name for name in vars(plugin_fixtures) if name.startswith("cce_")]
    texts = {name: " ".join((getattr(plugin_fixtures, name).__doc__ or "").split()) for name in sorted(names)}
    return _table(("fixture", "what it provides"), ((f"`{name}`", text) for name, text in texts.items()))


def markers() -> str:
    """Return the list of markers."""
    parts = (marker.partition("): ") for marker in hooks.MARKERS)
    return "\n".join(f"- `@pytest.mark.{signature})`: {text}" for signature, _, text in parts)


def commands() -> str:
    """Return a section for each command, with its arguments."""
    return "\n\n".join("\n".join(_command_lines(f"cce-precheck {name}", parser)) for name, parser in parsers().items())


def parsers() -> dict[str, argparse.ArgumentParser]:
    """Return the parser of each command, and of each of its actions."""
    found = {}
    for name in COMMANDS:
        (choices,) = (each.choices for each in parser_of([name])._actions if isinstance(each.choices, dict))
        found[name] = choices[name]
        for below in choices[name]._actions:
            if isinstance(below, argparse._SubParsersAction):
                for action in below._choices_actions:
                    found[f"{name} {action.dest}"] = parser = below.choices[action.dest]
                    parser.description = f"{str(action.help)[0].upper()}{str(action.help)[1:]}."
    return found


def _command_lines(name: str, parser: argparse.ArgumentParser) -> Iterator[str]:
    yield from (f"### `{name}`", "", str(parser.description or ""))
    rows = [
        (_argument(each), (each.help or "").replace("%%", "%"))
        for each in parser._actions
        if not isinstance(each, argparse._HelpAction | argparse._SubParsersAction)
    ]
    if rows:
        yield from ("", _table(("argument", "meaning"), rows))


def _argument(action: argparse.Action) -> str:
    shown = action.metavar or (str(action.dest).upper() if action.nargs != 0 else "")
    value = "\\|".join(map(str, action.choices)) if action.choices else str(shown)
    return f"`{' '.join([*action.option_strings[-1:], *([value] if value else [])])}`"


def detection(*, chinese: bool = False) -> str:
    """Return the table of what is found, from the figures in docs/benchmarks.md."""
    text = (ROOT / "docs" / "benchmarks.md").read_text("utf-8")
    row = r"^\| \**([\w ]+?)\** \| (\d+) \| (\d+) \(\d+%\) \| (\d+) \(\d+%\) \|$"
    rows = re.findall(row, text, re.MULTILINE)
    counts = {name: tuple(map(int, numbers)) for name, *numbers in rows}
    shown = []
    for title, names in SHOWN.items():
        all_of, ours, theirs = (sum(column) for column in zip(*(counts[name] for name in names), strict=True))
        shown.append(
            (
                IN_CHINESE[title] if chinese else title,
                str(all_of),
                f"{ours} ({ours / all_of:.0%})",
                f"{theirs} ({theirs / all_of:.0%})",
            )
        )
    head = ("故障类别", "数量") if chinese else ("faults", "number")
    return _table((*head, "pytest-cce-precheck", "schemathesis"), shown, numbers=3)


SHOWN: Final[Mapping[str, tuple[str, ...]]] = {
    "filters: `type`, `task_id`, `addon_instance_id`, alone and together": ("soundness", "completeness", "combination"),
    "`pageInfo.currentCount`": ("count",),
    "isolation of clusters and projects": ("isolation",),
    "life cycle of tasks": ("life cycle",),
    "authentication": ("authentication",),
    "schema": ("schema",),
    "all 13 categories": ("all",),
}
IN_CHINESE: Final[Mapping[str, str]] = {
    "filters: `type`, `task_id`, `addon_instance_id`, alone and together": "过滤（三个参数单独或同时使用）",
    "`pageInfo.currentCount`": "`pageInfo.currentCount`",
    "isolation of clusters and projects": "集群之间、项目之间的隔离",
    "life cycle of tasks": "任务生命周期",
    "authentication": "认证",
    "schema": "字段与类型",
    "all 13 categories": "全部 13 类",
}


def _table(head: Iterable[str], rows: Iterable[Iterable[str]], numbers: int = 0) -> str:
    head = list(head)
    rule = ["---"] * (len(head) - numbers) + ["--:"] * numbers
    lines = [" | ".join(head), "|".join(rule), *(" | ".join(row) for row in rows)]
    return "\n".join(f"|{line}|" if line.startswith("-") else f"| {line} |" for line in lines)


BLOCKS: Final[Mapping[str, Callable[[], str]]] = {
    "options": options,
    "fixtures": fixtures,
    "markers": markers,
    "commands": commands,
    "detection": detection,
    "detectionchinese": partial(detection, chinese=True),
    "finding": cache(sample),
    "findingchinese": cache(partial(sample, "zh")),
}
# docs/sdk_table.py writes it, with the SDKs in three languages
_OF_OTHERS: Final = frozenset({"verdicts"})
_BLOCK: Final = re.compile(r"^<!-- (?P<name>[a-z]+) -->\n.*?^<!-- /(?P=name) -->$", re.MULTILINE | re.DOTALL)


def with_blocks(text: str) -> str:
    """Return a page with new text between ``<!-- NAME -->`` and ``<!-- /NAME -->``, and new examples."""

    def block(found: re.Match[str]) -> str:
        name = found["name"]
        if name in _OF_OTHERS:
            return found[0]
        if name not in BLOCKS:
            raise SystemExit(f"no block is named {name}; there are: {', '.join(BLOCKS)}")
        return f"<!-- {name} -->\n{BLOCKS[name]()}\n<!-- /{name} -->"

    return _EXAMPLE.sub(_example, _BLOCK.sub(block, text))


def _example(found: re.Match[str]) -> str:
    return f"```{found['language']} file={found['file']}\n{(ROOT / found['file']).read_text(encoding='utf-8')}```"


WHOLE: Final[Mapping[str, Callable[[str], str]]] = {
    "docs/findings.md": findings,
    "docs/zh/findings.md": partial(findings, language="zh"),
    "docs/faults.md": faults,
    "docs/hazards.md": hazards,
    "docs/trust.md": trust,
}


def _pages() -> Iterator[str]:
    for path in (*ROOT.glob("*.md"), *(ROOT / "docs").rglob("*.md")):
        text, name = path.read_text("utf-8"), str(path.relative_to(ROOT))
        if name not in WHOLE and (_BLOCK.search(text) or _EXAMPLE.search(text)):
            yield name


DOCUMENTS: Final[Mapping[str, Callable[[str], str]]] = {**WHOLE, **dict.fromkeys(sorted(_pages()), with_blocks)}


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
    found = 0
    # one after the other, because a page takes figures from another one
    for path, wanted in outdated():
        found += 1
        if not check:
            path.write_text(wanted, encoding="utf-8")
        sys.stdout.write(f"{path.relative_to(ROOT)}: {f'out of date, run {COMMAND}' if check else 'written'}\n")
    return int(check and found > 0)


if __name__ == "__main__":
    sys.exit(main())
