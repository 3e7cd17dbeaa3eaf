"""The report file in the form that its name ends in, all but HTML made here, and what GitHub Actions shows of a run."""

from __future__ import annotations

import hashlib
from collections.abc import Callable, Mapping
from importlib import import_module
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final

from pytest_cce_precheck._files import append, prepare
from pytest_cce_precheck._text import json_text
from pytest_cce_precheck.config.options import Mode
from pytest_cce_precheck.contract.rules import Kind, find_rule, rules
from pytest_cce_precheck.errors import ConfigurationError
from pytest_cce_precheck.report.record import RecordedFinding, RunRecord
from pytest_cce_precheck.report.saved import TOOL, as_finding
from pytest_cce_precheck.report.text import as_code, as_json_text, one_line

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from pytest_cce_precheck.report.record import RecordedCause, TestResult

Writer = Callable[[RunRecord], str]


def as_json(record: RunRecord) -> str:
    """Render a record for programs."""
    return as_json_text(record.to_dict())


def as_markdown(record: RunRecord) -> str:
    """Render a record as Markdown."""
    rows = [
        f"| {f['verdict']} | {f['code']} | {as_code(f['message'])} | {as_code(_request(f))} |" for f in record.findings
    ]
    parts = [f"# Contract check of {as_code(record.service)}", "", f"**{as_code(record.headline)}**", ""]
    parts += [as_code(record.how_asked), ""]
    if rows:
        parts += ["| verdict | code | finding | request |", "|---|---|---|---|", *rows, ""]
    for heading, table in tables(record):
        cells = [" | ".join(map(as_code, row)) for row in table]
        rows = [f"| {each} |" for each in cells]
        parts += [f"## {heading}", "", rows[0], f"|{'---|' * len(table[0])}", *rows[1:], ""]
    for title, items in _lists(record):
        parts += [f"## {title}", "", *(f"- {as_code(item)}" for item in items), ""]
    return "\n".join(parts)


FORMS: Final[Mapping[str, str]] = {
    ".ctrf.json": "files.as_ctrf",
    ".codequality.json": "files.as_code_quality",
    ".json": "files.as_json",
    ".ndjson": "files.as_events",
    ".sarif": "files.as_sarif",
    ".md": "files.as_markdown",
    ".html": "html.as_html",
}
"""The function that writes each form, by how the name of a file ends."""


def writer_for(path: Path) -> Writer:
    """Return the writer for a file's name; raises `ConfigurationError` for others, or if no file can be written."""
    form = next((each for ending, each in FORMS.items() if path.name.endswith(ending)), None)
    if form is None:
        raise ConfigurationError(f"--cce-report={path}: expected a name that ends in {', '.join(FORMS)}")
    if not path.parent.is_dir():
        raise ConfigurationError(f"--cce-report={path}: the folder {path.parent} does not exist")
    prepare(path, f"--cce-report={path}")
    module, _, name = form.partition(".")
    # a form that nobody asks for costs no import, and needs no library
    try:
        writer: Writer = getattr(import_module(f"pytest_cce_precheck.report.{module}"), name)
    except ModuleNotFoundError as error:
        raise ConfigurationError(
            f"--cce-report={path} needs {error.name}, which is not installed:"
            f' pip install "pytest-cce-precheck[report]", or choose another form'
        ) from None
    return writer


def tables(record: RunRecord) -> Iterator[tuple[str, list[tuple[str, ...]]]]:
    """Yield each table with its heading; the first row names the columns."""
    if any(each.times for each in record.proved.values()):
        rows = [
            (kind, each.ratio, ", ".join(each.nothing) or "-", ", ".join(each.not_asked) or "-")
            for kind, each in record.proved.items()
        ]
        yield "How much was proved", [("kind", "proved", "nothing to judge", "not asked"), *rows]
        judged = record.proved["rules"].times
        yield "Rules judged", [("rule", "times"), *((f"{c} {rules()[c].name}", str(n)) for c, n in judged.items())]
    for name, target in record.targets.items():
        times = [
            (
                each.kind,
                str(each.answers),
                *(f"{value:.3f}" for value in (each.median, each.p95, each.p99, each.longest)),
            )
            for each in target.response_times
        ]
        if times:
            columns = ("query", "answers", "median", "95%", "99%", "longest")
            yield f"Response times in seconds{f', {name}' if name else ''}", [columns, *times]


def _lists(record: RunRecord) -> list[tuple[str, Sequence[str]]]:
    lists: list[tuple[str, Sequence[str]]] = [
        ("Unspecified by the contract", [f"{what}: {', '.join(seen)}" for what, seen in record.observations.items()]),
        ("Not asked for", record.not_asked_for),
        ("Inconclusive", record.inconclusive),
        ("No example listed a task", [each["test"] for each in record.examples if not each["listed"]]),
        ("Ran on the simulator", [test.nodeid for test in record.tests if test.on_simulator]),
        ("Unused acceptances", record.acceptances_never_met),
        ("Expired acceptances", record.acceptances_expired),
        ("Classes of filter values not reached", record.classes_not_reached),
    ]
    return [(title, items) for title, items in lists if items]


def _request(finding: RecordedFinding) -> str:
    first = next(iter(finding["exchanges"]), None)
    if first is None:
        return ""
    return f"{first['method']} {first['target']} → {first['status']} ({first['request_id'] or 'no request id'})"


_CTRF: Final[Mapping[str, str]] = {
    "passed": "passed",
    "xpassed": "passed",
    "failed": "failed",
    "error": "failed",
    "skipped": "skipped",
    "xfailed": "skipped",
}
# https://docs.gitlab.com/ci/testing/code_quality/#code-quality-report-format
_GITLAB: Final[Mapping[str, str]] = {"error": "major", "warning": "minor", "note": "info"}


def as_ctrf(record: RunRecord) -> str:
    """Render a record in the Common Test Report Format (ctrf.io): every test, with the findings that failed it."""
    statuses = [_CTRF.get(test.outcome, "other") for test in record.tests]
    start = int(record.started.timestamp() * 1000)
    summary = {
        "tests": len(statuses),
        **{name: statuses.count(name) for name in ("passed", "failed", "skipped", "other")},
        "pending": 0,
        "start": start,
        "stop": start + int(record.duration * 1000),
    }
    results = {
        "tool": {"name": TOOL, "version": record.version},
        "summary": summary,
        "tests": [
            _ctrf_test(record, test, status) for test, status in zip(record.tests, statuses, strict=True)
        ],
        "extra": {"verdict": record.verdict, "reason": one_line(record.reason)},
    }  # fmt: skip
    return as_json_text({"reportFormat": "CTRF", "specVersion": "0.0.0", "results": results})


def _ctrf_test(record: RunRecord, test: TestResult, status: str) -> dict[str, Any]:
    found = [each for each in record.of_verdict("failing") if each["test"] == test.nodeid]
    data: dict[str, Any] = {
        "name": one_line(test.nodeid),
        "status": status,
        "duration": int(test.duration * 1000),
        "suite": [one_line(test.nodeid.partition("::")[0])],
    }
    if found:
        data["message"] = "; ".join(one_line(f"{each['code']} {each['message']}") for each in found)
        data["tags"] = sorted({each["code"] for each in found})
    return data


def as_code_quality(record: RunRecord) -> str:
    """Render the causes of a record as GitLab's code quality report."""
    shown = [
        {
            "description": one_line(f"{finding['code']} {finding['message']}"),
            "check_name": finding["code"],
            "fingerprint": fingerprint(finding),
            "severity": _GITLAB[finding["severity"]],
            "location": {"path": one_line(finding["test"].partition("::")[0]), "lines": {"begin": 1}},
        }
        for finding in (cause.finding for cause in record.causes)
    ]
    return as_json_text(shown)


def as_events(record: RunRecord) -> str:
    """Render a record as lines of JSON: each test, each finding, and the verdict as the last line."""
    document = record.to_dict()
    tests = [{"event": "test", **each} for each in document.pop("tests")]
    findings = [{"event": "finding", **each} for each in document.pop("findings")]
    events = [*tests, *findings, {"event": "run", **document}]
    return "".join(f"{json_text(event, indent=None)}\n" for event in events)


_SCHEMA: Final = "https://docs.oasis-open.org/sarif/sarif/v2.1.0/errata01/os/schemas/sarif-schema-2.1.0.json"
_PAGE: Final = "https://support.huaweicloud.com/intl/en-us/api-cce/ListAddonPrecheckTasks.html"
# a code host shows an alert only at a place in the repository
_PLACE: Final = "pytest_cce_precheck/suite/test_contract.py"


def as_sarif(record: RunRecord) -> str:
    """Render a record as SARIF: the failing findings, and the accepted ones as suppressed."""
    shown = [cause.finding for cause in record.causes] + record.of_verdict("accepted")
    codes = sorted({finding["code"] for finding in shown})
    run = {
        "tool": {
            "driver": {
                "name": "pytest-cce-precheck",
                "version": record.version,
                "rules": [_rule(code) for code in codes],
            }
        },
        "automationDetails": {"id": f"cce-precheck/{record.mode}/"},
        "invocations": [
            {
                "executionSuccessful": record.verdict in ("holds", "does-not-hold"),
                "exitCode": record.exit_status,
                "startTimeUtc": record.started.strftime("%Y-%m-%dT%H:%M:%SZ"),
                "properties": {"verdict": record.verdict, "reason": one_line(record.reason)},
            }
        ],
        "results": [_result(finding, codes) for finding in shown],
    }
    return as_json_text({"$schema": _SCHEMA, "version": "2.1.0", "runs": [run]})


def _rule(code: str) -> dict[str, Any]:
    rule = find_rule(code)
    return {
        "id": code,
        "name": "".join(word.capitalize() for word in rule.name.split("-")),
        "shortDescription": {"text": f"{rule.title}."},
        "fullDescription": {"text": rule.source},
        "help": {"text": rule.remedy},
        "helpUri": _PAGE,
        "defaultConfiguration": {"level": str(rule.severity)},
        "properties": {"tags": [str(rule.kind)]},
    }


def _result(finding: RecordedFinding, codes: list[str]) -> dict[str, Any]:
    level = "note" if finding["kind"] == Kind.OBSERVATION else finding["severity"]
    result: dict[str, Any] = {
        "ruleId": finding["code"],
        "ruleIndex": codes.index(finding["code"]),
        "level": level,
        "message": {"text": one_line(finding["message"])},
        "locations": [_location(finding)],
        "partialFingerprints": {"identity/v1": fingerprint(finding)},
        "occurrenceCount": finding["times"],
    }
    if finding["exchanges"]:
        result |= _wire(finding["exchanges"][0])
    if finding["verdict"] == "accepted":
        result["suppressions"] = [{"kind": "external", "justification": one_line(finding["reason"])}]
    return result


def fingerprint(finding: RecordedFinding) -> str:
    """Return what stays the same from run to run: the code and what it is about."""
    return hashlib.sha256("\0".join(as_finding(finding).identity).encode("utf-8", "backslashreplace")).hexdigest()[:32]


def _location(finding: RecordedFinding) -> dict[str, Any]:
    test = one_line(finding["test"])
    logical = {"fullyQualifiedName": f"{test}{finding['path'] and ' ' + one_line(finding['path'])}"}
    file = test.partition("::")[0]
    place = file if file.endswith(".py") and "/" in file and not file.startswith(("/", "..")) else _PLACE
    return {
        "physicalLocation": {"artifactLocation": {"uri": place}, "region": {"startLine": 1}},
        "logicalLocations": [logical],
    }


def _wire(exchange: dict[str, Any]) -> dict[str, Any]:
    headers = {"X-Request-Id": one_line(exchange["request_id"])} if exchange["request_id"] else {}
    return {
        "webRequest": {"method": one_line(exchange["method"]), "target": one_line(exchange["target"])},
        "webResponse": {"statusCode": exchange["status"], "headers": headers},
    }


SUMMARY: Final = "GITHUB_STEP_SUMMARY"
# GitHub shows no summary of more than 1 MiB, and other steps add to it
_LONGEST: Final = 500_000
_CUT: Final = "\n\n… the rest is in the report file (--cce-report).\n"


def write_to_github(
    record: RunRecord, environment: Mapping[str, str], spelled: Callable[[str], str] = str
) -> list[str]:
    """Append the Markdown report to the job's summary, and return the lines to print: one workflow command a cause.

    Does nothing outside of GitHub Actions (``GITHUB_ACTIONS=true``), nor for a simulated run. If the summary cannot be
    written, that is a warning and fails nothing.
    """
    # whoever injects faults into the simulator knows them
    if environment.get("GITHUB_ACTIONS") != "true" or Mode(record.mode).is_simulated:
        return []
    lines = list(commands(record))
    path = environment.get(SUMMARY)
    if path:
        try:
            append(Path(path), _bounded(spelled(as_markdown(record))), SUMMARY)
        except ConfigurationError as error:
            lines.append(_command("warning", "cce-precheck", str(error)))
    return lines


def commands(record: RunRecord) -> Iterator[str]:
    """Yield a workflow command for each cause that fails the run, and for each warning that does not."""
    failing = [cause for cause in record.causes if cause.finding["verdict"] == "failing"]
    for level, causes in (("error", failing), ("warning", record.warnings)):
        yield from (_command(level, cause.finding["code"], _message(cause)) for cause in causes)


def _message(cause: RecordedCause) -> str:
    text = one_line(cause.finding["message"].partition("\n")[0])
    ids = [each["request_id"] for each in cause.finding["exchanges"] if each["request_id"]]
    text += f" (request id {one_line(ids[0])})" if ids else ""
    return text + (f"; {len(cause.consequences)} more follow from it" if cause.consequences else "")


def _command(level: str, title: str, message: str) -> str:
    # https://docs.github.com/actions/reference/workflow-commands-for-github-actions
    escaped = _data(title).replace(":", "%3A").replace(",", "%2C")
    return f"::{level} title={escaped}::{_data(message)}"


def _data(text: str) -> str:
    return text.replace("%", "%25").replace("\r", "%0D").replace("\n", "%0A")


def _bounded(text: str) -> bytes:
    octets = text.encode("utf-8", "backslashreplace")
    if len(octets) <= _LONGEST:
        return octets + b"\n"
    # half a line would not close the Markdown that it opens
    return (octets[:_LONGEST].decode("utf-8", "ignore").rpartition("\n")[0] + _CUT).encode()
