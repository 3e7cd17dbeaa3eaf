"""What tests record for the end of the run, and the log that collects it on the controller; imports nothing heavy.

What this plugin records of a test is kept apart from the properties that anybody may add.
"""

from __future__ import annotations

import json
import time
from dataclasses import dataclass, field
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Any, Final

import pytest

from pytest_cce_precheck.plugin.settings import runs_the_suite

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Sequence

    from pytest_cce_precheck.contract.acceptance import Acceptance
    from pytest_cce_precheck.contract.findings import Finding
    from pytest_cce_precheck.report.record import Outcome
    from pytest_cce_precheck.report.verdict import Verdict

    Record = tuple[str, str]


mask_key: pytest.StashKey[Callable[[Any], Any]] = pytest.StashKey()
"""What returns JSON data, or a text, without the credentials that the run knows; in live and record mode."""
log_key: pytest.StashKey[RunLog] = pytest.StashKey()
beside_key: pytest.StashKey[list[tuple[str, str, str]]] = pytest.StashKey()
"""What the end of the run recorded and no test did: what stands for the test, a name and a value."""
_NO_PROPERTIES: Final = frozenset({"cce_kept", "cce_proved", "cce_timeline"})
_records_key: Final = pytest.StashKey[list[tuple[str, str]]]()


# ---- recording


def record(item: pytest.Item, name: str, value: str) -> None:
    """Record a fact about a test; it becomes a property too, for JUnit's report, unless it is long and of no test."""
    mask = item.config.stash.get(mask_key, None)
    if mask is not None and value.startswith("{"):
        # other values are words of ours, or names that are looked up
        value = json.dumps(mask(json.loads(value)))
    item.stash.setdefault(_records_key, []).append((name, value))
    if name not in _NO_PROPERTIES:
        item.user_properties.append((name, value))


def records_of(item: pytest.Item) -> Sequence[Record]:
    """Return what was recorded of a test so far."""
    return item.stash.get(_records_key, ())


def add_records(report: pytest.TestReport, item: pytest.Item) -> None:
    """Add what was recorded of a test to its report, which may cross to another process."""
    vars(report)["cce_records"] = list(records_of(item))


def records_of_verdict(outcome: Verdict) -> Iterator[tuple[Finding, dict[str, Any]]]:
    """Yield each finding with what its record says of the verdict."""
    yield from ((finding, {"verdict": "failing"}) for finding in outcome.failing)
    yield from ((finding, {"verdict": "shown"}) for finding in outcome.shown)
    yield from ((finding, {"verdict": "accepted", "reason": by.said}) for finding, by in outcome.accepted)


def acceptance_as_data(acceptance: Acceptance) -> dict[str, str | None]:
    """Return an acceptance as it is recorded."""
    until = acceptance.until.isoformat() if acceptance.until else None
    return {"code": acceptance.code, "reason": acceptance.reason, "until": until}


# ---- collecting


@dataclass
class ReportedTest:
    """One test as it was reported: the outcome of each phase of its last attempt, and what it recorded."""

    nodeid: str
    phases: dict[str, str] = field(default_factory=dict)
    duration: float = 0.0
    call_duration: float = 0.0
    records: Sequence[Record] = ()
    why_skipped: str = ""

    @property
    def outcome(self) -> Outcome:
        """The outcome of the whole test; a failure outside of the test function is an error."""
        call = self.phases.get("call")
        if call == "failed":
            return "failed"
        if "failed" in self.phases.values():
            return "error"
        if call in ("xfailed", "xpassed", "skipped"):
            return call  # type: ignore[return-value]  # one of these three
        return "passed" if call == "passed" else "xfailed" if "xfailed" in self.phases.values() else "skipped"

    def recorded(self, name: str) -> list[str]:
        """Return the values that were recorded under a name."""
        return [value for known, value in self.records if known == name]

    def data(self, name: str) -> list[dict[str, Any]]:
        """Return the JSON data that was recorded under a name."""
        return [json.loads(value) for value in self.recorded(name)]

    def add(self, report: pytest.TestReport) -> None:
        """Add the report of a phase; the report of a new attempt (pytest-rerunfailures) replaces the last one's."""
        if report.when == "setup":
            self.phases.clear()
        outcome = str(report.outcome)
        if hasattr(report, "wasxfail"):
            outcome = "xfailed" if report.skipped else "xpassed"
        # a subtest is reported under the name of its test: one that passed must not hide one that failed
        if self.phases.get(str(report.when)) != "failed":
            self.phases[str(report.when)] = outcome
        self.duration += report.duration
        self.call_duration = report.duration if report.when == "call" else self.call_duration
        if outcome == "skipped" and isinstance(report.longrepr, tuple):
            self.why_skipped = str(report.longrepr[-1]).removeprefix("Skipped: ")
        # each report has all records so far, except that of a subtest and that of a worker that crashed
        if not hasattr(report, "context"):
            self.records = getattr(report, "cce_records", ()) or self.records


class RunLog:
    """Collects the reports of a run; a plugin of pytest on the controller of every run.

    ``exit_status`` is the one that the reports were last written with, None if they were not. ``ended`` is whether
    pytest called our last hook of the session.
    """

    def __init__(self) -> None:
        self.started = datetime.now(UTC)
        self._began = time.monotonic()
        self._tests: dict[tuple[str, str], ReportedTest] = {}
        self.collected = False
        self.stopped = ""
        self.session: pytest.Session | None = None
        self.exit_status: int | None = None
        self.ended = False

    @property
    def tests(self) -> Sequence[ReportedTest]:
        """Every test that was reported, in the order in which they began."""
        return tuple(self._tests.values())

    @property
    def duration(self) -> float:
        """How many seconds the run has taken so far."""
        return time.monotonic() - self._began

    @property
    def has_ours(self) -> bool:
        """Whether a test used anything of this plugin."""
        return any(test.records for test in self._tests.values())

    def is_of_the_suite(self, config: pytest.Config) -> bool:
        """Whether the shipped suite was asked for, or a test of it was run."""
        return runs_the_suite(config) or any(test.recorded("cce_check") for test in self._tests.values())

    def pytest_sessionstart(self, session: pytest.Session) -> None:
        """Keep the session, whose exit status the end of the run sets."""
        self.session = session

    @pytest.hookimpl(tryfirst=True)
    def pytest_collection(self) -> None:
        """Note that tests are collected; ``--fixtures`` and the like end a session without."""
        self.collected = True

    def add(self, test: ReportedTest) -> None:
        """Add a test that pytest did not run."""
        self._tests["", test.nodeid] = test

    def pytest_runtest_logreport(self, report: Any) -> None:
        """Add the report of a test's phase, whichever worker ran it."""
        # with --dist=each every worker runs every test
        key = (getattr(report, "worker_id", ""), report.nodeid)
        self._tests.setdefault(key, ReportedTest(report.nodeid)).add(report)

    def pytest_keyboard_interrupt(self, excinfo: pytest.ExceptionInfo[BaseException]) -> None:
        """Note why the session ended early; the message of `pytest.exit` may contain anything and is left out."""
        if isinstance(excinfo.value, pytest.exit.Exception):
            self.stopped = "it was ended by pytest.exit"
        elif excinfo.type is KeyboardInterrupt:
            self.stopped = "it was interrupted"
        else:
            # pytest's own reason, or that of pytest-xdist: "1 error during collection", "stopping after 1 failures"
            self.stopped = f"pytest stopped it ({excinfo.value})"

    def pytest_internalerror(self) -> None:
        """Note that pytest or a plugin failed."""
        self.stopped = "an internal error ended it"

    def why_stopped(self, session: pytest.Session) -> str:
        """Return why the session did not run all that it had selected, empty if it did."""
        if self.stopped:
            return self.stopped
        reason = session.shouldfail or session.shouldstop
        if reason:
            return f"pytest stopped it ({reason})"
        if session.exitstatus == pytest.ExitCode.NO_TESTS_COLLECTED:
            return "no test was run"
        if session.exitstatus == pytest.ExitCode.USAGE_ERROR:
            return "pytest could not use what it was given"
        return ""
