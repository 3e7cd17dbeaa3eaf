"""Ask an SDK for every case (one server, one driver), and judge each result."""

from __future__ import annotations

import json
from collections import Counter
from concurrent.futures import ThreadPoolExecutor, as_completed
from dataclasses import dataclass, field, replace
from enum import StrEnum
from hashlib import sha256
from itertools import pairwise
from time import monotonic
from typing import TYPE_CHECKING, Final

from pytest_cce_precheck.contract.findings import Finding
from pytest_cce_precheck.contract.rules import Severity
from pytest_cce_precheck.errors import ConfigurationError
from pytest_cce_precheck.sdk.corpus import Corpus, corpus_server
from pytest_cce_precheck.sdk.driver import GRACE_SECONDS, Driver, DriverError
from pytest_cce_precheck.sdk.fidelity import compare, shown
from pytest_cce_precheck.sdk.request_fidelity import request_findings
from pytest_cce_precheck.wire.credentials import Credentials, Secret
from pytest_cce_precheck.wire.exchange import Response

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping, Sequence

    from pytest_cce_precheck.sdk.case import Case
    from pytest_cce_precheck.sdk.protocol import DriverAnswer, Introduction, SdkError
    from pytest_cce_precheck.wire.exchange import Request

# how many cases in a row may end a driver for this reason before the run ends; for any other reason it ends at once
_MOST_IN_A_ROW: Final[Mapping[str, int]] = {"died": 4, "hangs": 1, "rubbish": 4}
# each takes as long as the driver may take
_MOST_HANGS: Final = 8


@dataclass(frozen=True)
class SdkReport:
    """The results of every case in one SDK."""

    introduction: Introduction
    results: tuple[CaseResult, ...]


def run_sdk(driver: Driver, credentials: Credentials, cases: Sequence[Case]) -> SdkReport:
    """Ask a started driver for every case, on a server of its own; raise `DriverError` if it fails too often."""
    corpus = Corpus(cases)
    with corpus_server(corpus) as server:
        results = tuple(_results(driver, credentials, cases, corpus, server.endpoint))
    return SdkReport(driver.introduction, results)


def refuse_nothing_asked(report: SdkReport) -> None:
    """Raise `ConfigurationError` if the SDK could be asked for no case: that shows nothing."""
    sdk = report.introduction
    if all(result.verdict is CaseVerdict.ABSENT for result in report.results):
        operations, authentication = (", ".join(names) or "none" for names in (sdk.operations, sdk.authentication))
        raise ConfigurationError(
            f"{sdk.name} was asked nothing: its driver offers the operations {operations} and the authentication"
            f" {authentication}, and every case needs others (see docs/how-to-driver.md)"
        )


def run_sdks(
    commands: Sequence[Sequence[str]], cases: Sequence[Case], *, grace: float = GRACE_SECONDS
) -> tuple[SdkReport, ...]:
    """Start a driver for each command and run them at the same time; if one fails, end all of them."""
    credentials = corpus_credentials()
    drivers = [Driver(command, credentials, grace=grace) for command in commands]

    def run(driver: Driver) -> SdkReport:
        with driver:
            return run_sdk(driver, credentials, cases)

    with ThreadPoolExecutor(max_workers=len(commands)) as pool:
        runs = [pool.submit(run, driver) for driver in drivers]
        try:
            for done in as_completed(runs):
                done.result()
        except BaseException:
            # an interrupt, too, must not wait for a driver that hangs
            for driver in drivers:
                driver.cancel()
            raise
    return tuple(each.result() for each in runs)


def corpus_credentials() -> Credentials:
    """Return the credentials that drivers are started with; no real service accepts them."""
    token, access_key, secret_key, security_token = (
        Secret(f"SIMULATED-{kind}-{sha256(kind.encode()).hexdigest()[:20]}") for kind in ("TOKEN", "AK", "SK", "STS")
    )
    return Credentials(token=token, access_key=access_key, secret_key=secret_key, security_token=security_token)


def for_sdk(case: Case, sdk: Introduction) -> Case | None:
    """Return the case as this SDK can be asked for it; None if it has no such call or no such way to authenticate.

    An SDK without AK/SK authenticates as it can, unless the case is about a way to authenticate.
    """
    if case.authentication == "ak/sk" and sdk.authentication and case.authentication not in sdk.authentication:
        case = replace(case, authentication=sdk.authentication[0])
    return case if case.operation in sdk.operations and case.authentication in sdk.authentication else None


def _results(
    driver: Driver, credentials: Credentials, cases: Sequence[Case], corpus: Corpus, endpoint: str
) -> Iterator[CaseResult]:
    in_a_row: Counter[str] = Counter()
    hangs = 0
    has_answered = False
    for original in cases:
        case = for_sdk(original, driver.introduction)
        if case is None:
            yield CaseResult(original, CaseVerdict.ABSENT)
            continue
        call, before, began = case.call(endpoint), corpus.count, monotonic()
        answer: DriverAnswer | DriverError
        try:
            answer = driver.call(call)
            in_a_row.clear()
            has_answered = True
        except DriverError as error:
            answer = error
            in_a_row[error.reason] += 1
            hangs += error.reason == "hangs"
            # neighbours in the corpus are alike: only a driver that answered nothing yet cannot write a message at all
            is_bearable = error.reason == "rubbish" and has_answered
            is_too_often = in_a_row[error.reason] > _MOST_IN_A_ROW.get(error.reason, 0)
            if (is_too_often and not is_bearable) or hangs > _MOST_HANGS:
                raise
        received = corpus.since(before)
        found = tuple(request_findings(call, received, case.answer, credentials))
        result = crashed(case, answer, found) if isinstance(answer, DriverError) else judge(case, answer, found)
        waits = tuple(after.at - each.at for each, after in pairwise(received))
        timing = CallTiming(len(received), waits, monotonic() - began)
        yield replace(result, timing=timing, received=tuple(each.request for each in received))
        if isinstance(answer, DriverError):
            driver.start()


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
    """An error of the language itself (a Go panic, a TypeError, a NullPointerException), or no answer of the driver."""
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
    """Return the result of a case that the driver did not answer with a message."""
    crash = Finding("PRE715", error.fact, subject=(error.reason,))
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
