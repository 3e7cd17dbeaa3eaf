"""The checks of what lies around a question: request headers that must not matter, other questions meanwhile."""

from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from typing import TYPE_CHECKING, Final

from pytest_cce_precheck.contract.envelope import PASSING
from pytest_cce_precheck.contract.filters import Bracket, Question, acceptable_statuses, judge_selection
from pytest_cce_precheck.contract.findings import Finding
from pytest_cce_precheck.errors import TransportError
from pytest_cce_precheck.explore.classes import MATCHING
from pytest_cce_precheck.explore.questions import Asked, select
from pytest_cce_precheck.wire.vocabulary import Filter, TaskType

if TYPE_CHECKING:
    from pytest_cce_precheck.suite.inspection import Inspection
    from pytest_cce_precheck.wire.exchange import Exchange, Headers

# D: Content-Type is a header of the request, and GET does not check it
_CONTENT_TYPES: Final = ("application/json;charset=utf-8", "text/plain")
_AT_ONCE: Final = 4
# one connection may be lost by chance
_MANY: Final = 3


def request_headers(run: Inspection) -> None:
    """Ask with headers that must not matter: another Content-Type, names in another case, none that can be left out."""
    before = run.opening()
    question = select([Asked(Filter.TYPE, TaskType.STATIC, MATCHING)], code="PRE414")
    if before is None or run.shares.transport < _AT_ONCE:
        run.give_up("request headers", "no list to compare with, or no budget left for it")
        return
    request = run.client.authenticated(run.client.list_request(question.query))
    variants: list[tuple[str, Headers]] = []
    for content_type in _CONTENT_TYPES:
        # signed anew: the header is among those that the signature covers
        plain = run.client.list_request(question.query)
        other = replace(plain, headers=plain.headers.replacing("Content-Type", content_type))
        variants.append((f"Content-Type {content_type}", run.client.authenticated(other).headers))
    lower = type(request.headers)((name.lower(), value) for name, value in request.headers.pairs)
    variants.append(("header names in lower case", lower))
    bare = run.client.list_request(question.query)
    variants.append(
        ("Accept */*", run.client.authenticated(replace(bare, headers=bare.headers.replacing("Accept", "*/*"))).headers)
    )
    exchanges = [(what, run.ask(replace(request, headers=headers), as_is=True)) for what, headers in variants]
    after = run.unfiltered()
    if after is None:
        return
    for what, exchange in exchanges:
        _judge_variant(run, question, what, exchange, run.bracket(before, after))


def _judge_variant(run: Inspection, question: Question, what: str, exchange: Exchange, bracket: Bracket) -> None:
    if 400 <= exchange.status < 500 and exchange.status not in PASSING:
        message = f"{question.title} with {what} was refused with {exchange.status}"
        run.report(Finding("PRE414", message, subject=(what,)).seen_in(exchange))
        return
    answer = run.judged(exchange, acceptable_statuses(question, bracket))
    if answer is not None:
        findings = judge_selection(question, answer, bracket).findings
        told = (replace(finding, message=f"{finding.message}, asked with {what}") for finding in findings)
        run.report(*(replace(finding, subject=(*finding.subject, what)) for finding in told))


def simultaneous_questions(run: Inspection) -> None:
    """Ask different questions at the same time, twice over, so that each new connection carries two of them."""
    questions = run.questions("values")[:_AT_ONCE]
    if len(questions) < 2 or run.shares.transport < 2 * _AT_ONCE:
        run.give_up("simultaneous questions", "too few questions, or no budget left for them")
        return
    together = [replace(question, code="PRE415") for question in questions]

    def ask(question: Question) -> Exchange | TransportError:
        try:
            return run.client.send(run.client.list_request(question.query))
        except TransportError as error:
            return error

    rounds = [together, [*together[1:], together[0]]]
    asked: list[tuple[Question, Exchange | TransportError]] = []
    before = run.opening()
    with ThreadPoolExecutor(len(together)) as pool:
        for each in rounds:
            for _ in each:
                run.budget.spend()
            asked += zip(each, pool.map(ask, each), strict=True)
    after = run.unfiltered()
    if before is None or after is None:
        return
    lost = [exchange for _, exchange in asked if isinstance(exchange, TransportError)]
    for question, exchange in asked:
        if isinstance(exchange, TransportError) and len(lost) < _MANY:
            run.give_up(question.title, f"no answer when asked at the same time as others ({exchange.detail})")
        elif isinstance(exchange, TransportError):
            run.lost(exchange)
        else:
            _judge_simultaneous(run, question, exchange, run.bracket(before, after))


def _judge_simultaneous(run: Inspection, question: Question, exchange: Exchange, bracket: Bracket) -> None:
    run.history.asked(exchange)
    if exchange.status in PASSING:
        run.give_up(question.title, f"answered with {exchange.status} when asked at the same time as others")
        return
    answer = run.judged(exchange, acceptable_statuses(question, bracket))
    if answer is not None:
        run.report(*judge_selection(question, answer, bracket).findings)
