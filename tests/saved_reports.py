"""Reports as a run against a real service writes them."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Final

from pytest_cce_precheck.contract.findings import Finding
from pytest_cce_precheck.report.conclusion import conclude
from pytest_cce_precheck.report.files import as_json
from pytest_cce_precheck.report.record import Place, RunRecord
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


def report_of(*findings: Finding, mode: str = "live", service: str = SERVICE) -> dict[str, Any]:
    """Return what a run reports that found these."""
    data = [
        {**finding.to_dict(), "verdict": "failing", "test": "test_contract.py::test_it", "times": 1}
        for finding in findings
    ]
    record = RunRecord(mode, {"": Place(service, requests=241, answered=241)}, findings=tuple(data), suite=True)
    return conclude(record, "", int(bool(findings))).to_dict()


def write_report(path: Path, *findings: Finding) -> Path:
    """Write what a run reports that found these."""
    path.write_text(as_json(report_of(*findings)), encoding="utf-8")
    return path
