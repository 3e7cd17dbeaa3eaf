"""``cce-precheck cassettes``: the arguments, the output and the exit status of each of its actions."""

from __future__ import annotations

import argparse
import os
from datetime import UTC, datetime
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final

from pytest_cce_precheck._text import count_of
from pytest_cce_precheck.cassette.files import read
from pytest_cce_precheck.cassette.importers.conversion import export_har, import_files
from pytest_cce_precheck.cli.arguments import chosen_language, whole
from pytest_cce_precheck.cli.cassettes import comparison, showing, verification
from pytest_cce_precheck.cli.cassettes.folder import cassettes_in, readable
from pytest_cce_precheck.cli.cassettes.pruning import delete, pruning
from pytest_cce_precheck.cli.output import complain, print_json, print_lines, put_out, say, useless_lines
from pytest_cce_precheck.contract.acceptance import Acceptance
from pytest_cce_precheck.errors import CcePrecheckError, ConfigurationError
from pytest_cce_precheck.redaction.texts import Redactor
from pytest_cce_precheck.wire.credentials import Credentials, secrets_in

if TYPE_CHECKING:
    from collections.abc import Callable

    Action = Callable[[argparse.Namespace, Credentials, Redactor], int]

DEFAULT_FOLDER: Final = "cce-cassettes"


class _Parser(argparse.ArgumentParser):
    """Leaves the arguments after ``--`` to pytest, if the action takes some."""

    def parse_known_args(self, args: Any = None, namespace: Any = None) -> Any:
        given = list(args or ())
        if self.get_default("pytest") is None or "--" not in given:
            return super().parse_known_args(args, namespace)
        end = given.index("--")
        options, unknown = super().parse_known_args(given[:end], namespace)
        options.pytest = given[end + 1 :]
        return options, unknown


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Add the actions of ``cassettes``."""
    actions = parser.add_subparsers(required=True, metavar="ACTION", parser_class=_Parser)

    def action(name: str, run: Action, description: str, **more: Any) -> Callable[..., Any]:
        added = actions.add_parser(name, help=description, **more)
        added.set_defaults(run=partial(_run, run), pytest=() if run is _prune else None)
        return added.add_argument

    folder = {"nargs": "?", "default": DEFAULT_FOLDER, "metavar": "DIR", "help": f"default: {DEFAULT_FOLDER}"}
    paths = {"nargs": "*", "default": [DEFAULT_FOLDER], "help": f"folders or files; default: {DEFAULT_FOLDER}"}
    number = whole("a recording's number", 1)

    add = action("list", _list, "list the cassettes of a folder, their age and what they cover")
    add("folder", **folder)
    add("--json", action="store_true", help="print JSON")
    add = action("show", _show, "show what a cassette holds")
    add("file", metavar="FILE", help="a cassette")
    add("--bodies", action="store_true", help="show the whole bodies")
    add("--number", type=number, metavar="N", help="only this recording, counted from 1")
    add = action("verify", _verify, "check that cassettes are valid, hold no secret and meet the contract")
    add("paths", metavar="PATH", **paths)
    add("--accept", action="append", default=[], metavar="TEXT", help="CODE: REASON, does not fail (repeatable)")
    add("--json", action="store_true", help="print JSON")
    add = action("diff", _diff, "compare the shape of the answers in two recordings")
    add("old", metavar="OLD", help="a cassette, or a folder of them")
    add("new", metavar="NEW", help="the same, recorded later")
    add("--json", action="store_true", help="print JSON")
    add = action(
        "prune",
        _prune,
        "find cassettes that no test uses any more, and delete them",
        usage="cce-precheck cassettes prune [-h] [--yes] [--json] [DIR] [-- PYTEST-ARGUMENT ...]",
        epilog="pytest collects the tests with the arguments after --: it must find every test that uses the folder.",
    )
    add("folder", **folder)
    add("--yes", action="store_true", help="delete them; without it they are only listed")
    add("--json", action="store_true", help="print JSON")
    add = action("import", _import, "make a cassette of the calls in HAR files and cassettes of vcrpy")
    add("files", nargs="+", metavar="FILE", help="HAR 1.2, or a cassette of vcrpy in YAML or JSON")
    add("--out", required=True, metavar="FILE", help="the cassette to write")
    add = action("export", _export, "write a cassette as HAR 1.2")
    add("file", metavar="FILE", help="a cassette")
    add("--har", required=True, metavar="OUT", help="the HAR file to write")


def _run(action: Action, options: argparse.Namespace) -> int:
    redactor = Redactor(secrets_in(os.environ))
    try:
        return action(options, Credentials.from_environment(os.environ), redactor)
    except CcePrecheckError as error:
        # the message may quote what a file holds
        raise ConfigurationError(redactor.text(str(error))) from None


def _list(options: argparse.Namespace, _: Credentials, redactor: Redactor) -> int:
    found = [readable(each) for each in cassettes_in(Path(options.folder))]
    cassettes = [(each.name, each.cassette) for each in found if each.cassette is not None]
    if options.json:
        print_json([showing.facts(*each) for each in cassettes], redactor)
    elif cassettes:
        say(showing.table(cassettes, datetime.now(UTC)), options, redactor)
    else:
        say([f"{options.folder} holds no cassettes{' that can be read' if found else ''}"], options, redactor)
    problems = [each.problem for each in found if each.cassette is None]
    complain(problems, options, redactor)
    return 2 if problems else 0


def _show(options: argparse.Namespace, _: Credentials, redactor: Redactor) -> int:
    for lines in showing.shown(read(Path(options.file)), redactor, bodies=options.bodies, number=options.number):
        say(lines, options, redactor)
    return 0


def _verify(options: argparse.Namespace, credentials: Credentials, redactor: Redactor) -> int:
    acceptances = [Acceptance.parse(text) for text in options.accept]
    today = datetime.now(UTC).date()
    results = []
    for each in verification.verified([Path(path) for path in options.paths], credentials, acceptances, today):
        results.append(each)
        if not options.json:
            language = chosen_language(options)
            print_lines(verification.in_words(each, redactor, language), redactor, language=language)
    broken = sum(1 for each in results if each.errors)
    if options.json:
        print_json([each.to_dict() for each in results], redactor)
    elif len(results) > 1:
        holds = f"{broken} of {len(results)} cassettes {'does' if broken == 1 else 'do'} not hold"
        say([holds if broken else f"{len(results)} cassettes, and all hold"], options)
    complain(useless_lines(acceptances, [each.verdict for each in results], today), options, redactor)
    return int(bool(broken))


def _diff(options: argparse.Namespace, _: Credentials, redactor: Redactor) -> int:
    result = comparison.compared(Path(options.old), Path(options.new))
    put_out(options, result.to_dict(), comparison.in_words(result), redactor)
    return int(any(change.grade == "error" for change, _ in result.differences))


def _prune(options: argparse.Namespace, _: Credentials, redactor: Redactor) -> int:
    folder = Path(options.folder)
    result = pruning(folder, options.pytest)
    complain((f"left alone: {what}" for what in result.left_alone), options, redactor)
    kept = delete(result.unused, folder) if options.yes else []
    complain((f"left alone: {path} was recorded meanwhile" for path in kept), options, redactor)
    unused = [path for path in result.unused if path not in kept]
    if options.json:
        names = sorted(map(str, unused))
        print_json({"unused": names, "deleted": options.yes, "used": result.used, "tests": result.tests}, redactor)
        return 0
    say(map(str, unused), options, redactor)
    done = "deleted" if options.yes else "would be deleted with --yes"
    what = f"{count_of(len(unused), 'unused cassette')} {done}" if unused else "all are used"
    total = result.used + len(unused)
    tests = count_of(result.tests, "test")
    say([f"{result.used} of {total} cassettes are used by {tests}; {what}"], options, redactor)
    return 0


def _import(options: argparse.Namespace, credentials: Credentials, redactor: Redactor) -> int:
    say([import_files(options.files, Path(options.out), credentials)], options, redactor)
    return 0


def _export(options: argparse.Namespace, credentials: Credentials, redactor: Redactor) -> int:
    say([export_har(Path(options.file), Path(options.har), credentials)], options, redactor)
    return 0
