"""A change is told for a week and then known; what the evidence does not carry is neither told nor forgotten."""

from __future__ import annotations

from dataclasses import replace
from datetime import date, timedelta
from typing import TYPE_CHECKING, Any

import pytest

from pytest_cce_precheck.contract.causes import causes
from pytest_cce_precheck.contract.check import check
from pytest_cce_precheck.contract.ledger import Known
from pytest_cce_precheck.drift.deviation_counts import DeviationCounter
from pytest_cce_precheck.drift.memory import DAYS, TargetMemory, remember
from pytest_cce_precheck.drift.traits import Observer
from tests.contract.answers import answered, listing, task
from tests.contract.documents import METADATA, drop, put

if TYPE_CHECKING:
    from pytest_cce_precheck.drift.memory import RememberedRun

FIRST = date(2026, 11, 1)
TASK = "$.items[*]"
MANY = [task(number, "Success") for number in range(12)]
TEXT = put(listing(MANY), "pageInfo", "currentCount", "12")


class Nights:
    """Runs of nightly builds, each a list of answers."""

    def __init__(self) -> None:
        self.memory: TargetMemory | None = None

    def night(self, day: int, *documents: Any) -> RememberedRun:
        observer, listener = Observer(), DeviationCounter()
        for document in documents:
            exchange = answered(document)
            observer.take(exchange)
            listener.take(exchange)
        outcome = remember(self.memory, observer.traits, listener.counts, FIRST + timedelta(day))
        self.memory = outcome.memory
        return outcome


def after(*documents: Any) -> Nights:
    nights = Nights()
    nights.night(0, *documents)
    return nights


def changed(items: list[Any], *steps: Any) -> Any:
    return listing([put(each, *steps) for each in items])


def lacking(items: list[Any], *steps: Any) -> Any:
    return listing([drop(each, *steps) for each in items])


def facts(outcome: RememberedRun) -> list[tuple[str, str, str]]:
    return [(each.grade, each.path, each.what) for each in outcome.drifts]


# ---- when it is told


def test_the_first_run_has_nothing_to_tell() -> None:
    assert Nights().night(0, TEXT).drifts == ()


def test_a_change_is_told_for_a_week_and_then_known() -> None:
    nights = after(listing(MANY))
    for day in range(1, DAYS + 1):
        [drift] = nights.night(day, TEXT).drifts
        assert (drift.since, drift.grade) == (FIRST + timedelta(1), "error")
    last = nights.night(DAYS + 1, TEXT)
    assert (last.drifts, [each.since for each in last.confirmed]) == ((), [FIRST + timedelta(1)])
    later = nights.night(DAYS + 2, TEXT)
    assert (later.drifts, later.confirmed, later.memory.pending) == ((), (), {})


def test_a_night_without_a_run_loses_nothing() -> None:
    nights = after(listing(MANY))
    nights.night(1, TEXT)
    assert len(nights.night(4, TEXT).drifts) == 1
    assert len(nights.night(8, TEXT).confirmed) == 1


def test_several_runs_of_a_day_tell_the_same() -> None:
    nights = after(listing(MANY))
    assert nights.night(0, TEXT) == nights.night(0, TEXT)


def test_a_service_that_goes_back_within_the_week_has_not_changed() -> None:
    nights = after(listing(MANY))
    nights.night(1, TEXT)
    back = nights.night(2, listing(MANY))
    assert back.drifts == ()
    assert {str(key): told.last for key, told in back.unseen.items()} == {
        "list 200 $.pageInfo.currentCount type": FIRST + timedelta(1)
    }
    [again] = nights.night(3, TEXT).drifts
    assert again.since == FIRST + timedelta(1)
    assert nights.night(20, TEXT).drifts[0].since == FIRST + timedelta(20)


def test_what_is_accepted_is_known_with_the_next_run() -> None:
    nights = after(listing(MANY))
    memory = nights.night(1, TEXT).memory
    nights.memory = replace(
        memory, pending={key: replace(entry, accepted=True) for key, entry in memory.pending.items()}
    )
    outcome = nights.night(2, TEXT)
    assert (outcome.drifts, len(outcome.confirmed)) == ((), 1)
    assert nights.night(3, TEXT).confirmed == ()


def test_what_is_known_and_breaks_anew_is_told_anew() -> None:
    nights = after(TEXT)
    mended = nights.night(1, listing(MANY))
    assert facts(mended) == [("note", "$.pageInfo.currentCount", "its type is the documented one again")]
    assert facts(nights.night(2, listing(MANY))) == []
    assert facts(nights.night(3, TEXT)) == [("error", "$.pageInfo.currentCount", "its type has changed")]


def test_a_required_field_that_came_back_and_goes_again_is_told_again() -> None:
    without = lacking(MANY, "metadata", "addonTemplateName")
    nights = after(without)
    assert facts(nights.night(1, without)) == []
    assert facts(nights.night(2, listing(MANY))) == []
    assert facts(nights.night(3, without)) == [
        ("error", f"{TASK}.metadata.addonTemplateName", "a required field is gone")
    ]


def test_a_gone_optional_field_that_is_known_to_be_gone_is_told_when_it_comes_back() -> None:
    without = lacking(MANY, "spec")
    nights = after(listing(MANY))
    assert facts(nights.night(1, without)) == [("warning", f"{TASK}.spec", "a field is gone")]
    assert len(nights.night(8, without).confirmed) == 1
    assert facts(nights.night(9, listing(MANY))) == [("note", f"{TASK}.spec", "a documented field that was not there")]


def test_a_deviation_is_told_with_both_sides_and_their_days() -> None:
    without = lacking(MANY, "metadata", "expireTimeStamp")
    nights = after(listing(MANY))
    nights.night(3, listing(MANY))
    [drift] = nights.night(4, without).drifts
    assert drift.said == (
        "list PRE302 final-without-expiry is shown: 0 of 12 from 2026-11-01 to 2026-11-04 → 12 of 12 on 2026-11-05"
    )
    assert len(nights.night(11, without).confirmed) == 1
    assert nights.night(12, without).drifts == ()
    [back] = nights.night(13, listing(MANY)).drifts
    assert back.what == "PRE302 final-without-expiry is no longer shown"


def test_a_deviation_that_comes_and_goes_between_days_is_told_each_time() -> None:
    without = lacking(MANY, "metadata", "expireTimeStamp")
    nights = after(listing(MANY))
    nights.night(1, without)
    [gone] = nights.night(2, listing(MANY)).drifts
    assert gone.said == (
        "list PRE302 final-without-expiry is no longer shown: shown on 2026-11-02 → 0 of 12 on 2026-11-03"
    )
    assert [each.what for each in nights.night(3, without).drifts] == ["PRE302 final-without-expiry is shown"]
    assert nights.night(4, listing(MANY[:2])).drifts == ()
    assert len(nights.night(8, listing(MANY)).confirmed) == 1
    assert nights.night(9, listing(MANY)).drifts == ()


# ---- evidence


@pytest.mark.parametrize("number", [1, 2, 3])
def test_few_tasks_without_an_optional_field_are_no_change_and_do_not_hide_one(number: int) -> None:
    nights = after(listing(MANY))
    assert facts(nights.night(1, lacking(MANY[:1] if number < 3 else MANY[:2], "spec"))) == []
    assert facts(nights.night(2, lacking(MANY, "spec"))) == [("warning", f"{TASK}.spec", "a field is gone")]


def test_other_tasks_than_those_that_had_a_field_say_nothing_of_it() -> None:
    others = [drop(task(number, "Running", "addonUpgrade"), "spec") for number in range(50)]
    assert facts(after(listing(MANY)).night(1, listing(others))) == []


def test_a_field_that_is_gone_from_one_kind_of_task_alone_is_told_where_there_are_many() -> None:
    upgrades = [task(100 + number, "Failed", "addonUpgrade") for number in range(12)]
    mixed = listing([*(drop(each, "spec") for each in MANY), *upgrades])
    assert facts(after(listing([*MANY, *upgrades])).night(1, mixed)) == [
        ("warning", f"{TASK}.spec", "a field is gone in what is addonStatic Success")
    ]


def test_a_rare_field_is_not_told_and_not_taken_for_known_either() -> None:
    nights = after(listing(MANY))
    rare = put(listing(MANY), *METADATA, "owner", "x")
    assert facts(nights.night(1, rare)) == []
    assert facts(nights.night(2, changed(MANY, "metadata", "owner", "x"))) == [
        ("note", f"{TASK}.metadata.owner", "a new field that was not there")
    ]


def test_a_field_that_the_first_run_could_hardly_see_is_learnt_in_silence() -> None:
    nights = after(changed(MANY[:1], "metadata", "owner", "x"))
    for day in range(1, 4):
        assert facts(nights.night(day, changed(MANY, "metadata", "team", "x"))) == []


def test_a_documented_value_that_was_not_seen_before_is_none() -> None:
    nights = after(listing(MANY))
    assert facts(nights.night(1, listing([task(1, "Init"), task(2, "Running", "addonUpgrade")]))) == []


def test_a_value_that_is_seen_no_longer_is_no_change() -> None:
    nights = after(listing([*MANY, task(50, "Init")]))
    assert facts(nights.night(1, listing(MANY))) == []


def test_one_timestamp_that_lost_its_zeros_is_no_change_and_many_are() -> None:
    short = "2026-11-22T18:00:00.5+08:00"
    nights = after(listing(MANY))
    assert facts(nights.night(1, listing([put(MANY[0], "metadata", "createTimeStamp", short), *MANY[1:]]))) == []
    assert facts(nights.night(2, changed(MANY, "metadata", "createTimeStamp", short))) == [
        ("warning", f"{TASK}.metadata.createTimeStamp", "the resolution of its timestamps has changed")
    ]


def test_a_field_of_no_document_may_become_null_but_not_a_number() -> None:
    nights = after(changed(MANY, "metadata", "owner", "x"))
    assert facts(nights.night(1, changed(MANY, "metadata", "owner", None))) == []
    assert facts(nights.night(2, changed(MANY, "metadata", "owner", 1))) == [
        ("warning", f"{TASK}.metadata.owner", "its type has changed")
    ]


def test_answers_that_were_not_asked_for_are_not_missed() -> None:
    error = {"errorCode": "CCE.01404001", "errorMessage": "none"}
    nights = after(listing(MANY))
    observer = Observer()
    observer.take(answered(error, status=404))
    outcome = remember(nights.memory, observer.traits, {}, FIRST + timedelta(1))
    assert outcome.drifts == ()
    assert list(outcome.memory.answers) == ["list 200", "list 404 (CCE)"]
    assert nights.night(2).drifts == ()


# ---- as a finding


def test_the_findings_have_their_codes_and_say_where_since_when_and_of_which_target() -> None:
    nights = after(listing(MANY))
    nights.night(1, listing(MANY))
    [drift] = nights.night(2, TEXT).drifts
    finding = drift.finding("live: https://cce.example")
    assert (finding.code, finding.path) == ("PRE520", "$.pageInfo.currentCount")
    assert finding.message == (
        "list 200 $.pageInfo.currentCount its type has changed: integer → string"
        " (since 2026-11-03, live: https://cce.example)"
    )
    assert {"before", "now", "since", "target"} == {label for label, _ in finding.evidence}


def test_the_rule_that_is_broken_explains_the_change_at_the_same_place() -> None:
    nights = after(listing(MANY))
    wrong = changed(MANY, "metadata", "addonTemplateName", 5)
    drifts = [each.finding("here") for each in nights.night(1, put(wrong, "kind", "x")).drifts]
    groups = causes([*check(answered(put(wrong, "kind", "x"))), *drifts])
    follows = {group.finding.path: [each.code for each in group.consequences] for group in groups}
    assert "PRE520" in follows["$.items[*].metadata.addonTemplateName"]
    assert follows["$.kind"] == ["PRE521"]


def test_the_ledger_can_narrow_an_entry_to_the_place_of_a_change() -> None:
    drift = after(listing(MANY)).night(1, lacking(MANY, "spec")).drifts[0].finding("here")
    until = FIRST + timedelta(60)
    assert Known.checked("PRE521", "meant", until, owner="me", where=f"{TASK}.spec").matches(drift)
    assert Known.checked("PRE521", "meant", until, owner="me", where="list 200").matches(drift)
    assert not Known.checked("PRE521", "meant", until, owner="me", where=f"{TASK}.status").matches(drift)


def test_what_is_known_grows_with_what_is_seen() -> None:
    nights = after(listing(MANY[:2]))
    known = nights.night(1, listing(MANY)).memory.answers["list 200"]
    assert known.objects[TASK] == {"addonStatic Success": 12}


def test_of_few_timestamps_another_resolution_is_learnt_in_silence() -> None:
    nights = after(listing(MANY[:2]))
    outcome = nights.night(1, changed(MANY, "metadata", "createTimeStamp", "2026-11-22T18:00:00Z"))
    assert outcome.drifts == ()
    assert outcome.memory.answers["list 200"].fields[f"{TASK}.metadata.createTimeStamp"].fractions == {"0": 12, "3": 2}


def test_another_resolution_that_is_known_is_the_only_one_and_the_way_back_is_told() -> None:
    nights, whole = after(listing(MANY)), changed(MANY, "metadata", "createTimeStamp", "2026-11-22T18:00:00Z")
    for day in range(1, DAYS + 2):
        outcome = nights.night(day, whole)
    assert outcome.memory.answers["list 200"].fields[f"{TASK}.metadata.createTimeStamp"].fractions == {"0": 12}
    [drift] = nights.night(DAYS + 2, listing(MANY)).drifts
    assert (drift.old, drift.new) == ("whole seconds", "nanoseconds (12 of 12)")
