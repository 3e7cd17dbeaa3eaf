"""``cce-precheck explain``: what a finding code means."""

from __future__ import annotations

from typing import TYPE_CHECKING

from pytest_cce_precheck.cli.printing import print_text
from pytest_cce_precheck.report.explain import entry, overview
from pytest_cce_precheck.simulator.faults import FAULTS

if TYPE_CHECKING:
    import argparse


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Add the arguments of ``explain``."""
    parser.add_argument("codes", nargs="*", metavar="CODE", help="a code or a rule's name; without any, list them all")
    parser.set_defaults(run=run)


def run(options: argparse.Namespace) -> int:
    """Print the entries of the codes, or the list of all codes."""
    shown_by = [(fault.name, fault.codes) for fault in FAULTS.values()]
    print_text("\n".join(entry(code, shown_by) for code in options.codes) if options.codes else overview())
    return 0
