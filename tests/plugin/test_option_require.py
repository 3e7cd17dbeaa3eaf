"""--cce-require: a run that proves less than its user requires fails, and says of what."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING

import pytest

from tests.recordings import recording_from
from tests.toolchains import require_module

if TYPE_CHECKING:
    from pytest_cce_precheck.simulator.server import SimulatorServer
    from tests.conftest import Run

SUITE = ("--pyargs", "pytest_cce_precheck.suite")


@pytest.mark.parametrize("workers", [(), ("-n2",)])
def test_a_run_that_proves_too_little_is_incomplete(
    pytester: pytest.Pytester, run: Run, workers: tuple[str, ...]
) -> None:
    only = ("-k", "unfiltered_list or unknown_filter", "--cce-report=report.json", "--cce-require=rules:60%,statuses:1")
    result = run(*SUITE, *workers, *only)
    assert result.ret == 1
    result.stdout.fnmatch_lines(
        ["incomplete: * too little was proved: rules * of 85, required are 60% (--cce-require)*", "  proved: *"]
    )
    record = json.loads((pytester.path / "report.json").read_text())
    rules = record["proved"]["rules"]
    assert record["not_proved"] == [f"rules {rules['proved']} of 85, required are 60% (--cce-require)"]
    assert len(rules["times"]) + len(rules["nothing"]) + len(rules["not_asked"]) == rules["of"] == 85
    assert rules["times"]["PRE406"] > 10
    assert "PRE320" in rules["not_asked"]


def test_a_full_run_proves_enough(pytester: pytest.Pytester, run: Run) -> None:
    paths = ("--cce-report=report.md", "--cce-report=report.html")
    result = run(*SUITE, "--cce-require=rules:95%", "--cce-require=fields:90%", *paths)
    assert result.ret == 0
    result.stdout.fnmatch_lines(["the contract holds: *", "  proved: 81 of 85 rules, * of 14 statuses, * fields"])
    text = (pytester.path / "report.md").read_text()
    assert "## How much was proved" in text
    assert "| `PRE304 task-id-twice` |" in text
    assert "<td>PRE304 task-id-twice</td>" in (pytester.path / "report.html").read_text()


def test_answers_that_a_users_own_test_verifies_count(pytester: pytest.Pytester, run: Run) -> None:
    pytester.makepyfile(
        """
        def test_it(cce_client, cce_contract):
            cce_contract.verify(cce_client.list_tasks())
        """
    )
    result = run("--cce-require=statuses:2")
    assert result.ret == 1
    result.stdout.fnmatch_lines(["*too little was proved: statuses 1 of 14, required are 2*"])
    assert run("--cce-require=statuses:1").ret == 0


@pytest.mark.parametrize(
    ("given", "said"),
    [
        ("rules", "expected rules, classes, statuses or fields, a colon, and a number or a share up to 100%"),
        ("rules:101%", "expected rules, classes*"),
        ("rules:-1", "expected rules, classes*"),
        ("rule:9", "unknown kind 'rule'; did you mean rules? (known: rules, classes, statuses, fields)"),
    ],
)
def test_a_requirement_that_cannot_be_read_ends_the_run(run: Run, given: str, said: str) -> None:
    result = run(*SUITE, f"--cce-require={given}")
    assert result.ret == 4
    result.stderr.fnmatch_lines([f"*--cce-require={given}: {said}*"])


def proved(pytester: pytest.Pytester) -> dict[str, dict[str, int]]:
    record = json.loads((pytester.path / "report.json").read_text())
    return {kind: record["proved"][kind]["times"] for kind in ("rules", "classes", "statuses", "fields")}


def test_a_replay_proves_what_its_recording_proved(
    pytester: pytest.Pytester, run: Run, service: SimulatorServer, replay: Run
) -> None:
    suite = ("--pyargs", "pytest_cce_precheck.suite", "--cce-report=report.json", "--cce-budget=120")
    assert run(*suite, *recording_from(service)).ret == 0
    recorded = proved(pytester)
    assert {"PRE401", "PRE501", "PRE602", "PRE611"} <= recorded["rules"].keys()
    assert replay(*suite).ret == 0
    again = proved(pytester)
    # what came after an answer is seen on a connection only
    del recorded["rules"]["PRE125"]
    assert [set(recorded[kind].items()) ^ set(again[kind].items()) for kind in recorded] == [set()] * 4


def test_workers_add_up_to_one_proof(pytester: pytest.Pytester, run: Run, service: SimulatorServer) -> None:
    require_module("xdist")
    suite = ("--pyargs", "pytest_cce_precheck.suite", "--cce-report=report.json")
    assert run(*suite, *recording_from(service), "--cce-mode=live", "-n2").ret == 0
    together = proved(pytester)
    assert {"PRE401", "PRE415", "PRE602", "PRE611"} <= together["rules"].keys()
    assert json.loads((pytester.path / "report.json").read_text())["proved"]["rules"]["of"] == 85
