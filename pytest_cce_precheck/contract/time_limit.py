"""The end of a run's time also ends the judging of an answer, which takes minutes if the answer is huge."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from contextvars import ContextVar
from typing import Final

from pytest_cce_precheck.errors import BudgetExhaustedError

STEP: Final = 1024
"""After how many elements a loop over an answer looks at the clock."""
_remaining: ContextVar[Callable[[], float | None]] = ContextVar("_remaining", default=lambda: None)


@contextmanager
def judging_within(remaining: Callable[[], float | None]) -> Iterator[None]:
    """End what is judged in the ``with`` block when ``remaining`` returns no more seconds; None means no limit."""
    before = _remaining.set(remaining)
    try:
        yield
    finally:
        _remaining.reset(before)


def stop_if_over() -> None:
    """Raise `BudgetExhaustedError` if the time of the run is over."""
    left = _remaining.get()()
    if left is not None and left <= 0:
        raise BudgetExhaustedError("the time of the run ended while an answer was judged (--cce-run-time)")
