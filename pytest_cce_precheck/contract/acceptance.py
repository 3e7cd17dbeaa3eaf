"""Findings that somebody has accepted: a code, a reason, and perhaps a last day."""

from __future__ import annotations

import re
from collections.abc import Iterable
from dataclasses import dataclass
from datetime import date
from typing import Final

from pytest_cce_precheck.contract.findings import Finding
from pytest_cce_precheck.contract.rules import find_rule
from pytest_cce_precheck.errors import ConfigurationError

_TEXT: Final = re.compile(r"\s*(?P<code>[\w-]+)\s*:(?P<reason>.*?)(?:(?<=\s)until\s+(?P<until>\S+))?\s*$")


@dataclass(frozen=True)
class Acceptance:
    """One accepted code; after the day ``until`` it has expired."""

    code: str
    reason: str
    until: date | None

    @classmethod
    def of(cls, code: str, reason: str, until: str | date | None = None) -> Acceptance:
        """Check the values and return an acceptance; raises `ConfigurationError` that names what is wrong."""
        rule = find_rule(code)
        if not reason or not reason.strip():
            raise ConfigurationError(f"accepting {rule.code} needs a reason: why is it all right, and who decided it?")
        if isinstance(until, str):
            try:
                until = date.fromisoformat(until)
            except ValueError:
                raise ConfigurationError(
                    f"accepting {rule.code} until {until!r}: expected a day as YYYY-MM-DD"
                ) from None
        return cls(rule.code, reason.strip(), until)

    @classmethod
    def parse(cls, text: str) -> Acceptance:
        """Parse ``CODE: REASON [until YYYY-MM-DD]``; a deviation may be given by its name.

        >>> Acceptance.parse("final-without-expiry: the vendor's example has none")
        Acceptance(code='PRE302', reason="the vendor's example has none", until=None)
        """
        match = _TEXT.match(text)
        if match is None:
            raise ConfigurationError(f"cannot accept {text!r}: expected CODE: REASON [until YYYY-MM-DD]")
        return cls.of(match["code"], match["reason"], match["until"])

    @property
    def said(self) -> str:
        """The reason, for people."""
        return self.reason

    def expired(self, today: date) -> bool:
        """Whether it accepts nothing any more."""
        return self.until is not None and today > self.until

    def matches(self, finding: Finding) -> bool:
        """Whether this is about ``finding``, expired or not."""
        return finding.code == self.code

    def covers(self, finding: Finding, today: date) -> bool:
        """Whether this accepts ``finding`` on that day."""
        return self.matches(finding) and not self.expired(today)


def useless(acceptances: Iterable[tuple[Acceptance, str, bool]], today: date) -> tuple[list[str], list[str]]:
    """Return the expired acceptances and the unused ones; each is given with its place and whether it was used.

    >>> useless([(Acceptance.parse("PRE302: agreed"), " on cn", False)], date(2026, 1, 1))
    ([], ['PRE302 (agreed) on cn'])
    """
    expired, unused = [], []
    for acceptance, place, used in acceptances:
        text = f"{acceptance.code} ({acceptance.reason})"
        if acceptance.expired(today):
            expired.append(f"{text} until {acceptance.until}{place}")
        elif not used:
            unused.append(text + place)
    return expired, unused
