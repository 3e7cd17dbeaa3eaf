"""What the end of a run does with its ledger and its history; told by every test's report, whichever worker ran it."""

from __future__ import annotations

import json
import os
import secrets
from datetime import UTC, datetime
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final

import pytest

from pytest_cce_precheck.config.targets import secrets_of
from pytest_cce_precheck.contract.ledger import Known, Ledger, LedgerResult
from pytest_cce_precheck.errors import ConfigurationError
from pytest_cce_precheck.plugin.records import reported_records
from pytest_cce_precheck.redaction.texts import Redactor
from pytest_cce_precheck.report import history
from pytest_cce_precheck.report.saved import as_finding
from pytest_cce_precheck.report.text import one_line

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from _pytest.terminal import TerminalReporter

    from pytest_cce_precheck.config.options import Config
    from pytest_cce_precheck.config.targets import NamedTarget
    from pytest_cce_precheck.contract.findings import Finding

# each has its reason for asking less than everything
_SELECTING: Final = {
    "keyword": "-k",
    "markexpr": "-m",
    "deselect": "--deselect",
    "ignore": "--ignore",
    "ignore_glob": "--ignore-glob",
    "lf": "--lf",
    "stepwise": "--sw",
    "collectonly": "--collect-only",
}


def keep_records(
    pytestconfig: pytest.Config,
    config: Config,
    *,
    ledger: Path | None,
    strict: bool,
    history_file: str | None,
    targets: Sequence[NamedTarget] = (),
) -> None:
    """Have the end of the run say what became of its ledger, and write its history.

    A test is noted under its target; where there are no ``targets``, ``config`` names the one. Nothing is done on a
    worker of pytest-xdist. Raises `ConfigurationError` if a file cannot be used.
    """
    if hasattr(pytestconfig, "workerinput") or (ledger is None and history_file is None):
        return
    path = Path(history_file) if history_file else None
    if path is not None:
        history.prepare(path)
    known = Ledger.read(ledger) if ledger else Ledger()
    books = Bookkeeper(config, targets, ledger, known, strict=strict, history_file=path)
    pytestconfig.pluginmanager.register(books, "cce-bookkeeper")


class Bookkeeper:
    """Takes in what the tests report; registered with pytest by `keep_records`."""

    def __init__(
        self,
        config: Config,
        targets: Sequence[NamedTarget],
        path: Path | None,
        ledger: Ledger,
        *,
        strict: bool,
        history_file: Path | None,
    ) -> None:
        self._configs = {"": config, **{target.name: target.config for target in targets}}
        self._targets = targets
        self._ledger, self._ledger_file, self._strict = ledger, path, strict
        self._history_file = history_file
        self._began = datetime.now(UTC)
        self._findings: list[Finding] = []
        self._outcomes: dict[str, _Noted] = {}
        self._lines: list[str] = []

    def pytest_runtest_logreport(self, report: pytest.TestReport) -> None:
        """Take in a test's call, or what kept it from being called."""
        ended_early = report.when == "setup" and not report.passed
        if (report.when == "call" or ended_early) and report.outcome in ("passed", "failed", "skipped"):
            noted = _Noted(report)
            if noted.is_ours:
                self._findings += noted.findings
                self._outcomes[report.nodeid] = noted

    def take(self, findings: Sequence[Finding]) -> None:
        """Take in what the end of the run found beside the tests."""
        self._findings += findings

    def pytest_sessionfinish(self, session: pytest.Session) -> None:
        """Sum up, write the history; end with status 1 where --cce-ledger-strict wants it."""
        if not self._outcomes:
            return
        settled = self._ledger.apply(self._findings, self._began.date())
        if self._ledger_file is not None:
            partial = why_partial(session, tuple(self._outcomes.values()))
            outdated = out_of_date(settled, judge_never_met=not partial)
            self._lines += ledger_lines(settled, self._ledger_file.name, partial)
            if self._strict and outdated:
                self._lines.append(f"the ledger {self._ledger_file.name} is out of date (--cce-ledger-strict)")
                if session.exitstatus == pytest.ExitCode.OK:
                    session.exitstatus = pytest.ExitCode.TESTS_FAILED
        if self._history_file is not None:
            self._write_history(session, self._history_file)

    def _write_history(self, session: pytest.Session, path: Path) -> None:
        redactor = Redactor(secrets_of(self._targets, os.environ))
        run = secrets.token_hex(8)
        noted = self._outcomes.values()
        rows = [each.outcome(self._configs[each.target], run, self._began, redactor) for each in noted]
        try:
            history.append(path, rows)
        except ConfigurationError as error:
            # raised here, it would cost the summary
            self._lines.append(f"ERROR: {error}")
            session.exitstatus = pytest.ExitCode.USAGE_ERROR
        else:
            self._lines.append(f"history of {len(rows)} test{'s' if len(rows) > 1 else ''} written to {path}")

    @pytest.hookimpl(trylast=True)
    def pytest_terminal_summary(self, terminalreporter: TerminalReporter) -> None:
        """Print it, below the summary of the findings."""
        for line in self._lines:
            terminalreporter.write_line(one_line(line))


class _Noted:
    """What one test's report tells: the properties that the harness has recorded."""

    def __init__(self, report: pytest.TestReport) -> None:
        self._report = report
        recorded: dict[str, list[Any]] = {}
        for name, value in reported_records(report):
            recorded.setdefault(name, []).append(value)
        self.is_ours = bool(recorded)
        self._found = [json.loads(value) for value in recorded.get("cce_finding", ())]
        self._runs = [json.loads(value) for value in recorded.get("cce_run", ())]
        self.target: str = next(iter(recorded.get("cce_target", ())), "")
        self._cassettes = [json.loads(value) for value in recorded.get("cce_cassette", ())]
        self.findings = [as_finding(data) for data in self._found]

    @property
    def complete(self) -> bool:
        """Whether the test asked everything that it could."""
        judged = self.result == "passed" or (self.result == "failed" and bool(self._failing))
        return judged and not any(run["inconclusive"] or run["not_asked"] for run in self._runs)

    @property
    def _failing(self) -> list[str]:
        return sorted({data["code"] for data in self._found if data["verdict"] == "failing"})

    @property
    def result(self) -> history.Result:
        """What became of the test; without a verdict on the service it is inconclusive."""
        if self._report.when == "setup":
            return "inconclusive"
        if self._report.outcome == "skipped":
            if hasattr(self._report, "wasxfail"):
                return "failed"
            # the suite skips what it could not judge
            return "inconclusive" if self._runs else "skipped"
        return "passed" if self._report.passed else "failed"

    def outcome(self, config: Config, run: str, began: datetime, redactor: Redactor) -> history.CheckOutcome:
        """Return the row of the history."""
        endpoint, cluster = self._target(config)
        return history.CheckOutcome(
            run=run,
            at=began.isoformat(timespec="seconds"),
            # pytest-xdist writes a test's group behind its id
            test=redactor.text(self._report.nodeid.removesuffix(f"@{self.target}")),
            mode=config.mode,
            endpoint=redactor.text(endpoint),
            cluster=redactor.text(cluster),
            result=self.result,
            codes=" ".join(self._failing) if self.result == "failed" else "",
            requests=sum(data["requests"] for data in self._runs) if self._runs else None,
            retried=sum(data["retried"] for data in self._runs) if self._runs else None,
            seconds=round(self._report.duration, 3),
        )

    def _target(self, config: Config) -> tuple[str, str]:
        if config.mode == "simulate":
            faults = f" with {', '.join(sorted(config.fault))}" if config.fault else ""
            return f"the embedded service{faults}", ""
        if config.mode == "replay":
            recorded = next((data["endpoint"] for data in self._cassettes), "")
            return f"recorded answers of {recorded}" if recorded else "recorded answers", ""
        return config.service or "", config.cluster_id or ""


def out_of_date(settled: LedgerResult, *, judge_never_met: bool) -> tuple[Known, ...]:
    """Return the entries that --cce-ledger-strict fails on: expired, and after a whole run unused ones."""
    return (*settled.expired, *(settled.unused if judge_never_met else ()))


def ledger_lines(settled: LedgerResult, name: str, partial: str) -> Iterator[str]:
    """Write what a run says of its ledger; ``partial`` is why it did not ask everything, empty where it did."""
    if settled.known:
        number = len({finding.identity for finding, _ in settled.known})
        entries = ", ".join(dict.fromkeys(entry.title for _, entry in settled.known))
        yield f"  known from {name}: {number} finding{'s' if number > 1 else ''} ({entries})"
    for entry in settled.expired:
        found = any(entry.matches(finding) for finding in settled.rest)
        yield f"  known no longer: {entry.title}, {entry.said}; {'it is still there' if found else 'it was not seen'}"
    for entry in settled.unused:
        yield f"  known but never met: {entry.title}, {entry.said}" + (f"; not judged, {partial}" if partial else "")


def why_partial(session: pytest.Session, noted: Sequence[_Noted]) -> str:
    """Say why a run has not asked everything that it could, empty where it has."""
    config = session.config
    chosen = [flag for name, flag in _SELECTING.items() if config.getoption(name, None)]
    if chosen:
        return f"tests were chosen by {', '.join(chosen)}"
    pieces = _pieces(config)
    if pieces:
        return f"only {', '.join(pieces)} was run"
    if session.exitstatus not in (pytest.ExitCode.OK, pytest.ExitCode.TESTS_FAILED) or session.shouldfail:
        return "the run was stopped"
    open_tests = sum(not each.complete for each in noted)
    return f"{open_tests} tests had no verdict on all that they ask" if open_tests else ""


def _pieces(config: pytest.Config) -> list[str]:
    """Return the arguments that select less than all tests: a test, a file, one of several folders, a subfolder."""
    root, here = config.rootpath, config.invocation_params.dir
    if config.args_source is config.ArgsSource.TESTPATHS:
        return []
    folders = {root / each for each in config.getini("testpaths")}
    # the name of a package (--pyargs) is neither file nor folder
    paths = {argument: Path(here, argument) for argument in config.args}
    if folders and folders <= set(paths.values()):
        return []
    return [
        argument
        for argument, path in paths.items()
        if "::" in argument or path.is_file() or path in folders or (path.is_dir() and root not in (path, path.parent))
    ]
