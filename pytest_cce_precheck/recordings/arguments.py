"""The arguments of ``cce-precheck cassettes``; imports nothing that the command may not need."""

from __future__ import annotations

import argparse
from typing import TYPE_CHECKING, Any, Final

if TYPE_CHECKING:
    from collections.abc import Callable

    Commands = argparse._SubParsersAction[Any]

DEFAULT_FOLDER: Final = "cce-cassettes"


class _Parser(argparse.ArgumentParser):
    """Leaves what follows ``--`` to pytest, where a command has a place for it."""

    def parse_known_args(self, args: Any = None, namespace: Any = None) -> Any:
        given = list(args or ())
        if self.get_default("pytest") is None or "--" not in given:
            return super().parse_known_args(args, namespace)
        end = given.index("--")
        options, unknown = super().parse_known_args(given[:end], namespace)
        options.pytest = given[end + 1 :]
        return options, unknown


def add_cassettes(commands: Commands, run: Callable[[argparse.Namespace], int]) -> None:
    """Add ``cassettes`` with its commands; ``run`` is given the options, ``action`` among them."""
    cassettes = commands.add_parser(
        "cassettes", help="list, show, verify, compare, prune, import and export recordings"
    )
    actions = cassettes.add_subparsers(required=True, dest="action", metavar="ACTION", parser_class=_Parser)
    for add in (_add_looks, _add_verdicts, _add_prune, _add_exchange):
        add(actions)
    cassettes.set_defaults(run=run)


def _add_looks(actions: Commands) -> None:
    listed = actions.add_parser("list", help="list the cassettes of a folder, their age and what they cover")
    _add_folder(listed)
    show = actions.add_parser("show", help="show what a cassette holds")
    show.add_argument("file", metavar="FILE", help="a cassette")
    show.add_argument("--bodies", action="store_true", help="show the bodies whole")
    show.add_argument("--number", type=_number, metavar="N", help="this recording alone, counted from 1")


def _add_verdicts(actions: Commands) -> None:
    verify = actions.add_parser("verify", help="check that cassettes are whole, hold no secret and meet the contract")
    verify.add_argument(
        "paths",
        nargs="*",
        default=[DEFAULT_FOLDER],
        metavar="PATH",
        help=f"folders or files; default: {DEFAULT_FOLDER}",
    )
    verify.add_argument(
        "--accept", action="append", default=[], metavar="TEXT", help="CODE: REASON, shall not fail (repeatable)"
    )
    diff = actions.add_parser("diff", help="compare what two recordings show of the answers' shape")
    diff.add_argument("old", metavar="OLD", help="a cassette, or a folder of them")
    diff.add_argument("new", metavar="NEW", help="the same, recorded later")
    for parser in (verify, diff):
        parser.add_argument("--json", action="store_true", help="print JSON")


def _add_prune(actions: Commands) -> None:
    prune = actions.add_parser(
        "prune",
        help="find cassettes that no test claims any more, and delete them",
        usage="cce-precheck cassettes prune [-h] [--yes] [DIR] [-- PYTEST-ARGUMENT ...]",
        epilog="What follows -- is given to pytest, which collects the tests: it must be all that use the folder.",
    )
    _add_folder(prune)
    prune.add_argument("--yes", action="store_true", help="delete them; without it they are only listed")
    prune.set_defaults(pytest=())


def _add_exchange(actions: Commands) -> None:
    take = actions.add_parser("import", help="make a cassette of the calls in HAR files and cassettes of vcrpy")
    take.add_argument("files", nargs="+", metavar="FILE", help="HAR 1.2, or a cassette of vcrpy in YAML or JSON")
    take.add_argument("--out", required=True, metavar="FILE", help="the cassette to write")
    give = actions.add_parser("export", help="write a cassette as HAR 1.2")
    give.add_argument("file", metavar="FILE", help="a cassette")
    give.add_argument("--har", required=True, metavar="OUT", help="the HAR file to write")


def _add_folder(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("folder", nargs="?", default=DEFAULT_FOLDER, metavar="DIR", help=f"default: {DEFAULT_FOLDER}")


def _number(text: str) -> int:
    if not (text.isascii() and text.isdigit() and int(text)):
        raise argparse.ArgumentTypeError(f"{text!r} is no number of a recording: expected 1 or more")
    return int(text)
