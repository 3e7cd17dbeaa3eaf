"""``cce-precheck selftest`` on a few names; all of them are the simulator's own business."""

from __future__ import annotations

import json
import signal
import sys
import threading
from multiprocessing import active_children
from pathlib import Path

import pytest

from pytest_cce_precheck.cli.main import main
from pytest_cce_precheck.suite import selftest

NAMES = ("type-filter-ignored", "final-without-expiry", "items-shuffled")


def test_named_faults_are_found_and_variations_raise_nothing(capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["selftest", "--jobs", "1", *NAMES]) == 0
    text = capsys.readouterr().out
    assert [line.split()[:2] for line in text.splitlines()[:3]] == [
        ["type-filter-ignored", "found"],
        ["final-without-expiry", "found"],
        ["items-shuffled", "silent"],
    ]
    assert "defects found        2 of 2" in text
    assert "variations flagged   0 of 1" in text


def test_the_matrix_for_programs_names_codes_and_requests(capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["selftest", "--jobs", "1", "--budget", "60", "--json", "final-without-expiry"]) == 0
    [row] = json.loads(capsys.readouterr().out)
    assert row["causes"][0] == "PRE302"
    assert row["requests"] <= 60


@pytest.mark.parametrize(
    ("words", "message"),
    [
        (["type-filter-ignord"], "unknown fault or variation 'type-filter-ignord'; did you mean type-filter-ignored"),
        (["--budget", "3", "items-shuffled"], "a budget of 3 requests checks nothing: at least 30 are needed"),
    ],
)
def test_what_cannot_be_tested_exits_with_2(capsys: pytest.CaptureFixture[str], words: list[str], message: str) -> None:
    assert main(["selftest", *words]) == 2
    assert capsys.readouterr().err.startswith(f"cce-precheck: {message}")


def test_ctrl_c_shows_the_rows_that_are_known(
    capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    run_one = selftest.run_one

    def interrupted(name: str, budget: int, seed: int) -> selftest.Row:
        if name == NAMES[1]:
            raise KeyboardInterrupt
        return run_one(name, budget, seed)

    monkeypatch.setattr(selftest, "run_one", interrupted)
    assert main(["selftest", "--jobs", "1", "--budget", "60", *NAMES]) == 130
    printed = capsys.readouterr()
    assert printed.out.splitlines()[0].split()[:2] == ["type-filter-ignored", "found"]
    assert printed.err == "cce-precheck: interrupted: 1 of 3 faults and variations were run\n"


def _begins(name: str, _budget: int, _seed: int) -> str:
    """Stand for a run: those of the first chunk end at once, the others go on for a while unless they are ended."""
    path = Path(name)
    if int(path.name) >= 4:
        threading.Event().wait(5)
        path.touch()
    return name


@pytest.mark.parametrize("end", [KeyboardInterrupt(), GeneratorExit(), ValueError()], ids=repr)
def test_what_ends_the_command_ends_its_processes_in_the_middle_of_their_work(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, end: BaseException
) -> None:
    monkeypatch.setattr(selftest, "run_one", _begins)
    # as a command that served here before leaves it; a worker must not take it for a result
    before = signal.signal(signal.SIGTERM, lambda *_: sys.exit())
    others = set(active_children())
    try:
        rows = selftest.run_all([str(tmp_path / str(number)) for number in range(12)], 250, 0, jobs=2)
        assert str(next(rows)) == str(tmp_path / "0")
        with pytest.raises(type(end)):
            rows.throw(end)
    finally:
        signal.signal(signal.SIGTERM, before)
    assert set(active_children()) - others == set()
    assert list(tmp_path.iterdir()) == []
