"""The arguments of ``cce-precheck sdk`` and ``cce-precheck corpus``; imports nothing that the command may not need."""

from __future__ import annotations

import argparse
from typing import TYPE_CHECKING, Final

if TYPE_CHECKING:
    from collections.abc import Callable

    Commands = argparse._SubParsersAction[argparse.ArgumentParser]

_MOST_SECONDS: Final = 3600


def add_sdk(commands: Commands, run: Callable[[argparse.Namespace], int]) -> None:
    """Add ``sdk`` with its three commands; ``run`` is given the options, ``action`` among them."""
    sdk = commands.add_parser("sdk", help="test what the vendor's SDKs send, and what they keep of an answer")
    actions = sdk.add_subparsers(required=True, dest="action", metavar="ACTION")

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
    for parser in (one, several):
        parser.add_argument(
            "--patience",
            type=_seconds,
            metavar="SECONDS",
            help="how long a driver may take beyond what its call may take (default: 20)",
        )
        written = parser.add_mutually_exclusive_group()
        written.add_argument("--json", action="store_true", help="print JSON")
        written.add_argument("--markdown", action="store_true", help="print Markdown")

    compare = actions.add_parser("compare", help="show what changed between versions of the Python SDK")
    compare.add_argument(
        "--python", nargs="+", required=True, metavar="VERSION", help="two or more versions, or a range A..B"
    )
    compare.add_argument("--json", action="store_true", help="print JSON")
    sdk.set_defaults(run=run)


def _seconds(text: str) -> float:
    try:
        seconds = float(text)
    except ValueError:
        seconds = 0.0
    if not 0 < seconds <= _MOST_SECONDS:
        raise argparse.ArgumentTypeError(f"{text!r} is no number of seconds: expected more than 0, 3600 at most")
    return seconds


def add_corpus(commands: Commands, run: Callable[[argparse.Namespace], int]) -> None:
    """Add ``corpus`` with its one command."""
    corpus = commands.add_parser("corpus", help="the answers that SDKs are tested with, as files")
    actions = corpus.add_subparsers(required=True, dest="action", metavar="ACTION")
    export = actions.add_parser("export", help="write one JSON file a case, and index.json")
    export.add_argument("folder", metavar="DIR", help="a new or empty folder, or that of an earlier export")
    corpus.set_defaults(run=run)
