"""A JUnit report has the code, the request id and the remedy of each failed test."""

from __future__ import annotations

from typing import TYPE_CHECKING
from xml.etree import ElementTree

from tests.plugin.projects import LIVE, VERIFIES
from tests.servers import always, serving

if TYPE_CHECKING:
    import pytest

    from tests.conftest import Run


def test_a_failed_test_has_code_request_id_and_triage_as_properties(
    pytester: pytest.Pytester, run: Run, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("CCE_AUTH_TOKEN", "T-made-up")
    refusal = b'{"error_code": "APIG.0301", "error_msg": "decrypt token fail", "request_id": "r-1"}'
    with serving(always(401, refusal, X_Request_Id="r-1")) as server:
        endpoint = f"--cce-endpoint={server.endpoint}"
        run(*LIVE, endpoint, "--junitxml=junit.xml", "--pyargs", "pytest_cce_precheck.suite")
    cases = ElementTree.parse(pytester.path / "junit.xml").iter("testcase")
    [case] = [case for case in cases if case.find("failure") is not None]
    told = [(each.get("name"), each.get("value")) for each in case.iter("property")]
    assert ("cce_code", "PRE102") in told
    assert ("cce_request_id", "r-1") in told
    assert any(name == "cce_triage" and str(value).startswith("token not accepted") for name, value in told)
    failure = case.find("failure")
    assert failure is not None
    assert str(failure.get("message")).startswith("pytest_cce_precheck.ContractViolation: PRE102 status 401")


def test_a_test_that_passes_has_none_of_them(pytester: pytest.Pytester, run: Run) -> None:
    pytester.makepyfile(VERIFIES)
    run("--junitxml=junit.xml").assert_outcomes(passed=1)
    names = {each.get("name") for each in ElementTree.parse(pytester.path / "junit.xml").iter("property")}
    assert names == {"cce_mode", "cce_answers"}
