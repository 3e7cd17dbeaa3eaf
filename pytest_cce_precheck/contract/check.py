"""Judge one exchange on its own: everything that does not need a second answer."""

from __future__ import annotations

from typing import TYPE_CHECKING

from pytest_cce_precheck.contract import deviations, envelope, invariants
from pytest_cce_precheck.contract.answer import Answer, Operation
from pytest_cce_precheck.contract.filters import unsound
from pytest_cce_precheck.contract.findings import Finding
from pytest_cce_precheck.contract.schema import schema_errors, unknown_fields

if TYPE_CHECKING:
    from collections.abc import Container

    from pytest_cce_precheck.wire.exchange import Exchange


def check(exchange: Exchange, *, expect: Container[int] | None = None) -> list[Finding]:
    """Give everything that one answer shows against the contract, observations included.

    The operation is known by the request's method: POST creates, anything else lists. ``expect`` holds the statuses
    that the asker has reason to expect; without it any documented status is taken as the right one.

    >>> from pytest_cce_precheck.wire.exchange import Exchange, Request, Response
    >>> asked = Request("GET", "https://cce.example", "/api/v3/projects/p/clusters/c/addons/precheck/tasks")
    >>> [finding.code for finding in check(Exchange(asked, Response(200, body=b"{")))]
    ['PRE106']
    """
    answer, findings = judge(exchange, expect=expect)
    if answer is not None and answer.operation == "list":
        findings += [finding.seen_in(exchange) for finding in unsound(answer)]
    return findings


def judge(exchange: Exchange, *, expect: Container[int] | None = None) -> tuple[Answer | None, list[Finding]]:
    """Do as `check` for all but the filters, and give the success answer too, where there is one to read."""
    findings = [finding for rule in envelope.ENVELOPE_RULES for finding in rule(exchange)]
    answer: Answer | None = None
    if exchange.status < 300:
        answer, content = _judge_success(exchange)
        findings += content
    elif exchange.status >= 400:
        findings += [finding for rule in envelope.ERROR_RULES for finding in rule(exchange)]
        if expect is not None and exchange.status not in expect and not _says_more(findings, exchange):
            wanted = envelope.operation_status(exchange)
            message = f"status {exchange.status} where {wanted} was expected: {_excerpt(exchange)}"
            findings.append(
                Finding("PRE102", message, subject=tuple(sorted({name for name, _ in exchange.request.params})))
            )
    return answer, [finding.seen_in(exchange) for finding in findings]


def _judge_success(exchange: Exchange) -> tuple[Answer | None, list[Finding]]:
    document, findings = envelope.read_object(exchange)
    if document is None:
        return None, findings
    if envelope.is_error_envelope(document):
        return None, [*findings, Finding("PRE109", f"status {exchange.status} carries the error {_excerpt(exchange)}")]
    operation: Operation = "create" if exchange.request.method == "POST" else "list"
    straight, deviating = deviations.normalise(document, operation)
    answer = Answer(exchange, operation, straight)
    schema = f"{operation}_answer"
    rules = invariants.LIST_RULES if operation == "list" else invariants.CREATE_RULES
    findings += deviating
    findings += [Finding(error.code, error.message, path=error.path) for error in schema_errors(straight, schema)]
    findings += [finding for rule in rules for finding in rule(answer)]
    unknown = list(unknown_fields(straight, schema))
    if unknown:
        findings.append(
            Finding("PRE290", f"fields that no document names: {', '.join(unknown)}", subject=tuple(unknown))
        )
    return answer, findings


def _says_more(findings: list[Finding], exchange: Exchange) -> bool:
    # a 5xx has a code of its own, and a passing state is for the asker to try again
    return exchange.status in envelope.PASSING or any(finding.code == "PRE103" for finding in findings)


def _excerpt(exchange: Exchange) -> str:
    text = exchange.response.body.decode("utf-8", "replace")
    return text if len(text) <= 200 else text[:197] + "..."
