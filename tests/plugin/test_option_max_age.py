from __future__ import annotations

from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING

import pytest

from pytest_cce_precheck.cassette.files import write
from pytest_cce_precheck.cassette.format import dumps
from tests.plugin.projects import ORDINARY
from tests.recordings import REPLAY, answered, origin

if TYPE_CHECKING:
    from tests.conftest import Run

ASKS = "def test_it(cce_client):\n    assert cce_client.list_tasks().status == 200\n"


def kept(pytester: pytest.Pytester, *, hours: float, test: str = "test_it") -> None:
    recorded_at = datetime.now(UTC) - timedelta(hours=hours)
    known = origin(recorded_at=recorded_at, project_id="p", cluster_id="c", credentials=("token",))
    write(pytester.path / "cassettes" / "test_it" / f"{test}.json", dumps(known, [answered()]))


@pytest.mark.parametrize(
    ("age", "hours", "told"),
    [
        ("30d", 31 * 24, "31 days ago, on ????-??-??; at most 30 days are allowed"),
        ("12h", 13, "13 hours ago, on ????-??-??; at most 12 hours are allowed"),
        ("2w", 15 * 24, "15 days ago, on ????-??-??; at most 14 days are allowed"),
        ("0d", 1, "1 hours ago, on ????-??-??; at most 0 hours are allowed"),
    ],
)
def test_an_older_cassette_is_a_finding_that_fails_its_test(
    pytester: pytest.Pytester, run: Run, age: str, hours: int, told: str
) -> None:
    pytester.makepyfile(test_it=ASKS + ASKS.replace("test_it", "test_other"))
    kept(pytester, hours=hours)
    kept(pytester, hours=-1, test="test_other")
    result = run(*REPLAY, f"--cce-max-age={age}")
    result.assert_outcomes(passed=1, failed=1)
    result.stdout.fnmatch_lines([f"*ContractViolation: PRE120 cassettes/test_it/test_it.json was recorded {told}*"])
    result.stdout.fnmatch_lines(["*= cce-precheck =*", "  PRE120 *", "FAILED test_it.py::test_it *"])


@pytest.mark.parametrize(("age", "hours"), [("30d", 29 * 24), ("30d", 1), ("13h", 12), (None, 100_000)])
def test_a_cassette_that_is_young_enough_is_none(
    pytester: pytest.Pytester, run: Run, age: str | None, hours: int
) -> None:
    pytester.makepyfile(test_it=ASKS)
    kept(pytester, hours=hours)
    result = run(*REPLAY, *([f"--cce-max-age={age}"] if age else []))
    result.assert_outcomes(passed=1)
    assert "PRE120" not in result.stdout.str()


@pytest.mark.parametrize("place", ["option", "marker"])
def test_it_can_be_accepted_with_a_reason(pytester: pytest.Pytester, run: Run, place: str) -> None:
    mark = "@pytest.mark.cce_allow('PRE120', reason='the service does not change')\n" if place == "marker" else ""
    pytester.makepyfile(test_it=f"import pytest\n{mark}{ASKS}")
    kept(pytester, hours=100)
    option = ["--cce-accept=PRE120: the service does not change"] if place == "option" else []
    result = run(*REPLAY, "--cce-max-age=2d", *option)
    result.assert_outcomes(passed=1)
    result.stdout.fnmatch_lines(["  accepted: PRE120 *was recorded 4 days ago* - the service does not change"])


def test_an_acceptance_that_has_ended_accepts_no_more(pytester: pytest.Pytester, run: Run) -> None:
    pytester.makepyfile(test_it=ASKS)
    kept(pytester, hours=100)
    ended = "--cce-accept=PRE120: the service does not change until 2020-01-01"
    run(*REPLAY, "--cce-max-age=2d", ended).assert_outcomes(failed=1)


def test_a_test_that_is_too_old_is_not_run(pytester: pytest.Pytester, run: Run) -> None:
    pytester.makepyfile(test_it="import pathlib\ndef test_it(cce_client): pathlib.Path('was-run').touch()")
    kept(pytester, hours=100)
    run(*REPLAY, "--cce-max-age=2d").assert_outcomes(failed=1)
    assert not (pytester.path / "was-run").exists()
    run(*REPLAY, "--cce-max-age=8d").assert_outcomes(passed=1)
    assert (pytester.path / "was-run").exists()


@pytest.mark.parametrize("place", ["environment", "ini"])
def test_it_counts_from_wherever_it_is_given(
    pytester: pytest.Pytester, run: Run, monkeypatch: pytest.MonkeyPatch, place: str
) -> None:
    pytester.makepyfile(test_it=ASKS)
    kept(pytester, hours=100)
    if place == "environment":
        monkeypatch.setenv("CCE_MAX_AGE", "2d")
    else:
        pytester.makeini("[pytest]\ncce_max_age = 2d")
    run(*REPLAY).assert_outcomes(failed=1)


@pytest.mark.parametrize("age", ["30", "d", "30 days", "-1d", "1.5d", "30m", "99999d", "month"])
def test_what_is_no_age_stops_the_run(pytester: pytest.Pytester, run: Run, age: str) -> None:
    pytester.makepyfile(ORDINARY)
    result = run(*REPLAY, f"--cce-max-age={age}")
    assert result.ret == 4
    told = f"ERROR: --cce-max-age (from option) is '{age}': expected a number with h, d or w, such as 30d"
    result.stderr.fnmatch_lines([told])


@pytest.mark.parametrize(
    ("hours", "told"),
    [(1, "today"), (25, "1 day ago (*)"), (-5, "today"), (100, "4 days ago (*/test_it.json)")],
)
def test_the_summary_says_how_old_the_oldest_is(pytester: pytest.Pytester, run: Run, hours: int, told: str) -> None:
    pytester.makepyfile(test_it=ASKS + ASKS.replace("test_it", "test_other"))
    kept(pytester, hours=hours)
    kept(pytester, hours=min(hours, 0), test="test_other")
    result = run(*REPLAY)
    result.stdout.fnmatch_lines([f"  2 cassettes of https://cce.recorded.example, the oldest recorded {told}"])
