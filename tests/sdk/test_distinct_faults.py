"""The distinct faults behind many findings, and the words of their reports."""

from __future__ import annotations

import copy
import re
from typing import TYPE_CHECKING, Any

import pytest

from pytest_cce_precheck.contract.findings import Finding
from pytest_cce_precheck.contract.rules import Severity, rules
from pytest_cce_precheck.report.language import table
from pytest_cce_precheck.sdk.cases import corpus_cases, find_case
from pytest_cce_precheck.sdk.faults import SdkFault, defects, faults, words
from pytest_cce_precheck.sdk.protocol import DriverAnswer, Introduction, SdkError
from pytest_cce_precheck.sdk.run import SdkReport, judge

if TYPE_CHECKING:
    from collections.abc import Callable

SDK = Introduction("Fake 1", "fake", "1.0", ("list", "create"), ("ak/sk",))


def found_in(answers: dict[str, DriverAnswer]) -> tuple[SdkFault, ...]:
    results = tuple(judge(find_case(name), answer, ()) for name, answer in answers.items())
    return faults(defects(SdkReport(SDK, results)))


def changed(name: str, change: Callable[[Any], None]) -> DriverAnswer:
    document = copy.deepcopy(find_case(name).document)
    change(document)
    return DriverAnswer(value=document)


def test_what_an_error_lacks_is_one_fault() -> None:
    answers = {"error-429-cce": DriverAnswer(error=SdkError("E", expected=True, message="no", status=429))}
    assert [fault.title() for fault in found_in(answers)] == [
        "The error for status 429 lacks code, message, request_id"
    ]


def test_the_same_details_are_one_fault_whatever_the_status() -> None:
    def answer(status: int, code: str | None = None) -> DriverAnswer:
        return DriverAnswer(error=SdkError("E", expected=True, message="no", status=status, code=code))

    answers = {"error-400-cce": answer(400), "error-404-cce": answer(404), "error-500-cce": answer(500, "CCE.01500001")}
    assert [fault.title() for fault in found_in(answers)] == [
        "The error for status 400, 404 lacks code, message, request_id",
        "The error for status 500 lacks message, request_id",
    ]


def test_a_list_call_with_a_body_is_a_fault_of_the_request() -> None:
    wrong = Finding("PRE707", "a list call was sent with a body of 2 bytes", path="$")
    result = judge(find_case("no-items"), DriverAnswer(value=find_case("no-items").document), [wrong])
    [fault] = faults(defects(SdkReport(SDK, (result,))))
    assert fault.title() == "The request is not sent as it was set: a list call was sent with a body of 2 bytes"


def test_a_large_number_that_is_rounded_is_a_changed_value() -> None:
    def change(body: Any) -> None:
        body["spec"]["addonList"][0]["values"]["custom"]["big"] -= 1

    [fault] = found_in({"create-values": changed("create-values", change)})
    assert (fault.kind, fault.severity) == ("value-changed", "high")
    assert fault.title() == "`spec.addonList.values` is read as another value"


def test_one_field_is_one_fault_wherever_it_is_lost() -> None:
    def without(task: Any) -> Any:
        del task["riskList"]

    answers = {
        "example-list": changed("example-list", lambda body: without(body["items"])),
        "risk-list-beside-status": changed("risk-list-beside-status", lambda body: [*map(without, body["items"])]),
    }
    [fault] = found_in(answers)
    assert (fault.kind, fault.about, fault.severity) == ("field-lost", "riskList", "high")
    assert fault.cases == ("example-list", "risk-list-beside-status")


def test_a_field_of_a_task_is_one_fault_in_both_calls_and_has_its_places() -> None:
    def in_list(body: Any) -> None:
        del body["items"][0]["spec"]

    def in_create(body: Any) -> None:
        del body["status"]["items"][0]["spec"]

    [fault] = found_in({"every-field": changed("every-field", in_list), "create-one": changed("create-one", in_create)})
    assert (fault.kind, fault.about, len(fault.defects)) == ("field-lost", "spec", 2)
    assert set(fault.places) == {"$.items[*].spec", "$.status.items[*].spec"}
    assert set(fault.cases) == {"every-field", "create-one"}


@pytest.mark.parametrize("name", ["spec", "status"])
def test_a_field_of_the_create_answer_is_not_that_of_a_task(name: str) -> None:
    def in_list(body: Any) -> None:
        del body["items"][0][name]

    def in_create(body: Any) -> None:
        del body[name]

    found = found_in({"every-field": changed("every-field", in_list), "create-one": changed("create-one", in_create)})
    assert [fault.title() for fault in found] == [
        f"`$.{name}` of the answer is lost",
        f"`{name}` of the answer is lost",
    ]


def test_two_fields_are_two_faults() -> None:
    def change(body: Any) -> None:
        del body["items"][0]["spec"]
        del body["items"][0]["metadata"]["addonInstanceName"]

    found = found_in({"every-field": changed("every-field", change)})
    assert [fault.about for fault in found] == ["metadata.addonInstanceName", "spec"]


@pytest.mark.parametrize(("case", "severity"), [("every-field", "high"), ("page-info-current-count-is-text-1", "low")])
def test_a_wrong_value_matters_more_if_the_answer_follows_the_documents(case: str, severity: str) -> None:
    def change(body: Any) -> None:
        count = body["pageInfo"]["currentCount"]
        body["pageInfo"]["currentCount"] = int(count) if isinstance(count, str) else str(count)

    [fault] = found_in({case: changed(case, change)})
    assert fault.severity == severity


def test_the_most_severe_come_first() -> None:
    answers = {
        "list-closed": DriverAnswer(error=SdkError("Odd", expected=False)),
        "redirect-to-another-host": DriverAnswer(value={}),
        "error-403-cce": DriverAnswer(error=SdkError("E", expected=True, status=403)),
    }
    assert [fault.severity for fault in found_in(answers)] == ["high", "medium", "low"]


def test_every_kind_has_both_languages_and_each_code_its_source() -> None:
    for name, kind in words()["kinds"].items():
        assert {"severity", "en", "zh", "expected_en", "expected_zh"} <= kind.keys(), name
        assert re.findall(r"{(\w+)}", kind["en"]) == re.findall(r"{(\w+)}", kind["zh"]), name
        assert kind["severity"] in words()["severities"]
    assert words()["words"]["en"].keys() == words()["words"]["zh"].keys()
    about_sdks = {code for code, rule in rules().items() if code > "PRE7" and rule.severity is not Severity.NOTE}
    assert about_sdks <= table("ticket_zh.toml").keys()


def test_the_cases_of_the_corpus_are_few_faults_if_everything_is_lost() -> None:
    """An SDK that returns an empty object for everything has few mistakes, not hundreds."""
    results = tuple(judge(case, DriverAnswer(value={}), ()) for case in corpus_cases())
    found = faults(defects(SdkReport(SDK, results)))
    assert len(found) < 30
    assert len(defects(SdkReport(SDK, results))) > len(found)


def test_an_undocumented_field_that_is_changed_is_not_taken_for_a_wrapped_list() -> None:
    def change(body: Any) -> None:
        body["status"]["phase"] = "Stopped"

    [fault] = found_in({"create-status-shape-in-create": changed("create-status-shape-in-create", change)})
    assert (fault.kind, fault.about, fault.places) == ("value-changed", "$.status", ("$.status.phase",))
