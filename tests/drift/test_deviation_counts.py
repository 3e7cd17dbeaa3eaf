"""Which of two contradicting documents a service follows is heard from those who could have shown it."""

from __future__ import annotations

from dataclasses import replace
from datetime import date
from typing import TYPE_CHECKING, Any

import pytest

from pytest_cce_precheck.contract.rules import Kind, rules
from pytest_cce_precheck.drift.comparison import apart, mixed
from pytest_cce_precheck.drift.deviation_counts import (
    DeviationCounter,
    DeviationCounts,
    DeviationKey,
    by_chance,
    merge_counts,
)
from pytest_cce_precheck.wire.exchange import Headers
from tests.contract.answers import answered, beside, created, creation, listing, respelt, task
from tests.contract.documents import drop, put

if TYPE_CHECKING:
    from pytest_cce_precheck.wire.exchange import Exchange

TODAY = date(2026, 11, 2)
NO_EXPIRY, OBJECT, SPELLING = (DeviationKey(code, "list") for code in ("PRE302", "PRE210", "PRE211"))


def heard(*exchanges: Exchange) -> dict[DeviationKey, DeviationCounts]:
    listener = DeviationCounter()
    for exchange in exchanges:
        listener.take(exchange)
    return listener.counts


def listed(*tasks: Any) -> dict[DeviationKey, DeviationCounts]:
    return heard(answered(listing(list(tasks))))


@pytest.mark.parametrize(
    ("key", "other"),
    [
        (SPELLING, respelt()),
        (DeviationKey("PRE212", "list"), beside()),
        (DeviationKey("PRE213", "list"), drop(task(1, "Init"), "status", "message")),
        (NO_EXPIRY, drop(task(1, "Failed"), "metadata", "expireTimeStamp")),
    ],
)
def test_a_task_that_follows_the_other_document_is_told_from_one_that_does_not(key: str, other: Any) -> None:
    plain = task(2, other["status"]["status"])
    assert listed(other, plain)[key] == DeviationCounts(1, 1)
    assert listed(plain)[key] == DeviationCounts(0, 1)


def test_a_task_that_could_not_show_a_deviation_is_not_heard() -> None:
    spoken = listed(task(1, "Running"), drop(task(2, "Running"), "status", "riskList"))
    assert NO_EXPIRY not in spoken
    assert DeviationKey("PRE213", "list") not in spoken
    assert spoken[DeviationKey("PRE212", "list")] == DeviationCounts(0, 1)


def test_only_a_single_task_can_be_an_object_in_place_of_a_list() -> None:
    one = answered({**listing([task(1)]), "items": task(1)}, query="task_id=1")
    assert OBJECT not in listed(task(1), task(2))
    assert heard(one, answered(listing([task(2)]), query="task_id=2"))[OBJECT] == DeviationCounts(1, 1)


def test_the_create_call_is_heard_apart() -> None:
    asked, answer = creation()
    other = {**answer, "status": {"phase": "Running"}}
    assert heard(created(answer, asked))[DeviationKey("PRE214", "create")] == DeviationCounts(0, 1)
    assert heard(created(other, asked))[DeviationKey("PRE214", "create")] == DeviationCounts(1, 0)
    mismatched = put(answer, "status", "items", 0, "metadata", "type", "addonUpgrade")
    assert heard(created(mismatched, asked))[DeviationKey("PRE323", "create")] == DeviationCounts(1, 0)
    assert heard(created(answer, asked))[DeviationKey("PRE323", "create")] == DeviationCounts(0, 1)
    assert heard(created(answer, asked))[DeviationKey("PRE213", "create")] == DeviationCounts(0, 2)


@pytest.mark.parametrize(
    ("status", "spoken"),
    [
        ({"itemsStatus": []}, DeviationCounts(1, 0)),
        ({"phase": ""}, DeviationCounts(1, 0)),
        ({"other": 1}, None),
        ({}, None),
        (1, None),
    ],
)
def test_a_status_with_neither_tasks_nor_another_calls_fields_says_nothing(
    status: Any, spoken: DeviationCounts | None
) -> None:
    asked, answer = creation()
    assert heard(created({**answer, "status": status}, asked)).get(DeviationKey("PRE214", "create")) == spoken
    assert DeviationKey("PRE214", "list") not in heard(answered({**listing(), "status": {"items": []}}))


def test_each_create_call_is_heard_once_by_its_request_id() -> None:
    asked, answer = creation()
    call = created(answer, asked)
    again = replace(call, response=replace(call.response, headers=Headers([("X-Request-Id", "r-2")])))
    assert heard(call, again, call)[DeviationKey("PRE214", "create")] == DeviationCounts(0, 2)


def test_every_deviation_is_listened_to() -> None:
    asked, answer = creation()
    keys = heard(answered(listing([task(1)])), answered(listing([task(1, "Init")])), created(answer, asked))
    assert {key.code for key in keys} == {code for code, rule in rules().items() if rule.kind is Kind.DEVIATION}


def test_errors_and_what_is_no_json_say_nothing() -> None:
    error = {"errorCode": "CCE.01401001", "errorMessage": "no"}
    assert heard(answered(error, status=401), answered(b"{"), answered([1]), answered(error)) == {}
    assert heard(answered(listing(), status=300)) == {}


# ---- what is a difference


@pytest.mark.parametrize(
    ("one", "other", "differ"),
    [
        (DeviationCounts(3, 0), DeviationCounts(0, 3), True),
        (DeviationCounts(0, 12), DeviationCounts(12, 0), True),
        (DeviationCounts(2, 0), DeviationCounts(0, 30), False),
        (DeviationCounts(0, 2), DeviationCounts(30, 0), False),
        (DeviationCounts(1, 11), DeviationCounts(0, 12), False),
        (DeviationCounts(30, 30), DeviationCounts(0, 60), True),
        (DeviationCounts(5, 0), DeviationCounts(5, 0), False),
        (DeviationCounts(0, 5), DeviationCounts(0, 9), False),
        (DeviationCounts(5, 1), DeviationCounts(1, 5), False),
    ],
)
def test_two_sides_differ_where_one_shows_what_the_other_by_all_appearances_never_does(
    one: DeviationCounts, other: DeviationCounts, differ: bool
) -> None:
    assert one.differs(other, NO_EXPIRY.least) is differ
    assert other.differs(one, NO_EXPIRY.least) is differ


def test_chance_is_fishers() -> None:
    assert by_chance([(1, 1, 1)]) == 0.5
    assert by_chance([(2, 2, 2), (1, 1, 1)]) == pytest.approx(1 / 12)
    assert by_chance([]) == by_chance([(0, 5, 9)]) == by_chance([(5, 5, 0)]) == 1


def test_what_workers_heard_is_not_added_up() -> None:
    one, other = (
        {"j": DeviationCounts(1, 0), "k": DeviationCounts(2, 3)},
        {"k": DeviationCounts(4, 1, 1), "l": DeviationCounts(0, 1)},
    )
    assert merge_counts(one, other) == {
        "j": DeviationCounts(1, 0),
        "k": DeviationCounts(4, 3, 1),
        "l": DeviationCounts(0, 1),
    }


# ---- within a run


def test_replicas_that_follow_different_documents_are_seen_where_the_same_task_is_asked_for_again() -> None:
    spoken = heard(answered(listing([task(1), respelt(2)])), answered(listing([respelt(1), respelt(2)])))
    assert spoken[SPELLING] == DeviationCounts(2, 0, 1)
    drift = mixed(SPELLING, spoken[SPELLING], TODAY)
    assert drift is not None
    assert drift.finding("here").code == "PRE522"
    assert "create-timestamp-spelling comes and goes within one run" in drift.said
    assert mixed(SPELLING, listed(task(1), respelt(2))[SPELLING], TODAY) is None


def test_targets_that_follow_different_documents_are_named_on_both_sides() -> None:
    plain, other = DeviationCounts(0, 8), DeviationCounts(8, 0)
    run = {
        "eu": {NO_EXPIRY: plain},
        "cn": {NO_EXPIRY: other},
        "af": {NO_EXPIRY: DeviationCounts(0, 1)},
    }
    [finding] = apart(run, TODAY)
    assert finding.code == "PRE522"
    assert finding.message == (
        "list PRE302 final-without-expiry is shown by cn (8 of 8), and not by eu (0 of 8), on 2026-11-02"
    )
    assert list(apart({"eu": {NO_EXPIRY: plain}, "us": {NO_EXPIRY: plain}}, TODAY)) == []
    assert (
        list(
            apart(
                {
                    "cn": {NO_EXPIRY: other},
                    "af": {NO_EXPIRY: DeviationCounts(0, 2)},
                },
                TODAY,
            )
        )
        == []
    )
