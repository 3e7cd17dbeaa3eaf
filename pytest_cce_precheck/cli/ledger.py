"""``cce-precheck ledger``: the file of known failures."""

from __future__ import annotations

import os
from datetime import UTC, datetime
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final

from pytest_cce_precheck.cli.output import put_out, say
from pytest_cce_precheck.cli.printing import print_text
from pytest_cce_precheck.contract.ledger import KEYS, LEDGER_FILE, Known, Ledger, day
from pytest_cce_precheck.errors import ConfigurationError
from pytest_cce_precheck.redaction.texts import Redactor
from pytest_cce_precheck.report.ledger_file import add, following, for_all, listing, prune, state
from pytest_cce_precheck.report.saved import SavedReport, as_finding
from pytest_cce_precheck.report.ticket import ticket
from pytest_cce_precheck.wire.credentials import secrets_in

if TYPE_CHECKING:
    import argparse
    from datetime import date

    from pytest_cce_precheck.config.options import Language

# the runs that have seen all that is to be seen
_COMPLETE: Final = ("holds", "does-not-hold")


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Add the actions of ``ledger``."""
    actions = parser.add_subparsers(required=True, metavar="ACTION")

    add = actions.add_parser("add", help="add a finding of a report to the list")
    listing = actions.add_parser("list", help="list what is known, and until when")
    check = actions.add_parser("check", help="end with status 1 if an entry has expired")
    prune = actions.add_parser("prune", help="remove the entries that have expired, or that a report does not have")
    for each in (add, listing, check, prune):
        each.add_argument("--file", default=LEDGER_FILE, metavar="FILE", help=f"default: {LEDGER_FILE}")
    ticket = actions.add_parser("ticket", help="write a ticket to the vendor about a finding of a report")
    for each in (add, ticket):
        each.add_argument("report", metavar="REPORT", help="what --cce-report=….json has written")
    ticket.add_argument("--code", required=True, metavar="CODE", help="the finding's code, or its rule's name")
    which = add.add_mutually_exclusive_group(required=True)
    which.add_argument("--code", metavar="CODE", help="the finding's code, or its rule's name")
    which.add_argument("--all", action="store_true", help="every finding that failed the run and is not known yet")
    prune.add_argument("--report", metavar="REPORT", help="also remove what this JSON report of a complete run lacks")
    for each in (listing, check):
        each.add_argument("--json", action="store_true", help="print JSON")
    for each, run in ((add, _add), (listing, _list), (check, _check), (prune, _prune), (ticket, _ticket)):
        each.set_defaults(run=run)

    add.add_argument("--reason", required=True, metavar="TEXT", help="why it is acceptable for now")
    add.add_argument("--owner", required=True, metavar="NAME", help="who is responsible for ending it")
    add.add_argument("--until", required=True, metavar="YYYY-MM-DD", help="the last day of the entry")
    add.add_argument("--where", default="", metavar="PLACE", help="a JSON path with [*] and .*, or a filter")
    add.add_argument("--consequences", action="store_true", help="also add an entry for each finding that follows")
    add.add_argument("--ticket", default="", metavar="ID", help="the vendor's ticket")
    ticket.add_argument(
        "--language",
        "--lang",
        choices=("en", "zh", "both"),
        default="both",
        help="English, Chinese, or one below the other",
    )


def _add(options: argparse.Namespace) -> int:
    path = Path(options.file)
    report = SavedReport.read(Path(options.report))
    failing = [as_finding(data) for data in report.findings if data["verdict"] == "failing"]
    until = day(options.until, "--until")
    if until < _today():
        raise ConfigurationError(f"--until {until} is in the past: expected a later day")
    if options.all and (options.where or options.consequences):
        raise ConfigurationError("--all finds the places, and adds what follows: leave --where and --consequences out")
    if options.all and not failing:
        raise ConfigurationError(f"{options.report} has no finding that failed its run, so there is nothing to add")
    # with --all, only what is common to all entries counts of this one
    code = failing[0].code if options.all else options.code
    entry = Known.checked(
        code, options.reason, until, owner=options.owner, where=options.where, since=_today(), ticket=options.ticket
    )
    if options.all:
        entries = for_all(failing, entry, Ledger.read(path) if path.exists() else Ledger(), _today())
    else:
        entries = [entry, *(following(entry, failing) if options.consequences else ())]
        report.of_code(code)
    for each in entries:
        own = options.code and each is entry
        alike = [as_finding(data) for data in report.of_code(each.code)] if own else failing
        alike = [finding for finding in alike if finding.code == each.code]
        add(path, each, alike, _today())
        number = sum(each.matches(finding) for finding in alike)
        say([f"{path} has {each.title} until {each.until}: {number} of the report's {len(alike)} findings"], options)
    if not entries:
        say([f"{path} covers every finding of {options.report} already: nothing is added"], options)
    return 0


def _prune(options: argparse.Namespace) -> int:
    seen = None
    if options.report:
        report = SavedReport.read(Path(options.report))
        if report.document.get("verdict") not in _COMPLETE:
            raise ConfigurationError(
                f"{options.report} is of a run that was {report.document.get('verdict')}: what it lacks may still be"
                " there; give the report of a complete run"
            )
        seen = [as_finding(data) for data in report.findings]
    _ledger(Path(options.file))
    removed = prune(Path(options.file), _today(), seen)
    say((f"removed: {entry.title} ({entry.said})" for entry in removed), options)
    say([f"{options.file}: {len(removed)} removed"], options)
    return 0


def _list(options: argparse.Namespace) -> int:
    ledger = _ledger(Path(options.file))
    lines = listing(ledger, _today()) if ledger.entries else [f"{options.file} holds no entries"]
    put_out(options, [_as_data(entry) for entry in ledger.entries], lines)
    return 0


def _check(options: argparse.Namespace) -> int:
    ledger = _ledger(Path(options.file))
    expired = [entry for entry in ledger.entries if entry.expired(_today())]
    lines = [f"{entry.title} {state(entry, _today())}: {entry.said}" for entry in expired]
    lines.append(f"{options.file}: {len(expired)} of {len(ledger.entries)} entries expired")
    put_out(options, [_as_data(entry) for entry in expired], lines)
    return int(bool(expired))


def _as_data(entry: Known) -> dict[str, Any]:
    values = {key: getattr(entry, key) for key in KEYS}
    return {**{key: each and str(each) for key, each in values.items()}, "state": state(entry, _today())}


def _ticket(options: argparse.Namespace) -> int:
    report = SavedReport.read(Path(options.report))
    redactor = Redactor(secrets_in(os.environ))
    languages: tuple[Language, ...] = ("en", "zh") if options.language == "both" else (options.language,)
    print_text("\n".join(ticket(report, options.code, language, redactor) for language in languages))
    return 0


def _ledger(path: Path) -> Ledger:
    if not path.exists():
        raise ConfigurationError(f"there is no ledger {path}; cce-precheck ledger add begins one")
    return Ledger.read(path)


def _today() -> date:
    return datetime.now(UTC).date()
