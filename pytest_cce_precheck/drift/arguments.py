"""The arguments of ``cce-precheck snapshot``; imports nothing that the command may not need."""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    import argparse
    from collections.abc import Callable

    Commands = argparse._SubParsersAction[argparse.ArgumentParser]


def add_snapshot(commands: Commands, run: Callable[[argparse.Namespace], int]) -> None:
    """Add ``snapshot`` with its commands; ``run`` is given the options, ``action`` among them."""
    snapshot = commands.add_parser("snapshot", help="show, compare and accept what runs saw of a service's answers")
    actions = snapshot.add_subparsers(required=True, dest="action", metavar="ACTION")
    show = actions.add_parser("show", help="show what is known of each target, and which changes are being told")
    accept = actions.add_parser("accept", help="take the changes that are being told as known from now on")
    for parser in (show, accept):
        parser.add_argument("path", metavar="PATH", help="what --cce-snapshot has written")
    diff = actions.add_parser("diff", help="show what is otherwise in another snapshot; 1 where that is an error")
    diff.add_argument("old", metavar="OLD", help="a snapshot")
    diff.add_argument("new", metavar="NEW", help="a snapshot")
    for parser in (show, diff):
        parser.add_argument("--json", action="store_true", help="print JSON")
    snapshot.set_defaults(run=run)
