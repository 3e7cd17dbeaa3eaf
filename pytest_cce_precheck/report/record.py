"""The record of a run: everything that is printed or written about a run is rendered from this value."""

from __future__ import annotations

import math
from collections import defaultdict
from collections.abc import Mapping
from dataclasses import dataclass, field, fields, is_dataclass, replace
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Any, ClassVar, Final, Literal, get_args

from pytest_cce_precheck._text import count_of
from pytest_cce_precheck.config.options import Mode
from pytest_cce_precheck.contract.causes import causes
from pytest_cce_precheck.contract.rules import Kind
from pytest_cce_precheck.report.saved import TOOL, as_finding, is_on

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence

    from pytest_cce_precheck.config.options import Language
    from pytest_cce_precheck.report.proved import Proved

RunVerdict = Literal["holds", "incomplete", "not-let-in", "not-reachable", "does-not-hold"]
VERDICTS: Final[tuple[RunVerdict, ...]] = get_args(RunVerdict)
"""From the best to the worst: the worst verdict of a target is that of the run."""

FORMAT: Final = 2
"""The version of the report file: it grows by one if members are added; none is removed or changes its meaning."""
Outcome = Literal["passed", "failed", "error", "skipped", "xfailed", "xpassed"]
CheckState = Literal["judged", "not-asked-for", "not-judged"]
RecordedFinding = Mapping[str, Any]
_UNKNOWN: Final = datetime.min.replace(tzinfo=UTC)
# of a run's fields, those that the report file has in another form or not at all
_NOT_REPORTED: Final = frozenset({"targets", "causes", "warnings", "not_recorded", "language"})


@dataclass(frozen=True)
class TestResult:
    """The result of one test; ``services`` names what answered its calls, ``answers_judged`` counts what it judged.

    ``on_simulator`` is set if it used the simulator's fixtures in a run that is not simulated.
    """

    __test__: ClassVar[bool] = False

    nodeid: str
    outcome: Outcome
    duration: float = 0.0
    target: str = ""
    services: tuple[str, ...] = ()
    answers_judged: int = 0
    on_simulator: bool = False


@dataclass(frozen=True)
class ShippedCheck:
    """How far one check of the shipped suite came on one target, and why it did not come further."""

    name: str
    state: CheckState
    target: str = ""
    why: str = ""


@dataclass(frozen=True)
class TargetResult:
    """The result on one service and cluster: how often it was called, how it answered, and what that proves.

    ``requests`` counts all requests that were sent, ``tried`` the calls of the tests. ``listed`` is set if any answer
    listed a task. ``refused`` is the status of the first list if it was 401, 403 or 404 and no list was ever read.
    """

    service: str
    cluster: str = ""
    lag: int = 0
    requests: int = 0
    tried: int = 0
    retried: int = 0
    answered: int = 0
    listed: bool = True
    refused: int | None = None
    not_asked_for: tuple[str, ...] = ()
    tokens_renewed: int = 0
    clock_skew: float | None = None
    seconds_behind: float = 0.0
    created: tuple[Mapping[str, Any], ...] = ()
    response_times: tuple[ResponseTimes, ...] = ()
    verdict: RunVerdict = "incomplete"
    reason: str = ""

    def to_dict(self) -> dict[str, Any]:
        """Return the result as the report file has it."""
        members = {each.name: getattr(self, each.name) for each in fields(self)}
        del members["verdict"], members["reason"]
        return {name: each if isinstance(each, float) else _plain(each) for name, each in members.items()}


@dataclass(frozen=True)
class RecordedCause:
    """A finding, the code of each finding that follows from it, and the targets that show it."""

    finding: RecordedFinding
    consequences: tuple[str, ...]
    targets: tuple[str, ...]


@dataclass(frozen=True)
class RunRecord:
    """What a run did, found and proved, on all its workers.

    ``targets`` has each target by its name; a run without a file of targets has one, whose name is empty. ``suite`` is
    set if the shipped suite was asked for: only such a run can say that the contract holds. Each of ``findings`` has a
    ``verdict``: *failing*, *shown*, *accepted*, or *caught* if a user's own test found it and did not fail. `conclude`
    groups those that break the contract (``causes``) and the warnings among those that are shown (``warnings``).
    ``proved`` says how much was judged of each kind of thing, ``not_proved`` what of ``--cce-require`` is not met.
    ``combinations`` has the classes of filter values that were asked together, ``timeline`` each request, ``lives`` the
    states of tasks that changed, both in seconds since the start; ``runs`` are the latest runs (``--cce-history``).
    """

    mode: str
    targets: Mapping[str, TargetResult]
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
    language: Language = "en"
    seed: int = 0
    tests: tuple[TestResult, ...] = ()
    checks: tuple[ShippedCheck, ...] = ()
    findings: tuple[RecordedFinding, ...] = ()
    causes: tuple[RecordedCause, ...] = ()
    warnings: tuple[RecordedCause, ...] = ()
    accepted: Mapping[str, str] = field(default_factory=dict)
    acceptances_never_met: tuple[str, ...] = ()
    acceptances_expired: tuple[str, ...] = ()
    inconclusive: tuple[str, ...] = ()
    classes_reached: tuple[str, ...] = ()
    classes_not_reached: tuple[str, ...] = ()
    observations: Mapping[str, tuple[str, ...]] = field(default_factory=dict)
    proved: Mapping[str, Proved] = field(default_factory=dict)
    not_proved: tuple[str, ...] = ()
    cassettes: tuple[Mapping[str, Any], ...] = ()
    recorded: tuple[str, ...] = ()
    not_recorded: tuple[str, ...] = ()
    examples: tuple[Mapping[str, Any], ...] = ()
    combinations: tuple[Mapping[str, Any], ...] = ()
    timeline: tuple[Mapping[str, Any], ...] = ()
    lives: tuple[Mapping[str, Any], ...] = ()
    runs: tuple[Mapping[str, Any], ...] = ()

    @property
    def service(self) -> str:
        """What was called, in words."""
        several = len(self.targets) > 1
        return f"{len(self.targets)} targets" if several else next(iter(self.targets.values())).service

    @property
    def requests(self) -> int:
        """How many requests were sent, retries included."""
        return sum(target.requests for target in self.targets.values())

    @property
    def retried(self) -> int:
        """How many of them were retries."""
        return sum(target.retried for target in self.targets.values())

    @property
    def not_asked_for(self) -> tuple[str, ...]:
        """What was not asked for on each target, with the target's name if there is one."""
        return tuple(
            f"{name}: {what}" if name else what for name, each in self.targets.items() for what in each.not_asked_for
        )

    @property
    def how_asked(self) -> str:
        """The line with the mode, what was called, and how often."""
        real = Mode(self.mode).is_real
        line = f"mode {self.mode}: {self.service}{'' if real else ' (no real service was contacted)'}"
        if not self.requests:
            return f"{line}, no request was sent" if real else line
        again = self.retried
        retried = f", {again} of them {'a retry' if again == 1 else 'retries'}" if again else ""
        return f"{line}, {count_of(self.requests, 'request')}{retried}, seed {self.seed}"

    def command_to_ask_again(self, name: str) -> str:
        """Return the command that asks again for the cause that is kept under ``name``, with the faults of the run."""
        faults = self.settings.get("--cce-fault", {}).get("value", "")
        return " ".join([f"cce-precheck rerun {name}", *(f"--fault={each}" for each in faults.split(", ") if each)])

    def of_verdict(self, verdict: str) -> list[RecordedFinding]:
        """Return the findings of one verdict."""
        return [finding for finding in self.findings if finding["verdict"] == verdict]

    @property
    def breaking(self) -> list[RecordedFinding]:
        """The findings that fail the run; with ``--cce-fail-on=never`` none does, and these are the errors."""
        if self.fail_on != "never":
            return self.of_verdict("failing")
        return [finding for finding in self.of_verdict("shown") if finding["severity"] == "error"]

    @property
    def broken(self) -> list[RecordedFinding]:
        """The breaking findings without observations, which can fail a run but do not break the contract."""
        return [finding for finding in self.breaking if finding["kind"] != Kind.OBSERVATION]

    def causes_among(self, findings: Iterable[RecordedFinding]) -> tuple[RecordedCause, ...]:
        """Group findings under their causes; a finding explains others on its own target only."""
        parsed = {as_finding(data): data for data in findings}
        found: dict[tuple[str, ...], RecordedCause] = {}
        for name in dict.fromkeys((*self.targets, "")):
            for cause in causes([finding for finding, data in parsed.items() if is_on(data, name)]):
                data, identity = parsed[cause.finding], cause.finding.identity
                new = RecordedCause(data, tuple(each.code for each in cause.consequences), ())
                earlier = found.setdefault(identity, new)
                found[identity] = replace(earlier, targets=(*earlier.targets, name))
        return tuple(found.values())

    def to_dict(self) -> dict[str, Any]:
        """Return what the report file holds: ``schemas/report.json``."""
        names = [each.name for each in fields(self) if each.name not in _NOT_REPORTED]
        copied = {name: _plain(getattr(self, name)) for name in (*names, "not_asked_for")}
        for kind, each in self.proved.items():
            copied["proved"][kind] = {"proved": len(each.times), "of": each.of, **copied["proved"][kind]}
        document = {"tool": TOOL, "format": FORMAT, **copied}
        if "" in self.targets:
            return {**document, **self.targets[""].to_dict()}
        targets = [
            {"name": name, "verdict": each.verdict, "reason": each.reason, **each.to_dict()}
            for name, each in self.targets.items()
        ]
        totals = {name: getattr(self, name) for name in ("service", "requests", "retried")}
        return {**document, **totals, "targets": targets}


def _plain(value: Any) -> Any:
    """Return a value in the types that JSON has, fractions with three digits."""
    if is_dataclass(value):
        return {each.name: _plain(getattr(value, each.name)) for each in fields(value)}
    if isinstance(value, Mapping):
        return {name: _plain(each) for name, each in value.items()}
    if isinstance(value, list | tuple):
        return [_plain(each) for each in value]
    if isinstance(value, datetime):
        return value.isoformat(timespec="seconds")
    return round(value, 3) if isinstance(value, float) else value


@dataclass(frozen=True)
class ResponseTimes:
    """How long a service took to answer one kind of query, in seconds; no retries, and no waits before them."""

    kind: str
    answers: int
    median: float
    p95: float
    p99: float
    longest: float


def response_times(recorded: Iterable[Mapping[str, Sequence[float]]]) -> tuple[ResponseTimes, ...]:
    """Return the response times of each kind of query, the most frequent kind first.

    >>> response_times([{"type": [0.1, 0.3]}, {"type": [0.2]}])
    (ResponseTimes(kind='type', answers=3, median=0.2, p95=0.3, p99=0.3, longest=0.3),)
    """
    by_kind: dict[str, list[float]] = defaultdict(list)
    for each in recorded:
        for kind, times in each.items():
            by_kind[kind] += times
    found = []
    for kind, unsorted in by_kind.items():
        times = sorted(unsorted)
        if times:
            # the nearest rank: a time that was measured, none in between
            median, p95, p99 = (times[math.ceil(len(times) * share) - 1] for share in (0.5, 0.95, 0.99))
            found.append(ResponseTimes(kind, len(times), median, p95, p99, times[-1]))
    return tuple(sorted(found, key=lambda each: -each.answers))
