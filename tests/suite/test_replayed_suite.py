"""What the shipped tests find of a service they find again in its recordings: the same codes, test by test."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from pytest_cce_precheck.config.options import Config
from pytest_cce_precheck.plugin.modes.base import TestContext
from pytest_cce_precheck.plugin.modes.recording import RecordMode
from pytest_cce_precheck.plugin.session import Harness
from pytest_cce_precheck.simulator.faults import FAULTS
from pytest_cce_precheck.simulator.server import SimulatorServer
from pytest_cce_precheck.simulator.service import Simulator
from pytest_cce_precheck.suite.checks import CHECKS
from pytest_cce_precheck.suite.conftest import Suite
from pytest_cce_precheck.transport.simulate import Interception
from tests.recordings import REPLAY, credentials_of, files_in, recording_from
from tests.toolchains import require_module

if TYPE_CHECKING:
    from collections.abc import Mapping
    from pathlib import Path

    from tests.conftest import Run

# one of each kind that the suite can find by
CHOSEN = [
    "task-id-matched-by-prefix",
    "one-task-lost-under-type",
    "fifth-answer-is-the-previous-one",
    "final-without-expiry",
    "foreign-project-readable",
    "signature-ignored",
    "refusal-echoes-the-token",
    "retry-after-in-words",
    "header-injected-by-any-filter",
    "body-in-utf-16",
    "create-accepts-an-unknown-type",
    "state-flickers",
    "every-eighth-connection-breaks",
    "answers-half",
]
BUDGET = 110


class Inspected:
    """What one run of all checks found, and what it left open."""

    def __init__(self, harness: Harness, folder: Path) -> None:
        suite = Suite(harness, harness.client(harness.mode.credentials()))
        self.codes: dict[str, list[str]] = {}
        self.unused: dict[str, int] = {}
        for check in CHECKS:
            test = TestContext(check.__name__, cassette=folder / f"{check.__name__}.json")
            with harness.running(test):
                inspection = suite.inspection(test)
                found = inspection.run(check)
                test.notes["questions"] = inspection.query_log.as_data()
                test.finished = True
            self.codes[check.__name__] = sorted(finding.code for finding in found)
            self.unused[check.__name__] = len(test.playback.unused) if test.playback else 0
            self.inconclusive = list(inspection.results.inconclusive)


def recorded(
    simulator: Simulator, folder: Path, monkeypatch: pytest.MonkeyPatch, *, pseudonyms: bool = False
) -> Inspected:
    """Record from a simulator in this process, whose clock goes as fast as is waited."""
    monkeypatch.setattr(RecordMode, "wait", lambda _, seconds: simulator.clock.advance(seconds))
    config = Config(
        mode="record",
        endpoint=simulator.endpoint,
        project_id=simulator.project_id,
        cluster_id=simulator.cluster_id,
        other_cluster_id=simulator.other_cluster_id,
        foreign_project_id=simulator.foreign_project_id,
        foreign_cluster_id=simulator.foreign_cluster_id,
        allow_writes=True,
        budget=BUDGET,
        timeout=1,
        pseudonyms=pseudonyms,
    )
    with Interception(simulator):
        return Inspected(Harness(config, keys_of(simulator)), folder)


def replayed(folder: Path) -> Inspected:
    return Inspected(Harness(Config(mode="replay"), {}), folder)


def keys_of(simulator: Simulator) -> Mapping[str, str]:
    keys = simulator.credentials
    assert keys.access_key is not None
    assert keys.secret_key is not None
    return {"HUAWEICLOUD_SDK_AK": keys.access_key.reveal(), "HUAWEICLOUD_SDK_SK": keys.secret_key.reveal()}


@pytest.mark.parametrize("fault", CHOSEN)
def test_a_fault_is_found_again_under_the_same_codes_in_the_same_tests(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, fault: str
) -> None:
    live = recorded(Simulator(faults=[fault]), tmp_path, monkeypatch)
    again = replayed(tmp_path)
    assert {code for codes in live.codes.values() for code in codes} & {*FAULTS[fault].codes}
    assert again.codes == live.codes
    assert again.inconclusive == live.inconclusive
    assert set(again.unused.values()) == {0}


@pytest.mark.parametrize("pseudonyms", [False, True])
def test_what_conforms_replays_without_a_finding(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, *, pseudonyms: bool
) -> None:
    live = recorded(Simulator(), tmp_path, monkeypatch, pseudonyms=pseudonyms)
    again = replayed(tmp_path)
    assert again.codes == live.codes == {check.__name__: [] for check in CHECKS}
    assert again.inconclusive == live.inconclusive
    assert set(again.unused.values()) == {0}


# ---- end to end


def verdicts(result: pytest.RunResult) -> list[str]:
    lines = result.stdout.str().splitlines()
    return sorted(line.partition(" - ")[0] for line in lines if line.startswith(("PASSED", "FAILED", "SKIPPED")))


@pytest.mark.parametrize("fault", [None, "one-task-not-found-by-id"])
def test_the_suite_is_recorded_from_a_server_and_replayed_without_it(
    pytester: pytest.Pytester, run: Run, monkeypatch: pytest.MonkeyPatch, fault: str | None
) -> None:
    suite = ("-rA", "--pyargs", "pytest_cce_precheck.suite")
    with SimulatorServer(Simulator(faults=[fault] if fault else [])) as server:
        for name, value in credentials_of(server).items():
            monkeypatch.setenv(name, value)
        other = f"--cce-other-cluster-id={server.simulator.other_cluster_id}"
        live = run(*recording_from(server), other, "--cce-budget=100", *suite)
    for name in credentials_of(server):
        monkeypatch.delenv(name)
    kept = files_in(pytester.path / "cassettes")
    again = run(*REPLAY, *suite)
    assert live.ret == again.ret == (1 if fault else 0), again.stdout.str()
    assert len(verdicts(again)) == len(CHECKS)
    assert verdicts(again) == verdicts(live)
    assert codes(again) == codes(live)
    assert bool(codes(again)) == bool(fault)
    assert files_in(pytester.path / "cassettes") == kept
    again.stdout.fnmatch_lines(["mode replay: recorded answers (no real service was contacted), *"])
    assert "recordings were not used" not in again.stdout.str()
    # on workers too
    require_module("xdist")
    spread = pytester.runpytest_subprocess("-n", "2", "-W", "error", "-p", "no:cacheprovider", *REPLAY, *suite)
    assert (spread.ret, verdicts(spread), codes(spread)) == (live.ret, verdicts(live), codes(live))
    assert files_in(pytester.path / "cassettes") == kept
    # any part of it stands for itself
    part = run(*REPLAY, *suite, "-k", "unknown_filter_values or headers")
    part.assert_outcomes(passed=2, deselected=len(CHECKS) - 2)


def codes(result: pytest.RunResult) -> list[str]:
    words = result.stdout.str().partition("= cce-precheck =")[2].partition("= short test summary")[0].split()
    return sorted(word for word in words if word in {code for fault in FAULTS.values() for code in fault.codes})
