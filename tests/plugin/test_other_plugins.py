"""The plugin together with pytest-xdist, pytest-randomly, JUnit output and pytest's strict settings."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING
from xml.etree import ElementTree as ET

import pytest

from tests.plugin.projects import VERIFIES
from tests.toolchains import require_module

if TYPE_CHECKING:
    from tests.conftest import Run

SEVERAL = """
import pytest

@pytest.mark.parametrize("number", range(4))
def test_ordinary(number): pass

@pytest.mark.cce(faults=["final-without-expiry"])
def test_red(cce_client, cce_contract):
    cce_contract.verify(cce_client.list_tasks())

@pytest.mark.cce(faults=["page-info-missing"])
@pytest.mark.cce_allow("PRE201", reason="agreed")
def test_accepted(cce_client, cce_contract):
    cce_contract.verify(cce_client.list_tasks())
"""
HALF_A_CHARACTER = r"""
from pytest_cce_precheck import Exchange, Request, Response

def test_half(cce_contract):
    body = b'{"kind": "\\ud800", "apiVersion": "v3", "items": []}'
    asked = Request("GET", "https://cce.example", "/api/v3/projects/p/clusters/c/addons/precheck/tasks")
    cce_contract.verify(Exchange(asked, Response(200, body=body)))
"""


def test_findings_reach_the_report_from_every_worker(pytester: pytest.Pytester, run_apart: Run) -> None:
    require_module("xdist")
    pytester.makepyfile(SEVERAL, test_half=HALF_A_CHARACTER)
    result = run_apart("-n", "2", "--cce-report=findings.json", "--junitxml=junit.xml")
    result.assert_outcomes(passed=5, failed=2)
    result.stdout.fnmatch_lines(["  PRE302 *", "  accepted: PRE201 * - agreed", "report written to findings.json"])
    report = json.loads((pytester.path / "findings.json").read_bytes())
    assert {(each["code"], each["verdict"]) for each in report["findings"]} == {
        ("PRE201", "failing"),
        ("PRE203", "failing"),
        ("PRE302", "failing"),
        ("PRE201", "accepted"),
    }
    assert len(properties(pytester)["test_red"]["cce_finding"]) == 1


def test_findings_are_properties_in_junit_once_each(pytester: pytest.Pytester, run: Run) -> None:
    pytester.makepyfile(SEVERAL)
    run("--junitxml=junit.xml").assert_outcomes(passed=5, failed=1)
    by_test = properties(pytester)
    assert by_test["test_ordinary[0]"] == {}
    assert by_test["test_red"]["cce_mode"] == ["simulate"]
    [finding] = map(json.loads, by_test["test_red"]["cce_finding"])
    assert (finding["code"], finding["verdict"]) == ("PRE302", "failing")
    [finding] = map(json.loads, by_test["test_accepted"]["cce_finding"])
    assert (finding["code"], finding["verdict"]) == ("PRE201", "accepted")


def properties(pytester: pytest.Pytester) -> dict[str, dict[str, list[str]]]:
    found: dict[str, dict[str, list[str]]] = {}
    for case in ET.parse(pytester.path / "junit.xml").iter("testcase"):
        names = found.setdefault(case.attrib["name"], {})
        for each in case.iter("property"):
            names.setdefault(each.attrib["name"], []).append(each.attrib["value"])
    return found


def test_strict_markers_and_strict_settings_know_all_that_is_ours(pytester: pytest.Pytester, run: Run) -> None:
    pytester.makepyfile(SEVERAL)
    pytester.makeini(
        """
        [pytest]
        xfail_strict = true
        cce_mode = simulate
        cce_budget = 100
        cce_report = findings.json
        cce_accept =
            PRE302: agreed
        """
    )
    run("--strict-markers", "--strict-config").assert_outcomes(passed=6)


def test_a_random_order_changes_no_verdict(pytester: pytest.Pytester) -> None:
    require_module("pytest_randomly")
    pytester.makepyfile(SEVERAL, test_more=VERIFIES)
    result = pytester.runpytest_subprocess(
        "-p", "no:cacheprovider", "-W", "error", "-p", "randomly", "--randomly-seed=2"
    )
    result.assert_outcomes(passed=6, failed=1)


def test_what_a_test_with_subtests_has_found_is_counted_once(pytester: pytest.Pytester, run: Run) -> None:
    if not hasattr(pytest, "Subtests"):
        require_module("pytest_subtests")
    pytester.makepyfile(
        """
        import pytest

        @pytest.mark.cce(faults=["final-without-expiry"])
        def test_red(cce_client, cce_contract, subtests):
            for number in range(3):
                with subtests.test(number=number):
                    if number == 1:
                        cce_contract.verify(cce_client.list_tasks())
        """
    )
    run("--cce-report=findings.json")
    [finding] = json.loads((pytester.path / "findings.json").read_bytes())["findings"]
    assert (finding["code"], finding["times"]) == ("PRE302", 1)
