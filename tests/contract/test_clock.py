"""How far two clocks are apart, told from answers."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

import pytest

from pytest_cce_precheck.contract.clock import in_words, seconds_ahead, skew_of
from pytest_cce_precheck.wire.exchange import Exchange, Headers, Request, Response

NOON = datetime(2026, 1, 2, 12, tzinfo=UTC)


def answered(date: str | None, elapsed: float = 0.0) -> Exchange:
    headers = Headers([("Date", date)] if date is not None else [])
    return Exchange(Request("GET", "https://cce.example", "/"), Response(200, headers, elapsed=elapsed))


@pytest.mark.parametrize("seconds", [-412, 0, 412])
def test_the_local_clock_is_ahead_by_what_it_shows_more_than_the_date(seconds: int) -> None:
    exchange = answered("Fri, 02 Jan 2026 12:00:00 GMT")
    assert seconds_ahead(exchange, NOON + timedelta(seconds=seconds)) == seconds - 0.5


def test_half_of_the_round_trip_is_taken_into_account() -> None:
    exchange = answered("Fri, 02 Jan 2026 12:00:00 GMT", elapsed=20.0)
    assert seconds_ahead(exchange, NOON + timedelta(seconds=10)) == -0.5


TOO_LARGE = "Fri, 02 Jan 99999999999999999999 12:00:00 GMT"


@pytest.mark.parametrize("date", [None, "", "yesterday", "Fri, 99 Jan 2026 12:00:00 GMT", TOO_LARGE])
def test_an_answer_without_a_date_that_can_be_read_tells_nothing(date: str | None) -> None:
    assert answered(date).date is None
    assert seconds_ahead(answered(date), NOON) is None


def test_a_date_without_a_zone_is_taken_as_utc() -> None:
    assert answered("Fri, 02 Jan 2026 12:00:00 -0000").date == NOON


def test_a_date_with_an_offset_is_the_moment_that_it_names() -> None:
    assert answered("Fri, 02 Jan 2026 20:00:00 +0800").date == NOON


@pytest.mark.parametrize(
    ("seconds", "skew"),
    [([], None), ([0.4], None), ([5.0, 5.0], None), ([-6.0], -6.0), ([0.0, 412.0, 411.0], 411.0), ([0, 0, 9e9], None)],
)
def test_the_median_counts_where_it_is_more_than_five_seconds(seconds: list[float], skew: float | None) -> None:
    assert skew_of(seconds) == skew


def test_a_skew_is_said_from_this_machines_side() -> None:
    assert in_words(412.4) == "this machine's clock is 412 s ahead of the service's"


def test_a_skew_behind_is_said_from_this_machines_side_too() -> None:
    assert in_words(-412.4) == "this machine's clock is 412 s behind the service's"
