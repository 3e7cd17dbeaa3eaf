"""Ask an SDK for every case: one server, one driver, and a result for each."""

from __future__ import annotations

from collections import Counter
from concurrent.futures import ThreadPoolExecutor, as_completed
from dataclasses import dataclass, replace
from hashlib import sha256
from itertools import pairwise
from time import monotonic
from typing import TYPE_CHECKING, Final

from pytest_cce_precheck.sdk.case import PROJECT_ID
from pytest_cce_precheck.sdk.corpus import Corpus, corpus_server
from pytest_cce_precheck.sdk.driver import GRACE_SECONDS, Driver, DriverError
from pytest_cce_precheck.sdk.judgement import CallTiming, CaseResult, crashed, judge, not_offered
from pytest_cce_precheck.sdk.protocol import DriverCall, Introduction
from pytest_cce_precheck.sdk.request_fidelity import request_findings
from pytest_cce_precheck.wire.credentials import Credentials, Secret

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping, Sequence

    from pytest_cce_precheck.sdk.case import Case

# how many cases in a row may end a driver so, before it is asked no further
_MOST_IN_A_ROW: Final[Mapping[str, int]] = {"died": 4, "hangs": 1}
# each takes its time
_MOST_HANGS: Final = 8


@dataclass(frozen=True)
class SdkReport:
    """Every case in one SDK."""

    introduction: Introduction
    results: tuple[CaseResult, ...]


def run_sdk(driver: Driver, credentials: Credentials, cases: Sequence[Case]) -> SdkReport:
    """Ask a started driver for every case, on a server of its own; raises `DriverError` if it breaks off."""
    corpus = Corpus(cases)
    with corpus_server(corpus) as server:
        results = tuple(_cells(driver, credentials, cases, corpus, server.endpoint))
    return SdkReport(driver.introduction, results)


def run_sdks(
    commands: Sequence[Sequence[str]], cases: Sequence[Case], *, grace: float = GRACE_SECONDS
) -> tuple[SdkReport, ...]:
    """Start a driver for each command and run them side by side; where one breaks off, none goes on."""
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
                driver.give_up()
            raise
    return tuple(each.result() for each in runs)


def corpus_credentials() -> Credentials:
    """Return the credentials that drivers are started with; they open nothing."""
    token, access_key, secret_key, security_token = (
        Secret(f"SIMULATED-{kind}-{sha256(kind.encode()).hexdigest()[:20]}") for kind in ("TOKEN", "AK", "SK", "STS")
    )
    return Credentials(token=token, access_key=access_key, secret_key=secret_key, security_token=security_token)


def call_of(case: Case, endpoint: str) -> DriverCall:
    """Return the call that asks for a case."""
    return DriverCall(
        endpoint,
        PROJECT_ID,
        case.cluster_id,
        operation=case.operation,
        filters=case.filters,
        addons=case.addons,
        authentication=case.authentication,
        timeout=case.timeout,
    )


def for_sdk(case: Case, can: Introduction) -> Case | None:
    """Return a case as an SDK can be asked for it, None where it has no such call or no such way to authenticate.

    Who has no AK/SK is asked with what there is, but for the cases that are about a way to authenticate.
    """
    if case.authentication == "ak/sk" and can.authentication and case.authentication not in can.authentication:
        case = replace(case, authentication=can.authentication[0])
    return case if case.operation in can.operations and case.authentication in can.authentication else None


def _cells(
    driver: Driver, credentials: Credentials, cases: Sequence[Case], corpus: Corpus, endpoint: str
) -> Iterator[CaseResult]:
    in_a_row: Counter[str] = Counter()
    hung = 0
    for asked in cases:
        case = for_sdk(asked, driver.introduction)
        if case is None:
            yield not_offered(asked)
            continue
        call, before, began = call_of(case, endpoint), corpus.count, monotonic()
        try:
            answer = driver.call(call)
        except DriverError as error:
            in_a_row[error.reason] += 1
            hung += error.reason == "hangs"
            if in_a_row[error.reason] > _MOST_IN_A_ROW.get(error.reason, 0) or hung > _MOST_HANGS:
                raise
            received = corpus.since(before)
            result = crashed(case, error, tuple(request_findings(call, received, case.answer, credentials)))
            driver.start()
        else:
            in_a_row.clear()
            received = corpus.since(before)
            result = judge(case, answer, tuple(request_findings(call, received, case.answer, credentials)))
        waits = tuple(after.at - each.at for each, after in pairwise(received))
        yield replace(result, timing=CallTiming(len(received), waits, monotonic() - began))
