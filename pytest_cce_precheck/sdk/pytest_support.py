"""What the fixture ``cce_sdk`` is made of, and `assert_lossless`."""

from __future__ import annotations

import json
import shlex
from functools import cache
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final

from pytest_cce_precheck.contract.rules import rules
from pytest_cce_precheck.errors import CcePrecheckError, ConfigurationError
from pytest_cce_precheck.report.text import ContractViolation, headline, one_line
from pytest_cce_precheck.sdk.case import Case, CaseKind
from pytest_cce_precheck.sdk.cases import find_case
from pytest_cce_precheck.sdk.driver import Driver, driver_command
from pytest_cce_precheck.sdk.reports import outcome, served, shown_request
from pytest_cce_precheck.sdk.run import CaseVerdict, corpus_credentials, run_sdk
from pytest_cce_precheck.sdk.versions import installed_driver, python_driver
from pytest_cce_precheck.wire.exchange import Headers, Response

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from pytest_cce_precheck.sdk.protocol import Operation
    from pytest_cce_precheck.sdk.run import CaseResult

_OWN: Final = "the body given"
_SHOWN: Final = 1000


def driver_commands(texts: Sequence[str]) -> tuple[tuple[str, ...], ...]:
    """Return the commands that ``--cce-driver`` names, or that of the Python driver if there are none."""
    return tuple(map(driver_command, texts)) or (python_driver(),)


def sdk_driver(command: Sequence[str]) -> Driver:
    """Return the driver of ``cce_sdk``, not yet started; raise `ConfigurationError` if its SDK is missing."""
    if tuple(command) == python_driver():
        command = installed_driver()
    return Driver(command, corpus_credentials())


def driver_ids(commands: Sequence[tuple[str, ...]]) -> list[str]:
    """Return the SDK and version of each command for the ids of tests; with the command if two are the same."""
    names = [_sdk_id(command) for command in commands]
    words = [" ".join(Path(word).name for word in command) for command in commands]
    return [name if names.count(name) == 1 else f"{name} {text}" for name, text in zip(names, words, strict=True)]


@cache
def _sdk_id(command: tuple[str, ...]) -> str:
    try:
        with sdk_driver(command) as driver:
            return f"{driver.introduction.sdk}-{driver.introduction.version}"
    except CcePrecheckError:
        # the fixture reports it, for each test that needs the driver
        return "no-driver"


def assert_lossless(driver: Driver, answer: str | bytes | dict[str, Any], *, operation: Operation = "list") -> None:
    """Fail if the SDK of a started driver is wrong about what it is sent, as ``cce-precheck sdk run`` would say.

    ``answer`` is the name of a case, or the body of a success answer to ``operation``. Raises `ContractViolation`
    if a documented field is lost, coerced or invented, if the request is not sent as it was asked for, if the call
    fails although it should not, or gives an object although it should fail, and if the SDK does not offer the call or
    the way to authenticate.
    """
    __tracebackhide__ = True
    if isinstance(answer, str):
        if answer.lstrip().startswith(("{", "[")):
            raise ConfigurationError("assert_lossless takes a text as a case's name: give a body as bytes, or a dict")
        case = find_case(answer)
    else:
        body = answer if isinstance(answer, bytes) else json.dumps(answer).encode()
        headers = Headers({"Content-Type": "application/json"})
        response = Response(201 if operation == "create" else 200, headers, body)
        case = Case(_OWN, CaseKind.EXAMPLE, "The body given.", response, operation, number=1)
    [result] = run_sdk(driver, corpus_credentials(), [case]).results
    sdk = driver.introduction
    if result.verdict is CaseVerdict.ABSENT:
        text = f"{sdk.name} has no call {case.operation} with {case.authentication}: not offered"
        raise ContractViolation(text, ())
    if not result.right:
        raise ContractViolation("\n".join(_failure(driver, result)), result.findings)


def _failure(driver: Driver, result: CaseResult) -> Iterator[str]:
    sdk, name = driver.introduction, result.case.name
    yield f"{sdk.name} ({sdk.language}) with {name}: {result.verdict}"
    yield from map(headline, result.wrong)
    for code in sorted({finding.code for finding in result.wrong}):
        yield f"  documents: {rules()[code].source} ({code})"
    if result.received and any(finding.code < "PRE710" for finding in result.wrong):
        yield f"  sent: {one_line(shown_request(result.received[0]))[:_SHOWN]}"
    yield f"  served: {one_line(served(result))[:_SHOWN]}"
    yield f"  the SDK's result: {one_line(outcome(result))[:_SHOWN]}"
    option = "--python" if driver.command == python_driver() else f"--driver={shlex.quote(shlex.join(driver.command))}"
    again = "this test" if name == _OWN else f"cce-precheck sdk run {option} --case {name} --reports DIR"
    yield f"  to repeat it: {again}"
