"""Read the lists of a run: each is judged on its own, compared with all earlier ones, and opens or closes a bracket."""

from __future__ import annotations

import time
from http import HTTPStatus
from itertools import islice
from typing import TYPE_CHECKING, Final

from pytest_cce_precheck._text import shortened
from pytest_cce_precheck.contract.check import judge
from pytest_cce_precheck.contract.envelope import PASSING, REFUSALS, THROTTLED
from pytest_cce_precheck.contract.filters import Bracket
from pytest_cce_precheck.contract.findings import Finding
from pytest_cce_precheck.contract.http_rules import EntityTags
from pytest_cce_precheck.suite.sender import TRIES, Sender
from pytest_cce_precheck.wire.exchange import Exchange, TransportError

if TYPE_CHECKING:
    from collections.abc import Container

    from pytest_cce_precheck.client import PrecheckClient
    from pytest_cce_precheck.contract.answer import Answer
    from pytest_cce_precheck.contract.lifecycle import TaskHistory
    from pytest_cce_precheck.suite.results import Results

# if the very first list is refused so, everything else would be too
_REFUSED: Final = {
    401: "refuses the credentials",
    403: "does not let this account in",
    404: "knows no such project or cluster",
}
# so many times in turn the list must be answered and the question not, before that is no coincidence
_IN_TURN: Final = 3
_MOST_LIVES: Final = 100
_GONE: Final = "gone"
_LONGEST: Final = 80


class TaskLists:
    """Reads the unfiltered list; ``outdated`` are the tasks that the latest one shows as they were, within the lag."""

    def __init__(self, client: PrecheckClient, sender: Sender, results: Results, history: TaskHistory) -> None:
        self.outdated: frozenset[str] = frozenset()
        self.latest: Answer | None = None
        self._client = client
        self._sender = sender
        self._results = results
        self._history = history
        self._lag = results.lag
        self._tags = EntityTags()
        self._was_read = self._caught_up = False
        # each task's states, with the time at which each was first seen
        self._lives: dict[str, list[tuple[float, str]]] = {}

    def read(self) -> Answer | None:
        """Read the unfiltered list and compare it with all earlier ones; None if it cannot be used.

        Raise `RunStoppedError` if no other question would be answered either.
        """
        exchange = self._sender.ask(self._client.list_request())
        if self._was_read:
            self._stop_if_credentials_ended(exchange)
        answer = None if exchange.status in PASSING else self._judged_alone(exchange, {200})
        if exchange.status in PASSING:
            self._report_never_answered(exchange)
            self._sender.stop(f"the endpoint does not answer ({exchange.status} in all of {TRIES} tries)")
        if exchange.status in _REFUSED and not self._was_read:
            self._sender.stop(f"the endpoint {_REFUSED[exchange.status]} ({exchange.status})")
        if answer is not None:
            self._was_read = True
            if self.latest is not None:
                answer.share_tasks(self.latest)
            self.outdated = self.compare(answer)
        self.latest = answer
        return answer

    def opening(self) -> Answer | None:
        """Return the latest unfiltered list, which opens the next bracket."""
        if self.latest is None:
            self.read()
        if self.latest is not None and not self._caught_up:
            # what is unchanged after that time is the same everywhere; until then everything is new
            self._caught_up = True
            self._sender.wait_until(self._lag.first_read + self._lag.lag)
            if self._lag.lag:
                self.read()
        return self.latest

    def read_after_the_lag(self) -> Answer | None:
        """Read the unfiltered list when every replica knows all that has happened so far."""
        if self._lag.lag:
            self._sender.wait(self._lag.lag)
        return self.read()

    def compare(self, answer: Answer, *, complete: bool = True) -> frozenset[str]:
        """Compare the answer to the latest request with all before; return the tasks that a lag lets be older there."""
        outdated = self._lag.observe(answer, self._sender.sent_at, complete=complete)
        self._follow(answer, complete=complete)
        self._results.proof.see_series(self.latest, answer, complete=complete)
        self._results.report(*self._history.observe(answer, complete=complete, outdated=outdated))
        return outdated

    def _follow(self, answer: Answer, *, complete: bool) -> None:
        now = round(time.time(), 3)
        shown = {shortened(key, _LONGEST): shortened(task.state or "?", _LONGEST) for key, task in answer.by_id.items()}
        gone = dict.fromkeys(self._lives.keys() - shown.keys() if complete else (), _GONE)
        for key, state in {**shown, **gone}.items():
            states = self._lives.setdefault(key, [])
            if not states or states[-1][1] != state:
                states.append((now, state))

    def changed_lives(self) -> dict[str, list[tuple[float, str]]]:
        """Return the states of each task that came, went or changed while the run looked: when each was first seen."""
        first = min((states[0][0] for states in self._lives.values()), default=0.0)
        changed = {key: states for key, states in self._lives.items() if len(states) > 1 or states[0][0] > first}
        return dict(islice(changed.items(), _MOST_LIVES))

    def bracket(self, before: Answer, after: Answer) -> Bracket:
        """Return the bracket of what was asked between two lists."""
        return Bracket(before, after, self._lag.changed(before), self._lag.came_or_went(before))

    def judged(self, exchange: Exchange, statuses: Container[int]) -> Answer | None:
        """Judge an answer on its own and report what it shows; None if it is no list of tasks that can be compared."""
        if not self.answered(exchange):
            return None
        if exchange.status in REFUSALS and exchange.status not in statuses:
            # if the list is refused too, the credentials have ended
            self.read()
        return self._judged_alone(exchange, statuses)

    def answered(self, exchange: Exchange) -> bool:
        """Return whether a question was answered, and not refused for now in all of its tries; report it if not."""
        if exchange.status in PASSING:
            self.report_unavailable(exchange)
        return exchange.status not in PASSING

    def report_unavailable(self, exchange: Exchange) -> None:
        """Report a question that was never answered, because each try was throttled or found no service.

        That leaves the question open; but if others are answered in between, time after time, the service fails on it.
        """
        asked = self._report_never_answered(exchange)
        self._results.give_up(f"{asked} was answered with {exchange.status} in all of {TRIES} tries")
        failure = Finding("PRE103", f"{asked} is always answered with {exchange.status}", subject=("always",))
        if exchange.status != THROTTLED and not self._results.times(failure) and self._fails_alone(exchange):
            evidence = ("between the tries", "the unfiltered list was answered with 200 each time")
            self._results.report(Finding(failure.code, failure.message, "", ("always",), (evidence,), (exchange,)))

    def _report_never_answered(self, exchange: Exchange) -> str:
        asked = f"{exchange.request.method} {exchange.request.target}"
        message = f"{asked} was answered with {exchange.status} in all of {TRIES} tries"
        self._results.found("PRE113", message, exchange, subject=str(exchange.status))
        return asked

    def _fails_alone(self, exchange: Exchange) -> bool:
        """Read the unfiltered list and repeat the question, in turn: whether only the list is answered, each time."""
        if exchange.request.method != "GET" or self._sender.budget.left <= 2 * _IN_TURN + 1:
            return False
        try:
            return all(
                self._sender.send(self._client.list_request()).status == HTTPStatus.OK
                and self._sender.send(exchange.request).status in PASSING - {THROTTLED}
                for _ in range(_IN_TURN)
            )
        except TransportError:
            return False

    def _judged_alone(self, exchange: Exchange, statuses: Container[int]) -> Answer | None:
        answer, findings = judge(exchange, expect=statuses)
        self._results.report(*findings, *self._tags.observe(exchange))
        return answer if answer is not None and answer.comparable else None

    def _stop_if_credentials_ended(self, exchange: Exchange) -> None:
        # one refusal among answers is a fault of the service
        if exchange.status in REFUSALS and self._sender.ask(self._client.list_request()).status in REFUSALS:
            self._sender.stop(
                f"the credentials have ended: they were accepted, and are refused now ({exchange.status})"
            )
