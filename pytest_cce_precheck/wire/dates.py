"""Dates in HTTP headers (RFC 9110, 5.6.7), and the wait that ``Retry-After`` asks for."""

from __future__ import annotations

from datetime import UTC, datetime
from email.utils import format_datetime, parsedate_to_datetime
from functools import lru_cache
from typing import Final

from pytest_cce_precheck._text import excerpt

_YEAR: Final = 365 * 86_400


def parse_http_date(text: str) -> datetime:
    """Parse a date, in UTC; raises `ValueError`.

    A date without a zone, or with ``-0000`` (RFC 5322, 3.3), is in UTC too, never in this machine's time.

    >>> parse_http_date("Fri, 02 Jan 2026 12:00:00 -0000").isoformat()
    '2026-01-02T12:00:00+00:00'
    """
    try:
        date = parsedate_to_datetime(text)
        return date.astimezone(UTC) if date.tzinfo else date.replace(tzinfo=UTC)
    except (TypeError, ValueError, OverflowError, IndexError):
        raise ValueError(f"{excerpt(text, 0, 60)!r} is not an HTTP date") from None


@lru_cache(maxsize=1)
def http_date(moment: datetime) -> str:
    """Return a moment in UTC as a date, without its fraction of a second."""
    return format_datetime(moment.replace(microsecond=0), usegmt=True)


def seconds_to_wait(retry_after: str, now: datetime) -> float:
    """Parse ``Retry-After`` (RFC 9110, 10.2.3), seconds or a date; raises `ValueError` if it is neither.

    >>> seconds_to_wait("Fri, 02 Jan 2026 12:00:05 GMT", datetime(2026, 1, 2, 12, tzinfo=UTC))
    5.0
    """
    if retry_after.isascii() and retry_after.isdigit():
        return float(retry_after)
    return max((parse_http_date(retry_after) - now).total_seconds(), 0.0)


def wait_in_words(seconds: float) -> str:
    """Return a wait for a message; a service may ask for any number of seconds.

    >>> wait_in_words(3600.4), wait_in_words(float("inf"))
    ('3600 s', 'more than a year')
    """
    return f"{seconds:.0f} s" if seconds <= _YEAR else "more than a year"


def is_retry_after(value: str) -> bool:
    """Whether a value of ``Retry-After`` is valid."""
    try:
        return seconds_to_wait(value, datetime.now(UTC)) >= 0
    except ValueError:
        return False
