from __future__ import annotations

import json
import re
from typing import TYPE_CHECKING

import pytest

from tests.plugin.projects import ORDINARY, VERIFIES

if TYPE_CHECKING:
    from tests.conftest import Run

FAULT = "--cce-fault=final-without-expiry"


@pytest.mark.parametrize(
    ("path", "message"),
    [
        ("findings.txt", "expected a name that ends in .ctrf.json, *.md, .html"),
        ("findings", "expected a name that ends in .ctrf.json, *.md, .html"),
        ("nowhere/findings.json", "the folder nowhere does not exist"),
        ("folder.json", "it is a directory; expected a regular file"),
    ],
)
def test_a_report_that_cannot_be_written_stops_the_run(
    pytester: pytest.Pytester, run: Run, path: str, message: str
) -> None:
    pytester.makepyfile(ORDINARY)
    pytester.mkdir("folder.json")
    result = run(f"--cce-report={path}")
    assert result.ret == 4
    result.stderr.fnmatch_lines([f"ERROR: --cce-report={path}*: {message}"])
    assert "1 passed" not in result.stdout.str()


def test_a_report_that_cannot_be_written_at_the_end_is_an_error_and_no_traceback(
    pytester: pytest.Pytester, run: Run
) -> None:
    pytester.makepyfile("import pathlib\ndef test_blocks_the_report(): pathlib.Path('findings.json').mkdir()")
    result = run("--cce-report=findings.json")
    assert result.ret == 4
    result.stdout.fnmatch_lines(
        ["ERROR: --cce-report=findings.json cannot be written: it is a directory; expected a regular file"]
    )
    assert "Traceback" not in result.stdout.str() + result.stderr.str()


def test_the_json_report_holds_what_programs_need(pytester: pytest.Pytester, run: Run) -> None:
    pytester.makepyfile(VERIFIES)
    result = run(FAULT, "--cce-report=findings.json", "--cce-accept=PRE210: as in the example")
    assert result.ret == 1
    result.stdout.fnmatch_lines(["report written to findings.json"])
    report = json.loads((pytester.path / "findings.json").read_bytes())
    assert (report["mode"], report["service"]) == ("simulate", "the simulator")
    assert report["acceptances_never_met"] == ["PRE210 (as in the example)"]
    [finding] = report["findings"]
    assert (finding["code"], finding["verdict"], finding["severity"]) == ("PRE302", "failing", "error")
    assert finding["path"].startswith("$.items[")
    assert finding["test"].endswith("::test_upgrade_checks_meet_the_contract")
    [exchange] = finding["exchanges"]
    assert exchange["target"].endswith("/addons/precheck/tasks?type=addonUpgrade")
    assert exchange["status"] == 200
    assert exchange["request_id"]


def test_the_markdown_report_is_a_table_of_findings(pytester: pytest.Pytester, run: Run) -> None:
    pytester.makepyfile(VERIFIES)
    run(FAULT, "--cce-report=findings.md")
    text = (pytester.path / "findings.md").read_text("utf-8")
    assert text.startswith("# Contract check of `the simulator`\n")
    assert "| failing | PRE302 | ``A finished task has no `expireTimeStamp`" in text
    assert "**`the contract does not hold: 1 cause`**" in text
    assert "`mode simulate: the simulator (no real service was contacted), 1 request, seed 0`" in text


def test_the_html_report_is_one_page_that_needs_nothing_else(pytester: pytest.Pytester, run: Run) -> None:
    pytester.makepyfile(VERIFIES)
    run(FAULT, "--cce-report=findings.html", "--cce-accept=PRE210: <script>alert(1)</script>")
    text = (pytester.path / "findings.html").read_text("utf-8")
    assert text.startswith("<!doctype html>")
    assert "PRE302" in text
    assert "&lt;script&gt;" in text
    assert text.count("<script>") == 1
    assert not re.search(r"<(?:link|img|iframe|object|video)|@import|url\(", text)
    [policy] = re.findall(r'Content-Security-Policy" content="([^"]*)"', text)
    assert policy.startswith("default-src 'none'; style-src 'unsafe-inline'; script-src 'sha256-")


@pytest.mark.parametrize("module", [ORDINARY, VERIFIES])
def test_a_run_without_findings_writes_its_report_too(pytester: pytest.Pytester, run: Run, module: str) -> None:
    pytester.makepyfile(module)
    result = run("--cce-report=findings.json")
    assert result.ret == 0
    assert json.loads((pytester.path / "findings.json").read_bytes())["findings"] == []


def test_what_a_service_sends_cannot_break_the_report(pytester: pytest.Pytester, run: Run) -> None:
    pytester.makepyfile(
        r"""
        from pytest_cce_precheck import Exchange, Request, Response

        def test_half_a_character_and_a_terminal_escape(cce_contract):
            body = b'{"kind": "\\ud800\\u001b[31m|<b>", "apiVersion": "v3", "items": []}'
            asked = Request("GET", "https://cce.example", "/api/v3/projects/p/clusters/c/addons/precheck/tasks")
            cce_contract.verify(Exchange(asked, Response(200, body=body)))
        """
    )
    for name in ("findings.json", "findings.md", "findings.html"):
        result = run(f"--cce-report={name}")
        assert result.ret == 1
        assert "\x1b[31m" not in result.stdout.str()
        assert "PRE203" in (pytester.path / name).read_text("utf-8")


def test_several_reports_are_all_written(pytester: pytest.Pytester, run: Run) -> None:
    pytester.makepyfile(VERIFIES)
    names = ["one.json", "two.json", "three.html", "four.md"]
    result = run(*(f"--cce-report={name}" for name in (*names, names[0])))
    assert result.ret == 0
    result.stdout.fnmatch_lines([f"report written to {name}" for name in names], consecutive=True)
    assert (pytester.path / "one.json").read_bytes() == (pytester.path / "two.json").read_bytes()
    assert all((pytester.path / name).stat().st_size for name in names)


@pytest.mark.parametrize("place", ["ini", "environment"])
def test_several_reports_may_be_named_in_settings(
    pytester: pytest.Pytester, run: Run, monkeypatch: pytest.MonkeyPatch, place: str
) -> None:
    pytester.makepyfile(VERIFIES)
    if place == "ini":
        pytester.makeini("[pytest]\ncce_report =\n    one.json\n    two.md\n")
    else:
        monkeypatch.setenv("CCE_REPORT", "one.json\ntwo.md")
    assert run().ret == 0
    assert (pytester.path / "one.json").exists()
    assert (pytester.path / "two.md").exists()


def test_one_of_several_reports_that_cannot_be_written_is_told_in_the_others(
    pytester: pytest.Pytester, run: Run
) -> None:
    pytester.makepyfile("import pathlib\ndef test_blocks(cce_client): pathlib.Path('two.html').mkdir()")
    result = run("--cce-report=one.json", "--cce-report=two.html", "--cce-report=three.json")
    assert result.ret == 4
    for name in ("one.json", "three.json"):
        assert json.loads((pytester.path / name).read_bytes())["exit_status"] == 4


@pytest.mark.parametrize("number", [0, 1])
def test_each_of_several_reports_is_refused_at_the_start(pytester: pytest.Pytester, run: Run, number: int) -> None:
    pytester.makepyfile(ORDINARY)
    names = ["good.json", "good.md"]
    names[number] = "findings.txt"
    result = run(*(f"--cce-report={name}" for name in names))
    assert result.ret == 4
    result.stderr.fnmatch_lines(
        ["ERROR: --cce-report=findings.txt: expected a name that ends in .ctrf.json, *.md, .html"]
    )
