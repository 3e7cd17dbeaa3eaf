from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

if TYPE_CHECKING:
    from tests.conftest import Run


def module(arguments: str) -> str:
    return f"""
        import datetime
        import pytest

        @pytest.mark.cce_allow({arguments})
        @pytest.mark.cce(faults=["final-without-expiry"])
        def test_listed(cce_client, cce_contract):
            cce_contract.verify(cce_client.list_tasks())
        """


@pytest.mark.parametrize(
    "arguments",
    [
        "'PRE302', reason='agreed'",
        "'final-without-expiry', reason='agreed'",
        "code='pre302', reason='agreed', until='2999-01-31'",
        "'PRE302', reason='agreed', until=datetime.date(2999, 1, 31)",
    ],
)
def test_an_allowed_finding_does_not_fail_and_is_shown(pytester: pytest.Pytester, run: Run, arguments: str) -> None:
    pytester.makepyfile(module(arguments))
    result = run()
    result.assert_outcomes(passed=1)
    result.stdout.fnmatch_lines(["  accepted: PRE302 A finished task has no `expireTimeStamp`* - agreed"])
    result.stdout.no_fnmatch_line("*unused acceptance*")


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        ("'PRE302'", "@pytest.mark.cce_allow: missing a required*argument: 'reason'; expected (code, reason=*"),
        ("'PRE302', 'agreed'", "@pytest.mark.cce_allow: too many positional arguments; expected (code, reason=*"),
        (
            "'PRE302', reasn='agreed'",
            "@pytest.mark.cce_allow: unexpected argument 'reasn': expected (code, reason=*); did you mean reason?",
        ),
        ("", "@pytest.mark.cce_allow: missing a required argument: 'code'; expected (code, reason=*"),
        ("'PRE302', reason=' '", "accepting PRE302 needs a reason: *"),
        ("'PRE302', reason=None", "accepting PRE302 needs a reason: *"),
        ("'final-without-expir', reason='agreed'", "*'final-without-expir'; did you mean final-without-expiry?"),
        ("302, reason='agreed'", "@pytest.mark.cce_allow(302): expected a code, or the name of its rule"),
        ("'PRE302', reason=5", "@pytest.mark.cce_allow(reason=5): expected a text"),
        ("'PRE302', reason='agreed', until=5", "@pytest.mark.cce_allow(until=5): expected a day as YYYY-MM-DD"),
        (
            "'PRE302', reason='agreed', until=datetime.datetime(2999, 1, 1)",
            "@pytest.mark.cce_allow(until=datetime.datetime(2999, 1, 1, 0, 0)): expected a day as YYYY-MM-DD",
        ),
        ("'PRE302', reason='agreed', until='soon'", "accepting PRE302 until 'soon': expected a day as YYYY-MM-DD"),
    ],
)
def test_a_wrong_argument_stops_the_run_before_any_test_and_names_the_test(
    pytester: pytest.Pytester, run: Run, arguments: str, message: str
) -> None:
    pytester.makepyfile(test_it=module(arguments))
    result = run()
    assert result.ret == 4
    result.stderr.fnmatch_lines([f"ERROR: test_it.py::test_listed: {message}"])


def test_an_allowance_that_has_expired_fails_and_is_reported(pytester: pytest.Pytester, run: Run) -> None:
    pytester.makepyfile(test_it=module("'PRE302', reason='until the fix', until='2020-01-31'"))
    result = run()
    result.assert_outcomes(failed=1)
    result.stdout.fnmatch_lines(
        ["  expired acceptance: PRE302 (until the fix) until 2020-01-31 in test_it.py::test_listed"]
    )


def test_an_allowance_that_is_never_met_is_reported_with_its_test(pytester: pytest.Pytester, run: Run) -> None:
    pytester.makepyfile(
        test_it=module("'PRE302', reason='agreed'")
        + """
        @pytest.mark.cce_allow("PRE302", reason="no longer needed")
        def test_right(cce_client, cce_contract):
            cce_contract.verify(cce_client.list_tasks())
        """
    )
    result = run()
    result.assert_outcomes(passed=2)
    result.stdout.fnmatch_lines(["  unused acceptance: PRE302 (no longer needed) in test_it.py::test_right"])


def test_an_allowance_holds_for_its_own_test_alone(pytester: pytest.Pytester, run: Run) -> None:
    pytester.makepyfile(
        module("'PRE302', reason='agreed'")
        + """
        @pytest.mark.cce(faults=["final-without-expiry"])
        def test_not_allowed(cce_client, cce_contract):
            cce_contract.verify(cce_client.list_tasks())
        """
    )
    run().assert_outcomes(passed=1, failed=1)
