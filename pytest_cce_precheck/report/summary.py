"""What all tests of a run recorded, added up to the record of the run."""

from __future__ import annotations

import json
from collections import Counter, defaultdict
from datetime import UTC, datetime
from functools import cached_property
from importlib.metadata import version
from typing import TYPE_CHECKING, Any

from pytest_cce_precheck._files import write
from pytest_cce_precheck.contract.acceptance import Acceptance
from pytest_cce_precheck.report.conclusion import conclude
from pytest_cce_precheck.report.files import writer_for
from pytest_cce_precheck.report.record import Place, RunRecord, ShippedCheck, TestResult
from pytest_cce_precheck.report.saved import as_finding

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Mapping, Sequence
    from datetime import date
    from pathlib import Path

    from pytest_cce_precheck.config.options import Config
    from pytest_cce_precheck.config.targets import NamedTarget
    from pytest_cce_precheck.plugin.run_log import ReportedTest, RunLog
    from pytest_cce_precheck.redaction.texts import Redactor
    from pytest_cce_precheck.report.record import RecordedFinding

RecordedRun = tuple[str, str, str]
"""What no test of the run recorded: the place that stands for the test, a name and a value."""


class _Told:
    """What one test recorded, parsed; ``test`` is None if it stands for the end of the run, which found it."""

    def __init__(self, nodeid: str, records: Iterable[tuple[str, str]], test: ReportedTest | None = None) -> None:
        self.nodeid, self.test = nodeid, test
        self._records: dict[str, list[str]] = defaultdict(list)
        for name, value in records:
            self._records[name].append(value)

    @cached_property
    def target(self) -> str:
        return self._last("cce_target")

    @property
    def check(self) -> str:
        """The shipped check that this is, empty if it is a test of somebody's own."""
        return self._last("cce_check")

    @property
    def recorded(self) -> str:
        """What became of its cassette, empty if none was to be written."""
        return self._last("cce_recorded")

    def all(self, name: str) -> list[dict[str, Any]]:
        """Return everything that it recorded under a name."""
        return [json.loads(value) for value in self._records[f"cce_{name}"]]

    @cached_property
    def findings(self) -> list[RecordedFinding]:
        """Its findings; of a test of one's own that did not fail, none fails the run."""
        found = self.all("finding")
        if self.test is None or self.check or self.test.outcome in ("failed", "error"):
            return found
        return [{**each, "verdict": "caught"} if each["verdict"] == "failing" else each for each in found]

    @cached_property
    def answers(self) -> dict[str, Any]:
        """How its calls were answered, its attempts (pytest-rerunfailures) together."""
        parts = self.all("answers")
        return {
            "services": tuple(dict.fromkeys(each for part in parts for each in part["services"])),
            "on_simulator": any(part["on_simulator"] for part in parts),
            "read": any(part["read"] for part in parts),
            "listed": any(part["listed"] for part in parts),
            "refused": next((part["refused"] for part in parts if part["refused"]), None),
            **{name: sum(part[name] for part in parts) for name in ("sent", "answered", "judged")},
        }

    def _last(self, name: str) -> str:
        return next(reversed(self._records[name]), "")


def collect(
    log: RunLog,
    config: Config,
    targets: Sequence[NamedTarget] = (),
    *,
    redactor: Redactor,
    suite: Sequence[str] = (),
    beside: Iterable[RecordedRun] = (),
    sent: Mapping[str, int] | None = None,
    stopped: str = "",
    exit_status: int = 0,
) -> RunRecord:
    """Return the record of a run, with its verdict.

    ``suite`` names the shipped checks, if the suite was asked for; ``beside`` is what the end of the run found and no
    test did; ``sent`` is how many requests to each target were counted where they leave, by whomever they were sent;
    ``stopped`` is why pytest ended early, and ``exit_status`` what it ends with.
    """
    tests = [_Told(redactor.text(each.nodeid), each.records, each) for each in log.tests]
    told = [*tests, *_told_beside(beside)]
    configs = {target.name: target.config for target in targets} or {"": config}
    record = RunRecord(
        mode=config.mode,
        places={name: _place(own, told, name, (sent or {}).get(name, 0)) for name, own in configs.items()},
        started=log.started,
        duration=log.duration,
        version=version("pytest-cce-precheck"),
        suite=bool(suite),
        settings={
            flag: {"value": redactor.text(value), "source": source} for flag, (value, source) in config.shown.items()
        },
        fail_on=config.fail_on,
        seed=config.seed,
        tests=tuple(map(_result, tests)),
        checks=tuple(_check(name, target, tests) for target in configs for name in suite),
        findings=tuple(_merged(told)),
        accepted={data["code"]: data["reason"] for each in told for data in each.all("accepted")},
        cassettes={data["name"]: data for each in told for data in each.all("cassette")},
        recorded={each.nodeid: each.recorded for each in tests if each.recorded},
        examples={each.nodeid: counts for each in tests for counts in each.all("examples")},
        **_how_far(told),
        **_acceptances(told, configs, datetime.now(UTC).date()),
    )
    return conclude(record, stopped, exit_status)


def _told_beside(beside: Iterable[RecordedRun]) -> list[_Told]:
    grouped: dict[str, list[tuple[str, str]]] = defaultdict(list)
    for nodeid, name, value in beside:
        grouped[nodeid].append((name, value))
    return [_Told(nodeid, records) for nodeid, records in grouped.items()]


def _service(config: Config) -> str:
    return {"simulate": "the embedded service", "replay": "recorded answers"}.get(config.mode, str(config.service))


def _place(config: Config, of_all: Sequence[_Told], name: str, sent: int) -> Place:
    told = [each for each in of_all if each.target == name]
    own = [data for each in told for data in each.all("run")]
    live = [data for each in told for data in each.all("live")]
    # the suite counts what it sends itself, what it gave up too
    others = [each.answers for each in told if not each.all("run")]
    # a test of one's own that passed wanted to be refused
    refused = [each.answers["refused"] for each in told if each.check or (each.test and each.test.outcome != "passed")]
    read = any(each.answers["read"] for each in told)
    tried = sum(data["requests"] for data in own) + sum(each["sent"] for each in others)
    return Place(
        service=_service(config),
        cluster=config.cluster_id or "",
        lag=config.lag,
        behind=max((data["behind"] for data in own), default=0.0),
        requests=max(sent, tried),
        tried=tried,
        retried=sum(data["retried"] for data in own),
        answered=sum(each.answers["answered"] for each in told),
        listed=any(each.answers["listed"] for each in told),
        refused=None if read else next(filter(None, refused), None),
        ahead=tuple(each for data in live for each in data["ahead"]),
        renewed=sum(data["renewed"] for data in live),
        created=tuple(each for data in live for each in data["created"]),
    )


def _result(each: _Told) -> TestResult:
    assert each.test is not None
    answers = each.answers
    judged = sum(run["judged"] for run in each.all("run")) or answers["judged"]
    return TestResult(
        each.nodeid, each.test.outcome, each.test.duration, each.target, answers["services"], judged,
        answers["on_simulator"],
    )  # fmt: skip


def _check(name: str, target: str, tests: Sequence[_Told]) -> ShippedCheck:
    """Return how far a shipped check came, whatever kept it from being run."""
    own = [each for each in tests if each.check == name and each.target == target]
    if not own:
        return ShippedCheck(name, "not-judged", target, "it was not run")
    runs = [run for each in own for run in each.all("run")]
    broken = [each for each in own if each.test and each.test.outcome in ("failed", "error")]
    if any(not any(data["verdict"] == "failing" for data in each.findings) for each in broken):
        return ShippedCheck(name, "not-judged", target, "its test failed without a finding")
    if broken and not any(each.answers["answered"] for each in own):
        return ShippedCheck(name, "not-judged", target, "no request was answered")
    # a check that the end of the budget or the time cut short was not made, whatever it judged until then
    cut_short = [why for run in runs for why in run.get("cut_short", ())]
    if broken or (not cut_short and any(run["judged"] for run in runs)):
        return ShippedCheck(name, "judged", target)
    inconclusive = [why for run in runs for why in run["inconclusive"]]
    unasked = [why for run in runs for why in run["not_asked"]]
    if unasked and not inconclusive:
        return ShippedCheck(name, "not-asked-for", target, unasked[0].removeprefix(f"{name}: "))
    skipped = next((each.test.why_skipped for each in own if each.test and each.test.why_skipped), "")
    why = next(iter((*cut_short, *inconclusive)), skipped) or "nothing could be judged"
    return ShippedCheck(name, "not-judged", target, why.removeprefix(f"{name}: "))


def _merged(told: Iterable[_Told]) -> Iterator[RecordedFinding]:
    """Merge findings that say the same: how often they were made, and on which targets."""
    found: dict[tuple[str, ...], RecordedFinding] = {}
    times: Counter[tuple[str, ...]] = Counter()
    for each in told:
        for data in each.findings:
            # one fact may fail in one test and be accepted in another
            identity = (data["verdict"], *as_finding(data).identity)
            times[identity] += data["times"]
            known = found.setdefault(identity, {**data, "test": each.nodeid})
            if each.target and each.target not in known.setdefault("targets", []):
                known["targets"].append(each.target)
    return ({**finding, "times": times[identity]} for identity, finding in found.items())


def _how_far(told: Sequence[_Told]) -> dict[str, Any]:
    """Return what the checks of the suite reached, and what they left open or were not asked for."""
    runs = [(each.target, run) for each in told for run in each.all("run")]
    observations: dict[str, frozenset[str]] = defaultdict(frozenset)
    for _, run in runs:
        for question, behaviours in run["observations"].items():
            observations[question] |= frozenset(behaviours)

    def named(name: str) -> tuple[str, ...]:
        return tuple(f"{target}: {text}" if target else text for target, run in runs for text in run[name])

    return {
        "inconclusive": named("inconclusive"),
        "not_asked": tuple(dict.fromkeys(named("not_asked"))),
        "reached": frozenset(name for _, run in runs for name in run["reached"]),
        "not_reached": frozenset(name for _, run in runs for name in run["not_reached"]),
        "observations": observations,
    }


def _acceptances(told: Sequence[_Told], configs: Mapping[str, Config], today: date) -> dict[str, Any]:
    """Return which acceptances have expired, and which were never met."""
    met = {(each.nodeid, data["code"]) for each in told for data in each.all("accepted")}
    met_on = {(each.target, data["code"]) for each in told for data in each.all("accepted")}
    wanted = [
        (acceptance, f" on {name}" if name else "", (name, acceptance.code) in met_on)
        for name, config in configs.items()
        for acceptance in map(Acceptance.parse, config.accept)
    ]
    allowed = {(each.nodeid, data["code"]): data for each in told for data in each.all("allowed")}
    for place, data in allowed.items():
        acceptance = Acceptance.of(data["code"], data["reason"], data["until"])
        wanted.append((acceptance, f" in {place[0]}", place in met))
    expired, unmet = [], []
    for acceptance, where, is_met in wanted:
        said = f"{acceptance.code} ({acceptance.reason})"
        if acceptance.until is not None and today > acceptance.until:
            expired.append(f"{said} until {acceptance.until}{where}")
        elif not is_met:
            unmet.append(said + where)
    return {"expired": tuple(expired), "unmet": tuple(unmet)}


def write_report(path: Path, record: RunRecord) -> None:
    """Write a report file in the form that its name ends in; raises `ConfigurationError` if that is impossible.

    The old file then stays as it was.
    """
    text = writer_for(path)(record.to_dict())
    # half a character, which JSON can hold, cannot stand in a file
    write(path, text.encode("utf-8", "backslashreplace"), f"--cce-report={path}")
