"""The side of ``cce-precheck challenge`` in pytest: when the tests are collected, it runs them on each fault.

This process runs no test. Each run is in a forked one, so it begins with the modules as they were collected, and
nothing that a test leaves behind reaches another run. The process ends without pytest's reports: they would be empty.
"""

from __future__ import annotations

import multiprocessing
import os
import sys
import sysconfig
import time
import traceback
import warnings
from collections import deque
from contextlib import suppress
from dataclasses import asdict, dataclass
from importlib import import_module
from multiprocessing.connection import wait
from typing import TYPE_CHECKING, Any, Final, NoReturn

import pytest

from pytest_cce_precheck.challenge.notes import NotedSimulator, with_behaviour
from pytest_cce_precheck.challenge.plan import VARIABLE, Plan, patience
from pytest_cce_precheck.challenge.trying import Asked
from pytest_cce_precheck.errors import ConfigurationError
from pytest_cce_precheck.plugin.fixtures import simulators_key
from pytest_cce_precheck.plugin.modes.base import Simulators
from pytest_cce_precheck.plugin.settings import config_key, uses_the_plugin
from pytest_cce_precheck.simulator.variations import VARIATIONS
from pytest_cce_precheck.states import arranged_simulator

if TYPE_CHECKING:
    from collections.abc import Callable, Generator, Mapping, Sequence
    from multiprocessing.connection import Connection
    from multiprocessing.context import ForkProcess

    from pytest_cce_precheck.challenge.notes import Notes
    from pytest_cce_precheck.states import Simulator

# of pytest-xdist, of the debugger, and what concurrent processes would share
_OPTIONS: Final[Mapping[str, Any]] = {
    "numprocesses": None,
    "dist": "no",
    "tx": [],
    "usepdb": False,
    "trace": False,
    "basetemp": None,
}
_NEEDED: Final = ("plugin.context", "plugin.session", "plugin.service", "simulator.server")
_INSTALLED: Final = (sysconfig.get_path("stdlib"), sysconfig.get_path("purelib"), sysconfig.get_path("platlib"))


class NotedSimulators(Simulators):
    """Makes simulators with one more fault or variation, and keeps what tests ask them.

    A test that shares the session's simulator gets a copy: what other tests did before it makes no difference.
    """

    def __init__(self, name: str | None = None) -> None:
        self._name = name
        self._made: list[NotedSimulator] = []

    def of_session(self, **settings: Any) -> Simulator:
        """Return the simulator that a session has; only its copies belong to tests."""
        return NotedSimulator(**with_behaviour(settings, self._name))

    def of_test(self, tasks: Sequence[Mapping[str, Any]] | None, **settings: Any) -> Simulator:
        """Return the simulator of a test that arranges its state or has faults."""
        simulator = arranged_simulator(tasks, NotedSimulator, **with_behaviour(settings, self._name))
        return self._kept(simulator)

    def shared(self, session: Simulator) -> Simulator:
        """Return a copy of the session's simulator."""
        assert isinstance(session, NotedSimulator)
        return self._kept(session.copy())

    def _kept(self, simulator: Simulator) -> Simulator:
        assert isinstance(simulator, NotedSimulator)
        self._made.append(simulator)
        return simulator

    def take(self) -> list[Notes]:
        """Return what was noted since the last call."""
        made, self._made = self._made, []
        return [simulator.notes for simulator in made]


class _Failures:
    """Collects the failures of the running process."""

    def __init__(self) -> None:
        self.messages: dict[str, str] = {}

    def pytest_runtest_logreport(self, report: pytest.TestReport) -> None:
        if report.failed:
            crash = getattr(report.longrepr, "reprcrash", None)
            text = crash.message if crash is not None else report.longreprtext
            self.messages.setdefault(report.nodeid, text.strip().partition("\n")[0])


@dataclass
class _Run:
    """A fault that is tried in a process."""

    name: str
    process: ForkProcess
    ends: float
    changes: Mapping[str, Any] | None = None
    test: int | None = None
    error: str = ""


class Challenger:
    """Runs the tests of this session on each fault; a plugin of pytest if the command has started it."""

    def __init__(self) -> None:
        # other runs of pytest that the tests start are no business of ours
        self._plan = Plan.read(os.environ.pop(VARIABLE))
        for name in self._plan.hidden:
            os.environ.pop(name, None)
        self._items: list[pytest.Item] = []
        self._context = multiprocessing.get_context("fork") if hasattr(os, "fork") else None
        self._plan.tell("pytest")

    @pytest.hookimpl(wrapper=True, tryfirst=True)
    def pytest_cmdline_main(self, config: pytest.Config) -> Generator[None, object, object]:
        """Run all tests in order and in our own processes."""
        for name, value in _OPTIONS.items():
            if hasattr(config.option, name):
                setattr(config.option, name, value)
        return (yield)

    @pytest.hookimpl(tryfirst=True)
    def pytest_runtestloop(self, session: pytest.Session) -> object:
        """Run the tests without a fault, then those concerned on each fault, and end this process."""
        self._items = session.items
        try:
            self._refuse_the_unusable(session)
            for name in _NEEDED:
                import_module(f"pytest_cce_precheck.{name}")
            asked, seconds = self._without_fault(session.config)
            self._on_each_fault(session.config, asked, seconds)
        except ConfigurationError as error:
            self._plan.tell("problem", str(error))
        sys.stdout.flush()
        sys.stderr.flush()
        os._exit(0)

    def _refuse_the_unusable(self, session: pytest.Session) -> None:
        settings = session.config.stash[config_key]
        number = len(self._items)
        if self._context is None:
            raise ConfigurationError(
                "this system cannot fork processes, which is needed to challenge pytest: use Linux, macOS or WSL"
            )
        if session.testsfailed:
            raise ConfigurationError(
                f"the tests cannot be collected ({session.testsfailed} errors): run pytest alone to see why"
            )
        if not settings.mode.is_simulated:
            raise ConfigurationError(
                f"the tests run in mode {settings.mode} ({settings.source('mode')}), and only the simulator has"
                " faults: leave --cce-mode out"
            )
        if not number:
            raise ConfigurationError("no test was collected: give pytest the folder or the names of your tests")
        if not any(map(uses_the_plugin, self._items)):
            raise ConfigurationError(
                f"no test uses a fixture of pytest-cce-precheck ({number} collected): let them ask cce_client,"
                " cce_service, cce_simulator or cce_server"
            )

    def _without_fault(self, config: pytest.Config) -> tuple[Asked, Mapping[int, float]]:
        """Return what each test asked, and how long it took; raises `ConfigurationError` if one does not pass."""
        notes, seconds, modules = self._noted(config, range(len(self._items)), "")
        for name in modules:
            # so that no run has to import it again
            with suppress(Exception, pytest.skip.Exception):
                import_module(name)
        asked = Asked(notes)
        if not asked.tests:
            raise ConfigurationError(
                "no test asked the simulator for anything: there is no answer that a fault changes"
            )
        # a test that fails without what others have left behind would seem to notice each fault
        self._noted(config, asked.tests[::-1], " if the tests run in the opposite order")
        self._plan.tell("tests", {"tests": len(self._items), "asking": len(asked.tests)})
        return asked, seconds

    def _noted(self, config: pytest.Config, order: Sequence[int], how: str) -> tuple[Any, Any, Any]:
        process, received = self._start(self._note, config, order)
        told: dict[str, Any] = {}
        with suppress(EOFError):
            while received.poll(self._plan.remaining):
                kind, data = received.recv()
                told[kind] = data
        process.kill()
        if "noted" not in told:
            test = self._items[told["test"]].nodeid if "test" in told else "the first test"
            over = "the process of the tests ended" if self._plan.remaining else "the time was over (--time)"
            raise ConfigurationError(f"the run without a fault did not end{how}: {told.get('error', over)} in {test}")
        notes, seconds, failures, modules = told["noted"]
        if failures:
            number = "1 test fails" if len(failures) == 1 else f"{len(failures)} tests fail"
            listed = "".join(f"\n  {test}: {message}" for test, message in failures.items())
            raise ConfigurationError(
                f"{number} without any fault{how}, and only tests that pass can notice one (each test has a simulator"
                f" of its own here):{listed}"
            )
        return notes, seconds, modules

    def _note(self, config: pytest.Config, tell: Callable[..., None], order: Sequence[int]) -> None:
        """Run tests, in a process of its own, and tell what each asked, and how long it took."""
        before = set(sys.modules)
        simulators, failures = NotedSimulators(), _Failures()
        config.stash[simulators_key] = simulators
        config.pluginmanager.register(failures)
        notes: dict[int, list[Notes]] = {}
        seconds: dict[int, float] = {}
        for place, number in enumerate(order):
            tell("test", number)
            started = time.perf_counter()
            self._run(number, order[place + 1 : place + 2])
            seconds[number] = time.perf_counter() - started
            notes[number] = simulators.take()
        new = [name for name in sys.modules if name not in before and _is_installed(name)]
        tell("noted", (notes, seconds, failures.messages, new))

    def _run(self, number: int, following: Sequence[int]) -> None:
        """Run a test, and end the fixtures that the following one does not need."""
        item, nextitem = self._items[number], self._items[following[0]] if following else None
        item.config.hook.pytest_runtest_protocol(item=item, nextitem=nextitem)

    def _on_each_fault(self, config: pytest.Config, asked: Asked, seconds: Mapping[int, float]) -> None:
        waiting, running = deque(self._plan.names), dict[Any, _Run]()
        while self._plan.remaining and (waiting or running):
            while waiting and len(running) < self._plan.jobs:
                name = waiting.popleft()
                process, received = self._start(self._try, config, name, asked, seconds)
                running[received] = _Run(name, process, self._plan.ends)
            soonest = min(run.ends for run in running.values())
            ready = wait(list(running), max(0.0, soonest - time.time()))
            for received, run in list(running.items()):
                if (received in ready and self._hear(received, run)) or run.ends <= time.time():
                    del running[received]
                    self._end(run)
        for run in running.values():
            run.process.kill()
        for name in (*(run.name for run in running.values()), *waiting):
            self._plan.tell("trial", {"name": name, "ran": False})

    def _hear(self, received: Connection, run: _Run) -> bool:
        """Note what a process tells; return whether it has ended."""
        try:
            kind, data = received.recv()
        except EOFError:
            return True
        if kind == "test":
            run.test = data
        elif kind == "error":
            run.error = data
        else:
            run.changes, allowed = data
            run.ends = min(self._plan.ends, time.time() + allowed)
        return bool(kind == "tried")

    def _end(self, run: _Run) -> None:
        """Send the command the trial that has ended, or has to end."""
        run.process.kill()
        run.process.join()
        changes = run.changes or {}
        if "failed" in changes:
            self._plan.tell("trial", {"name": run.name, **changes})
        elif not self._plan.remaining:
            self._plan.tell("trial", {"name": run.name, "ran": False})
        elif run.test is not None and not run.error:
            self._plan.tell("trial", {"name": run.name, **changes, "hung": self._items[run.test].nodeid})
        else:
            raise ConfigurationError(f"{run.name} cannot be tried: {run.error or 'its process ended'}")

    def _try(
        self, config: pytest.Config, tell: Callable[..., None], name: str, asked: Asked, seconds: Mapping[int, float]
    ) -> None:
        """Run the tests that a fault concerns, in a process of its own, until one fails; all of them on a variation."""
        found, concerned, seen_by = asked.changed_by(name)
        changes: dict[str, Any] = {
            "difference": asdict(found) if found is not None else None,
            "seen_by": [self._items[number].nodeid for number in seen_by],
        }
        allowed = patience(sum(seconds[number] for number in concerned))
        if name not in VARIATIONS:
            # the first that fails ends it
            concerned.sort(key=lambda number: seconds[number])
        tell("concerns", (changes, allowed))
        failures = _Failures()
        config.stash[simulators_key] = NotedSimulators(name)
        config.pluginmanager.register(failures)
        for place, number in enumerate(concerned):
            tell("test", number)
            self._run(number, concerned[place + 1 : place + 2])
            if failures.messages and name not in VARIATIONS:
                # ends the fixtures that the next test would have used
                with suppress(Exception):
                    config.hook.pytest_runtest_teardown(item=self._items[number], nextitem=None)
                break
        tell("tried", ({**changes, "failed": list(failures.messages)}, allowed))

    def _start(self, work: Callable[..., None], config: pytest.Config, *more: Any) -> tuple[ForkProcess, Connection]:
        assert self._context is not None
        received, sent = self._context.Pipe(duplex=False)

        def tell(kind: str, data: Any) -> None:
            sent.send((kind, data))

        def run() -> NoReturn:
            try:
                _be_quiet(config)
                work(config, tell, *more)
            except Exception:
                # pytest catches those of tests
                tell("error", traceback.format_exc())
            finally:
                # no handler of this process's end is for a run like this
                os._exit(0)

        sys.stdout.flush()
        sys.stderr.flush()
        process = self._context.Process(target=run, daemon=False)
        with warnings.catch_warnings():
            # a plugin may have a thread, which is not in the new process
            warnings.simplefilter("ignore", DeprecationWarning)
            process.start()
        sent.close()
        return process, received


def _is_installed(name: str) -> bool:
    """Whether a module is no part of the project, which may read its settings when a test imports it."""
    file = getattr(sys.modules[name], "__file__", None) or ""
    return name.startswith("pytest_cce_precheck.") or file.startswith(_INSTALLED)


def _be_quiet(config: pytest.Config) -> None:
    """Print nothing, and keep a copy of one's own of what pytest captures."""
    capture = config.pluginmanager.getplugin("capturemanager")
    if capture is not None:
        capture.stop_global_capturing()
    nowhere = os.open(os.devnull, os.O_RDWR)
    for number in (0, 1, 2):
        os.dup2(nowhere, number)
    if capture is not None:
        capture.start_global_capturing()
        capture.suspend_global_capture()
