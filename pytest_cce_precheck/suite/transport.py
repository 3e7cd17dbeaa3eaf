"""The checks of what lies around a question: request headers that must not matter, other questions meanwhile."""

from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, replace
from http import HTTPStatus
from typing import TYPE_CHECKING, Final

from pytest_cce_precheck.contract.envelope import PASSING
from pytest_cce_precheck.contract.filters import SelectionVerdict
from pytest_cce_precheck.contract.findings import Finding
from pytest_cce_precheck.explore.classes import MATCHING
from pytest_cce_precheck.explore.queries import FilterValue, select
from pytest_cce_precheck.suite.brackets import close_bracket
from pytest_cce_precheck.suite.filters import AskedQuery
from pytest_cce_precheck.wire.exchange import TransportError
from pytest_cce_precheck.wire.vocabulary import Filter, TaskType

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from pytest_cce_precheck.contract.answer import Answer
    from pytest_cce_precheck.contract.filters import Bracket, Query
    from pytest_cce_precheck.suite.inspection import Inspection
    from pytest_cce_precheck.wire.exchange import Exchange, Request

    _Outcome = tuple[Query, Exchange | TransportError]

# D: Content-Type is a header of the request, and GET does not check it
_CONTENT_TYPES: Final = ("application/json;charset=utf-8", "text/plain")
_AT_ONCE: Final = 4
# one connection may be lost by chance
_MANY: Final = 3


def request_headers(run: Inspection) -> None:
    """Ask with headers that must not matter: another Content-Type, names in another case, none that can be left out."""
    if run.shares.transport < _AT_ONCE:
        run.leave_out("request headers", "--cce-budget is too small for it")
        return
    before = run.opening()
    question = select([FilterValue(Filter.TYPE, TaskType.STATIC, MATCHING)], code="PRE414")
    if before is None:
        run.give_up("request headers", "the unfiltered list cannot be read, so there is nothing to compare with")
        return
    judges = []
    for what, exchange in _asked_otherwise(run, question):
        if exchange.status in PASSING:
            run.judged(exchange, {200})
        else:
            judges.append(_Variant(AskedQuery(run, question, exchange), what))
    closed = close_bracket(run, before, judges)
    for verdict in closed[1] if closed is not None else ():
        run.report(*verdict.findings)


def _asked_otherwise(run: Inspection, question: Query) -> Iterator[tuple[str, Exchange]]:
    plain = run.client.list_request(question.query)
    changes = [(f"Content-Type {each}", "Content-Type", each) for each in _CONTENT_TYPES]
    for what, name, value in (*changes, ("Accept */*", "Accept", "*/*")):
        # signed anew: the header may be among those that the signature covers
        yield what, run.ask(replace(plain, headers=plain.headers.replacing(name, value)))
    exchange = run.ask(_in_lower_case(run, plain), as_is=True)
    if exchange.status == HTTPStatus.UNAUTHORIZED:
        # as it is, a request does not get a new token where the old one has just ended
        run.ask(plain)
        exchange = run.ask(_in_lower_case(run, plain), as_is=True)
    yield "header names in lower case", exchange


def _in_lower_case(run: Inspection, plain: Request) -> Request:
    headers = run.client.authenticated(plain).headers
    return replace(plain, headers=type(headers)((name.lower(), value) for name, value in headers.pairs))


@dataclass(frozen=True)
class _Variant:
    """A question that was asked with other headers."""

    asked: AskedQuery
    what: str

    def __call__(self, bracket: Bracket) -> SelectionVerdict:
        status = self.asked.exchange.status
        if 400 <= status < 500:
            message = f"{self.asked.question.title} with {self.what} was refused with {status}"
            return SelectionVerdict((Finding("PRE414", message, subject=(self.what,)).seen_in(self.asked.exchange),))
        found = self.asked(bracket).findings
        alone, selected = found[: len(self.asked.alone)], found[len(self.asked.alone) :]
        told = (
            replace(each, message=f"{each.message}, asked with {self.what}", subject=(*each.subject, self.what))
            for each in selected
        )
        return SelectionVerdict((*alone, *told))


def simultaneous_questions(run: Inspection) -> None:
    """Ask different questions at the same time, twice over, so that each new connection carries two of them."""
    if run.shares.transport < 2 * _AT_ONCE:
        run.leave_out("simultaneous questions", "--cce-budget is too small for it")
        return
    questions = run.questions("values")[:_AT_ONCE]
    if len(questions) < 2:
        run.give_up("simultaneous questions", "too few questions")
        return
    together = [replace(question, code="PRE415") for question in questions]

    before = run.opening()
    asked = _asked_together(run, together) + _asked_together(run, [*together[1:], together[0]])
    lost = [question for question, exchange in asked if isinstance(exchange, TransportError)]
    if len(lost) >= _MANY:
        # several at a time may still be chance; as many again are not
        run.budget.retried += len(lost)
        asked = [each for each in asked if not isinstance(each[1], TransportError)]
        asked += _asked_together(run, lost[:_AT_ONCE]) + _asked_together(run, lost[_AT_ONCE:])
    if before is not None:
        _judge_together(run, before, asked)


def _asked_together(run: Inspection, questions: Sequence[Query]) -> list[_Outcome]:
    def ask(question: Query) -> Exchange | TransportError:
        try:
            return run.client.send(run.client.list_request(question.query))
        except TransportError as error:
            return error

    for _ in questions:
        run.budget.spend()
    with ThreadPoolExecutor(_AT_ONCE) as pool:
        return list(zip(questions, pool.map(ask, questions), strict=True))


def _judge_together(run: Inspection, before: Answer, asked: Sequence[_Outcome]) -> None:
    many = sum(isinstance(exchange, TransportError) for _, exchange in asked) >= _MANY
    judges: list[AskedQuery] = []
    for question, exchange in asked:
        if not isinstance(exchange, TransportError):
            judges += _came_through(run, question, exchange)
        elif not many:
            run.give_up(question.title, f"no answer when asked at the same time as others ({exchange.detail})")
        else:
            run.lost(exchange)
    closed = close_bracket(run, before, judges)
    for verdict in closed[1] if closed is not None else ():
        run.report(*verdict.findings)


def _came_through(run: Inspection, question: Query, exchange: Exchange) -> Iterator[AskedQuery]:
    run.history.asked(exchange)
    if exchange.status in PASSING:
        run.give_up(question.title, f"answered with {exchange.status} when asked at the same time as others")
    else:
        run.answers += 1
        yield AskedQuery(run, question, exchange)
