from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from tests.plugin.projects import ORDINARY

if TYPE_CHECKING:
    from tests.conftest import Run


@pytest.mark.parametrize(
    ("option", "message"),
    [
        ("--cce-budget=many", "--cce-budget (from option) is 'many': expected a whole number from 30 to 1000000"),
        ("--cce-budget=-1", "--cce-budget (from option) is '-1': expected a whole number from 30 to 1000000"),
        ("--cce-budget=0", "--cce-budget (from option) is '0': expected a whole number from 30 to 1000000"),
        ("--cce-budget=29", "--cce-budget (from option) is '29': expected a whole number from 30 to 1000000"),
        (
            "--cce-timeout=9999999999",
            "--cce-timeout (from option) is '9999999999': expected a whole number from 1 to 86400",
        ),
        ("--cce-rate=1e300", "--cce-rate (from option) is '1e300': expected a whole number from 0 to 1000000"),
        ("--cce-seed=1.5", "--cce-seed (from option) is '1.5': expected a whole number from 0 to 18446744073709551615"),
        ("--cce-timeout=soon", "--cce-timeout (from option) is 'soon': expected a whole number from 1 to 86400"),
        ("--cce-timeout=0", "--cce-timeout (from option) is '0': expected a whole number from 1 to 86400"),
        (
            "--cce-max-created-tasks=0",
            "--cce-max-created-tasks (from option) is '0': expected a whole number from 1 to 1000000",
        ),
    ],
)
def test_a_number_that_is_none_or_out_of_range_stops_the_run(
    pytester: pytest.Pytester, run: Run, option: str, message: str
) -> None:
    pytester.makepyfile(ORDINARY)
    result = run(option)
    assert result.ret == 4
    assert result.stderr.str().strip() == f"ERROR: {message}"


@pytest.mark.parametrize("given", ["253402300800", "9" * 40, "soon", "-1", "1.5", "²"])
@pytest.mark.parametrize("option", ["--cce-snapshot=shape.json", "--cce-mode=record"])
def test_a_time_of_writing_that_is_none_stops_a_run_that_writes(
    pytester: pytest.Pytester, run: Run, monkeypatch: pytest.MonkeyPatch, option: str, given: str
) -> None:
    pytester.makepyfile(ORDINARY)
    monkeypatch.setenv("SOURCE_DATE_EPOCH", given)
    result = run(option)
    assert result.ret == 4
    expected = "the seconds since 1970, from 0 to 253402300799"
    said = f"SOURCE_DATE_EPOCH (from environment) is {given!r}: expected {expected}"
    assert result.stderr.str().strip() == f"ERROR: {said}"


def test_a_time_of_writing_that_is_none_does_not_stop_a_run_that_writes_nothing(
    pytester: pytest.Pytester, run: Run, monkeypatch: pytest.MonkeyPatch
) -> None:
    pytester.makepyfile(ORDINARY)
    monkeypatch.setenv("SOURCE_DATE_EPOCH", "soon")
    assert run().ret == 0


def test_a_flag_that_is_neither_true_nor_false_stops_the_run(
    pytester: pytest.Pytester, run: Run, monkeypatch: pytest.MonkeyPatch
) -> None:
    pytester.makepyfile(ORDINARY)
    monkeypatch.setenv("CCE_ALLOW_WRITES", "maybe")
    result = run()
    assert result.ret == 4
    result.stderr.fnmatch_lines(
        ["ERROR: --cce-allow-writes (from environment CCE_ALLOW_WRITES) is 'maybe': expected true or false"]
    )


def test_the_seed_fixes_the_embedded_world(pytester: pytest.Pytester, run: Run) -> None:
    pytester.makepyfile(
        """
        import pathlib
        def test_world(cce_client):
            with pathlib.Path("bodies").open("ab") as file:
                file.write(cce_client.list_tasks().response.body + b"\\n")
        """
    )
    for seed in (1, 1, 2):
        run(f"--cce-seed={seed}").assert_outcomes(passed=1)
    first, again, other = (pytester.path / "bodies").read_bytes().splitlines()
    assert first == again
    assert first != other


def test_the_budget_is_never_exceeded_and_what_it_left_out_is_named(run_apart: Run) -> None:
    result = run_apart("--pyargs", "pytest_cce_precheck.suite", "--cce-budget=40")
    # what a small budget has no room for is left out from the start: nothing was cut short
    assert result.ret == 0
    result.stdout.re_match_lines(
        [
            r"the contract holds: \d+ of 14 checks judged, \d parts not asked for",
            r"mode simulate: .*, (\d|[1-3]\d|40) requests",
            r"  \d+ classes of filter values reached; \d+ others are beyond --cce-budget: ",
            r"  not asked for: test_\w+: --cce-budget is too small for it",
        ]
    )


@pytest.mark.parametrize("option", ["--cce-fail-on={}", "--cce-budget={}", "--cce-max-age={}"])
def test_a_credential_that_was_given_in_place_of_a_value_is_not_shown(
    run: Run, monkeypatch: pytest.MonkeyPatch, option: str
) -> None:
    monkeypatch.setenv("CCE_AUTH_TOKEN", "PLANTED-token-of-many-letters")
    result = run("--cce-mode=live", option.format("PLANTED-token-of-many-letters"))
    assert result.ret == pytest.ExitCode.USAGE_ERROR
    assert "PLANTED" not in result.stdout.str() + result.stderr.str()
    result.stderr.fnmatch_lines(["ERROR: *[*][*][*]*"])
