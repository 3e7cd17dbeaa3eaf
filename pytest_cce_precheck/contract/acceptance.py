"""Findings that somebody has decided to live with: a code, a reason, and perhaps a day on which that ends."""

from __future__ import annotations

import re
from dataclasses import dataclass
from datetime import date
from typing import TYPE_CHECKING, Final

from pytest_cce_precheck.contract.rules import find_rule
from pytest_cce_precheck.errors import ConfigurationError

if TYPE_CHECKING:
    from pytest_cce_precheck.contract.findings import Finding

_TEXT: Final = re.compile(r"\s*(?P<code>[\w-]+)\s*:(?P<reason>.*?)(?:(?<=\s)until\s+(?P<until>\S+))?\s*$")


@dataclass(frozen=True)
class Acceptance:
    """One accepted code; after ``until`` it accepts no longer."""

    code: str
    reason: str
    until: date | None

    @classmethod
    def of(cls, code: str, reason: str, until: str | date | None = None) -> Acceptance:
        """Check and make one; raises `ConfigurationError` that names what is wrong."""
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
        """Read ``CODE: REASON [until YYYY-MM-DD]``; a deviation may be given by its name.

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

    def covers(self, finding: Finding, today: date) -> bool:
        """Whether this accepts ``finding`` on that day."""
        return finding.code == self.code and (self.until is None or today <= self.until)
