"""The vendor's Go and Java SDKs through their drivers, if these are built."""

from __future__ import annotations

import re

import pytest

from pytest_cce_precheck.contract.findings import everywhere
from pytest_cce_precheck.contract.rules import Severity
from pytest_cce_precheck.sdk.cases import corpus_cases
from pytest_cce_precheck.sdk.run import CaseResult, CaseVerdict, SdkReport, run_sdks
from tests.sdk.fakes import DRIVERS, require_programs
from tests.sdk.published import differences

COMMANDS = {
    "go": (str(DRIVERS / "go" / "cce-driver"),),
    "java": ("java", "-jar", str(DRIVERS / "java" / "target" / "cce-driver.jar")),
}


# the verdict of a case and its findings: in both languages, or in each
NAMED = {
    "example-create": ("silent loss", ["PRE710 $.status.items"]),
    "example-list": ("error", ["PRE713"]),
    "risk-list-beside-status": ("silent loss", ["PRE710 $.items[*].riskList"]),
    "page-info-current-count-is-text-1": ("error", []),
    "entry-status-is-text-failed": ("error", []),
    "redirect-to-another-host": ("accepted", ["PRE719"]),
    "body-half": ("error", []),
    "error-429-cce": ("error", []),
    "error-503-create": ("error", []),
    "create-two": {
        "go": ("silent loss", ["PRE707 $.spec.addonList[*].values", "PRE710 $.status.items"]),
        "java": ("silent loss", ["PRE710 $.status.items"]),
    },
    "error-502-html": {"go": ("undocumented error", ["PRE730"]), "java": ("error", [])},
    "error-504-empty": {"go": ("undocumented error", ["PRE730"]), "java": ("error", [])},
    "list-cut-short": {"go": ("undocumented error", ["PRE730"]), "java": ("error", [])},
    "half-a-surrogate": ("whole", []),
    # Go keeps the bytes as they were sent
    "body-in-latin-1": {"go": ("accepted", []), "java": ("coercion", ["PRE711 $"])},
    # Go's timeout limits the whole call, Java's each pause; no document says which
    "list-drips-past-the-timeout": {"go": ("undocumented error", []), "java": ("whole", [])},
    # RFC 9112, 6.3: a length beside Transfer-Encoding ought to be handled as an error
    "framed-in-two-ways": {"go": ("error", []), "java": ("whole", [])},
    # Go's JSON matches names without regard to case
    "create-timestamp-spelling": {
        "go": ("whole", []),
        "java": ("silent loss", ["PRE710 $.items[*].metadata.createTimestamp"]),
    },
    "count-missing": {"go": ("coercion", ["PRE712 $.pageInfo.currentCount"]), "java": ("accepted", [])},
    "page-info-current-count-is-1-point-5": {
        "go": ("error", []),
        "java": ("coercion", ["PRE711 $.pageInfo.currentCount"]),
    },
}


@pytest.fixture(scope="module", params=COMMANDS)
def language(request: pytest.FixtureRequest) -> str:
    return str(request.param)


@pytest.fixture(scope="module")
def report(language: str) -> SdkReport:
    """Every case but those that wait for nothing."""
    cases = [case for case in corpus_cases() if case.timeout > 1 or case.late]
    [report] = run_sdks([require_programs(COMMANDS[language])], cases)
    return report


@pytest.fixture(scope="module")
def results(report: SdkReport) -> dict[str, CaseResult]:
    return {result.case.name: result for result in report.results}


@pytest.mark.parametrize("name", NAMED)
def test_the_expected_result_of_a_case_is_found(results: dict[str, CaseResult], language: str, name: str) -> None:
    expected = NAMED[name]
    verdict, facts = expected[language] if isinstance(expected, dict) else expected
    found = [finding for finding in results[name].findings if finding.severity is not Severity.NOTE]
    assert results[name].verdict == verdict
    assert [f"{finding.code} {everywhere(finding.path or '')}".rstrip() for finding in found] == facts


def test_the_published_table_says_what_is_measured(report: SdkReport) -> None:
    assert differences(report.introduction, report.results) == []


def test_what_it_does_by_itself_is_counted(results: dict[str, CaseResult]) -> None:
    once = {results[name].timing.requests for name in ("error-429-cce", "error-503-retry-after", "create-closed")}
    # both send a read once more where a connection that was open before is closed
    assert (once, results["list-closed"].timing.requests) == ({1}, 2)


def test_every_conforming_list_is_read_whole(results: dict[str, CaseResult]) -> None:
    lists = [
        result
        for result in results.values()
        if result.case.operation == "list"
        and result.case.kind in ("variation", "request")
        and result.case.expect.outcome == "value"
        and result.case.authentication != "token"
    ]
    assert len(lists) > 60
    assert [(result.case.name, result.findings) for result in lists if result.verdict is not CaseVerdict.WHOLE] == []


def test_the_list_call_is_sent_as_it_was_asked(results: dict[str, CaseResult]) -> None:
    sent = {
        (result.case.name, finding.code)
        for result in results.values()
        for finding in result.findings
        if finding.code < "PRE710" and result.case.operation == "list"
    }
    assert sent == set()


@pytest.mark.parametrize(
    ("file", "pattern"),
    [("go/go.mod", r"(huaweicloud-sdk-go-v3) v(\S+)"), ("java/pom.xml", r"<(core).version>([^<]+)<")],
)
def test_the_page_of_the_drivers_names_the_versions_that_are_built(file: str, pattern: str) -> None:
    name, version = re.findall(pattern, (DRIVERS / file).read_text())[0]
    assert re.search(rf"{name}` {re.escape(version)}\b", (DRIVERS / "README.md").read_text())
