"""``cce-precheck rerun``: asks for kept causes, and says by its status whether they are fixed."""

from __future__ import annotations

import json
import threading
from typing import TYPE_CHECKING, Any, Final

import pytest

from pytest_cce_precheck.cli.main import main
from pytest_cce_precheck.simulator.faults import FAULTS
from pytest_cce_precheck.simulator.server import SimulatorServer
from pytest_cce_precheck.simulator.service import Simulator
from tests.servers import free_port

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    from tests.conftest import Captured

FAULT: Final = "type-in-any-case"


class Service:
    """A simulator over HTTP that can be repaired."""

    def __init__(self, monkeypatch: pytest.MonkeyPatch) -> None:
        self.simulator = Simulator(faults=[FAULT])
        self.server = SimulatorServer(self)  # type: ignore[arg-type]  handle is all that it needs
        facts = self.simulator.describe()
        monkeypatch.setenv("CCE_AUTH_TOKEN", facts["token"])
        self.flags = [
            "--mode=live",
            f"--endpoint={self.server.endpoint}",
            f"--project-id={facts['project_id']}",
            f"--cluster-id={facts['cluster_id']}",
        ]

    def handle(self, *arguments: Any, **options: Any) -> Any:
        return self.simulator.handle(*arguments, **options)

    def __getattr__(self, name: str) -> Any:
        return getattr(self.simulator, name)

    def repair(self) -> None:
        self.simulator = Simulator()


@pytest.fixture
def service(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> Iterator[Service]:
    monkeypatch.chdir(tmp_path)
    service = Service(monkeypatch)
    with service.server:
        yield service


@pytest.fixture
def name(service: Service, capsys: Captured) -> str:
    assert FAULT in FAULTS
    assert main(["run", *service.flags, "-k", "unknown"]) == 1
    return next(
        line.rpartition(" ")[2] for line in capsys.readouterr().out.splitlines() if "cce-precheck rerun" in line
    )


def test_a_cause_is_still_there_until_the_service_is_repaired(service: Service, name: str, capsys: Captured) -> None:
    # where it was found is in the file
    assert main(["rerun", name]) == 1
    assert capsys.readouterr().out.startswith(f"STILL      {name}  ?type=addonstatic wrongly shows ")
    service.repair()
    assert main(["rerun", name.lower(), "--json"]) == 0
    [result] = json.loads(capsys.readouterr().out)
    assert (result["id"], result["outcome"]) == (name, "FIXED")
    assert 0 < result["requests"] <= 15


@pytest.fixture
def simulated(service: Service, capsys: Captured) -> str:
    """Return the name of a cause that was found on the simulator."""
    assert main(["run", f"--fault={FAULT}", "-k", "unknown"]) == 1
    return next(line.split()[4] for line in capsys.readouterr().out.splitlines() if "cce-precheck rerun" in line)


@pytest.mark.parametrize("place", ["the command line", "the environment"])
def test_a_cause_of_the_simulator_is_never_called_fixed_at_a_service_that_is_not_asked(
    service: Service, simulated: str, capsys: Captured, monkeypatch: pytest.MonkeyPatch, place: str
) -> None:
    given = service.flags[1:] if place == "the command line" else []
    monkeypatch.setenv("CCE_ENDPOINT", service.server.endpoint)
    # nor is it waited for
    assert main(["rerun", "--until-fixed=60s", *given]) == 3
    said = f"UNDECIDED  {simulated}  left out: it was found on the simulator, not at {service.server.endpoint}; add "
    assert capsys.readouterr().out.startswith(said)
    assert service.simulator.handled == 0


def test_a_cause_of_the_simulator_is_asked_for_at_a_service_if_the_mode_is_given(
    service: Service, simulated: str, capsys: Captured
) -> None:
    assert main(["rerun", *service.flags]) == 1
    assert capsys.readouterr().out.startswith(f"STILL      {simulated}  ")
    service.repair()
    assert main(["rerun", *service.flags]) == 0
    assert "it was, at the simulator: ?type=addonstatic" in capsys.readouterr().out
    assert service.simulator.handled > 0


def test_what_the_simulator_answered_is_said_in_every_line(simulated: str, capsys: Captured) -> None:
    # the simulator has the fault that it had, unless it is given another
    for fault, outcome in (
        ([f"--fault={FAULT}"], "STILL"),
        ([], "STILL"),
        (["--fault=unknown-cluster-answered"], "FIXED"),
    ):
        main(["rerun", *fault])
        first = capsys.readouterr().out.splitlines()[0]
        assert first.startswith(f"{outcome}      {simulated}  ")
        assert ", on the simulator; no real service was contacted (" in first
    assert main(["rerun", "--list"]) == 0
    assert "    on the simulator\n" in capsys.readouterr().out


def test_a_deploy_is_waited_for(service: Service, name: str, capsys: Captured) -> None:
    repaired = threading.Timer(1.5, service.repair)
    repaired.start()
    assert main(["rerun", "--until-fixed=60s", "--every=1s"]) == 0
    repaired.join()
    out = capsys.readouterr().out
    assert out.startswith("STILL ")
    assert "1 cause not fixed, asked again in 1 s" in out
    assert f"FIXED      {name}" in out


def test_nobody_there_is_a_status_of_its_own(service: Service, name: str, capsys: Captured) -> None:
    assert main(["rerun", name, f"--endpoint=http://127.0.0.1:{free_port()}"]) == 4
    assert capsys.readouterr().out.startswith(f"UNDECIDED  {name}  ")


def test_the_kept_causes_are_listed_without_a_request(service: Service, name: str, capsys: Captured) -> None:
    handled = service.simulator.handled
    assert main(["rerun", "--list"]) == 0
    out = capsys.readouterr().out
    assert out.startswith(f"{name}  20")
    assert f"    on {service.server.endpoint}\n" in out
    assert service.simulator.handled == handled


def test_credentials_go_to_no_host_that_only_a_file_names(
    service: Service, name: str, capsys: Captured, tmp_path: Path
) -> None:
    path = tmp_path / ".cce-precheck" / "failures" / f"{name}.json"
    path.write_text(path.read_text("utf-8").replace(service.server.endpoint, "https://evil.example"), "utf-8")
    assert main(["rerun"]) == 2
    said = capsys.readouterr().err
    assert "credentials are sent to no host that only a file names: add --endpoint=https://evil.example" in said


@pytest.mark.parametrize(
    ("arguments", "expected"),
    [
        (["PRE406-000000"], "there is no kept failure 'PRE406-000000'"),
        (["--mode=replay"], "--mode=replay asks nobody"),
        (["--folder=elsewhere"], "elsewhere holds no failure: a run of the suite keeps each cause"),
    ],
)
def test_wrong_use_is_named_with_the_way_out(name: str, capsys: Captured, arguments: list[str], expected: str) -> None:
    assert main(["rerun", *arguments]) == 2
    assert expected in capsys.readouterr().err


@pytest.mark.parametrize("text", ["2", "0s", "2 h", "h", "1d"])
def test_a_time_needs_a_number_and_a_unit(capsys: Captured, text: str) -> None:
    with pytest.raises(SystemExit):
        main(["rerun", f"--until-fixed={text}"])
    assert f"{text!r} is not a time: expected a number with s, m or h, such as 30s or 2h" in capsys.readouterr().err


def test_a_file_that_is_no_kept_failure_is_named(name: str, capsys: Captured, tmp_path: Path) -> None:
    path = tmp_path / ".cce-precheck" / "failures" / f"{name}.json"
    text = path.read_text("utf-8")
    for wrong in ("{}", text.replace("http://127", "http://[127")):
        path.write_text(wrong, "utf-8")
        assert main(["rerun"]) == 2
        assert f"{name}.json is not a kept failure" in capsys.readouterr().err


@pytest.mark.parametrize(
    ("steps", "value", "said"),
    [
        ("settings.lag", 10**9, "at $.notes.settings.lag, 1000000000 is greater than the maximum of 86400"),
        ("settings.lag", "abc", "at $.notes.settings.lag, "),
        ("settings.seed", [1], "at $.notes.settings.seed, "),
        ("settings.mode", ["live"], "at $.notes.settings.mode, "),
        ("settings.mode", "replay", "at $.notes.settings.mode, "),
        ("settings.other_cluster_id", 5, "at $.notes.settings.other_cluster_id, "),
        ("settings", {}, "at $.notes.settings."),
        ("settings", [], "at $.notes.settings, "),
        ("failure.queries.-1.query", 5, ".query, 5 is not of type 'string'"),
        ("failure.queries.-1.about", 5, ".about, 5 is not of type 'array'"),
        ("failure.queries.-1.meanings", [], ".meanings, [] should be non-empty"),
        ("failure.queries.-1.code", "PRE799", ".code, 'PRE799' is unknown"),
        ("failure.finding.code", "PRE799", "at $.notes.failure.finding.code, 'PRE799' is unknown"),
    ],
)
def test_a_kept_failure_that_was_tampered_with_is_refused_before_anything_is_asked(
    service: Service, name: str, capsys: Captured, tmp_path: Path, steps: str, value: Any, said: str
) -> None:
    path = tmp_path / ".cce-precheck" / "failures" / f"{name}.json"
    document = json.loads(path.read_text("utf-8"))
    *way, last = steps.split(".")
    node = document["notes"]
    for step in way:
        node = node[int(step) if isinstance(node, list) else step]
    node[last] = value
    path.write_text(json.dumps(document), "utf-8")
    handled = service.simulator.handled
    assert main(["rerun"]) == 2
    err = capsys.readouterr().err
    assert f"{name}.json is not a kept failure (" in err
    assert said in err
    assert service.simulator.handled == handled


def test_ctrl_c_while_it_waits_prints_what_is_known(
    service: Service, name: str, capsys: Captured, monkeypatch: pytest.MonkeyPatch
) -> None:
    def interrupted(_: float) -> None:
        raise KeyboardInterrupt

    monkeypatch.setattr("pytest_cce_precheck.cli.rerun.time.sleep", interrupted)
    assert main(["rerun", name, "--json", "--until-fixed=5m", *service.flags]) == 130
    printed = capsys.readouterr()
    assert [(each["id"], each["outcome"]) for each in json.loads(printed.out)] == [(name, "STILL")]
    assert printed.err == "cce-precheck: interrupted: 1 of 1 cause asked for\n"
