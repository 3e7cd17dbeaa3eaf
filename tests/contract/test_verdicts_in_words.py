"""Codes, acceptances and causes: what people type is understood or refused in words, and findings are grouped."""

from __future__ import annotations

from datetime import date
from typing import TYPE_CHECKING

import pytest
from hypothesis import given
from hypothesis import strategies as st

from pytest_cce_precheck.contract.acceptance import Acceptance
from pytest_cce_precheck.contract.causes import EXPLAINS, causes
from pytest_cce_precheck.contract.findings import Finding
from pytest_cce_precheck.contract.rules import Kind, Severity, find_rule, rules
from pytest_cce_precheck.errors import ConfigurationError
from tests.contract.answers import answered, listing

if TYPE_CHECKING:
    import random

# ---- codes and names


@pytest.mark.parametrize("code", rules())
def test_every_rule_is_found_by_its_code_and_its_name_in_any_case(code: str) -> None:
    rule = rules()[code]
    for word in (code, code.lower(), rule.name, rule.name.upper()):
        assert find_rule(word) is rule


@pytest.mark.parametrize(
    ("typed", "told"),
    [
        ("PRE5901", "unknown finding code 'PRE5901'; did you mean PRE590 or PRE501 or PRE701?"),
        ("final-without-expirey", "unknown finding code 'final-without-expirey'; did you mean final-without-expiry?"),
        ("CCE.01401001", "unknown finding code 'CCE.01401001'; cce-precheck explain lists all"),
        ("", "unknown finding code ''; cce-precheck explain lists all"),
        ("all", "unknown finding code 'all'; cce-precheck explain lists all"),
    ],
)
def test_a_mistyped_code_is_refused_with_its_near_matches(typed: str, told: str) -> None:
    with pytest.raises(ConfigurationError) as raised:
        find_rule(typed)
    assert str(raised.value) == told


def test_observations_are_notes_and_deviations_are_errors() -> None:
    for rule in rules().values():
        if rule.kind is Kind.OBSERVATION:
            assert rule.severity is Severity.NOTE
        if rule.kind is Kind.DEVIATION:
            assert rule.severity is Severity.ERROR


def test_the_deviations_are_those_of_the_contract() -> None:
    assert {rule.name for rule in rules().values() if rule.kind is Kind.DEVIATION} == {
        "items-object",
        "create-timestamp-spelling",
        "risk-list-beside-status",
        "final-without-expiry",
        "status-without-message",
        "create-status-shape",
        "create-type-mismatch",
    }


# ---- acceptances


@pytest.mark.parametrize(
    ("text", "code", "reason", "until"),
    [
        ("PRE302: the staging build", "PRE302", "the staging build", None),
        ("  pre302 :  the staging build  ", "PRE302", "the staging build", None),
        ("PRE302:the staging build", "PRE302", "the staging build", None),
        ("final-without-expiry: why", "PRE302", "why", None),
        ("PRE302: ticket 12: see there", "PRE302", "ticket 12: see there", None),
        ("PRE302: until they fix it until 2027-01-31", "PRE302", "until they fix it", date(2027, 1, 31)),
        ("PRE302: why until 2027-01-31", "PRE302", "why", date(2027, 1, 31)),
    ],
)
def test_an_acceptance_is_code_reason_and_perhaps_a_day(text: str, code: str, reason: str, until: date | None) -> None:
    assert Acceptance.parse(text) == Acceptance(code, reason, until)


@pytest.mark.parametrize(
    ("text", "told"),
    [
        ("", "cannot accept '': expected CODE: REASON [until YYYY-MM-DD]"),
        ("PRE302", "expected CODE: REASON [until YYYY-MM-DD]"),
        (": why", "expected CODE: REASON [until YYYY-MM-DD]"),
        ("PRE302:", "accepting PRE302 needs a reason"),
        ("PRE302:   ", "accepting PRE302 needs a reason"),
        ("PRE302 until 2027-01-31", "expected CODE: REASON [until YYYY-MM-DD]"),
        ("PRE302 nothing", "cannot accept 'PRE302 nothing': expected CODE: REASON [until YYYY-MM-DD]"),
        ("PRE302 see ticket: 12", "expected CODE: REASON [until YYYY-MM-DD]"),
        ("PRE302: until 2027-01-31", "accepting PRE302 needs a reason"),
        ("PRE302: why until tomorrow", "accepting PRE302 until 'tomorrow': expected a day as YYYY-MM-DD"),
        ("PRE302: why until 2027-02-30", "expected a day as YYYY-MM-DD"),
        ("PRE999: why", "unknown finding code 'PRE999'"),
    ],
)
def test_an_acceptance_that_says_too_little_is_refused_in_words(text: str, told: str) -> None:
    with pytest.raises(ConfigurationError) as raised:
        Acceptance.parse(text)
    assert told in str(raised.value)


@given(text=st.text(max_size=40))
def test_any_text_is_an_acceptance_or_refused(text: str) -> None:
    try:
        accepted = Acceptance.parse(text)
    except ConfigurationError:
        return
    assert accepted.code in rules()
    assert accepted.reason.strip()


# ---- findings


def test_findings_that_differ_in_an_index_alone_are_one_fact() -> None:
    first, second = (Finding("PRE201", "x", path=f"$.items[{number}].metadata.type") for number in (3, 14))
    assert first.identity == second.identity == ("PRE201", "$.items[*].metadata.type")
    assert Finding("PRE201", "x", path="$.items[3].metadata.taskID").identity != first.identity


def test_a_finding_as_data_names_its_exchanges_by_target_and_request_id() -> None:
    exchange = answered(listing(), query="type=addonStatic")
    data = Finding("PRE302", "no expiry", "$.items[0]", ("x",), (("a", "b"),)).seen_in(exchange).to_dict()
    assert (data["name"], data["kind"], data["severity"]) == ("final-without-expiry", "deviation", "error")
    target = "/api/v3/projects/p/clusters/c/addons/precheck/tasks?type=addonStatic"
    assert data["exchanges"] == [{"method": "GET", "target": target, "status": 200, "request_id": "r-1"}]
    assert (data["path"], data["subject"], data["evidence"]) == ("$.items[0]", ["x"], [["a", "b"]])
    assert (data["times"], data["samples"]) == (1, [])


def test_the_repr_of_a_finding_shows_no_exchange() -> None:
    assert "Exchange" not in repr(Finding("PRE302", "no expiry").seen_in(answered(listing())))


# ---- causes

FILTERS = ("addon_instance_id", "task_id", "type")
PATHS = ("", "$.items[0].metadata.type", "$.items[0].metadata.taskID", "$.items[0].status")
FINDINGS = st.builds(
    Finding,
    st.sampled_from(sorted(rules())),
    st.text("ab", max_size=2),
    path=st.sampled_from(PATHS),
    subject=st.sets(st.sampled_from(FILTERS)).map(lambda names: tuple(sorted(names))),
)


def test_what_explains_and_is_explained_are_codes() -> None:
    assert EXPLAINS.keys() <= rules().keys()
    assert set().union(*EXPLAINS.values()) <= rules().keys()
    assert not [code for code, explained in EXPLAINS.items() if code in explained]


@given(findings=st.lists(FINDINGS, max_size=12))
def test_every_finding_stands_in_one_group_the_severe_ones_first(findings: list[Finding]) -> None:
    groups = causes(findings)
    told = [each for group in groups for each in (group.finding, *group.consequences)]
    assert sorted(map(repr, told)) == sorted(map(repr, findings))
    ranks = [group.finding.severity.rank for group in groups]
    assert ranks == sorted(ranks)


@given(findings=st.lists(FINDINGS, max_size=8), order=st.randoms(use_true_random=False))
def test_the_causes_do_not_depend_on_the_order_in_which_they_were_found(
    findings: list[Finding], order: random.Random
) -> None:
    shuffled = list(findings)
    order.shuffle(shuffled)
    first, second = (sorted(repr(group.finding) for group in causes(each)) for each in (findings, shuffled))
    assert first == second


def test_one_filter_that_fails_alone_explains_the_pairs_that_it_is_in() -> None:
    alone = Finding("PRE401", "a", subject=("type",))
    pair = Finding("PRE401", "b", subject=("task_id", "type"))
    for findings in ([alone, pair], [pair, alone]):
        [group] = causes(findings)
        assert (group.finding, group.consequences) == (alone, (pair,))
        assert group.codes == ("PRE401",)


def test_a_field_that_is_missing_explains_what_its_filter_does_and_nothing_of_others() -> None:
    missing = Finding("PRE201", "no type", path="$.items[0].metadata.type")
    by_type, by_id = (Finding("PRE402", "x", subject=(name,)) for name in ("type", "task_id"))
    groups = causes([by_type, by_id, missing])
    assert [(group.finding, group.consequences) for group in groups] == [(missing, (by_type,)), (by_id, ())]


OTHER_WORDS = [f"PRE4{number:02}" for number in range(7, 16)]
SELECTIONS = [*OTHER_WORDS, "PRE404", "PRE405", "PRE507"]
ALL_FILTERS = [*SELECTIONS, "PRE401", "PRE402", "PRE403", "PRE406"]


@pytest.mark.parametrize("code", [*ALL_FILTERS, "PRE102", "PRE322", "PRE323", "PRE504"])
def test_a_missing_field_explains_whatever_goes_wrong_with_its_filter(code: str) -> None:
    missing = Finding("PRE201", "no type", path="$.items[0].metadata.type")
    [group] = causes([Finding(code, "x", subject=("type",)), missing])
    assert group.finding is missing


@pytest.mark.parametrize(
    ("cause", "effects"),
    [
        ("PRE304", ALL_FILTERS),
        ("PRE506", ALL_FILTERS),
        ("PRE401", SELECTIONS),
        ("PRE402", SELECTIONS),
        ("PRE406", [*SELECTIONS, "PRE610"]),
        ("PRE404", OTHER_WORDS),
        ("PRE504", OTHER_WORDS),
    ],
)
def test_what_selects_wrongly_explains_each_finding_about_what_is_selected(cause: str, effects: list[str]) -> None:
    assert not [code for code in effects if code not in EXPLAINS[cause]]


def test_the_same_fact_about_the_same_filter_is_told_once() -> None:
    once, again = (Finding("PRE411", message, subject=("type",)) for message in ("a", "b"))
    [group] = causes([again, once])
    assert (group.finding, group.consequences) == (once, (again,))


def test_the_same_fact_about_two_filters_is_two_causes() -> None:
    findings = [Finding("PRE411", "x", subject=(name,)) for name in ("task_id", "type")]
    assert [group.finding for group in causes(findings)] == findings


def test_one_spelling_that_fails_does_not_explain_another() -> None:
    findings = [Finding("PRE411", "x", subject=("type", word)) for word in ("TYPE", "Type")]
    assert {group.finding for group in causes(findings)} == set(findings)


def test_tasks_that_the_unfiltered_list_hides_are_one_cause_whichever_filter_shows_them() -> None:
    findings = [Finding("PRE405", "x", subject=(name,)) for name in ("task_id", "type")]
    assert len(causes(findings)) == 1
