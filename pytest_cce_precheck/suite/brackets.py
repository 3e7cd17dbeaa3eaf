"""Judge queries in brackets: by the unfiltered lists that were read before and after them."""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import TYPE_CHECKING
from urllib.parse import unquote_to_bytes

from pytest_cce_precheck.contract.check import judge
from pytest_cce_precheck.contract.filters import Bracket, Query, acceptable_statuses, judge_selection
from pytest_cce_precheck.contract.findings import Finding
from pytest_cce_precheck.suite.lists import REFUSALS

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence

    from pytest_cce_precheck.contract.answer import Answer
    from pytest_cce_precheck.suite.inspection import Inspection
    from pytest_cce_precheck.wire.exchange import Exchange


@dataclass(frozen=True)
class AskedQuery:
    """A query with the exchange that answers it; ``variant`` is what was unusual about the request, for people."""

    query: Query
    exchange: Exchange
    variant: str = ""


@dataclass(frozen=True)
class JudgedQuery:
    """What the answer to a query shows: ``alone``, and compared with the lists around it.

    ``answer`` is None if it is no list of tasks that can be compared; ``open_ids`` are tasks that changed meanwhile.
    """

    asked: AskedQuery
    answer: Answer | None
    alone: tuple[Finding, ...]
    compared: tuple[Finding, ...] = ()
    open_ids: frozenset[str] = frozenset()

    @property
    def findings(self) -> tuple[Finding, ...]:
        """All that the answer shows."""
        return (*self.alone, *self.compared)


def close_bracket(
    run: Inspection, before: Answer, asked: Sequence[AskedQuery]
) -> tuple[Bracket, Iterable[JudgedQuery]] | None:
    """Read the unfiltered list and judge each query; None if that list cannot be read.

    If replicas lag, the list may be older than the answers: what would be a new finding is judged by a list that was
    asked for when all replicas had caught up with them. Nothing is reported here. Without a lag, each query is judged
    when it is taken, so that only one parsed answer is held.
    """
    answered = run.settings.now()
    after = run.lists.read()
    if after is None:
        return None
    bracket = run.lists.bracket(before, after)
    if not run.lag.lag:
        return bracket, (_judge(run, each, bracket) for each in asked)
    judged = [_judge(run, each, bracket) for each in asked]
    if all(run.results.times(finding) for each in judged for finding in each.findings):
        return bracket, judged
    run.sender.wait_until(answered + run.lag.lag)
    after = run.lists.read()
    if after is None:
        return None
    bracket = run.lists.bracket(before, after)
    return bracket, [_judge(run, each.asked, bracket) if each.findings else each for each in judged]


def _judge(run: Inspection, asked: AskedQuery, bracket: Bracket) -> JudgedQuery:
    """Judge an answer alone, then by the lists around it."""
    query, exchange = asked.query, asked.exchange
    if asked.variant and 400 <= exchange.status < 500:
        message = f"{query.title} with {asked.variant} was refused with {exchange.status}"
        return JudgedQuery(asked, None, (Finding("PRE414", message, subject=(asked.variant,)).seen_in(exchange),))
    statuses = acceptable_statuses(query, bracket)
    if run.client.credentials.kind == "ak/sk" and not _is_utf8(query):
        # how a signature covers bytes that are not UTF-8, no source says
        statuses |= REFUSALS
    answer, alone = judge(exchange, expect=statuses)
    if answer is None or not answer.comparable:
        return JudgedQuery(asked, None, tuple(alone))
    run.results.proof.see_selection(query, answer, bracket)
    verdict = judge_selection(query, answer, bracket)
    counted = () if verdict.findings else run.count_meaning.judge(answer, bracket)
    compared = (*verdict.findings, *counted)
    if asked.variant:
        compared = tuple(
            replace(each, message=f"{each.message}, asked with {asked.variant}", subject=(*each.subject, asked.variant))
            for each in compared
        )
    return JudgedQuery(asked, answer, tuple(alone), compared, verdict.open_ids)


def _is_utf8(query: Query) -> bool:
    try:
        unquote_to_bytes(query.query).decode()
    except UnicodeDecodeError:
        return False
    return True
