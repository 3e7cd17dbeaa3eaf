"""The request budget of a run: one count, and one start, for all of its processes."""

from __future__ import annotations

from importlib import resources
from pathlib import Path
from types import SimpleNamespace
from typing import TYPE_CHECKING, Any

import pytest

from pytest_cce_precheck.config.options import Config
from pytest_cce_precheck.config.targets import NamedTarget
from pytest_cce_precheck.errors import BudgetExhaustedError, ConfigurationError
from pytest_cce_precheck.plugin.request_budget import RequestBudgets, budgets_key
from pytest_cce_precheck.plugin.settings import config_key, targets_key

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from pytest_cce_precheck.transport.pacing import SharedBudget

LIVE = Config(mode="live", budget=2, sources={"budget": "option"})
TARGET, OTHER = NamedTarget("eu-1", LIVE), NamedTarget("eu-2", LIVE)


class Session:
    """The processes of one run of pytest: the one that was started, and the workers that it tells where to count."""

    def __init__(self) -> None:
        self._cleanups: list[Callable[[], None]] = []
        self.controller = self._process()

    def _process(self, **more: Any) -> Any:
        process: Any = SimpleNamespace(
            stash=pytest.Stash(), args=[], getoption=lambda name, default: more.get(name, default),
            invocation_params=SimpleNamespace(dir=Path.cwd()), add_cleanup=self._cleanups.append, **more,
        )  # fmt: skip
        process.stash[config_key], process.stash[targets_key] = Config(mode="live"), ()
        process.stash[budgets_key] = budgets = RequestBudgets(process)
        budgets.start()
        return process

    def worker(self, *, loadgroup: bool = False, **changed: Any) -> Any:
        node = SimpleNamespace(workerinput={})
        self.controller.stash[budgets_key].inform_worker(node)
        return self._process(workerinput={"workercount": 2, **node.workerinput, **changed}, loadgroup=loadgroup)

    def end(self) -> None:
        for cleanup in reversed(self._cleanups):
            cleanup()


@pytest.fixture
def session() -> Iterator[Session]:
    session = Session()
    yield session
    session.end()


def counted(process: Any, config: Config = LIVE, target: NamedTarget | None = None) -> SharedBudget:
    return process.stash[budgets_key].of(config, target)


def workers(process: Any, target: NamedTarget | None) -> int:
    return process.stash[budgets_key].workers(target)


def sends(budget: SharedBudget) -> int:
    number = 0
    while number < 5:
        try:
            budget.take()
        except BudgetExhaustedError:
            break
        number += 1
    return number


@pytest.mark.parametrize("mode", ["live", "record"])
def test_a_run_against_a_service_is_held_to_its_budget(session: Session, mode: str) -> None:
    config = Config(mode=mode, budget=2, sources={"budget": "option"})  # type: ignore[arg-type]
    assert sends(counted(session.controller, config)) == 2


@pytest.mark.parametrize(
    ("argument", "sent"),
    [("tests", 5), ("pytest_cce_precheck.suite", 2), (str(resources.files("pytest_cce_precheck.suite")), 2)],
    ids=["own", "name", "path"],
)
def test_the_default_budget_holds_for_the_suite_and_not_for_other_tests(
    session: Session, argument: str, sent: int
) -> None:
    config = Config(mode="live", budget=2)
    session.controller.args = [argument]
    assert sends(counted(session.controller, config)) == sent


def test_requests_are_held_to_the_rate_of_the_run(session: Session) -> None:
    # the second would have its turn when the run is over
    slow = Config(mode="live", rate=0.01, run_time=60)  # type: ignore[arg-type]
    assert sends(counted(session.controller, slow)) == 1


def test_workers_share_one_count(session: Session) -> None:
    first, second = (counted(session.worker()) for _ in range(2))
    first.take()
    assert (first.sent, second.sent) == (1, 1)
    assert sends(second) == 1
    assert sends(first) == 0


def test_each_target_has_a_count_of_its_own_that_all_processes_share(session: Session) -> None:
    first, same, other = (counted(session.worker(), target=target) for target in (TARGET, TARGET, OTHER))
    assert sends(first) == 2
    assert sends(same) == 0
    assert sends(other) == 2


def test_a_target_that_is_returned_to_is_counted_on(session: Session) -> None:
    assert sends(counted(session.controller, target=TARGET)) == 2
    assert sends(counted(session.controller, target=TARGET)) == 0


@pytest.mark.parametrize("targets", [(None, None), (TARGET, TARGET), (TARGET, OTHER)])
def test_all_workers_and_all_targets_end_when_the_run_ends(
    session: Session, targets: tuple[NamedTarget | None, NamedTarget | None]
) -> None:
    config = Config(mode="live", run_time=60)
    early = session.worker()
    # a worker that comes late, or that pytest-xdist starts in place of one that crashed, begins no run of its own
    late = session.worker()
    ends = [counted(process, config, target).remaining for process, target in zip((early, late), targets, strict=True)]
    assert all(end is not None and 0 < end <= 60 for end in ends)
    assert late.workerinput["cce_elapsed"] >= early.workerinput["cce_elapsed"]


def test_a_worker_ends_with_the_run_that_began_before_it(session: Session) -> None:
    config = Config(mode="live", run_time=60)
    worker = session.worker(cce_elapsed=61)
    assert counted(worker, config).is_over


def test_a_worker_on_another_machine_cannot_share_a_count_unless_it_has_a_target_to_itself(session: Session) -> None:
    far = {"cce_meter": "/nowhere/on/this/machine"}
    with pytest.raises(ConfigurationError, match="this worker is on another machine than the run"):
        counted(session.worker(**far), target=None)
    with pytest.raises(ConfigurationError, match="this worker is on another machine than the run"):
        counted(session.worker(**far), target=TARGET)
    assert sends(counted(session.worker(loadgroup=True, **far), target=TARGET)) == 2


def test_a_target_is_one_workers_only_where_groups_are_kept_together(session: Session) -> None:
    assert workers(session.controller, None) == 1
    assert workers(session.worker(), None) == 2
    assert workers(session.worker(), TARGET) == 2
    assert workers(session.worker(loadgroup=True), TARGET) == 1
    assert workers(session.worker(loadgroup=True), None) == 2
