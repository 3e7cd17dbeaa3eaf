"""The ledger and the history at the end of a run: unused and expired entries are reported, each test gets a row."""

from __future__ import annotations

import json
import os
import secrets
from pathlib import Path
from typing import TYPE_CHECKING, Final

import pytest

from pytest_cce_precheck._text import count_of
from pytest_cce_precheck.config.targets import secrets_of
from pytest_cce_precheck.contract.ledger import Ledger, find_ledger
from pytest_cce_precheck.errors import ConfigurationError
from pytest_cce_precheck.plugin.run_log import beside_key, log_key
from pytest_cce_precheck.plugin.settings import config_key, targets_key
from pytest_cce_precheck.redaction.texts import Redactor
from pytest_cce_precheck.report import history
from pytest_cce_precheck.report.saved import as_finding
from pytest_cce_precheck.report.text import one_line

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from _pytest.terminal import TerminalReporter

    from pytest_cce_precheck.config.options import Config
    from pytest_cce_precheck.contract.ledger import LedgerResult
    from pytest_cce_precheck.plugin.run_log import ReportedTest

# options that select less than all tests
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


class Bookkeeper:
    """A plugin of pytest on the controller; making one raises `ConfigurationError` if a file cannot be used."""

    def __init__(self, pytestconfig: pytest.Config) -> None:
        self._config = config = pytestconfig.stash[config_key]
        self._file = find_ledger(config.ledger, pytestconfig.rootpath)
        self._ledger = Ledger.read(self._file) if self._file else Ledger()
        self._history = Path(config.history) if config.history else None
        if self._history is not None:
            history.prepare(self._history)
        self._lines: list[str] = []

    def pytest_sessionfinish(self, session: pytest.Session) -> None:
        """Compare the ledger with what was found, and write the history; --cce-ledger-strict may fail the run."""
        log = session.config.stash[log_key]
        tests = [each for each in log.tests if each.records and _has_ended(each)]
        if not tests:
            return
        if self._file is not None:
            beside = session.config.stash.get(beside_key, ())
            found = [data for test in tests for data in test.data("cce_finding")]
            found += [json.loads(value) for _, name, value in beside if name == "cce_finding"]
            settled = self._ledger.apply(map(as_finding, found), log.started.date())
            partial = why_partial(session, tests)
            self._lines += ledger_lines(settled, self._file.name, partial)
            if self._config.ledger_strict and (settled.expired or (settled.unused and not partial)):
                self._lines.append(f"the ledger {self._file.name} is out of date (--cce-ledger-strict)")
                if session.exitstatus == pytest.ExitCode.OK:
                    session.exitstatus = pytest.ExitCode.TESTS_FAILED
        if self._history is not None:
            targets = session.config.stash[targets_key]
            configs = {"": self._config, **{target.name: target.config for target in targets}}
            about_run = {"run": secrets.token_hex(8), "at": log.started.isoformat(timespec="seconds")}
            redactor = Redactor(secrets_of(targets, os.environ))
            rows = [_row(test, configs, redactor, about_run) for test in tests]
            try:
                history.append(self._history, rows)
            except ConfigurationError as error:
                # raised here, it would prevent the summary
                self._lines.append(f"ERROR: {error}")
                session.exitstatus = pytest.ExitCode.USAGE_ERROR
            else:
                self._lines.append(f"history of {count_of(len(rows), 'test')} written to {self._history}")

    @pytest.hookimpl(trylast=True)
    def pytest_terminal_summary(self, terminalreporter: TerminalReporter) -> None:
        """Print the lines below the summary of the findings."""
        for line in self._lines:
            terminalreporter.write_line(one_line(line))


def _has_ended(test: ReportedTest) -> bool:
    # otherwise its worker crashed
    return "call" in test.phases or test.phases.get("setup", "passed") != "passed"


def _failing_codes(test: ReportedTest) -> list[str]:
    return sorted({data["code"] for data in test.data("cce_finding") if data["verdict"] == "failing"})


def _result_of(test: ReportedTest) -> history.Result:
    """Return the outcome of a test; without a verdict on the service it is inconclusive."""
    call = test.phases.get("call")
    # the suite skips what it could not judge, and what it was not asked for
    if call is None or (
        call == "skipped" and any(run["inconclusive"] or not run["not_asked"] for run in test.data("cce_run"))
    ):
        return "inconclusive"
    if call == "skipped":
        return "skipped"
    return "passed" if call in ("passed", "xpassed") else "failed"


def _is_complete(test: ReportedTest) -> bool:
    """Whether a test asked everything that it could."""
    result = _result_of(test)
    is_judged = result == "passed" or (result == "failed" and bool(_failing_codes(test)))
    return is_judged and not any(run["inconclusive"] or run["not_asked"] for run in test.data("cce_run"))


def _row(
    test: ReportedTest, configs: dict[str, Config], redactor: Redactor, about_run: dict[str, str]
) -> history.CheckOutcome:
    target = next(iter(test.recorded("cce_target")), "")
    config, runs, result = configs[target], test.data("cce_run"), _result_of(test)
    endpoint, cluster = config.answered_by, ""
    if config.mode.is_real:
        endpoint, cluster = config.service or "", config.cluster_id or ""
    elif config.fault:
        endpoint += f" with {', '.join(sorted(config.fault))}"
    elif test.recorded("cce_cassette"):
        endpoint += f" of {test.data('cce_cassette')[0]['endpoint']}"
    return history.CheckOutcome(
        **about_run,
        # pytest-xdist appends a test's group to its id
        test=redactor.text(test.nodeid.removesuffix(f"@{target}")),
        mode=config.mode.value,
        endpoint=redactor.text(endpoint),
        cluster=redactor.text(cluster),
        result=result,
        codes=" ".join(_failing_codes(test)) if result == "failed" else "",
        requests=sum(run["requests"] for run in runs) if runs else None,
        retried=sum(run["retried"] for run in runs) if runs else None,
        seconds=round(test.call_duration, 3),
    )


def ledger_lines(settled: LedgerResult, name: str, partial: str) -> Iterator[str]:
    """Yield the lines about a ledger; ``partial`` is why the run did not check everything, empty if it did."""
    if settled.known:
        number = len({finding.identity for finding, _ in settled.known})
        entries = ", ".join(dict.fromkeys(entry.title for _, entry in settled.known))
        yield f"  known from {name}: {count_of(number, 'finding')} ({entries})"
    for entry in settled.expired:
        found = any(entry.matches(finding) for finding in settled.rest)
        still = "it still occurs" if found else "it did not occur"
        yield f"  known failure has expired: {entry.title}, {entry.said}; {still}"
    for entry in settled.unused:
        why_open = f"; not judged, {partial}" if partial else ""
        yield f"  known failure did not occur: {entry.title}, {entry.said}{why_open}"


def why_partial(session: pytest.Session, tests: Sequence[ReportedTest]) -> str:
    """Return why a run did not check everything that it could, empty if it did."""
    config = session.config
    chosen = [flag for name, flag in _SELECTING.items() if config.getoption(name, None)]
    if chosen:
        return f"tests were chosen by {', '.join(chosen)}"
    pieces = _pieces(config)
    if pieces:
        return f"only {', '.join(pieces)} was run"
    if session.exitstatus not in (pytest.ExitCode.OK, pytest.ExitCode.TESTS_FAILED) or session.shouldfail:
        return "the run was stopped"
    number = sum(not _is_complete(test) for test in tests)
    return f"{number} tests did not judge everything that they check" if number else ""


def _pieces(config: pytest.Config) -> list[str]:
    """Return the arguments that select less than all tests: a test, a file, a subfolder or one of several folders."""
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
