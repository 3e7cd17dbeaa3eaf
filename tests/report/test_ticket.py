"""A ticket has the request, the answer, what the documents say, how often it was seen, and what is expected."""

from __future__ import annotations

import re
from dataclasses import replace
from typing import Any, Final

import pytest

from pytest_cce_precheck.contract.findings import Finding
from pytest_cce_precheck.contract.rules import Kind, rules
from pytest_cce_precheck.errors import ConfigurationError
from pytest_cce_precheck.redaction.texts import Redactor
from pytest_cce_precheck.report.language import line_in, table
from pytest_cce_precheck.report.saved import SavedReport
from pytest_cce_precheck.report.ticket import ticket
from tests.saved_reports import CREATED, NO_EXPIRY, OPEN, REQUEST_ID, SERVICE, UNSOUND, UNSOUND_TASK, report_of

LANGUAGES: Final = ("en", "zh")
WORDS, CHINESE = table("ticket.toml"), table("ticket_zh.toml")
# what a saved report can hold of a code, and what is for the vendor
FOR_THE_VENDOR: Final = {
    code for code, rule in rules().items() if code[3] in "123456" and rule.kind is not Kind.OBSERVATION
} - {"PRE120"}


def written(document: dict[str, Any], code: str, language: Any, redactor: Redactor | None = None) -> str:
    return ticket(SavedReport("report.json", document), code, language, redactor or Redactor(()))


def sections(text: str) -> list[list[str]]:
    parts = re.split(r"^\d\. .*$", text, flags=re.MULTILINE)
    return [[line[4:] for line in part.splitlines() if line.startswith("       ")] for part in parts]


def test_a_ticket_in_english_says_it_all() -> None:
    text = written(report_of(NO_EXPIRY), "final-without-expiry", "en")
    assert text.splitlines()[:3] == [
        "[CCE] ListAddonPrecheckTasks: A finished task has no `expireTimeStamp` (PRE302 final-without-expiry)",
        "",
        f"    Service: {SERVICE}",
    ]
    _, asked, came, contract, often, expected = sections(text)
    assert f"{SERVICE}/api/v3/projects/p/clusters/c/addons/precheck/tasks?type=addonStatic" in asked[0]
    assert asked[0].endswith('-H "X-Auth-Token: $CCE_AUTH_TOKEN"')
    assert f"status 200, request id {REQUEST_ID}" in came[0]
    assert "   at $.items[2].metadata.expireTimeStamp" in came
    assert contract[0] == "   D: final tasks have it. D's own example is Failed and has none."
    assert "intl/en-us/api-cce/ListAddonPrecheckTasks.html" in contract[1]
    assert contract[2].startswith("   The vendor's own documents contradict each other here")
    assert {"   different findings: 1", "   requests sent in the run: 241"} <= set(often)
    assert expected == ["   Send the expiry of every finished task."]


def test_a_ticket_in_chinese_says_the_same() -> None:
    text = written(report_of(NO_EXPIRY), "PRE302", "zh")
    assert text.splitlines()[0] == (
        "[CCE] ListAddonPrecheckTasks\N{FULLWIDTH COLON}已结束的任务没有 `expireTimeStamp`"
        "\N{FULLWIDTH LEFT PARENTHESIS}PRE302 final-without-expiry\N{FULLWIDTH RIGHT PARENTHESIS}"
    )
    headings = re.findall(r"^\d\. (.*)$", text, re.MULTILINE)
    assert headings == ["请求", "响应", "接口文档的规定", "出现次数", "处理建议"]
    assert REQUEST_ID in text
    assert "/api-cce/ListAddonPrecheckTasks.html" in text
    assert sections(text)[-1] == ["   所有终态任务都应返回超时时间。"]


def test_what_was_found_is_in_chinese_in_a_chinese_ticket_as_it_is_in_the_terminal() -> None:
    said = "?type=addonStatic wrongly leaves out task t-1 (type addonStatic)"
    found = Finding("PRE402", said, "$.items", evidence=(("question", "?type=addonStatic"),))
    _, _, came, *_ = sections(written(report_of(found), "PRE402", "zh"))
    assert any(line.endswith(line_in(said, "zh")) for line in came)
    assert "遗漏了符合条件的任务 t-1" in line_in(said, "zh")
    assert "   - 查询条件：?type=addonStatic" in came
    assert said in written(report_of(found), "PRE402", "en")


@pytest.mark.parametrize("language", LANGUAGES)
def test_only_the_documents_that_the_rule_rests_on_are_named(language: str) -> None:
    text = written(report_of(Finding("PRE205", "not an integer", "$.pageInfo.currentCount")), "PRE205", language)
    assert re.findall(r"^       \[(\w)\] ", text, re.MULTILINE) == ["D", "G"]


def test_every_code_that_a_ticket_can_be_about_is_put_in_chinese() -> None:
    assert FOR_THE_VENDOR <= set(CHINESE) <= set(rules()), "put the rule in Chinese, in report/ticket_zh.toml"


def test_both_languages_have_the_same_words() -> None:
    english, chinese = (WORDS[language] for language in LANGUAGES)
    assert english.keys() == chinese.keys()
    assert english["documents"].keys() == chinese["documents"].keys() == set("DCEPGJ")
    for name, text in english.items():
        if isinstance(text, str):
            assert sorted(re.findall(r"\{\w+\}", text)) == sorted(re.findall(r"\{\w+\}", chinese[name])), name


@pytest.mark.parametrize("code", sorted(CHINESE))
def test_a_chinese_rule_names_the_documents_that_the_english_one_names(code: str) -> None:
    said = CHINESE[code]
    assert said.keys() == {"fact", "source", "expected"}
    for letter in "DCEPGJ":
        assert bool(re.search(rf"(?<![\w-]){letter}(?!\w)", said["source"], re.ASCII)) is bool(
            re.search(rf"\b{letter}\b", rules()[code].source)
        ), letter


@pytest.mark.parametrize("code", sorted(CHINESE))
def test_chinese_stands_with_chinese_punctuation(code: str) -> None:
    chinese = "[\u4e00-\u9fff]"
    for text in CHINESE[code].values():
        assert not re.search(rf"{chinese}[,;:?!()]|[,;:?!()]{chinese}", text)


@pytest.mark.parametrize("language", LANGUAGES)
def test_what_a_report_holds_more_is_used(language: str) -> None:
    document = report_of(NO_EXPIRY)
    [finding] = document["findings"]
    finding["times"] = 7
    finding["exchanges"][0] |= {"curl": "curl -sS as it was sent", "date": "Mon, 01 Jun 2026 07:28:00 GMT"}
    text = written(document, "PRE302", language)
    assert "   curl -sS as it was sent\n" in text
    assert "Date Mon, 01 Jun 2026 07:28:00 GMT\n" in text
    assert re.search(r"7$", sections(text)[4][0])
    assert WORDS[language]["rebuilt"] not in text


@pytest.mark.parametrize("language", LANGUAGES)
def test_what_a_report_does_not_hold_is_said(language: str) -> None:
    document = report_of(replace(NO_EXPIRY, exchanges=()))
    assert WORDS[language]["no_request"] in written(document, "PRE302", language)
    document = report_of(NO_EXPIRY)
    document["findings"][0]["exchanges"][0]["request_id"] = None
    text = written(document, "PRE302", language)
    assert WORDS[language]["rebuilt"] in text
    assert f" {WORDS[language]['no_request_id']}" in text
    assert WORDS[language]["no_date"] in text


@pytest.mark.parametrize("language", LANGUAGES)
def test_a_simulated_run_is_no_matter_of_the_vendor(language: str) -> None:
    document = report_of(NO_EXPIRY, mode="simulate", service="the simulator")
    assert f"    {WORDS[language]['simulated']}" in written(document, "PRE302", language).splitlines()


def test_a_replayed_run_names_the_recorded_service_and_the_oldest_recording() -> None:
    document = report_of(NO_EXPIRY, mode="replay", service="recorded answers")
    document["cassettes"] = [
        {"endpoint": SERVICE, "recorded_at": "2026-05-02T00:00:00+00:00"},
        {"endpoint": SERVICE, "recorded_at": "2026-05-01T00:00:00+00:00"},
    ]
    text = written(document, "PRE302", "en")
    assert f"From recordings of {SERVICE}, the oldest of 2026-05-01T00:00:00+00:00." in text
    assert f" '{SERVICE}/api/v3/" in text


def test_a_ticket_has_the_evidence_and_every_request_id_of_a_finding() -> None:
    text = written(report_of(UNSOUND), "PRE401", "en")
    assert text.count(REQUEST_ID) == 2
    assert "   - shows: t1\n" in text


def test_several_findings_of_a_code_are_one_ticket_with_a_request_id_of_each() -> None:
    text = written(report_of(UNSOUND_TASK, UNSOUND), "PRE401", "en")
    assert text.count(REQUEST_ID) == 2
    assert "   and 1 more, each with a message of its own\n" in text
    assert "   different findings: 2\n" in text


def test_a_create_is_called_by_its_own_name() -> None:
    text = written(report_of(Finding("PRE320", "spec changed", "$.spec", exchanges=(CREATED,))), "PRE320", "en")
    assert text.startswith("[CCE] BatchCreateAddonPrecheck: ")
    assert "-X POST" in text


def test_a_question_with_bad_credentials_is_not_repeated_with_good_ones() -> None:
    finding = Finding("PRE601", "answered", subject=("PRE601",), exchanges=NO_EXPIRY.exchanges)
    text = written(report_of(finding), "PRE601", "en")
    assert "CCE_AUTH_TOKEN" not in text
    assert WORDS["en"]["credentials"] in text


def test_no_secret_gets_into_a_ticket_and_no_line_is_broken() -> None:
    hostile = replace(NO_EXPIRY, message="the token hunter2-hunter2\n\x1b[31mred")
    text = written(report_of(hostile), "PRE302", "en", Redactor(["hunter2-hunter2"]))
    assert "the token ***\\n\\x1b[31mred\n" in text


@pytest.mark.parametrize(
    ("finding", "code", "message"),
    [
        (OPEN, "PRE190", "PRE190 is an observation"),
        (Finding("PRE120", "old", subject=("a",)), "PRE120", "PRE120 is not about the service"),
        (NO_EXPIRY, "PRE305", r"report.json has no PRE305; it has PRE302"),
        (NO_EXPIRY, "PRE3O2", "unknown finding code 'PRE3O2'; did you mean PRE3"),
    ],
)
def test_where_there_is_nothing_to_ask_of_the_vendor_there_is_no_ticket(
    finding: Finding, code: str, message: str
) -> None:
    with pytest.raises(ConfigurationError, match=message):
        written(report_of(finding), code, "en")
