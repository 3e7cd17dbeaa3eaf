"""How far this machine's clock is from the service's, told from the Date of its answers."""

from __future__ import annotations

from datetime import timedelta
from statistics import median
from typing import TYPE_CHECKING, Final

if TYPE_CHECKING:
    from collections.abc import Sequence
    from datetime import datetime

    from pytest_cce_precheck.wire.exchange import Exchange

UNSPOKEN: Final = 5.0
"""Seconds that no word is lost about: a Date has whole ones, and an answer takes its time."""

# a Date is cut to its second
_CUT: Final = timedelta(seconds=0.5)


def seconds_ahead(exchange: Exchange, received: datetime) -> float | None:
    """Return the seconds by which the local clock, showing ``received``, is ahead of the service's; negative if behind.

    The service is taken to have written its Date half-way between question and answer.
    """
    date = exchange.date
    if date is None:
        return None
    written = received - timedelta(seconds=exchange.response.elapsed / 2)
    return (written - date - _CUT).total_seconds()


def skew_of(seconds: Sequence[float]) -> float | None:
    """Return the median of what several answers told; None if it is too little to speak of, or there were none."""
    if not seconds:
        return None
    middle = median(seconds)
    return middle if abs(middle) > UNSPOKEN else None


def in_words(skew: float) -> str:
    """Say a skew for a person.

    >>> in_words(-412.3)
    "this machine's clock is 412 s behind the service's"
    """
    side = "ahead of" if skew > 0 else "behind"
    return f"this machine's clock is {abs(skew):.0f} s {side} the service's"
