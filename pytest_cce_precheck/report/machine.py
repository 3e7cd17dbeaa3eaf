"""The report in forms that other tools read: CTRF, GitLab's code quality, lines of JSON, SARIF, GitHub Actions."""

from __future__ import annotations

import hashlib
import json
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final

from pytest_cce_precheck._files import append
from pytest_cce_precheck.config.options import Mode
from pytest_cce_precheck.contract.rules import Kind, find_rule
from pytest_cce_precheck.errors import ConfigurationError
from pytest_cce_precheck.report.files import as_markdown
from pytest_cce_precheck.report.saved import TOOL, as_finding
from pytest_cce_precheck.report.text import as_json_text, one_line

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

    from pytest_cce_precheck.report.record import RecordedCause, RecordedFinding, RunRecord, TestResult

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
    return "".join(f"{json.dumps(event, ensure_ascii=False)}\n" for event in events)


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


def write_to_github(record: RunRecord, environment: Mapping[str, str]) -> list[str]:
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
            append(Path(path), _bounded(as_markdown(record)), SUMMARY)
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
