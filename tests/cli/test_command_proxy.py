"""``cce-precheck proxy``: what it records another replays, pytest too, each test's calls in a cassette of its own."""

from __future__ import annotations

import json
import re
import socket
import subprocess
import sys
import threading
from contextlib import closing
from typing import TYPE_CHECKING

import pytest
import requests

from pytest_cce_precheck import Simulator, SimulatorServer
from pytest_cce_precheck.wire.vocabulary import create_path, list_path
from tests.proxies import cassette, environment, proxy, real, recording, tasks_of
from tests.servers import Handler, serving

if TYPE_CHECKING:
    from pathlib import Path


# ---- record and replay


def test_the_cassettes_have_the_names_that_pytest_gives_them(recorded: Path) -> None:
    folder = recorded / "cce-cassettes"
    found = sorted(str(path.relative_to(folder)) for path in folder.rglob("*.json"))
    assert found == ["TestList/static.json", "test_own/test_again.json"]


def test_a_replay_needs_no_service_and_no_credentials(recorded: Path, server: SimulatorServer) -> None:
    before = server.simulator.handled
    with proxy(recorded, "--mode=replay") as running:
        begun = running.begin("TestList/static")
        assert begun["cluster_id"] == server.simulator.cluster_id
        answers = [running.get(f"{tasks_of(server)}?type=addonStatic") for _ in range(2)]
        assert {each.status_code for each in answers} == {200}
        assert {task["metadata"]["type"] for task in answers[0].json()["items"]} == {"addonStatic"}
        ended = running.end("TestList/static")
        assert (ended["recordings"], ended["unused"], ended["problems"]) == (2, 0, [])
        assert running.stop() == 0, running.output
    assert server.simulator.handled == before


def test_a_recording_is_used_once_unless_it_repeats(recorded: Path, server: SimulatorServer) -> None:
    with proxy(recorded, "--mode=replay") as running:
        statuses = [running.get(f"{tasks_of(server)}?type=addonStatic", "TestList/static").status_code for _ in "123"]
        assert statuses == [200, 200, 501]
        assert [running.get(tasks_of(server), "test_own/test_again").status_code for _ in "123"] == [200] * 3
        assert running.stop() == 1


def test_a_miss_is_in_the_answer_and_on_the_terminal_with_what_to_do(recorded: Path, server: SimulatorServer) -> None:
    with proxy(recorded, "--mode=replay") as running:
        missed = running.get(f"{tasks_of(server)}?type=addonUpgrade", "TestList/static")
        assert missed.status_code == 501
        text = missed.json()["errorMessage"]
        assert text.startswith(f"no recording for GET {tasks_of(server)}?type=addonUpgrade\n")
        assert "the parameter type is 'addonUpgrade', recorded 'addonStatic'" in text
        assert f"cce-precheck proxy --mode=record --to {server.endpoint} --cassette-dir cce-cassettes" in text
        assert running.end("TestList/static")["problems"] == [text]
        assert running.stop() == 1
        assert [each["message"] for each in running.of("problem")] == [text]


def test_a_missing_cassette_is_named_when_a_call_is_made_and_not_before(tmp_path: Path) -> None:
    with proxy(tmp_path, "--mode=replay") as running:
        running.begin("TestNothing")
        assert running.end("TestNothing")["problems"] == []
        running.begin("TestCall")
        told = running.get("/x").json()["errorMessage"]
        assert told.startswith("there is no cassette cce-cassettes/TestCall.json; record it: cce-precheck proxy ")


OWN = """
import requests
import pytest

@pytest.mark.cce(cassette="TestList/static")
def test_what_a_go_test_recorded(cce_client):
    for _ in range(2):
        assert cce_client.list_tasks(type="addonStatic").status == 200

def test_own(cce_service):
    url = f"{cce_service.url}/api/v3/projects/{cce_service.project_id}/clusters/{cce_service.cluster_id}"
    assert requests.get(f"{url}/addons/precheck/tasks", headers=cce_service.headers()).status_code == 200
"""


def run_pytest(folder: Path, *arguments: str, **variables: str) -> subprocess.CompletedProcess[str]:
    words = [sys.executable, "-m", "pytest", "-q", "-p", "no:cacheprovider", *arguments]
    return subprocess.run(
        words, cwd=folder, env=environment(**variables), capture_output=True, text=True, timeout=120, check=False
    )


def test_pytest_replays_what_the_proxy_recorded_and_the_other_way_round(
    recorded: Path, server: SimulatorServer, tmp_path: Path
) -> None:
    (tmp_path / "test_own.py").write_text(OWN)
    ran = run_pytest(tmp_path, "--cce-mode=replay", f"--cce-cassette-dir={recorded}/cce-cassettes", "-k", "go_test")
    assert ran.returncode == 0, ran.stdout
    service = server.simulator
    ran = run_pytest(
        tmp_path, "--cce-mode=record", f"--cce-endpoint={server.endpoint}", f"--cce-project-id={service.project_id}",
        f"--cce-cluster-id={service.cluster_id}", "-k", "test_own and not go", **real(server),
    )  # fmt: skip
    assert ran.returncode == 0, ran.stdout
    with proxy(tmp_path, "--mode=replay") as running:
        assert running.get(tasks_of(server), "test_own::test_own").status_code == 200
        assert running.get(tasks_of(server), "test_own::test_own").status_code == 501


def test_both_record_the_same_file_for_the_same_calls(server: SimulatorServer, tmp_path: Path) -> None:
    (tmp_path / "test_own.py").write_text(OWN)
    service = server.simulator
    options = [
        "--cce-mode=record", f"--cce-endpoint={server.endpoint}", f"--cce-project-id={service.project_id}",
        f"--cce-cluster-id={service.cluster_id}", "--cce-cassette-dir=by-pytest",
    ]  # fmt: skip
    ran = run_pytest(tmp_path, *options, "-k", "go_test", **real(server))
    assert ran.returncode == 0, ran.stdout
    accept = {"Accept": "application/json", "Content-Type": "application/json"}
    with recording(tmp_path, server, "--cassette-dir=by-proxy") as running:
        for _ in range(2):
            running.get(f"{tasks_of(server)}?type=addonStatic", "TestList/static", **accept)
        running.end("TestList/static")
    files = [(tmp_path / each / "TestList" / "static.json").read_text() for each in ("by-pytest", "by-proxy")]
    changing = r'"(recorded_at|seal|test|Date|X-Request-Id)":".*"'
    # the headers of a request may have any order
    by_pytest, by_proxy = (json.loads(re.sub(changing, r'"\1":""', each)) for each in files)
    assert by_pytest == by_proxy


def test_a_test_that_failed_or_was_refused_something_keeps_its_old_cassette(
    server: SimulatorServer, tmp_path: Path
) -> None:
    tasks = tasks_of(server)
    with recording(tmp_path, server) as running:
        running.get(tasks, "T")
        assert running.end("T")["kept"] is True
        old = cassette(tmp_path, "T.json")
        running.begin("T")
        running.get(f"{tasks}?type=addonStatic", "T")
        assert running.end("T", "?failed=true")["kept"] is False
        running.begin("T")
        running.get(f"{tasks}?type=addonStatic", "T")
        create = create_path(server.simulator.project_id, server.simulator.cluster_id)
        refused = requests.post(running.url + create, json={}, headers={**running.token, "X-Cce-Test": "T"}, timeout=10)
        assert refused.status_code == 501
        assert "--allow-writes lets it create" in refused.json()["errorMessage"]
        ended = running.end("T")
        assert (ended["kept"], ended["problems"]) == (False, [refused.json()["errorMessage"]])
        assert cassette(tmp_path, "T.json") == old


def test_a_service_that_cannot_be_reached_is_named_and_keeps_the_old_cassette(
    server: SimulatorServer, tmp_path: Path
) -> None:
    with recording(tmp_path, server) as running:
        running.get(tasks_of(server), "T")
        assert running.end("T")["kept"] is True
    old = cassette(tmp_path, "T.json")
    with closing(socket.socket()) as nobody:
        nobody.bind(("127.0.0.1", 0))
        gone = f"http://127.0.0.1:{nobody.getsockname()[1]}"
        with proxy(tmp_path, "--mode=record", "--to", gone, **real(server)) as running:
            answer = running.get(tasks_of(server), "T")
            assert answer.status_code == 501
            assert (
                "Connection refused: is --to (or CCE_ENDPOINT) the service, and does it run?"
                in answer.json()["errorMessage"]
            )
            assert running.end("T")["kept"] is False
            assert running.stop() == 1
    assert cassette(tmp_path, "T.json") == old


def test_a_failed_call_is_recorded_and_fails_on_replay_too(tmp_path: Path) -> None:
    def lost(handler: Handler) -> None:
        handler.close_connection = True

    with serving(lost) as broken:  # noqa: SIM117  the server comes first
        with proxy(tmp_path, "--mode=record", "--to", broken.endpoint, CCE_AUTH_TOKEN="t-0123456789") as running:
            with pytest.raises(requests.ConnectionError):
                running.get("/api/v3/x", "T")
            assert running.end("T")["kept"] is True
    with proxy(tmp_path, "--mode=replay") as running, pytest.raises(requests.ConnectionError):
        running.get("/api/v3/x", "T")


def test_a_test_that_ends_before_its_calls_do_is_not_recorded(tmp_path: Path) -> None:
    arrived, over = threading.Event(), threading.Event()

    def slow(handler: Handler) -> None:
        arrived.set()
        over.wait(30)
        handler.reply(200, b"{}")

    with serving(slow) as late:  # noqa: SIM117  the server comes first
        with proxy(tmp_path, "--mode=record", "--to", late.endpoint, CCE_AUTH_TOKEN="t-0123456789") as running:
            asking = threading.Thread(target=running.get, args=("/api/v3/x", "T"))
            asking.start()
            assert arrived.wait(30)
            ended = running.end("T")
            over.set()
            asking.join()
    assert (ended["kept"], ended["problems"]) == (False, ["not recorded: 1 call had no answer when the test ended"])
    assert not (tmp_path / "cce-cassettes").exists()


def test_writes_are_passed_on_with_leave_and_to_the_named_cluster_alone(tmp_path: Path) -> None:
    with SimulatorServer(Simulator()) as server:
        service = server.simulator
        ids = [f"--project-id={service.project_id}", f"--cluster-id={service.cluster_id}"]
        listed = service.state.tasks_of(service.cluster_id, service.clock.now())[0]
        addon = {
            "addonTemplateName": listed.instance.template,
            "addonInstanceID": listed.instance.id,
            "type": "addonStatic",
        }
        body = {
            "kind": "AddonCheck",
            "apiVersion": "v3",
            "spec": {"clusterID": service.cluster_id, "addonList": [addon]},
        }
        with recording(tmp_path, server, "--allow-writes", *ids) as running:
            for cluster, status in ((service.cluster_id, 201), (service.other_cluster_id, 501)):
                path = create_path(service.project_id, cluster)
                headers = {**running.token, "X-Cce-Test": f"T{status}"}
                assert requests.post(running.url + path, json=body, headers=headers, timeout=10).status_code == status
            assert running.end("T201")["kept"] is True


def test_pseudonyms_replace_the_ids_and_a_replay_understands_the_real_ones(
    server: SimulatorServer, tmp_path: Path
) -> None:
    with recording(tmp_path, server, "--pseudonyms") as running:
        running.get(tasks_of(server), "T")
        running.end("T")
    text = (tmp_path / "cce-cassettes" / "T.json").read_text()
    assert server.simulator.cluster_id not in text
    with proxy(tmp_path, "--mode=replay") as running:
        assert running.get(tasks_of(server), "T").status_code == 200


# ---- which test


def test_tests_at_the_same_time_are_told_apart_by_their_header_or_their_own_credentials(
    server: SimulatorServer, tmp_path: Path
) -> None:
    tasks = tasks_of(server)
    with recording(tmp_path, server) as running:
        keys = {name: running.begin(name) for name in ("a", "b")}
        said = running.get(tasks).json()["errorMessage"]
        assert said.startswith("2 tests are open (a, b), so nobody knows to which cassette this call belongs")

        def ask(name: str, number: int) -> None:
            own = {"X-Auth-Token": keys[name]["token"]} if number % 2 else {"X-Cce-Test": name}
            url = f"{running.url}{tasks}?task_id={name}-{number}"
            requests.get(url, headers={**running.token, **own}, timeout=30)

        threads = [threading.Thread(target=ask, args=(name, number)) for number in range(6) for name in "ab"]
        for each in threads:
            each.start()
        for each in threads:
            each.join()
        for name in "ab":
            assert running.end(name)["calls"] == 6
    for name in "ab":
        asked = {each["request"]["query"] for each in cassette(tmp_path, f"{name}.json")["recordings"]}
        assert asked == {f"task_id={name}-{number}" for number in range(6)}


def test_a_test_that_is_named_by_a_header_takes_no_calls_without_one(server: SimulatorServer, tmp_path: Path) -> None:
    with recording(tmp_path, server) as running:
        assert running.get(tasks_of(server), "by header").status_code == 200
        assert running.get(tasks_of(server)).status_code == 501
        running.begin("begun")
        assert running.get(f"{tasks_of(server)}?type=addonStatic").status_code == 200
        assert running.end("begun")["calls"] == 1


def test_a_name_with_other_letters_is_sent_as_utf_8_and_ended_by_its_path(
    server: SimulatorServer, tmp_path: Path
) -> None:
    with recording(tmp_path, server) as running:
        url, name = running.url + tasks_of(server), "Prüfung/插件"
        requests.get(url, headers={**running.token, "X-Cce-Test": name.encode()}, timeout=10)
        assert running.end("Pr%C3%BCfung/%E6%8F%92%E4%BB%B6")["test"] == name


@pytest.mark.parametrize(
    ("name", "why"),
    [
        ("../up", "is not usable: expected a name within cce-cassettes, without '..'"),
        ("", "a test's name is a text of 1 to 1000 printable characters"),
        (7, "name is not a text"),
        (None, "expected {"),
    ],
)
def test_a_name_that_no_cassette_can_have_is_refused(tmp_path: Path, name: object, why: str) -> None:
    with proxy(tmp_path, "--mode=replay") as running:
        body = {"name": name} if name is not None else {"names": "x"}
        told = requests.post(f"{running.url}/_cce/tests", json=body, headers=running.token, timeout=10)
        assert (told.status_code, why in told.json()["error"]) == (409, True), told.text


# a signal at the worst time: while the main thread holds the lock of what it waits with
AT_THE_WORST_TIME = """
import os, signal, sys
from pytest_cce_precheck.cli import proxy
from pytest_cce_precheck.cli.main import main

def says_hello(command, service):
    hello(command, service)
    sys.setprofile(hook)

def hook(frame, event, argument):
    if event == "return" and frame.f_code.co_qualname == "Condition.__enter__":
        sys.setprofile(None)
        os.kill(os.getpid(), signal.SIGTERM)

hello, proxy._Run._say_hello = proxy._Run._say_hello, says_hello
sys.exit(main(["proxy", "--mode=replay", "--json"]))
"""


def test_a_signal_ends_it_whenever_it_comes(tmp_path: Path) -> None:
    (tmp_path / "cce-cassettes").mkdir()
    command = [sys.executable, "-c", AT_THE_WORST_TIME]
    with subprocess.Popen(command, cwd=tmp_path, env=environment(), stdout=subprocess.PIPE, text=True) as running:
        try:
            assert running.stdout is not None
            assert json.loads(running.stdout.readline())["event"] == "started"
            running.terminate()
            assert running.wait(20) == 0
        finally:
            running.kill()


def test_two_tests_cannot_record_the_same_cassette(server: SimulatorServer, tmp_path: Path) -> None:
    with recording(tmp_path, server) as running:
        running.get(tasks_of(server), "Same")
        running.end("Same")
        said = running.get(tasks_of(server), "same").json()["errorMessage"]
        assert "the tests Same and same would record the same cassette cce-cassettes/same.json" in said


def test_who_controls_the_proxy_needs_its_credentials_and_only_three_calls_exist(tmp_path: Path) -> None:
    with proxy(tmp_path, "--mode=replay") as running:
        url = f"{running.url}/_cce/report"
        assert requests.get(url, timeout=10).status_code == 401
        assert running.get("/_cce/report").json()["mode"] == "replay"
        assert running.get("/_cce/other").status_code == 404
        gone = requests.delete(f"{running.url}/_cce/tests/x", headers=running.token, timeout=10)
        assert (gone.status_code, gone.json()["error"]) == (409, "there is no open test 'x'; open: none")
        running.begin("T")
        again = requests.post(f"{running.url}/_cce/tests", json={"name": "T"}, headers=running.token, timeout=10)
        assert "the test T is open already: end it with DELETE /_cce/tests/T" in again.json()["error"]
        assert running.report()["findings"] == []


def test_a_test_that_was_not_ended_is_not_kept_and_one_that_ends_itself_is(
    server: SimulatorServer, tmp_path: Path
) -> None:
    with recording(tmp_path, server, "--test=mine") as running:
        running.get(tasks_of(server))
        running.begin("other")
        running.get(tasks_of(server), "other")
        assert running.stop() == 1
        [problem] = running.of("problem")
        assert problem["message"] == "the proxy ended before the test: it was not ended with DELETE"
    assert sorted(path.name for path in (tmp_path / "cce-cassettes").iterdir()) == ["mine.json"]


def test_an_id_that_nobody_named_is_not_sent_and_is_the_tests_problem(tmp_path: Path, server: SimulatorServer) -> None:
    with recording(tmp_path, server) as running:
        ids = running.begin("TestIt")
        answer = running.get(list_path(ids["project_id"], ids["cluster_id"]))
        [problem] = running.end("TestIt")["problems"]
    assert ids["project_id"] == "not-recorded"
    assert "set CCE_PROJECT_ID and CCE_CLUSTER_ID, or let the client name them" in answer.json()["errorMessage"]
    assert "was not sent" in problem
