"""What the fixtures hand out, made once a session: the client in its mode, the simulator, the judge."""

from __future__ import annotations

import json
import time
from contextlib import contextmanager
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Any

from pytest_cce_precheck.client import PrecheckClient
from pytest_cce_precheck.contract.acceptance import Acceptance
from pytest_cce_precheck.contract.check import check
from pytest_cce_precheck.errors import ConfigurationError
from pytest_cce_precheck.report.text import ContractViolation, describe
from pytest_cce_precheck.report.verdict import Verdict, verdict
from pytest_cce_precheck.simulator.service import Simulator
from pytest_cce_precheck.transport.live import HttpTransport
from pytest_cce_precheck.transport.simulate import Interception
from pytest_cce_precheck.wire.credentials import Credentials
from pytest_cce_precheck.wire.redaction import Redactor

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Mapping, Sequence

    from pytest_cce_precheck.config import Config
    from pytest_cce_precheck.contract.findings import Finding
    from pytest_cce_precheck.wire.exchange import Exchange

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

    def credentials(self) -> Credentials:
        """Give the simulator's credentials, or the environment's; raises `ConfigurationError` where these lack."""
        if self.config.mode == "simulate":
            return self.simulator.credentials
        credentials = Credentials.from_environment(self._environment)
        missing = self.config.missing_for_live(credentials=credentials.kind is not None)
        if missing:
            raise ConfigurationError("--cce-mode=live still needs: " + "; ".join(missing))
        return credentials

    def client(self, credentials: Credentials) -> PrecheckClient:
        """Give the session's client."""
        if self._client is None:
            live = self.config.mode == "live"
            service = self.simulator
            self._client = PrecheckClient(
                HttpTransport(timeout=self.config.timeout),
                endpoint=(self.config.service or "") if live else service.endpoint,
                project_id=(self.config.project_id or "") if live else service.project_id,
                cluster_id=(self.config.cluster_id or "") if live else service.cluster_id,
                credentials=credentials,
                observe=self._observe,
            )
        return self._client

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
                yield
        finally:
            self.simulator = session

    def close(self) -> None:
        """Let go of connections."""
        if self._client is not None:
            self._client.close()


class Contract:
    """Judges exchanges; the fixture ``cce_contract``.

    ``accept`` holds what the test's marker and the settings accept; ``record`` takes what the report is made of.
    """

    def __init__(self, harness: Harness, accept: Sequence[Acceptance], record: Callable[[Record], None]) -> None:
        self._harness = harness
        self._accept = tuple(accept)
        self._record = record
        self.met: set[str] = set()

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
        redactor, kind = self._redaction()
        for verdict_name, each in self._outcomes(outcome):
            self._record(
                (
                    "cce_finding",
                    redactor.text(json.dumps({**each.to_dict(), "verdict": verdict_name}, ensure_ascii=False)),
                )
            )
        for _, acceptance in outcome.accepted:
            self.met.add(acceptance.code)
            self._record(("cce_accepted", json.dumps({"code": acceptance.code, "reason": acceptance.reason})))
        if outcome.failing:
            raise ContractViolation(describe(outcome.failing, redactor, kind=kind), outcome.failing)
        return outcome

    def _outcomes(self, outcome: Verdict) -> Iterator[tuple[str, Finding]]:
        yield from (("failing", finding) for finding in outcome.failing)
        yield from (("shown", finding) for finding in outcome.shown)
        yield from (("accepted", finding) for finding, _ in outcome.accepted)

    def _redaction(self) -> tuple[Redactor, Any]:
        client = self._harness._client
        credentials = client.credentials if client is not None else Credentials()
        return Redactor(credentials.secrets), credentials.kind
