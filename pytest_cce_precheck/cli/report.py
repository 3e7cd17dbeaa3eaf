"""``cce-precheck report``: show, compare and merge JSON reports."""

from __future__ import annotations

from dataclasses import replace
from itertools import combinations
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final

from pytest_cce_precheck._text import count_of
from pytest_cce_precheck.cli.arguments import chosen_language
from pytest_cce_precheck.cli.exit_statuses import INCOMPLETE, NOT_REACHABLE
from pytest_cce_precheck.cli.output import complain, print_json, print_lines, say
from pytest_cce_precheck.cli.settings import as_option
from pytest_cce_precheck.errors import ConfigurationError
from pytest_cce_precheck.report.collect import write_report
from pytest_cce_precheck.report.saved import SavedReport, difference
from pytest_cce_precheck.report.saved_record import merged, record_of
from pytest_cce_precheck.report.terminal import lines
from pytest_cce_precheck.report.text import one_line

if TYPE_CHECKING:
    import argparse
    from collections.abc import Mapping

    from pytest_cce_precheck.report.record import RunRecord

_STATUSES: Final = {"holds": 0, "does-not-hold": 1, "incomplete": INCOMPLETE}


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Add the actions of ``report``."""
    actions = parser.add_subparsers(required=True, metavar="ACTION")
    show = actions.add_parser("show", help="print a report as the end of its run did, or write it in other forms")
    diff = actions.add_parser("diff", help="show what is new, still there and fixed; status 1 if anything is new")
    merge = actions.add_parser("merge", help="make one report of those of several shards or targets")
    show.add_argument("report", metavar="REPORT", help="what --report=….json has written")
    diff.add_argument("old", metavar="OLD", help="an earlier report, as JSON")
    diff.add_argument("new", metavar="NEW", help="a later report, as JSON")
    merge.add_argument("reports", nargs="+", metavar="REPORT", help="reports, as JSON")
    for each in (show, diff, merge):
        each.add_argument("--json", action="store_true", help="print JSON")
    for each in (show, merge):
        written = "write it to a file, in the form that its name ends in (repeatable)"
        each.add_argument("--report", dest="paths", action="append", default=[], metavar="PATH", help=written)
    for each, run in ((show, _show), (diff, _diff), (merge, _merge)):
        each.set_defaults(run=run)


def _show(options: argparse.Namespace) -> int:
    _put_out(record_of(SavedReport.read(Path(options.report))), options)
    return 0


def _merge(options: argparse.Namespace) -> int:
    reports = [SavedReport.read(Path(path)) for path in options.reports]
    # a path has many spellings, and a file may have copies: no two runs have the same record
    for one, other in combinations(reports, 2):
        if one.document == other.document:
            raise ConfigurationError(f"a report is given twice, as {one.name} and {other.name}: each counts once")
    record = merged(reports)
    _put_out(record, options)
    return _STATUSES.get(record.verdict, NOT_REACHABLE)


def _put_out(record: RunRecord, options: argparse.Namespace) -> None:
    record = replace(record, language=chosen_language(options))
    for path in options.paths:
        write_report(Path(path), record, as_option)
    if options.json:
        print_json(record.to_dict())
    else:
        print_lines(map(as_option, lines(record)))
        print_lines((f"report written to {path}" for path in options.paths), language=record.language)


def _diff(options: argparse.Namespace) -> int:
    old, new = SavedReport.read(Path(options.old)), SavedReport.read(Path(options.new))
    groups = difference(old, new)
    places = [
        " ".join(filter(None, (each.document.get("service"), each.document.get("cluster")))) for each in (old, new)
    ]
    if places[0] != places[1]:
        # what is fixed elsewhere is not fixed
        complain([one_line(f"WARNING: the reports are of {places[0]} and of {places[1]}")], options)
    if options.json:
        print_json(groups)
    else:
        for name, findings in groups.items():
            say((_lines(name, data) for data in findings), options)
        say([", ".join(f"{len(findings)} {name}" for name, findings in groups.items())], options)
        if unknown := len(groups["unknown"]):
            say([f"{count_of(unknown, 'finding')} unknown: the later run did not judge their checks or rules"], options)
    return int(bool(groups["new"]))


def _lines(name: str, data: Mapping[str, Any]) -> str:
    where = f" (on {', '.join(data['targets'])})" if data.get("targets") else ""
    return one_line(f"{name:<8} {data['code']} {data['message']}{where}")
