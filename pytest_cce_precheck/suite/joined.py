"""Ask for many oddities in one query, and for each by itself only if the answer is wrong or proves nothing."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from pytest_cce_precheck.contract.filters import Query, satisfies
from pytest_cce_precheck.contract.occasions import REFUSED
from pytest_cce_precheck.explore.classes import MATCHING
from pytest_cce_precheck.suite.brackets import AskedQuery, JudgedQuery, close_bracket
from pytest_cce_precheck.wire.exchange import TransportError

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from pytest_cce_precheck.explore.groups import Group
    from pytest_cce_precheck.explore.plan import Family
    from pytest_cce_precheck.suite.inspection import Inspection

# what a joined query, the list that closes its bracket, and a retry cost
_COST: Final = 4
# queries that one wrong answer is split into; the budget has no share for them but that of retries
_MOST: Final = 14


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
    for query in queries:
        if run.budget.left <= _COST or before is None:
            break
        try:
            exchange = run.sender.ask(run.client.list_request(query.query))
        except TransportError as error:
            lost.append((query, error))
            continue
        # no source says in which order a signature covers repeated values, encoded or not: a refusal proves nothing
        if run.lists.answered(exchange) and exchange.status not in REFUSED:
            asked.append(AskedQuery(query, exchange))
    closed = close_bracket(run, before, asked) if before is not None and asked else None
    for judged in closed[1] if closed is not None else ():
        _report(run, judged, groups, ask)
    for query, loss in lost:
        if not _split(run, query, groups[query.query].suspects(()) if groups else (), ask):
            run.sender.report_lost(loss)
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
