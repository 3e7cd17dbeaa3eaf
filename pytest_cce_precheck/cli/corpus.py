"""``cce-precheck corpus``: the answers that SDKs are tested with."""

from __future__ import annotations

import sys
from pathlib import Path
from typing import TYPE_CHECKING

from pytest_cce_precheck.sdk.cases import corpus_cases
from pytest_cce_precheck.sdk.corpus import export

if TYPE_CHECKING:
    import argparse


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Add the commands of ``corpus``."""
    actions = parser.add_subparsers(required=True, dest="action", metavar="ACTION")
    export = actions.add_parser("export", help="write one JSON file a case, and index.json")
    export.add_argument("folder", metavar="DIR", help="a new or empty folder, or that of an earlier export")


def run(options: argparse.Namespace) -> int:
    """Run ``cce-precheck corpus export DIR``."""
    number = export(Path(options.folder), corpus_cases())
    sys.stdout.write(f"{number} cases in {options.folder}\n")
    return 0
