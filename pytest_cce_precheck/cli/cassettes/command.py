"""``cce-precheck cassettes``: what each of its commands prints, and the status that it ends with."""

from __future__ import annotations

import argparse
import json
import os
import sys
from datetime import UTC, datetime
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final

from pytest_cce_precheck.cassette.files import read
from pytest_cce_precheck.cli.arguments import whole
from pytest_cce_precheck.cli.cassettes import comparison, verification
from pytest_cce_precheck.cli.cassettes.found import cassettes_in, readable
from pytest_cce_precheck.cli.cassettes.importing import give_out, take_in
from pytest_cce_precheck.cli.cassettes.listing import table
from pytest_cce_precheck.cli.cassettes.pruning import delete, pruning
from pytest_cce_precheck.cli.cassettes.showing import shown
from pytest_cce_precheck.contract.acceptance import Acceptance
from pytest_cce_precheck.errors import CcePrecheckError, ConfigurationError
from pytest_cce_precheck.redaction.texts import Redactor
from pytest_cce_precheck.wire.credentials import Credentials, secrets_in

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Mapping, Sequence
    from datetime import date

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


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Add the commands of ``cassettes``."""
    actions = parser.add_subparsers(required=True, dest="action", metavar="ACTION", parser_class=_Parser)
    for add in (_add_looks, _add_verdicts, _add_prune, _add_exchange):
        add(actions)


def _add_looks(actions: Commands) -> None:
    listed = actions.add_parser("list", help="list the cassettes of a folder, their age and what they cover")
    _add_folder(listed)
    show = actions.add_parser("show", help="show what a cassette holds")
    show.add_argument("file", metavar="FILE", help="a cassette")
    show.add_argument("--bodies", action="store_true", help="show the bodies whole")
    number = whole("a recording's number", 1)
    show.add_argument("--number", type=number, metavar="N", help="only this recording, counted from 1")


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


def run(options: argparse.Namespace) -> int:
    """Run ``cce-precheck cassettes …``; return 1 if a cassette breaks the contract or has changed for the worse."""
    credentials = Credentials.from_environment(os.environ)
    redactor = Redactor(secrets_in(os.environ))
    try:
        return _ACTIONS[options.action](options, credentials, redactor)
    except CcePrecheckError as error:
        # it may quote what a file holds
        raise ConfigurationError(redactor.text(str(error))) from None


def _list(options: argparse.Namespace, _: Credentials, redactor: Redactor) -> int:
    found = [readable(each) for each in cassettes_in(Path(options.folder))]
    cassettes = [(each.name, each.cassette) for each in found if each.cassette is not None]
    if cassettes:
        _print(table(cassettes, datetime.now(UTC)), redactor)
    else:
        _print([f"{options.folder} holds no cassettes{' that can be read' if found else ''}\n"], redactor)
    problems = [each.problem for each in found if each.cassette is None]
    _complain(problems, redactor)
    return 2 if problems else 0


def _show(options: argparse.Namespace, _: Credentials, redactor: Redactor) -> int:
    cassette = read(Path(options.file))
    for piece in shown(cassette, redactor, bodies=options.bodies, number=options.number):
        sys.stdout.write(piece)
    return 0


def _verify(options: argparse.Namespace, credentials: Credentials, redactor: Redactor) -> int:
    acceptances = [Acceptance.parse(text) for text in options.accept]
    today = datetime.now(UTC).date()
    results = []
    for each in verification.verified([Path(path) for path in options.paths], credentials, acceptances, today):
        results.append(each)
        if not options.json:
            sys.stdout.write(verification.in_words(each, redactor))
    if options.json:
        _print_json([each.to_dict() for each in results], redactor)
    elif len(results) > 1:
        sys.stdout.write(verification.sum_of(results))
    met = {acceptance.code for each in results for _, acceptance in each.verdict.accepted}
    _complain(_unused(acceptances, met, today), redactor)
    return int(any(each.errors for each in results))


def _diff(options: argparse.Namespace, _: Credentials, redactor: Redactor) -> int:
    result = comparison.compared(Path(options.old), Path(options.new))
    if options.json:
        _print_json(result.to_dict(), redactor)
    else:
        _print(comparison.in_words(result), redactor)
    return int(any(difference.change.grade == "error" for difference in result.differences))


def _prune(options: argparse.Namespace, _: Credentials, redactor: Redactor) -> int:
    folder = Path(options.folder)
    result = pruning(folder, options.pytest)
    _complain((f"left alone: {what}" for what in result.left_alone), redactor)
    stay = delete(result.unclaimed, folder) if options.yes else []
    _complain((f"left alone: {path} was recorded meanwhile" for path in stay), redactor)
    number = len(result.unclaimed) - len(stay)
    done = "deleted" if options.yes else "would be deleted with --yes"
    _print((f"{path}\n" for path in result.unclaimed if path not in stay), redactor)
    what = (
        f"{number} cassette{'s' if number != 1 else ''} that no test claims {done}"
        if number
        else "every one is claimed"
    )
    _print(
        [f"{result.claimed} of {result.claimed + number} cassettes are claimed by {result.tests} tests; {what}\n"],
        redactor,
    )
    return 0


def _import(options: argparse.Namespace, credentials: Credentials, redactor: Redactor) -> int:
    _print([take_in(options.files, Path(options.out), credentials)], redactor)
    return 0


def _export(options: argparse.Namespace, credentials: Credentials, redactor: Redactor) -> int:
    _print([give_out(Path(options.file), Path(options.har), credentials)], redactor)
    return 0


def _unused(acceptances: Sequence[Acceptance], met: set[str], today: date) -> Iterable[str]:
    for each in acceptances:
        if each.until is not None and today > each.until:
            yield f"accepted no longer: {each.code} ({each.reason}) until {each.until}"
        elif each.code not in met:
            yield f"accepted but never met: {each.code} ({each.reason})"


def _print(lines: Iterable[str], redactor: Redactor) -> None:
    sys.stdout.write(redactor.text("".join(lines)))


def _print_json(document: Any, redactor: Redactor) -> None:
    sys.stdout.write(redactor.text(json.dumps(document, indent=2, ensure_ascii=False)) + "\n")


def _complain(lines: Iterable[str], redactor: Redactor) -> None:
    sys.stderr.writelines(f"cce-precheck: {redactor.text(line)}\n" for line in lines)


_ACTIONS: Final[Mapping[str, Callable[[argparse.Namespace, Credentials, Redactor], int]]] = {
    "list": _list,
    "show": _show,
    "verify": _verify,
    "diff": _diff,
    "prune": _prune,
    "import": _import,
    "export": _export,
}
