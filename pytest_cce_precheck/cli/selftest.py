"""``cce-precheck selftest``: the checks against every fault and every variation of the simulator."""

from __future__ import annotations

from typing import TYPE_CHECKING

from pytest_cce_precheck.cli.arguments import whole
from pytest_cce_precheck.config.options import DEFAULT_BUDGET
from pytest_cce_precheck.suite.selftest import selftest

if TYPE_CHECKING:
    import argparse


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
    parser.set_defaults(run=selftest)
