"""The driver that docs/how-to-driver.md shows, in Node.js: it keeps to the protocol, and is judged as any other."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

import pytest

from pytest_cce_precheck.sdk.cases import find_case
from pytest_cce_precheck.sdk.run import run_sdks
from tests.toolchains import require_program

if TYPE_CHECKING:
    from pytest_cce_precheck.sdk.run import CaseResult

DRIVER = Path(__file__).parent.parent / "examples" / "driver.mjs"
EXPECTED = {
    "every-field": ("whole", []),
    "create-two": ("whole", []),
    "value-unicode": ("whole", []),
    "value-parts": ("whole", []),
    "error-403-cce": ("error", []),
    "error-403-gateway": ("error", []),
    "body-array": ("accepted", ["PRE716"]),
    "list-closed": ("undocumented error", ["PRE730"]),
    "token": ("whole", []),
    "temporary-keys": ("not offered", []),
    # a number in JavaScript holds 53 bits
    "create-values": ("coercion", ["PRE707", "PRE711"]),
}


@pytest.fixture(scope="module")
def results() -> dict[str, CaseResult]:
    [report] = run_sdks([(require_program("node"), str(DRIVER))], [find_case(name) for name in EXPECTED])
    return {result.case.name: result for result in report.results}


@pytest.mark.parametrize("name", EXPECTED)
def test_the_documented_driver_reports_the_result_of_a_case(results: dict[str, CaseResult], name: str) -> None:
    assert (results[name].verdict, [finding.code for finding in results[name].findings]) == EXPECTED[name]


def test_an_sdk_that_has_a_token_alone_is_asked_with_it(results: dict[str, CaseResult]) -> None:
    assert results["every-field"].case.authentication == "token"
    assert results["temporary-keys"].case.authentication == "temporary"
