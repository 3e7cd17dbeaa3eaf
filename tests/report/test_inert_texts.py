"""What a service sends is shown as plain text in Markdown, in a terminal and in the log of a CI job."""

from __future__ import annotations

import html
import json
import re
import unicodedata
from dataclasses import replace
from typing import TYPE_CHECKING, Final

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from pytest_cce_precheck.contract.findings import Finding
from pytest_cce_precheck.redaction.texts import Redactor
from pytest_cce_precheck.report.files import (
    as_code_quality,
    as_ctrf,
    as_events,
    as_json,
    as_markdown,
    as_sarif,
    commands,
    write_to_github,
)
from pytest_cce_precheck.report.html import as_html
from pytest_cce_precheck.report.record import RunRecord, TargetResult, TestResult
from pytest_cce_precheck.report.saved import SavedReport
from pytest_cce_precheck.report.text import one_line
from pytest_cce_precheck.report.ticket import ticket
from pytest_cce_precheck.report.verdict import conclude
from tests.saved_reports import NO_EXPIRY, as_data, report_of
from tests.toolchains import require_module

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

HOSTILE: Final = (
    "![x](https://evil.test/x.png)",
    "[x](https://evil.test) <https://evil.test> https://evil.test www.evil.test a@evil.test",
    "<img src=x onerror=alert(1)><script>alert(1)</script><a href='x'>",
    "@octocat #1 owner/repo#1 GH-1 d670460b4b4aece5915caf5c68d12f560a9fe3e4",
    r"a\|b \\| \\\| \ | || |",
    "` `` ``` ````a` `",
    "`",
    "\\",
    "|",
    "|`|`\\|",
    "&lt;b&gt; &amp; &#60;",
    "# x\r\n- y\n\n---\n| a | b |\n|---|---|",
    "*a* _b_ ~~c~~ **d** $x$ $$y$$ :smile: ==z==",
    "\x1b[31mred\x1b[0m \x9b31m \u202egnp.exe \u2066x\u2069 \u200b \u2028 \ufeff \x00 \x85",
    "::error::x",
    " \t::stop-commands::x",
    "##[error]x ##vso[task.setvariable variable=a]b ##teamcity[x]",
    " leading and trailing ",
    "`leading and trailing`",
    "[^1] [ ] [x] - [ ] a",
)
texts = st.one_of(
    st.sampled_from(HOSTILE),
    st.lists(st.sampled_from([*HOSTILE, *"`|\\<>@#![]()*_~&;: \n\ré", "](", "http://", "``"]), max_size=8).map("".join),
    st.text(st.characters(exclude_categories=["Cs"]), max_size=20),
)


def rendered(markdown: str) -> str:
    module = require_module("markdown_it")
    require_module("linkify_it")
    # as GitHub: tables, struck out text, addresses made links, HTML let through
    return str(module.MarkdownIt("gfm-like", {"html": True, "linkify": True}).render(markdown))


def report(text: str, number: int = 1) -> RunRecord:
    exchange = {"method": "GET", "target": text, "status": 200, "request_id": text}
    finding = {**as_data(Finding("PRE305", "")), "message": text, "exchanges": [exchange]}
    record = RunRecord(
        "live",
        {"": TargetResult("https://cce.example/@x", requests=3, not_asked_for=(text,))},
        findings=(finding,) * number,
        tests=(TestResult(text, "passed", on_simulator=True),),
        examples=({"test": text, "examples": 1, "listed": 0},),
        observations={text: (text, text)},
        inconclusive=(text,),
        acceptances_never_met=(text,),
        acceptances_expired=(text,),
        classes_not_reached=(text,),
    )
    return replace(conclude(record, "", 1), headline=f"the contract does not hold: {text}")


@given(texts)
@example("a\\|b")
def test_in_the_markdown_report_a_text_is_itself_and_nothing_else(text: str) -> None:
    page = rendered(as_markdown(report(text)))
    names = {re.sub(r"\W", "", tag) for tag in re.findall(r"<[^>]*", page)}
    assert names <= {*("h1", "h2", "p", "strong", "table", "thead", "tbody", "tr", "th", "td", "ul", "li", "code")}, (
        page
    )
    cells = [cell(each) for each in re.findall(r"<td>(.*?)</td>", page, re.DOTALL)]
    assert len(cells) == 4, page
    shown = one_line(text)
    assert cells == ["failing", "PRE305", shown, one_line(f"GET {text} → 200 ({text or 'no request id'})")]
    items = [cell(each) for each in re.findall(r"<li>(.*?)</li>", page, re.DOTALL)]
    assert items == [one_line(f"{text}: {text}, {text}"), *[shown] * 7]
    # where nothing is a mention, an issue's number or a link
    for each in re.findall(r"<(?:td|li|strong)>(.*?)</(?:td|li|strong)>", page, re.DOTALL):
        outside = html.unescape(re.sub(r"<code>.*?</code>", "", each, flags=re.DOTALL))
        assert set(outside.removeprefix("failing").removeprefix("PRE305")) <= {"|"}, each


@pytest.mark.parametrize("form", [as_json, as_ctrf, as_sarif, as_code_quality, as_events])
def test_json_that_is_shown_does_not_act_on_a_terminal(form: Callable[[RunRecord], str]) -> None:
    shown = form(report("\x9b31m \x85 \u202egnp.exe \u2028 \ufeff 插件"))
    assert [char for char in shown if not char.isprintable() and char != "\n"] == []
    if form is as_json:
        assert "插件" in shown
        assert json.loads(shown)["findings"][0]["message"] == "\x9b31m \x85 \u202egnp.exe \u2028 \ufeff 插件"


def cell(page: str) -> str:
    return html.unescape(re.sub(r"</?code>", "", page))


class LeavesAlone(Redactor):
    """Masks nothing, not even what looks like a password in a URL."""

    def text(self, text: str) -> str:
        return text


@given(texts)
def test_in_a_ticket_a_text_is_itself_and_nothing_else(text: str) -> None:
    document = report_of(NO_EXPIRY)
    [finding] = document["findings"]
    finding["message"] = text
    finding["evidence"] = [["answer", text]]
    finding["exchanges"][0] |= {"curl": f"curl -sS {text}", "date": text, "request_id": text or "r"}
    for language in ("en", "zh"):
        written = ticket(SavedReport("x.json", document), "PRE302", language, LeavesAlone(()))
        page = rendered(written)
        outside = re.sub(r"<pre>.*?</pre>", "", page, flags=re.DOTALL)
        plain = rendered(ticket(SavedReport("x.json", report_of(NO_EXPIRY)), "PRE302", language, LeavesAlone(())))
        assert outside == re.sub(r"<pre>.*?</pre>", "", plain, flags=re.DOTALL)
        assert one_line(f"curl -sS {text}").rstrip() in html.unescape(page)


@given(texts)
def test_a_line_of_a_terminal_is_one_line_that_commands_nothing(text: str) -> None:
    line = one_line(text)
    assert not any(unicodedata.category(character) in ("Cc", "Cf", "Cs", "Zl", "Zp") for character in line)
    assert not line.lstrip().startswith("::")
    assert not re.search(r"##[a-z]*\[", line)
    assert one_line(line) == line


@given(texts)
def test_an_annotation_is_one_command(text: str) -> None:
    lines = list(commands(report(text)))
    assert [line.partition("::")[2].partition("::")[0] for line in lines] == ["error title=PRE305"]
    assert all(line.isprintable() and not re.search("%(?!25)", line) for line in lines)


@pytest.mark.parametrize("text", HOSTILE)
def test_the_html_report_is_no_place_for_it_either(text: str) -> None:
    page = as_html(report(text))
    assert one_line(text) in html.unescape(page)
    assert "evil.test" not in re.sub(r">[^<]*<", "><", page)
    assert page.replace("\n", "").isprintable()


def test_a_summary_that_is_cut_ends_with_a_whole_line(tmp_path: Path) -> None:
    file = tmp_path / "summary.md"
    record = report("x" * 100 + " ![x](https://evil.test)", 3000)
    write_to_github(record, {"GITHUB_ACTIONS": "true", "GITHUB_STEP_SUMMARY": str(file)})
    text = file.read_text("utf-8")
    assert text.endswith("|\n\n… the rest is in the report file (--cce-report).\n")
