"""Every form of a report says what the record says, and is valid by the published schema of its form."""

from __future__ import annotations

import json
import re
from datetime import UTC, datetime, timedelta
from functools import cache
from html import unescape
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final, get_args

from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from jsonschema import Draft7Validator, Draft202012Validator

from pytest_cce_precheck.contract.findings import Finding
from pytest_cce_precheck.contract.rules import rules
from pytest_cce_precheck.report.files import as_code_quality, as_ctrf, as_events, as_json, as_markdown, as_sarif
from pytest_cce_precheck.report.html import as_html
from pytest_cce_precheck.report.proved import Proved
from pytest_cce_precheck.report.record import CheckState, RunRecord, ShippedCheck, TargetResult, TestResult
from pytest_cce_precheck.report.saved import SavedReport
from pytest_cce_precheck.report.saved_record import merged, record_of
from pytest_cce_precheck.report.terminal import lines
from pytest_cce_precheck.report.text import one_line
from pytest_cce_precheck.report.verdict import conclude
from pytest_cce_precheck.schema_files import load_schema
from tests.saved_reports import LISTED
from tests.toolchains import require_module

if TYPE_CHECKING:
    import pytest

    from tests.conftest import Run

SCHEMAS: Final = Path(__file__).parents[1] / "data" / "forms"
# https://docs.gitlab.com/ci/testing/code_quality/#code-quality-report-format
GITLAB_SEVERITIES: Final = {"info", "minor", "major", "critical", "blocker"}
STATES: Final = get_args(CheckState)
OUTCOMES: Final = ("passed", "failed", "error", "skipped", "xfailed", "xpassed")
texts = st.one_of(
    st.sampled_from(["<b>&amp;", "::error::x", "|`|", "@you"]), st.text("aé任\x1b\u202e|`<&\n ", max_size=12)
)
words = st.text("abcdefgh", min_size=1, max_size=6)
seconds = st.integers(0, 9_000).map(lambda number: number / 1000)
counts = st.integers(0, 9)


@cache
def schema(name: str) -> Any:
    return json.loads((SCHEMAS / name).read_text("utf-8"))


def names_of(target: str) -> dict[str, list[str]]:
    return {"targets": [target]} if target else {}


@st.composite
def findings(draw: st.DrawFn, targets: list[str]) -> dict[str, Any]:
    code = draw(st.sampled_from(sorted(rules())))
    exchanges = (LISTED,) * draw(st.integers(0, 2))
    found = Finding(
        code,
        draw(texts) or "x",
        draw(st.sampled_from(["", "$.items[3].metadata.type", "$.pageInfo"])),
        tuple(draw(st.lists(st.sampled_from(["type", "task_id", "x"]), max_size=2, unique=True))),
        ((draw(words), draw(texts)),),
        exchanges,
    )
    verdict = draw(st.sampled_from(["failing", "shown", "accepted", "caught"]))
    more = {"reason": draw(texts)} if verdict == "accepted" else {}
    if verdict == "failing" and draw(st.booleans()):
        more["rerun"] = f"{code}-0a1b2c"
    test = f"test_contract.py::test_{draw(words)}"
    return {**found.to_dict(), "verdict": verdict, "test": test, **more, **names_of(draw(st.sampled_from(targets)))}


@st.composite
def records(draw: st.DrawFn) -> RunRecord:
    targets = draw(st.sampled_from([[""], ["eu"], ["cn", "eu"]]))
    suite = draw(st.booleans())
    at = draw(st.lists(seconds, max_size=4).map(sorted))
    proved = Proved({"PRE401": draw(st.integers(1, 5))}, ("PRE402",), ("PRE324", "PRE610"))
    fields = Proved({"list $.kind": 3, "list $.items[*].metadata.type (addonStatic, Init)": 2}, (), ("create $.kind",))
    found = draw(st.lists(findings(targets), max_size=6))
    unique = {(each["verdict"], each["code"], *each["subject"], each["path"]): each for each in found}
    record = RunRecord(
        draw(st.sampled_from(["simulate", "live", "replay"])),
        {
            name: TargetResult(
                f"https://{draw(words)}.example",
                cluster=draw(words),
                requests=draw(counts),
                tried=draw(counts),
                answered=draw(counts),
                listed=draw(st.booleans()),
                not_asked_for=tuple(draw(st.lists(texts.filter(bool), max_size=1))),
            )
            for name in targets
        },
        started=datetime(2026, 1, 1, tzinfo=UTC) + timedelta(seconds=draw(st.integers(0, 10**8))),
        duration=draw(seconds),
        version="0.1.0",
        suite=suite,
        fail_on=draw(st.sampled_from(["error", "never", "new"])),
        tests=tuple(
            TestResult(f"t.py::test_{draw(words)}", draw(st.sampled_from(OUTCOMES)), draw(seconds), name)
            for name in targets
        ),
        checks=tuple(
            ShippedCheck(f"test_{each}", draw(st.sampled_from(STATES)), name, draw(texts))
            for name in targets
            for each in ("a", "b")
            if suite
        ),
        findings=tuple(unique.values()),
        inconclusive=tuple(draw(st.lists(texts.filter(bool), max_size=2, unique=True))),
        proved={"rules": proved, "fields": fields},
        combinations=({"classes": {"type": "matching"}, "judged": 3, "red": draw(st.integers(0, 3))},),
        timeline=tuple(
            {"at": each, "took": 0.01, "kind": draw(st.sampled_from(["type", ""])), "status": 200, "asked": draw(texts),
             "target": targets[0]}
            for each in at
        ),
        lives=({"task": draw(texts), "target": targets[0], "states": [[0.5, "Init"], [0.9, "?"]]},) if at else (),
        runs=tuple({"run": str(n), "at": "2026-01-01T00:00:00+00:00", "tests": 2, "failed": n, "inconclusive": 1 - n}
                   for n in range(2)),
    )  # fmt: skip
    return conclude(record, draw(st.sampled_from(["", "it was interrupted"])), draw(st.integers(0, 1)))


@settings(max_examples=200, deadline=None, suppress_health_check=list(HealthCheck))
@given(record=records())
def test_every_form_says_the_same_and_is_valid(record: RunRecord) -> None:
    document = json.loads(as_json(record))
    Draft202012Validator(load_schema("report")).validate(document)
    causes = [cause.finding["code"] for cause in record.causes]
    accepted = [finding["code"] for finding in record.of_verdict("accepted")]

    sarif = json.loads(as_sarif(record))
    Draft7Validator(schema("sarif.json")).validate(sarif)
    [run] = sarif["runs"]
    assert [result["ruleId"] for result in run["results"]] == causes + accepted
    assert run["invocations"][0]["properties"]["verdict"] == record.verdict

    ctrf = json.loads(as_ctrf(record))
    Draft7Validator(schema("ctrf.json")).validate(ctrf)
    assert len(ctrf["results"]["tests"]) == ctrf["results"]["summary"]["tests"] == len(record.tests)
    assert ctrf["results"]["extra"]["verdict"] == record.verdict

    quality = json.loads(as_code_quality(record))
    assert [each["check_name"] for each in quality] == causes
    for each in quality:
        assert {"description", "check_name", "fingerprint", "severity", "location"} == each.keys()
        assert each["severity"] in GITLAB_SEVERITIES
        assert not each["location"]["path"].startswith(("./", "/"))
        assert each["location"]["lines"]["begin"] >= 1
    assert len({each["fingerprint"] for each in quality}) == len(quality)

    *_, last = map(json.loads, as_events(record).splitlines())
    assert (last["event"], last["verdict"], last["exit_status"]) == ("run", record.verdict, record.exit_status)
    assert next(iter(lines(record))) == one_line(record.headline)
    assert as_markdown(record).count("\n| failing | ") == len(record.of_verdict("failing"))

    page = unescape(re.sub("<[^>]*>", "", as_html(record).partition("<h1>")[2]))
    assert one_line(record.reason) in page
    assert sum(page.count(f"cce-precheck explain {code}") for code in set(causes)) == len(causes)
    assert {cause.finding["rerun"] for cause in record.causes if "rerun" in cause.finding} <= set(
        re.findall(r"cce-precheck rerun (PRE\d{3}-[0-9a-f]{6})", page)
    )


@settings(max_examples=200, deadline=None, suppress_health_check=list(HealthCheck))
@given(record=records())
def test_a_report_is_read_back_as_the_record_that_it_was_written_from(record: RunRecord) -> None:
    document = json.loads(as_json(record))
    again = record_of(SavedReport("r.json", document))
    assert json.loads(as_json(again)) == document
    assert [cause.finding for cause in again.causes] == [cause.finding for cause in record.causes]
    both = merged([SavedReport("a.json", document), SavedReport("b.json", document)])
    assert both.requests == 2 * record.requests
    assert {check.name for check in both.checks} == {check.name for check in record.checks}
    assert {each["code"] for each in both.findings} == {each["code"] for each in record.findings}


def test_the_junit_report_is_valid_but_for_the_properties_of_tests(pytester: pytest.Pytester, run: Run) -> None:
    xmlschema = require_module("xmlschema")
    run("--pyargs", "pytest_cce_precheck.suite", "--cce-fault=count-one-short", "--cce-budget=60", "--junitxml=j.xml")
    text = (pytester.path / "j.xml").read_text("utf-8")
    assert '<property name="cce_code" value="PRE309"' in text
    # pytest documents that Jenkins' schema has no properties of single tests; CI systems read them all the same
    known = re.sub("(?s)<properties>.*?</properties>", "", text)
    assert xmlschema.XMLSchema(SCHEMAS / "junit-10.xsd").is_valid(known)
