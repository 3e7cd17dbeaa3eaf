"""What the fixture ``cce_sdk`` hands out, and `assert_lossless`."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any

from pytest_cce_precheck.errors import ConfigurationError
from pytest_cce_precheck.report.text import ContractViolation, headline
from pytest_cce_precheck.sdk.case import Case, CaseKind
from pytest_cce_precheck.sdk.cases import find_case
from pytest_cce_precheck.sdk.corpus import Corpus, corpus_server
from pytest_cce_precheck.sdk.driver import Driver, driver_command
from pytest_cce_precheck.sdk.judgement import CaseVerdict, judge
from pytest_cce_precheck.sdk.run import call_of, corpus_credentials, for_sdk
from pytest_cce_precheck.sdk.versions import installed_driver, python_driver
from pytest_cce_precheck.wire.exchange import Headers, Response

if TYPE_CHECKING:
    from collections.abc import Sequence

    from pytest_cce_precheck.sdk.protocol import Operation


def driver_commands(texts: Sequence[str]) -> tuple[tuple[str, ...], ...]:
    """Return the commands that ``--cce-driver`` names, or the Python driver where it names none."""
    return tuple(map(driver_command, texts)) or (python_driver(),)


def sdk_driver(command: Sequence[str]) -> Driver:
    """Return the driver that ``cce_sdk`` is, not yet started: a context manager; raises `ConfigurationError`."""
    if tuple(command) == python_driver():
        command = installed_driver()
    return Driver(command, corpus_credentials())


def assert_lossless(driver: Driver, answer: str | bytes | dict[str, Any], *, operation: Operation = "list") -> None:
    """Fail where the SDK of a started driver does not hold what it is sent.

    ``answer`` is the name of a case, or the body of a success answer to ``operation``. Raises `ContractViolation`
    where a documented field is lost, coerced or invented, where the call fails, and where the SDK has no such call or
    no such way to authenticate.
    """
    __tracebackhide__ = True
    if isinstance(answer, str) and answer.lstrip().startswith(("{", "[")):
        raise ConfigurationError("assert_lossless takes a text as the name of a case: give a body as bytes, or a dict")
    wanted = find_case(answer) if isinstance(answer, str) else _case_of(answer, operation)
    can = driver.introduction
    case = for_sdk(wanted, can)
    if case is None:
        text = f"{can.name} has no call {wanted.operation} with {wanted.authentication}: not offered"
        raise ContractViolation(text, ())
    with corpus_server(Corpus([case])) as server:
        result = judge(case, driver.call(call_of(case, server.endpoint)), ())
    if result.verdict not in (CaseVerdict.WHOLE, CaseVerdict.ACCEPTED) and result.findings:
        told = "\n".join(map(headline, result.findings))
        raise ContractViolation(f"{can.name} with {case.name}: {result.verdict}\n{told}", result.findings)


def _case_of(body: bytes | dict[str, Any], operation: Operation) -> Case:
    content = body if isinstance(body, bytes) else json.dumps(body).encode()
    answer = Response(201 if operation == "create" else 200, Headers({"Content-Type": "application/json"}), content)
    return Case("the body given", CaseKind.EXAMPLE, "The body given.", answer, operation, number=1)
