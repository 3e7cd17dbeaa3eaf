"""The report in forms that other tools read: CTRF, GitLab's code quality, and a line of JSON for each event."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any, Final

from pytest_cce_precheck.report.sarif import fingerprint
from pytest_cce_precheck.report.saved import TOOL
from pytest_cce_precheck.report.text import as_json_text, one_line

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

    from pytest_cce_precheck.report.record import RecordedFinding, RunRecord, TestResult

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
    return as_json_text([_quality(cause.finding) for cause in record.causes])


def _quality(finding: RecordedFinding) -> dict[str, Any]:
    return {
        "description": one_line(f"{finding['code']} {finding['message']}"),
        "check_name": finding["code"],
        "fingerprint": fingerprint(finding),
        "severity": _GITLAB[finding["severity"]],
        "location": {"path": one_line(finding["test"].partition("::")[0]), "lines": {"begin": 1}},
    }


def as_events(record: RunRecord) -> str:
    """Render a record as lines of JSON: each test, each finding, and the verdict as the last line."""
    return "".join(f"{json.dumps(event, ensure_ascii=False)}\n" for event in _events(record))


def _events(record: RunRecord) -> Iterator[dict[str, Any]]:
    document = record.to_dict()
    for event, members in (("test", document.pop("tests")), ("finding", document.pop("findings"))):
        yield from ({"event": event, **each} for each in members)
    yield {"event": "run", **document}
