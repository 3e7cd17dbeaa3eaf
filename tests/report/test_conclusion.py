"""The verdict of a run: whatever the run did and found, everything that is rendered from its record agrees."""

from __future__ import annotations

import html
import json
import re
from pathlib import Path
from typing import Any, Final, get_args

import pytest
from hypothesis import given
from hypothesis import strategies as st
from jsonschema import Draft202012Validator

from pytest_cce_precheck.config.options import Config
from pytest_cce_precheck.contract.findings import Finding
from pytest_cce_precheck.plugin.run_log import ReportedTest, RunLog
from pytest_cce_precheck.redaction.texts import Redactor
from pytest_cce_precheck.report.collect import collect
from pytest_cce_precheck.report.files import FORMS, write_to_github, writer_for
from pytest_cce_precheck.report.record import (
    VERDICTS,
    CheckState,
    Outcome,
    RunRecord,
    ShippedCheck,
    TargetResult,
    TestResult,
)
from pytest_cce_precheck.report.terminal import lines
from pytest_cce_precheck.report.verdict import TITLES, conclude
from pytest_cce_precheck.schema_files import REPORT, load_schema

SCHEMA: Final = Draft202012Validator(load_schema(REPORT))
STATUSES: Final = st.sampled_from([0, 1, 2, 3, 4, 5, 7])
CODES: Final = st.sampled_from(["PRE101", "PRE102", "PRE302", "PRE401", "PRE190", "PRE522"])


def data_of(code: str, verdict: str, targets: list[str]) -> dict[str, Any]:
    data = {**Finding(code, f"of {code}", subject=(verdict,)).to_dict(), "verdict": verdict, "test": "t", "times": 1}
    data |= {"reason": "agreed"} if verdict == "accepted" else {}
    return data | ({"targets": targets} if targets else {})


@st.composite
def records(draw: st.DrawFn) -> RunRecord:
    names = draw(st.sampled_from([[""], ["one", "other"]]))
    suite = draw(st.booleans())
    targets = {
        name: TargetResult(
            "https://cce.example",
            requests=draw(st.integers(0, 2)),
            answered=draw(st.integers(0, 2)),
            not_asked_for=draw(st.sampled_from([(), ("a: not given",), ("a: not given", "b: not given")])),
            refused=draw(st.sampled_from([None, None, 401, 403, 404])),
        )
        for name in names
    }
    checks = [
        ShippedCheck(f"test_{number}", draw(st.sampled_from(get_args(CheckState))), name, "of something")
        for number in range(draw(st.integers(0, 3)))
        for name in names
    ]
    fail_on = draw(st.sampled_from(["error", "never"]))
    # what fails is sorted out by the same setting
    kinds = ["failing", "shown", "accepted", "caught"] if fail_on == "error" else ["shown", "accepted"]
    on = st.sampled_from([[]] if names == [""] else [[], ["one"], ["one", "other"]])
    tests = st.builds(
        TestResult,
        st.sampled_from(["t.py::a", "t.py::b"]),
        st.sampled_from(get_args(Outcome)),
        target=st.sampled_from(names),
        answers_judged=st.integers(0, 2),
        on_simulator=st.booleans(),
    )
    return RunRecord(
        draw(st.sampled_from(["simulate", "replay", "record", "live"])),
        targets,
        suite=suite,
        fail_on=fail_on,
        checks=tuple(checks) if suite else (),
        tests=tuple(draw(st.lists(tests, max_size=3))),
        findings=tuple(draw(st.lists(st.builds(data_of, CODES, st.sampled_from(kinds), on), max_size=3))),
        inconclusive=tuple(draw(st.lists(st.just("a question: changed meanwhile"), max_size=1))),
    )


@given(records(), st.sampled_from(["", "", "it was interrupted"]), STATUSES)
def test_a_run_never_says_more_than_it_proved(record: RunRecord, stopped: str, status: int) -> None:
    ended = conclude(record, stopped, status)
    if ended.verdict == "holds":
        assert not ended.breaking
        assert not stopped
        assert all(check.state != "not-judged" for check in ended.checks)
        judged = (
            (check.state == "judged" for check in ended.checks)
            if ended.suite
            else (test.answers_judged for test in ended.tests)
        )
        assert any(judged)
    assert ("the contract holds" in ended.headline) == (ended.verdict == "holds" and ended.suite)
    assert ended.verdict == max((place.verdict for place in ended.targets.values()), key=VERDICTS.index) or (
        (stopped and ended.verdict == "incomplete") or (ended.breaking and ended.verdict == "does-not-hold")
    )


@given(records(), st.sampled_from(["", "it was interrupted"]), STATUSES)
def test_the_exit_status_agrees_with_the_verdict(record: RunRecord, stopped: str, status: int) -> None:
    ended = conclude(record, stopped, status)
    if status:
        assert ended.exit_status == status
    elif not record.suite:
        assert ended.exit_status == 0
    else:
        forgiven = ended.verdict == "does-not-hold" and ended.fail_on == "never"
        complete = not stopped and all(check.state != "not-judged" for check in ended.checks)
        assert ended.exit_status == int(not (ended.verdict == "holds" or (forgiven and complete)))


@given(records(), st.sampled_from(["", "it was interrupted"]), STATUSES)
def test_everything_that_is_rendered_says_the_verdict_of_the_record(
    tmp_path_factory: pytest.TempPathFactory, record: RunRecord, stopped: str, status: int
) -> None:
    ended = conclude(record, stopped, status)
    document = ended.to_dict()
    SCHEMA.validate(document)
    assert document["verdict"] == ended.verdict
    assert next(iter(lines(ended))) == ended.headline
    if ended.suite:
        assert ended.headline.startswith(f"{TITLES[ended.verdict]}: ")
    summary = tmp_path_factory.getbasetemp() / "summary.md"
    summary.write_text("")
    write_to_github(ended, {"GITHUB_ACTIONS": "true", "GITHUB_STEP_SUMMARY": str(summary)})
    texts = [summary.read_text("utf-8")] if ended.mode != "simulate" else []
    # GitLab's form is a list of causes alone
    forms = [ending for ending in FORMS if ending != ".codequality.json"]
    texts += [writer_for(tmp_path_factory.getbasetemp() / f"report{ending}")(ended) for ending in forms]
    assert all(ended.reason in html.unescape(text) for text in texts)
    sarif, ctrf = (json.loads(writer_for(Path(f"report{ending}"))(ended)) for ending in (".sarif", ".ctrf.json"))
    [run] = sarif["runs"]
    [invocation] = run["invocations"]
    assert (invocation["properties"]["verdict"], invocation["exitCode"]) == (ended.verdict, ended.exit_status)
    failing = [result for result in run["results"] if "suppressions" not in result]
    quality = json.loads(writer_for(Path("report.codequality.json"))(ended))
    codes = [cause.finding["code"] for cause in ended.causes]
    assert [each["ruleId"] for each in failing] == [each["check_name"] for each in quality] == codes
    assert ctrf["results"]["extra"]["verdict"] == ended.verdict
    page = writer_for(Path("report.html"))(ended)
    assert page.count('<article class="cause"') == len(codes)


@given(records(), STATUSES)
def test_the_headline_counts_the_parts_not_asked_for_that_are_listed(record: RunRecord, status: int) -> None:
    ended = conclude(record, "", status)
    listed = [line for line in lines(ended) if line.startswith("  not asked for: ")]
    assert len(listed) == len(ended.to_dict()["not_asked_for"])
    for each in ended.targets.values():
        if each.verdict == "holds":
            assert re.findall(r"(\d+) parts? not asked for", each.reason) == [
                str(len(each.not_asked_for)) for _ in each.not_asked_for[:1]
            ]
    if set(ended.targets) == {""} and ended.verdict == "holds":
        assert (f"{len(listed)} part" in ended.headline) == bool(listed)


# ---- what a test's reports come to


def report(when: str, outcome: str, **more: Any) -> Any:
    more = {"duration": 1.0, "user_properties": [], "longrepr": None, **more}
    kind = type("Report", (), {"when": when, "outcome": outcome, "nodeid": "t.py::t", **more})
    kind.passed, kind.failed, kind.skipped = (outcome == each for each in ("passed", "failed", "skipped"))
    return kind()


def outcome_of(*reports: Any) -> str:
    test = ReportedTest("t.py::t")
    for each in reports:
        test.add(each)
    return test.outcome


@pytest.mark.parametrize(
    ("reports", "outcome"),
    [
        ([report("setup", "passed"), report("call", "passed"), report("teardown", "passed")], "passed"),
        ([report("setup", "passed"), report("call", "failed"), report("teardown", "passed")], "failed"),
        ([report("setup", "failed"), report("teardown", "passed")], "error"),
        ([report("setup", "passed"), report("call", "passed"), report("teardown", "failed")], "error"),
        ([report("setup", "skipped"), report("teardown", "passed")], "skipped"),
        ([report("setup", "passed"), report("call", "skipped")], "skipped"),
        ([report("setup", "passed"), report("call", "skipped", wasxfail="")], "xfailed"),
        ([report("setup", "skipped", wasxfail="")], "xfailed"),
        ([report("setup", "passed"), report("call", "passed", wasxfail="")], "xpassed"),
        # a subtest that failed, then its test
        ([report("setup", "passed"), report("call", "failed"), report("call", "passed")], "failed"),
        # pytest-rerunfailures
        ([report("setup", "passed"), report("call", "rerun"), report("setup", "passed"), report("call", "passed")],
         "passed"),
        # pytest-xdist, for a worker that crashed
        ([report("???", "failed")], "error"),
    ],
)  # fmt: skip
def test_the_outcome_of_a_test_is_that_of_its_last_attempt(reports: list[Any], outcome: str) -> None:
    assert outcome_of(*reports) == outcome


def test_a_shipped_check_that_passed_only_when_it_was_run_again_breaks_the_contract_all_the_same() -> None:
    # nothing is found twice, so a second attempt always passes
    found = ("cce_finding", json.dumps({**Finding("PRE302", "it is so").to_dict(), "verdict": "failing"}))
    run = {"requests": 1, "retried": 0, "judged": 1, "behind": 0.0, "observations": {}}
    nothing = dict.fromkeys(
        ("reached", "not_reached", "inconclusive", "not_asked", "cut_short", "combinations", "lives"), ()
    )
    judged = ("cce_run", json.dumps({**run, **nothing}))
    log = RunLog()
    shipped = [("cce_check", "test_a"), judged, found]
    for each in (report("setup", "passed"), report("call", "rerun", cce_records=shipped)):
        log.pytest_runtest_logreport(each)
    for each in (report("setup", "passed"), report("call", "passed", cce_records=[*shipped, judged])):
        log.pytest_runtest_logreport(each)
    record = collect(log, Config(), redactor=Redactor([]), suite=["test_a"])
    assert (record.verdict, record.exit_status) == ("does-not-hold", 1)
    # the same in a test of one's own, which decides for itself whether to fail
    log = RunLog()
    log.pytest_runtest_logreport(report("call", "passed", cce_records=[found]))
    assert [each["verdict"] for each in collect(log, Config(), redactor=Redactor([])).findings] == ["caught"]


def test_a_shipped_check_that_was_cut_short_was_not_made_whatever_it_judged() -> None:
    nothing = dict.fromkeys(("reached", "not_reached", "not_asked", "combinations", "lives"), ())
    why = ["test_a: all 30 requests of the budget are sent"]
    run = {"requests": 1, "retried": 0, "judged": 5, "behind": 0.0, "observations": {}, "inconclusive": why}
    log = RunLog()
    answers = {"services": [], "on_simulator": False, "read": True, "listed": True, "first_list": 200}
    answers |= {"sent": 5, "answered": 5, "judged": 5}
    recorded = [
        ("cce_check", "test_a"),
        ("cce_answers", json.dumps(answers)),
        ("cce_run", json.dumps({**run, **nothing, "cut_short": why})),
    ]
    log.pytest_runtest_logreport(report("call", "passed", cce_records=recorded))
    record = collect(log, Config(), redactor=Redactor([]), suite=["test_a"])
    assert (record.verdict, record.exit_status) == ("incomplete", 1)
    assert record.reason == "1 of 1 check not judged (test_a: all 30 requests of the budget are sent)"


def test_every_verdict_is_documented_with_its_words() -> None:
    page = (Path(__file__).parents[2] / "docs" / "reference.md").read_text("utf-8")
    assert [verdict for verdict in VERDICTS if f"\n| {TITLES[verdict]} | `{verdict}` |" not in page] == []
