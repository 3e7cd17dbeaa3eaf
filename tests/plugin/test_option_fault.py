from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from tests.plugin.projects import ORDINARY, VERIFIES

if TYPE_CHECKING:
    from tests.conftest import Run


def test_an_unknown_fault_stops_the_run_with_its_near_matches(pytester: pytest.Pytester, run: Run) -> None:
    pytester.makepyfile(ORDINARY)
    result = run("--cce-fault=final-without-expir")
    assert result.ret == 4
    result.stderr.fnmatch_lines(["ERROR: there is no fault 'final-without-expir'; did you mean final-without-expiry*?"])


def test_a_fault_makes_the_embedded_service_wrong(pytester: pytest.Pytester, run: Run) -> None:
    pytester.makepyfile(VERIFIES)
    result = run("--cce-fault=final-without-expiry", "--cce-fault=page-info-missing")
    assert result.ret == 1
    result.stdout.fnmatch_lines(["E  *ContractViolation: PRE*"])
    text = result.stdout.str()
    assert "PRE302 A finished task has no" in text
    assert "PRE201 " in text


@pytest.mark.parametrize("fault", ["answers-followed-by-more", "head-has-a-body"])
def test_what_a_service_sends_after_its_answers_is_found_without_a_connection_too(
    pytester: pytest.Pytester, run: Run, fault: str
) -> None:
    result = run(f"--cce-fault={fault}", "--pyargs", "pytest_cce_precheck.suite")
    assert result.ret == 1
    result.stdout.fnmatch_lines(["  PRE125 *"])


def test_faults_in_the_ini_file_are_one_a_line(pytester: pytest.Pytester, run: Run) -> None:
    pytester.makepyfile(VERIFIES)
    pytester.makeini("[pytest]\ncce_fault =\n    final-without-expiry\n    page-info-missing")
    result = run()
    assert result.ret == 1
    result.stdout.fnmatch_lines(
        ["cce-precheck: mode simulate*--cce-fault final-without-expiry, page-info-missing (ini)"]
    )


def test_a_fault_in_a_live_run_stops_it(pytester: pytest.Pytester, run: Run) -> None:
    pytester.makepyfile(ORDINARY)
    result = run("--cce-mode=live", "--cce-fault=final-without-expiry")
    assert result.ret == 4
    result.stderr.fnmatch_lines(["ERROR: --cce-fault injects faults into the simulator alone: *--cce-mode=simulate"])
