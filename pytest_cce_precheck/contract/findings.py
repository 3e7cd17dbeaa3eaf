"""A finding: data first, prose second."""

from __future__ import annotations

import re
from dataclasses import dataclass, field, replace
from typing import TYPE_CHECKING, Any

from pytest_cce_precheck.contract.rules import Kind, Rule, Severity, rules

if TYPE_CHECKING:
    from collections.abc import Iterable

    from pytest_cce_precheck.wire.exchange import Exchange


@dataclass(frozen=True)
class Finding:
    """One thing that an answer, or several together, showed.

    ``message`` is the fact in one sentence, ``path`` the JSON path in the first exchange's body (``$.items[3]…``),
    ``subject`` what the fact is about (filters, a field), ``evidence`` label and text pairs, ``exchanges`` the
    answers that it rests on, the telling one first.
    """

    code: str
    message: str
    path: str = ""
    subject: tuple[str, ...] = ()
    evidence: tuple[tuple[str, str], ...] = ()
    exchanges: tuple[Exchange, ...] = field(default=(), repr=False)

    @property
    def rule(self) -> Rule:
        """The code's entry in the table."""
        return rules()[self.code]

    @property
    def severity(self) -> Severity:
        """The rule's severity."""
        return self.rule.severity

    @property
    def kind(self) -> Kind:
        """Violation, deviation or observation."""
        return self.rule.kind

    @property
    def identity(self) -> tuple[str, ...]:
        """Findings with the same identity are one fact, seen several times."""
        return (self.code, *(self.subject or (re.sub(r"\[\d+\]", "[*]", self.path),)))

    def seen_in(self, *exchanges: Exchange) -> Finding:
        """Give this finding with the exchanges that it was seen in."""
        return replace(self, exchanges=exchanges)

    def to_dict(self) -> dict[str, Any]:
        """Give what machines read; exchanges are named by request target and request id."""
        return {
            "code": self.code,
            "name": self.rule.name,
            "kind": str(self.kind),
            "severity": str(self.severity),
            "message": self.message,
            "path": self.path,
            "subject": list(self.subject),
            "evidence": [list(pair) for pair in self.evidence],
            "exchanges": [
                {
                    "method": exchange.request.method,
                    "target": exchange.request.target,
                    "status": exchange.status,
                    "request_id": exchange.request_id,
                }
                for exchange in self.exchanges
            ],
        }


def worst(findings: Iterable[Finding]) -> Severity | None:
    """Give the most severe severity among ``findings``, None where there is none."""
    return min((finding.severity for finding in findings), key=lambda severity: severity.rank, default=None)
