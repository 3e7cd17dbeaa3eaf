"""``--cce-snapshot``: observes the answers of a run, and at its end compares them with those of earlier runs.

Each process observes its own tests; the workers of pytest-xdist send their observations when they end, so that the
reports of tests stay small.
"""

from __future__ import annotations

import json
import os
from collections import Counter
from dataclasses import astuple
from typing import TYPE_CHECKING, Any, Final

import pytest

from pytest_cce_precheck._text import count_of
from pytest_cce_precheck.cassette.importers.foreign import is_call
from pytest_cce_precheck.config.options import SIMULATED_SERVICE
from pytest_cce_precheck.contract.acceptance import Acceptance
from pytest_cce_precheck.contract.ledger import known_failures
from pytest_cce_precheck.drift.comparison import apart, mixed
from pytest_cce_precheck.drift.deviation_counts import DeviationCounter, merge_counts
from pytest_cce_precheck.drift.memory import remember
from pytest_cce_precheck.drift.snapshot import (
    SnapshotTarget,
    counts_as_data,
    counts_from_data,
    dumps,
    prepare,
    read,
    traits_as_data,
    traits_from_data,
    write,
)
from pytest_cce_precheck.drift.traits import Observer, merge_traits
from pytest_cce_precheck.errors import ConfigurationError
from pytest_cce_precheck.plugin.fixtures import context_key
from pytest_cce_precheck.plugin.run_log import acceptance_as_data, beside_key, records_of, records_of_verdict
from pytest_cce_precheck.plugin.settings import config_key, targets_key, time_of_writing
from pytest_cce_precheck.redaction.spellings import Pieces
from pytest_cce_precheck.redaction.texts import Redactor
from pytest_cce_precheck.report.text import one_line
from pytest_cce_precheck.report.verdict import sort_findings
from pytest_cce_precheck.wire.credentials import secrets_in

if TYPE_CHECKING:
    from collections.abc import Generator, Iterable, Iterator, Mapping, Sequence
    from datetime import date
    from pathlib import Path

    from _pytest.terminal import TerminalReporter

    from pytest_cce_precheck.contract.findings import Finding
    from pytest_cce_precheck.drift.deviation_counts import DeviationCounts, DeviationKey
    from pytest_cce_precheck.drift.memory import RememberedRun
    from pytest_cce_precheck.drift.traits import Traits
    from pytest_cce_precheck.plugin.session import Harness
    from pytest_cce_precheck.wire.exchange import Request

_OUTPUT: Final = "cce_snapshot"


def keep_snapshot(pytestconfig: pytest.Config, path: Path) -> None:
    """Have a run observe its answers and keep the snapshot; raises `ConfigurationError` if the file cannot be used."""
    if hasattr(pytestconfig, "workerinput"):
        pytestconfig.pluginmanager.register(AnswerObserver(), "cce-answer-observer")
    else:
        prepare(path)
        pytestconfig.pluginmanager.register(SnapshotKeeper(pytestconfig, path), "cce-snapshot-keeper")


class AnswerObserver:
    """Observes the answers to the tests of this process; on a worker that is all."""

    def __init__(self) -> None:
        self._observed: dict[SnapshotTarget, tuple[Observer, DeviationCounter]] = {}
        self._secrets = {*secrets_in(os.environ)}

    def _masked(self, text: str) -> str:
        secrets = sorted(self._secrets)
        return Pieces(secrets).masked(Redactor(secrets).text(text))

    @pytest.hookimpl(wrapper=True)
    def pytest_runtest_call(self, item: pytest.Item) -> Generator[None, object, object]:
        """Observe the answers to a test, whatever its outcome."""
        try:
            return (yield)
        finally:
            harness, test = item.stash.get(context_key, (None, None))
            # answers with faults that a test asks for are not those of the service
            if harness is not None and test is not None and harness.exchanges and not test.faults:
                self._secrets |= set(harness.secrets)
                target = target_of(harness, dict(records_of(item)).get("cce_target", ""))
                observer, counter = self._observed.setdefault(target, (Observer(), DeviationCounter()))
                for exchange in harness.exchanges:
                    if exchange.response.released:
                        continue
                    if _is_call(exchange.request) and observer.take(exchange):
                        counter.take(exchange)

    @pytest.hookimpl(tryfirst=True)
    def pytest_sessionfinish(self, session: pytest.Session) -> None:
        """Send the observations to the controller."""
        session.config.workeroutput[_OUTPUT] = json.dumps(list(self.observations()))  # type: ignore[attr-defined]

    def observations(self) -> Iterator[list[Any]]:
        """Yield what was observed: target, number of answers, traits and deviations, without any credential."""
        for target, (observer, counter) in sorted(self._observed.items()):
            if observer.answers:
                traits, spoken = traits_as_data(observer.traits), counts_as_data(counter.counts)
                text = json.dumps([list(astuple(target)), observer.answers, traits, spoken])
                yield json.loads(self._masked(text))


def target_of(harness: Harness, label: str = "") -> SnapshotTarget:
    """Return what the running test sends requests to; ``label`` is its name in the file of targets."""
    mode, target = harness.config.mode, harness.mode.target
    if mode.is_simulated:
        # each seed has a cluster of its own, but all of them are one service
        return SnapshotTarget(mode.value, SIMULATED_SERVICE)
    return SnapshotTarget(mode.value, target.endpoint, target.cluster_id, label)


class SnapshotKeeper(AnswerObserver):
    """Adds up the observations of all workers, reports what differs, and writes the snapshot."""

    def __init__(self, pytestconfig: pytest.Config, path: Path) -> None:
        super().__init__()
        self._config = pytestconfig.stash[config_key]
        self._accepted = {target.name: target.config.accept for target in pytestconfig.stash[targets_key]}
        self._path = path
        self._seen: dict[SnapshotTarget, tuple[int, Mapping[str, Traits], Mapping[DeviationKey, DeviationCounts]]] = {}
        self._lines: list[str] = []

    @pytest.hookimpl(optionalhook=True)
    def pytest_testnodedown(self, node: Any) -> None:
        """Add the observations of a worker; one that crashed has none."""
        self._add(json.loads(getattr(node, "workeroutput", {}).get(_OUTPUT, "[]")))

    @pytest.hookimpl(tryfirst=True)
    def pytest_sessionfinish(self, session: pytest.Session) -> None:
        """Compare the run with the snapshot, judge what differs, and write the new snapshot."""
        self._add(self.observations())
        if not self._seen:
            return
        today = time_of_writing(os.environ).date()
        try:
            known = read(self._path)
            outcomes = {
                target: remember(known.get(target), traits, spoken, today)
                for target, (_, traits, spoken) in sorted(self._seen.items())
            }
            self._lines = [f"drift against {self._path}:"]
            for target, outcome in outcomes.items():
                self._lines += _lines_of(target, self._seen[target][0], outcome, first=target not in known)
            self._judge(session, [*_findings_of(outcomes), *self._in_this_run(today)], today)
            memories = {target: outcome.memory for target, outcome in outcomes.items()}
            write(self._path, self._masked(dumps({**known, **memories})))
        except ConfigurationError as error:
            # raised here, it would prevent the summary
            self._lines.append(f"ERROR: {error}")
            session.exitstatus = pytest.ExitCode.USAGE_ERROR

    def _add(self, observations: Iterable[list[Any]]) -> None:
        for named, answers, traits, spoken in observations:
            target = SnapshotTarget(*named)
            number, known_traits, counts = self._seen.get(target, (0, {}, {}))
            self._seen[target] = (
                number + answers,
                merge_traits(known_traits, traits_from_data(traits)),
                merge_counts(counts, counts_from_data(spoken)),
            )

    def _in_this_run(self, today: date) -> Iterator[Finding]:
        for target, (_, _, spoken) in sorted(self._seen.items()):
            for key, each in spoken.items():
                drift = mixed(key, each, today)
                if drift is not None:
                    self._lines.append(f"  {target.name}: {drift.grade}: {drift.said}")
                    yield drift.finding(target.name)
        for finding in apart({target.name: spoken for target, (_, _, spoken) in self._seen.items()}, today):
            self._lines.append(f"  {finding.severity}: {finding.message}")
            yield finding

    def _judge(self, session: pytest.Session, findings: Sequence[Finding], today: date) -> None:
        known = known_failures(self._config.ledger, session.config.rootpath)
        failing = False
        # a difference between targets belongs to none of them: it is accepted for the run or not at all
        for name, accepted in {"": self._config.accept, **self._accepted}.items():
            own = [finding for finding in findings if self._target_of(finding) == name]
            acceptances = (*map(Acceptance.parse, accepted), *known)
            outcome = sort_findings(own, fail_on=self._config.fail_on, acceptances=acceptances, today=today)
            records = [("cce_target", name)] if name else []
            records += [
                ("cce_finding", json.dumps({**finding.to_dict(), **more}))
                for finding, more in records_of_verdict(outcome)
            ]
            records += [("cce_accepted", json.dumps(acceptance_as_data(by))) for _, by in outcome.accepted]
            place = f"{self._path}[{name}]" if name else str(self._path)
            session.config.stash.setdefault(beside_key, []).extend(
                (place, kind, self._masked(value)) for kind, value in records
            )
            failing = failing or bool(outcome.failing)
        if failing and session.exitstatus == pytest.ExitCode.OK:
            session.exitstatus = pytest.ExitCode.TESTS_FAILED

    def _target_of(self, finding: Finding) -> str:
        return next((name for name in self._accepted if name in finding.subject), "")

    @pytest.hookimpl(trylast=True)
    def pytest_terminal_summary(self, terminalreporter: TerminalReporter) -> None:
        """Print the lines below the summary of the findings."""
        for line in self._lines:
            terminalreporter.write_line(one_line(self._masked(line)))


def _is_call(request: Request) -> bool:
    # a POST to the path of the list creates nothing
    return is_call(request.method, request.path) and request.path.endswith("/tasks") == (request.method == "GET")


def _findings_of(outcomes: Mapping[SnapshotTarget, RememberedRun]) -> Iterator[Finding]:
    for target, outcome in outcomes.items():
        yield from (drift.finding(target.name) for drift in outcome.drifts)


def _lines_of(target: SnapshotTarget, answers: int, outcome: RememberedRun, *, first: bool) -> Iterator[str]:
    memory = outcome.memory
    if first:
        yield f"  {target.name}: seen for the first time; later runs are compared with {count_of(answers, 'answer')}"
        return
    grades = Counter(drift.grade for drift in outcome.drifts)
    graded = [count_of(grades[g], g) for g in ("error", "warning", "note") if grades[g]]
    compared = f"{count_of(answers, 'answer')} compared with what was seen since {memory.first}"
    yield f"  {target.name}: {compared}: {', '.join(graded) or 'nothing differs'}"
    for drift in outcome.drifts:
        day = "today" if drift.since == memory.last else str(drift.since)
        yield f"    {drift.grade}: {drift.said} (since {day})"
    for drift in outcome.confirmed:
        yield f"    not reported again: {drift.said} (reported since {drift.since})"
    for key, pending in outcome.unseen.items():
        yield f"    last seen {pending.last}, not seen today: {key} (since {pending.since})"
