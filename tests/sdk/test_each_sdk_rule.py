"""Every rule about SDKs is broken by an SDK that has this one defect, and by no right one."""

from __future__ import annotations

from dataclasses import replace
from datetime import UTC, datetime

import pytest

from pytest_cce_precheck.contract.rules import rules
from pytest_cce_precheck.sdk.cases import find_case
from pytest_cce_precheck.sdk.corpus import ReceivedRequest
from pytest_cce_precheck.sdk.request_fidelity import request_findings
from pytest_cce_precheck.sdk.run import CaseVerdict, SdkReport, run_sdks
from pytest_cce_precheck.wire.exchange import Headers, Request, Response, encode_query
from pytest_cce_precheck.wire.signing import sign
from pytest_cce_precheck.wire.vocabulary import list_path
from tests.sdk.fakes import CREDENTIALS, fake_sdk

CASES = [
    find_case(name)
    for name in (
        *("every-field", "kind-is-text-cluster", "create-one", "filters-type", "value-plus", "temporary-keys", "token"),
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
    "token-missing": "PRE705",
    "security-token-missing": "PRE706",
    "values-lost": "PRE707",
    "call-not-sent": "PRE708",
    "field-lost": "PRE710",
    "count-as-text": "PRE711",
    "field-invented": "PRE712",
    "not-readable": "PRE713",
    "code-lost": "PRE714",
    "crash": "PRE715",
    "undocumented": "PRE730",
    "create-repeated": "PRE717",
    "retry-after-ignored": "PRE718",
    "failure-as-success": "PRE719",
}
# a wrong path gets a 404, which is an error where an object was expected
FOLLOWS = {"path-wrong": {"PRE713", "PRE714"}}


def report_of(defect: str) -> SdkReport:
    return run_sdks([fake_sdk(defect)], CASES)[0]


def codes_of(report: SdkReport) -> set[str]:
    return {finding.code for result in report.results for finding in result.findings}


def test_a_correct_sdk_has_only_notes_on_broken_answers_that_it_accepts() -> None:
    report = report_of("none")
    assert all(result.right for result in report.results)
    assert codes_of(report) == {"PRE716"}
    assert [result.verdict for result in report.results] == [
        *(CaseVerdict.WHOLE, CaseVerdict.ACCEPTED, *[CaseVerdict.WHOLE] * 5),
        *(CaseVerdict.ERROR, CaseVerdict.ERROR, CaseVerdict.ERROR, CaseVerdict.ERROR),
    ]


@pytest.mark.parametrize("defect", BROKEN_BY)
def test_a_defect_breaks_its_rule_and_no_other(defect: str) -> None:
    found = codes_of(report_of(defect)) - {"PRE716"}
    assert found - FOLLOWS.get(defect, set()) == {BROKEN_BY[defect]}


def test_every_rule_about_sdks_is_shown_here() -> None:
    # the proxy finds these two in any client
    about_any_client = {"PRE720", "PRE721"}
    assert {code for code in rules() if code >= "PRE7"} - about_any_client == {*BROKEN_BY.values(), "PRE716"}


def test_what_a_repetition_alone_gets_wrong_is_found_once() -> None:
    call = find_case("filters-type").call("http://127.0.0.1:9")
    plain = Request(
        "GET",
        call.endpoint,
        list_path(call.project_id, call.cluster_id),
        encode_query(call.filters.items()),
        Headers({"Content-Type": "application/json"}),
    )
    keys = replace(CREDENTIALS, security_token=None)
    right, lost = (
        sign(request, keys, now=datetime.now(UTC), project_id=call.project_id)
        for request in (plain, replace(plain, query=""))
    )
    for sent, codes in (([right, right], []), ([right, lost, lost], ["PRE702"])):
        received = [ReceivedRequest(number, float(number), request) for number, request in enumerate(sent, 1)]
        found = request_findings(call, received, Response(500), CREDENTIALS)
        assert [finding.code for finding in found] == codes
