"""Judge one exchange on its own: everything that does not need a second answer."""

from __future__ import annotations

from itertools import chain
from typing import TYPE_CHECKING

from pytest_cce_precheck._text import listed, shortened
from pytest_cce_precheck.contract import deviations, envelope, invariants
from pytest_cce_precheck.contract.answer import Answer, Operation
from pytest_cce_precheck.contract.filters import unsound
from pytest_cce_precheck.contract.findings import Finding, gathered
from pytest_cce_precheck.contract.schema import schema_errors, unknown_fields

if TYPE_CHECKING:
    from collections.abc import Container, Iterable, Iterator

    from pytest_cce_precheck.wire.exchange import Exchange


def check(exchange: Exchange, *, expect: Container[int] | None = None) -> list[Finding]:
    """Return everything that one answer shows against the contract, observations included.

    The operation is known by the request's method: POST creates, anything else lists. ``expect`` holds the statuses
    that the asker has reason to expect; without it any documented status is taken as the right one.

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
    """Do as `check` for all but the filters, and return the success answer too, if there is one to read.

    Each fact is one finding, in however many places the answer shows it.
    """
    findings = gathered(finding for rule in envelope.ENVELOPE_RULES for finding in rule(exchange))
    answer: Answer | None = None
    if exchange.status < 300:
        answer, content = _judge_success(exchange)
        findings = gathered(chain(findings, content))
    elif exchange.status >= 400:
        found = (finding for rule in envelope.ERROR_RULES for finding in rule(exchange))
        findings = gathered(chain(findings, found))
        if expect is not None and exchange.status not in expect and not _says_more(findings, exchange):
            wanted = envelope.operation_status(exchange)
            message = f"status {exchange.status} where {wanted} was expected: {_excerpt(exchange)}"
            findings.append(
                Finding("PRE102", message, subject=tuple(sorted({name for name, _ in exchange.request.params})))
            )
    return answer, [finding.seen_in(exchange) for finding in findings]


def _judge_success(exchange: Exchange) -> tuple[Answer | None, Iterable[Finding]]:
    document, findings = envelope.read_object(exchange)
    if document is None:
        return None, findings
    if envelope.is_error_envelope(document):
        return None, [*findings, Finding("PRE109", f"status {exchange.status} carries the error {_excerpt(exchange)}")]
    operation: Operation = "create" if exchange.request.method == "POST" else "list"
    straight, deviating = deviations.normalise(document, operation)
    answer = Answer(exchange, operation, straight)
    return answer, chain(findings, deviating, _content(answer))


def _content(answer: Answer) -> Iterator[Finding]:
    # one by one: an answer of some megabytes can hold millions of breaches
    schema = f"{answer.operation}_answer"
    rules = invariants.LIST_RULES if answer.operation == "list" else invariants.CREATE_RULES
    for error in schema_errors(answer.document, schema):
        yield Finding(error.code, error.message, path=error.path)
    for rule in rules:
        yield from rule(answer)
    unknown = list(unknown_fields(answer.document, schema))
    if unknown:
        yield Finding("PRE290", f"fields that no document names: {listed(unknown)}", subject=tuple(unknown))


def _says_more(findings: list[Finding], exchange: Exchange) -> bool:
    # a 5xx has a code of its own, and a passing state is for the asker to try again
    return exchange.status in envelope.PASSING or any(finding.code == "PRE103" for finding in findings)


def _excerpt(exchange: Exchange) -> str:
    return shortened(exchange.response.body.decode("utf-8", "replace"), 200)
