"""A finding: what an answer showed, as data and in one sentence."""

from __future__ import annotations

import re
from dataclasses import dataclass, field, replace
from typing import TYPE_CHECKING, Any, Final

from pytest_cce_precheck._text import shortened
from pytest_cce_precheck.contract.rules import Kind, Rule, Severity, rules
from pytest_cce_precheck.contract.time_limit import STEP, stop_if_over

if TYPE_CHECKING:
    from collections.abc import Iterable

    from pytest_cce_precheck.wire.exchange import Exchange

SAMPLES: Final = 3
"""How many places are shown of a fact that an answer shows in many."""
MESSAGE: Final = 600
"""The most characters of a message, and of each text of the evidence."""
_PATH: Final = 200
_SUBJECT: Final = 20
_EVIDENCE: Final = 12


@dataclass(frozen=True)
class Finding:
    """One thing that an answer, or several together, showed.

    ``message`` is the fact in one sentence, ``path`` the JSON path in the first exchange's body (``$.items[3]…``),
    ``subject`` what the fact is about (filters, a field), ``evidence`` pairs of a label and a text, ``exchanges`` the
    answers that it rests on, the one that shows it first. A fact that was seen more than once (`gathered`) has the
    number of ``times`` and a few ``samples``; its message is the first one's. All texts are bounded in length.
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

    def abridged(self) -> Finding:
        """Return this finding, to be kept for long: of a large body it holds only the beginning."""
        return self.seen_in(*(each.abridged() for each in self.exchanges))

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
    """Return each fact once, in the order in which they were found; the contract bounds the number of facts."""
    facts: dict[tuple[str, ...], _Fact] = {}
    for number, finding in enumerate(findings):
        if number and not number % STEP:
            stop_if_over()
        identity = finding.identity
        if identity in facts:
            facts[identity].add(finding)
        else:
            facts[identity] = _Fact(finding, finding.path, finding.times, _samples(finding))
    return [fact.finding for fact in facts.values()]


@dataclass
class _Fact:
    """What was found of one fact so far; building a finding anew for each place would cost most of the time."""

    first: Finding
    path: str
    times: int
    samples: tuple[str, ...]

    def add(self, other: Finding) -> None:
        self.times += other.times
        if len(self.samples) < SAMPLES:
            self.samples = tuple(dict.fromkeys((*self.samples, *_samples(other))))
        if self.path != other.path:
            self.path = everywhere(self.path) if everywhere(self.path) == everywhere(other.path) else ""

    @property
    def finding(self) -> Finding:
        if self.times == self.first.times:
            return self.first
        return replace(self.first, path=self.path, times=self.times, samples=self.samples)


def _samples(finding: Finding) -> tuple[str, ...]:
    return finding.samples or (f"{finding.path}: {finding.message}" if finding.path else finding.message,)


def everywhere(path: str) -> str:
    """Return a JSON path with every index in place of the one that it has.

    >>> everywhere("$.items[3].status.riskList[0].level")
    '$.items[*].status.riskList[*].level'
    """
    return re.sub(r"\[\d+\]", "[*]", path)


def worst(findings: Iterable[Finding]) -> Severity | None:
    """Return the highest severity among ``findings``, None if there are none."""
    return min((finding.severity for finding in findings), key=lambda severity: severity.rank, default=None)
