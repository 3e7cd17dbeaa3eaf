"""What this project costs, side by side with its peers: one run, one table, compared with the last run that was kept.

Measures take turns, so that a busy machine is equally busy for all of them. Compare the ratios, not the times.

    python benchmarks/run.py                                 a quarter of an hour
    python benchmarks/run.py --quick --compare               under a minute; warns of what became slower
    python benchmarks/run.py --only replay proxy --tool mitmdump=~/mitm/bin/mitmdump --tool wiremock=wiremock.jar
    python benchmarks/run.py --keep                          compare with this run from now on
"""

from __future__ import annotations

import argparse
import json
import os
import platform
import sys
from dataclasses import asdict
from datetime import UTC, datetime
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final

import overhead
import proxy_replay
import replay
from measuring import OURS, Effort, Line, version

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Mapping, Sequence

KEPT: Final = Path(__file__).with_name("kept.json")
GROWN: Final = 1.2
"""A ratio that grew by more than this is worth a warning."""
PARTS: Final[Mapping[str, Callable[[Effort], Iterator[Line]]]] = {
    "startup": overhead.startup,
    "test": overhead.ordinary_test,
    "commands": overhead.commands,
    "masking": overhead.masking,
    "validation": overhead.validation,
    "server": overhead.server,
    "example": overhead.example,
    "replay": replay.calls,
    "tests": replay.tests,
    "proxy": proxy_replay.proxy,
}
_PACKAGES: Final = ("pytest", "hypothesis", "jsonschema", "jsonschema-rs", "requests", "responses", "urllib3")


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    add = parser.add_argument
    add("--only", nargs="+", choices=PARTS, default=list(PARTS), metavar="PART", help=f"of {', '.join(PARTS)}")
    add("--quick", action="store_true", help="fewer rounds, and only what is always installed; under a minute")
    add("--tool", action="append", default=[], metavar="NAME=PATH", help="mitmdump, wiremock (a jar) or schemathesis")
    add("--json", type=Path, metavar="PATH", help="write the run as JSON")
    add("--markdown", type=Path, metavar="PATH", help="write the table, which is printed too")
    add("--compare", type=Path, nargs="?", const=KEPT, metavar="PATH", help=f"an earlier run (default: {KEPT.name})")
    add("--keep", action="store_true", help=f"keep this run in {KEPT.name}; parts that did not run stay as they are")
    options = parser.parse_args()
    effort = Effort(options.quick, {name: os.path.expanduser(path) for name, _, path in map(_parted, options.tool)})
    lines = []
    for name in options.only:
        sys.stderr.write(f"{name} …\n")
        lines += PARTS[name](effort)
    run = {"machine": machine(), "lines": [asdict(line) for line in lines]}
    text = f"{run['machine']}\n\n" + "".join(f"{row}\n" for row in table(lines))
    sys.stdout.write(text)
    if options.markdown:
        options.markdown.write_text(text, encoding="utf-8")
    if options.compare:
        warn(lines, json.loads(options.compare.read_text("utf-8"))["lines"])
    if options.json:
        _write(options.json, run)
    if options.keep:
        others = [line for line in _lines_of(KEPT) if line["part"] not in options.only]
        _write(KEPT, {**run, "lines": [*others, *run["lines"]]})


def machine() -> str:
    """Return the day, the machine and the versions, in one line."""
    packages = ", ".join(f"{name} {found}" for name in _PACKAGES if (found := version(name)))
    load = f", load {os.getloadavg()[0]:.1f}" if hasattr(os, "getloadavg") else ""
    system = f"{platform.system()} {platform.machine()}, {os.cpu_count()} cores{load}"
    return f"{datetime.now(UTC):%Y-%m-%d}, {system}, Python {platform.python_version()}, {packages}."


def table(lines: Sequence[Line]) -> Iterator[str]:
    """Yield the rows of a table in Markdown."""
    yield "| what | who | compared with | ratio | lowest to highest | goal | measured |"
    yield "|---|---|---|--:|---|--:|---|"
    for each in lines:
        goal = f"≤ {each.goal:g}" if each.goal is not None else "–"
        measured = f"{_number(each.cost)} to {_number(each.peer_cost)} {each.unit}"
        ratios = f"{_ratio(each.low)} to {_ratio(each.high)}"
        yield (f"| {each.what} | {each.who} | {each.peer} | {_ratio(each.ratio)} | {ratios} | {goal} | {measured} |")


def warn(lines: Sequence[Line], kept: Sequence[Mapping[str, Any]]) -> None:
    """Print a warning for each ratio of ours that grew by more than a fifth."""
    before = {(each["what"], each["who"], each["peer"]): each["ratio"] for each in kept}
    for each in lines:
        earlier = before.get((each.what, each.who, each.peer))
        # the lowest of the rounds: another program may have disturbed the others
        if earlier and each.who.startswith(OURS) and min(each.low, each.ratio) > GROWN * earlier:
            sys.stdout.write(
                f"warning: {each.what}, compared with {each.peer}: {_ratio(each.ratio)}, was {_ratio(earlier)}\n"
            )


def _number(cost: float) -> str:
    return f"{cost:,.0f}" if cost >= 1000 else f"{cost:.3g}"


def _ratio(ratio: float) -> str:
    return f"{ratio:.3f}" if 0.9 < ratio < 1.1 else _number(ratio)


def _parted(tool: str) -> tuple[str, str, str]:
    return tool.partition("=")


def _lines_of(path: Path) -> list[dict[str, Any]]:
    return json.loads(path.read_text("utf-8"))["lines"] if path.exists() else []


def _write(path: Path, run: Mapping[str, Any]) -> None:
    path.write_text(json.dumps(run, indent=1, ensure_ascii=False) + "\n", encoding="utf-8")


if __name__ == "__main__":
    main()
