"""The vendor's Node.js SDK through its driver, and the asynchronous client of its Python SDK."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from pytest_cce_precheck.cli import sdk
from pytest_cce_precheck.cli.main import main
from pytest_cce_precheck.sdk.cases import corpus_cases, find_case
from pytest_cce_precheck.sdk.faults import defects, faults
from pytest_cce_precheck.sdk.run import SdkReport, run_sdks
from pytest_cce_precheck.sdk.versions import ASYNCHRONOUS, python_driver
from tests.sdk.fakes import DRIVERS, require_programs
from tests.sdk.published import differences
from tests.toolchains import require_module

if TYPE_CHECKING:
    from collections.abc import Callable

    from pytest_cce_precheck.sdk.run import CaseResult


def _node() -> tuple[str, ...]:
    require_programs(("node", str(DRIVERS / "node" / "node_modules")))
    return "node", str(DRIVERS / "node" / "driver.mjs")


def _asynchronous() -> tuple[str, ...]:
    require_module("huaweicloudsdkcce.v3")
    return (*python_driver(), ASYNCHRONOUS)


DRIVER_COMMANDS: dict[str, Callable[[], tuple[str, ...]]] = {"node": _node, "async": _asynchronous}


@pytest.fixture(scope="module")
def node() -> SdkReport:
    return run_sdks([_node()], corpus_cases())[0]


def by_name(report: SdkReport) -> dict[str, CaseResult]:
    return {result.case.name: result for result in report.results}


@pytest.mark.parametrize("which", DRIVER_COMMANDS)
def test_the_published_table_says_what_is_measured(which: str) -> None:
    [report] = run_sdks([DRIVER_COMMANDS[which]()], corpus_cases())
    assert differences(report.introduction, report.results) == []


def test_the_asynchronous_client_differs_in_every_429_to_a_list_call() -> None:
    cases = [case for case in corpus_cases() if case.expect.status == 429]
    usual, asynchronous = run_sdks([python_driver(), _asynchronous()], cases)
    pairs = zip(usual.results, asynchronous.results, strict=True)
    differing = [after for before, after in pairs if before.verdict is not after.verdict]
    assert [result.case.name for result in differing] == [case.name for case in cases if case.operation == "list"]
    assert {(result.verdict, result.findings[0].subject[0]) for result in differing} == {
        ("undocumented error", "RetryError")
    }


def test_the_node_sdk_loses_code_and_message_of_every_error_in_the_form_of_cce(node: SdkReport) -> None:
    results = by_name(node)
    for status in (400, 401, 403, 404, 429, 500, 503):
        lacking = {finding.subject[0] for finding in results[f"error-{status}-cce"].findings}
        assert lacking == {"code", "message"}
        assert results[f"error-{status}-gateway"].findings == ()
    [details] = [fault for fault in faults(defects(node)) if fault.kind == "error-details"]
    assert details.title() == "The error for status 400, 401, 403, 404, 429, 500, 503 lacks code, message"


def test_the_node_sdk_sends_what_is_set_and_reads_conforming_lists_whole(node: SdkReport) -> None:
    results = by_name(node)
    sent_wrong = {
        (name, finding.code)
        for name, result in results.items()
        for finding in result.findings
        if finding.code < "PRE710"
    }
    # a number in JavaScript holds 53 bits
    assert sent_wrong == {("create-values", "PRE707")}
    read = [
        result for result in node.results if result.case.operation == "list" and result.case.expect.outcome == "value"
    ]
    assert len(read) > 60
    assert {result.verdict for result in read} <= {"whole", "not offered"}
    assert results["example-create"].verdict == "whole"


def test_the_command_takes_the_asynchronous_client(
    capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    require_module("huaweicloudsdkcce.v3")
    monkeypatch.setattr(sdk, "corpus_cases", lambda: (find_case("no-items"),))
    assert main(["sdk", "run", "--python-async"]) == 0
    assert "huaweicloudsdkcce.async 3.1.219" in capsys.readouterr().out.replace("\n", " ")
    assert main(["sdk", "table", "--python", "--python-async"]) == 0
    assert "huaweicloudsdkcce.async" in capsys.readouterr().out
