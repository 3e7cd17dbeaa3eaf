"""One run against one cluster: asks within the budget, reads the unfiltered lists, keeps what was found."""

from __future__ import annotations

import time
from collections.abc import Callable, Container, Sequence
from dataclasses import dataclass, field, replace
from typing import TYPE_CHECKING, Final

from pytest_cce_precheck._text import shortened
from pytest_cce_precheck.contract.check import judge
from pytest_cce_precheck.contract.envelope import PASSING, THROTTLED, no_answer
from pytest_cce_precheck.contract.filters import Bracket, CountMeaning, Unlisted
from pytest_cce_precheck.contract.findings import MESSAGE, Finding
from pytest_cce_precheck.contract.lifecycle import TaskHistory
from pytest_cce_precheck.contract.replica_lag import ReplicaLag, may_be_replicas
from pytest_cce_precheck.errors import BudgetExhaustedError
from pytest_cce_precheck.explore.classes import unknown_value
from pytest_cce_precheck.explore.plan import covering_plan
from pytest_cce_precheck.explore.queries import SYNTHETIC
from pytest_cce_precheck.suite.budget import FULL, LEAST, Budget, Shares, number_of_probes
from pytest_cce_precheck.suite.progress import Progress
from pytest_cce_precheck.suite.query_log import QueryLog
from pytest_cce_precheck.suite.retry_policy import LONGEST, RetryPolicy
from pytest_cce_precheck.wire.dates import wait_in_words
from pytest_cce_precheck.wire.exchange import TransportError
from pytest_cce_precheck.wire.vocabulary import Filter

if TYPE_CHECKING:
    from pytest_cce_precheck.client import PrecheckClient
    from pytest_cce_precheck.contract.answer import Answer
    from pytest_cce_precheck.contract.filters import Query
    from pytest_cce_precheck.explore.plan import Family, Plan
    from pytest_cce_precheck.wire.exchange import Exchange, Request

# with the pauses between them, more seconds than a gateway that restarts is away, and one loss by chance thereafter
_TRIES: Final = 7
# one in twenty is lost on a bad day: in a run of hundreds, four in a row are chance, and five are not
_LOSSES: Final = 4
_FEW, _RARELY = 10, 10
_GONE: Final = 3
# where the very first list is refused so, everything else would be too
_REFUSED: Final = {
    401: "refuses the credentials",
    403: "does not let this account in",
    404: "knows no such project or cluster",
}
# a shorter text may stand in an answer by chance
_SHORTEST_SECRET: Final = 8
# under TLS, a connection that is reset looks like one that ended
_LOST: Final = frozenset({"connection-lost", "timeout", "unreachable", "truncated"})
_QUICK: Final = _LOST - {"timeout", "unreachable"}
_NOT_SENT: Final = "unreachable"
# what one answer says against another: of two replicas, one may be behind
_CONTRADICTIONS: Final = frozenset(
    {*(f"PRE40{n}" for n in range(2, 10)), *(f"PRE41{n}" for n in range(6)), "PRE310", "PRE501", "PRE502", "PRE503"}
    | {"PRE505", "PRE506", "PRE507"}
)


@dataclass(frozen=True)
class Neighbours:
    """Other clusters that isolation is checked against: one of the same project, one that must not be read."""

    other_cluster_id: str | None = None
    foreign_project_id: str | None = None
    foreign_cluster_id: str | None = None


@dataclass(frozen=True)
class Settings:
    """How a run goes about it.

    ``allow_writes`` lets it create tasks, ``allow_destructive`` try on the cluster itself what may lose its tasks.
    ``wait`` sleeps, or advances a simulated clock; ``kept_back`` are requests that are not planned with: tests with a
    cassette each, and workers, read the unfiltered list each for itself. ``lag`` is how many seconds an answer may be
    behind, by the clock ``now``; whether ``replicas`` may answer at all, is worth a hint where no lag is given.
    ``remaining`` says how many seconds the run has left, None where it may take any time; ``worker`` is which of
    several processes this is.
    """

    budget: int = FULL
    seed: int = 0
    allow_writes: bool = False
    allow_destructive: bool = False
    neighbours: Neighbours = field(default_factory=Neighbours)
    wait: Callable[[float], None] = time.sleep
    kept_back: int = 0
    lag: float = 0.0
    now: Callable[[], float] = time.monotonic
    replicas: bool = True
    remaining: Callable[[], float | None] = lambda: None
    worker: str = ""


class Inspection:
    """The state of a run. The checks (`suite.filters` and its neighbours) ask through it and report to it.

    A finding whose identity was reported before is counted and not reported again: one cause, one finding.
    """

    def __init__(self, client: PrecheckClient, settings: Settings | None = None) -> None:
        self.client = client
        self.settings = settings or Settings()
        self.budget = Budget(self.settings.budget)
        self.shares = Shares.of(
            max(self.settings.budget - self.settings.kept_back, min(self.settings.budget, LEAST)),
            writes=self.settings.allow_writes,
            probes=number_of_probes(client.credentials),
            # who knows how far replicas are behind knows a shared service
            rough=self.settings.lag > 0,
        )
        self.history = TaskHistory()
        self.settling = ReplicaLag(self.settings.lag, self.settings.now)
        self.count_meaning = CountMeaning()
        self.unlisted = Unlisted()
        self.reached: set[tuple[Filter, str]] = set()
        self.observations: dict[str, set[str]] = {}
        self.inconclusive: list[str] = []
        self.not_asked: list[str] = []
        self._found: dict[tuple[str, ...], Finding] = {}
        self._times: dict[tuple[str, ...], int] = {}
        self._latest: Answer | None = None
        self._lost = self._losses = 0
        self._loss: TransportError | None = None
        self._gone: str | None = None
        self._read = self._settled = False
        self.answers = self._opened = 0
        self._plan: Plan | None = None
        self.memory = QueryLog()
        self.outdated: frozenset[str] = frozenset()
        self.left_open: dict[str, Query] = {}
        self._patience = RetryPolicy(self.settings.seed, self.settings.worker)
        self._sent_at = 0.0

    def begin(self, memory: QueryLog) -> None:
        """Begin a test whose cassette shall be enough for itself: what earlier tests have read is read again."""
        self.memory = memory
        self._latest = None

    # ---- what was found

    @property
    def findings(self) -> tuple[Finding, ...]:
        """Everything found so far, each fact once."""
        return tuple(self._found.values())

    def times(self, finding: Finding) -> int:
        """How often a finding was seen."""
        return self._times.get(finding.identity, 0)

    def report(self, *findings: Finding) -> None:
        """Take findings in."""
        for finding in map(self._with_hint, findings):
            self._times[finding.identity] = self.times(finding) + finding.times
            self._found.setdefault(finding.identity, finding)

    def _with_hint(self, finding: Finding) -> Finding:
        """Tell who reads a contradiction between answers that replicas may be behind it, where they may be."""
        behind = self.settling.behind
        if behind <= self.settling.lag or not self.settings.replicas or finding.code not in _CONTRADICTIONS:
            return finding
        return replace(finding, evidence=(*finding.evidence, ("replicas?", may_be_replicas(behind))))

    def progress(self) -> Progress:
        """Say how far the run has come."""
        planned = self._plan.classes_left_out if self._plan is not None else frozenset()
        return Progress(
            self.budget.sent,
            self.budget.retried,
            self.answers - self._opened,
            tuple(self.inconclusive),
            frozenset(self.reached),
            planned - self.reached,
            {question: frozenset(seen) for question, seen in self.observations.items()},
            self.settling.behind,
            tuple(self.not_asked),
        )

    def note(self, question: str, behaviour: str) -> None:
        """Remember how the endpoint answers what the contract leaves open."""
        self.observations.setdefault(question, set()).add(behaviour)

    def give_up(self, what: str, why: str) -> None:
        """Count something as inconclusive: neither a pass nor a finding."""
        self.inconclusive.append(shortened(f"{what}: {why}", MESSAGE))

    def leave_out(self, what: str, why: str) -> None:
        """Report that something was not asked for: what it needs was not given, or is not permitted."""
        self.not_asked.append(f"{what}: {why}")

    def run(self, check: Check) -> tuple[Finding, ...]:
        """Run one check and give the findings that are new with it.

        An answer that never came is a finding; a budget that ran out is counted as inconclusive.
        """
        known = set(self._found)
        if self._gone is not None:
            self.give_up(check.__name__, f"not tried, {self._gone}")
            return ()
        try:
            check(self)
        except (TransportError, BudgetExhaustedError) as error:
            lost = error if isinstance(error, TransportError) else self._loss
            # an endpoint that has never answered is not excused by the end of the run
            if lost is None or (lost is not error and self.answers):
                self.give_up(check.__name__, str(error))
            else:
                # what cannot be reached now is not waited for again, once for every check
                gone = self.answers == 0 or self._lost >= _GONE
                self._gone = f"the endpoint does not answer ({lost.detail})" if gone else None
                self.report(no_answer(lost))
        new = (finding for identity, finding in self._found.items() if identity not in known)
        return tuple(replace(finding, times=self.times(finding)) for finding in new)

    # ---- waiting

    def wait(self, seconds: float) -> None:
        """Wait; raises `BudgetExhaustedError` at once where the run's time would be over by then."""
        left = self.settings.remaining()
        if left is not None and seconds >= left:
            raise BudgetExhaustedError(f"the run's time would be over before a wait of {seconds:.1f} s")
        self.settings.wait(seconds)

    def wait_until(self, moment: float) -> None:
        """Wait until the clock says so."""
        seconds = moment - self.settings.now()
        if seconds > 0:
            self.wait(seconds)

    def wait_out_the_lag(self) -> None:
        """Wait until every replica knows all that was so far; without a lag, they know it."""
        if self.settling.lag:
            self.wait(self.settling.lag)

    # ---- asking

    def ask(self, request: Request, *, as_is: bool = False, repeat: bool = True) -> Exchange:
        """Send a request, and again where a gateway turns it away or the connection is lost; the last answer stands.

        Without leave to ``repeat``, it is sent again only where it was turned away unread. Raises
        `BudgetExhaustedError`, and `TransportError` where no answer came.
        """
        losses = 0
        for attempt in range(1, _TRIES + 1):
            self._sent_at = self.settings.now()
            try:
                with self.budget.spending():
                    exchange = self.client.send(request, as_is=as_is)
            except TransportError as error:
                losses += 1
                if losses > self._bearable(error) or attempt == _TRIES:
                    raise
                self._lose(error)
                if not repeat and error.reason != _NOT_SENT:
                    raise
                self.wait(self._patience.pause(attempt))
                self.budget.retried += 1
                continue
            self._secrets_are_kept(exchange)
            if request.method == "GET":
                self.history.asked(exchange)
            if exchange.status not in PASSING or attempt == _TRIES:
                self.answers += exchange.status not in PASSING
                break
            self._passing(exchange)
            if not repeat and exchange.status != THROTTLED:
                break
            self._wait_as_told(exchange, attempt)
            self.budget.retried += 1
        return exchange

    def _bearable(self, error: TransportError) -> int:
        """Return how many losses of this kind may follow one another."""
        if error.reason not in _LOST:
            return 0
        # where nobody has ever answered, there may be nobody, and waiting for that takes long
        return _LOSSES if self.answers or error.reason in _QUICK else 1

    def _lose(self, error: TransportError) -> None:
        self._losses += 1
        self._loss = error
        if self._losses >= _FEW and self._losses * _RARELY > self.budget.sent:
            # one lost now and then is the network's; so many are the service's
            self.report(no_answer(error))

    def _wait_as_told(self, exchange: Exchange, attempt: int) -> None:
        seconds = self._patience.asked_for(exchange, attempt)
        if seconds > LONGEST + 1:
            asked = f"{exchange.request.method} {exchange.request.target}"
            told = f"to come again after {wait_in_words(seconds)}, and a run waits for {LONGEST:.0f} s at most"
            message = f"{asked} was answered with {exchange.status}, and {told}"
            self.report(Finding("PRE113", message, subject=(str(exchange.status),)).seen_in(exchange))
            self._gone = f"the service said {told}"
            raise BudgetExhaustedError(self._gone)
        self.wait(seconds)

    def _passing(self, exchange: Exchange) -> None:
        """Judge what comes from the gateway's own mouth; a 502, 503 or 504 may be any machine's, in any form."""
        if exchange.status == THROTTLED:
            self.report(*judge(exchange)[1])

    def _secrets_are_kept(self, exchange: Exchange) -> None:
        credentials = self.client.credentials
        secrets = (credentials.secret_key, credentials.token, credentials.security_token)
        for secret in secrets:
            if (
                secret
                and len(secret.reveal()) >= _SHORTEST_SECRET
                and secret.reveal().encode() in exchange.response.body
            ):
                message = f"the answer to {exchange.request.method} {exchange.request.target} holds a credential"
                self.report(Finding("PRE608", message, subject=("secret",)).seen_in(exchange))

    def lost(self, error: TransportError) -> None:
        """Report an answer that never came; raises the error again where the endpoint seems to be gone."""
        self._lost += 1
        self.report(no_answer(error))
        if self._lost >= _GONE:
            raise error

    def judged(self, exchange: Exchange, statuses: Container[int]) -> Answer | None:
        """Judge an answer on its own and give it; None if it is no list of tasks that can be compared."""
        if exchange.status in PASSING:
            asked = f"{exchange.request.method} {exchange.request.target}"
            message = f"{asked} was answered with {exchange.status} in all of {_TRIES} tries"
            self.report(Finding("PRE113", message, subject=(str(exchange.status),)).seen_in(exchange))
            self._passing(exchange)
            return None
        answer, findings = judged_alone(exchange, statuses)
        self.report(*findings)
        return answer

    def unfiltered(self) -> Answer | None:
        """Read the unfiltered list, and hold it against all earlier ones; None if it cannot be used."""
        exchange = self.ask(self.client.list_request())
        answer = self.judged(exchange, {200})
        if exchange.status in PASSING:
            self._gone = f"the endpoint does not answer ({exchange.status} in all of {_TRIES} tries)"
        elif exchange.status in _REFUSED and not self._read:
            self._gone = f"the endpoint {_REFUSED[exchange.status]} ({exchange.status})"
        if answer is not None:
            self._read = True
            self.outdated = self.observe(answer)
        self._latest = answer
        return answer

    def observe(self, answer: Answer, *, complete: bool = True) -> frozenset[str]:
        """Hold the answer to the latest question against all before; give the tasks that a lag lets be older there."""
        outdated = self.settling.observe(answer, self._sent_at, complete=complete)
        self.report(*self.history.observe(answer, complete=complete, outdated=outdated))
        return outdated

    def bracket(self, before: Answer, after: Answer) -> Bracket:
        """Return the bracket of what was asked between two lists."""
        return Bracket(before, after, self.settling.changed(before), self.settling.came_or_went(before))

    def opening(self) -> Answer | None:
        """Return the latest unfiltered list, which opens the next bracket."""
        answers = self.answers
        if self._latest is None:
            self.unfiltered()
        if self._latest is not None and not self._settled:
            # what is unchanged after that time is the same everywhere; until then everything is new
            self._settled = True
            self.wait_until(self.settling.first_read + self.settling.lag)
            if self.settling.lag:
                self.unfiltered()
        # to read what a check's answers will be held against is to judge nothing yet
        self._opened += self.answers - answers
        return self._latest

    def unknown_id(self, real: str) -> str:
        """Return an id of the same shape that nothing has."""
        return unknown_value(real or SYNTHETIC[Filter.TASK_ID], self._latest.by_id if self._latest else ())

    def questions(self, family: Family) -> Sequence[Query]:
        """Return the run's questions of one family; none where the unfiltered list cannot be read.

        They are planned from what the first unfiltered list shows; on replay they are those that were recorded.
        """
        answer = self.opening()
        if answer is None:
            return ()
        if self._plan is None and not self.memory.replaying:
            self._plan = covering_plan(answer.tasks, questions=self.shares.questions, seed=self.settings.seed)
        plan = self._plan
        return self.memory.questions(family, lambda: plan.family(family) if plan is not None else ())


def judged_alone(exchange: Exchange, statuses: Container[int]) -> tuple[Answer | None, list[Finding]]:
    """Judge an answer on its own; without an answer where it is no list of tasks that can be compared."""
    answer, findings = judge(exchange, expect=statuses)
    return (answer if answer is not None and answer.comparable else None), findings


Check = Callable[[Inspection], None]
