"""How long to wait before a request is sent again: as the service says, else a growing pause with jitter."""

from __future__ import annotations

from random import Random
from typing import TYPE_CHECKING, Final

from pytest_cce_precheck.client import utc_now
from pytest_cce_precheck.wire.dates import seconds_to_wait

if TYPE_CHECKING:
    from pytest_cce_precheck.wire.exchange import Exchange

LONGEST: Final = 30.0
"""The most seconds that a run waits because a service asks for it; one that asks for more is not asked again."""

_FIRST: Final = 0.2
_LAST: Final = 3.2
_MOST_LATE: Final = 0.25


class RetryPolicy:
    """The pauses of one worker of a run: the same seed draws the same ones, and each worker draws its own."""

    def __init__(self, seed: int, worker: str = "") -> None:
        self._rng = Random(f"{seed}:{worker}:pauses")  # noqa: S311  it spreads requests, it protects nothing

    def pause(self, attempt: int) -> float:
        """Return the seconds before the try that follows the ``attempt``-th."""
        return min(_FIRST * 2.0 ** (attempt - 1), _LAST) * self._rng.uniform(0.5, 1.5)

    def asked_for(self, exchange: Exchange, attempt: int) -> float:
        """Return the seconds that ``Retry-After`` asks for, and a little more; without one, a pause."""
        said = seconds_of(exchange)
        return said + self._rng.uniform(0.0, _MOST_LATE) if said > 0 else self.pause(attempt)


def seconds_of(exchange: Exchange) -> float:
    """Read ``Retry-After``, seconds or a date by the service's clock, which need not be ours; 0 without one."""
    value = exchange.response.headers.get("Retry-After", "").strip()
    try:
        return seconds_to_wait(value, exchange.date or utc_now())
    except ValueError:
        return 0.0
