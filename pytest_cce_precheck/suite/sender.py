"""Send the requests of a run within its budget and its time, and again if a gateway or the network loses one."""

from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from http import HTTPStatus
from random import Random
from threading import Barrier
from typing import TYPE_CHECKING, Final, NoReturn
from zlib import crc32

from pytest_cce_precheck.client import PrecheckClient, utc_now
from pytest_cce_precheck.contract.check import check
from pytest_cce_precheck.contract.envelope import PASSING, REFUSALS, THROTTLED, has_failed, no_answer
from pytest_cce_precheck.contract.findings import Finding
from pytest_cce_precheck.contract.proof import Place
from pytest_cce_precheck.contract.timing import too_slow
from pytest_cce_precheck.errors import BudgetExhaustedError, CcePrecheckError
from pytest_cce_precheck.wire.credentials import Credentials
from pytest_cce_precheck.wire.dates import seconds_to_wait, wait_in_words
from pytest_cce_precheck.wire.exchange import LARGE, Exchange, RepeatedResponse, Request, Response, TransportError
from pytest_cce_precheck.wire.signing import is_signed_in_one_way

if TYPE_CHECKING:
    from collections.abc import Sequence

    from pytest_cce_precheck.contract.lifecycle import TaskHistory
    from pytest_cce_precheck.suite.budget import Budget
    from pytest_cce_precheck.suite.results import Results
    from pytest_cce_precheck.suite.run_settings import Settings


# with the pauses between them, more seconds than a gateway needs to restart, and one loss by chance thereafter
TRIES: Final = 7
# one in twenty is lost on a bad day: in a run of hundreds, four in a row are chance, and five are not
_LOSSES: Final = 4
_FEW, _RARELY = 10, 10
_GONE: Final = 3
# a shorter text may be in an answer by chance
_SHORTEST_SECRET: Final = 8
# under TLS, a connection that is reset looks like one that ended
_LOST: Final = frozenset({"connection-lost", "timeout", "unreachable", "truncated"})
_QUICK: Final = _LOST - {"timeout", "unreachable"}
_NOT_SENT: Final = "unreachable"
# so many times in turn the list must be answered and the request fail, before that is no coincidence
_FAILURES: Final = 3
LONGEST: Final = 30.0
"""The most seconds that a run waits because a service asks for it; one that asks for more is not asked again."""
_FIRST: Final = 0.2
_LAST: Final = 3.2
_MOST_LATE: Final = 0.25


class RetryPolicy:
    """The pauses of one worker of a run: the same seed draws the same ones, and each worker draws its own."""

    def __init__(self, seed: int, worker: str = "") -> None:
        self._rng = Random(f"{seed}:{worker}:pauses")  # noqa: S311  it spreads requests, it protects nothing

    def pause(self, attempt: int) -> float:
        """Return the seconds before the try that follows the ``attempt``-th."""
        return min(_FIRST * 2.0 ** (attempt - 1), _LAST) * self._rng.uniform(0.5, 1.5)

    def asked_for(self, exchange: Exchange, attempt: int) -> float:
        """Return the seconds that ``Retry-After`` asks for, and a little more; without one, a pause."""
        said = seconds_of(exchange)
        return said + self._rng.uniform(0.0, _MOST_LATE) if said > 0 else self.pause(attempt)


def seconds_of(exchange: Exchange) -> float:
    """Read ``Retry-After``, seconds or a date by the service's clock, which need not be ours; 0 without one."""
    value = exchange.response.headers.get("Retry-After", "").strip()
    try:
        return seconds_to_wait(value, exchange.date or utc_now())
    except ValueError:
        return 0.0


class RunStoppedError(CcePrecheckError):
    """Nothing more is sent in this run; the message says why."""


class Sender:
    """Sends requests for a run.

    ``answers`` counts answers other than those of a gateway in a passing state. ``stopped`` says why nothing more is
    sent, empty as long as requests are sent; ``last_loss`` is the latest answer that did not arrive.
    """

    def __init__(
        self, client: PrecheckClient, settings: Settings, budget: Budget, results: Results, history: TaskHistory
    ) -> None:
        self.client = client
        self.budget = budget
        self.answers = 0
        self.sent_at = 0.0
        self.stopped = ""
        self.last_loss: TransportError | None = None
        self._settings = settings
        self._results = results
        self._history = history
        self._retries = RetryPolicy(settings.seed, settings.worker)
        self._losses = self._unanswered = 0
        self._token_was_accepted = self._token_has_ended = False
        self._list = Response(0)

    def stop(self, why: str) -> NoReturn:
        """End the run: raise `RunStoppedError` now, and give the reason to every check that follows."""
        self.stopped = why
        raise RunStoppedError(why)

    def wait(self, seconds: float) -> None:
        """Wait; raise `BudgetExhaustedError` at once if the run's time would be over by then."""
        left = self._settings.remaining()
        if left is not None and seconds >= left:
            raise BudgetExhaustedError(f"the run's time would be over before a wait of {seconds:.1f} s")
        self._settings.wait(seconds)

    def wait_until(self, moment: float) -> None:
        """Wait until the clock shows ``moment``."""
        seconds = moment - self._settings.now()
        if seconds > 0:
            self.wait(seconds)

    def send(self, request: Request, *, as_is: bool = False) -> Exchange:
        """Send a request once; raise `BudgetExhaustedError` if that is one too many, `TransportError` if it is lost."""
        self.sent_at = self._settings.now()
        with self.budget.spending():
            exchange = self.client.send(request, as_is=as_is)
        if len(exchange.response.body) > LARGE:
            # in a quiet cluster, all unfiltered lists have the same bytes, and what selects everything has them too
            exchange = replace(exchange, response=RepeatedResponse.of(exchange.response, self._list))
            self._list = self._list if exchange.request.query else exchange.response
        self.record(exchange, as_is=as_is)
        return exchange

    def send_together(
        self, requests: Sequence[Request], as_they_are: Sequence[Request] = ()
    ) -> list[Exchange | TransportError]:
        """Send requests at the same time, once each; return for each its answer, or why none came.

        Those that are sent ``as_they_are`` are not authenticated, and come last.
        """
        everything = [*((request, False) for request in requests), *((request, True) for request in as_they_are)]
        begin = Barrier(len(everything))

        def send(what: tuple[Request, bool]) -> Exchange | TransportError:
            request, as_is = what
            begin.wait()
            try:
                return self.client.send(request, as_is=as_is)
            except TransportError as error:
                return error

        self.sent_at = self._settings.now()
        for _ in everything:
            self.budget.spend()
        with ThreadPoolExecutor(len(everything)) as pool:
            outcomes = list(pool.map(send, everything))
        for outcome, (_, as_is) in zip(outcomes, everything, strict=True):
            if isinstance(outcome, Exchange):
                self.record(outcome, as_is=as_is)
        return outcomes

    def record(self, exchange: Exchange, *, as_is: bool = False) -> None:
        """Record an answer, and report what of it needs no comparison: a credential in it, a bad 429, its time."""
        client, near = self.client, self._settings.neighbours
        place = Place(client.project_id, client.cluster_id, near.other_cluster_id, client.credentials)
        self._results.proof.see(exchange, place, as_is=as_is)
        self._results.report(*too_slow(exchange, self._settings.max_response_time))
        self._report_secrets(exchange)
        if exchange.request.method == "GET":
            self._history.asked(exchange)
        self.answers += exchange.status not in PASSING
        if exchange.status == THROTTLED:
            # a 429 is the service's or its gateway's; a 502, 503 or 504 may come from any machine, in any form
            self._results.report(*check(exchange))

    def with_token(self, request: Request) -> Request | None:
        """Return a request with the token in place of a signature; None without both, or if the token has ended."""
        keys = self.client.credentials
        if keys.kind != "ak/sk" or keys.token is None or self._token_has_ended:
            return None
        return self.client.authenticated(request, Credentials(token=keys.token))

    def token_is_refused(self, exchange: Exchange) -> bool:
        """Whether the token is refused for the unfiltered list too, so that nothing tells if it has ended."""
        plain = self.with_token(self.client.list_request()) if exchange.status in REFUSALS else None
        if plain is not None:
            self._token_has_ended = self._ask_whole(plain, as_is=True).status in REFUSALS
            if self._token_has_ended:
                message = f"the token was refused with {exchange.status}, the access key is accepted"
                # who gives both wants both looked at, and a token that was never accepted has let nobody in
                (self._results.give_up if self._token_was_accepted else self._results.end_early)(message)
        return self._token_has_ended

    def ask(self, request: Request, *, as_is: bool = False, repeat: bool = True) -> Exchange:
        """Send a request, and again if a gateway refuses it for now, it fails or its answer is lost.

        Return the last answer. Without ``repeat``, it is sent again only if it was refused unread. Raise
        `BudgetExhaustedError`, and `TransportError` if no answer came. If the run has a token and keys, each is for
        half of the queries: the same one each time, in a rerun too. The token is for what no source says how to sign.
        """
        is_for_the_token = crc32(request.target.encode()) % 2 or not is_signed_in_one_way(request.query)
        is_a_query = request.method == "GET" and request.query and not as_is
        by_token = self.with_token(request) if is_a_query and is_for_the_token else None
        if by_token is not None:
            exchange = self._ask_whole(by_token, as_is=True, repeat=repeat)
            self._token_was_accepted |= exchange.status < HTTPStatus.BAD_REQUEST
            if not self.token_is_refused(exchange):
                return exchange
        return self._ask_whole(request, as_is=as_is, repeat=repeat)

    def _ask_whole(self, request: Request, *, as_is: bool, repeat: bool = True) -> Exchange:
        exchange = self._ask(request, as_is=as_is, repeat=repeat)
        if repeat and has_failed(exchange) and _has_documented_answers(request):
            return self._ask_what_failed(request, exchange, as_is=as_is)
        return exchange

    def _ask_what_failed(self, request: Request, failed: Exchange, *, as_is: bool) -> Exchange:
        """Repeat a request that failed, the unfiltered list before each further time; return its last answer.

        E documents a 500, which may come now and then. If only this request fails, each time, it is never answered as
        D says, and that is reported.
        """
        plain = self.client.list_request()
        about = tuple(sorted({name for name, _ in request.params})) or ("unfiltered",)
        message = f"{request.method} {request.target} is always answered with {failed.status}"
        failure = Finding("PRE103", message, subject=about if request.method == "GET" else ("create",))
        for turn in range(_FAILURES):
            if turn and request.target == plain.target:
                self.wait(self._retries.pause(turn))
            elif turn and self._ask(plain, as_is=False, repeat=True).status >= 300:
                # the service fails as a whole: that says nothing about this request
                return failed
            self.budget.retried += 1
            exchange = self._ask(request, as_is=as_is, repeat=True)
            if not has_failed(exchange):
                self._results.report(*check(failed))
                return exchange
            if self._results.times(failure):
                break
        self._results.report(failure.seen_in(exchange))
        return exchange

    def _ask(self, request: Request, *, as_is: bool, repeat: bool) -> Exchange:
        losses = 0
        for attempt in range(1, TRIES + 1):
            try:
                exchange = self.send(request, as_is=as_is)
            except TransportError as error:
                losses += 1
                if losses > self._tolerated(error) or attempt == TRIES:
                    raise
                self._count_loss(error)
                if not repeat and error.reason != _NOT_SENT:
                    raise
                self.wait(self._retries.pause(attempt))
            else:
                if exchange.status not in PASSING or attempt == TRIES or not (repeat or exchange.status == THROTTLED):
                    break
                self._wait_for(exchange, attempt)
            self.budget.retried += 1
        return exchange

    def _tolerated(self, error: TransportError) -> int:
        """Return how many losses of this kind may follow one another."""
        if error.reason not in _LOST:
            return 0
        # if nobody has ever answered, there may be nobody, and waiting for that takes long
        return _LOSSES if self.answers or error.reason in _QUICK else 1

    def _count_loss(self, error: TransportError) -> None:
        self._losses += 1
        self.last_loss = error
        if self._losses >= _FEW and self._losses * _RARELY > self.budget.sent:
            # the network loses one now and then; so many are the service's
            self._results.report(no_answer(error))

    def _wait_for(self, exchange: Exchange, attempt: int) -> None:
        seconds = self._retries.asked_for(exchange, attempt)
        if seconds > LONGEST + 1:
            wanted = f"to come again after {wait_in_words(seconds)}, and a run waits for {LONGEST:.0f} s at most"
            asked = f"{exchange.request.method} {exchange.request.target}"
            message = f"{asked} was answered with {exchange.status}, and {wanted}"
            self._results.found("PRE113", message, exchange, subject=str(exchange.status))
            self.stop(f"the service said {wanted}")
        self.wait(seconds)

    def _report_secrets(self, exchange: Exchange) -> None:
        credentials = self.client.credentials
        for secret in (credentials.secret_key, credentials.token, credentials.security_token):
            text = secret.reveal() if secret else ""
            if len(text) >= _SHORTEST_SECRET and text.encode() in exchange.response.body:
                message = f"the answer to {exchange.request.method} {exchange.request.target} holds a credential"
                self._results.found("PRE608", message, exchange, subject="secret")

    def report_lost(self, error: TransportError) -> None:
        """Report an answer that never came; raise the error again if the endpoint seems to be gone."""
        self._unanswered += 1
        self._results.report(no_answer(error))
        if self._unanswered >= _GONE:
            raise error

    def report_end(self, error: TransportError) -> None:
        """Report the lost answer that ended a check; what cannot be reached is not waited for by every other check."""
        if self.answers == 0 or self._unanswered >= _GONE:
            self.stopped = f"the endpoint does not answer ({error.detail})"
        self._results.report(no_answer(error))


def _has_documented_answers(request: Request) -> bool:
    # how other methods on the list path are refused, no source says
    return request.method == "GET" or request.path.endswith("/precheck")
