"""The arguments of ``cce-precheck ledger`` and ``cce-precheck history``; imports nothing that neither may need."""

from __future__ import annotations

import argparse
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Callable

    Commands = argparse._SubParsersAction[argparse.ArgumentParser]

_FILE = "cce-known.toml"


def add_ledger(commands: Commands, run: Callable[[argparse.Namespace], int]) -> None:
    """Add ``ledger`` with its commands; ``run`` is given the options, ``action`` among them."""
    ledger = commands.add_parser("ledger", help="keep the list of known failures, write tickets about them")
    actions = ledger.add_subparsers(required=True, dest="action", metavar="ACTION")

    add = actions.add_parser("add", help="add a finding of a report to the list")
    add.add_argument("report", metavar="REPORT", help="what --cce-report=….json has written")
    add.add_argument("--code", required=True, metavar="CODE", help="the finding's code, or its rule's name")
    add.add_argument("--reason", required=True, metavar="TEXT", help="why it is all right for now")
    add.add_argument("--owner", required=True, metavar="NAME", help="who sees to it that it ends")
    add.add_argument("--until", required=True, metavar="YYYY-MM-DD", help="the last day that it is known")
    add.add_argument(
        "--where", default="", metavar="PLACE", help="there alone: a JSON path with [*] and .*, or a filter"
    )
    add.add_argument("--consequences", action="store_true", help="add what follows from it too, each as an entry")
    add.add_argument("--ticket", default="", metavar="ID", help="the vendor's ticket")

    listing = actions.add_parser("list", help="list what is known, and until when")
    check = actions.add_parser("check", help="end with status 1 where an entry has expired")
    for parser in (add, listing, check):
        parser.add_argument("--file", default=_FILE, metavar="FILE", help=f"default: {_FILE}")

    ticket = actions.add_parser("ticket", help="write a ticket to the vendor about a finding of a report")
    ticket.add_argument("report", metavar="REPORT", help="what --cce-report=….json has written")
    ticket.add_argument("--code", required=True, metavar="CODE", help="the finding's code, or its rule's name")
    ticket.add_argument(
        "--language", choices=("en", "zh", "both"), default="both", help="English, Chinese, or one below the other"
    )
    ledger.set_defaults(run=run)


def add_history(commands: Commands, run: Callable[[argparse.Namespace], int]) -> None:
    """Add ``history``."""
    history = commands.add_parser("history", help="show how reliable each check was over the last runs")
    history.add_argument("path", metavar="PATH", help="the SQLite file that runs have written to")
    history.add_argument("--last", type=_runs, default=50, metavar="N", help="so many runs of each; default: 50")
    history.add_argument("--json", action="store_true", help="print JSON")
    history.set_defaults(run=run)


def _runs(text: str) -> int:
    if not (text.isascii() and text.isdigit() and int(text)):
        raise argparse.ArgumentTypeError(f"{text!r} is no number of runs: expected 1 or more")
    return int(text)
