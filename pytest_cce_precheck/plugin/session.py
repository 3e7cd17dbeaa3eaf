"""What the fixtures hand out, made once a session: the client in its mode, the simulator, the judge."""

from __future__ import annotations

import json
from contextlib import ExitStack, contextmanager
from datetime import UTC, datetime
from functools import cached_property
from time import monotonic
from typing import TYPE_CHECKING, Any, Final

from pytest_cce_precheck._text import shortened
from pytest_cce_precheck.client import PrecheckClient
from pytest_cce_precheck.contract.acceptance import Acceptance
from pytest_cce_precheck.contract.check import check, judge
from pytest_cce_precheck.contract.clock import seconds_ahead, skew_of
from pytest_cce_precheck.contract.findings import gathered
from pytest_cce_precheck.plugin.modes.live import LiveMode
from pytest_cce_precheck.plugin.modes.recording import RecordMode
from pytest_cce_precheck.plugin.modes.replaying import ReplayMode
from pytest_cce_precheck.plugin.modes.simulated import SimulateMode
from pytest_cce_precheck.redaction.texts import Redactor, curl, in_every_text
from pytest_cce_precheck.report.text import OTHER_CREDENTIALS, ContractViolation, describe, properties
from pytest_cce_precheck.report.verdict import Verdict, verdict
from pytest_cce_precheck.transport.failures import FAILURES, reason_of
from pytest_cce_precheck.transport.interception import Interceptor
from pytest_cce_precheck.transport.live import HttpTransport
from pytest_cce_precheck.transport.watched import Watch
from pytest_cce_precheck.wire.credentials import secrets_in
from pytest_cce_precheck.wire.exchange import TransportError
from pytest_cce_precheck.wire.vocabulary import Filter, list_path

if TYPE_CHECKING:
    from collections.abc import Callable, Hashable, Iterator, Mapping, Sequence

    import requests
    from requests import PreparedRequest
    from requests.adapters import HTTPAdapter

    from pytest_cce_precheck.client import Transport
    from pytest_cce_precheck.config.options import Config
    from pytest_cce_precheck.contract.findings import Finding
    from pytest_cce_precheck.errors import TransportReason
    from pytest_cce_precheck.plugin.modes.base import Mode, TestContext, Traffic
    from pytest_cce_precheck.plugin.records import Record
    from pytest_cce_precheck.simulator.service import Simulator
    from pytest_cce_precheck.transport.guard import WriteGuard
    from pytest_cce_precheck.transport.interception import Send
    from pytest_cce_precheck.transport.pacing import SharedBudget
    from pytest_cce_precheck.transport.tokens import Tokens
    from pytest_cce_precheck.wire.credentials import AuthKind, Credentials
    from pytest_cce_precheck.wire.exchange import Exchange, Request

_MODES: Final[dict[str, Callable[[Config, Mapping[str, str], Callable[[], float | None]], Mode]]] = {
    "simulate": lambda config, *_: SimulateMode(config),
    "replay": lambda config, environment, _: ReplayMode(config, environment),
    "record": RecordMode,
    "live": LiveMode,
}


class Harness:
    """The service and the client of a session, and what the running test has seen of them."""

    def __init__(
        self,
        config: Config,
        environment: Mapping[str, str],
        meter: SharedBudget | None = None,
        guard: WriteGuard | None = None,
        *,
        workers: int = 1,
    ) -> None:
        self.config = config
        self.workers = workers if meter is not None else 1
        self._meter = meter
        self._guard = guard
        self.mode = _MODES[config.mode](config, environment, self.remaining)
        self.exchanges: list[Exchange] = []
        self.acceptances: tuple[Acceptance, ...] = tuple(Acceptance.parse(text) for text in config.accept)
        self.test: TestContext | None = None
        self._environment = environment
        self._client: PrecheckClient | None = None
        self._ahead: list[float] = []
        self._created: list[dict[str, Any]] = []
        self._told = (0, 0, 0)
        self._unreported: list[Record] = []

    def remaining(self) -> float | None:
        """Say how many seconds the run may still take (``--cce-run-time``), None where it may take any time."""
        return self._meter.remaining if self._meter is not None else None

    @cached_property
    def _idle(self) -> SimulateMode:
        return SimulateMode(self.config)

    @property
    def simulator(self) -> Simulator:
        """The embedded service: the one that answers in this test, in other modes one that nobody else calls."""
        return (self.mode if isinstance(self.mode, SimulateMode) else self._idle).simulator

    def credentials(self) -> Credentials:
        """Return what the mode authenticates with; raises `ConfigurationError` if it lacks."""
        return self.mode.credentials()

    def client(self, credentials: Credentials) -> PrecheckClient:
        """Return the session's client."""
        if self._client is None:
            target = self.mode.target
            transport: Transport = HttpTransport(timeout=self.config.timeout, remaining=self.remaining)
            tokens = self._tokens
            self._client = PrecheckClient(
                _Guarded(transport, self, self._meter, self._guard),
                endpoint=target.endpoint,
                project_id=target.project_id,
                cluster_id=target.cluster_id,
                credentials=credentials,
                observe=self._observe,
                # the fixture cce_credentials may have been overridden
                tokens=tokens if tokens is not None and tokens.issued(credentials.token) else None,
            )
            if credentials.kind:
                # what cannot be sent is better said here than in the middle of a test
                self._client.authenticated(self._client.list_request())
        return self._client

    @property
    def secrets(self) -> tuple[str, ...]:
        """Every credential that the run knows."""
        own = self._client.credentials.secrets if self._client is not None else ()
        found = secrets_in(self._environment)
        return (*own, *(self.mode.secrets if isinstance(self.mode, LiveMode) else found))

    @property
    def redaction(self) -> tuple[Redactor, AuthKind | None]:
        """Return what masks every credential that the run knows, and how its requests are authenticated."""
        return Redactor(self.secrets), self._client.credentials.kind if self._client is not None else None

    @property
    def _tokens(self) -> Tokens | None:
        return self.mode.tokens if isinstance(self.mode, LiveMode) else None

    def _observe(self, exchange: Exchange) -> None:
        self.exchanges.append(exchange)
        if isinstance(self.mode, LiveMode):
            if self.test is not None:
                self.test.answered(exchange.request, exchange.response)
            ahead = seconds_ahead(exchange, datetime.now(UTC))
            self._ahead += [] if ahead is None else [ahead]
            self._created += _created(exchange)

    @property
    def own_lists(self) -> list[int]:
        """The statuses with which lists of the own cluster were answered in the running test, in their order."""
        if self._client is None:
            return []
        path = list_path(self._client.project_id, self._client.cluster_id)
        asked = [each for each in self.exchanges if each.request.method == "GET" and each.request.path == path]
        return [exchange.status for exchange in asked]

    @property
    def skew(self) -> float | None:
        """By how many seconds this machine's clock is ahead of a real service's, where that is worth a word."""
        return skew_of(self._ahead)

    def learnt(self) -> dict[str, Any]:
        """Return what became known of a real service since it was last asked.

        How its clock goes, how many tokens were renewed, which tasks were created there.
        """
        renewed = self._tokens.renewed if self._tokens is not None else 0
        (answers, tokens, created), self._told = self._told, (len(self._ahead), renewed, len(self._created))
        return {
            "ahead": [round(each, 1) for each in self._ahead[answers:]],
            "renewed": renewed - tokens,
            "created": self._created[created:],
        }

    @property
    def allowed(self) -> Sequence[Acceptance]:
        """What the markers of the running test accept."""
        return self.test.allowed if self.test is not None else ()

    def note_allowed(self) -> None:
        """Report what the markers of the running test accept, so that an acceptance without a finding is found."""
        for each in self.allowed:
            self.report("cce_allowed", json.dumps(_as_data(each)))

    def report(self, name: str, value: str, *, identity: Hashable = None) -> None:
        """Report a property of the running test; in a hypothesis test, one of the same ``identity`` once."""
        if self.test is None:
            self._unreported.append((name, value))
        elif self.test.examples is not None:
            self.test.examples.report((name, value), identity or (name, value))
        else:
            self.test.report((name, value))

    @contextmanager
    def running(self, test: TestContext) -> Iterator[None]:
        """Stand between a test and the network, as the mode does, with an empty log."""
        self.exchanges.clear()
        with self.mode.running(test):
            self.test = test
            for name, value in self._unreported:
                self.report(name, value)
            self._unreported.clear()
            self._follow_the_cassette()
            try:
                yield
            finally:
                self.test = None
                if self._client is not None and self._client.credentials.kind:
                    test.credentials = self._client.credentials
        self._follow_the_cassette()

    def _follow_the_cassette(self) -> None:
        # each was recorded from a cluster of its own, and where none is open there is no service
        if self._client is not None and isinstance(self.mode, ReplayMode):
            target = self.mode.target
            self._client.endpoint = target.endpoint
            self._client.project_id, self._client.cluster_id = target.project_id, target.cluster_id
            self._client.credentials = self.mode.credentials()

    @contextmanager
    def standing(self) -> Iterator[None]:
        """Stand between this process and the service for a session: every call of `requests` passes here.

        Nobody may send what the run has no permission for, nor call outside of a test if cassettes are used. What a
        test sends is counted. Connections are closed at the end.
        """
        with ExitStack() as stack:
            if self.config.mode != "simulate":
                stack.enter_context(Interceptor([self.mode.target.endpoint], sent=self._passed))
            yield
        if self._client is not None:
            self._client.close()

    def _passed(self, adapter: HTTPAdapter, _: PreparedRequest, send: Send) -> requests.Response:
        with _counted(self.test.by_requests) if self.test is not None else self.mode.outside_a_test():
            return send(adapter)


@contextmanager
def _counted(traffic: Traffic) -> Iterator[None]:
    """Count a call, and whether it was answered."""
    try:
        yield
    except FAILURES as error:
        traffic.observe(_why_cut_off() or reason_of(error)[0])
        raise
    except TransportError as error:
        traffic.observe(error.reason)
        raise
    traffic.observe(_why_cut_off())


def _why_cut_off() -> TransportReason | None:
    # what a connection that was shut at its deadline looks like to a parser is chance
    watch = Watch.current()
    return "timeout" if watch is not None and watch.is_cut else None


class _Guarded:
    """The client's way out, also from where no test runs: a fixture of a wider scope.

    For what the end of the run cuts off, who has answered before or had no time to answer is not blamed.
    """

    def __init__(
        self, transport: Transport, harness: Harness, meter: SharedBudget | None, guard: WriteGuard | None
    ) -> None:
        self._transport = transport
        self._harness = harness
        self._meter = meter
        self._guard = guard

    def send(self, request: Request) -> Exchange:
        __tracebackhide__ = True
        test, meter = self._harness.test, self._meter
        began = monotonic()
        with _counted(test.by_client) if test is not None else self._harness.mode.outside_a_test():
            try:
                exchange = self._transport.send(request)
            except TransportError:
                if meter is not None and meter.is_over and (meter.has_answered or self._was_short(began)):
                    raise meter.over() from None
                raise
        if meter is not None:
            meter.has_answered = True
        if self._guard is not None:
            self._guard.observe(exchange)
        return exchange

    def _was_short(self, began: float) -> bool:
        """Whether nobody has had the time to answer that the settings give."""
        return monotonic() - began < self._harness.config.timeout

    def close(self) -> None:
        self._transport.close()


class Contract:
    """Judges exchanges; the fixture ``cce_contract``.

    One for all tests: it accepts what the markers of the running test do, and that test reports what it finds. What it
    finds between tests, in a fixture of a wider scope, the next test reports.
    """

    def __init__(self, harness: Harness) -> None:
        self._harness = harness

    def findings(self, exchange: Exchange) -> list[Finding]:
        """Return everything that an exchange shows against the contract, and fail nothing."""
        return check(exchange)

    def verify(self, *exchanges: Exchange) -> None:
        """Raise `ContractViolation` where a finding fails (``--cce-fail-on``) and is not accepted."""
        __tracebackhide__ = True
        if self._harness.test is not None:
            self._harness.test.judged += len(exchanges)
        self.judge([finding for exchange in exchanges for finding in check(exchange)])

    def judge(self, findings: Sequence[Finding]) -> Verdict:
        """Record findings and raise `ContractViolation` where one of them fails; give the verdict otherwise."""
        __tracebackhide__ = True
        today = datetime.now(UTC).date()
        config, report = self._harness.config, self._harness.report
        accepted = (*self._harness.allowed, *self._harness.acceptances)
        outcome = verdict(gathered(findings), fail_on=config.fail_on, acceptances=accepted, today=today)
        redactor, kind = self._harness.redaction
        for each, more in self._outcomes(outcome):
            # before it is written, which spells a secret otherwise
            data = in_every_text({**_with_wire(each, redactor, kind), **more}, redactor.text)
            # all ASCII: a lone surrogate in an answer would not get from a worker to its controller
            report("cce_finding", redactor.text(json.dumps(data)), identity=(more["verdict"], *each.identity))
        for _, acceptance in outcome.accepted:
            report("cce_accepted", json.dumps(_as_data(acceptance)))
        for name, text in properties(outcome.failing, skew=self._harness.skew):
            report(name, redactor.text(text))
        if outcome.failing:
            raise ContractViolation(
                describe(outcome.failing, redactor, kind=kind, skew=self._harness.skew), outcome.failing
            )
        return outcome

    def _outcomes(self, outcome: Verdict) -> Iterator[tuple[Finding, dict[str, str]]]:
        yield from ((finding, {"verdict": "failing"}) for finding in outcome.failing)
        yield from ((finding, {"verdict": "shown"}) for finding in outcome.shown)
        yield from ((finding, {"verdict": "accepted", "reason": by.said}) for finding, by in outcome.accepted)


def _created(exchange: Exchange) -> list[dict[str, Any]]:
    """Name the tasks that an answer to a create call tells of, each by the instance that it was made for."""
    answer = judge(exchange)[0] if exchange.request.method == "POST" and exchange.status < 300 else None
    return [
        {
            "task_id": task.id or "?",
            "type": task.value_of(Filter.TYPE) or "?",
            "instance_id": task.value_of(Filter.ADDON_INSTANCE_ID) or "?",
        }
        for task in (answer.tasks if answer is not None and answer.operation == "create" else ())
    ]


def _with_wire(finding: Finding, redactor: Redactor, kind: AuthKind | None) -> dict[str, Any]:
    """Return a finding as data, with what a ticket to the vendor needs of its exchanges."""
    data = finding.to_dict()
    for told, exchange in zip(data["exchanges"], finding.exchanges, strict=True):
        date = exchange.response.headers.get("Date")
        told["date"] = date and shortened(date, 100)
    if finding.exchanges:
        own = None if finding.code in OTHER_CREDENTIALS else kind
        data["exchanges"][0]["curl"] = curl(finding.exchanges[0].request, redactor, kind=own)
    return data


def _as_data(acceptance: Acceptance) -> dict[str, str | None]:
    until = acceptance.until.isoformat() if acceptance.until else None
    return {"code": acceptance.code, "reason": acceptance.reason, "until": until}
