"""``cce-precheck history``: how reliable each check was."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

from pytest_cce_precheck.cli.arguments import whole
from pytest_cce_precheck.cli.output import put_out
from pytest_cce_precheck.report.history import as_table, reliability

if TYPE_CHECKING:
    import argparse


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Add the arguments of ``history``."""
    parser.add_argument("path", metavar="PATH", help="the SQLite file that runs have written to")
    number = whole("a number of runs", 1)
    parser.add_argument("--last", type=number, default=50, metavar="N", help="the last N runs of each; default: 50")
    parser.add_argument("--json", action="store_true", help="print JSON")
    parser.set_defaults(run=run)


def run(options: argparse.Namespace) -> int:
    """Run ``cce-precheck history PATH``."""
    judged = reliability(Path(options.path), last=options.last)
    put_out(options, judged, as_table(judged))
    return 0
