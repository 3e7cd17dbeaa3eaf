"""Dates of HTTP are read as what they say, wherever the machine that reads them stands."""

from __future__ import annotations

import time
from datetime import UTC, datetime
from typing import TYPE_CHECKING

import pytest
from hypothesis import given
from hypothesis import strategies as st

from pytest_cce_precheck.contract.check import check
from pytest_cce_precheck.contract.clock import seconds_ahead
from pytest_cce_precheck.suite.sender import seconds_of
from pytest_cce_precheck.wire.dates import is_retry_after, parse_http_date
from pytest_cce_precheck.wire.exchange import Exchange, Headers, Request, Response
from tests.contract.answers import HEADERS, listing, task
from tests.contract.answers import answered as answer

if TYPE_CHECKING:
    from collections.abc import Iterator

NOON = datetime(2026, 1, 2, 12, tzinfo=UTC)
SPELLINGS = [
    "Fri, 02 Jan 2026 12:00:00 GMT",
    "Fri, 02 Jan 2026 12:00:00 -0000",
    "Fri, 02 Jan 2026 12:00:00",
    "Fri, 02 Jan 2026 12:00:00 +0000",
    "Fri, 02 Jan 2026 20:00:00 +0800",
    "Friday, 02-Jan-26 12:00:00 GMT",
    "Fri Jan  2 12:00:00 2026",
]


@pytest.fixture(params=["UTC", "Asia/Shanghai", "America/Los_Angeles"], autouse=True)
def _somewhere(request: pytest.FixtureRequest) -> Iterator[None]:
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("TZ", request.param)
        time.tzset()
        yield
    time.tzset()


def answered(**headers: str) -> Exchange:
    pairs = [(name.replace("_", "-"), value) for name, value in headers.items()]
    return Exchange(Request("GET", "https://cce.example", "/"), Response(429, Headers(pairs)))


@pytest.mark.parametrize("date", SPELLINGS)
def test_a_date_is_the_same_moment_everywhere_and_in_utc_without_a_zone(date: str) -> None:
    exchange = answered(Date=date, Retry_After=date)
    assert parse_http_date(date) == exchange.date == NOON
    assert seconds_ahead(exchange, NOON) == -0.5
    assert seconds_of(exchange) == 0


@pytest.mark.parametrize("date", SPELLINGS)
def test_a_task_made_just_now_is_not_of_the_future_however_the_date_is_spelled(date: str) -> None:
    made = task(1, "Init")
    made["metadata"]["createTimeStamp"] = "2026-01-02T11:59:59Z"
    made_since = [(name, date if name == "Date" else value) for name, value in HEADERS]
    assert "PRE308" not in [each.code for each in check(answer(listing([made]), headers=made_since))]


@pytest.mark.parametrize("said", ["Fri, 02 Jan 2026 12:00:07 -0000", "Fri, 02 Jan 2026 20:00:07 +0800", "7"])
@pytest.mark.parametrize("date", SPELLINGS)
def test_the_wait_that_is_asked_for_counts_from_the_answers_own_date(said: str, date: str) -> None:
    assert seconds_of(answered(Date=date, Retry_After=said)) == 7


UNREADABLE = [
    "",
    "soon",
    "-1",
    "٧",
    "Fri, 99 Jan 2026 12:00:00 GMT",
    "Fri, 02 Jan 99999999999999999999 12:00:00 GMT",
    "Fri, 02 Jan 2026 12:00:00 +9999",
]


@pytest.mark.parametrize("text", UNREADABLE)
def test_what_is_no_date_is_none_and_nothing_to_wait_for(text: str) -> None:
    with pytest.raises(ValueError, match="is not an HTTP date"):
        parse_http_date(text)
    assert answered(Date=text).date is None
    assert seconds_of(answered(Retry_After=text)) == 0
    assert not is_retry_after(text)


@given(st.text(st.sampled_from("FriJan, 0123456789:+-GMTZ()\x00é"), max_size=40) | st.text())
def test_no_text_ends_in_another_error(text: str) -> None:
    date = answered(Date=text).date
    assert date is None or date.tzinfo is UTC
    is_retry_after(text)
