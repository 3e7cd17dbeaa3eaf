"""What the fixtures return, made once a session: the harness with its client in the run's mode, and the contract."""

from __future__ import annotations

import json
import os
from contextlib import contextmanager, nullcontext
from datetime import UTC, datetime
from time import monotonic, time
from typing import TYPE_CHECKING, Any, Final

from pytest_cce_precheck._text import shortened
from pytest_cce_precheck.client import PrecheckClient
from pytest_cce_precheck.config.options import Mode
from pytest_cce_precheck.contract.acceptance import Acceptance
from pytest_cce_precheck.contract.check import check, judge
from pytest_cce_precheck.contract.clock import seconds_ahead, skew_of
from pytest_cce_precheck.contract.findings import gathered
from pytest_cce_precheck.contract.proof import Proof
from pytest_cce_precheck.contract.time_limit import judging_within
from pytest_cce_precheck.contract.timing import kind_of_query, too_slow
from pytest_cce_precheck.plugin.modes.live import LiveMode
from pytest_cce_precheck.plugin.modes.recording import RecordMode
from pytest_cce_precheck.plugin.modes.replaying import ReplayMode
from pytest_cce_precheck.plugin.modes.simulated import SimulateMode
from pytest_cce_precheck.plugin.received import Received
from pytest_cce_precheck.plugin.run_log import acceptance_as_data, records_of_verdict
from pytest_cce_precheck.redaction.texts import Redactor, in_every_text, redactor_of
from pytest_cce_precheck.report.excerpts import finding_as_data
from pytest_cce_precheck.report.language import language_of
from pytest_cce_precheck.report.text import ContractViolation, describe, properties
from pytest_cce_precheck.report.verdict import Verdict, sort_findings
from pytest_cce_precheck.transport.failures import FAILURES, reason_of
from pytest_cce_precheck.transport.interception import Interceptor
from pytest_cce_precheck.transport.live import HttpTransport
from pytest_cce_precheck.transport.watched import Watch
from pytest_cce_precheck.wire.exchange import TransportError
from pytest_cce_precheck.wire.vocabulary import Filter

if TYPE_CHECKING:
    from collections.abc import Hashable, Iterator, Mapping, Sequence

    import requests
    from requests import PreparedRequest
    from requests.adapters import HTTPAdapter

    from pytest_cce_precheck.config.options import Config
    from pytest_cce_precheck.contract.findings import Finding
    from pytest_cce_precheck.errors import TransportReason
    from pytest_cce_precheck.plugin.modes.base import BaseMode, Simulators, TestContext, Traffic
    from pytest_cce_precheck.plugin.run_log import Record
    from pytest_cce_precheck.transport.guard import WriteGuard
    from pytest_cce_precheck.transport.interception import Send
    from pytest_cce_precheck.transport.pacing import SharedBudget
    from pytest_cce_precheck.wire.credentials import AuthKind, Credentials
    from pytest_cce_precheck.wire.exchange import Exchange, Request

_MODES: Final[dict[Mode, type[BaseMode]]] = {
    Mode.SIMULATE: SimulateMode,
    Mode.REPLAY: ReplayMode,
    Mode.RECORD: RecordMode,
    Mode.LIVE: LiveMode,
}


# requests of one worker that the timeline of the report shows, and the characters of each
_MOST_NOTED: Final = 2000
_NOTED: Final = 160


class Harness:
    """The mode and the client of a session, and the running test with its exchanges."""

    def __init__(
        self,
        config: Config,
        environment: Mapping[str, str],
        budget: SharedBudget | None = None,
        guard: WriteGuard | None = None,
        *,
        workers: int = 1,
        simulators: Simulators | None = None,
    ) -> None:
        self.config = config
        self.workers = workers
        self._budget = budget
        self._guard = guard
        self.mode = _MODES[config.mode](config, environment, self.remaining, simulators)
        self.exchanges = Received()
        self.acceptances: tuple[Acceptance, ...] = tuple(map(Acceptance.parse, config.accept))
        self.test: TestContext | None = None
        # what `cce_credentials` returned, whether or not a client uses it
        self.returned: list[Credentials] = []
        self._client: PrecheckClient | None = None
        self._ahead: list[float] = []
        self._created: list[dict[str, Any]] = []
        self._times: dict[str, list[float]] = {}
        self._observed = (0, 0, 0)
        self.proof = Proof()
        self.timeline: list[dict[str, Any]] = []
        self._unreported: list[Record] = []

    def remaining(self) -> float | None:
        """Return how many seconds the run may still take (``--cce-run-time``), None if there is no limit."""
        return self._budget.remaining if self._budget is not None else None

    def client(self, credentials: Credentials) -> PrecheckClient:
        """Return the session's client."""
        if self._client is None:
            target, tokens = self.mode.target, self.mode.tokens
            self._client = PrecheckClient(
                _CountedTransport(self, self._budget, self._guard),
                endpoint=target.endpoint,
                project_id=target.project_id,
                cluster_id=target.cluster_id,
                credentials=credentials,
                observe=self._observe,
                # the fixture cce_credentials may have been overridden
                tokens=tokens if tokens is not None and tokens.issued(credentials.token) else None,
            )
            if credentials.kind:
                # fail here, and not in the middle of a test, if a request cannot be authenticated
                self._client.authenticated(self._client.list_request())
        return self._client

    @property
    def secrets(self) -> tuple[str, ...]:
        """Every credential that the run knows."""
        own = self._client.credentials.secrets if self._client is not None else ()
        returned = (secret for each in self.returned for secret in each.secrets)
        return (*own, *returned, *self.mode.secrets)

    @property
    def redaction(self) -> tuple[Redactor, AuthKind | None]:
        """What masks every credential that the run knows, and how its requests are authenticated."""
        return redactor_of(self.secrets), self._client.credentials.kind if self._client is not None else None

    def _observe(self, exchange: Exchange) -> None:
        self.exchanges.add(exchange)
        self.note(exchange.request, kind_of_query(exchange), exchange.status, exchange.response.elapsed)
        if self.config.mode.is_real:
            if self.test is not None:
                self.test.answered(exchange.request, exchange.response)
            ahead = seconds_ahead(exchange, datetime.now(UTC))
            self._ahead += [] if ahead is None else [ahead]
            self._created += _created(exchange)
            if kind := kind_of_query(exchange):
                self._times.setdefault(kind, []).append(round(exchange.response.elapsed, 4))

    def note(self, request: Request, kind: str, status: int, took: float) -> None:
        """Add a request to the timeline; ``kind`` is empty if it must be sent again, ``status`` is 0 if it was lost."""
        if len(self.timeline) < _MOST_NOTED:
            asked = shortened(f"{request.method} ?{request.query}" if request.query else request.method, _NOTED)
            times = {"at": round(time() - took, 3), "took": round(took, 4)}
            self.timeline.append({**times, "kind": kind, "status": status, "asked": asked})

    def answered(self, exchange: Exchange) -> None:
        """Record an exchange of the running test that another client than ours made."""
        self.exchanges.append(exchange)
        if self.test is not None:
            self.test.answered(exchange.request, exchange.response)

    @property
    def skew(self) -> float | None:
        """By how many seconds this machine's clock is ahead of the service's, None if that is negligible."""
        return skew_of(self._ahead)

    def observations(self) -> dict[str, Any]:
        """Return what was observed of a real service since the last call.

        How far its clock differs, how many tokens were renewed, which tasks were created there, how long each answer
        took.
        """
        renewed = self.mode.tokens.renewed if self.mode.tokens is not None else 0
        times, self._times = self._times, {}
        (answers, tokens, created), self._observed = self._observed, (len(self._ahead), renewed, len(self._created))
        return {
            "ahead": [round(each, 1) for each in self._ahead[answers:]],
            "renewed": renewed - tokens,
            "created": self._created[created:],
            "times": times,
        }

    @property
    def allowed(self) -> Sequence[Acceptance]:
        """What the markers of the running test accept."""
        return self.test.allowed if self.test is not None else ()

    def report_allowed(self) -> None:
        """Report what the markers of the running test accept, so that an unused acceptance is found."""
        for each in self.allowed:
            self.report("cce_allowed", json.dumps(acceptance_as_data(each)))

    def report(self, name: str, value: str, *, identity: Hashable = None) -> None:
        """Report a property of the running test; a hypothesis test reports each ``identity`` once."""
        if self.test is None:
            self._unreported.append((name, value))
        elif self.test.examples is not None:
            self.test.examples.report((name, value), identity or (name, value))
        else:
            self.test.report((name, value))

    @contextmanager
    def running(self, test: TestContext) -> Iterator[None]:
        """Run a test as the mode does, with an empty list of exchanges."""
        self.exchanges.clear()
        test.misses += self.mode.misses
        self.mode.misses.clear()
        with self.mode.running(test), judging_within(self.remaining):
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
                test.secrets = self.secrets
        self._follow_the_cassette()

    def _follow_the_cassette(self) -> None:
        # each cassette was recorded from a cluster of its own, and if none is open there is no service
        if self._client is not None and self.config.mode.replays:
            target = self.mode.target
            self._client.endpoint = target.endpoint
            self._client.project_id, self._client.cluster_id = target.project_id, target.cluster_id
            self._client.credentials = self.mode.credentials()

    @contextmanager
    def session(self) -> Iterator[None]:
        """Intercept every call that `requests` makes to the service during a session.

        What a test sends is counted; a call outside of a test is refused if cassettes are used. At the end the
        connections are closed.
        """
        endpoint = self.mode.target.endpoint
        with nullcontext() if self.config.mode.is_simulated else Interceptor([endpoint], send_instead=self._passed):
            yield
        if self._client is not None:
            self._client.close()

    def _passed(self, adapter: HTTPAdapter, _: PreparedRequest, send: Send) -> requests.Response:
        __tracebackhide__ = True
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
    # a connection that is closed at its deadline may look like any failure to a parser
    watch = Watch.current()
    return "timeout" if watch is not None and watch.is_cut else None


class _CountedTransport:
    """Sends the requests of the client, within a test or outside of it (in a fixture of a wider scope).

    If the end of the run cuts off a request, the service is not blamed, provided that it has answered before or had
    less time than the timeout.
    """

    def __init__(self, harness: Harness, budget: SharedBudget | None, guard: WriteGuard | None) -> None:
        self._transport = HttpTransport(timeout=harness.config.timeout, remaining=harness.remaining)
        self._harness = harness
        self._budget = budget
        self._guard = guard

    def send(self, request: Request) -> Exchange:
        __tracebackhide__ = True
        test, budget = self._harness.test, self._budget
        began = monotonic()
        with _counted(test.by_client) if test is not None else self._harness.mode.outside_a_test():
            try:
                exchange = self._transport.send(request)
            except TransportError:
                self._harness.note(request, "", 0, monotonic() - began)
                was_short = monotonic() - began < self._harness.config.timeout
                if budget is not None and budget.is_over and (budget.has_answered or was_short):
                    raise budget.over() from None
                raise
        if budget is not None:
            budget.has_answered = True
        if self._guard is not None:
            self._guard.observe(exchange)
        return exchange

    def close(self) -> None:
        self._transport.close()


class Contract:
    """Checks exchanges against the contract; the fixture ``cce_contract``.

    It accepts what the markers of the running test accept, and that test reports the findings. Findings between tests,
    in a fixture of a wider scope, are reported by the next test.
    """

    def __init__(self, harness: Harness) -> None:
        self._harness = harness

    def findings(self, exchange: Exchange) -> list[Finding]:
        """Return all findings of an exchange; none of them fails the test."""
        return check(exchange)

    def verify(self, *exchanges: Exchange) -> None:
        """Raise `ContractViolation` if a finding fails the test (``--cce-fail-on``) and is not accepted."""
        __tracebackhide__ = True
        if self._harness.test is not None:
            self._harness.test.judged += len(exchanges)
        for exchange in exchanges:
            self._harness.proof.see(exchange)
        self.judge([finding for exchange in exchanges for finding in (*check(exchange), *self._slow(exchange))])

    def _slow(self, exchange: Exchange) -> Iterator[Finding]:
        config = self._harness.config
        return too_slow(exchange, config.max_response_time if config.mode.is_real else None)

    def judge(self, findings: Sequence[Finding]) -> Verdict:
        """Record findings and return the verdict; raise `ContractViolation` if one of them fails the test."""
        __tracebackhide__ = True
        today = datetime.now(UTC).date()
        config, report = self._harness.config, self._harness.report
        accepted = (*self._harness.allowed, *self._harness.acceptances)
        outcome = sort_findings(gathered(findings), fail_on=config.fail_on, acceptances=accepted, today=today)
        redactor, kind = self._harness.redaction
        for each, more in records_of_verdict(outcome):
            # masked before it becomes JSON, which escapes characters of a secret
            data = in_every_text({**finding_as_data(each, redactor, kind), **more}, redactor.text)
            # ASCII only: a lone surrogate in an answer could not be sent from a worker to its controller
            report("cce_finding", redactor.text(json.dumps(data)), identity=(more["verdict"], *each.identity))
        for _, acceptance in outcome.accepted:
            report("cce_accepted", json.dumps(acceptance_as_data(acceptance)))
        for name, text in properties(outcome.failing, skew=self._harness.skew):
            report(name, redactor.text(text))
        if outcome.failing:
            language = language_of(config.lang, os.environ)
            text = describe(outcome.failing, redactor, kind=kind, skew=self._harness.skew, language=language)
            raise ContractViolation(text, outcome.failing)
        return outcome


def _created(exchange: Exchange) -> list[dict[str, Any]]:
    """Return the tasks in the answer to a create call, each with the instance that it was created for."""
    answer = judge(exchange)[0] if exchange.request.method == "POST" and exchange.status < 300 else None
    return [
        {
            "task_id": task.id or "?",
            "type": task.value_of(Filter.TYPE) or "?",
            "instance_id": task.value_of(Filter.ADDON_INSTANCE_ID) or "?",
        }
        for task in (answer.tasks if answer is not None and answer.operation == "create" else ())
    ]
