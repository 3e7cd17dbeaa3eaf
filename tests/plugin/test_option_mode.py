from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from tests.plugin.projects import ORDINARY, VERIFIES

if TYPE_CHECKING:
    from tests.conftest import Run


def test_an_unknown_mode_stops_the_run(pytester: pytest.Pytester, run: Run) -> None:
    pytester.makepyfile(ORDINARY)
    result = run("--cce-mode=lve")
    assert result.ret == 4
    expected = "expected one of simulate, replay, record, live"
    result.stderr.fnmatch_lines([f"ERROR: --cce-mode (from option) is 'lve': {expected}"])
    assert "1 passed" not in result.stdout.str()


def test_a_run_without_a_mode_is_simulated_and_says_so(pytester: pytest.Pytester, run: Run) -> None:
    pytester.makepyfile(VERIFIES)
    result = run()
    assert result.ret == 0
    result.stdout.fnmatch_lines(
        ["*= cce-precheck =*", "mode simulate: the simulator (no real service was contacted), 1 request, seed 0"]
    )


@pytest.mark.parametrize("place", ["option", "environment", "ini"])
def test_a_mode_counts_from_wherever_it_is_given(
    pytester: pytest.Pytester, run: Run, monkeypatch: pytest.MonkeyPatch, place: str
) -> None:
    pytester.makepyfile(VERIFIES)
    if place == "environment":
        monkeypatch.setenv("CCE_MODE", "live")
    if place == "ini":
        pytester.makeini("[pytest]\ncce_mode = live")
    result = run(*(["--cce-mode=live"] if place == "option" else []))
    assert result.ret == 4
    result.stderr.fnmatch_lines(["ERROR: --cce-mode=live still needs: *"])
