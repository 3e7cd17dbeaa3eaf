"""Answers from the simulator, which has a clock of its own."""

from __future__ import annotations

from contextlib import contextmanager
from typing import TYPE_CHECKING, Any

from pytest_cce_precheck.config.options import SIMULATED_SERVICE
from pytest_cce_precheck.plugin.modes.base import BaseMode, ServiceTarget, TestContext
from pytest_cce_precheck.simulator.selection import field_of
from pytest_cce_precheck.transport.interception import Interceptor
from pytest_cce_precheck.transport.simulate import Interception, simulated
from pytest_cce_precheck.wire.vocabulary import Filter

if TYPE_CHECKING:
    from collections.abc import Iterator

    from pytest_cce_precheck.client import PrecheckClient
    from pytest_cce_precheck.wire.credentials import Credentials
    from pytest_cce_precheck.wire.exchange import Request, Response


class SimulateMode(BaseMode):
    """The simulator of the session; a test that arranges its state or has faults has a simulator of its own."""

    def __init__(self, *settings: Any) -> None:
        super().__init__(*settings)
        self._session = self.simulator

    @property
    def target(self) -> ServiceTarget:
        """The simulator's main cluster."""
        return ServiceTarget(self._session.endpoint, self._session.project_id, self._session.cluster_id)

    def credentials(self) -> Credentials:
        """Return those that the simulator accepts."""
        return self._session.credentials

    def wait(self, seconds: float) -> None:
        """Advance the simulator's clock."""
        self.simulator.clock.advance(seconds)

    def answer(self, request: Request, client: PrecheckClient) -> Response:  # noqa: ARG002  nobody else is asked
        """Let the simulator answer."""
        return self.simulator.handle(request)

    @property
    def service_credentials(self) -> Credentials:
        """Those that the simulator accepts."""
        return self.simulator.credentials

    def known_tasks(self) -> list[dict[Filter, str]]:
        """Return the filter values of the tasks that the simulator lists at its present time."""
        service = self.simulator
        tasks = service.state.tasks_of(service.cluster_id, service.clock.now())
        return [{name: value for name in Filter if (value := str(field_of(task, name)))} for task in tasks]

    @contextmanager
    def running(self, test: TestContext) -> Iterator[None]:
        """Answer from the session's simulator, or from the test's own."""
        self.simulator = self.own_simulator(test) if test.is_alone else self.simulators.shared(self._session)
        test.asked_before = self.simulator.handled
        try:
            # the test's fixtures may replace the simulator
            answering = Interceptor(
                [self._session.endpoint],
                answer=lambda request: simulated(self.simulator, request),
                observe=test.answered,
            )
            with answering, self.network([self._session.endpoint], test):
                yield
        finally:
            self.simulator = self._session

    def outside_a_test(self) -> Interception:
        """Answer from the session's simulator."""
        return Interception(self._session)

    def who_answered(self, test: TestContext) -> str | None:
        """Return the name of the simulator."""
        return SIMULATED_SERVICE if self.simulator.handled > test.asked_before else None
