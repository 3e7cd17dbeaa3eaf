"""What the fixture ``cce_sdk`` is made of, and `assert_lossless`."""

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
from pytest_cce_precheck.sdk.run import corpus_credentials, for_sdk
from pytest_cce_precheck.sdk.versions import installed_driver, python_driver
from pytest_cce_precheck.wire.exchange import Headers, Response

if TYPE_CHECKING:
    from collections.abc import Sequence

    from pytest_cce_precheck.sdk.protocol import Operation


def driver_commands(texts: Sequence[str]) -> tuple[tuple[str, ...], ...]:
    """Return the commands that ``--cce-driver`` names, or that of the Python driver if there are none."""
    return tuple(map(driver_command, texts)) or (python_driver(),)


def sdk_driver(command: Sequence[str]) -> Driver:
    """Return the driver of ``cce_sdk``, not yet started; raise `ConfigurationError` if its SDK is missing."""
    if tuple(command) == python_driver():
        command = installed_driver()
    return Driver(command, corpus_credentials())


def assert_lossless(driver: Driver, answer: str | bytes | dict[str, Any], *, operation: Operation = "list") -> None:
    """Fail if the SDK of a started driver does not hold what it is sent.

    ``answer`` is the name of a case, or the body of a success answer to ``operation``. Raises `ContractViolation`
    if a documented field is lost, coerced or invented, if the call fails, and if the SDK does not offer the call or
    the way to authenticate.
    """
    __tracebackhide__ = True
    if isinstance(answer, str):
        if answer.lstrip().startswith(("{", "[")):
            raise ConfigurationError("assert_lossless takes a text as a case's name: give a body as bytes, or a dict")
        wanted = find_case(answer)
    else:
        body = answer if isinstance(answer, bytes) else json.dumps(answer).encode()
        headers = Headers({"Content-Type": "application/json"})
        response = Response(201 if operation == "create" else 200, headers, body)
        wanted = Case("the body given", CaseKind.EXAMPLE, "The body given.", response, operation, number=1)
    sdk = driver.introduction
    case = for_sdk(wanted, sdk)
    if case is None:
        text = f"{sdk.name} has no call {wanted.operation} with {wanted.authentication}: not offered"
        raise ContractViolation(text, ())
    with corpus_server(Corpus([case])) as server:
        result = judge(case, driver.call(case.call(server.endpoint)), ())
    if result.verdict not in (CaseVerdict.WHOLE, CaseVerdict.ACCEPTED) and result.findings:
        facts = "\n".join(map(headline, result.findings))
        raise ContractViolation(f"{sdk.name} with {case.name}: {result.verdict}\n{facts}", result.findings)
