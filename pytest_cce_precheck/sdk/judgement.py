"""The result of one case in one SDK: the verdict, and the findings that it rests on."""

from __future__ import annotations

import json
from dataclasses import dataclass, field
from enum import StrEnum
from typing import TYPE_CHECKING, Final

from pytest_cce_precheck.contract.findings import Finding
from pytest_cce_precheck.contract.rules import Severity
from pytest_cce_precheck.sdk.fidelity import compare, shown
from pytest_cce_precheck.wire.exchange import Response

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from pytest_cce_precheck.sdk.case import Case
    from pytest_cce_precheck.sdk.driver import DriverError
    from pytest_cce_precheck.sdk.protocol import DriverAnswer, SdkError
    from pytest_cce_precheck.wire.exchange import Request

_REPLACEMENT: Final = "\ufffd"
_CODES: Final = {"lost": "PRE710", "coerced": "PRE711", "invented": "PRE712"}


class CaseVerdict(StrEnum):
    """What an SDK made of a case."""

    WHOLE = "whole"
    """Everything that is documented was read as it was sent."""
    LOSS = "silent loss"
    """Something was lost without an error."""
    COERCION = "coercion"
    """Something was read as another value, or invented."""
    ACCEPTED = "accepted"
    """A broken answer was accepted as a correct one; nothing of it is lost."""
    ERROR = "error"
    """One of the SDK's documented errors."""
    UNDOCUMENTED = "undocumented error"
    """An error of a type that the SDK does not document."""
    CRASH = "crash"
    """An error of the language itself (a Go panic, a TypeError, a NullPointerException), or the end of the driver."""
    ABSENT = "not offered"
    """The SDK does not offer the call, or the way to authenticate."""


@dataclass(frozen=True)
class CallTiming:
    """The number of requests that arrived for a call, the seconds between them, and those until the call ended."""

    requests: int = 0
    waits: tuple[float, ...] = ()
    seconds: float = 0.0


@dataclass(frozen=True)
class CaseResult:
    """One case in one SDK.

    ``dropped`` are the undocumented fields that the SDK's object does not hold, which is no finding; ``received`` are
    the requests that the SDK sent.
    """

    case: Case
    verdict: CaseVerdict
    findings: tuple[Finding, ...] = ()
    dropped: tuple[str, ...] = ()
    answer: DriverAnswer | None = field(default=None, repr=False)
    timing: CallTiming = CallTiming()
    received: tuple[Request, ...] = field(default=(), repr=False)

    @property
    def right(self) -> bool:
        """Whether there are no findings but notes."""
        return not self.wrong

    @property
    def wrong(self) -> list[Finding]:
        """The findings that are more than notes."""
        return [finding for finding in self.findings if finding.severity is not Severity.NOTE]


def crashed(case: Case, error: DriverError, request_findings: Sequence[Finding]) -> CaseResult:
    """Return the result of a case that ended the driver."""
    crash = Finding("PRE715", str(error).splitlines()[0], subject=(error.reason,))
    return CaseResult(case, CaseVerdict.CRASH, (*request_findings, crash))


def judge(case: Case, answer: DriverAnswer, request_findings: Sequence[Finding]) -> CaseResult:
    """Judge a driver's answer; ``request_findings`` are about the request that the SDK sent."""
    verdict = CaseVerdict.ACCEPTED
    dropped: tuple[str, ...] = ()
    if answer.error is not None:
        undocumented = CaseVerdict.CRASH if answer.error.panic else CaseVerdict.UNDOCUMENTED
        verdict = CaseVerdict.ERROR if answer.error.expected else undocumented
        # the SDK did not see the answer to a request that it never sent
        sent = not any(finding.code == "PRE708" for finding in request_findings)
        found = [*_error_findings(case, answer.error)] if sent else []
    elif case.expect.outcome == "error":
        failed = f"status {case.answer.status}" if isinstance(case.answer, Response) else "a connection that failed"
        message = f"{failed} gave the object {shown(answer.value)} and no error"
        found = [Finding("PRE719", message, subject=(failed,))]
    elif case.document is None:
        verdict, finding = _judge_unreadable(case, answer)
        found = [finding]
    else:
        verdict, found, dropped = _judge_value(case, answer)
    return CaseResult(case, verdict, (*request_findings, *found), dropped, answer)


def _judge_value(case: Case, answer: DriverAnswer) -> tuple[CaseVerdict, list[Finding], tuple[str, ...]]:
    differences = compare(case.document, {} if answer.value is None else answer.value, case.schema)
    found = [
        Finding(
            _CODES[each.kind],
            each.fact,
            path=each.path,
            subject=(each.place,),
            evidence=(("sent", shown(each.sent)), ("held", shown(each.held))),
        )
        for each in differences
        if each.kind != "dropped"
    ]
    dropped = tuple(sorted({each.place for each in differences if each.kind == "dropped"}))
    if found:
        lost = any(finding.code == _CODES["lost"] for finding in found)
        return CaseVerdict.LOSS if lost else CaseVerdict.COERCION, found, dropped
    if case.conforming:
        return CaseVerdict.WHOLE, [], dropped
    return CaseVerdict.ACCEPTED, [_accepted(case)], dropped


def _judge_unreadable(case: Case, answer: DriverAnswer) -> tuple[CaseVerdict, Finding]:
    body = case.answer.body if isinstance(case.answer, Response) else b""
    if _REPLACEMENT in json.dumps(answer.value, ensure_ascii=False) and _REPLACEMENT.encode() not in body:
        message = f"{case.title} Characters that cannot be read became U+FFFD without an error"
        return CaseVerdict.COERCION, Finding("PRE711", message, path="$", subject=("U+FFFD",))
    if answer.value or body.strip() in (b"", b"null"):
        return CaseVerdict.ACCEPTED, _accepted(case)
    message = f"{case.title} Its {len(body)} bytes gave an empty object and no error"
    return CaseVerdict.LOSS, Finding("PRE710", message, path="$", subject=("no JSON",))


def _accepted(case: Case) -> Finding:
    return Finding("PRE716", f"{case.title} It was read without an error", subject=(case.name,))


def _error_findings(case: Case, error: SdkError) -> Iterator[Finding]:
    text = f"{error.type}: {error.message.strip()[:200]}"
    expect = case.expect
    if not error.expected:
        # no document says that a call may take longer than its timeout, nor what type the error then has
        if error.panic or not case.late:
            code = "PRE715" if error.panic else "PRE730"
            yield Finding(code, f"{case.title} The call ended in {text}", subject=(error.type, expect.outcome))
        return
    if expect.outcome == "value":
        message = f"{case.title} The contract allows that, but the call ended in {text}"
        yield Finding("PRE713", message, subject=(error.type,))
        return
    for name, expected, actual in (
        ("status", (expect.status,), error.status),
        ("code", (expect.code,), error.code),
        ("request_id", expect.request_ids or (None,), error.request_id),
    ):
        if expected[0] is not None and actual not in expected:
            instead = "nothing" if actual is None else shown(actual)
            message = f"the error has {instead} in place of the {name} {shown(expected[0])}"
            yield Finding("PRE714", message, subject=(name, str(expect.status)))
    if expect.message is not None and expect.message not in error.message:
        message = f"the error says {shown(error.message)} in place of {shown(expect.message)}"
        yield Finding("PRE714", message, subject=("message", str(expect.status)))
