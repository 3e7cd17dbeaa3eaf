"""How far this machine's clock is from the service's, by the Date of its answers."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime, timedelta
from statistics import median
from typing import Final

from pytest_cce_precheck.wire.exchange import Exchange

UNSPOKEN: Final = 5.0
"""Fewer seconds are not reported: a Date has whole ones, and an answer takes its time."""


def seconds_ahead(exchange: Exchange, received: datetime) -> float | None:
    """Return the seconds by which the local clock, showing ``received``, is ahead of the service's; negative if behind.

    The service is assumed to have written its Date half-way between request and response.
    """
    if exchange.date is None:
        return None
    # a Date is cut to its second
    return (received - exchange.date - timedelta(seconds=exchange.response.elapsed / 2 + 0.5)).total_seconds()


def skew_of(seconds: Sequence[float]) -> float | None:
    """Return the median of several answers' differences; None if it is too small to report, or there are none."""
    middle = median(seconds) if seconds else 0.0
    return middle if abs(middle) > UNSPOKEN else None


def in_words(skew: float) -> str:
    """Return a clock skew in words.

    >>> in_words(-412.3)
    "this machine's clock is 412 s behind the service's"
    """
    side = "ahead of" if skew > 0 else "behind"
    return f"this machine's clock is {abs(skew):.0f} s {side} the service's"
