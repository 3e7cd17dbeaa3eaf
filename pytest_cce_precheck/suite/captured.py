"""Judge exchanges that other programs made: each alone, and all together, as far as their order proves something.

Nothing is asked here. A filtered answer is compared with the unfiltered lists that happened to be read before and
after it; the tasks of all answers are followed in the order in which these came.
"""

from __future__ import annotations

from dataclasses import dataclass, field, replace
from http import HTTPStatus
from typing import TYPE_CHECKING, Final, NamedTuple

from pytest_cce_precheck.contract.check import check, judge
from pytest_cce_precheck.contract.envelope import PASSING, THROTTLED
from pytest_cce_precheck.contract.filters import Bracket, CountMeaning, acceptable_statuses, judge_selection
from pytest_cce_precheck.contract.lifecycle import TaskHistory
from pytest_cce_precheck.contract.proof import Proof
from pytest_cce_precheck.explore.captured import query_of
from pytest_cce_precheck.wire.vocabulary import Filter

if TYPE_CHECKING:
    from collections.abc import Iterator

    from pytest_cce_precheck.contract.answer import Answer
    from pytest_cce_precheck.contract.findings import Finding
    from pytest_cce_precheck.wire.exchange import Exchange

_LIST: Final = "/addons/precheck/tasks"
_CREATE: Final = "/addons/precheck"
# in a longer time a task may come and go without being in a list
_SHORT_SECONDS: Final = 10.0
_COMES_AND_GOES: Final = "PRE405"
_MOST_PENDING: Final = 200


class Timed(NamedTuple):
    """An exchange with the times, in seconds of any clock, at which it began and ended."""

    exchange: Exchange
    began: float
    ended: float


@dataclass
class _Cluster:
    """What was seen of one cluster so far."""

    before: tuple[Answer, Timed] | None = None
    pending: list[Timed] = field(default_factory=list)
    history: TaskHistory = field(default_factory=TaskHistory)
    counts: CountMeaning = field(default_factory=CountMeaning)
    latest: float = float("-inf")
    right: set[str] = field(default_factory=set)
    """The queries that were answered rightly before."""


class Captured:
    """Judges exchanges in the order in which they ended; what overlaps in time is not compared.

    With ``together`` unset, each is judged alone: if replicas lag, an answer may be older than the one before it.
    """

    def __init__(self, *, together: bool = True) -> None:
        self.proof = Proof()
        self._together = together
        self._clusters: dict[str, _Cluster] = {}

    def judge(self, timed: Timed) -> list[Finding]:
        """Return what one more exchange shows, alone and with those before it; none if it is neither of the calls."""
        exchange = timed.exchange
        path = exchange.request.path.rstrip("/")
        if exchange.request.method == "OPTIONS" or not path.endswith((_LIST, _CREATE)):
            return []
        if exchange.status in PASSING - {THROTTLED}:
            # it may come from any machine on the way, and says nothing about the service
            return []
        self.proof.see(exchange)
        findings = check(exchange)
        if self._together:
            cluster = self._clusters.setdefault(path.removesuffix("/tasks"), _Cluster())
            findings += self._joined(cluster, timed)
        return findings

    def _joined(self, cluster: _Cluster, timed: Timed) -> Iterator[Finding]:
        exchange = timed.exchange
        answer, _ = judge(exchange) if exchange.status < HTTPStatus.MULTIPLE_CHOICES else (None, [])
        is_list = exchange.request.method == "GET"
        is_whole = is_list and not exchange.request.query and answer is not None and answer.comparable
        if answer is not None and timed.began >= cluster.latest and (is_whole or not is_list or answer.comparable):
            cluster.latest = timed.ended
            # the history is not told what was asked: other programs create what they have asked for before
            yield from cluster.history.observe(answer, complete=is_whole)
        if is_whole and answer is not None:
            yield from self._close(cluster, answer, timed)
        elif is_list and exchange.request.query and exchange.status not in PASSING and cluster.before is not None:
            cluster.pending = [*cluster.pending, timed][-_MOST_PENDING:]

    def _close(self, cluster: _Cluster, after: Answer, closing: Timed) -> Iterator[Finding]:
        """Judge what was asked since the unfiltered list before, and begin anew with this one."""
        if cluster.before is not None:
            before, opening = cluster.before
            self.proof.see_series(before, after, complete=True)
            for each in cluster.pending:
                if each.began >= opening.ended and each.ended <= closing.began:
                    yield from self._compared(
                        cluster, each.exchange, Bracket(before, after), closing.ended - opening.began
                    )
        cluster.before, cluster.pending = (after, closing), []

    def _compared(self, cluster: _Cluster, exchange: Exchange, bracket: Bracket, seconds: float) -> Iterator[Finding]:
        known = {
            (str(name), value)
            for task in (*bracket.before.tasks, *bracket.after.tasks)
            for name in Filter
            if (value := task.value_of(name))
        }
        query = query_of(exchange.request, known)
        if query is None:
            return
        answer, alone = judge(exchange, expect=acceptable_statuses(query, bracket))
        # everything else was found when it came
        yield from (each for each in alone if each.code == "PRE102")
        if answer is None or not answer.comparable:
            return
        self.proof.see_selection(query, answer, bracket)
        if query.query in cluster.right and query.code is None:
            query = replace(query, code="PRE411")
        found = [
            each
            for each in judge_selection(query, answer, bracket).findings
            if each.code != _COMES_AND_GOES or seconds <= _SHORT_SECONDS
        ]
        found = found or cluster.counts.judge(answer, bracket)
        if not found:
            cluster.right.add(query.query)
        yield from found
