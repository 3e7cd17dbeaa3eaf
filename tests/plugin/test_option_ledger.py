"""``--cce-ledger``, ``--cce-ledger-strict``: known failures do not fail a run, an outdated ledger can."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

import pytest

from tests.plugin.projects import VERIFIES

if TYPE_CHECKING:
    from tests.conftest import Run

FAULT: Final = "--cce-fault=final-without-expiry"
KNOWN: Final = """
[[known]]
code = "PRE302"
reason = "in 24.1"
owner = "team-cce"
until = 2999-12-31
ticket = "CCE-7"
"""
SHOWN: Final = "  accepted: PRE302 * - in 24.1 (team-cce, CCE-7, until 2999-12-31)"


@pytest.fixture(autouse=True)
def _project(pytester: pytest.Pytester) -> None:
    pytester.makepyfile(VERIFIES)


@pytest.mark.parametrize(("name", "arguments"), [("cce-known.toml", []), ("other.toml", ["--cce-ledger=other.toml"])])
def test_what_is_known_does_not_fail_and_is_shown(
    pytester: pytest.Pytester, run: Run, name: str, arguments: list[str]
) -> None:
    (pytester.path / name).write_text(KNOWN)
    result = run(FAULT, "--cce-ledger-strict", *arguments)
    assert result.ret == 0
    result.stdout.fnmatch_lines([SHOWN, f"  known from {name}: 1 finding (PRE302)"])


def test_a_strict_run_that_meets_nothing_of_it_fails(pytester: pytest.Pytester, run: Run) -> None:
    (pytester.path / "cce-known.toml").write_text(KNOWN)
    assert run().ret == 0
    result = run("--cce-ledger-strict")
    assert result.ret == 1
    result.stdout.fnmatch_lines(["  known failure did not occur: PRE302, *", "*is out of date (--cce-ledger-strict)"])


def test_a_ledger_that_is_named_and_not_there_stops_the_run(run: Run) -> None:
    result = run("--cce-ledger=other.toml")
    assert result.ret == 4
    result.stderr.fnmatch_lines(["ERROR: the ledger *other.toml cannot be read: No such file or directory"])


def test_the_report_says_by_whom_a_finding_was_accepted_and_what_a_ticket_needs(
    pytester: pytest.Pytester, run: Run
) -> None:
    (pytester.path / "cce-known.toml").write_text(KNOWN)
    run(FAULT, "--cce-report=findings.json")
    text = (pytester.path / "findings.json").read_text()
    assert '"reason": "in 24.1 (team-cce, CCE-7, until 2999-12-31)"' in text
    assert '"times": 1' in text
    assert '"curl": "curl -sS -i ' in text
    assert '"date": "' in text
