"""What follows from a cause is told under it; what somebody accepts, with a reason, does not fail."""

from __future__ import annotations

from datetime import date

import pytest

from pytest_cce_precheck.contract.acceptance import Acceptance, useless
from pytest_cce_precheck.contract.causes import causes
from pytest_cce_precheck.contract.findings import Finding
from pytest_cce_precheck.contract.rules import find_rule
from pytest_cce_precheck.errors import ConfigurationError
from pytest_cce_precheck.report.verdict import sort_findings

IGNORED = [
    Finding("PRE404", "both", subject=("task_id", "type")),
    Finding("PRE407", "order", subject=("task_id", "type")),
    Finding("PRE401", "type alone", subject=("type",)),
    Finding("PRE411", "again", subject=("type",)),
]


def test_an_ignored_filter_is_one_cause_and_the_rest_follows() -> None:
    [group] = causes(IGNORED)
    assert group.finding.message == "type alone"
    assert set(group.codes) == {"PRE401", "PRE404", "PRE407", "PRE411"}


def test_findings_about_other_filters_are_causes_of_their_own() -> None:
    other = Finding("PRE402", "instance", subject=("addon_instance_id",))
    assert {group.finding.code for group in causes([*IGNORED, other])} == {"PRE401", "PRE402"}


def test_a_field_that_is_missing_explains_the_filter_that_selects_by_it() -> None:
    missing = Finding("PRE201", "no type", "$.items[3].metadata.type")
    [group] = causes([*IGNORED, missing])
    assert group.finding is missing


def test_an_acceptance_needs_a_known_code_and_a_reason() -> None:
    assert Acceptance.parse("PRE302: known since May until 2027-01-31").until == date(2027, 1, 31)
    assert Acceptance.parse("items-object: the staging build is old").code == "PRE210"
    with pytest.raises(ConfigurationError, match="did you mean PRE"):
        Acceptance.parse("PRE30: why")
    with pytest.raises(ConfigurationError, match="reason"):
        Acceptance.parse("PRE302:")
    with pytest.raises(ConfigurationError, match="YYYY-MM-DD"):
        Acceptance.of("PRE302", "because", "next week")


def test_an_acceptance_ends_on_its_day() -> None:
    finding, accepted = Finding("PRE302", "none"), Acceptance.of("PRE302", "because", "2026-12-31")
    assert accepted.covers(finding, date(2026, 12, 31))
    assert not accepted.covers(finding, date(2027, 1, 1))
    assert not accepted.covers(Finding("PRE301", "other"), date(2026, 1, 1))


def test_an_acceptance_that_has_expired_or_that_nothing_needed_is_reported() -> None:
    used, unused = (Acceptance.of(code, "because") for code in ("PRE301", "PRE302"))
    over = Acceptance.of("PRE303", "because", "2026-05-31")
    given = [(used, "", True), (unused, " on cn", False), (over, "", True)]
    assert useless(given, date(2026, 6, 1)) == (["PRE303 (because) until 2026-05-31"], ["PRE302 (because) on cn"])
    assert useless(given[::2], date(2026, 5, 31)) == ([], [])


def test_a_verdict_sorts_findings_by_severity_and_acceptance() -> None:
    findings = [Finding("PRE302", "a"), Finding("PRE311", "b"), Finding("PRE190", "c")]
    accepted = [Acceptance.of("PRE302", "because")]
    today = date(2026, 1, 1)
    strict = sort_findings(findings, fail_on="note", acceptances=accepted, today=today)
    assert [each.code for each in strict.failing] == ["PRE311", "PRE190"]
    usual = sort_findings(findings, fail_on="error", acceptances=(), today=today)
    assert [each.code for each in usual.failing] == ["PRE302"]
    assert sort_findings(findings, fail_on="never", acceptances=(), today=today).failing == ()


def test_a_rule_is_found_by_code_or_name() -> None:
    assert find_rule("pre302") is find_rule("final-without-expiry")
    with pytest.raises(ConfigurationError, match="did you mean items-object"):
        find_rule("item-object")
