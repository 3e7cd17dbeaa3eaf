from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from tests.plugin.projects import VERIFIES
from tests.recordings import files_in

if TYPE_CHECKING:
    from tests.conftest import Run

REFUSED = (
    "ERROR: --cce-mode=record is refused if CI is set: a build should not replace the recordings that it is tested"
    " against; use --cce-mode=replay or live, or add --cce-record-in-ci"
)


@pytest.mark.parametrize("ci", ["true", "True", "1"])
def test_a_build_does_not_record(
    pytester: pytest.Pytester, record: Run, monkeypatch: pytest.MonkeyPatch, ci: str
) -> None:
    pytester.makepyfile(VERIFIES)
    monkeypatch.setenv("CI", ci)
    result = record()
    assert result.ret == 4
    result.stderr.fnmatch_lines([REFUSED])
    assert files_in(pytester.path / "cassettes") == {}


@pytest.mark.parametrize("ci", ["", "false", "0"])
def test_where_ci_is_off_there_is_no_build(
    pytester: pytest.Pytester, record: Run, monkeypatch: pytest.MonkeyPatch, ci: str
) -> None:
    pytester.makepyfile(VERIFIES)
    monkeypatch.setenv("CI", ci)
    record().assert_outcomes(passed=1)


@pytest.mark.parametrize("place", ["option", "environment", "ini"])
def test_a_build_that_asks_for_it_outright_records(
    pytester: pytest.Pytester, record: Run, monkeypatch: pytest.MonkeyPatch, place: str
) -> None:
    pytester.makepyfile(VERIFIES)
    monkeypatch.setenv("CI", "true")
    if place == "environment":
        monkeypatch.setenv("CCE_RECORD_IN_CI", "1")
    if place == "ini":
        pytester.makeini("[pytest]\ncce_record_in_ci = true")
    record(*(["--cce-record-in-ci"] if place == "option" else [])).assert_outcomes(passed=1)
    assert len(files_in(pytester.path / "cassettes")) == 1


def test_a_build_replays_as_ever(
    pytester: pytest.Pytester, record: Run, replay: Run, monkeypatch: pytest.MonkeyPatch
) -> None:
    pytester.makepyfile(VERIFIES)
    record()
    monkeypatch.setenv("CI", "true")
    replay().assert_outcomes(passed=1)
