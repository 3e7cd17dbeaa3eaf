"""The history keeps the result of each check from run to run, and shows how reliable the check is."""

from __future__ import annotations

import sqlite3
from concurrent.futures import ThreadPoolExecutor
from contextlib import closing
from dataclasses import replace
from typing import TYPE_CHECKING, Final

import pytest

from pytest_cce_precheck.errors import ConfigurationError
from pytest_cce_precheck.report import history
from pytest_cce_precheck.report.history import CheckOutcome, append, as_table, latest, prepare, reliability

if TYPE_CHECKING:
    from pathlib import Path

PASSED: Final = CheckOutcome(
    run="r0",
    at="2026-06-01T07:28:00+00:00",
    test="test_contract.py::test_it",
    mode="live",
    endpoint="https://cce.staging.example.com",
    cluster="c",
    result="passed",
    codes="",
    requests=12,
    retried=1,
    seconds=0.25,
)
FAILED: Final = replace(PASSED, result="failed", codes="PRE302 PRE401")
INCONCLUSIVE: Final = replace(PASSED, result="inconclusive", requests=None, retried=None)


@pytest.fixture
def path(tmp_path: Path) -> Path:
    return tmp_path / "history.sqlite"


# ---- the file


def test_what_is_written_is_read_back_in_order(path: Path) -> None:
    append(path, [PASSED])
    append(path, [FAILED, INCONCLUSIVE])
    assert latest(path, 50) == (PASSED, FAILED, INCONCLUSIVE)


def test_only_the_last_runs_of_each_test_on_each_target_are_given(path: Path) -> None:
    elsewhere = replace(FAILED, cluster="d")
    append(path, [FAILED, FAILED, PASSED, elsewhere, INCONCLUSIVE])
    assert latest(path, 2) == (PASSED, elsewhere, INCONCLUSIVE)


def test_a_skipped_run_is_none(path: Path) -> None:
    append(path, [PASSED, replace(PASSED, result="skipped")])
    assert latest(path, 1) == (PASSED,)


def test_the_oldest_rows_of_a_test_go_when_there_are_too_many(path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(history, "KEPT", 3)
    other = replace(PASSED, test="test_contract.py::test_other")
    append(path, [other, *(replace(PASSED, run=f"r{number}") for number in range(5))])
    append(path, [replace(PASSED, run="r5")])
    kept = latest(path, 50)
    assert [row.run for row in kept if row.test == PASSED.test] == ["r3", "r4", "r5"]
    assert [row.test for row in kept].count(other.test) == 1


def test_several_runs_write_at_once(path: Path) -> None:
    rows = [[replace(PASSED, run=f"r{number}"), replace(FAILED, run=f"r{number}")] for number in range(16)]
    with ThreadPoolExecutor(8) as pool:
        list(pool.map(lambda pair: append(path, pair), rows))
    assert sorted(row.run for row in latest(path, 50)) == sorted(row.run for pair in rows for row in pair)
    with closing(sqlite3.connect(path)) as connection:
        assert connection.execute("PRAGMA journal_mode").fetchone() == ("wal",)


def test_a_run_is_written_whole_or_not_at_all(path: Path) -> None:
    append(path, [PASSED])
    with pytest.raises(ConfigurationError, match="cannot be used"):
        append(path, [FAILED, replace(PASSED, seconds=None)])  # type: ignore[arg-type]
    assert latest(path, 50) == (PASSED,)


def test_a_prepared_file_is_an_empty_history(path: Path) -> None:
    prepare(path)
    prepare(path)
    assert latest(path, 50) == ()


@pytest.mark.parametrize("use", [prepare, lambda path: latest(path, 50), lambda path: append(path, [PASSED])])
@pytest.mark.parametrize(
    ("content", "message"),
    [
        ("text", "is not a history, nor an SQLite file at all: name another file"),
        ("another", "is another program's SQLite file, not a history: name another file"),
        ("newer", "has version 2, expected 1: upgrade this tool, or begin another file"),
    ],
)
def test_a_file_that_is_no_such_history_is_refused_and_left_alone(path: Path, use, content: str, message: str) -> None:
    if content == "text":
        path.write_text("check,outcome\n" * 100)
    elif content == "another":
        with closing(sqlite3.connect(path)) as connection:
            connection.execute("CREATE TABLE theirs (a)")
    else:
        prepare(path)
        with closing(sqlite3.connect(path)) as connection:
            connection.execute("PRAGMA user_version = 2")
    before = path.read_bytes()
    with pytest.raises(ConfigurationError, match=message):
        use(path)
    assert path.read_bytes() == before


def test_where_no_file_can_be_is_said(tmp_path: Path) -> None:
    with pytest.raises(ConfigurationError, match="there is no folder"):
        prepare(tmp_path / "nowhere" / "history.sqlite")
    with pytest.raises(ConfigurationError, match="cannot be used: it is a directory"):
        prepare(tmp_path)
    with pytest.raises(ConfigurationError, match=r"there is no history .*; pytest --cce-history="):
        latest(tmp_path / "history.sqlite", 50)


# ---- what it says of each check


def test_a_check_is_judged_by_its_verdicts(path: Path) -> None:
    append(path, [PASSED, PASSED, INCONCLUSIVE, FAILED, PASSED])
    [judged] = reliability(path)
    assert [judged[name] for name in ("runs", "failed", "inconclusive", "flips")] == [5, 1, 1, 2]
    assert (judged["decided"], judged["agreeing"], judged["reliability"]) == (0.8, 0.75, 0.6)
    assert (judged["last"], judged["codes"]) == ("passed", ["PRE302", "PRE401"])


def test_a_check_that_fails_always_is_reliable(path: Path) -> None:
    append(path, [FAILED] * 3)
    [judged] = reliability(path)
    assert (judged["flips"], judged["agreeing"], judged["reliability"]) == (0, 1.0, 1.0)


def test_a_check_without_any_verdict_has_no_reliability(path: Path) -> None:
    append(path, [INCONCLUSIVE])
    [judged] = reliability(path)
    assert (judged["decided"], judged["agreeing"], judged["reliability"]) == (0.0, None, None)


def test_another_target_or_mode_is_no_flip(path: Path) -> None:
    append(path, [PASSED, replace(FAILED, cluster="d"), PASSED, replace(FAILED, mode="simulate")])
    assert [judged["flips"] for judged in reliability(path)] == [0, 0, 0]


def test_the_table_has_the_least_reliable_first_under_each_target(path: Path) -> None:
    steady = replace(PASSED, test="test_contract.py::test_steady")
    append(
        path,
        [PASSED, steady, FAILED, steady, replace(PASSED, mode="simulate", endpoint="the simulator", cluster="")],
    )
    assert list(as_table(reliability(path))) == [
        "live: https://cce.staging.example.com, cluster c",
        "   runs  failed  inconcl.  flips  verdicts  agree  last",
        "      2       1         0      1      100%    50%  failed       test_contract.py::test_it (PRE302, PRE401)",
        "      2       0         0      0      100%   100%  passed       test_contract.py::test_steady",
        "simulate: the simulator",
        "   runs  failed  inconcl.  flips  verdicts  agree  last",
        "      1       0         0      0      100%   100%  passed       test_contract.py::test_it",
    ]


def test_nearly_always_is_not_shown_as_always(path: Path) -> None:
    append(path, [*[PASSED] * 299, FAILED])
    *_, line = as_table(reliability(path, last=300))
    assert " 100%    99% " in line


def test_an_empty_history_says_so(path: Path) -> None:
    prepare(path)
    assert list(as_table(reliability(path))) == ["the history holds no run yet"]
