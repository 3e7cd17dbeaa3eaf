"""What the fixtures hand out, made once a session: the client in its mode, the simulator, the judge."""

from __future__ import annotations

import json
import time
from contextlib import contextmanager
from datetime import UTC, datetime
from typing import TYPE_CHECKING

from pytest_cce_precheck.client import PrecheckClient
from pytest_cce_precheck.contract.acceptance import Acceptance
from pytest_cce_precheck.contract.check import check
from pytest_cce_precheck.errors import ConfigurationError
from pytest_cce_precheck.report.text import ContractViolation, describe
from pytest_cce_precheck.report.verdict import Verdict, verdict
from pytest_cce_precheck.simulator.service import Simulator
from pytest_cce_precheck.startup import refuse_incomplete
from pytest_cce_precheck.transport.live import HttpTransport
from pytest_cce_precheck.transport.simulate import Interception
from pytest_cce_precheck.wire.credentials import Credentials
from pytest_cce_precheck.wire.redaction import Redactor

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Mapping, Sequence

    from pytest_cce_precheck.config import Config
    from pytest_cce_precheck.contract.findings import Finding
    from pytest_cce_precheck.wire.credentials import AuthKind
    from pytest_cce_precheck.wire.exchange import Exchange, Request

Record = tuple[str, str]


class Harness:
    """The service and the client of a session, and what the running test has seen of them."""

    def __init__(self, config: Config, environment: Mapping[str, str]) -> None:
        self.config = config
        self._environment = environment
        self.exchanges: list[Exchange] = []
        self.acceptances: tuple[Acceptance, ...] = tuple(Acceptance.parse(text) for text in config.accept)
        self.simulator = Simulator(seed=config.seed, faults=config.fault)
        self._client: PrecheckClient | None = None
        self.intercepting = False

    def credentials(self) -> Credentials:
        """Give the simulator's credentials, or the environment's; raises `ConfigurationError` where these lack."""
        if self.config.mode == "simulate":
            return self.simulator.credentials
        credentials = Credentials.from_environment(self._environment)
        refuse_incomplete(self.config, credentials)
        return credentials

    def client(self, credentials: Credentials) -> PrecheckClient:
        """Give the session's client."""
        if self._client is None:
            live = self.config.mode == "live"
            service = self.simulator
            transport = HttpTransport(timeout=self.config.timeout)
            self._client = PrecheckClient(
                transport if live else _Intercepted(transport, self),
                endpoint=(self.config.service or "") if live else service.endpoint,
                project_id=(self.config.project_id or "") if live else service.project_id,
                cluster_id=(self.config.cluster_id or "") if live else service.cluster_id,
                credentials=credentials,
                observe=self._observe,
            )
            if credentials.kind:
                # what cannot be sent is better said here than in the middle of a test
                self._client.authenticated(self._client.list_request())
        return self._client

    @property
    def redaction(self) -> tuple[Redactor, AuthKind | None]:
        """Give what masks every credential that the run knows, and how its requests are authenticated."""
        own = self._client.credentials if self._client is not None else Credentials()
        found = Credentials.from_environment(self._environment)
        return Redactor((*own.secrets, *found.secrets)), own.kind

    def _observe(self, exchange: Exchange) -> None:
        self.exchanges.append(exchange)

    def wait(self, seconds: float) -> None:
        """Let time pass: on the simulator's clock where there is one."""
        if self.config.mode == "simulate":
            self.simulator.clock.advance(seconds)
        else:
            time.sleep(seconds)

    @contextmanager
    def running(self, faults: Sequence[str]) -> Iterator[None]:
        """Stand between a test and the network: simulated answers, with the test's own faults, and an empty log."""
        self.exchanges.clear()
        if self.config.mode != "simulate":
            if faults:
                raise ConfigurationError(
                    "the marker cce(faults=…) works on the embedded service alone (--cce-mode=simulate)"
                )
            yield
            return
        session = self.simulator
        if faults:
            self.simulator = Simulator(seed=self.config.seed, faults=(*self.config.fault, *faults))
        try:
            with Interception(self.simulator):
                self.intercepting = True
                yield
        finally:
            self.intercepting = False
            self.simulator = session

    def close(self) -> None:
        """Let go of connections."""
        if self._client is not None:
            self._client.close()


class _Intercepted:
    """The client's way to the embedded service, also from where no test runs: a fixture of a wider scope."""

    def __init__(self, transport: HttpTransport, harness: Harness) -> None:
        self._transport = transport
        self._harness = harness

    def send(self, request: Request) -> Exchange:
        if self._harness.intercepting:
            return self._transport.send(request)
        with Interception(self._harness.simulator):
            return self._transport.send(request)

    def close(self) -> None:
        self._transport.close()


class Contract:
    """Judges exchanges; the fixture ``cce_contract``.

    ``allowed`` holds what the test's markers accept; ``record`` takes what the report is made of.
    """

    def __init__(self, harness: Harness, allowed: Sequence[Acceptance], record: Callable[[Record], None]) -> None:
        self._harness = harness
        self._accept = (*allowed, *harness.acceptances)
        self._record = record
        for each in allowed:
            self._record(("cce_allowed", json.dumps(_as_data(each))))

    def findings(self, exchange: Exchange) -> list[Finding]:
        """Give everything that an exchange shows against the contract, and fail nothing."""
        return check(exchange)

    def verify(self, *exchanges: Exchange) -> None:
        """Raise `ContractViolation` where a finding fails (``--cce-fail-on``) and is not accepted."""
        __tracebackhide__ = True
        found = {finding.identity: finding for exchange in exchanges for finding in check(exchange)}
        self.judge(tuple(found.values()))

    def judge(self, findings: Sequence[Finding]) -> Verdict:
        """Record findings and raise `ContractViolation` where one of them fails; give the verdict otherwise."""
        __tracebackhide__ = True
        today = datetime.now(UTC).date()
        config = self._harness.config
        outcome = verdict(findings, fail_on=config.fail_on, acceptances=self._accept, today=today)
        redactor, kind = self._harness.redaction
        for verdict_name, each in self._outcomes(outcome):
            # all ASCII: a lone surrogate in an answer would not get from a worker to its controller
            self._record(("cce_finding", redactor.text(json.dumps({**each.to_dict(), "verdict": verdict_name}))))
        for _, acceptance in outcome.accepted:
            self._record(("cce_accepted", json.dumps(_as_data(acceptance))))
        if outcome.failing:
            raise ContractViolation(describe(outcome.failing, redactor, kind=kind), outcome.failing)
        return outcome

    def _outcomes(self, outcome: Verdict) -> Iterator[tuple[str, Finding]]:
        yield from (("failing", finding) for finding in outcome.failing)
        yield from (("shown", finding) for finding in outcome.shown)
        yield from (("accepted", finding) for finding, _ in outcome.accepted)


def _as_data(acceptance: Acceptance) -> dict[str, str | None]:
    until = acceptance.until.isoformat() if acceptance.until else None
    return {"code": acceptance.code, "reason": acceptance.reason, "until": until}
