"""What is told of a change between two runs: its grade, what it is about, and how often it was seen on either side."""

from __future__ import annotations

from datetime import date
from typing import TYPE_CHECKING, Any

import pytest

from pytest_cce_precheck.drift.comparison import ChangeKey, Drift, apart, deviation_changes, drifts, mixed
from pytest_cce_precheck.drift.deviation_counts import DeviationCounts, DeviationKey, DeviationRecord
from pytest_cce_precheck.drift.traits import Observer, Trait, Traits
from tests.contract.answers import answered, listing, task
from tests.contract.documents import drop, put

if TYPE_CHECKING:
    from collections.abc import Mapping

TODAY = date(2026, 11, 2)
NO_EXPIRY = DeviationKey("PRE302", "list")
KIND = "list 200"
TASK = "$.items[*]"
MANY = [task(number) for number in range(12)]


def seen(items: list[Any]) -> Traits:
    observer = Observer()
    observer.take(answered(listing(items)))
    return observer.traits[KIND]


def told(before: Traits, now: Traits) -> list[Drift]:
    return list(drifts(KIND, before, now))


@pytest.mark.parametrize(
    ("field", "what"),
    [("owner", "a new field that was not there"), ("addonInstanceID", "a documented field that was not there")],
)
def test_a_field_that_comes_is_a_note(field: str, what: str) -> None:
    with_it = [put(each, "metadata", field, "x") for each in MANY]
    without = [drop(each, "metadata", field) for each in MANY] if field != "owner" else MANY
    path, never, always = f"{TASK}.metadata.{field}", "never (0 of 12)", "always (12 of 12)"
    assert told(seen(without), seen(with_it)) == [Drift("note", ChangeKey(KIND, path, "presence"), what, never, always)]


def test_a_missing_expiry_is_left_to_its_deviation() -> None:
    assert told(seen(MANY), seen([drop(each, "metadata", "expireTimeStamp") for each in MANY])) == []


def test_a_field_that_goes_is_a_warning() -> None:
    none = [drop(task(number), "spec", "addonTargetVersion") for number in range(36)]
    [drift] = told(seen([*MANY[:6], *none[6:12]]), seen(none))
    assert (drift.code, drift.what) == ("PRE521", "a field is gone")
    assert (drift.old, drift.new) == ("sometimes (6 of 12)", "never (0 of 36)")


def test_a_required_field_that_is_gone_is_an_error() -> None:
    [drift] = told(seen(MANY), seen([drop(each, "metadata", "addonTemplateName") for each in MANY]))
    assert (drift.code, drift.grade) == ("PRE520", "error")
    assert drift.said == (
        "list 200 $.items[*].metadata.addonTemplateName a required field is gone: always (12 of 12) → never (0 of 12)"
    )


def of_field(**there: tuple[int, int]) -> Traits:
    """Return what was seen of an optional field, by circumstances."""
    objects = {TASK: {about: number for about, (_, number) in there.items()}}
    return Traits(objects, {f"{TASK}.spec": Trait(("object",), there=there)})


def test_what_goes_in_some_circumstances_and_stays_in_others_needs_more_evidence() -> None:
    assert told(of_field(a=(7, 7)), of_field(a=(0, 7))) != []
    assert told(of_field(a=(7, 7), b=(3, 3)), of_field(a=(0, 7), b=(3, 3))) == []
    [drift] = told(of_field(a=(20, 20), b=(3, 3)), of_field(a=(0, 20), b=(3, 3)))
    assert (drift.what, drift.old, drift.new) == (
        "a field is gone in what is a",
        "always (20 of 20)",
        "never (0 of 20)",
    )


def test_a_value_that_no_document_names_is_told_with_those_known_before() -> None:
    before = seen([task(1, "Init"), task(2, "Running")])
    [drift] = told(before, seen([put(task(1, "Init"), "status", "status", "Paused"), task(2, "Running")]))
    assert (drift.grade, drift.key.aspect, drift.old, drift.new) == (
        "warning",
        "word Paused",
        "Init, Running",
        "Paused",
    )


def timed(fractions: Mapping[str, int]) -> Traits:
    return Traits({}, {f"{TASK}.metadata.createTimeStamp": Trait(("string",), fractions=fractions)})


@pytest.mark.parametrize(
    ("resolution", "word"),
    [("0", "whole seconds"), ("1", "milliseconds"), ("3", "nanoseconds"), ("none", "none, no RFC 3339")],
)
def test_another_resolution_of_timestamps_is_told_if_a_fifth_have_it(resolution: str, word: str) -> None:
    before = timed({"2": 12})
    [drift] = told(before, timed({"2": 12, resolution: 3}))
    assert (drift.key.aspect, drift.old, drift.new) == ("fraction", "microseconds", f"{word} (3 of 15)")
    assert told(before, timed({"2": 13, resolution: 3})) == []
    assert told(before, timed({"2": 1, resolution: 2})) == []
    assert told(timed({"2": 2}), timed({resolution: 3})) == []


FIRST, SECOND = date(2026, 10, 1), date(2026, 10, 5)


def flipped(record: DeviationRecord, counts: DeviationCounts, *, lately: bool = False) -> list[tuple[str, str, str]]:
    found = deviation_changes(NO_EXPIRY, record, counts, TODAY, lately=lately)
    return [(each.what, each.old, each.new) for each in found]


def test_a_deviation_that_is_taken_up_or_given_up_is_told_with_its_days() -> None:
    plain = DeviationRecord(DeviationCounts(0, 8), plain=(FIRST, SECOND))
    assert flipped(plain, DeviationCounts(8, 0)) == [
        ("PRE302 final-without-expiry is shown", "0 of 8 from 2026-10-01 to 2026-10-05", "8 of 8 on 2026-11-02")
    ]
    shown = DeviationRecord(DeviationCounts(8, 0), shown=(FIRST, FIRST))
    assert flipped(shown, DeviationCounts(0, 8)) == [
        ("PRE302 final-without-expiry is no longer shown", "8 of 8 on 2026-10-01", "0 of 8 on 2026-11-02")
    ]
    assert flipped(shown, DeviationCounts(0, 2)) == []


def test_a_deviation_that_is_as_before_again_is_told_if_it_was_otherwise_lately() -> None:
    shown = DeviationRecord(DeviationCounts(8, 0), shown=(FIRST, FIRST), plain=(SECOND, SECOND))
    assert flipped(shown, DeviationCounts(8, 0)) == []
    assert flipped(shown, DeviationCounts(8, 0), lately=True) == [
        ("PRE302 final-without-expiry is shown", "not shown on 2026-10-05", "8 of 8 on 2026-11-02")
    ]
    plain = DeviationRecord(DeviationCounts(0, 8), shown=(FIRST, SECOND))
    assert flipped(plain, DeviationCounts(0, 8), lately=True) == [
        (
            "PRE302 final-without-expiry is no longer shown",
            "shown from 2026-10-01 to 2026-10-05",
            "0 of 8 on 2026-11-02",
        )
    ]


def test_a_deviation_in_turns_within_a_run_is_a_warning_of_today() -> None:
    drift = mixed(NO_EXPIRY, DeviationCounts(4, 2, 3), TODAY)
    assert drift is not None
    assert (drift.code, drift.grade, drift.path, drift.since) == ("PRE522", "warning", "", TODAY)
    assert str(drift.key) == "list deviation final-without-expiry in turns"
    assert (drift.old, drift.new) == ("always or never", "3 of 6")


def test_targets_of_one_side_are_listed_together() -> None:
    run = {name: {NO_EXPIRY: DeviationCounts(8, 0)} for name in ("cn", "us")} | {
        "eu": {NO_EXPIRY: DeviationCounts(0, 9)}
    }
    [finding] = apart(run, TODAY)
    assert dict(finding.evidence) == {"shown by": "cn (8 of 8), us (8 of 8)", "not by": "eu (0 of 9)", "on": str(TODAY)}
    assert finding.subject == ("list", "deviation final-without-expiry", "between targets")
