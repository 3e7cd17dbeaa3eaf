"""Answers from the embedded service, on its own clock."""

from __future__ import annotations

from contextlib import contextmanager
from typing import TYPE_CHECKING

from pytest_cce_precheck.plugin.modes.base import ServiceTarget, TestContext
from pytest_cce_precheck.simulator.selection import field_of
from pytest_cce_precheck.simulator.service import Simulator
from pytest_cce_precheck.transport.simulate import Interception
from pytest_cce_precheck.wire.vocabulary import Filter

if TYPE_CHECKING:
    from collections.abc import Iterator

    from pytest_cce_precheck.config.options import Config
    from pytest_cce_precheck.wire.credentials import Credentials


class SimulateMode:
    """The embedded service of the session; a test with faults of its own has one of its own."""

    def __init__(self, config: Config) -> None:
        self._config = config
        self._session = Simulator(seed=config.seed, faults=config.fault)
        self.simulator = self._session

    @property
    def target(self) -> ServiceTarget:
        """The embedded service's main cluster."""
        return ServiceTarget(self._session.endpoint, self._session.project_id, self._session.cluster_id)

    def credentials(self) -> Credentials:
        """Return the embedded service's own."""
        return self._session.credentials

    def wait(self, seconds: float) -> None:
        """Advance the clock."""
        self.simulator.clock.advance(seconds)

    def known_tasks(self) -> list[dict[Filter, str]]:
        """Return the filter values of the tasks that the simulator lists at its present time."""
        service = self.simulator
        tasks = service.state.tasks_of(service.cluster_id, service.clock.now())
        return [{name: str(field_of(task, name)) for name in Filter} for task in tasks]

    def outside_a_test(self) -> Interception:
        """Answer from the session's service."""
        return Interception(self._session)

    @contextmanager
    def running(self, test: TestContext) -> Iterator[None]:
        """Answer from the session's service, or from one that has the test's faults too."""
        if test.faults:
            self.simulator = Simulator(seed=self._config.seed, faults=(*self._config.fault, *test.faults))
        test.asked_before = self.simulator.handled
        try:
            with Interception(self.simulator, observe=test.answered):
                yield
        finally:
            self.simulator = self._session
