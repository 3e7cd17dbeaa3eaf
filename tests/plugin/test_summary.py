from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from tests.plugin.projects import ORDINARY, VERIFIES

if TYPE_CHECKING:
    from tests.conftest import Run


def test_an_ordinary_run_has_no_summary_of_ours(pytester: pytest.Pytester, run: Run) -> None:
    pytester.makepyfile(ORDINARY)
    result = run()
    assert "cce-precheck" not in result.stdout.str().partition("collected")[2]


def test_a_simulated_run_says_that_no_real_service_was_contacted(pytester: pytest.Pytester, run: Run) -> None:
    pytester.makepyfile(VERIFIES, test_uses_the_client_alone="def test_it(cce_client): cce_client.list_tasks()")
    result = run("-k", "test_it")
    result.stdout.fnmatch_lines(["mode simulate: the simulator (no real service was contacted), 1 request, seed 0"])


def test_findings_are_listed_once_however_many_tests_saw_them(pytester: pytest.Pytester, run: Run) -> None:
    pytester.makepyfile(
        """
        import pytest

        @pytest.mark.parametrize("type", ["addonStatic", "addonUpgrade", None])
        def test_listed(cce_client, cce_contract, type):
            cce_contract.verify(cce_client.list_tasks(type=type))
        """
    )
    result = run("--cce-fault=final-without-expiry")
    result.assert_outcomes(failed=3)
    section = result.stdout.str().partition("= cce-precheck =")[2].partition("= short test summary")[0]
    assert section.count("PRE302") == 1


def test_the_suite_says_what_it_did_and_what_the_contract_leaves_open(run_apart: Run) -> None:
    result = run_apart("--pyargs", "pytest_cce_precheck.suite")
    assert result.ret == 0
    result.stdout.re_match_lines(
        [
            r"cce-precheck: mode simulate \(default\)",
            r"the contract holds: 14 checks judged",
            r"mode simulate: the simulator \(no real service was contacted\), \d+ requests",
            r"  unspecified by the contract: an empty type is answered with ",
            r"  \d+ classes of filter values reached",
        ]
    )


def test_a_red_suite_says_that_the_contract_does_not_hold(run_apart: Run) -> None:
    result = run_apart("--pyargs", "pytest_cce_precheck.suite", "--cce-fault=type-filter-ignored", "--cce-budget=60")
    assert result.ret == 1
    result.stdout.re_match_lines([r"the contract does not hold: \d+ causes?", r"  PRE401 "])


@pytest.mark.parametrize("option", ["-q", "-qq", "--no-summary", "--no-header"])
def test_quieter_runs_work_too(pytester: pytest.Pytester, run: Run, option: str) -> None:
    pytester.makepyfile(VERIFIES)
    assert run("--cce-fault=final-without-expiry", option).ret == 1
