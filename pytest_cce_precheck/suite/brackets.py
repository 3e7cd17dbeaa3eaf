"""Judge queries by the unfiltered lists before and after them; ask many oddities in one query, or each by itself."""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Final

from pytest_cce_precheck.contract.check import judge
from pytest_cce_precheck.contract.envelope import REFUSALS
from pytest_cce_precheck.contract.filters import Bracket, Query, acceptable_statuses, judge_selection, satisfies
from pytest_cce_precheck.contract.findings import Finding
from pytest_cce_precheck.contract.occasions import REFUSED
from pytest_cce_precheck.explore.classes import MATCHING
from pytest_cce_precheck.wire.exchange import Exchange, TransportError
from pytest_cce_precheck.wire.signing import is_signed_in_one_way

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Sequence

    from pytest_cce_precheck.contract.answer import Answer
    from pytest_cce_precheck.explore.groups import Group
    from pytest_cce_precheck.explore.plan import Family
    from pytest_cce_precheck.suite.inspection import Inspection

# what a joined query, the list that closes its bracket, and a retry cost
_COST: Final = 4
# queries that one wrong answer is split into; the budget has no share for them but that of retries
_MOST: Final = 14


@dataclass(frozen=True)
class AskedQuery:
    """A query with the exchange that answers it; ``variant`` is what was unusual about the request, for people.

    If it is ``translated``, texts may be others.
    """

    query: Query
    exchange: Exchange
    variant: str = ""
    translated: bool = False

    def allows(self, finding: Finding) -> bool:
        """Whether a finding is about the texts of tasks, and these are in another language."""
        return self.translated and finding.code == "PRE403"


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
    if "Authorization" in exchange.request.headers and not is_signed_in_one_way(query.query):
        statuses |= REFUSALS
    answer, alone = judge(exchange, expect=statuses)
    if answer is None or not answer.comparable:
        return JudgedQuery(asked, None, tuple(alone))
    run.results.proof.see_selection(query, answer, bracket)
    verdict = judge_selection(query, answer, bracket)
    # an optional field more or less only warns, and must hide nothing
    wrong = tuple(each for each in verdict.findings if each.code != "PRE416" if not asked.allows(each))
    alone += [each for each in verdict.findings if each.code == "PRE416"]
    compared = wrong or tuple(run.count_meaning.judge(answer, bracket))
    if asked.variant:
        compared = tuple(
            replace(each, message=f"{each.message}, asked with {asked.variant}", subject=(*each.subject, asked.variant))
            for each in compared
        )
    return JudgedQuery(asked, answer, tuple(alone), compared, verdict.open_ids)


def ask_joined(run: Inspection, family: Family, ask: Callable[[Sequence[Query]], object]) -> None:
    """Ask the joined queries of a family; ``ask`` asks queries one by one, and reports what their answers show.

    What an answer proves is not planned for again. What a wrong answer is split into is asked at once; if none of
    these queries fails by itself, the joined one is what fails.
    """
    before = run.lists.opening()
    sent = run.budget.sent
    groups = {group.joined.query: group for group in run.groups(family)}
    queries = run.query_log.questions(f"{family}, joined", lambda: [group.joined for group in groups.values()])
    asked: list[AskedQuery] = []
    lost: list[tuple[Query, TransportError]] = []
    refused = 0
    for query in queries:
        if run.budget.left <= _COST or before is None:
            break
        try:
            exchange = run.sender.ask(run.client.list_request(query.query))
        except TransportError as error:
            lost.append((query, error))
            continue
        refused += 400 <= exchange.status < 500
        # no source says in which order a signature covers repeated values, encoded or not: a refusal proves nothing
        if run.lists.answered(exchange) and exchange.status not in REFUSED:
            asked.append(AskedQuery(query, exchange))
    closed = close_bracket(run, before, asked) if before is not None and asked else None
    for judged in closed[1] if closed is not None else ():
        _report(run, judged, groups, ask)
    for query, loss in lost:
        if not _split(run, query, groups[query.query].suspects(()) if groups else (), ask):
            run.sender.report_lost(loss)
    if family == "unknown" and queries:
        run.joined_refused = refused == len(queries)
    run.answered_joined(max(run.budget.sent - sent - 1, 0))


def _report(
    run: Inspection, judged: JudgedQuery, groups: dict[str, Group], ask: Callable[[Sequence[Query]], object]
) -> None:
    query, answer = judged.asked.query, judged.answer
    group = groups.get(query.query)
    # what every answer shows is no news about this one
    if any(not run.results.times(finding) for finding in judged.findings):
        control = query.meanings[0]
        extra = [task for task in answer.tasks if not satisfies(task, control)] if answer is not None else []
        if not _split(run, query, group.suspects(extra) if group is not None else (), ask):
            run.results.report(*judged.findings)
        return
    run.results.report(*judged.findings)
    run.results.judged += not judged.open_ids
    # an answer that shows the control was made from every value
    if answer is not None and answer.tasks and not judged.compared and not judged.open_ids:
        run.results.reached.update(query.classes)
        beside = tuple(pair for pair in query.meanings[0][0] if pair[0] not in {name for name, _ in query.classes})
        for each in query.classes:
            run.results.see_combination((each, *((name, MATCHING) for name, _ in beside)), red=False)
        run.proved.update(each.query for _, each in (group.members if group is not None else ()))


def _split(run: Inspection, query: Query, suspects: Sequence[Query], ask: Callable[[Sequence[Query]], object]) -> bool:
    """Ask the queries that a joined one is made of; return whether one of them is answered wrongly by itself."""
    known = _number_of_findings(run)
    members = run.query_log.questions(f"{query.title}, split", lambda: suspects[:_MOST])
    ask(members)
    run.proved.update(each.query for each in members)
    return _number_of_findings(run) > known


def _number_of_findings(run: Inspection) -> int:
    return sum(finding.times for finding in run.results.findings)
