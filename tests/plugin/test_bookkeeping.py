"""The end of a run reports unused and expired entries of its ledger, and writes its history."""

from __future__ import annotations

import re
import sqlite3
from contextlib import closing
from typing import TYPE_CHECKING, Final

import pytest

from pytest_cce_precheck.report.history import latest
from tests.plugin.projects import ORDINARY
from tests.toolchains import require_module

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

    from tests.conftest import Run

    Keeps = Callable[..., None]

TESTS: Final = """
import pytest

@pytest.mark.cce(faults=["final-without-expiry"])
@pytest.mark.parametrize("type", ["addonStatic", "addonUpgrade"])
def test_tasks(cce_client, cce_contract, type):
    cce_contract.verify(cce_client.list_tasks(type=type))

@pytest.mark.cce(faults=["page-info-missing"])
def test_count(cce_client, cce_contract):
    cce_contract.verify(cce_client.list_tasks())
"""
ENTRY: Final = '[[known]]\ncode = "{code}"\nreason = "in 24.1"\nowner = "team-cce"\nuntil = {until}\n'


def entry(code: str, until: str = "2999-12-31", **more: str) -> str:
    return ENTRY.format(code=code, until=until) + "".join(f"{key} = '{value}'\n" for key, value in more.items())


MET: Final = entry("PRE302") + entry("PRE201", where="$.pageInfo")


@pytest.fixture
def project(pytester: pytest.Pytester) -> pytest.Pytester:
    pytester.makepyfile(test_api=TESTS, test_ordinary=ORDINARY)
    return pytester


@pytest.fixture
def keeps(monkeypatch: pytest.MonkeyPatch) -> Keeps:
    def keeps(project: pytest.Pytester, ledger: str | None, *, strict: bool = True, history: str | None = None) -> None:
        if ledger is not None:
            (project.path / "ledger.toml").write_text(ledger)
            monkeypatch.setenv("CCE_LEDGER", "ledger.toml")
        monkeypatch.setenv("CCE_LEDGER_STRICT", str(strict))
        monkeypatch.setenv("CCE_HISTORY", history or "")

    return keeps


# ---- the ledger


def test_a_ledger_that_covers_all_and_is_met_leaves_a_run_green(
    project: pytest.Pytester, run: Run, keeps: Keeps
) -> None:
    keeps(project, MET)
    result = run()
    result.assert_outcomes(passed=4)
    assert result.ret == 0
    result.stdout.fnmatch_lines(
        ["  accepted: PRE302 * - in 24.1*", "  known from ledger.toml: 2 findings (PRE302, PRE201 at $.pageInfo)"]
    )
    result.stdout.no_fnmatch_line("*did not occur*")


def test_an_entry_for_one_place_covers_no_other(project: pytest.Pytester, run: Run, keeps: Keeps) -> None:
    keeps(project, entry("PRE302") + entry("PRE201", where="$.items"))
    run().assert_outcomes(passed=3, failed=1)


@pytest.mark.parametrize(("strict", "status"), [(True, 1), (False, 0)])
def test_an_entry_that_is_never_met_fails_a_strict_run(
    project: pytest.Pytester, run: Run, strict: bool, status: int, keeps: Keeps
) -> None:
    keeps(project, MET + entry("PRE305"), strict=strict)
    result = run()
    assert result.ret == status
    result.assert_outcomes(passed=4)
    result.stdout.fnmatch_lines(["  known failure did not occur: PRE305, in 24.1 (team-cce, until 2999-12-31)"])
    outdated = "the ledger ledger.toml is out of date (--cce-ledger-strict)"
    assert (outdated in result.stdout.str()) is strict


@pytest.mark.parametrize(("code", "still"), [("PRE305", "it did not occur"), ("PRE302", "it still occurs")])
def test_an_expired_entry_covers_nothing_and_fails_a_strict_run(
    project: pytest.Pytester, run: Run, code: str, still: str, keeps: Keeps
) -> None:
    keeps(project, entry(code, "2020-01-31") + (MET if code == "PRE305" else entry("PRE201")))
    result = run()
    assert result.ret == 1
    result.assert_outcomes(passed=4) if code == "PRE305" else result.assert_outcomes(passed=2, failed=2)
    result.stdout.fnmatch_lines([f"  known failure has expired: {code}, in 24.1 (team-cce, until 2020-01-31); {still}"])


@pytest.mark.parametrize(
    ("arguments", "why"),
    [
        (["-k", "tasks"], "tests were chosen by -k"),
        (["-m", "cce"], "tests were chosen by -m"),
        (["--deselect", "test_ordinary.py"], "tests were chosen by --deselect"),
        (["test_api.py"], "only test_api.py was run"),
        (["test_api.py::test_count"], "only test_api.py::test_count was run"),
    ],
)
def test_after_a_part_of_the_tests_nothing_is_never_met(
    project: pytest.Pytester, run: Run, arguments: list[str], why: str, keeps: Keeps
) -> None:
    keeps(project, MET + entry("PRE305"))
    result = run(*arguments)
    assert result.ret == 0
    result.stdout.fnmatch_lines([f"  known failure did not occur: PRE305, *; not judged, {why}"])


def test_after_a_part_of_the_tests_an_expired_entry_is_judged(project: pytest.Pytester, run: Run, keeps: Keeps) -> None:
    keeps(project, MET + entry("PRE305", "2020-01-31"))
    assert run("-k", "tasks").ret == 1


@pytest.mark.parametrize(
    ("ini", "arguments", "judged"),
    [
        ("", ["."], True),
        ("", ["tests"], True),
        ("", ["tests/api"], False),
        ("testpaths = tests", [], True),
        ("testpaths = tests/api", ["tests/api"], True),
        ("testpaths = tests/api tests/more", ["tests/api"], False),
    ],
)
def test_a_folder_within_the_tests_is_a_part_of_them(
    pytester: pytest.Pytester, run: Run, ini: str, arguments: list[str], judged: bool, keeps: Keeps
) -> None:
    pytester.makeini(f"[pytest]\n{ini}")
    for name in ("api", "more"):
        pytester.mkdir("tests") if name == "api" else None
        folder = pytester.path / "tests" / name
        folder.mkdir()
        (folder / f"test_{name}.py").write_text(TESTS)
    keeps(pytester, MET + entry("PRE305"))
    assert run(*arguments).ret == int(judged)


def test_a_run_that_was_stopped_judges_nothing_as_never_met(project: pytest.Pytester, run: Run, keeps: Keeps) -> None:
    keeps(project, entry("PRE201") + entry("PRE305"))
    result = run("-x")
    result.stdout.fnmatch_lines(["  known failure did not occur: PRE305, *; not judged, the run was stopped"])


def test_a_test_that_could_not_judge_all_leaves_never_met_open(
    project: pytest.Pytester, run: Run, keeps: Keeps
) -> None:
    project.makepyfile(
        test_more="import pytest\ndef test_skips(cce_client): pytest.skip('no cluster')\n"
        "@pytest.fixture\ndef broken(cce_client): raise KeyError\ndef test_is_not_run(broken): pass"
    )
    keeps(project, MET + entry("PRE305"))
    result = run()
    result.stdout.fnmatch_lines(
        ["*did not occur: PRE305, *; not judged, 2 tests did not judge everything that they check"]
    )
    result.stdout.no_fnmatch_line("*out of date*")


def test_tests_of_others_say_nothing_of_the_ledger(pytester: pytest.Pytester, run: Run, keeps: Keeps) -> None:
    pytester.makepyfile(ORDINARY)
    keeps(pytester, entry("PRE302", "2020-01-31"))
    result = run()
    assert result.ret == 0
    result.stdout.no_fnmatch_line("*known*")


def test_a_ledger_that_cannot_be_read_stops_the_run(project: pytest.Pytester, run: Run, keeps: Keeps) -> None:
    keeps(project, entry("PRE30"))
    result = run()
    assert result.ret == 4
    result.stderr.fnmatch_lines(["ERROR: *ledger.toml, entry 1 (line 1): unknown finding code 'PRE30'*"])


def test_what_every_worker_met_is_added_up(project: pytest.Pytester, run_apart: Run, keeps: Keeps) -> None:
    require_module("xdist")
    keeps(project, MET + entry("PRE305"), history="history.sqlite")
    result = run_apart("-n", "2")
    result.assert_outcomes(passed=4)
    assert result.ret == 1
    result.stdout.fnmatch_lines(
        [
            "  known from ledger.toml: 2 findings *",
            "  known failure did not occur: PRE305, in 24.1 (team-cce, until 2999-12-31)",
            "*ledger.toml is out of date*",
            "history of 3 tests written to history.sqlite",
        ]
    )
    assert result.stdout.str().count("did not occur") == 1
    assert [row.test for row in history_of(project)] == [
        "test_api.py::test_count",
        "test_api.py::test_tasks[addonStatic]",
        "test_api.py::test_tasks[addonUpgrade]",
    ]


# ---- the history


def history_of(project: pytest.Pytester) -> list:
    return sorted(latest(project.path / "history.sqlite", 50), key=lambda row: row.test)


def test_every_test_of_ours_gets_a_row(project: pytest.Pytester, run: Run, keeps: Keeps) -> None:
    project.makepyfile(
        test_more="""
        import pytest

        @pytest.fixture
        def broken(cce_client): raise KeyError

        def test_is_not_run(broken): pass

        def test_skips(cce_client): pytest.skip("no cluster")

        @pytest.mark.xfail(strict=True)
        def test_fails_as_expected(cce_client): assert False
        """
    )
    keeps(project, entry("PRE302"), strict=False, history="history.sqlite")
    run()
    rows = history_of(project)
    assert {row.test.partition("::")[2]: row.result for row in rows} == {
        "test_count": "failed",
        "test_tasks[addonStatic]": "passed",
        "test_tasks[addonUpgrade]": "passed",
        "test_is_not_run": "inconclusive",
        "test_fails_as_expected": "failed",
    }
    assert [row.codes for row in rows if row.test.endswith("count")] == ["PRE201"]
    assert {(row.mode, row.endpoint, row.cluster) for row in rows} == {("simulate", "the simulator", "")}
    assert len({row.run for row in rows}) == 1
    with closing(sqlite3.connect(project.path / "history.sqlite")) as connection:
        assert connection.execute("SELECT test FROM outcome WHERE result = 'skipped'").fetchall() == [
            ("test_more.py::test_skips",)
        ]


def test_the_suite_tells_its_requests_and_leaves_out_what_it_was_not_asked_for(
    project: pytest.Pytester, run: Run, keeps: Keeps
) -> None:
    keeps(project, None, history="history.sqlite")
    result = run("--pyargs", "pytest_cce_precheck.suite", "--cce-budget=40", "--cce-fault=count-one-short")
    rows = history_of(project)
    assert {row.endpoint for row in rows} == {"the simulator with count-one-short"}
    [sent] = re.findall(r"contacted\), (\d+) requests", result.stdout.str())
    assert sum(row.requests for row in rows) == int(sent)
    # what the run was not asked for is no row
    assert {row.result for row in rows} == {"failed", "passed"}
    result.assert_outcomes(passed=8, failed=1, skipped=5)


def test_a_history_that_cannot_be_kept_stops_the_run(project: pytest.Pytester, run: Run, keeps: Keeps) -> None:
    keeps(project, None, history="test_api.py")
    result = run()
    assert result.ret == 4
    result.stderr.fnmatch_lines(["ERROR: test_api.py is not a history, nor an SQLite file at all: name another file"])


def test_a_history_that_is_lost_during_the_run_costs_no_summary(
    project: pytest.Pytester, run: Run, keeps: Keeps
) -> None:
    project.makepyfile(
        test_more="import pathlib\ndef test_loses_it():\n"
        "    for path in pathlib.Path().glob('history*'): path.unlink()\n    pathlib.Path('history.sqlite').mkdir()"
    )
    keeps(project, entry("PRE302"), strict=False, history="history.sqlite")
    result = run()
    assert result.ret == 4
    result.stdout.fnmatch_lines(
        ["  known from ledger.toml: 1 finding (PRE302)", "ERROR: the history history.sqlite cannot be used: *"]
    )


def test_no_secret_gets_into_the_history(
    pytester: pytest.Pytester, run: Run, monkeypatch: pytest.MonkeyPatch, tmp_path: Path, keeps: Keeps
) -> None:
    monkeypatch.setenv("CCE_AUTH_TOKEN", "hunter2-hunter2")
    pytester.makepyfile(
        "import pytest\n@pytest.mark.parametrize('token', ['hunter2-hunter2'])\ndef test_it(cce_client, token): pass"
    )
    keeps(pytester, None, history="history.sqlite")
    run()
    assert [row.test.partition("::")[2] for row in history_of(pytester)] == ["test_it[***]"]
    assert not any(b"hunter2" in path.read_bytes() for path in pytester.path.glob("history*"))
