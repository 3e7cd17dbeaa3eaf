"""What a run has found and how far it has come: findings, each fact once, and what could not be judged."""

from __future__ import annotations

from contextlib import contextmanager
from dataclasses import dataclass, field, replace
from typing import TYPE_CHECKING, Any, Final

from pytest_cce_precheck._text import shortened
from pytest_cce_precheck.contract.findings import MESSAGE, Finding
from pytest_cce_precheck.contract.proof import Proof
from pytest_cce_precheck.contract.replica_lag import ReplicaLag, may_be_replicas

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping, Sequence

    from pytest_cce_precheck.wire.exchange import Exchange
    from pytest_cce_precheck.wire.vocabulary import Filter

Classes = tuple[tuple["Filter", str], ...]
"""The class of each filter's value in a query."""
Judged = tuple[int, int]
"""How many answers were judged, and how many of them were wrong."""

_COUNTS: Final = ("requests", "retried", "judged")
_TEXTS: Final = ("inconclusive", "not_asked", "cut_short")
# findings that compare two answers: one of two replicas may be behind the other
_CONTRADICTIONS: Final = frozenset(
    {*(f"PRE40{n}" for n in range(2, 10)), *(f"PRE41{n}" for n in range(6)), "PRE310", "PRE501", "PRE502", "PRE503"}
    | {"PRE505", "PRE506"}
)


@dataclass(frozen=True)
class Progress:
    """How far a run, or one check of it, has come.

    ``judged`` counts the answers that a check judged, without those that it only prepared itself with. ``cut_short``
    are the reasons why a check ended before it had asked everything.
    """

    requests: int
    retried: int
    judged: int
    inconclusive: tuple[str, ...]
    not_asked: tuple[str, ...]
    cut_short: tuple[str, ...]
    reached: frozenset[tuple[Filter, str]]
    not_reached: frozenset[tuple[Filter, str]]
    observations: Mapping[str, frozenset[str]]
    behind: float = 0.0
    combinations: Mapping[Classes, Judged] = field(default_factory=dict)
    lives: Mapping[str, Sequence[tuple[float, str]]] = field(default_factory=dict)

    def __sub__(self, earlier: Progress) -> Progress:
        before = earlier.combinations
        judged = {
            classes: (number - before.get(classes, (0, 0))[0], red - before.get(classes, (0, 0))[1])
            for classes, (number, red) in self.combinations.items()
            if before.get(classes) != (number, red)
        }
        return replace(
            self,
            combinations=judged,
            **{name: getattr(self, name) - getattr(earlier, name) for name in _COUNTS},
            **{name: getattr(self, name)[len(getattr(earlier, name)) :] for name in _TEXTS},
        )

    @property
    def why_not_judged(self) -> str:
        """The reason why a check has no verdict, empty if it has one."""
        if self.judged and not self.cut_short:
            return ""
        if self.not_asked and not self.inconclusive:
            return "not asked for: " + "; ".join(self.not_asked)
        return "inconclusive: " + "; ".join((*self.inconclusive, *self.not_asked) or ["nothing could be judged"])

    def to_dict(self) -> dict[str, Any]:
        """Return what the report is made of."""
        return {
            **{name: getattr(self, name) for name in _COUNTS},
            **{name: list(getattr(self, name)) for name in _TEXTS},
            "reached": sorted(f"{name}: {value_class}" for name, value_class in self.reached),
            "not_reached": sorted(f"{name}: {value_class}" for name, value_class in self.not_reached),
            "observations": {question: sorted(seen) for question, seen in self.observations.items()},
            "behind": round(self.behind, 1),
            "combinations": [
                {"classes": {str(name): each for name, each in classes}, "judged": number, "red": red}
                for classes, (number, red) in self.combinations.items()
            ],
            "lives": [{"task": key, "states": list(map(list, states))} for key, states in self.lives.items()],
        }


@dataclass
class Results:
    """The results of a run; ``check`` is the name of the test whose check is running.

    A finding whose identity was reported before is counted and not reported again: one cause, one finding.
    ``replicas`` tells whether replicas may answer at all; if so, contradictions between answers get a hint. ``proof``
    counts what the answers prove.
    """

    lag: ReplicaLag
    replicas: bool = True
    check: str = ""
    special: str = ""
    judged: int = 0
    inconclusive: list[str] = field(default_factory=list)
    not_asked: list[str] = field(default_factory=list)
    cut_short: list[str] = field(default_factory=list)
    reached: set[tuple[Filter, str]] = field(default_factory=set)
    observations: dict[str, set[str]] = field(default_factory=dict)
    combinations: dict[Classes, Judged] = field(default_factory=dict)
    proof: Proof = field(default_factory=Proof)
    _found: dict[tuple[str, ...], Finding] = field(default_factory=dict)
    _times: dict[tuple[str, ...], int] = field(default_factory=dict)

    @property
    def findings(self) -> tuple[Finding, ...]:
        """Everything found so far, each fact once, with the number of times that it was seen."""
        return tuple(replace(finding, times=self.times(finding)) for finding in self._found.values())

    def times(self, finding: Finding) -> int:
        """Return how often a finding was seen."""
        return self._times.get(finding.identity, 0)

    def report(self, *findings: Finding) -> None:
        """Record findings."""
        for finding in map(self._with_hint, findings):
            self.proof.see_finding(finding.code)
            self._times[finding.identity] = self.times(finding) + finding.times
            if finding.identity not in self._found:
                self._found[finding.identity] = finding.abridged()

    def found(self, code: str, message: str, *exchanges: Exchange, subject: str = "", path: str = "") -> None:
        """Record a finding with the exchanges that it was seen in."""
        self.report(Finding(code, message, path, (subject,) if subject else ()).seen_in(*exchanges))

    @contextmanager
    def asking_with(self, what: str) -> Iterator[None]:
        """Name in the evidence of each finding what was special about the request, unless its message does."""
        self.special = what
        try:
            yield
        finally:
            self.special = ""

    def _with_hint(self, finding: Finding) -> Finding:
        if self.special and self.special not in finding.message:
            finding = replace(finding, evidence=(*finding.evidence, ("asked with", self.special)))
        behind = self.lag.behind
        if behind <= self.lag.lag or not self.replicas or finding.code not in _CONTRADICTIONS:
            return finding
        return replace(finding, evidence=(*finding.evidence, ("replicas?", may_be_replicas(behind))))

    def see_combination(self, classes: Classes, *, red: bool) -> None:
        """Count a judged answer to a query for these classes of values, and whether it was wrong."""
        judged, wrong = self.combinations.get(classes, (0, 0))
        self.combinations[classes] = judged + 1, wrong + red

    def observe(self, question: str, behaviour: str) -> None:
        """Record how the endpoint answers a question that the contract leaves open."""
        self.observations.setdefault(question, set()).add(behaviour)

    def give_up(self, why: str) -> None:
        """Count something as inconclusive: neither a pass nor a finding."""
        self.inconclusive.append(shortened(f"{self.check}: {why}", MESSAGE))

    def end_early(self, why: str) -> None:
        """Record that the check ends before it has asked everything: whatever it judged, it was not made in full."""
        self.give_up(why)
        self.cut_short.append(self.inconclusive[-1])

    def leave_out(self, why: str, *, part: str = "") -> None:
        """Record that the check, or a part of it, is not asked for: what it needs is not given, or not permitted."""
        self.not_asked.append(f"{self.check}{f' ({part})' if part else ''}: {why}")
