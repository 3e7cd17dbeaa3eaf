"""A recording speaks for the service until it is too old."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

import pytest

from pytest_cce_precheck.contract.timing import too_old

NOW = datetime(2026, 11, 23, 10, tzinfo=UTC)


def test_a_recording_may_be_as_old_as_the_limit_and_no_older() -> None:
    limit = timedelta(days=30)
    assert too_old(NOW - limit, name="a.json", now=NOW, limit=limit) is None
    finding = too_old(NOW - limit - timedelta(seconds=1), name="a.json", now=NOW, limit=limit)
    assert finding is not None
    assert (finding.code, finding.subject) == ("PRE120", ("a.json",))
    assert finding.message == "a.json was recorded 30 days ago, on 2026-10-24; at most 30 days are allowed"


@pytest.mark.parametrize(
    ("age", "shown"), [(timedelta(hours=47, minutes=59), "47 hours"), (timedelta(hours=48), "2 days")]
)
def test_an_age_of_less_than_two_days_is_told_in_hours(age: timedelta, shown: str) -> None:
    finding = too_old(NOW - age, name="a.json", now=NOW, limit=timedelta(hours=1))
    assert finding is not None
    assert f"recorded {shown} ago" in finding.message
    assert finding.message.endswith("at most 1 hours are allowed")
