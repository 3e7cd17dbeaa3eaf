"""``cce-precheck ledger`` and ``cce-precheck history``: what each prints, and the status that it ends with."""

from __future__ import annotations

import os
import sys
from datetime import UTC, datetime
from pathlib import Path
from typing import TYPE_CHECKING, Final

from pytest_cce_precheck.contract.ledger import Known, Ledger, day
from pytest_cce_precheck.errors import ConfigurationError
from pytest_cce_precheck.report.ledger_file import add, following, listing, state
from pytest_cce_precheck.report.reliability import as_json, as_table, reliability
from pytest_cce_precheck.report.saved import SavedReport, as_finding
from pytest_cce_precheck.report.ticket import Language, ticket
from pytest_cce_precheck.wire.credentials import secrets_in
from pytest_cce_precheck.wire.redaction import Redactor

if TYPE_CHECKING:
    import argparse
    from collections.abc import Callable, Mapping
    from datetime import date


def ledger_command(options: argparse.Namespace) -> int:
    """Run ``cce-precheck ledger …``: 1 where ``check`` finds an expired entry."""
    return _ACTIONS[options.action](options)


def history_command(options: argparse.Namespace) -> int:
    """Run ``cce-precheck history PATH``."""
    judged = reliability(Path(options.path), last=options.last)
    sys.stdout.write(as_json(judged) if options.json else "".join(f"{line}\n" for line in as_table(judged)))
    return 0


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
