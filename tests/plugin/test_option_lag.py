"""--cce-lag: what a run reports of replicas, and when the option is refused."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from pytest_cce_precheck.contract.replica_lag import may_be_replicas
from pytest_cce_precheck.report.record import RunRecord, TargetResult
from pytest_cce_precheck.report.terminal import lines
from tests.plugin.projects import LIVE

if TYPE_CHECKING:
    from tests.conftest import Run


@pytest.mark.parametrize(
    ("lag", "behind", "told"),
    [
        (5, 3.94, ["  replicas lagged by up to 3.9 s, of the 5 s allowed for (--cce-lag)"]),
        (5, 0.0, []),
        (0, 3.4, [f"  {may_be_replicas(3.4)}"]),
        (2, 3.4, [f"  {may_be_replicas(3.4)}"]),
        (0, 0.0, []),
    ],
)
def test_the_end_of_a_live_run_says_how_far_answers_were_behind(lag: int, behind: float, told: list[str]) -> None:
    written = list(lines(RunRecord("live", {"": TargetResult("https://cce.example", lag=lag, seconds_behind=behind)})))
    assert [line for line in written if "lag" in line] == told


def test_the_simulator_has_no_replicas_to_speak_of() -> None:
    record = RunRecord("simulate", {"": TargetResult("the simulator", seconds_behind=0.1)})
    assert not [line for line in lines(record) if "lag" in line]


def test_a_suite_is_not_recorded_from_replicas(run: Run, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("CCE_AUTH_TOKEN", "PLANTED-token-of-the-test")
    options = (*LIVE, "--cce-mode=record", "--cce-endpoint=http://127.0.0.1:1", "--cce-lag=5")
    result = run("--pyargs", "pytest_cce_precheck.suite", *options)
    assert result.ret == 4
    result.stderr.fnmatch_lines(["ERROR: --cce-lag works with --cce-mode=live only: a recording keeps no times*"])
