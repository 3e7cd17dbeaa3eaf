"""``cce-precheck selftest``: the checks against every fault and every variation of the simulator."""

from __future__ import annotations

import os
import time
from dataclasses import asdict
from typing import TYPE_CHECKING

from pytest_cce_precheck.cli.arguments import whole
from pytest_cce_precheck.cli.exit_statuses import INTERRUPTED
from pytest_cce_precheck.cli.output import complain, print_json, say
from pytest_cce_precheck.cli.progress import ProgressLine
from pytest_cce_precheck.config.options import DEFAULT_BUDGET
from pytest_cce_precheck.suite.selftest import chosen, matrix, run_all

if TYPE_CHECKING:
    import argparse

    from pytest_cce_precheck.suite.selftest import Row


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Add the arguments of ``selftest``."""
    add = parser.add_argument
    add("names", nargs="*", metavar="NAME", help="run only these faults and variations")
    add(
        "--budget",
        type=whole("a number of requests"),
        default=DEFAULT_BUDGET,
        metavar="N",
        help="requests for each run",
    )
    add(
        "--seed",
        type=whole("a seed", most=2**63),
        default=0,
        metavar="N",
        help="the seed of the plan and of the simulator",
    )
    add("--jobs", type=whole("a number of processes"), metavar="N", help="processes (default: one for each core)")
    add("--json", action="store_true", help="print the matrix as JSON")
    parser.set_defaults(run=run)


def run(options: argparse.Namespace) -> int:
    """Run the matrix and print it, or what is known at Ctrl-C; return 1 if a fault was missed or an alarm false."""
    names = chosen(options.names)
    rows: list[Row] = []
    started = time.perf_counter()
    with ProgressLine() as progress:
        try:
            for row in run_all(names, options.budget, options.seed, options.jobs or os.cpu_count() or 1):
                rows.append(row)
                progress.show(f"{len(rows)} of {len(names)} faults and variations are run")
        except KeyboardInterrupt:
            words = f"interrupted: {len(rows)} of {len(names)} faults and variations were run"
            complain([words], options)
    if options.json:
        print_json([asdict(row) for row in rows])
    elif rows:
        say(matrix(rows, time.perf_counter() - started).splitlines(), options)
    if len(rows) < len(names):
        return INTERRUPTED
    return 0 if all(row.right for row in rows) else 1
