"""``cce-precheck corpus``: the answers that SDKs are tested with."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

from pytest_cce_precheck.cli.output import say
from pytest_cce_precheck.sdk.cases import corpus_cases
from pytest_cce_precheck.sdk.corpus import corpus_version, export, write_archive

if TYPE_CHECKING:
    import argparse


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Add the actions of ``corpus``."""
    actions = parser.add_subparsers(required=True, metavar="ACTION")
    files = actions.add_parser("export", help="write one JSON file for each case, with index, README and SHA-256 sums")
    files.add_argument("folder", metavar="DIR", help="a new or empty folder, or that of an earlier export")
    files.set_defaults(run=_export)
    archive = actions.add_parser("archive", help="write the same as a .tar.gz, with its SHA-256 beside it")
    archive.add_argument("folder", metavar="DIR", help="the folder for the two files")
    archive.set_defaults(run=_archive)


def _export(options: argparse.Namespace) -> int:
    say([f"{export(Path(options.folder), corpus_cases())} cases in {options.folder}"], options)
    return 0


def _archive(options: argparse.Namespace) -> int:
    path = write_archive(Path(options.folder), corpus_cases())
    say([f"{path}: number {corpus_version()} of the corpus, {len(corpus_cases())} cases"], options)
    return 0
