"""``cce-precheck ledger``: the file of known failures."""

from __future__ import annotations

import os
import sys
from datetime import UTC, datetime
from pathlib import Path
from typing import TYPE_CHECKING, Final

from pytest_cce_precheck.contract.ledger import Known, Ledger, day
from pytest_cce_precheck.errors import ConfigurationError
from pytest_cce_precheck.redaction.texts import Redactor
from pytest_cce_precheck.report.ledger_file import add, following, listing, state
from pytest_cce_precheck.report.saved import SavedReport, as_finding
from pytest_cce_precheck.report.ticket import Language, ticket
from pytest_cce_precheck.wire.credentials import secrets_in

if TYPE_CHECKING:
    import argparse
    from collections.abc import Callable, Mapping
    from datetime import date

_FILE: Final = "cce-known.toml"


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Add the commands of ``ledger``."""
    actions = parser.add_subparsers(required=True, dest="action", metavar="ACTION")

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
    for each in (add, listing, check):
        each.add_argument("--file", default=_FILE, metavar="FILE", help=f"default: {_FILE}")

    ticket = actions.add_parser("ticket", help="write a ticket to the vendor about a finding of a report")
    ticket.add_argument("report", metavar="REPORT", help="what --cce-report=….json has written")
    ticket.add_argument("--code", required=True, metavar="CODE", help="the finding's code, or its rule's name")
    ticket.add_argument(
        "--language", choices=("en", "zh", "both"), default="both", help="English, Chinese, or one below the other"
    )


def run(options: argparse.Namespace) -> int:
    """Run ``cce-precheck ledger …``; return 1 if ``check`` finds an expired entry."""
    return _ACTIONS[options.action](options)


def _add(options: argparse.Namespace) -> int:
    path = Path(options.file)
    report = SavedReport.read(Path(options.report))
    findings = [as_finding(data) for data in report.of_code(options.code)]
    until = day(options.until, "--until")
    if until < _today():
        raise ConfigurationError(f"--until {until} is over: an entry has to end on a later day")
    entry = Known.checked(
        options.code,
        options.reason,
        until,
        owner=options.owner,
        where=options.where,
        since=_today(),
        ticket=options.ticket,
    )
    every = [as_finding(data) for data in report.findings if data["verdict"] == "failing"]
    for each in (entry, *(following(entry, every) if options.consequences else ())):
        alike = findings if each is entry else [finding for finding in every if finding.code == each.code]
        add(path, each, alike, _today())
        number = sum(each.matches(finding) for finding in alike)
        sys.stdout.write(
            f"{path} has {each.title} until {each.until}: {number} of the report's {len(alike)} findings\n"
        )
    return 0


def _list(options: argparse.Namespace) -> int:
    ledger = Ledger.read(Path(options.file))
    lines = listing(ledger, _today()) if ledger.entries else [f"{options.file} holds no entries"]
    sys.stdout.writelines(f"{line}\n" for line in lines)
    return 0


def _check(options: argparse.Namespace) -> int:
    ledger = Ledger.read(Path(options.file))
    expired = [entry for entry in ledger.entries if entry.expired(_today())]
    sys.stdout.writelines(f"{entry.title} {state(entry, _today())}: {entry.said}\n" for entry in expired)
    sys.stdout.write(f"{options.file}: {len(expired)} of {len(ledger.entries)} entries expired\n")
    return int(bool(expired))


def _ticket(options: argparse.Namespace) -> int:
    report = SavedReport.read(Path(options.report))
    redactor = Redactor(secrets_in(os.environ))
    languages: tuple[Language, ...] = ("en", "zh") if options.language == "both" else (options.language,)
    sys.stdout.write("\n".join(ticket(report, options.code, language, redactor) for language in languages))
    return 0


def _today() -> date:
    return datetime.now(UTC).date()


_ACTIONS: Final[Mapping[str, Callable[[argparse.Namespace], int]]] = {
    "add": _add,
    "list": _list,
    "check": _check,
    "ticket": _ticket,
}
