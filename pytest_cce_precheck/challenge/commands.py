"""Challenge the tests that a command runs: those of pytest one by one, those of any other program as one."""

from __future__ import annotations

import os
import tempfile
import threading
import time
from concurrent.futures import ThreadPoolExecutor, wait
from contextlib import contextmanager
from dataclasses import dataclass
from typing import TYPE_CHECKING, Final

from pytest_cce_precheck import _programs
from pytest_cce_precheck.challenge.notes import NotedSimulator, with_behaviour
from pytest_cce_precheck.challenge.outcomes import Score, Trial, trial_of
from pytest_cce_precheck.challenge.plan import VARIABLE, Plan, patience
from pytest_cce_precheck.challenge.trying import Asked
from pytest_cce_precheck.errors import ConfigurationError
from pytest_cce_precheck.proxy.service import Ids, Service
from pytest_cce_precheck.simulator.clock import RunningClock

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Sequence

    from pytest_cce_precheck._programs import Child, ProgramResult

    Progress = Callable[[int, int], None]

_OUTPUT: Final = 64 * 1024 * 1024
_LAST_LINES: Final = 20
# to end the tests that pytest runs, when the time is over
_GRACE: Final = 15.0
_POLL: Final = 0.5
_AGAIN: Final = 0.05


@dataclass(frozen=True)
class Challenge:
    """A command that runs tests, and what to try on it: the names, how many at a time, in how many seconds."""

    command: Sequence[str]
    names: Sequence[str]
    jobs: int
    seconds: float
    progress: Progress = lambda _done, _of: None

    def run(self) -> Score:
        """Return what became of each name, of those that were tried before an interruption.

        Raises `ConfigurationError` if the tests cannot be challenged, `KeyboardInterrupt` if nothing is known yet.
        """
        began = time.monotonic()
        trials: dict[str, Trial] = {}
        tests = asking = 1
        interruption: KeyboardInterrupt | None = None
        with tempfile.TemporaryDirectory(prefix="cce-challenge-") as folder, _service(None) as (service, simulator):
            hidden = sorted(name for name, value in service.environment.items() if os.environ.get(name) != value)
            plan = Plan(folder, self.names, self.jobs, time.time() + self.seconds, hidden)
            plan.write()
            # what tests write is theirs to remove, unless their process is ended before
            more = {VARIABLE: folder, "PYTEST_DEBUG_TEMPROOT": folder}
            ended = None
            try:
                with self._following(plan):
                    ended = self._started({**service.environment, **more}, self.seconds + _GRACE)
                if not _runs_pytest(plan):
                    self._of_command(plan, ended, simulator, time.monotonic() - began, trials)
            except KeyboardInterrupt as error:
                interruption = error
            if _runs_pytest(plan):
                tests, asking = self._of_pytest(plan, ended, trials)
        if interruption and not trials:
            raise KeyboardInterrupt("before any fault was tried")
        complete = [trials.get(name) or Trial(name, ran=False) for name in self.names]
        return Score(complete, tests, asking, time.monotonic() - began, interrupted=interruption is not None)

    def _started(
        self, environment: dict[str, str], seconds: float, started: Callable[[Child], object] = lambda _: None
    ) -> ProgramResult:
        try:
            return _programs.run(self.command, environment, timeout=seconds, limit=_OUTPUT, started=started)
        except (OSError, ValueError) as error:
            reason = getattr(error, "strerror", None) or error
            raise ConfigurationError(
                f"the command {self.command[0]!r} cannot be started: {reason}; expected the command that runs your"
                " tests, such as cce-precheck challenge -- pytest tests"
            ) from None

    @contextmanager
    def _following(self, plan: Plan) -> Iterator[None]:
        """Show how far pytest has come, as it tells it."""
        ended = threading.Event()

        def follow() -> None:
            while not ended.wait(_POLL):
                done = sum(kind == "trial" for kind, _ in plan.told())
                if done:
                    self.progress(done, len(self.names))

        thread = threading.Thread(target=follow, daemon=True)
        thread.start()
        try:
            yield
        finally:
            ended.set()
            thread.join()

    def _of_pytest(self, plan: Plan, ended: ProgramResult | None, trials: dict[str, Trial]) -> tuple[int, int]:
        """Fill in what pytest has told; return the number of tests, and of those that ask. None has ended at Ctrl-C."""
        told = list(plan.told())
        if sum(kind == "pytest" for kind, _ in told) > 1:
            raise ConfigurationError("the command starts pytest more than once: challenge one run at a time")
        said = dict(told)
        if "problem" in said:
            raise ConfigurationError(said["problem"])
        trials |= {data["name"]: trial_of(data) for kind, data in told if kind == "trial"}
        if "tests" in said:
            return said["tests"]["tests"], said["tests"]["asking"]
        if ended is not None:
            raise ConfigurationError(f"pytest {_how(ended)} before it ran the tests{_end_of(ended)}")
        return 0, 0

    def _of_command(
        self, plan: Plan, ended: ProgramResult, simulator: NotedSimulator, seconds: float, trials: dict[str, Trial]
    ) -> None:
        if ended.problem or ended.status != 0:
            raise ConfigurationError(
                f"the command {_how(ended)} without any fault, and only tests that pass can notice one{_end_of(ended)}"
            )
        asked = Asked({" ".join(self.command): [simulator.notes]})
        if not asked.tests:
            raise ConfigurationError(
                "the tests asked the simulator for nothing: let them call the service that the environment names"
                " (CCE_ENDPOINT, CCE_PROJECT_ID, CCE_CLUSTER_ID, CCE_AUTH_TOKEN), or with pytest use a fixture such as"
                " cce_service"
            )
        children: list[Child] = []
        over = threading.Event()

        def one(name: str) -> None:
            trial = self._on(name, asked, plan, seconds, children.append)
            # what was ended from here has noticed nothing
            if not over.is_set():
                trials[name] = trial
                self.progress(len(trials), len(self.names))

        with ThreadPoolExecutor(self.jobs) as pool:
            futures = [pool.submit(one, name) for name in self.names]
            try:
                for future in futures:
                    future.result()
            except BaseException:
                over.set()
                pool.shutdown(wait=False, cancel_futures=True)
                # a thread may be about to start another
                while wait(futures, _AGAIN).not_done:
                    for child in children:
                        if child.returncode is None:
                            _programs.signal_group(child, "SIGKILL")
                raise

    def _on(self, name: str, asked: Asked, plan: Plan, seconds: float, started: Callable[[Child], object]) -> Trial:
        if not plan.remaining:
            return Trial(name, ran=False)
        found, concerned, seen_by = asked.changed_by(name)
        if not concerned:
            return Trial(name)
        allowed = patience(seconds)
        with _service(name) as (service, _):
            ended = self._started(service.environment, min(allowed, plan.remaining), started)
        if ended.problem and not plan.remaining:
            return Trial(name, ran=False)
        failed = concerned if ended.status != 0 and not ended.problem else ()
        return Trial(name, found, seen_by, failed, concerned[0] if ended.problem else "")


def _runs_pytest(plan: Plan) -> bool:
    return any(kind == "pytest" for kind, _ in plan.told())


@contextmanager
def _service(name: str | None) -> Iterator[tuple[Service, NotedSimulator]]:
    """Serve a new simulator with a fault or variation, if there is a name."""
    simulator = NotedSimulator(clock=RunningClock(), **with_behaviour({}, name))
    ids = Ids(simulator.project_id, simulator.cluster_id)
    service = Service(
        simulator.handle, lambda: simulator.credentials, lambda: ids, verifies=False, environment=os.environ
    )
    with service:
        yield service, simulator


def _how(ended: ProgramResult) -> str:
    return ended.problem or f"ended with status {ended.status}"


def _end_of(ended: ProgramResult) -> str:
    lines = [line for text in (ended.output, ended.complaint) for line in text.splitlines()[-_LAST_LINES:]]
    return "".join(f"\n  {line}" for line in lines)
