"""The rule that recordings are not too old."""

from __future__ import annotations

from datetime import timedelta
from typing import TYPE_CHECKING

from pytest_cce_precheck.contract.findings import Finding

if TYPE_CHECKING:
    from datetime import datetime


def too_old(recorded_at: datetime, *, name: str, now: datetime, limit: timedelta) -> Finding | None:
    """Return a finding if a cassette was recorded longer ago than ``limit``."""
    age = now - recorded_at
    if age <= limit:
        return None
    message = f"{name} was recorded {_shown(age)} ago, on {recorded_at:%Y-%m-%d}; at most {_shown(limit)} are allowed"
    return Finding("PRE120", message, subject=(name,))


def _shown(age: timedelta) -> str:
    return f"{age.days} days" if age >= timedelta(days=2) else f"{age // timedelta(hours=1)} hours"
