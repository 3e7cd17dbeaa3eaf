"""``--cce-snapshot``: watches the answers of a run, and at its end holds them against what earlier runs saw.

Each process gathers for itself; the workers of pytest-xdist send what they have when they end, so that a test's report
carries nothing of it.
"""

from __future__ import annotations

import json
import os
from collections import Counter
from dataclasses import astuple
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Any, Final

import pytest

from pytest_cce_precheck.cassette.importers.foreign import is_call
from pytest_cce_precheck.contract.acceptance import Acceptance
from pytest_cce_precheck.contract.ledger import known_failures
from pytest_cce_precheck.drift.comparison import apart, mixed
from pytest_cce_precheck.drift.dialects import DeviationCounter, merge_counts
from pytest_cce_precheck.drift.memory import remember
from pytest_cce_precheck.drift.snapshot import (
    SnapshotTarget,
    as_spoken,
    as_traits,
    dumps,
    prepare,
    read,
    spoken_as_data,
    traits_as_data,
    write,
)
from pytest_cce_precheck.drift.traits import Observer, merge_traits
from pytest_cce_precheck.errors import ConfigurationError
from pytest_cce_precheck.plugin.fixtures import context_key, reported_key
from pytest_cce_precheck.plugin.records import records_of
from pytest_cce_precheck.redaction.spellings import Pieces
from pytest_cce_precheck.redaction.texts import Redactor
from pytest_cce_precheck.report.text import one_line
from pytest_cce_precheck.report.verdict import Verdict, verdict
from pytest_cce_precheck.wire.credentials import secrets_in

if TYPE_CHECKING:
    from collections.abc import Generator, Iterator, Mapping, Sequence
    from datetime import date
    from pathlib import Path

    from _pytest.terminal import TerminalReporter

    from pytest_cce_precheck.config.options import Config
    from pytest_cce_precheck.config.targets import NamedTarget
    from pytest_cce_precheck.contract.findings import Finding
    from pytest_cce_precheck.drift.dialects import DeviationCounts
    from pytest_cce_precheck.drift.memory import RememberedRun
    from pytest_cce_precheck.drift.traits import Traits
    from pytest_cce_precheck.plugin.session import Harness
    from pytest_cce_precheck.wire.exchange import Request

_OUTPUT: Final = "cce_snapshot"
_EMBEDDED: Final = "the embedded service"


def keep_snapshot(pytestconfig: pytest.Config, config: Config, path: Path, targets: Sequence[NamedTarget] = ()) -> None:
    """Have a run watch its answers and keep the snapshot; raises `ConfigurationError` if the file cannot be used."""
    if hasattr(pytestconfig, "workerinput"):
        pytestconfig.pluginmanager.register(Watcher(), "cce-watcher")
    else:
        prepare(path)
        pytestconfig.pluginmanager.register(Keeper(config, path, targets), "cce-keeper")


def target_of(harness: Harness, label: str = "") -> SnapshotTarget:
    """Return what the running test asks; ``label`` is its name in the file of targets."""
    config, target = harness.config, harness.mode.target
    if config.mode == "simulate":
        # each seed has a cluster of its own, and all of them are one service
        return SnapshotTarget(config.mode, _EMBEDDED)
    return SnapshotTarget(config.mode, target.endpoint, target.cluster_id, label)


class Watcher:
    """Takes in what the tests of this process were answered; all there is to do on a worker."""

    def __init__(self) -> None:
        self._watched: dict[SnapshotTarget, tuple[Observer, DeviationCounter]] = {}
        self._secrets = {*secrets_in(os.environ)}

    def _masked(self, text: str) -> str:
        secrets = sorted(self._secrets)
        return Pieces(secrets).masked(Redactor(secrets).text(text))

    @pytest.hookimpl(wrapper=True)
    def pytest_runtest_call(self, item: pytest.Item) -> Generator[None, object, object]:
        """Take in what a test was answered, whatever becomes of it."""
        try:
            return (yield)
        finally:
            harness, test = item.stash.get(context_key, (None, None))
            # a test that asks for defects says nothing of the service as it is
            if harness is not None and test is not None and harness.exchanges and not test.faults:
                self._secrets |= set(harness.secrets)
                label = dict(records_of(item)).get("cce_target", "")
                observer, listener = self._watched.setdefault(
                    target_of(harness, label), (Observer(), DeviationCounter())
                )
                for exchange in harness.exchanges:
                    if _is_call(exchange.request) and observer.take(exchange):
                        listener.take(exchange)

    @pytest.hookimpl(tryfirst=True)
    def pytest_sessionfinish(self, session: pytest.Session) -> None:
        """Send what was gathered to the controller."""
        session.config.workeroutput[_OUTPUT] = json.dumps(list(self.gathered()))  # type: ignore[attr-defined]

    def gathered(self) -> Iterator[list[Any]]:
        """Return what was gathered: target, answers, traits and deviations, without any credential."""
        for target, (observer, listener) in sorted(self._watched.items()):
            if observer.answers:
                traits, spoken = traits_as_data(observer.traits), spoken_as_data(listener.spoken)
                text = json.dumps([list(astuple(target)), observer.answers, traits, spoken])
                yield json.loads(self._masked(text))


class Keeper(Watcher):
    """Adds what workers have gathered, tells what is not as it was, and writes the snapshot."""

    def __init__(self, config: Config, path: Path, targets: Sequence[NamedTarget] = ()) -> None:
        super().__init__()
        self._config = config
        self._accepted = {target.name: target.config.accept for target in targets}
        self._path = path
        self._seen: dict[SnapshotTarget, tuple[int, Mapping[str, Traits], Mapping[str, DeviationCounts]]] = {}
        self._lines: list[str] = []

    @pytest.hookimpl(optionalhook=True)
    def pytest_testnodedown(self, node: Any) -> None:
        """Take in what a worker has gathered; one that crashed has nothing to give."""
        self._add(json.loads(getattr(node, "workeroutput", {}).get(_OUTPUT, "[]")))

    @pytest.hookimpl(tryfirst=True)
    def pytest_sessionfinish(self, session: pytest.Session) -> None:
        """Hold the run against the snapshot, judge what is otherwise, and write the snapshot anew."""
        self._add(self.gathered())
        if not self._seen:
            return
        today = _today(os.environ)
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
            # raised here, it would cost the summary
            self._lines.append(f"ERROR: {error}")
            session.exitstatus = pytest.ExitCode.USAGE_ERROR

    def _add(self, gathered: Iterator[list[Any]] | Sequence[list[Any]]) -> None:
        for named, answers, traits, spoken in gathered:
            target = SnapshotTarget(*named)
            number, before, heard = self._seen.get(target, (0, {}, {}))
            self._seen[target] = (
                number + answers,
                merge_traits(before, as_traits(traits)),
                merge_counts(heard, as_spoken(spoken)),
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
        told = session.config.stash.setdefault(reported_key, [])
        failing = False
        # what is between targets is none's, and accepted for all or not at all
        for name, accepted in {"": self._config.accept, **self._accepted}.items():
            own = [finding for finding in findings if self._whose(finding) == name]
            acceptances = (*map(Acceptance.parse, accepted), *known)
            outcome = verdict(own, fail_on=self._config.fail_on, acceptances=acceptances, today=today)
            told += [(place, kind, self._masked(text)) for place, kind, text in _told(outcome, self._path, name)]
            failing = failing or bool(outcome.failing)
        books = session.config.pluginmanager.get_plugin("cce-bookkeeper")
        if books is not None:
            books.take(findings)
        if failing and session.exitstatus == pytest.ExitCode.OK:
            session.exitstatus = pytest.ExitCode.TESTS_FAILED

    def _whose(self, finding: Finding) -> str:
        return next((name for name in self._accepted if name in finding.subject), "")

    @pytest.hookimpl(trylast=True)
    def pytest_terminal_summary(self, terminalreporter: TerminalReporter) -> None:
        """Print it, below the summary of the findings."""
        for line in self._lines:
            terminalreporter.write_line(one_line(self._masked(line)))


def _is_call(request: Request) -> bool:
    # a POST to where tasks are listed makes none, and what it is answered is no create's
    return is_call(request.method, request.path) and request.path.endswith("/tasks") == (request.method == "GET")


def _told(outcome: Verdict, path: Path, target: str) -> Iterator[tuple[str, str, str]]:
    """Return findings as a test of ``target`` would have recorded them."""
    place = f"{path}[{target}]" if target else str(path)
    if target:
        yield place, "cce_target", target
    sorted_out = (
        *((finding, {"verdict": "failing"}) for finding in outcome.failing),
        *((finding, {"verdict": "shown"}) for finding in outcome.shown),
        *((finding, {"verdict": "accepted", "reason": by.said}) for finding, by in outcome.accepted),
    )
    for finding, more in sorted_out:
        yield place, "cce_finding", json.dumps({**finding.to_dict(), **more})
    for _, acceptance in outcome.accepted:
        yield place, "cce_accepted", json.dumps({"code": acceptance.code, "reason": acceptance.reason})


def _findings_of(outcomes: Mapping[SnapshotTarget, RememberedRun]) -> Iterator[Finding]:
    for target, outcome in outcomes.items():
        yield from (drift.finding(target.name) for drift in outcome.drifts)


def _lines_of(target: SnapshotTarget, answers: int, outcome: RememberedRun, *, first: bool) -> Iterator[str]:
    memory = outcome.memory
    if first:
        said = "1 answer is" if answers == 1 else f"{answers} answers are"
        yield f"  {target.name}: seen for the first time, {said} what later runs are held against"
        return
    grades = Counter(drift.grade for drift in outcome.drifts)
    graded = [f"{grades[g]} {g}{'s' if grades[g] > 1 else ''}" for g in ("error", "warning", "note") if grades[g]]
    held = f"{answers} answer{'s' if answers > 1 else ''} held against what was seen since {memory.first}"
    yield f"  {target.name}: {held}: {', '.join(graded) or 'nothing is otherwise'}"
    for drift in outcome.drifts:
        day = "today" if drift.since == memory.last else str(drift.since)
        yield f"    {drift.grade}: {drift.said} (since {day})"
    for drift in outcome.settled:
        yield f"    known from now on: {drift.said} (told since {drift.since})"
    for key, told in outcome.unseen.items():
        yield f"    told until {told.last}, not seen today: {key} (since {told.since})"


def _today(environment: Mapping[str, str]) -> date:
    # reproducible-builds.org: who wants the same bytes again says what time it is
    given = environment.get("SOURCE_DATE_EPOCH", "")
    return (datetime.fromtimestamp(int(given), UTC) if given.isdigit() else datetime.now(UTC)).date()
