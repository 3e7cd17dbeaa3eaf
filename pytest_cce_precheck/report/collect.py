"""Collect what all tests of a run recorded into the record of the run."""

from __future__ import annotations

import json
from collections import defaultdict
from datetime import UTC, datetime
from functools import cached_property
from http import HTTPStatus
from importlib.metadata import version
from typing import TYPE_CHECKING, Any, Final

from pytest_cce_precheck._files import write
from pytest_cce_precheck.contract.acceptance import Acceptance, useless
from pytest_cce_precheck.contract.clock import skew_of
from pytest_cce_precheck.report.files import writer_for
from pytest_cce_precheck.report.proved import proved_by, requirements, unmet
from pytest_cce_precheck.report.record import RunRecord, ShippedCheck, TargetResult, TestResult, response_times
from pytest_cce_precheck.report.saved_record import merged_findings, summed_combinations
from pytest_cce_precheck.report.verdict import conclude

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
    from datetime import date
    from pathlib import Path

    from pytest_cce_precheck.config.options import Config
    from pytest_cce_precheck.config.targets import NamedTarget
    from pytest_cce_precheck.plugin.run_log import ReportedTest, RunLog
    from pytest_cce_precheck.redaction.texts import Redactor
    from pytest_cce_precheck.report.record import RecordedFinding

RecordedRun = tuple[str, str, str]
"""What the end of the run recorded, and no test: an id in place of a test's, a name and a value."""

_REFUSED: Final = frozenset({HTTPStatus.UNAUTHORIZED, HTTPStatus.FORBIDDEN, HTTPStatus.NOT_FOUND})
_VERDICTS: Final = ("failing", "shown", "accepted", "caught")


class _Recorded:
    """What one test recorded, parsed; ``test`` is None if the end of the run recorded it."""

    def __init__(self, nodeid: str, records: Iterable[tuple[str, str]], test: ReportedTest | None = None) -> None:
        self.nodeid, self.test = nodeid, test
        self._records: dict[str, list[str]] = defaultdict(list)
        for name, value in records:
            self._records[name].append(value)
        self.target = self._last("cce_target")
        # the shipped check that this is, empty for a user's own test
        self.check = self._last("cce_check")
        # "kept" or "left", empty if no cassette was to be written
        self.cassette = self._last("cce_recorded")
        self.runs = self.all("run")
        self.failed = test is not None and test.outcome in ("failed", "error")

    def all(self, name: str) -> list[dict[str, Any]]:
        """Return everything that was recorded under a name."""
        return [json.loads(value) for value in self._records[f"cce_{name}"]]

    def from_runs(self, name: str) -> Iterator[Any]:
        """Yield each item of a list that the checks of the suite recorded."""
        return (each for run in self.runs for each in run[name])

    @cached_property
    def findings(self) -> Sequence[RecordedFinding]:
        """The findings; those of a user's own test that did not fail do not fail the run."""
        found = self.all("finding")
        if self.test is None or self.check or self.failed:
            return found
        return [{**each, "verdict": "caught"} if each["verdict"] == "failing" else each for each in found]

    @cached_property
    def answers(self) -> dict[str, Any]:
        """How the calls were answered, in all attempts (pytest-rerunfailures) together."""
        parts = self.all("answers")
        return {
            "services": tuple(dict.fromkeys(each for part in parts for each in part["services"])),
            "first_list": next((part["first_list"] for part in parts if part["first_list"]), None),
            **{name: any(part[name] for part in parts) for name in ("on_simulator", "read", "listed")},
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

    ``suite`` names the shipped checks, if the suite was asked for; ``beside`` is what the end of the run recorded;
    ``sent`` is how many requests left for each target, whoever sent them; ``stopped`` is why pytest ended early, and
    ``exit_status`` its own exit status.
    """
    tests = [_Recorded(redactor.text(each.nodeid), each.records, each) for each in log.tests]
    everything = [*tests, *_beside(beside)]
    configs = {target.name: target.config for target in targets} or {"": config}
    record = RunRecord(
        mode=config.mode,
        targets={name: _target(own, everything, name, (sent or {}).get(name, 0)) for name, own in configs.items()},
        started=log.started,
        duration=log.duration,
        version=version("pytest-cce-precheck"),
        suite=bool(suite),
        settings={
            flag: {"value": redactor.text(value), "source": source} for flag, (value, source) in config.shown.items()
        },
        fail_on=config.fail_on,
        seed=config.seed,
        tests=tuple(_result(each, each.test) for each in tests if each.test),
        checks=tuple(_check(name, target, tests) for target in configs for name in suite),
        findings=tuple(_merged(everything)),
        accepted={data["code"]: data["reason"] for each in everything for data in each.all("accepted")},
        **_cassettes(everything, tests),
        **_course(everything, log.started.timestamp()),
        **_coverage(everything, config),
        **_acceptances(everything, configs, datetime.now(UTC).date()),
    )
    return conclude(record, stopped, exit_status)


def _beside(records: Iterable[RecordedRun]) -> Iterator[_Recorded]:
    by_id: dict[str, list[tuple[str, str]]] = defaultdict(list)
    for nodeid, name, value in records:
        by_id[nodeid].append((name, value))
    return (_Recorded(nodeid, own) for nodeid, own in by_id.items())


def _target(config: Config, everything: Sequence[_Recorded], name: str, sent: int) -> TargetResult:
    own = [each for each in everything if each.target == name]
    runs = [run for each in own for run in each.runs]
    live = [data for each in own for data in each.all("live")]
    # a user's own test that passed expected to be refused
    asked = [each for each in own if each.check or (each.test and each.test.outcome != "passed")]
    # later lists may be refused on purpose: a check sends bad credentials
    first_list = next(filter(None, (each.answers["first_list"] for each in asked)), None)
    is_refused = first_list in _REFUSED and not any(each.answers["read"] for each in own)
    # the suite counts what it sends itself, calls that it gave up included
    tried = sum(run["requests"] for run in runs) + sum(each.answers["sent"] for each in own if not each.runs)
    return TargetResult(
        service=config.answered_by,
        cluster=config.cluster_id or "",
        lag=config.lag,
        seconds_behind=max((run["behind"] for run in runs), default=0.0),
        requests=max(sent, tried),
        tried=tried,
        retried=sum(run["retried"] for run in runs),
        answered=sum(each.answers["answered"] for each in own),
        listed=any(each.answers["listed"] for each in own),
        refused=first_list if is_refused else None,
        clock_skew=skew_of([each for data in live for each in data["ahead"]]),
        tokens_renewed=sum(data["renewed"] for data in live),
        created=tuple(each for data in live for each in data["created"]),
        response_times=response_times(data["times"] for data in live),
        not_asked_for=tuple(dict.fromkeys(what for each in own for what in each.from_runs("not_asked"))),
    )


def _result(each: _Recorded, test: ReportedTest) -> TestResult:
    answers = each.answers
    judged = sum(run["judged"] for run in each.runs) or answers["judged"]
    return TestResult(
        each.nodeid, test.outcome, test.duration, each.target, answers["services"], judged, answers["on_simulator"]
    )


def _check(name: str, target: str, tests: Sequence[_Recorded]) -> ShippedCheck:
    """Return how far a shipped check came, and what kept it from being judged."""
    own = [each for each in tests if each.check == name and each.target == target]
    failed = [each for each in own if each.failed]
    # if the end of the budget or the time cuts a check short, it was not made, whatever it judged until then
    cut_short = [why for each in own for why in each.from_runs("cut_short")]
    inconclusive = [why for each in own for why in each.from_runs("inconclusive")]
    not_asked = [why for each in own for why in each.from_runs("not_asked")]
    skipped = [each.test.why_skipped for each in own if each.test and each.test.why_skipped]
    why = ""
    if not own:
        why = "it was not run"
    elif any(not any(data["verdict"] == "failing" for data in each.findings) for each in failed):
        why = "its test failed without a finding"
    elif failed and not any(each.answers["answered"] for each in own):
        why = "no request was answered"
    elif failed or (not cut_short and any(run["judged"] for each in own for run in each.runs)):
        return ShippedCheck(name, "judged", target)
    elif not_asked and not inconclusive:
        return ShippedCheck(name, "not-asked-for", target, not_asked[0].removeprefix(f"{name}: "))
    why = why or (*cut_short, *inconclusive, *skipped, "nothing could be judged")[0]
    return ShippedCheck(name, "not-judged", target, why.removeprefix(f"{name}: "))


def _merged(everything: Iterable[_Recorded]) -> list[RecordedFinding]:
    found = merged_findings(
        {**data, "test": each.nodeid, **({"targets": [each.target]} if each.target else {})}
        for each in everything
        for data in each.findings
    )
    return sorted(found, key=lambda data: (_VERDICTS.index(data["verdict"]), data["code"], data["message"]))


def _sorted(key: str, items: Iterable[Mapping[str, Any]]) -> tuple[Mapping[str, Any], ...]:
    """Sort items by a key; of several with the same key, return the last."""
    by_key = {each[key]: each for each in items}
    return tuple(by_key[each] for each in sorted(by_key))


def _cassettes(everything: Sequence[_Recorded], tests: Sequence[_Recorded]) -> dict[str, Any]:
    """Return what was recorded and replayed, and the examples of hypothesis tests."""
    return {
        "recorded": tuple(sorted(each.nodeid for each in tests if each.cassette == "kept")),
        "not_recorded": tuple(each.nodeid for each in tests if each.cassette == "left"),
        "examples": _sorted("test", ({"test": each.nodeid, **data} for each in tests for data in each.all("examples"))),
        "cassettes": _sorted("name", (data for each in everything for data in each.all("cassette"))),
    }


def _course(everything: Sequence[_Recorded], began: float) -> dict[str, Any]:
    """Return what was asked together, and the requests and tasks' lives in seconds since the start."""
    lives: dict[tuple[str, str], Any] = {}
    timeline = []
    for each in everything:
        for data in each.from_runs("lives"):
            # a later check knows more
            lives[each.target, data["task"]] = [[round(at - began, 3), state] for at, state in data["states"]]
        for part in each.all("timeline"):
            sent = part["requests"]
            timeline += [{**one, "at": round(one["at"] - began, 3), "target": each.target} for one in sent]
    return {
        "combinations": summed_combinations(data for each in everything for data in each.from_runs("combinations")),
        "timeline": tuple(sorted(timeline, key=lambda one: one["at"])),
        "lives": tuple({"task": task, "target": target, "states": states} for (target, task), states in lives.items()),
    }


def _coverage(everything: Sequence[_Recorded], config: Config) -> dict[str, Any]:
    """Return what the checks of the suite reached, and what the contract leaves unspecified."""
    observations: dict[str, set[str]] = defaultdict(set)
    for run in (run for each in everything for run in each.runs):
        for question, behaviours in run["observations"].items():
            observations[question] |= set(behaviours)
    reached, planned = (
        {name for each in everything for name in each.from_runs(list_)} for list_ in ("reached", "not_reached")
    )
    proved = proved_by(
        (data for each in everything for data in each.all("proved")),
        (name for each in everything for name in set(each.from_runs("reached"))),
        planned,
    )
    return {
        "proved": proved,
        "not_proved": tuple(unmet(requirements(config.require), proved)),
        "inconclusive": tuple(
            f"{each.target}: {text}" if each.target else text
            for each in everything
            for text in each.from_runs("inconclusive")
        ),
        "classes_reached": tuple(sorted(reached)),
        "classes_not_reached": tuple(sorted(planned - reached)),
        "observations": {question: tuple(sorted(observations[question])) for question in sorted(observations)},
    }


def _acceptances(everything: Sequence[_Recorded], configs: Mapping[str, Config], today: date) -> dict[str, Any]:
    """Return which acceptances have expired, and which accepted nothing."""
    used = {
        (place, data["code"]) for each in everything for data in each.all("accepted")
        for place in ((each.nodeid, ""), ("", each.target))
    }  # fmt: skip
    given = [
        (acceptance, f" on {name}" if name else "", (("", name), acceptance.code) in used)
        for name, config in configs.items()
        for acceptance in map(Acceptance.parse, config.accept)
    ]
    allowed = {(each.nodeid, data["code"]): data for each in everything for data in each.all("allowed")}
    for (nodeid, code), data in allowed.items():
        acceptance = Acceptance.of(code, data["reason"], data["until"])
        given.append((acceptance, f" in {nodeid}", ((nodeid, ""), code) in used))
    expired, unused = useless(given, today)
    return {"acceptances_expired": tuple(expired), "acceptances_never_met": tuple(unused)}


def write_report(path: Path, record: RunRecord, spelled: Callable[[str], str] = str) -> None:
    """Write a report file in the form that its name ends in; raises `ConfigurationError` if that is impossible.

    The old file then stays as it was. ``spelled`` names options as the command that was used has them; the names that
    programs read stay.
    """
    text = writer_for(path)(record)
    if not path.name.endswith("json"):
        text = spelled(text)
    # JSON can hold half a surrogate pair, a file cannot
    write(path, text.encode("utf-8", "backslashreplace"), f"--cce-report={path}")
