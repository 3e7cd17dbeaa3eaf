"""``cce-precheck snapshot``: shows a snapshot, compares two, accepts changes."""

from __future__ import annotations

import json
from datetime import date, timedelta
from typing import TYPE_CHECKING, Any, Final

from pytest_cce_precheck.cli.main import main
from pytest_cce_precheck.drift.deviation_counts import DeviationCounter
from pytest_cce_precheck.drift.memory import TargetMemory, remember
from pytest_cce_precheck.drift.snapshot import SnapshotTarget, dumps, read
from pytest_cce_precheck.drift.traits import Observer
from tests.contract.answers import answered, listing, task
from tests.contract.documents import drop, put

if TYPE_CHECKING:
    from pathlib import Path

    import pytest

HERE: Final = SnapshotTarget("live", "https://cce.example", "c")
FIRST: Final = date(2026, 11, 1)
PLAIN: Final = listing([task(number) for number in range(12)])
TEXT: Final = put(PLAIN, "pageInfo", "currentCount", "12")
WITHOUT: Final = {**PLAIN, "items": [drop(each, "metadata", "expireTimeStamp") for each in PLAIN["items"]]}


def keep(path: Path, *documents: Any, target: SnapshotTarget = HERE) -> str:
    """Write the snapshot of one run a day, and return its name."""
    memory: TargetMemory | None = None
    for day, document in enumerate(documents):
        observer, listener = Observer(), DeviationCounter()
        observer.take(answered(document))
        listener.take(answered(document))
        memory = remember(memory, observer.traits, listener.counts, FIRST + timedelta(day)).memory
    assert memory is not None
    path.write_text(dumps({target: memory}))
    return str(path)


def test_show_names_what_is_known_and_what_is_reported(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    name = keep(tmp_path / "s.json", PLAIN, WITHOUT)
    assert main(["snapshot", "show", name]) == 0
    lines = capsys.readouterr().out.splitlines()
    assert lines[0] == "live: https://cce.example, cluster c: asked from 2026-11-01 to 2026-11-02"
    assert any(line.startswith("  list 200: ") and line.endswith(" fields of 12 tasks") for line in lines)
    days = "shown from 2026-11-02 to 2026-11-02, not shown from 2026-11-01 to 2026-11-01"
    assert f"  list PRE302 final-without-expiry: {days}" in lines
    assert lines[-1] == "  reported since 2026-11-02: list deviation final-without-expiry"
    assert main(["snapshot", "show", name, "--json"]) == 0
    assert capsys.readouterr().out == (tmp_path / "s.json").read_text()


def test_diff_says_what_is_otherwise_and_fails_on_errors(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    old, new, without = keep(tmp_path / "a", PLAIN), keep(tmp_path / "b", TEXT), keep(tmp_path / "c", WITHOUT)
    assert main(["snapshot", "diff", old, new]) == 1
    fact = "list 200 $.pageInfo.currentCount its type has changed: integer → string"
    assert capsys.readouterr().out.splitlines() == ["live: https://cce.example, cluster c", f"  error: {fact}"]
    assert main(["snapshot", "diff", old, new, "--json"]) == 1
    assert json.loads(capsys.readouterr().out)[0] == {
        "target": HERE.name,
        "grade": "error",
        "code": "PRE520",
        "path": "$.pageInfo.currentCount",
        "said": fact,
    }
    assert main(["snapshot", "diff", old, without]) == 0
    assert "warning: list PRE302 final-without-expiry is shown" in capsys.readouterr().out
    assert main(["snapshot", "diff", old, old]) == 0
    assert capsys.readouterr().out == f"{HERE.name}: the answers have the same shape\n"


def test_accept_takes_reported_changes_as_known(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    name = keep(tmp_path / "s.json", PLAIN, TEXT)
    assert main(["snapshot", "accept", name]) == 0
    assert capsys.readouterr().out.splitlines() == [
        "accepted: list 200 $.pageInfo.currentCount type (live: https://cce.example, cluster c)",
        "1 change accepted; the next run takes them as known",
    ]
    assert [change.accepted for change in read(tmp_path / "s.json")[HERE].pending.values()] == [True]


def test_what_cannot_be_used_is_said(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    here = keep(tmp_path / "a", PLAIN)
    there = keep(tmp_path / "b", PLAIN, target=SnapshotTarget("live", "https://other.example", "c"))
    for arguments, message in [
        (["show", str(tmp_path / "x.json")], f"there is no snapshot {tmp_path}/x.json; pytest --cce-snapshot="),
        (["diff", here, there], "have no target in common, so nothing can be compared"),
        (["accept", str(tmp_path)], "cannot be read: it is a directory; expected a regular file"),
    ]:
        assert main(["snapshot", *arguments]) == 2
        assert message in capsys.readouterr().err
