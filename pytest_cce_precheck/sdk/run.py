"""Ask an SDK for every case: one server, one driver, and one result for each case."""

from __future__ import annotations

from collections import Counter
from concurrent.futures import ThreadPoolExecutor, as_completed
from dataclasses import dataclass, replace
from hashlib import sha256
from itertools import pairwise
from time import monotonic
from typing import TYPE_CHECKING, Final

from pytest_cce_precheck.sdk.corpus import Corpus, corpus_server
from pytest_cce_precheck.sdk.driver import GRACE_SECONDS, Driver, DriverError
from pytest_cce_precheck.sdk.judgement import CallTiming, CaseResult, CaseVerdict, crashed, judge
from pytest_cce_precheck.sdk.request_fidelity import request_findings
from pytest_cce_precheck.wire.credentials import Credentials, Secret

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping, Sequence

    from pytest_cce_precheck.sdk.case import Case
    from pytest_cce_precheck.sdk.protocol import DriverAnswer, Introduction

# how many cases in a row may end a driver for this reason before the run ends; for any other reason it ends at once
_MOST_IN_A_ROW: Final[Mapping[str, int]] = {"died": 4, "hangs": 1}
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
        except DriverError as error:
            answer = error
            in_a_row[error.reason] += 1
            hangs += error.reason == "hangs"
            if in_a_row[error.reason] > _MOST_IN_A_ROW.get(error.reason, 0) or hangs > _MOST_HANGS:
                raise
        received = corpus.since(before)
        found = tuple(request_findings(call, received, case.answer, credentials))
        result = crashed(case, answer, found) if isinstance(answer, DriverError) else judge(case, answer, found)
        waits = tuple(after.at - each.at for each, after in pairwise(received))
        timing = CallTiming(len(received), waits, monotonic() - began)
        yield replace(result, timing=timing, received=tuple(each.request for each in received))
        if isinstance(answer, DriverError):
            driver.start()
