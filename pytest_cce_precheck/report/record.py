"""The one record of a run: everything that is printed or written about it is rendered from this value."""

from __future__ import annotations

from dataclasses import dataclass, field
from datetime import UTC, datetime
from functools import cached_property
from typing import TYPE_CHECKING, Any, ClassVar, Final, Literal, get_args

from pytest_cce_precheck.config.options import Mode
from pytest_cce_precheck.contract.causes import causes
from pytest_cce_precheck.contract.clock import skew_of
from pytest_cce_precheck.contract.rules import Kind
from pytest_cce_precheck.report.saved import TOOL, as_finding

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from pytest_cce_precheck.contract.causes import Cause
    from pytest_cce_precheck.plugin.run_log import Outcome

RunVerdict = Literal["holds", "incomplete", "not-let-in", "not-reachable", "does-not-hold"]
VERDICTS: Final[tuple[RunVerdict, ...]] = get_args(RunVerdict)
"""From the best to the worst: the worst verdict of a target is that of the run."""

_UNKNOWN: Final = datetime.min.replace(tzinfo=UTC)
CheckState = Literal["judged", "not-asked-for", "not-judged"]
RecordedFinding = dict[str, Any]
_KINDS: Final = ("failing", "shown", "accepted", "caught")


@dataclass(frozen=True)
class TestResult:
    """What became of one test; ``services`` names who answered its calls, ``judged`` counts the answers it judged.

    ``on_simulator`` tells that it used the simulator's fixtures in a run that is not simulated.
    """

    __test__: ClassVar[bool] = False

    nodeid: str
    outcome: Outcome
    duration: float = 0.0
    target: str = ""
    services: tuple[str, ...] = ()
    judged: int = 0
    on_simulator: bool = False


@dataclass(frozen=True)
class ShippedCheck:
    """How far one check of the shipped suite came on one target, and why it did not come further."""

    name: str
    state: CheckState
    target: str = ""
    why: str = ""


@dataclass(frozen=True)
class Place:
    """One service and its cluster: how much it was asked, how it answered, and what that proves.

    ``requests`` counts what anybody sent there, ``tried`` what the tests tried to. ``listed`` tells whether any answer
    listed a task, ``refused`` is the status of the first list, if that was 401, 403 or 404 and no list was ever read.
    """

    service: str
    cluster: str = ""
    lag: int = 0
    behind: float = 0.0
    requests: int = 0
    tried: int = 0
    retried: int = 0
    answered: int = 0
    listed: bool = True
    refused: int | None = None
    ahead: tuple[float, ...] = ()
    renewed: int = 0
    created: tuple[Mapping[str, Any], ...] = ()
    verdict: RunVerdict = "incomplete"
    reason: str = ""

    def to_dict(self) -> dict[str, Any]:
        """Return what the report file holds of it."""
        return {
            "service": self.service,
            "requests": self.requests,
            "retried": self.retried,
            "answered": self.answered,
            "tokens_renewed": self.renewed,
            "clock_skew": skew_of(self.ahead),
            "seconds_behind": self.behind,
            "created": [dict(each) for each in self.created],
        }


@dataclass(frozen=True)
class RunRecord:
    """What a run did, found and proved, whichever worker ran its tests.

    ``places`` has each target by its name; a run without a file of targets has one, whose name is empty. ``suite``
    tells whether the shipped suite was asked for: only such a run can say that the contract holds. Each of ``findings``
    has a ``verdict``: *failing*, *shown*, *accepted*, or *caught*, if a test of one's own found it and did not fail.
    """

    mode: str
    places: Mapping[str, Place]
    verdict: RunVerdict = "incomplete"
    reason: str = ""
    headline: str = ""
    exit_status: int = 0
    started: datetime = _UNKNOWN
    duration: float = 0.0
    version: str = ""
    suite: bool = False
    settings: Mapping[str, Mapping[str, str]] = field(default_factory=dict)
    fail_on: str = "error"
    seed: int = 0
    tests: tuple[TestResult, ...] = ()
    checks: tuple[ShippedCheck, ...] = ()
    findings: tuple[RecordedFinding, ...] = ()
    accepted: Mapping[str, str] = field(default_factory=dict)
    unmet: tuple[str, ...] = ()
    expired: tuple[str, ...] = ()
    inconclusive: tuple[str, ...] = ()
    not_asked: tuple[str, ...] = ()
    reached: frozenset[str] = frozenset()
    not_reached: frozenset[str] = frozenset()
    observations: Mapping[str, frozenset[str]] = field(default_factory=dict)
    cassettes: Mapping[str, Mapping[str, Any]] = field(default_factory=dict)
    recorded: Mapping[str, str] = field(default_factory=dict)
    examples: Mapping[str, Mapping[str, int]] = field(default_factory=dict)

    @property
    def service(self) -> str:
        """What was asked, in words."""
        several = len(self.places) > 1
        return f"{len(self.places)} targets" if several else next(iter(self.places.values())).service

    @property
    def requests(self) -> int:
        """How many requests were sent, retries too."""
        return sum(place.requests for place in self.places.values())

    @property
    def retried(self) -> int:
        """How many of them were retries."""
        return sum(place.retried for place in self.places.values())

    @property
    def looked_at_nothing(self) -> list[str]:
        """The hypothesis tests that saw answers, and in none of them a task."""
        return sorted(nodeid for nodeid, counts in self.examples.items() if not counts["listed"])

    def of_verdict(self, verdict: str) -> list[RecordedFinding]:
        """Return the findings of one verdict, in the order of their codes."""
        chosen = [finding for finding in self.findings if finding["verdict"] == verdict]
        return sorted(chosen, key=lambda finding: (finding["code"], finding["message"]))

    @property
    def breaking(self) -> list[RecordedFinding]:
        """The findings that say that the contract does not hold.

        These fail the run. With ``--cce-fail-on=never`` none does; the errors among them still say so.
        """
        if self.fail_on != "never":
            return self.of_verdict("failing")
        return [finding for finding in self.of_verdict("shown") if finding["severity"] == "error"]

    @property
    def broken(self) -> list[RecordedFinding]:
        """The breaking findings without observations: these fail a run that asks for it, and break no sentence."""
        return [finding for finding in self.breaking if finding["kind"] != Kind.OBSERVATION]

    # asked for by the verdict of each target and by all that is printed
    @cached_property
    def causes(self) -> list[tuple[Cause, list[str]]]:
        """Each cause with the targets that show it; what it explains, it explains on its own target."""
        found: dict[tuple[str, ...], tuple[Cause, list[str]]] = {}
        for name in dict.fromkeys((*self.places, "")):
            for group in causes([as_finding(data) for data in self.breaking if is_on(data, name)]):
                found.setdefault(group.finding.identity, (group, []))[1].append(name)
        return list(found.values())

    def to_dict(self) -> dict[str, Any]:
        """Return what the report file holds: ``schemas/report.json``."""
        return {
            "tool": TOOL,
            "version": self.version,
            "verdict": self.verdict,
            "reason": self.reason,
            "headline": self.headline,
            "exit_status": self.exit_status,
            "started": self.started.isoformat(timespec="seconds"),
            "duration": round(self.duration, 3),
            "mode": self.mode,
            "suite": self.suite,
            "settings": {flag: dict(setting) for flag, setting in self.settings.items()},
            "seed": self.seed,
            **self._asked(),
            "checks": [
                {"name": each.name, "target": each.target, "state": each.state, "why": each.why} for each in self.checks
            ],
            "tests": [
                {
                    "nodeid": each.nodeid,
                    "outcome": each.outcome,
                    "duration": round(each.duration, 3),
                    "target": each.target,
                    "services": list(each.services),
                    "answers_judged": each.judged,
                    "on_simulator": each.on_simulator,
                }
                for each in self.tests
            ],
            "findings": [finding for kind in _KINDS for finding in self.of_verdict(kind)],
            "accepted": dict(self.accepted),
            "acceptances_never_met": list(self.unmet),
            "acceptances_expired": list(self.expired),
            "inconclusive": list(self.inconclusive),
            "not_asked_for": list(self.not_asked),
            "classes_reached": sorted(self.reached),
            "classes_not_reached": sorted(self.not_reached - self.reached),
            "observations": {question: sorted(seen) for question, seen in sorted(self.observations.items())},
            "recorded": sorted(nodeid for nodeid, what in self.recorded.items() if what == "kept"),
            "examples": [{"test": nodeid, **counts} for nodeid, counts in sorted(self.examples.items())],
            "cassettes": [dict(self.cassettes[name]) for name in sorted(self.cassettes)],
        }

    def _asked(self) -> dict[str, Any]:
        """Return what was asked, in all and of each target if there are any."""
        if "" in self.places:
            return self.places[""].to_dict()
        targets = [
            {"name": name, "cluster": each.cluster, "verdict": each.verdict, "reason": each.reason, **each.to_dict()}
            for name, each in self.places.items()
        ]
        return {"service": self.service, "requests": self.requests, "retried": self.retried, "targets": targets}


def how_asked(report: Mapping[str, Any]) -> str:
    """Return the line of a report that tells the mode, who was asked, and how much."""
    real = Mode(report["mode"]).is_real
    line = f"mode {report['mode']}: {report['service']}{'' if real else ' (no real service was contacted)'}"
    if report["requests"]:
        again = report["retried"]
        retried = f", {again} of them {'a retry' if again == 1 else 'retries'}" if again else ""
        return f"{line}, {number_of(report['requests'], 'request')}{retried}, seed {report['seed']}"
    return f"{line}, no request was sent" if real else line


def is_on(finding: Mapping[str, Any], target: str) -> bool:
    """Whether a finding was made on a target; one that no target has is on the target without a name."""
    names: Sequence[str] = finding.get("targets") or [""]
    return target in names


def number_of(number: int, noun: str) -> str:
    """Return a number with its noun.

    >>> number_of(1, "request"), number_of(2, "request")
    ('1 request', '2 requests')
    """
    return f"{number} {noun}{'' if number == 1 else 's'}"
