"""What became of one case in one SDK: the verdict, and the findings that it rests on."""

from __future__ import annotations

import json
from dataclasses import dataclass, field
from enum import StrEnum
from typing import TYPE_CHECKING, Final

from pytest_cce_precheck.contract.findings import Finding
from pytest_cce_precheck.contract.rules import Severity
from pytest_cce_precheck.sdk.fidelity import FieldDifference, compare, shown
from pytest_cce_precheck.wire.exchange import Response

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from pytest_cce_precheck.sdk.case import Case
    from pytest_cce_precheck.sdk.driver import DriverError
    from pytest_cce_precheck.sdk.protocol import DriverAnswer, SdkError

_REPLACED: Final = "\ufffd"
_CODES: Final = {"lost": "PRE710", "coerced": "PRE711", "invented": "PRE712"}


class CaseVerdict(StrEnum):
    """What became of a case."""

    WHOLE = "whole"
    """Everything that is documented was read as it was sent."""
    LOSS = "silent loss"
    """Something is gone, and nothing tells."""
    COERCION = "coercion"
    """Something was read as another value, or made up."""
    ACCEPTED = "accepted"
    """A broken answer was taken as if it were right; nothing of it is lost."""
    ERROR = "error"
    """One of the SDK's documented errors."""
    CRASH = "crash"
    """A bare error of the language, or the end of the driver."""
    ABSENT = "not offered"
    """The SDK has no such call, or no such way to authenticate."""


@dataclass(frozen=True)
class CallTiming:
    """How a call went: the requests that arrived for it, the seconds between them, and until it ended."""

    requests: int = 0
    waits: tuple[float, ...] = ()
    seconds: float = 0.0


@dataclass(frozen=True)
class CaseResult:
    """One case in one SDK.

    ``dropped`` are the undocumented fields that its object does not hold, which is no finding.
    """

    case: Case
    verdict: CaseVerdict
    findings: tuple[Finding, ...] = ()
    dropped: tuple[str, ...] = ()
    answer: DriverAnswer | None = field(default=None, repr=False)
    timing: CallTiming = CallTiming()

    @property
    def right(self) -> bool:
        """Whether there is nothing to complain of but notes."""
        return all(finding.severity is Severity.NOTE for finding in self.findings)


def not_offered(case: Case) -> CaseResult:
    """Return the result of a case that the SDK has no means for."""
    return CaseResult(case, CaseVerdict.ABSENT)


def crashed(case: Case, error: DriverError, sent: Sequence[Finding]) -> CaseResult:
    """Return the result of a case that the driver did not survive."""
    fact = str(error).splitlines()[0]
    return CaseResult(case, CaseVerdict.CRASH, (*sent, Finding("PRE715", fact, subject=(error.reason,))))


def judge(case: Case, answer: DriverAnswer, sent: Sequence[Finding]) -> CaseResult:
    """Judge an answer; ``sent`` is what was found in the request."""
    if answer.error is not None:
        verdict = CaseVerdict.ERROR if answer.error.expected else CaseVerdict.CRASH
        # what was never sent can have no answer to be read
        found = () if any(finding.code == "PRE708" for finding in sent) else tuple(_of_error(case, answer.error))
        return CaseResult(case, verdict, (*sent, *found), answer=answer)
    if case.expect.outcome == "error":
        return CaseResult(case, CaseVerdict.ACCEPTED, (*sent, _taken_as_success(case, answer)), answer=answer)
    if case.document is None:
        return _of_no_document(case, answer, sent)
    return _of_value(case, answer, sent)


def _of_value(case: Case, answer: DriverAnswer, sent: Sequence[Finding]) -> CaseResult:
    differences = compare(case.document, {} if answer.value is None else answer.value, case.schema)
    found = tuple(_of_difference(difference) for difference in differences if difference.kind != "dropped")
    kinds = {difference.kind for difference in differences}
    verdict = CaseVerdict.WHOLE if case.conforming else CaseVerdict.ACCEPTED
    if "lost" in kinds:
        verdict = CaseVerdict.LOSS
    elif kinds & {"coerced", "invented"}:
        verdict = CaseVerdict.COERCION
    elif not case.conforming:
        found = (_accepted(case),)
    dropped = tuple(sorted({difference.place for difference in differences if difference.kind == "dropped"}))
    return CaseResult(case, verdict, (*sent, *found), dropped, answer)


def _of_no_document(case: Case, answer: DriverAnswer, sent: Sequence[Finding]) -> CaseResult:
    body = case.answer.body if isinstance(case.answer, Response) else b""
    if _REPLACED in json.dumps(answer.value, ensure_ascii=False) and _REPLACED.encode() not in body:
        message = f"{case.title} Characters that could not be read became U+FFFD, and no error told"
        found = Finding("PRE711", message, path="$", subject=("U+FFFD",))
        return CaseResult(case, CaseVerdict.COERCION, (*sent, found), answer=answer)
    if answer.value or body.strip() in (b"", b"null"):
        return CaseResult(case, CaseVerdict.ACCEPTED, (*sent, _accepted(case)), answer=answer)
    message = f"{case.title} Its {len(body)} bytes gave an empty object and no error"
    return CaseResult(
        case, CaseVerdict.LOSS, (*sent, Finding("PRE710", message, path="$", subject=("no JSON",))), answer=answer
    )


def _accepted(case: Case) -> Finding:
    return Finding("PRE716", f"{case.title} It was read without a word", subject=(case.name,))


def _of_difference(difference: FieldDifference) -> Finding:
    evidence = (("sent", shown(difference.sent)), ("held", shown(difference.held)))
    subject = (difference.place,)
    return Finding(_CODES[difference.kind], difference.fact, path=difference.path, subject=subject, evidence=evidence)


def _taken_as_success(case: Case, answer: DriverAnswer) -> Finding:
    came = f"status {case.answer.status}" if isinstance(case.answer, Response) else "a connection that failed"
    return Finding("PRE719", f"{came} gave the object {shown(answer.value)} and no error", subject=(came,))


def _of_error(case: Case, error: SdkError) -> Iterator[Finding]:
    said = f"{error.type}: {error.message.strip()[:200]}"
    if not error.expected:
        yield Finding("PRE715", f"{case.title} The call ended in {said}", subject=(error.type, case.expect.outcome))
        return
    expect = case.expect
    if expect.outcome == "value":
        yield Finding("PRE713", f"{case.title} That is allowed, and the call ended in {said}", subject=(error.type,))
        return
    for name, wanted, told in (
        ("status", expect.status, error.status),
        ("code", expect.code, error.code),
        ("request_id", expect.request_ids or None, error.request_id),
    ):
        if wanted is not None and told != wanted and told not in (wanted if isinstance(wanted, tuple) else ()):
            instead = "nothing" if told is None else shown(told)
            sent = wanted[0] if isinstance(wanted, tuple) else wanted
            yield _not_told(name, f"the error tells {instead} in place of the {name} {shown(sent)}", case)
    if expect.message is not None and expect.message not in error.message:
        told_message = shown(error.message)
        yield _not_told("message", f"the error says {told_message} in place of {shown(expect.message)}", case)


def _not_told(name: str, message: str, case: Case) -> Finding:
    return Finding("PRE714", message, subject=(name, str(case.expect.status)))
