"""Every rule about SDKs is broken by an SDK that has this one defect, and by no right one."""

from __future__ import annotations

import pytest

from pytest_cce_precheck.contract.rules import rules
from pytest_cce_precheck.sdk.cases import find_case
from pytest_cce_precheck.sdk.judgement import Verdict
from pytest_cce_precheck.sdk.run import SdkReport, run_sdks
from tests.sdk.fakes import fake_sdk

CASES = [
    find_case(name)
    for name in (
        *("every-field", "kind-is-text-cluster", "create-one", "filters-type", "value-plus", "temporary-keys"),
        *("error-403-cce", "error-429-cce", "list-closed", "create-closed"),
    )
]
BROKEN_BY = {
    "path-wrong": "PRE701",
    "filter-lost": "PRE702",
    "filter-encoded-twice": "PRE702",
    "parameter-invented": "PRE703",
    "signature-wrong": "PRE704",
    "project-missing": "PRE705",
    "security-token-missing": "PRE706",
    "values-lost": "PRE707",
    "call-not-sent": "PRE708",
    "field-lost": "PRE710",
    "count-as-text": "PRE711",
    "field-invented": "PRE712",
    "not-readable": "PRE713",
    "code-lost": "PRE714",
    "crash": "PRE715",
    "create-repeated": "PRE717",
    "retry-after-ignored": "PRE718",
    "failure-as-success": "PRE719",
}
# a wrong path gets a 404, which is an error where an object was expected
FOLLOWS = {"path-wrong": {"PRE713", "PRE714"}}


def report_of(defect: str) -> SdkReport:
    return run_sdks([fake_sdk(defect)], CASES)[0]


def codes_of(report: SdkReport) -> set[str]:
    return {finding.code for cell in report.cells for finding in cell.findings}


def test_an_sdk_that_does_everything_right_is_told_only_what_it_takes_without_a_word() -> None:
    report = report_of("none")
    assert all(cell.right for cell in report.cells)
    assert codes_of(report) == {"PRE716"}
    assert [cell.verdict for cell in report.cells] == [
        *(Verdict.WHOLE, Verdict.ACCEPTED, Verdict.WHOLE, Verdict.WHOLE, Verdict.WHOLE, Verdict.WHOLE),
        *(Verdict.ERROR, Verdict.ERROR, Verdict.ERROR, Verdict.ERROR),
    ]


@pytest.mark.parametrize("defect", BROKEN_BY)
def test_a_defect_breaks_its_rule_and_no_other(defect: str) -> None:
    found = codes_of(report_of(defect)) - {"PRE716"}
    assert found - FOLLOWS.get(defect, set()) == {BROKEN_BY[defect]}


def test_every_rule_about_sdks_is_shown_here() -> None:
    assert {code for code in rules() if code >= "PRE7"} == {*BROKEN_BY.values(), "PRE716"}
