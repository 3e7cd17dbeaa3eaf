"""A cause is asked for again in few requests: STILL there, FIXED, CHANGED, or not to be decided."""

from __future__ import annotations

import json
from typing import Final

import pytest

from pytest_cce_precheck.contract.findings import Finding
from pytest_cce_precheck.suite.rerun import MOST, KeptCause, cause_id, rerun
from pytest_cce_precheck.suite.selftest import inspection_of
from tests.kept_causes import kept_causes

FAULTS: Final = (
    "kind-missing",
    "count-one-short",
    "type-filter-ignored",
    "task-id-matched-by-prefix",
    "type-in-any-case",
    "fails-on-empty-values",
    "any-token-accepted",
    "refusal-echoes-the-token",
    "foreign-cluster-readable",
    "one-task-of-another-cluster",
    "unchanged-whatever-the-tag",
    "throttled-without-retry-after",
)
# whoever is no longer throttled is not told when to come again: that proves nothing of Retry-After
NOT_SHOWN_WHEN_FIXED: Final = frozenset({"throttled-without-retry-after"})


@pytest.mark.parametrize("fault", FAULTS)
def test_a_cause_is_still_there_with_its_fault_and_fixed_without_it(fault: str) -> None:
    kept, *others = kept_causes(fault)
    known = [each.finding for each in others]
    # what a file keeps is enough
    kept = KeptCause.from_dict(json.loads(json.dumps(kept.to_dict())))
    with_it = rerun(inspection_of([fault]), kept, known)
    assert (with_it.outcome, with_it.requests <= MOST) == ("STILL", True), with_it
    without = rerun(inspection_of(), kept, known)
    expected = "UNDECIDED" if fault in NOT_SHOWN_WHEN_FIXED else "FIXED"
    assert (without.outcome, without.requests <= MOST) == (expected, True), without


@pytest.mark.parametrize(
    "fault",
    [
        *("fifth-answer-is-the-previous-one", "filtered-read-adds-a-task", "list-of-the-cluster-before"),
        *("running-task-vanishes", "third-of-equal-questions-differs"),
    ],
)
def test_what_shows_now_and_then_is_not_called_fixed_too_early(fault: str) -> None:
    for kept in kept_causes(fault):
        found = rerun(inspection_of([fault]), kept), rerun(inspection_of(), kept)
        # one of several questions at a time is wrong, and another one the next time
        assert found[0].outcome in ("STILL", "CHANGED", "UNDECIDED"), (kept, found[0])
        assert found[1].outcome in ("FIXED", "UNDECIDED"), (kept, found[1])
        assert max(each.requests for each in found) <= MOST


def test_another_wrong_answer_to_the_same_question_is_a_change() -> None:
    [kept] = kept_causes("type-filter-ignored")
    result = rerun(inspection_of(["kind-missing"]), kept)
    assert (result.outcome, result.why[:22]) == ("CHANGED", "PRE201 kind is missing")


def test_what_other_kept_causes_explain_is_no_change() -> None:
    [kept], [other] = kept_causes("type-filter-ignored"), kept_causes("kind-missing")
    assert rerun(inspection_of(["kind-missing"]), kept, [other.finding]).outcome == "FIXED"


def test_a_cause_whose_task_is_gone_is_not_called_fixed() -> None:
    [kept, *_] = kept_causes("task-id-filter-ignored")
    run = inspection_of()
    run.sender.wait(400 * 24 * 3600)
    result = rerun(run, kept)
    assert result.outcome == "UNDECIDED"
    assert "any more, so the answer proves nothing" in result.why


def test_a_cause_that_needs_created_tasks_says_so_and_costs_nothing() -> None:
    [kept, *_] = kept_causes("created-tasks-in-every-cluster")
    result = rerun(inspection_of(), kept)
    assert (result.outcome, result.requests) == ("UNDECIDED", 0)
    assert "created" in result.why


def test_a_request_that_the_message_does_not_name_in_full_is_not_guessed() -> None:
    kept = KeptCause(Finding("PRE101", "GET /tasks?task_id=ab … (300 characters) … no connection"), check="")
    result = rerun(inspection_of(), kept)
    assert (result.outcome, result.requests) == ("UNDECIDED", 0)
    assert "does not name the request" in result.why


def test_an_endpoint_that_lets_nobody_in_decides_nothing() -> None:
    [kept] = kept_causes("count-one-short")
    run = inspection_of()
    run.client.cluster_id = "00000000-0000-0000-0000-000000000000"
    result = rerun(run, kept)
    assert (result.outcome, result.reached) == ("UNDECIDED", False)


def test_the_name_of_a_cause_is_the_same_in_every_run_and_differs_by_target() -> None:
    assert cause_id("PRE401", ("PRE401", "type"), "a") == cause_id("PRE401", ("PRE401", "type"), "a")
    assert cause_id("PRE401", ("PRE401", "type"), "a") != cause_id("PRE401", ("PRE401", "type"), "b")
