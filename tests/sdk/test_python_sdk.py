"""The vendor's Python SDK through its driver: what it loses, and that nothing is said of what it reads whole."""

from __future__ import annotations

import json
import subprocess
import sys
from typing import TYPE_CHECKING

import pytest

from pytest_cce_precheck import ContractViolation, Simulator
from pytest_cce_precheck.errors import ConfigurationError
from pytest_cce_precheck.sdk.cases import corpus_cases, find_case, listing, task
from pytest_cce_precheck.sdk.pytest_support import assert_lossless, sdk_driver
from pytest_cce_precheck.sdk.run import CaseResult, CaseVerdict, run_sdk
from pytest_cce_precheck.sdk.vendor import vendor_client
from pytest_cce_precheck.sdk.versions import python_driver
from tests.sdk.fakes import CREDENTIALS
from tests.sdk.published import differences
from tests.toolchains import require_module

if TYPE_CHECKING:
    from collections.abc import Iterator

    from pytest_cce_precheck.sdk.driver import Driver

require_module("huaweicloudsdkcce.v3")


@pytest.fixture(scope="module")
def driver() -> Iterator[Driver]:
    with sdk_driver(python_driver()) as driver:
        yield driver


@pytest.fixture(scope="module")
def results(driver: Driver) -> dict[str, CaseResult]:
    """Every case but those that wait."""
    cases = [case for case in corpus_cases() if case.timeout > 1]
    return {result.case.name: result for result in run_sdk(driver, CREDENTIALS, cases).results}


def test_the_published_table_says_what_is_measured(driver: Driver, results: dict[str, CaseResult]) -> None:
    assert differences(driver.introduction, results.values()) == []


def facts(result: CaseResult) -> set[tuple[str, str]]:
    return {(finding.code, finding.subject[0]) for finding in result.findings}


def test_the_vendors_own_list_example_is_read_as_a_list_of_one_without_its_time_and_its_risks(
    results: dict[str, CaseResult],
) -> None:
    result = results["example-list"]
    assert result.verdict is CaseVerdict.LOSS
    assert facts(result) == {
        ("PRE711", "$.items"),
        ("PRE710", "$.items.metadata.createTimestamp"),
        ("PRE710", "$.items.riskList"),
    }


def test_of_a_create_answer_no_task_can_be_read(results: dict[str, CaseResult]) -> None:
    assert facts(results["example-create"]) == {("PRE710", "$.status.items")}
    created = [
        result
        for result in results.values()
        if result.case.operation == "create"
        and result.case.expect.outcome == "value"
        and result.case.authentication != "token"
    ]
    with_tasks = [result for result in created if result.case.documented["status"].get("items")]
    assert with_tasks
    assert {result.verdict for result in with_tasks} == {CaseVerdict.LOSS}


def test_a_text_for_a_count_becomes_a_number_and_a_text_for_a_status_an_empty_object(
    results: dict[str, CaseResult],
) -> None:
    [count] = results["page-info-current-count-is-text-1"].findings
    assert count.message == '$.pageInfo.currentCount was sent as "1", and is 1'
    [status] = results["entry-status-is-text-failed"].findings
    assert status.message == '$.items[0].status was sent as "Failed", and is {}'


def test_a_conforming_list_that_is_read_whole_has_no_findings(results: dict[str, CaseResult]) -> None:
    lists = [
        result
        for result in results.values()
        if result.case.operation == "list"
        and result.case.kind in ("variation", "request")
        and result.case.answer.status == 200
        and result.case.authentication != "token"
    ]
    assert len(lists) > 60
    wrong = [result for result in lists if result.verdict is not CaseVerdict.WHOLE or result.findings]
    assert [(result.case.name, result.findings) for result in wrong] == []


def test_undocumented_fields_are_dropped_which_is_not_a_loss(results: dict[str, CaseResult]) -> None:
    assert results["unknown-fields"].verdict is CaseVerdict.WHOLE
    assert "$.items[*].metadata.labels" in results["unknown-fields"].dropped


def test_nothing_is_wrong_with_what_it_sends(results: dict[str, CaseResult]) -> None:
    sent = {finding.code for result in results.values() for finding in result.findings if finding.code < "PRE710"}
    assert sent == set()


def test_a_throttled_call_loses_code_and_request_id(results: dict[str, CaseResult]) -> None:
    assert {subject for _, subject in facts(results["error-429-cce"])} == {"code", "message", "request_id"}
    assert results["error-403-cce"].findings == ()


def test_an_answer_that_breaks_off_ends_in_an_error_that_is_not_the_sdks(results: dict[str, CaseResult]) -> None:
    assert results["list-cut-short"].verdict is CaseVerdict.UNDOCUMENTED
    assert results["body-half"].verdict is CaseVerdict.LOSS


def test_assert_lossless_takes_a_body_or_a_case(driver: Driver) -> None:
    assert_lossless(driver, listing(task()))
    assert_lossless(driver, json.dumps(listing(task())).encode())
    assert_lossless(driver, "twelve-tasks")
    with pytest.raises(ContractViolation, match=r"(?s)huaweicloudsdkcce .* with example-create: silent loss\nPRE710"):
        assert_lossless(driver, "example-create")
    with pytest.raises(ContractViolation, match=r"PRE711 \$\.pageInfo\.currentCount"):
        assert_lossless(driver, {**listing(), "pageInfo": {"currentCount": "0"}})


def test_a_redirect_and_a_body_that_is_no_object_fail_as_in_the_table(driver: Driver) -> None:
    for case, code in (("redirect-to-another-host", "PRE719"), ("body-text", "PRE710"), ("body-array", "PRE711")):
        with pytest.raises(ContractViolation, match=code):
            assert_lossless(driver, case)


def test_what_the_sdk_does_not_offer_fails_and_a_body_as_text_is_refused(driver: Driver) -> None:
    with pytest.raises(ContractViolation, match=r"^huaweicloudsdkcce \S+ has no call create with token: not offered$"):
        assert_lossless(driver, "create-token")
    with pytest.raises(ConfigurationError, match="give a body as bytes, or a dict"):
        assert_lossless(driver, json.dumps(listing()))


def test_the_driver_runs_from_its_file_alone() -> None:
    *_, path = python_driver()
    messages = b'{"protocol":1,"id":0,"do":"hello"}\nnonsense\n{"protocol":1,"id":2,"do":"dance"}\n'
    ran = subprocess.run([sys.executable, "-P", path], input=messages, check=True, capture_output=True)
    hello, nonsense, dance = map(json.loads, ran.stdout.splitlines())
    assert (hello["sdk"]["name"], hello["operations"]) == ("huaweicloudsdkcce", ["list", "create"])
    assert (nonsense["outcome"], nonsense["error"]["class"]) == ("error", "ProtocolError")
    assert dance["error"]["message"] == "do 'dance'; this driver knows hello, models and call"


def test_a_client_of_the_vendors_sdk_is_wired_to_a_service() -> None:
    simulator = Simulator()
    client = vendor_client(simulator.endpoint, simulator.project_id, simulator.credentials)
    assert type(client).__name__ == "CceClient"


def test_a_case_that_is_mistyped_has_its_near_matches(driver: Driver) -> None:
    with pytest.raises(Exception, match="there is no case 'exampel-list'; did you mean example-list"):
        assert_lossless(driver, "exampel-list")
    assert find_case("example-list").number == 1
