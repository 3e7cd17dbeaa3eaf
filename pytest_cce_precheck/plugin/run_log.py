"""What the tests of a run reported, collected on the controller for the run's record; it imports nothing heavy."""

from __future__ import annotations

import time
from dataclasses import dataclass, field
from datetime import UTC, datetime
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final, Literal

import pytest

from pytest_cce_precheck.plugin.records import reported_records

if TYPE_CHECKING:
    from collections.abc import Sequence

    from pytest_cce_precheck.plugin.records import Record

Outcome = Literal["passed", "failed", "error", "skipped", "xfailed", "xpassed"]

SUITE: Final = "pytest_cce_precheck.suite"
_FOLDER: Final = Path(__file__).resolve().parents[1] / "suite"
log_key: pytest.StashKey[RunLog] = pytest.StashKey()


def runs_the_suite(config: pytest.Config) -> bool:
    """Whether the shipped suite, or a part of it, was asked for, by its name or by its path."""
    here = config.invocation_params.dir
    return any(
        SUITE in argument or (here / argument.partition("::")[0]).resolve().is_relative_to(_FOLDER)
        for argument in map(str, config.args)
    )


@dataclass
class ReportedTest:
    """One test as it was reported: the outcome of each phase of its last attempt, and what it recorded for us."""

    nodeid: str
    phases: dict[str, str] = field(default_factory=dict)
    duration: float = 0.0
    records: Sequence[Record] = ()
    why_skipped: str = ""

    @property
    def outcome(self) -> Outcome:
        """The outcome of the whole test; an error is a failure outside of the test function."""
        call = self.phases.get("call")
        if call == "failed":
            return "failed"
        if "failed" in self.phases.values():
            return "error"
        if call in ("xfailed", "xpassed", "skipped"):
            return call  # type: ignore[return-value]  # one of these three
        return "passed" if call == "passed" else "xfailed" if "xfailed" in self.phases.values() else "skipped"

    def add(self, report: pytest.TestReport) -> None:
        """Add the report of a phase; a new attempt (pytest-rerunfailures) replaces the one before."""
        if report.when == "setup":
            self.phases.clear()
        outcome = str(report.outcome)
        if hasattr(report, "wasxfail"):
            outcome = "xfailed" if report.skipped else "xpassed"
        # a subtest is reported under the name of its test, and one that failed is not undone by the next
        if self.phases.get(str(report.when)) != "failed":
            self.phases[str(report.when)] = outcome
        self.duration += report.duration
        if outcome == "skipped" and isinstance(report.longrepr, tuple):
            self.why_skipped = str(report.longrepr[-1]).removeprefix("Skipped: ")
        # each report holds what the earlier ones held, but for that of a worker that crashed
        self.records = reported_records(report) or self.records


class RunLog:
    """Collects the reports of a run; registered with pytest on the controller of every run.

    ``exit_status`` is what the reports were last written with, None if they were not.
    """

    def __init__(self) -> None:
        self.started = datetime.now(UTC)
        self._begun = time.monotonic()
        self._tests: dict[tuple[str, str], ReportedTest] = {}
        self.collected = False
        self.stopped = ""
        self.session: pytest.Session | None = None
        self.is_told = False
        self.exit_status: int | None = None

    @property
    def tests(self) -> Sequence[ReportedTest]:
        """Every test that was reported, in the order of their beginnings."""
        return tuple(self._tests.values())

    @property
    def duration(self) -> float:
        """How many seconds the run has taken so far."""
        return time.monotonic() - self._begun

    @property
    def has_ours(self) -> bool:
        """Whether a test used anything of ours."""
        return any(test.records for test in self._tests.values())

    @property
    def has_shipped_checks(self) -> bool:
        """Whether a test of the shipped suite was reported."""
        return any(name == "cce_check" for test in self._tests.values() for name, _ in test.records)

    def pytest_sessionstart(self, session: pytest.Session) -> None:
        """Keep the session, whose exit status the end of the run decides on."""
        self.session = session

    @pytest.hookimpl(tryfirst=True)
    def pytest_collection(self) -> None:
        """Note that tests are to be run: ``--fixtures`` and its like end a session without."""
        self.collected = True

    def pytest_runtest_logreport(self, report: Any) -> None:
        """Add the report of a test's phase, whichever worker ran it."""
        # with --dist=each every worker runs every test
        key = (getattr(report, "worker_id", ""), report.nodeid)
        self._tests.setdefault(key, ReportedTest(report.nodeid)).add(report)

    def pytest_keyboard_interrupt(self, excinfo: pytest.ExceptionInfo[BaseException]) -> None:
        """Note what ended the session early; the message of `pytest.exit` may hold anything and is left out."""
        if isinstance(excinfo.value, pytest.exit.Exception):
            self.stopped = "it was ended by pytest.exit"
        elif excinfo.type is KeyboardInterrupt:
            self.stopped = "it was interrupted"
        else:
            # pytest's own, and that of pytest-xdist: "1 error during collection", "stopping after 1 failures"
            self.stopped = f"pytest stopped it ({excinfo.value})"

    def pytest_internalerror(self) -> None:
        """Note that pytest, or a plugin, broke."""
        self.stopped = "an internal error ended it"

    def why_stopped(self, session: pytest.Session) -> str:
        """Return why the session did not run all that it had selected, empty if it did."""
        if self.stopped:
            return self.stopped
        asked = session.shouldfail or session.shouldstop
        if asked:
            return f"pytest stopped it ({asked})"
        if session.exitstatus == pytest.ExitCode.NO_TESTS_COLLECTED:
            return "no test was run"
        if session.exitstatus == pytest.ExitCode.USAGE_ERROR:
            return "pytest could not use what it was given"
        return ""
