"""The checks that a path shows only its own cluster's tasks, and that nothing but GET works on it."""

from __future__ import annotations

from dataclasses import dataclass, replace
from http import HTTPStatus
from itertools import chain
from typing import TYPE_CHECKING, Final

from pytest_cce_precheck.client import utc_now
from pytest_cce_precheck.contract.check import check, judge
from pytest_cce_precheck.contract.envelope import PASSING
from pytest_cce_precheck.contract.filters import Bracket, CountMeaning, Query, acceptable_statuses, judge_selection
from pytest_cce_precheck.contract.findings import Finding
from pytest_cce_precheck.contract.http_rules import a_refused_method_is_told_the_others
from pytest_cce_precheck.explore.queries import matching, select
from pytest_cce_precheck.explore.recorded import lists_a_task
from pytest_cce_precheck.suite.authentication import ask_by_token
from pytest_cce_precheck.transport.guard import UNKNOWN
from pytest_cce_precheck.wire.exchange import Exchange, Request, encode_query
from pytest_cce_precheck.wire.signing import authenticate
from pytest_cce_precheck.wire.vocabulary import PROJECT_HEADER, Filter, TaskType

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from pytest_cce_precheck.contract.answer import Answer
    from pytest_cce_precheck.suite.inspection import Inspection

_NO_SUCH_PLACE: Final = frozenset({400, 401, 403, 404, *PASSING})

OTHER_CLUSTER: Final = "other cluster"
"""What a finding about the filters of the project's other cluster is about, besides the filter."""
_MIXED_UP: Final = frozenset({"PRE610", "PRE611"})


@dataclass(frozen=True)
class Probe:
    """A request for a place that must not be readable."""

    tier: int
    what: str
    request: Request
    as_is: bool = False


def other_places_cannot_be_read(run: Inspection) -> None:
    """Ask for clusters and projects that do not exist or belong to somebody else."""
    probes = sorted((*_unknown_places(run), *_foreign_places(run)), key=lambda probe: probe.tier)
    if run.settings.neighbours.foreign_cluster_id is None:
        run.results.leave_out(
            "no foreign project and cluster are given (--cce-foreign-project-id, …)", part="isolation between accounts"
        )
    statuses = set()
    for probe in run.chosen(probes, max(3, run.shares.isolation * 2 // 3), lambda probe: probe.what):
        exchange = run.sender.ask(probe.request, as_is=probe.as_is)
        statuses.add(exchange.status)
        run.results.judged += exchange.status not in PASSING
        if exchange.status < 300:
            tasks, findings = judge(exchange)
            disguised = [finding for finding in findings if finding.code == "PRE109"]
            if disguised or tasks is None or tasks.tasks:
                shown = f" and {len(tasks.tasks)} tasks" if tasks is not None else ""
                message = f"{probe.what} was answered with {exchange.status}{shown}"
                readable = Finding("PRE611", message, subject=("place",)).seen_in(exchange)
                run.results.report(*(disguised or [readable]))
            else:
                # that a place is not there, an empty list says too
                run.results.observe(probe.what, f"{exchange.status}, nothing")
        else:
            run.results.report(*check(exchange, expect=_NO_SUCH_PLACE))
    if HTTPStatus.UNAUTHORIZED in statuses:
        # credentials that have ended are refused everywhere, which proves nothing
        run.lists.read()


def _unknown_places(run: Inspection) -> Iterator[Probe]:
    client = run.client
    cluster, project = client.cluster_id, client.project_id
    yield Probe(1, "a cluster that does not exist", client.list_request(cluster_id=run.unknown_id(cluster)))
    # with a filter too: a query that is made of the filters given may leave the cluster out
    by_type, half = f"{Filter.TYPE}={TaskType.STATIC}", cluster[: len(cluster) // 2]
    narrowed = client.list_request(by_type, cluster_id=half)
    yield Probe(3, "the first half of the cluster's id, asked with a filter", narrowed)
    # a blank is lost where ids are trimmed, and where they are cut at their length
    odd: list[tuple[str, Callable[[str], str]]] = [
        ("in the other letter case", str.swapcase),
        ("with a blank behind it", "{} ".format),
    ]
    for how, respelt in odd:
        if respelt(cluster) != cluster:
            yield Probe(3, f"the cluster's id {how}", client.list_request(cluster_id=respelt(cluster)))
    yield Probe(3, "a cluster named %", client.list_request(cluster_id="%"))
    for wild in ("*", "-"):
        yield Probe(4, f"a cluster named {wild}", client.list_request(cluster_id=wild))
    for tier, what, respelt in (
        (1, "a project that does not exist", run.unknown_id),
        *((3, f"the project's id {how}", respelt) for how, respelt in odd),
    ):
        if respelt(project) != project:
            # a gateway may look at the header alone: with the own project there, only the path is wrong
            request = _in_the_own_name(run, client.list_request(project_id=respelt(project)))
            yield Probe(tier, f"this cluster under {what}", request, as_is=True)


def _foreign_places(run: Inspection) -> Iterator[Probe]:
    client, near = run.client, run.settings.neighbours
    project, cluster = near.foreign_project_id, near.foreign_cluster_id
    if project and cluster:
        foreign = client.list_request(project_id=project, cluster_id=cluster)
        # of two machines behind a balancer, one may not look
        yield from [Probe(1, "another account's cluster", foreign)] * 2
        narrowed = replace(foreign, query=f"{Filter.TYPE}={TaskType.STATIC}")
        yield Probe(3, "another account's cluster, asked with a filter", narrowed)
        own = run.lists.latest.tasks[0].id if run.lists.latest and run.lists.latest.tasks else None
        asked = replace(foreign, query=encode_query([(Filter.TASK_ID, own or run.unknown_id(""))]))
        yield Probe(2, "another account's cluster, asked for one task", asked)
        own_header = _in_the_own_name(run, foreign)
        # with a token too
        own_header = replace(own_header, headers=own_header.headers.replacing(PROJECT_HEADER, client.project_id))
        yield Probe(2, "another account's cluster, with the own X-Project-Id", own_header, as_is=True)
        yield Probe(3, "another account's cluster, without credentials", foreign, as_is=True)
    if cluster:
        under_own = client.list_request(cluster_id=cluster)
        yield Probe(1, "another account's cluster under the own project", under_own)
        narrowed = replace(under_own, query=f"{Filter.TYPE}={TaskType.STATIC}")
        yield Probe(2, "another account's cluster under the own project, asked with a filter", narrowed)
    if project:
        own_cluster = client.list_request(f"{Filter.TYPE}={TaskType.STATIC}", project_id=project)
        yield Probe(2, "the own cluster under another account's project, asked with a filter", own_cluster)


def _in_the_own_name(run: Inspection, request: Request) -> Request:
    """Return a request for another project, signed with the own one in the header."""
    return authenticate(request, run.client.credentials, now=utc_now(), project_id=run.client.project_id)


def clusters_do_not_show_each_others_tasks(run: Inspection) -> None:
    """Compare this cluster's tasks with those of another cluster of the same project."""
    other_id = run.settings.neighbours.other_cluster_id
    if other_id is None:
        run.results.leave_out("no other cluster is given (--cce-other-cluster-id)")
        return
    mine = run.lists.opening()
    if mine is None:
        run.results.give_up("the unfiltered list cannot be read")
        return
    theirs = run.lists.judged(run.sender.ask(run.client.list_request(cluster_id=other_id)), {200})
    if theirs is None:
        return
    run.results.judged += 1
    both = mine.by_id.keys() & theirs.by_id.keys()
    if both:
        message = f"task {min(both)} is listed in this cluster and in {other_id}"
        run.results.found("PRE610", message, theirs.exchange, mine.exchange, subject="list")
    _filters_select_there(run, theirs, other_id)
    crossed = list(_crossed_questions(run, mine, theirs, other_id))
    for question in run.chosen(crossed, max(2, run.shares.isolation * 2 // 7), lambda each: each.what):
        exchange = ask_by_token(run, question.request) if question.by_token else None
        exchange = exchange or run.sender.ask(question.request)
        answer = run.lists.judged(exchange, question.statuses)
        task = next((task for task in answer.tasks if task.id in question.foreign), None) if answer else None
        if task and answer:
            message = f"{question.what} shows task {task.id}, which is another cluster's"
            run.results.report(Finding("PRE610", message, task.path, question.subject).seen_in(answer.exchange))
    # right after the other's list, it must not show the other's tasks
    after = run.lists.read()
    foreign = [task for task in after.tasks if task.id in theirs.by_id] if after else []
    if foreign and after:
        message = f"task {foreign[0].id} of cluster {other_id} is in this cluster's list, read after the other's"
        run.results.found("PRE610", message, after.exchange, theirs.exchange, subject="list", path=foreign[0].path)


@dataclass(frozen=True)
class _Crossed:
    what: str
    request: Request
    foreign: frozenset[str]
    subject: tuple[str, ...]
    statuses: frozenset[int] = frozenset({200, 404})
    by_token: bool = False


def _crossed_questions(run: Inspection, mine: Answer, theirs: Answer, other_id: str) -> Iterator[_Crossed]:
    client = run.client
    pairs = [(theirs, client.cluster_id, "this"), (mine, other_id, "the other")]
    for names in ((Filter.TASK_ID,), (Filter.ADDON_INSTANCE_ID,), (Filter.TYPE,), tuple(Filter)):
        for shown, cluster, which in pairs:
            given = select(matching(shown.tasks[0], *names)) if shown.tasks else None
            # the other cluster's types are asked for beside its own tasks
            if given is not None and given.query and not (which == "the other" and names == (Filter.TYPE,)):
                request = client.list_request(given.query, cluster_id=cluster)
                subject = tuple(map(str, names))
                # what is open to one kind of credentials may not be to the other
                by_token = which == "the other" and names == (Filter.ADDON_INSTANCE_ID,)
                what = f"{given.title} in {which} cluster"
                yield _Crossed(what, request, frozenset(shown.by_id), subject, by_token=by_token)
    query = encode_query([("cluster_id", other_id)])
    # a parameter that is not documented may be refused
    statuses = frozenset({200, 400})
    request = client.list_request(query)
    yield _Crossed(f"?{query} in this cluster", request, frozenset(theirs.by_id), ("cluster_id",), statuses)


def _filters_select_there(run: Inspection, theirs: Answer, other_id: str) -> None:
    """Ask the other cluster with each filter, and all: its own unfiltered lists judge the answers.

    If replicas lag, only what is wrong again after the lag is reported, by lists that are a lag before and after it.
    """
    queries = run.chosen(list(_queries_of(theirs)), max(0, run.shares.isolation // 3 - 2), lambda query: query.title)
    before = theirs
    for is_last in (False, True) if run.lag.lag else (True,):
        asked = [
            (query, run.sender.ask(run.client.list_request(query.query, cluster_id=other_id))) for query in queries
        ]
        asked = [(query, exchange) for query, exchange in asked if exchange.status not in PASSING]
        if is_last and run.lag.lag:
            # a replica may still list what had left before, and was rightly not shown
            run.sender.wait(run.lag.lag)
        after = run.lists.judged(run.sender.ask(run.client.list_request(cluster_id=other_id)), {200}) if asked else None
        if after is None:
            return
        bracket = Bracket(before, after)
        # what an answer of a replica that lags counts decides nothing
        meaning = run.count_meaning if is_last else replace(run.count_meaning, possible={*run.count_meaning.possible})
        found = {query: _findings_there(query, exchange, bracket, meaning) for query, exchange in asked}
        queries = [query for query, findings in found.items() if findings]
        if is_last:
            run.results.judged += len(asked)
            run.results.report(*chain.from_iterable(found.values()))
        elif queries:
            run.sender.wait(run.lag.lag)
            before = after


def _queries_of(listed: Answer) -> Iterator[Query]:
    # tasks of different types, if there are any
    tasks = list({task.value_of(Filter.TYPE): task for task in listed.tasks}.values())
    for index, names in enumerate((tuple(Filter), (Filter.TYPE,), (Filter.TASK_ID,), (Filter.ADDON_INSTANCE_ID,))):
        given = matching(tasks[index % len(tasks)], *names) if tasks else ()
        if given:
            yield select(given)


def _findings_there(query: Query, exchange: Exchange, bracket: Bracket, meaning: CountMeaning) -> list[Finding]:
    answer, findings = judge(exchange, expect=acceptable_statuses(query, bracket))
    if answer is not None and answer.comparable:
        findings += [
            replace(each, message=f"in the other cluster, {each.message}", subject=(*each.subject, OTHER_CLUSTER))
            for each in judge_selection(query, answer, bracket).findings or meaning.judge(answer, bracket)
        ]
    return findings


def other_methods_are_not_answered_as_get(run: Inspection) -> None:
    """Send other methods than GET to the list path.

    Without permission to destroy anything they go to the path of a cluster that does not exist. A service that does not
    look at the cluster could still lose the real one's tasks: none is sent to one that is known to mix clusters up, nor
    after one that was answered with success.
    """
    client, settings, results = run.client, run.settings, run.results
    if not settings.allow_writes:
        results.leave_out("this run may only read (--cce-allow-writes)")
        return
    if not run.shares.methods:
        results.leave_out("--cce-budget is too small for it")
        return
    known = run.lists.opening()
    query = encode_query([(Filter.TASK_ID, run.unknown_id(next(iter(known.by_id), "") if known else ""))])
    if settings.allow_destructive:
        cluster, methods = client.cluster_id, ("POST", "DELETE", "PUT", "PATCH")
    else:
        results.leave_out("not sent, tasks could be lost (--cce-allow-destructive)", part="on this cluster")
        cluster, methods = run.unknown_id(client.cluster_id), ("POST", "PUT", "PATCH", "DELETE")
        told = run.sender.ask(client.list_request(cluster_id=cluster)).response
        mixed_up = [finding.code for finding in results.findings if finding.code in _MIXED_UP]
        if told.status not in UNKNOWN or mixed_up:
            why = (
                f"clusters are mixed up ({mixed_up[0]})" if mixed_up else f"reading it was answered with {told.status}"
            )
            # how an unknown cluster is told, no source says: neither 403 nor an empty list is to blame
            is_usual = not mixed_up and told.status in (HTTPStatus.OK, HTTPStatus.FORBIDDEN) and not lists_a_task(told)
            (results.leave_out if is_usual else results.give_up)(f"not tried on a cluster that does not exist: {why}")
            return
    for method in methods[: run.shares.methods]:
        request = client.list_request(query, method=method, cluster_id=cluster)
        exchange = run.sender.ask(replace(request, body=b"" if method == "DELETE" else b"{}"))
        results.judged += exchange.status not in PASSING
        if exchange.status < 300:
            message = f"{method} on the list path was answered with {exchange.status}"
            results.found("PRE609", message, exchange, subject=method)
            if not settings.allow_destructive:
                break
        else:
            # how, no source says, except for what a 405 must have
            results.report(*a_refused_method_is_told_the_others(exchange))
            results.observe(f"{method} on the list path", f"{exchange.status}")
    run.lists.read()
