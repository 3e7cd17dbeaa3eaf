"""What every command does if its output cannot be written, if a number is absurd, or if an argument is a credential."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

from pytest_cce_precheck.cli.main import main

if TYPE_CHECKING:
    from tests.conftest import Captured

SECRET = "PLANTED-token-of-many-letters"
FULL = Path("/dev/full")


@pytest.mark.skipif(not FULL.exists(), reason="only some systems have a device that is always full")
@pytest.mark.parametrize(
    "words",
    [
        ["explain"],
        ["explain", "PRE101"],
        ["faults", "--json"],
        ["check", "-"],
        ["check", "--json", "-"],
        ["serve", "--json"],
        ["serve", "--corpus"],
    ],
    ids=" ".join,
)
def test_an_output_that_cannot_be_written_is_one_line_and_status_2(words: list[str]) -> None:
    with FULL.open("w") as full:
        ended = subprocess.run(
            [sys.executable, "-m", "pytest_cce_precheck.cli", *words],
            stdout=full,
            stderr=subprocess.PIPE,
            input="{}",
            text=True,
            timeout=120,
            check=False,
        )
    assert (ended.returncode, ended.stderr) == (
        2,
        "cce-precheck: the output cannot be written: No space left on device\n",
    )


@pytest.mark.parametrize("words", [["explain"], ["check", "-"], ["run", "--fault=type-filter-ignored"]], ids=" ".join)
def test_an_output_that_nobody_reads_is_no_success(words: list[str], tmp_path: Path) -> None:
    reading, writing = os.pipe()
    os.close(reading)
    ended = subprocess.run(
        [sys.executable, "-m", "pytest_cce_precheck.cli", *words],
        stdout=writing,
        stderr=subprocess.PIPE,
        input="{}",
        text=True,
        timeout=120,
        check=False,
        cwd=tmp_path,
    )
    os.close(writing)
    assert ended.returncode == 141
    assert "Error" not in ended.stderr


@pytest.mark.parametrize(
    ("words", "expected"),
    [
        (["serve", "--time-scale=1e300"], "'1e300' is not a factor: expected more than 0, 1e+06 at most"),
        (["serve", "--time-scale=nan"], "'nan' is not a factor: expected more than 0, 1e+06 at most"),
        (["serve", "--tasks=9999999999"], "'9999999999' is not a number of tasks: expected from 0 to 50000"),
        (["serve", f"--seed={'9' * 5000}"], "is not a seed: expected from 0 to 9223372036854775808"),
        (["selftest", "--budget=1e300"], "'1e300' is not a number of requests: expected from 0 to 1000000"),
        (["check", "--status=99999999", "x"], "'99999999' is not an HTTP status: expected from 100 to 999"),
        (["history", "x", "--last=9999999999999999999"], "is not a number of runs: expected from 1 to 1000000"),
    ],
)
def test_an_absurd_number_is_refused_with_what_was_expected(capsys: Captured, words: list[str], expected: str) -> None:
    with pytest.raises(SystemExit) as ended:
        main(words)
    assert ended.value.code == 2
    assert expected in capsys.readouterr().err


@pytest.mark.parametrize(
    "words",
    [
        [SECRET],
        ["check", "--status", SECRET, "x"],
        ["check", "x", f"--token={SECRET}"],
        ["check", SECRET],
        ["explain", SECRET],
        ["serve", "--fault", SECRET],
        ["serve", "--staging", SECRET],
        ["sdk", "run", "--driver", SECRET],
        ["check", "x", "--accept", SECRET],
    ],
    ids=" ".join,
)
def test_a_credential_among_the_arguments_is_not_shown(
    capsys: Captured, monkeypatch: pytest.MonkeyPatch, words: list[str]
) -> None:
    monkeypatch.setenv("CCE_AUTH_TOKEN", SECRET)
    try:
        status = main(words)
    except SystemExit as ended:
        status = int(str(ended.code))
    shown = capsys.readouterr()
    assert status == 2
    assert "***" in shown.err
    assert SECRET not in shown.out + shown.err
