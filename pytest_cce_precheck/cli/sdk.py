"""``cce-precheck sdk``: the corpus against SDKs."""

from __future__ import annotations

import json
import sys
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final

from pytest_cce_precheck._files import prepare
from pytest_cce_precheck.cli.arguments import positive
from pytest_cce_precheck.errors import ConfigurationError
from pytest_cce_precheck.report.text import headline
from pytest_cce_precheck.sdk.baseline import BaselineComparison, compare_with_baseline, read_baseline, write_baseline
from pytest_cce_precheck.sdk.cases import corpus_cases
from pytest_cce_precheck.sdk.driver import GRACE_SECONDS, driver_command
from pytest_cce_precheck.sdk.reports import bug_reports, defects
from pytest_cce_precheck.sdk.run import run_sdks
from pytest_cce_precheck.sdk.table import as_document, as_markdown, as_text
from pytest_cce_precheck.sdk.versions import compare_versions, installed_driver

if TYPE_CHECKING:
    import argparse
    from collections.abc import Callable, Iterator, Mapping

    from pytest_cce_precheck.sdk.run import SdkReport


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Add the commands of ``sdk``."""
    actions = parser.add_subparsers(required=True, dest="action", metavar="ACTION")

    one = actions.add_parser("run", help="ask one SDK for every case of the corpus")
    which = one.add_mutually_exclusive_group(required=True)
    which.add_argument("--driver", metavar="CMD", help="the command that starts the SDK's driver")
    which.add_argument("--python", action="store_true", help="the Python SDK that is installed here")
    one.add_argument("--baseline", metavar="FILE", help="what is known to be wrong: anything else fails")
    one.add_argument("--update-baseline", action="store_true", help="write what is wrong now to the baseline's file")

    several = actions.add_parser("table", help="ask several SDKs side by side, and show what becomes of each case")
    several.add_argument(
        "--driver", action="append", default=[], metavar="CMD", help="starts an SDK's driver (repeatable)"
    )
    several.add_argument("--python", action="store_true", help="the Python SDK that is installed here, too")
    for each in (one, several):
        each.add_argument(
            "--patience",
            type=positive("a number of seconds", 3600),
            metavar="SECONDS",
            help="how long a driver may take beyond what its call may take (default: 20)",
        )
        written = each.add_mutually_exclusive_group()
        written.add_argument("--json", action="store_true", help="print JSON")
        written.add_argument("--markdown", action="store_true", help="print Markdown")

    compare = actions.add_parser("compare", help="show what changed between versions of the Python SDK")
    compare.add_argument(
        "--python", nargs="+", required=True, metavar="VERSION", help="two or more versions, or a range A..B"
    )
    compare.add_argument("--json", action="store_true", help="print JSON")


def run(options: argparse.Namespace) -> int:
    """Run ``cce-precheck sdk …``; return 1 if an SDK gets something wrong that is not in the baseline."""
    return _ACTIONS[options.action](options)


def _run(options: argparse.Namespace) -> int:
    if options.update_baseline and not options.baseline:
        raise ConfigurationError("--update-baseline writes the file that --baseline names: give both")
    path = Path(options.baseline) if options.baseline else None
    # a file that cannot be used is better said before the SDK is asked
    if path and options.update_baseline:
        prepare(path, f"the baseline {path}")
    baseline = read_baseline(path) if path and not options.update_baseline else None
    command = installed_driver() if options.python else driver_command(options.driver)
    [report] = run_sdks([command], corpus_cases(), grace=options.patience or GRACE_SECONDS)
    if path and options.update_baseline:
        write_baseline(path, report)
    compared = compare_with_baseline(baseline, report) if baseline else None
    if options.json:
        _print_json(as_document([report]), compared)
    else:
        sys.stdout.write(as_markdown([report]) if options.markdown else as_text([report]))
        sys.stdout.write("\n" + (bug_reports(report) if options.markdown else _found(report)))
        sys.stdout.writelines(f"{line}\n" for line in _compared(compared, report))
    if options.update_baseline:
        return 0
    return int(bool(compared.new if compared else defects(report)))


def _table(options: argparse.Namespace) -> int:
    commands = [*([installed_driver()] if options.python else []), *map(driver_command, options.driver)]
    if not commands:
        raise ConfigurationError("a table needs SDKs: give --python, or --driver once for each")
    reports = run_sdks(commands, corpus_cases(), grace=options.patience or GRACE_SECONDS)
    if options.json:
        _print_json(as_document(reports), None)
    else:
        sys.stdout.write(as_markdown(reports) if options.markdown else as_text(reports))
    return 0


def _compare(options: argparse.Namespace) -> int:
    steps = compare_versions(options.python)
    if options.json:
        sys.stdout.write(json.dumps([step.to_dict() for step in steps], indent=1) + "\n")
    else:
        sys.stdout.write("\n".join(step.text for step in steps))
    return 0


def _print_json(document: Mapping[str, Any], compared: BaselineComparison | None) -> None:
    more: dict[str, Any] = {}
    if compared is not None:
        new = [list(defect.identity) for defect in compared.new]
        gone = [list(identity) for identity in compared.gone]
        more["baseline"] = {"version": compared.version, "new": new, "gone": gone}
    sys.stdout.write(json.dumps({**document, **more}, indent=1) + "\n")


def _found(report: SdkReport) -> str:
    lines = []
    for defect in defects(report):
        shows = f"{len(defect.results)} cases" if len(defect.results) > 1 else defect.sample.case.name
        lines.append(f"{headline(defect.finding)} [{shows}, {'conforming' if defect.conforming else 'broken'}]\n")
    return "".join(lines)


def _compared(compared: BaselineComparison | None, report: SdkReport) -> Iterator[str]:
    if compared is None:
        return
    if compared.version != report.introduction.version:
        yield f"the baseline is of version {compared.version}"
    for defect in compared.new:
        yield f"new: {headline(defect.finding)} [{defect.sample.case.name}]"
    for identity in compared.gone:
        yield f"gone: {' '.join(identity)}; take it out of the baseline with --update-baseline"
    if not compared.new and not compared.gone:
        yield "nothing is wrong but what the baseline knows"


_ACTIONS: Final[Mapping[str, Callable[[argparse.Namespace], int]]] = {
    "run": _run,
    "table": _table,
    "compare": _compare,
}
