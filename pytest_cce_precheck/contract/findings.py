"""A finding: what an answer showed, as data and in one sentence."""

from __future__ import annotations

import re
from collections import defaultdict
from collections.abc import Iterable
from dataclasses import dataclass, field, replace
from itertools import chain
from typing import Any, Final

from pytest_cce_precheck._text import shortened
from pytest_cce_precheck.contract.rules import Kind, Rule, Severity, rules
from pytest_cce_precheck.contract.time_limit import STEP, stop_if_over
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
    facts: dict[tuple[str, ...], list[Finding]] = defaultdict(list)
    for number, finding in enumerate(findings):
        if number and not number % STEP:
            stop_if_over()
        facts[finding.identity].append(finding)
    return [_as_one(same) if len(same) > 1 else same[0] for same in facts.values()]


def _as_one(same: list[Finding]) -> Finding:
    """Return the first of several findings of one fact, with the number and the places of all."""
    paths = {finding.path for finding in same}
    places = paths if len(paths) == 1 else {everywhere(path) for path in paths}
    samples = tuple(dict.fromkeys(chain.from_iterable(map(_samples, same))))
    path = places.pop() if len(places) == 1 else ""
    return replace(same[0], path=path, times=sum(finding.times for finding in same), samples=samples)


def _samples(finding: Finding) -> tuple[str, ...]:
    return finding.samples or (f"{finding.path}: {finding.message}" if finding.path else finding.message,)


def everywhere(path: str) -> str:
    """Return a JSON path with every index in place of the one that it has.

    >>> everywhere("$.items[3].status.riskList[0].level")
    '$.items[*].status.riskList[*].level'
    """
    return re.sub(r"\[\d+\]", "[*]", path)
