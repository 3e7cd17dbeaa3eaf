"""``cce-precheck check``: judge captured bodies without any server."""

from __future__ import annotations

import sys
from dataclasses import replace
from datetime import UTC, datetime
from pathlib import Path
from typing import TYPE_CHECKING

from pytest_cce_precheck import _files
from pytest_cce_precheck.cli.arguments import chosen_language, whole
from pytest_cce_precheck.cli.output import complain, print_json, print_lines, useless_lines, verdict_lines
from pytest_cce_precheck.contract.acceptance import Acceptance
from pytest_cce_precheck.contract.check import check
from pytest_cce_precheck.contract.envelope import is_error_envelope, status_in_code
from pytest_cce_precheck.errors import BodyError, ConfigurationError
from pytest_cce_precheck.redaction.texts import Redactor
from pytest_cce_precheck.report.verdict import sort_findings
from pytest_cce_precheck.wire.body import parse_json
from pytest_cce_precheck.wire.exchange import Exchange, Request, Response
from pytest_cce_precheck.wire.vocabulary import create_path, list_path

if TYPE_CHECKING:
    import argparse

_ENDPOINT = "https://captured.example"


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Add the arguments of ``check``."""
    add = parser.add_argument
    add("files", nargs="+", metavar="FILE", help="a JSON body; - reads standard input")
    add("--request", metavar="FILE", help="the create request that the answer belongs to")
    add("--query", default="", metavar="TEXT", help="the query of the list request, such as type=addonUpgrade")
    status = whole("an HTTP status", 100, 999)
    add("--status", type=status, metavar="N", help="the HTTP status that came with it (default: guessed from the body)")
    add("--accept", action="append", default=[], metavar="TEXT", help="CODE: REASON, does not fail (repeatable)")
    add("--json", action="store_true", help="print the findings as JSON")
    parser.set_defaults(run=run)


def run(options: argparse.Namespace) -> int:
    """Judge each file; return 1 if one of them breaks the contract."""
    create_request = _read_request(options.request) if options.request else None
    acceptances = [Acceptance.parse(text) for text in options.accept]
    if options.request and options.query:
        raise ConfigurationError("--query belongs to a list request, --request to a create request: give one of them")
    today, language = datetime.now(UTC).date(), chosen_language(options)
    verdicts, reports = [], []
    for name in options.files:
        findings = check(_as_exchange(_read(name), create_request, options.status, options.query.removeprefix("?")))
        judged = sort_findings(findings, fail_on="error", acceptances=acceptances, today=today)
        verdicts.append(judged)
        reports.append({"file": name, "findings": [each.to_dict() for each in findings], "holds": not judged.failing})
        if not options.json:
            errors = len(judged.failing)
            print_lines(verdict_lines(name, judged, Redactor(()), errors=errors, language=language), language=language)
    if options.json:
        print_json(reports)
    complain(useless_lines(acceptances, verdicts, today), options)
    return int(any(judged.failing for judged in verdicts))


def _as_exchange(
    body: bytes, create_request: bytes | None = None, status: int | None = None, query: str = ""
) -> Exchange:
    """Return an exchange with a captured body; the body shows which call it answers, and with which status."""
    try:
        document = parse_json(body)
    except BodyError:
        document = None
    creates = create_request is not None
    if isinstance(document, dict):
        creates = creates or ("items" not in document and bool(document.keys() & {"spec", "status"}))
        if status is None and is_error_envelope(document):
            named = status_in_code(document.get("errorCode"))
            status = int(named) if named.startswith(("4", "5")) else 400
    request = Request("GET", _ENDPOINT, list_path("project", "cluster"), query)
    if creates:
        request = replace(
            request, method="POST", query="", path=create_path("project", "cluster"), body=create_request or b""
        )
    return Exchange(request, Response(status or (201 if creates else 200), body=body))


def _read(name: str) -> bytes:
    if name == "-":
        return _files.read_stream(sys.stdin.buffer, "standard input")
    return _files.read_bytes(Path(name), name, way_out="give a file, or - for standard input")


def _read_request(name: str) -> bytes:
    try:
        body = _read(name)
    except ConfigurationError as error:
        wanted = "a file with the body of the create request that was answered"
        raise ConfigurationError(f"{error}; --request takes {wanted}") from None
    try:
        document = parse_json(body)
    except BodyError as error:
        raise ConfigurationError(f"--request {name} is not a create request: {error}") from None
    if not isinstance(document, dict):
        raise ConfigurationError(f"--request {name} is not a create request: expected a JSON object")
    return body
