from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from tests.plugin.projects import ORDINARY, VERIFIES

if TYPE_CHECKING:
    from tests.conftest import Run

FAULT = "--cce-fault=final-without-expiry"


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("PRE30x: agreed", "unknown finding code 'PRE30x'; did you mean PRE*?"),
        ("final-without-expire: agreed", "*'final-without-expire'; did you mean final-without-expiry?"),
        ("PRE302", "*PRE302*"),
        ("PRE302 nothing", "cannot accept 'PRE302 nothing': expected CODE: REASON [[]until YYYY-MM-DD]"),
        ("PRE302:", "*PRE302* needs a reason*"),
        ("PRE302: agreed until tomorrow", "accepting PRE302 until 'tomorrow': expected a day as YYYY-MM-DD"),
    ],
)
def test_what_cannot_be_accepted_stops_the_run(pytester: pytest.Pytester, run: Run, text: str, message: str) -> None:
    pytester.makepyfile(ORDINARY)
    result = run(f"--cce-accept={text}")
    assert result.ret == 4
    result.stderr.fnmatch_lines([f"ERROR: {message}"])


@pytest.mark.parametrize("code", ["PRE302", "pre302", "final-without-expiry"])
def test_an_accepted_finding_does_not_fail_and_is_shown_with_its_reason(
    pytester: pytest.Pytester, run: Run, code: str
) -> None:
    pytester.makepyfile(VERIFIES)
    result = run(FAULT, f"--cce-accept={code}: the dashboard needs no expiry until 2999-01-31")
    assert result.ret == 0
    result.stdout.fnmatch_lines(
        ["  accepted: PRE302 A finished task has no `expireTimeStamp`* - the dashboard needs no expiry"]
    )
    result.stdout.no_fnmatch_line("*unused acceptance*")


def test_an_acceptance_that_has_expired_accepts_no_longer_and_is_reported(pytester: pytest.Pytester, run: Run) -> None:
    pytester.makepyfile(VERIFIES)
    result = run(FAULT, "--cce-accept=PRE302: until the fix until 2020-01-31")
    assert result.ret == 1
    result.stdout.fnmatch_lines(["  expired acceptance: PRE302 (until the fix) until 2020-01-31"])


def test_an_acceptance_that_is_never_met_is_reported(pytester: pytest.Pytester, run: Run) -> None:
    pytester.makepyfile(VERIFIES)
    pytester.makeini("[pytest]\ncce_accept =\n    PRE302: agreed with the team\n    PRE210: as in the example")
    result = run(FAULT)
    assert result.ret == 0
    result.stdout.fnmatch_lines(["  unused acceptance: PRE210 (as in the example)"])
