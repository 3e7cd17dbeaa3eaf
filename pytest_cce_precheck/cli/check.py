"""``cce-precheck check``: judge bodies that somebody captured, without any server."""

from __future__ import annotations

import json
import sys
from dataclasses import replace
from datetime import UTC, datetime
from pathlib import Path
from typing import TYPE_CHECKING

from pytest_cce_precheck import _files
from pytest_cce_precheck.contract.acceptance import Acceptance
from pytest_cce_precheck.contract.check import check
from pytest_cce_precheck.contract.envelope import is_error_envelope
from pytest_cce_precheck.errors import BodyError, ConfigurationError
from pytest_cce_precheck.redaction.texts import Redactor
from pytest_cce_precheck.report.text import describe, headline
from pytest_cce_precheck.report.verdict import verdict
from pytest_cce_precheck.wire.body import parse_json
from pytest_cce_precheck.wire.exchange import Exchange, Request, Response
from pytest_cce_precheck.wire.vocabulary import create_path, list_path

if TYPE_CHECKING:
    import argparse

    from pytest_cce_precheck.contract.findings import Finding

_NOWHERE = "https://captured.example"


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Add the arguments of ``check``."""
    add = parser.add_argument
    add("files", nargs="+", metavar="FILE", help="a JSON body; - reads standard input")
    add("--request", metavar="FILE", help="the create request that the answer belongs to")
    add("--status", type=int, metavar="N", help="the HTTP status that came with it (default: guessed from the body)")
    add("--accept", action="append", default=[], metavar="TEXT", help="CODE: REASON, does not fail (repeatable)")
    add("--json", action="store_true", help="print the findings as JSON")


def run(options: argparse.Namespace) -> int:
    """Judge each file; return 1 if one of them breaks the contract."""
    asked = _read_request(options.request) if options.request else None
    acceptances = [Acceptance.parse(text) for text in options.accept]
    today = datetime.now(UTC).date()
    met: set[str] = set()
    broken = False
    reports = []
    for name in options.files:
        exchange = as_exchange(_read(name), asked, options.status)
        findings = check(exchange)
        outcome = verdict(findings, fail_on="error", acceptances=acceptances, today=today)
        met |= {acceptance.code for _, acceptance in outcome.accepted}
        broken = broken or bool(outcome.failing)
        reports.append({"file": name, "findings": [each.to_dict() for each in findings], "holds": not outcome.failing})
        if not options.json:
            sys.stdout.write(_text(name, outcome.failing, outcome.shown, [each for each, _ in outcome.accepted]))
    if options.json:
        sys.stdout.write(json.dumps(reports, indent=2, ensure_ascii=False) + "\n")
    for each in acceptances:
        if each.until is not None and today > each.until:
            sys.stderr.write(f"cce-precheck: accepted no longer: {each.code} ({each.reason}) until {each.until}\n")
        elif each.code not in met:
            sys.stderr.write(f"cce-precheck: accepted but never met: {each.code} ({each.reason})\n")
    return 1 if broken else 0


def as_exchange(body: bytes, asked: bytes | None = None, status: int | None = None) -> Exchange:
    """Make an exchange of a captured body: what call it answers, and with which status, is told by what it is."""
    try:
        document = parse_json(body)
    except BodyError:
        document = None
    creates = asked is not None
    if isinstance(document, dict):
        creates = creates or ("items" not in document and bool(document.keys() & {"spec", "status"}))
        if status is None and is_error_envelope(document):
            status = _status_of(document)
    request = Request("GET", _NOWHERE, list_path("project", "cluster"))
    if creates:
        request = replace(request, method="POST", path=create_path("project", "cluster"), body=asked or b"")
    return Exchange(request, Response(status or (201 if creates else 200), body=body))


def _status_of(document: dict[str, object]) -> int:
    # CCE.01401001: the code says the status, and a captured body has no other
    code = str(document.get("errorCode", ""))
    return int(code[6:9]) if len(code) == 12 and code[6:9].isdigit() and code[6] in "45" else 400


def _read(name: str) -> bytes:
    if name == "-":
        return _files.read_stream(sys.stdin.buffer, "standard input")
    return _files.read_bytes(Path(name), name, way_out="give a file, or - for standard input")


def _read_request(name: str) -> bytes:
    try:
        body = _read(name)
    except ConfigurationError as error:
        wanted = "a file that holds the body of the create request that the answer is to"
        raise ConfigurationError(f"{error}; --request takes {wanted}") from None
    try:
        document = parse_json(body)
    except BodyError as error:
        raise ConfigurationError(f"--request {name} is no create request: {error}") from None
    if not isinstance(document, dict):
        raise ConfigurationError(f"--request {name} is no create request: expected a JSON object")
    return body


def _text(name: str, failing: tuple[Finding, ...], shown: tuple[Finding, ...], accepted: list[Finding]) -> str:
    parts = []
    if failing:
        without_wire = [replace(finding, exchanges=()) for finding in failing]
        parts.append(describe(without_wire, Redactor(()), kind=None) + "\n")
    parts += [f"accepted: {headline(finding)}" for finding in accepted]
    parts += [f"{finding.severity}: {headline(finding)}" for finding in shown]
    number = len(failing)
    verdict_line = f"{number} finding{'s' if number != 1 else ''}" if failing else "nothing breaks the contract"
    return "\n".join([*parts, f"{name}: {verdict_line}", ""])
