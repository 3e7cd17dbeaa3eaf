"""Judge one exchange on its own: everything that needs no second answer."""

from __future__ import annotations

from collections.abc import Container, Iterable, Iterator
from dataclasses import replace
from itertools import chain

from pytest_cce_precheck._text import listed, shortened
from pytest_cce_precheck.contract import deviations, envelope, invariants
from pytest_cce_precheck.contract.answer import Answer, Operation
from pytest_cce_precheck.contract.documented import unknown_fields
from pytest_cce_precheck.contract.filters import unsound
from pytest_cce_precheck.contract.findings import Finding, gathered
from pytest_cce_precheck.contract.http_rules import HTTP_RULES
from pytest_cce_precheck.contract.schema import MANY, is_as_documented, schema_errors
from pytest_cce_precheck.wire.exchange import Exchange


def check(exchange: Exchange, *, expect: Container[int] | None = None) -> list[Finding]:
    """Return everything that one answer shows against the contract, observations included.

    The request's method tells the operation: POST creates, anything else lists. ``expect`` holds the statuses that the
    caller expects; without it any documented status is accepted.

    >>> from pytest_cce_precheck.wire.exchange import Exchange, Request, Response
    >>> asked = Request("GET", "https://cce.example", "/api/v3/projects/p/clusters/c/addons/precheck/tasks")
    >>> [finding.code for finding in check(Exchange(asked, Response(200, body=b"{")))]
    ['PRE106']
    """
    answer, findings = judge(exchange, expect=expect)
    if answer is not None and answer.operation == "list":
        findings = gathered([*findings, *(finding.seen_in(exchange) for finding in unsound(answer))])
    return findings


def judge(exchange: Exchange, *, expect: Container[int] | None = None) -> tuple[Answer | None, list[Finding]]:
    """Do as `check` for all but the filters, and return the success answer too if it can be read.

    Each fact is one finding, however many places of the answer show it.
    """
    findings = gathered(chain.from_iterable(rule(exchange) for rule in (*envelope.ENVELOPE_RULES, *HTTP_RULES)))
    answer: Answer | None = None
    if exchange.status < 300:
        answer, content = _judge_success(exchange)
        findings = gathered(chain(findings, content))
    elif exchange.status >= 400:
        findings = gathered(chain(findings, *(rule(exchange) for rule in envelope.ERROR_RULES)))
        # a failure has a code of its own, and after a passing status the caller tries again
        says_more = exchange.status in envelope.PASSING or envelope.has_failed(exchange)
        if expect is not None and exchange.status not in expect and not says_more:
            wanted = envelope.operation_status(exchange)
            message = f"status {exchange.status}, but {wanted} was expected: {_excerpt(exchange)}"
            asked = tuple(sorted({name for name, _ in exchange.request.params}))
            findings.append(Finding("PRE102", message, subject=asked))
    return answer, [finding.seen_in(exchange) for finding in findings]


def _judge_success(exchange: Exchange) -> tuple[Answer | None, Iterable[Finding]]:
    document, findings = envelope.read_object(exchange)
    if document is None:
        return None, findings
    if envelope.is_error_envelope(document):
        return None, [*findings, Finding("PRE109", f"status {exchange.status} carries the error {_excerpt(exchange)}")]
    if code := envelope.error_in_success(document):
        message = f"the error {code} is beside what was asked for, with status {exchange.status}"
        findings = [*findings, Finding("PRE109", message, path="$", subject=("beside",))]
    operation: Operation = "create" if exchange.request.method == "POST" else "list"
    normal, deviating = deviations.normalise(document, operation)
    answer = Answer(exchange, operation, normal)
    return answer, chain(findings, deviating, _content(answer))


def _content(answer: Answer) -> Iterator[Finding]:
    schema = f"{answer.operation}_answer"
    plain = is_as_documented(answer.document, schema)
    if not plain:
        yield from _schema_findings(answer, schema)
    for rule in invariants.LIST_RULES if answer.operation == "list" else invariants.CREATE_RULES:
        yield from rule(answer)
    unknown = [] if plain else list(unknown_fields(answer.document, schema))
    if unknown:
        yield Finding("PRE290", f"undocumented fields: {listed(unknown)}", subject=tuple(unknown))


def _schema_findings(answer: Answer, schema: str) -> list[Finding]:
    errors = schema_errors(answer.document, schema)
    found = gathered(Finding(error.code, error.message, path=error.path) for error in errors)
    if sum(finding.times for finding in found) < MANY:
        return found
    note = "at least so often: an answer with so many breaches of the schema is not searched to its end"
    return [replace(finding, evidence=(("counted", note),)) for finding in found]


def _excerpt(exchange: Exchange) -> str:
    return shortened(exchange.response.body.decode("utf-8", "replace"), 200)
