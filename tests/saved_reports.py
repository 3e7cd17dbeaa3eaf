"""Reports as a run against a real service writes them."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any, Final

from pytest_cce_precheck.contract.findings import Finding
from pytest_cce_precheck.report.record import RunRecord, TargetResult
from pytest_cce_precheck.report.verdict import conclude
from pytest_cce_precheck.wire.exchange import Exchange, Headers, Request, Response
from pytest_cce_precheck.wire.vocabulary import create_path, list_path

if TYPE_CHECKING:
    from pathlib import Path

SERVICE: Final = "https://cce.staging.example.com"
REQUEST_ID: Final = "ef134f2a-180b-a05d-e91a-b32d2976f51d"
ANSWERED: Final = Response(200, Headers({"X-Request-Id": REQUEST_ID}))
LISTED: Final = Exchange(Request("GET", SERVICE, list_path("p", "c"), "type=addonStatic"), ANSWERED)
CREATED: Final = Exchange(Request("POST", SERVICE, create_path("p", "c")), ANSWERED)

NO_EXPIRY: Final = Finding(
    "PRE302",
    "A finished task has no `expireTimeStamp` in 6 places (final-without-expiry)",
    "$.items[2].metadata.expireTimeStamp",
    ("final-without-expiry",),
    exchanges=(LISTED,),
)
UNSOUND: Final = Finding(
    "PRE401", "?type=addonStatic shows task t1", "$.items[4]", ("type",), (("shows", "t1"),), (LISTED, LISTED)
)
UNSOUND_TASK: Final = Finding("PRE401", "?task_id=t1 shows task t2", "$.items[0]", ("task_id",), exchanges=(LISTED,))
OPEN: Final = Finding("PRE190", "Answers carry no X-Request-Id", exchanges=(LISTED,))


def as_data(finding: Finding, verdict: str = "failing") -> dict[str, Any]:
    """Return a finding as a run records it."""
    return {**finding.to_dict(), "verdict": verdict, "test": "test_contract.py::test_it", "times": 1}


def record_of(*findings: dict[str, Any], mode: str = "live", service: str = SERVICE) -> RunRecord:
    """Return the record of a run of the suite that found these."""
    target = TargetResult(service, requests=241, answered=241)
    return conclude(RunRecord(mode, {"": target}, findings=findings, suite=True), "", int(bool(findings)))


def report_of(*findings: Finding, mode: str = "live", service: str = SERVICE) -> dict[str, Any]:
    """Return the report of a run that found these."""
    return record_of(*map(as_data, findings), mode=mode, service=service).to_dict()


def write_report(path: Path, *findings: Finding) -> Path:
    """Write what a run reports that found these."""
    path.write_text(json.dumps(report_of(*findings)), encoding="utf-8")
    return path
