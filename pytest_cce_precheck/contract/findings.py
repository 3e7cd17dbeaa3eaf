"""A finding: data first, prose second."""

from __future__ import annotations

import re
from dataclasses import dataclass, field, replace
from typing import TYPE_CHECKING, Any, Final

from pytest_cce_precheck._text import shortened
from pytest_cce_precheck.contract.rules import Kind, Rule, Severity, rules

if TYPE_CHECKING:
    from collections.abc import Iterable

    from pytest_cce_precheck.wire.exchange import Exchange

SAMPLES: Final = 3
"""So many places are shown of what an answer shows in many."""
MESSAGE: Final = 600
"""The most characters of a message, and of a text of the evidence."""
_PATH: Final = 200
_SUBJECT: Final = 20
_EVIDENCE: Final = 12


@dataclass(frozen=True)
class Finding:
    """One thing that an answer, or several together, showed.

    ``message`` is the fact in one sentence, ``path`` the JSON path in the first exchange's body (``$.items[3]…``),
    ``subject`` what the fact is about (filters, a field), ``evidence`` label and text pairs, ``exchanges`` the
    answers that it rests on, the telling one first. A fact that was seen more than once (`gathered`) has the number of
    ``times`` and a few ``samples``; its message is the first one's. Whatever a service sends, all texts have a length.
    """

    code: str
    message: str
    path: str = ""
    subject: tuple[str, ...] = ()
    evidence: tuple[tuple[str, str], ...] = ()
    exchanges: tuple[Exchange, ...] = field(default=(), repr=False)
    times: int = 1
    samples: tuple[str, ...] = ()

    def __post_init__(self) -> None:
        subject = self.subject
        if len(subject) > _SUBJECT:
            subject = (*subject[: _SUBJECT - 1], f"and {len(subject) - _SUBJECT + 1:,} more")
        bounded = {
            "message": shortened(self.message, MESSAGE),
            "path": shortened(self.path, _PATH),
            "subject": tuple(shortened(each, _PATH) for each in subject),
            "evidence": tuple((label, shortened(text, MESSAGE)) for label, text in self.evidence[:_EVIDENCE]),
            "samples": tuple(shortened(each, _PATH + MESSAGE) for each in self.samples[:SAMPLES]),
        }
        for name, value in bounded.items():
            object.__setattr__(self, name, value)

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
        return (self.code, *(self.subject or (everywhere(self.path),)))

    def seen_in(self, *exchanges: Exchange) -> Finding:
        """Return this finding with the exchanges that it was seen in."""
        return replace(self, exchanges=exchanges)

    def merged(self, other: Finding) -> Finding:
        """Return this finding as one that the other shows too; what is said of it is said of both places."""
        samples = self._samples
        if len(samples) < SAMPLES:
            samples = tuple(dict.fromkeys((*samples, *other._samples)))[:SAMPLES]
        path = self.path
        if path != other.path:
            path = everywhere(path) if everywhere(path) == everywhere(other.path) else ""
        return replace(self, path=path, times=self.times + other.times, samples=samples)

    @property
    def _samples(self) -> tuple[str, ...]:
        return self.samples or (f"{self.path}: {self.message}" if self.path else self.message,)

    def to_dict(self) -> dict[str, Any]:
        """Return what machines read; exchanges are named by request target and request id."""
        return {
            "code": self.code,
            "name": self.rule.name,
            "kind": str(self.kind),
            "severity": str(self.severity),
            "message": self.message,
            "path": self.path,
            "subject": list(self.subject),
            "evidence": [list(pair) for pair in self.evidence],
            "times": self.times,
            "samples": list(self.samples),
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


def gathered(findings: Iterable[Finding]) -> list[Finding]:
    """Return each fact once, in the order in which they were found; the number of facts is bounded by the contract."""
    facts: dict[tuple[str, ...], Finding] = {}
    for finding in findings:
        identity = finding.identity
        known = facts.get(identity)
        facts[identity] = finding if known is None else known.merged(finding)
    return list(facts.values())


def everywhere(path: str) -> str:
    """Return a JSON path with every index in place of the one that it has.

    >>> everywhere("$.items[3].status.riskList[0].level")
    '$.items[*].status.riskList[*].level'
    """
    return re.sub(r"\[\d+\]", "[*]", path)


def worst(findings: Iterable[Finding]) -> Severity | None:
    """Return the most severe severity among ``findings``, None where there is none."""
    return min((finding.severity for finding in findings), key=lambda severity: severity.rank, default=None)
