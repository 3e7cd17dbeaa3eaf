"""--cce-targets: one run over several services and clusters, each with its own settings, and one report."""

from __future__ import annotations

import json
import re
import subprocess
import sys
from contextlib import ExitStack, contextmanager
from importlib import resources
from typing import TYPE_CHECKING, Any

import pytest

from pytest_cce_precheck.simulator.clock import RunningClock
from pytest_cce_precheck.simulator.server import SimulatorServer
from pytest_cce_precheck.simulator.service import Simulator
from tests.plugin.projects import VERIFIES
from tests.processes import first_line
from tests.toolchains import require_module

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    from tests.conftest import Run

    Services = dict[str, SimulatorServer]

FAULT = "final-without-expiry"
TARGETS = ("--cce-mode=live", "--cce-targets=cce-targets.toml")
SUITE = ("--pyargs", "pytest_cce_precheck.suite")


class Counted(Simulator):
    """A service that counts what it is asked, for each cluster."""

    def __init__(self, **how: Any) -> None:
        super().__init__(clock=RunningClock(), **how)
        self.asked: dict[str, int] = {}

    def handle(self, request: Any, *, caller: int | None = None) -> Any:
        cluster = request.path.partition("/clusters/")[2].partition("/")[0]
        self.asked[cluster] = self.asked.get(cluster, 0) + 1
        return super().handle(request, caller=caller)


@pytest.fixture
def services(pytester: pytest.Pytester, monkeypatch: pytest.MonkeyPatch) -> Iterator[Services]:
    """Two services, each with a token of its own in the environment, the second with a defect; and their file."""
    with ExitStack() as stack:
        servers = {
            "good": stack.enter_context(SimulatorServer(Counted())),
            "bad": stack.enter_context(SimulatorServer(Counted(seed=5, faults=[FAULT]))),
        }
        for name, server in servers.items():
            token = server.simulator.credentials.token
            assert token is not None
            monkeypatch.setenv(f"{name.upper()}_TOKEN", token.reveal())
        pytester.path.joinpath("cce-targets.toml").write_text(
            "\n".join(table(name, server) for name, server in servers.items())
        )
        yield servers


def table(name: str, server: SimulatorServer) -> str:
    service = server.simulator
    return f"""
[[target]]
name = "{name}"
endpoint = "{server.endpoint}"
project_id = "{service.project_id}"
clusters = ["{service.cluster_id}"]
other_cluster_id = "{service.other_cluster_id}"
credentials = {{ token = "{name.upper()}_TOKEN" }}
budget = 60
"""


def report(pytester: pytest.Pytester) -> dict[str, Any]:
    document: dict[str, Any] = json.loads(pytester.path.joinpath("report.json").read_text("utf-8"))
    return document


@pytest.mark.usefixtures("services")
def test_the_suite_judges_each_target_and_tells_which_one_is_wrong(run: Run, pytester: pytest.Pytester) -> None:
    result = run(*SUITE, *TARGETS, "--cce-report=report.json")
    assert result.ret == 1
    result.stdout.fnmatch_lines(
        ["cce-precheck: 2 targets: good, bad", "mode live: 2 targets, *", "  PRE302 * (on bad)"]
    )
    outcomes = result.parseoutcomes()
    assert outcomes["failed"] >= 1
    assert "[good]" not in "\n".join(line for line in result.outlines if line.startswith("FAILED"))
    told = report(pytester)
    assert [each["name"] for each in told["targets"]] == ["good", "bad"]
    assert all(0 < each["requests"] <= 60 for each in told["targets"])
    assert told["requests"] == sum(each["requests"] for each in told["targets"])
    assert {tuple(each["targets"]) for each in told["findings"] if each["verdict"] == "failing"} == {("bad",)}


def test_each_target_has_a_budget_of_its_own_however_the_tests_are_shuffled(
    run: Run, pytester: pytest.Pytester, services: Services
) -> None:
    pytester.makepyfile(
        """
        import pytest

        @pytest.mark.parametrize("number", range(40))
        def test_asks_once(cce_client, cce_config, number):
            assert cce_client.list_tasks().status == 200
        """
    )
    pytester.makeconftest(
        """
        import pytest

        @pytest.hookimpl(trylast=True)
        def pytest_collection_modifyitems(items):
            items.sort(key=lambda item: item.callspec.params["number"])
        """
    )
    result = run(*TARGETS, "--cce-budget=30", "--tb=no")
    assert {name: sum(server.simulator.asked.values()) for name, server in services.items()} == {"good": 30, "bad": 30}
    result.assert_outcomes(passed=60, failed=20)


@pytest.mark.usefixtures("services")
def test_an_accepted_deviation_is_one_targets_own(run: Run, pytester: pytest.Pytester) -> None:
    path = pytester.path / "cce-targets.toml"
    path.write_text(path.read_text() + 'accept = ["final-without-expiry: agreed until 2099-01-01"]\n')
    result = run(*SUITE, *TARGETS, "--cce-report=report.json")
    assert result.ret == 0
    assert report(pytester)["accepted"] == {"PRE302": "agreed"}
    path.write_text(path.read_text().replace("budget = 60", 'budget = 60\naccept = ["PRE303: agreed"]', 1))
    result = run(*SUITE, *TARGETS, "--cce-target=good", "-k", "unfiltered")
    result.stdout.fnmatch_lines(["  unused acceptance: PRE303 (agreed) on good"])


@pytest.mark.parametrize("workers", [(), ("-n", "2", "--dist", "loadgroup")], ids=["alone", "workers"])
@pytest.mark.usefixtures("services")
def test_a_deviation_that_one_target_shows_and_another_does_not_is_told_by_their_names(
    run: Run, pytester: pytest.Pytester, workers: tuple[str, ...]
) -> None:
    if workers:
        require_module("xdist")
    path = pytester.path / "cce-targets.toml"
    path.write_text(path.read_text() + 'accept = ["final-without-expiry: agreed"]\n')
    result = run(*SUITE, *TARGETS, *workers, "--cce-snapshot=seen.json", "--cce-report=report.json")
    assert result.ret == 0
    result.stdout.fnmatch_lines(
        ["  good: seen for the first time*", "*final-without-expiry is shown by bad (* of *), and not by good (0 of *"]
    )
    assert [each["verdict"] for each in report(pytester)["findings"] if each["code"] == "PRE522"] == ["shown"]


@pytest.mark.usefixtures("services")
def test_a_drift_that_one_target_may_have_is_accepted_for_it_alone(run: Run, pytester: pytest.Pytester) -> None:
    path = pytester.path / "cce-targets.toml"
    path.write_text(path.read_text() + 'accept = ["final-without-expiry: agreed", "PRE521: under way"]\n')
    options = (*SUITE, *TARGETS, "--cce-snapshot=seen.json", "--cce-report=report.json", "--cce-fail-on=warning")
    run(*options)
    # yesterday both spelt their timestamps otherwise
    seen = pytester.path / "seen.json"
    document = json.loads(seen.read_text())
    for each in document["targets"]:
        created = each["answers"]["list 200"]["fields"]["$.items[*].metadata.createTimeStamp"]
        created["fractions"] = {"0": 12}
    seen.write_text(json.dumps(document))
    result = run(*options)
    assert result.ret == 1
    drifted = {
        tuple(each["targets"]): each["verdict"] for each in report(pytester)["findings"] if each["code"] == "PRE521"
    }
    assert drifted == {("good",): "failing", ("bad",): "accepted"}


@pytest.mark.usefixtures("services")
def test_the_time_of_a_run_is_that_of_all_targets_together(run: Run, pytester: pytest.Pytester) -> None:
    pytester.makepyfile(
        """
        import sqlite3
        from contextlib import closing
        from pathlib import Path

        from pytest_cce_precheck.plugin.request_budget import budgets_key

        def test_asks(cce_client):
            assert cce_client.list_tasks().status == 200

        def test_both_end_at_once(cce_client, pytestconfig):
            files = Path(pytestconfig.stash[budgets_key].folder).glob("requests-*.sqlite")
            ends = []
            for file in files:
                with closing(sqlite3.connect(file)) as connection:
                    ends += connection.execute("SELECT ends_at FROM run")
            assert None not in ends and len(set(ends)) == 1
            if "[bad]" in __import__("os").environ["PYTEST_CURRENT_TEST"]:
                assert len(ends) == 2
        """
    )
    run(*TARGETS, "--cce-run-time=60").assert_outcomes(passed=4)


@pytest.mark.usefixtures("services")
def test_one_target_can_be_chosen(run: Run) -> None:
    result = run(*SUITE, *TARGETS, "--cce-target=good", "-k", "unfiltered")
    result.assert_outcomes(passed=1, deselected=13)
    assert "[good]" in run(*SUITE, *TARGETS, "--cce-target=good", "--collect-only", "-q").stdout.str()


@pytest.mark.usefixtures("services")
def test_tests_of_ones_own_run_over_the_targets_too_by_fixture_or_marker(run: Run, pytester: pytest.Pytester) -> None:
    pytester.makepyfile(
        VERIFIES
        + """
import pytest

@pytest.mark.cce
def test_by_its_marker(request):
    assert request.node.callspec.params["_cce_target"].name in ("good", "bad")

def test_nobodys():
    pass

def test_settings(cce_config, cce_client):
    assert cce_config.endpoint == cce_client.endpoint
    assert cce_config.source("endpoint") == "cce-targets.toml"
"""
    )
    result = run(*TARGETS, "-v")
    names = {line.split()[0].partition("::")[2] for line in result.outlines if "::" in line and "%" in line}
    for each in ("test_upgrade_checks_meet_the_contract", "test_by_its_marker", "test_settings"):
        assert {f"{each}[good]", f"{each}[bad]"} <= names
    assert "test_nobodys" in names


def test_workers_take_a_target_each(run: Run, pytester: pytest.Pytester, services: Services) -> None:
    require_module("xdist")
    result = run(
        *SUITE, *TARGETS, "-v", "-n", "2", "--dist", "loadgroup", "--cce-report=report.json", "--cce-history=h.sqlite"
    )
    assert result.ret == 1
    ran = {pair for line in result.outlines for pair in re.findall(r"^\[(gw\d)\].*\[(good|bad)\]", line)}
    assert sorted(name for _, name in ran) == ["bad", "good"]
    assert len({worker for worker, _ in ran}) == 2
    told = report(pytester)
    assert {tuple(each["targets"]) for each in told["findings"] if each["verdict"] == "failing"} == {("bad",)}
    # unfiltered lists are read once for a target, not once for a worker: as many requests as without workers
    assert all(each["requests"] <= 60 for each in told["targets"])
    by_target = {each["name"]: each["requests"] for each in told["targets"]}
    assert {name: sum(server.simulator.asked.values()) for name, server in services.items()} == by_target
    shown = subprocess.run(
        [sys.executable, "-m", "pytest_cce_precheck.cli", "history", "h.sqlite"],
        cwd=pytester.path, capture_output=True, text=True, check=True,
    ).stdout  # fmt: skip
    assert f"live: {services['good'].endpoint}, cluster {services['good'].simulator.cluster_id}" in shown
    assert "@good" not in shown


def test_gateways_on_other_machines_take_a_target_each(
    run_apart: Run, pytester: pytest.Pytester, services: Services
) -> None:
    require_module("xdist")
    with ExitStack() as stack:
        ports = [stack.enter_context(gateway(pytester.mkdir(name))) for name in ("one", "other")]
        places = [word for port in ports for word in ("--tx", f"socket=127.0.0.1:{port}")]
        # a warning of the gateway's own: it has no source to rewrite asserts of
        result = run_apart(
            *SUITE, *TARGETS, "-d", "--dist", "loadgroup", *places, "--cce-report=report.json", "-W", "default"
        )
    assert result.ret == 1, result.stdout.str()
    told = report(pytester)
    assert {tuple(each["targets"]) for each in told["findings"] if each["verdict"] == "failing"} == {("bad",)}
    assert {each["name"]: each["requests"] for each in told["targets"]} == {
        name: sum(server.simulator.asked.values()) for name, server in services.items()
    }


@contextmanager
def gateway(folder: Path) -> Iterator[str]:
    """Run a gateway of execnet, which a machine of one's own would have; gives its port."""
    script = resources.files("execnet") / "script" / "socketserver.py"
    words = [sys.executable, "-u", str(script), "127.0.0.1:0"]
    process = subprocess.Popen(words, cwd=folder, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL, text=True)
    try:
        yield re.findall(r"\d+", first_line(process))[-1]
    finally:
        process.kill()
        process.communicate()


def test_what_was_recorded_of_each_target_is_replayed_for_it(
    run: Run, pytester: pytest.Pytester, services: Services, monkeypatch: pytest.MonkeyPatch
) -> None:
    pytester.makepyfile(VERIFIES)
    recorded = run("--cce-mode=record", "--cce-targets=cce-targets.toml")
    for server in services.values():
        server.close()
    monkeypatch.delenv("GOOD_TOKEN")
    monkeypatch.delenv("BAD_TOKEN")
    replayed = run("--cce-mode=replay", "--cce-targets=cce-targets.toml")
    assert replayed.ret == recorded.ret == 1
    assert replayed.parseoutcomes() == recorded.parseoutcomes() == {"passed": 1, "failed": 1}
    names = sorted(path.name for path in pytester.path.glob("cce-cassettes/**/*.json"))
    assert [name.rpartition("meet_the_contract")[2] for name in names] == ["[bad].json", "[good].json"]


def test_a_missing_credential_is_named_before_anything_runs(
    run: Run, services: Services, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.delenv("BAD_TOKEN")
    result = run(*SUITE, *TARGETS)
    assert result.ret == 4
    result.stderr.fnmatch_lines(["*the credentials of target bad are not in the environment: set BAD_TOKEN*"])
    run(*SUITE, *TARGETS, "--cce-target=good", "-k", "unfiltered").assert_outcomes(passed=1, deselected=13)
    assert not services["bad"].simulator.asked


def test_targets_are_real_services(run: Run) -> None:
    result = run("--cce-targets=cce-targets.toml")
    assert result.ret == 4
    result.stderr.fnmatch_lines(["*--cce-targets names a real service*add --cce-mode=live, record or replay*"])


def test_a_target_is_chosen_from_a_file(run: Run) -> None:
    result = run("--cce-mode=live", "--cce-target=good")
    assert result.ret == 4
    result.stderr.fnmatch_lines(["*name the file with --cce-targets*"])


def test_created_tasks_are_listed_at_the_end(run: Run, pytester: pytest.Pytester, services: Services) -> None:
    path = pytester.path / "cce-targets.toml"
    path.write_text('write_hosts = ["127.0.0.1"]\n' + path.read_text())
    pytester.makepyfile(
        """
        def test_makes_one(cce_client):
            addon = {"addonTemplateName": "coredns", "addonInstanceID": "i-1", "type": "addonStatic"}
            item = cce_client.list_tasks().document["items"][0]["metadata"]
            addon["addonTemplateName"], addon["addonInstanceID"] = item["addonTemplateName"], item["addonInstanceID"]
            assert cce_client.create_tasks([addon]).status == 201
        """
    )
    result = run(*TARGETS, "--cce-target=good", "--cce-allow-writes", "--cce-report=report.json")
    result.stdout.fnmatch_lines(
        ["  created on good 1 task, which stays listed until expired:", "    * (addonStatic, instance *)"]
    )
    (created,) = report(pytester)["targets"][0]["created"]
    assert created["task_id"] in result.stdout.str()


@pytest.mark.parametrize(
    ("accepted", "expected"),
    [("PRE302 nothing", "cannot accept 'PRE302 nothing': expected CODE: REASON"), ("PRE999: x", "PRE999")],
)
def test_an_acceptance_that_cannot_be_used_is_refused_with_its_target(
    pytester: pytest.Pytester, run: Run, services: Services, accepted: str, expected: str
) -> None:
    path = pytester.path / "cce-targets.toml"
    path.write_text(f"{path.read_text('utf-8')}accept = [{accepted!r}]\n", "utf-8")
    result = run(*TARGETS, *SUITE)
    assert result.ret == pytest.ExitCode.USAGE_ERROR
    result.stderr.fnmatch_lines([f"ERROR: target * of cce-targets.toml: *{expected}*"])
