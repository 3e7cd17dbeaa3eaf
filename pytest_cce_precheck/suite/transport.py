"""The checks of what surrounds a query: request headers that must not matter, and other queries at the same time."""

from __future__ import annotations

from dataclasses import replace
from datetime import timedelta
from email.utils import format_datetime
from http import HTTPStatus
from itertools import cycle, islice
from typing import TYPE_CHECKING, Final, TypeVar

from pytest_cce_precheck.client import utc_now
from pytest_cce_precheck.contract.envelope import PASSING
from pytest_cce_precheck.contract.http_rules import head_is_as_long_as_get, nothing_follows_the_answer, partial_content
from pytest_cce_precheck.explore.classes import MATCHING
from pytest_cce_precheck.explore.queries import FilterValue, select
from pytest_cce_precheck.suite.authentication import ask_by_token, bad_token, refusal_findings
from pytest_cce_precheck.suite.brackets import AskedQuery, close_bracket
from pytest_cce_precheck.wire.exchange import Exchange, Headers, Request, TransportError
from pytest_cce_precheck.wire.vocabulary import Filter, TaskType

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping, Sequence

    from pytest_cce_precheck.contract.answer import Answer
    from pytest_cce_precheck.contract.filters import Query
    from pytest_cce_precheck.explore.plan import Family
    from pytest_cce_precheck.suite.inspection import Inspection

    _Outcome = tuple[Query, Exchange | TransportError]

Q = TypeVar("Q", bound="Query | None")
_MIXED: Final[tuple[Family, ...]] = ("combinations", "values")
# D: Content-Type is a header of the request, and GET does not check it; a service may look for filters in such a body.
# Some look at the name of the client too: here the vendor's SDK, below a browser
_FORM: Final = {
    "Content-Type": "application/x-www-form-urlencoded",
    "User-Agent": "huaweicloud-usdk-python/3.0",
    "Accept": "*/*",
    "Connection": "close",
}
_OTHER_CHARSET: Final = "application/json; charset=ISO-8859-1"
# what clients and proxies send beside it, joined in one request: other languages, a cookie that nobody knows, a trace
_UNUSUAL: Final = {
    "User-Agent": "Mozilla/5.0",
    "Accept": "application/json, text/html;q=0.5",
    "Accept-Language": "de-DE, x-precheck;q=0.5",
    "X-Language": "x-precheck",
    "Cookie": "precheck_probe=1",
    "Referer": "https://precheck.invalid/?type=none&task_id=none",
    "Traceparent": "00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01",
    "Via": "1.1 precheck-probe",
}
# texts may be in Chinese then, and nothing else
_CHINESE: Final = {"Accept-Language": "zh-CN", "X-Language": "zh-cn"}
# the share that has room for a condition, a range and HEAD too
_HTTP_FROM: Final = 14
# three requests, and the list that closes their bracket
_HEADERS: Final = 4
_AT_ONCE: Final = 4
_FIRST: Final = 2
# rounds of simultaneous queries in one bracket
_ROUNDS: Final = 6
# one connection may be lost by chance
_MANY: Final = 3


def request_headers_do_not_change_the_answer(run: Inspection) -> None:
    """Ask with headers that must not matter: another Content-Type or none, unusual ones, the other credentials.

    A condition that does not hold, a range, and HEAD are answered as HTTP has them, or as if they were not there.
    """
    if run.shares.transport < _HEADERS:
        run.results.leave_out("--cce-budget is too small for it")
        return
    before = run.lists.opening()
    query = select([FilterValue(Filter.TYPE, TaskType.STATIC, MATCHING)], code="PRE414")
    if before is None:
        run.results.give_up("the unfiltered list cannot be read, so there is nothing to compare with")
        return
    asked = [
        AskedQuery(query, exchange, variant)
        for variant, exchange in _with_other_headers(run, query)
        if run.lists.answered(exchange)
    ]
    asked += _as_others_ask(run, query)
    head = None
    if run.shares.transport >= _HTTP_FROM:
        asked += _conditions_and_ranges(run, query, before)
        head = run.sender.ask(run.client.list_request(method="HEAD"))
        run.results.report(*(finding.seen_in(head) for finding in nothing_follows_the_answer(head)))
    _judge(run, before, asked)
    if head is not None and run.lists.latest is not None:
        run.results.report(*head_is_as_long_as_get(head, (before.exchange, run.lists.latest.exchange)))


def _conditions_and_ranges(run: Inspection, query: Query, before: Answer) -> Iterator[AskedQuery]:
    """Ask with a condition that does not hold, and for a range; yield what is answered as without them."""
    plain = run.client.list_request(query.query)
    tags = ['"precheck-probe"']
    if any(task.value_of(Filter.TYPE) != TaskType.STATIC for task in before.tasks):
        # the tag of a list that holds more
        tags += filter(None, [before.exchange.response.headers.get("ETag")])
    tomorrow = format_datetime(utc_now() + timedelta(days=1), usegmt=True)
    condition = {"If-None-Match": ", ".join(tags), "If-Modified-Since": tomorrow}
    changed = _asked_with(run, plain, condition)
    if changed.status == HTTPStatus.NOT_MODIFIED:
        message = f"304 to {query.title} with If-None-Match: {', '.join(tags)}, which is not the tag of its answer"
        run.results.found("PRE118", message, changed, subject="condition")
    elif changed.status not in PASSING:
        yield AskedQuery(query, changed, "a condition that does not hold")
    part = _asked_with(run, plain, {"Range": "bytes=0-9"})
    if part.status == HTTPStatus.PARTIAL_CONTENT:
        run.results.report(*(finding.seen_in(part) for finding in partial_content(part)))
    elif part.status == HTTPStatus.OK:
        yield AskedQuery(query, part, "a Range")


def _judge(run: Inspection, before: Answer, asked: Sequence[AskedQuery]) -> None:
    closed = close_bracket(run, before, asked)
    if closed is None:
        run.results.give_up(f"the unfiltered list cannot be read after {len(asked)} queries")
        return
    for judged in closed[1]:
        run.results.judged += bool(judged.findings) or not judged.open_ids
        run.results.report(*judged.findings)


def _with_other_headers(run: Inspection, query: Query) -> Iterator[tuple[str, Exchange]]:
    plain = run.client.list_request(query.query)
    bare = replace(plain, headers=plain.headers.without("Content-Type"))
    variant, exchange = f"no Content-Type, and unusual {', '.join(_UNUSUAL)}", _asked_with(run, bare, _UNUSUAL)
    if 400 <= exchange.status < 500 and exchange.status not in PASSING:
        # to ignore what it does not know is what a service should do (RFC 9110, 5.1), not what it must
        run.results.observe("unusual request headers", str(exchange.status))
        variant, exchange = "no Content-Type", _asked_with(run, bare, {})
    yield variant, exchange
    # who accepts nothing in particular accepts everything (RFC 9110, 12.5.1)
    other = replace(plain, headers=plain.headers.without("Accept").replacing("Content-Type", _OTHER_CHARSET))
    exchange = run.sender.ask(_in_lower_case(run.client.authenticated(other)), as_is=True)
    if exchange.status == HTTPStatus.UNAUTHORIZED:
        # as it is, a request does not get a new token when the old one has just ended
        run.sender.ask(plain)
        exchange = run.sender.ask(_in_lower_case(run.client.authenticated(other)), as_is=True)
    yield f"header names in lower case, no Accept, {_OTHER_CHARSET}", exchange
    if run.shares.transport > _HEADERS and (by_token := ask_by_token(run, plain, _in_lower_case)) is not None:
        yield "the token in place of a signature, its header in lower case", by_token


def _as_others_ask(run: Inspection, query: Query) -> Iterator[AskedQuery]:
    """Ask as another client, in HTTP/1.0 and for Chinese texts; without one of the two if it is refused, as may be."""
    plain = run.client.list_request(query.query)
    asked, headers, old = plain.in_old_http(), {**_FORM, **_CHINESE}, "HTTP/1.0, "
    exchange = _asked_with(run, asked, headers)
    if exchange.status == HTTPStatus.UPGRADE_REQUIRED:
        # RFC 9110, 15.5.22
        run.results.observe("a request in HTTP/1.0", str(exchange.status))
        asked, old = plain, ""
        exchange = _asked_with(run, asked, headers)
    if 400 <= exchange.status < 500 and exchange.status not in PASSING:
        # RFC 9110, 12.5.4, 5.1: a language may be refused, and so may an unknown header
        headers = _FORM
        exchange = _asked_with(run, asked, headers)
    if run.lists.answered(exchange):
        yield AskedQuery(query, exchange, old + _in_words(headers), translated=headers is not _FORM)


def _asked_with(run: Inspection, plain: Request, headers: Mapping[str, str]) -> Exchange:
    """Send a request with other headers, which its signature does not cover.

    A gateway may take conditions away before it looks at the signature, and how the SDKs sign content types other than
    JSON is in no document.
    """
    others = plain.headers.without(*headers)
    is_signed = run.client.credentials.kind == "ak/sk"
    if is_signed:
        others = run.client.authenticated(replace(plain, headers=others)).headers
    changed = replace(plain, headers=Headers((*others.pairs, *headers.items())))
    return run.sender.ask(changed, as_is=is_signed)


def _in_words(headers: Mapping[str, str]) -> str:
    return ", ".join(f"{name} {value}" for name, value in headers.items())


def _in_lower_case(request: Request) -> Request:
    return request.with_headers(Headers((name.lower(), value) for name, value in request.headers.pairs))


def simultaneous_questions_are_answered_each_for_itself(run: Inspection) -> None:
    """Ask two queries at the same time, then many on the same connections and new ones.

    Among the many are a request with a bad token, and one to the other cluster if there is one.
    """
    if run.shares.transport < 2 * _AT_ONCE:
        run.results.leave_out("--cce-budget is too small for it")
        return
    queries = [replace(query, code="PRE415") for query in run.queries("values")[:_AT_ONCE]]
    before = run.lists.opening()
    if before is None or len(queries) < 2:
        run.results.give_up("the unfiltered list holds too few values to ask for")
        return
    outcomes = _ask_together(run, queries[:_FIRST])
    # in another order, so that a connection that is used again carries another query
    many: list[Query | None] = [*queries[1:], queries[0]]
    many.append(None if run.settings.neighbours.other_cluster_id is not None else queries[0])
    *outcomes_of_many, (_, refused) = _ask_together(run, many, bad_token(run))
    outcomes += [(query, outcome) for query, outcome in outcomes_of_many if query is not None]
    _judge_together(run, before, outcomes)
    for query, outcome in outcomes_of_many:
        if query is None:
            _judge_elsewhere(run, before, outcome)
    # it is sent once: a gateway that is overloaded just then says nothing about the token
    if not isinstance(refused, TransportError) and refused.status not in PASSING:
        known = [task.id for task in before.tasks if task.id]
        run.results.report(*refusal_findings(refused, "PRE602", "a made-up token beside good requests", known))
    more = (run.shares.transport - _HEADERS) // _AT_ONCE - 2
    if more > 0:
        _ask_more_together(run, more)


def _judge_elsewhere(run: Inspection, mine: Answer, outcome: Exchange | TransportError) -> None:
    if isinstance(outcome, TransportError) or outcome.status in PASSING:
        run.results.give_up(f"the other cluster's list: {_why_not(outcome)} when it was asked for with others")
        return
    theirs = run.lists.judged(outcome, {200})
    both = mine.by_id.keys() & theirs.by_id.keys() if theirs is not None else ()
    if theirs is not None and both:
        other = run.settings.neighbours.other_cluster_id
        message = f"task {min(both)} of this cluster is in the list of {other}, asked for at the same time"
        run.results.found("PRE610", message, theirs.exchange, mine.exchange, subject="list")


def _ask_more_together(run: Inspection, rounds: int) -> None:
    """Ask all other queries at the same time, as many rounds as a larger budget allows."""
    others = cycle([replace(query, code="PRE415") for name in _MIXED for query in run.queries(name)])
    while rounds > 0 and run.budget.left > _ROUNDS * _AT_ONCE and (before := run.lists.opening()) is not None:
        asked = [_ask_together(run, list(islice(others, _AT_ONCE))) for _ in range(min(rounds, _ROUNDS))]
        _judge_together(run, before, [outcome for each in asked for outcome in each])
        rounds -= _ROUNDS


def _judge_together(run: Inspection, before: Answer, outcomes: list[_Outcome]) -> None:
    lost = [query for query, outcome in outcomes if isinstance(outcome, TransportError)]
    if len(lost) >= _MANY:
        # several at a time may still be chance; as many again are not
        run.budget.retried += len(lost)
        outcomes = [each for each in outcomes if not isinstance(each[1], TransportError)]
        outcomes += _ask_together(run, lost[:_AT_ONCE]) + _ask_together(run, lost[_AT_ONCE:])
    _judge(run, before, _answered(run, outcomes))


def _ask_together(
    run: Inspection, queries: Sequence[Q], *as_they_are: Request
) -> list[tuple[Q, Exchange | TransportError]]:
    """Ask queries at the same time; None stands for the first of them in the other cluster.

    Requests that are sent ``as_they_are`` come last, as if they were the last query.
    """

    if not queries:
        return []
    # a service that answers equal questions together must see the cluster in them
    first = next(each.query for each in queries if each is not None)
    other = run.settings.neighbours.other_cluster_id
    requests = [
        run.client.list_request(first, cluster_id=other) if query is None else run.client.list_request(query.query)
        for query in queries
    ]
    asked = [*queries, *(queries[-1] for _ in as_they_are)]
    return list(zip(asked, run.sender.send_together(requests, as_they_are), strict=True))


def _answered(run: Inspection, outcomes: Sequence[_Outcome]) -> list[AskedQuery]:
    """Return the queries that were answered; report the others if they are many, else count them as inconclusive."""
    many = sum(isinstance(outcome, TransportError) for _, outcome in outcomes) >= _MANY
    asked = []
    for query, outcome in outcomes:
        if isinstance(outcome, TransportError) and many:
            run.sender.report_lost(outcome)
        elif isinstance(outcome, TransportError) or outcome.status in PASSING:
            run.results.give_up(f"{query.title}: {_why_not(outcome)} when it was asked at the same time as others")
        else:
            asked.append(AskedQuery(query, outcome))
    return asked


def _why_not(outcome: Exchange | TransportError) -> str:
    return f"no answer ({outcome.detail})" if isinstance(outcome, TransportError) else f"{outcome.status}"
