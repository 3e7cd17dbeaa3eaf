"""Ask an SDK for every case: one server, one driver, and a cell for each."""

from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from hashlib import sha256
from typing import TYPE_CHECKING, Final

from pytest_cce_precheck.sdk.case import PROJECT_ID
from pytest_cce_precheck.sdk.corpus import Corpus, corpus_server
from pytest_cce_precheck.sdk.driver import Driver, DriverError
from pytest_cce_precheck.sdk.judgement import Cell, ended, judge, not_offered
from pytest_cce_precheck.sdk.protocol import Call, Introduction
from pytest_cce_precheck.sdk.request_fidelity import request_findings
from pytest_cce_precheck.wire.credentials import Credentials, Secret

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from pytest_cce_precheck.sdk.case import Case

# a driver that dies on everything is asked no further
_MOST_ENDS: Final = 5
_OF_THE_CASE: Final = frozenset({"hangs", "died"})


@dataclass(frozen=True)
class SdkReport:
    """Every case in one SDK."""

    introduction: Introduction
    cells: tuple[Cell, ...]


def run_sdk(driver: Driver, credentials: Credentials, cases: Sequence[Case]) -> SdkReport:
    """Ask a started driver for every case, on a server of its own; raises `DriverError` where it breaks off."""
    corpus = Corpus(cases)
    with corpus_server(corpus) as server:
        cells = tuple(_cells(driver, credentials, cases, corpus, server.endpoint))
    return SdkReport(driver.introduction, cells)


def run_sdks(commands: Sequence[Sequence[str]], cases: Sequence[Case]) -> tuple[SdkReport, ...]:
    """Start a driver for each command and run them side by side."""
    credentials = corpus_credentials()

    def run(command: Sequence[str]) -> SdkReport:
        with Driver(command, credentials) as driver:
            return run_sdk(driver, credentials, cases)

    with ThreadPoolExecutor(max_workers=len(commands)) as pool:
        return tuple(pool.map(run, commands))


def corpus_credentials() -> Credentials:
    """Give the credentials that drivers are started with; they open nothing."""
    token, access_key, secret_key, security_token = (
        Secret(f"SIMULATED-{kind}-{sha256(kind.encode()).hexdigest()[:20]}") for kind in ("TOKEN", "AK", "SK", "STS")
    )
    return Credentials(token=token, access_key=access_key, secret_key=secret_key, security_token=security_token)


def call_of(case: Case, endpoint: str) -> Call:
    """Give the call that asks for a case."""
    return Call(
        endpoint,
        PROJECT_ID,
        case.cluster_id,
        operation=case.operation,
        filters=case.filters,
        addons=case.addons,
        authentication=case.authentication,
        timeout=case.timeout,
    )


def _cells(
    driver: Driver, credentials: Credentials, cases: Sequence[Case], corpus: Corpus, endpoint: str
) -> Iterator[Cell]:
    ends = 0
    for case in cases:
        can = driver.introduction
        if case.operation not in can.operations or case.authentication not in can.authentication:
            yield not_offered(case)
            continue
        call, before = call_of(case, endpoint), corpus.count
        try:
            answer = driver.call(call)
        except DriverError as error:
            ends += 1
            if error.reason not in _OF_THE_CASE or ends > _MOST_ENDS:
                raise
            yield ended(case, error, tuple(request_findings(call, corpus.since(before), case.answer, credentials)))
            driver.start()
            continue
        received = corpus.since(before)
        yield judge(case, answer, tuple(request_findings(call, received, case.answer, credentials)))
