"""``cce-precheck serve``: the simulator in a process of its own."""

from __future__ import annotations

import json
import signal
import socket
import urllib.error
import urllib.request
from typing import TYPE_CHECKING, Any

import pytest

from pytest_cce_precheck.cli.main import main
from pytest_cce_precheck.schema_files import load_schema
from pytest_cce_precheck.simulator.staging.profiles import PROFILES
from tests.processes import first_line, service, start

if TYPE_CHECKING:
    from pathlib import Path


def get(facts: dict[str, Any], token: str) -> Any:
    path = f"/api/v3/projects/{facts['project_id']}/clusters/{facts['cluster_id']}/addons/precheck/tasks"
    request = urllib.request.Request(facts["endpoint"] + path, headers={"X-Auth-Token": token})
    with urllib.request.urlopen(request, timeout=10) as answer:
        return json.load(answer)


def test_one_line_of_json_tells_a_program_all_it_needs() -> None:
    with service("--tasks", "5", "--seed", "3", "--fault", "page-info-missing") as facts:
        assert facts["endpoint"].startswith("http://127.0.0.1:")
        assert (facts["seed"], facts["faults"]) == (3, ["page-info-missing"])
        answer = get(facts, facts["token"])
        assert len(answer["items"]) == 5
        assert "pageInfo" not in answer
        with pytest.raises(urllib.error.HTTPError) as caught:
            get(facts, "wrong")
        with caught.value:
            assert caught.value.code == 401


def test_a_captured_answer_is_served_again(tmp_path: Path) -> None:
    captured = load_schema("list_answer")["examples"][0]
    (tmp_path / "state.json").write_text(json.dumps(captured))
    with service("--state", str(tmp_path / "state.json")) as facts:
        assert get(facts, facts["token"]) == captured


def test_a_state_may_break_a_rule_that_is_named(tmp_path: Path) -> None:
    captured = load_schema("list_answer")["examples"][0]
    del captured["items"][0]["metadata"]["expireTimeStamp"]
    (tmp_path / "state.json").write_text(json.dumps(captured))
    with service("--state", str(tmp_path / "state.json"), "--breaks", "PRE302") as facts:
        assert get(facts, facts["token"]) == captured


def test_the_text_says_how_to_run_the_suite_and_control_c_ends_it_cleanly() -> None:
    process = start()
    try:
        lines = [first_line(process)]
        assert process.stdout is not None
        while "HUAWEICLOUD_SDK_REGION" not in lines[-1]:
            lines.append(process.stdout.readline())
        text = "".join(lines)
        assert text.startswith("The simulated service listens on http://127.0.0.1:")
        assert "pytest --pyargs pytest_cce_precheck.suite --cce-mode=live --cce-endpoint=http://127.0.0.1:" in text
        assert "export CCE_AUTH_TOKEN=SIMULATED-TOKEN-" in text
        endpoint = text.split()[5]
        assert f"export HUAWEICLOUD_SDK_REGION_CCE_CN_NORTH_4={endpoint}\n" in text
        process.send_signal(signal.SIGINT)
        _, err = process.communicate(timeout=10)
    finally:
        process.kill()
    assert (process.returncode, err) == (0, "")


def test_the_help_says_how_a_service_is_ended(capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(SystemExit):
        main(["serve", "--help"])
    assert "Ctrl-C (SIGINT) or SIGTERM ends it" in " ".join(capsys.readouterr().out.split())


def test_being_terminated_leaves_nothing_behind() -> None:
    process = start("--json")
    try:
        facts = json.loads(first_line(process))
        process.terminate()
        out, err = process.communicate(timeout=10)
    finally:
        process.kill()
    assert (out, err) == ("", "")
    with pytest.raises(OSError, match=r"refused|10061"):
        get(facts, facts["token"])


@pytest.mark.parametrize(
    ("words", "message"),
    [
        (["--fault", "page-info-mising"], "there is no fault 'page-info-mising'; did you mean page-info-missing"),
        (["--variation", "item-shuffled"], "there is no variation 'item-shuffled'; did you mean items-shuffled"),
        (["--state", "no-such.json"], "the state file no-such.json cannot be read: No such file or directory"),
        (["--state", __file__], "the state file "),
        (["--state", "x", "--staging", "busy"], "--state is for the simulator alone"),
        (["--state", "x", "--corpus"], "--corpus has answers of its own"),
        (["--breaks", "PRE302"], "--breaks permits a state to break a rule: name the state with --state FILE"),
    ],
)
def test_what_cannot_be_served_exits_with_2(capsys: pytest.CaptureFixture[str], words: list[str], message: str) -> None:
    assert main(["serve", *words]) == 2
    captured = capsys.readouterr()
    assert captured.out == ""
    assert captured.err.startswith(f"cce-precheck: {message}")


def test_a_port_in_use_exits_with_2(capsys: pytest.CaptureFixture[str]) -> None:
    with socket.create_server(("127.0.0.1", 0)) as listener:
        port = listener.getsockname()[1]
        assert main(["serve", "--port", str(port)]) == 2
    assert capsys.readouterr().err == f"cce-precheck: cannot listen on port {port}: Address already in use\n"


def test_the_help_names_every_profile_of_staging(capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(SystemExit):
        main(["serve", "--help"])
    text = " ".join(capsys.readouterr().out.split())
    assert f"as a shared service: {', '.join(PROFILES)} " in text


def test_the_text_has_the_lag_and_the_account_that_a_hostile_staging_needs() -> None:
    process = start("--staging", "hostile")
    try:
        lines = [first_line(process)]
        assert process.stdout is not None
        while "HUAWEICLOUD" not in lines[-1]:
            lines.append(process.stdout.readline())
    finally:
        process.terminate()
        process.communicate(timeout=30)
    text = "".join(lines)
    assert "--cce-mode=live --cce-lag=5 " in text
    assert "export CCE_IAM_USER=" in text
    assert "CCE_AUTH_TOKEN" not in text
