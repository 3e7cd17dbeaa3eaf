"""The HTML report in a browser: for every width, scheme and language, without JavaScript, and with many findings."""

from __future__ import annotations

import json
import os
import re
import subprocess
import sys
from dataclasses import replace
from html import unescape
from typing import TYPE_CHECKING, Any, Final

import pytest
from markupsafe import escape

from pytest_cce_precheck.report.html import as_html
from pytest_cce_precheck.report.language import line_in, reason_in
from pytest_cce_precheck.report.saved import SavedReport
from pytest_cce_precheck.report.saved_record import conclude_again, record_of
from tests.report.chromium import OPEN_ALL, axe_source, browser, violations

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    from pytest_cce_precheck.report.record import RunRecord

WIDTHS: Final = (1280, 390, 320)
LARGEST: Final = 2 * 1024 * 1024
FAULTS: Final = ("type-in-any-case", "count-one-short", "type-filter-ignored", "state-in-upper-case")
SECTIONS: Final = (
    "Classes of values of each two filters",
    "Fields of the list answer",
    "Timeline of requests and tasks",
    "The slowest answers of each kind",
    "Rules without a verdict",
)


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return tmp_path_factory.mktemp("page")


@pytest.fixture(scope="module")
def record(folder: Path) -> RunRecord:
    """Return the record of a run with several causes, the second of its history."""
    ours = ("CCE_", "HUAWEICLOUD_", "CLOUD_SDK_", "PYTEST_")
    environment = {name: text for name, text in os.environ.items() if not name.startswith(ours)}
    for faults in ((), FAULTS):
        words = ["run", "--report=r.json", "--history=h.sqlite", *(f"--fault={name}" for name in faults)]
        command = [sys.executable, "-m", "pytest_cce_precheck.cli", *words]
        subprocess.run(command, cwd=folder, env=environment, capture_output=True, check=False, timeout=180)
    return record_of(SavedReport.read(folder / "r.json"))


@pytest.fixture(scope="module")
def chromium() -> Iterator[Any]:
    with browser() as running:
        yield running


@pytest.fixture(scope="module")
def axe(pytestconfig: pytest.Config) -> str:
    cache = pytestconfig.rootpath / ".pytest_cache" / "axe"
    cache.mkdir(parents=True, exist_ok=True)
    return axe_source(cache)


@pytest.fixture(scope="module")
def address(folder: Path, record: RunRecord) -> str:
    path = folder / "page.html"
    path.write_text(as_html(record), "utf-8")
    return path.as_uri()


def opened(chromium: Any, address: str, **options: Any) -> Any:
    page = chromium.new_context(**options).new_page()
    page.goto(address)
    return page


@pytest.mark.parametrize("language", ["en", "zh"])
@pytest.mark.parametrize("scheme", ["light", "dark"])
@pytest.mark.parametrize("width", WIDTHS)
def test_nobody_is_shut_out_and_nothing_is_cut_off(
    chromium: Any, axe: str, address: str, width: int, scheme: str, language: str
) -> None:
    page = opened(chromium, address, viewport={"width": width, "height": 900}, color_scheme=scheme)
    page.check(f"#in-{language}")
    page.evaluate(OPEN_ALL)
    assert page.evaluate("document.documentElement.scrollWidth") <= width
    assert violations(page, axe) == []
    assert page.evaluate("document.documentElement.lang") == {"en": "en", "zh": "zh-CN"}[language]


def test_no_request_leaves_the_page(chromium: Any, address: str) -> None:
    asked: list[str] = []
    page = chromium.new_context().new_page()
    page.on("request", lambda request: asked.append(request.url))
    page.goto(address)
    page.evaluate(OPEN_ALL)
    page.wait_for_timeout(300)
    assert asked == [address]


def test_every_copy_button_copies_the_text_above_it(chromium: Any, address: str, record: RunRecord) -> None:
    context = chromium.new_context()
    context.grant_permissions(["clipboard-read", "clipboard-write"])
    page = context.new_page()
    page.goto(address)
    page.evaluate(OPEN_ALL)
    copied = []
    for number in range(page.locator("button.copy").count()):
        block = page.locator(".copyable").nth(number)
        block.locator("button.copy").click()
        copied.append(page.evaluate("navigator.clipboard.readText()"))
        assert copied[-1].rstrip() == block.locator("code").text_content().rstrip()
    names = {finding["rerun"] for finding in record.findings if "rerun" in finding}
    assert names
    assert {record.command_to_ask_again(name) for name in names} <= set(copied)


def test_without_javascript_all_is_there(chromium: Any, address: str) -> None:
    page = opened(chromium, address, java_script_enabled=False)
    assert page.locator("button.copy:visible").count() == 0
    for heading in SECTIONS:
        page.locator("summary", has_text=heading).click()
    assert page.locator("details[open] .grid table").count() == 4
    assert page.locator("svg.timeline rect:visible").count() > 100
    assert page.locator("ol.runs li").count() == 2
    page.locator("#in-zh").check()
    assert page.locator("h1").inner_text() == "不符合接口契约"


def with_findings(record: RunRecord, number: int) -> RunRecord:
    """Return a record with so many findings, each of another fact."""
    [model, *_] = [finding for finding in record.findings if finding["verdict"] == "failing"]
    findings = tuple(
        {**model, "message": f"{n}: {model['message']}", "subject": [f"filter{n}"], "path": ""} for n in range(number)
    )
    return conclude_again(replace(record, findings=findings))


def test_what_was_found_and_why_is_in_chinese_too(record: RunRecord) -> None:
    page = as_html(record)
    texts = [
        record.reason,
        *(each["message"] for each in record.findings if len(each["message"]) < 200),
        *record.not_asked_for,
    ]
    for text in texts:
        chinese = reason_in(text, "zh") if text == record.reason else line_in(text, "zh")
        assert chinese != text
        assert f'<span class="zh" lang="zh-CN">{escape(chinese)}</span>' in page, text


@pytest.mark.parametrize("number", [0, 1, 30, 5000])
def test_a_page_stays_below_two_megabytes_whatever_was_found(record: RunRecord, number: int) -> None:
    page = as_html(with_findings(record, number))
    assert len(page.encode()) < LARGEST
    assert f"({number})" in re.sub("<[^>]*>", "", page.partition('id="filter"')[0][-4000:]) or number == 0


def test_a_page_with_5000_findings_can_be_read_and_filtered(
    chromium: Any, axe: str, folder: Path, record: RunRecord
) -> None:
    path = folder / "many.html"
    path.write_text(as_html(with_findings(record, 5000)), "utf-8")
    page = opened(chromium, path.as_uri(), viewport={"width": 390, "height": 900})
    page.fill("#filter", "1234: ")
    assert page.locator("#findings tbody tr:visible").count() == 1
    assert page.evaluate("document.documentElement.scrollWidth") <= 390


def test_what_the_page_counts_is_what_the_record_has(record: RunRecord) -> None:
    page = unescape(as_html(record))
    red = sum(each["red"] for each in record.combinations)
    assert red
    assert f"{len(record.timeline)} <span" in page
    for rule in (*record.proved["rules"].nothing, *record.proved["rules"].not_asked):
        assert f"{rule} " in page.partition("Rules without a verdict")[2]
    document = json.loads(json.dumps(record.to_dict()))
    assert [run["failed"] for run in document["runs"]] == [0, document["runs"][-1]["failed"]]


def test_the_words_of_tables_are_in_both_languages(record: RunRecord) -> None:
    page = as_html(replace(record, language="zh"))
    assert "<title>接口契约检查：模拟器</title>" in page
    for word in ("位置", "未传", "存在但不匹配", "其他", "通过", "失败", "不带过滤参数的列表", "规则", "选项"):
        assert f'<span class="zh" lang="zh-CN">{word}</span>' in page, word
