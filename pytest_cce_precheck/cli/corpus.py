"""``cce-precheck corpus``: the answers that SDKs are tested with."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

from pytest_cce_precheck.cli.output import print_lines
from pytest_cce_precheck.sdk.cases import corpus_cases
from pytest_cce_precheck.sdk.corpus import export

if TYPE_CHECKING:
    import argparse


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Add the action of ``corpus``."""
    actions = parser.add_subparsers(required=True, metavar="ACTION")
    action = actions.add_parser("export", help="write one JSON file for each case, and index.json")
    action.add_argument("folder", metavar="DIR", help="a new or empty folder, or that of an earlier export")
    action.set_defaults(run=run)


def run(options: argparse.Namespace) -> int:
    """Run ``cce-precheck corpus export DIR``."""
    print_lines([f"{export(Path(options.folder), corpus_cases())} cases in {options.folder}"])
    return 0
