"""The report as SARIF 2.1.0, which code hosts show as alerts: a result a cause, with its rule, request and answer."""

from __future__ import annotations

import hashlib
from typing import TYPE_CHECKING, Any, Final

from pytest_cce_precheck.contract.rules import Kind, find_rule
from pytest_cce_precheck.report.saved import as_finding
from pytest_cce_precheck.report.text import as_json_text, one_line

if TYPE_CHECKING:
    from pytest_cce_precheck.report.record import RecordedFinding, RunRecord

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
