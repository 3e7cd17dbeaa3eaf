"""How long answers take, and the rules on what the user allows: no answer takes longer, no recording is older."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import datetime, timedelta

from pytest_cce_precheck.contract.envelope import PASSING
from pytest_cce_precheck.contract.findings import Finding
from pytest_cce_precheck.wire.exchange import Exchange
from pytest_cce_precheck.wire.vocabulary import Filter


def kind_of_query(exchange: Exchange) -> str:
    """Return what was asked, in words; empty for what is sent again, whose time says nothing about the service."""
    if exchange.status in PASSING:
        return ""
    if exchange.request.method != "GET":
        return "create" if exchange.request.method == "POST" else "other methods"
    if exchange.status >= 400:
        return "refusals"
    given = {name for name, value in exchange.request.params if value and name in set(Filter)}
    if len(given) > 1:
        return "several filters"
    return next(iter(given), "unfiltered list")


def too_slow(exchange: Exchange, limit: float | None) -> Iterator[Finding]:
    """Yield a finding if an answer took longer than ``limit`` seconds; retries and waits are not counted."""
    kind, elapsed = kind_of_query(exchange), exchange.response.elapsed
    if limit is not None and kind and elapsed > limit:
        asked = f"{exchange.request.method} {exchange.request.target}"
        message = f"{asked} was answered after {elapsed:.3f} s; at most {limit:g} s are allowed"
        yield Finding("PRE123", message, subject=(kind,)).seen_in(exchange)


def too_old(recorded_at: datetime, *, name: str, now: datetime, limit: timedelta) -> Finding | None:
    """Return a finding if a cassette was recorded longer ago than ``limit``."""
    age = now - recorded_at
    if age <= limit:
        return None
    message = f"{name} was recorded {_shown(age)} ago, on {recorded_at:%Y-%m-%d}; at most {_shown(limit)} are allowed"
    return Finding("PRE120", message, subject=(name,))


def _shown(age: timedelta) -> str:
    return f"{age.days} days" if age >= timedelta(days=2) else f"{age // timedelta(hours=1)} hours"
