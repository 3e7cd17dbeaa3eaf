"""``cce-precheck proxy``: what it records another replays, pytest too; what it refuses, says, and never keeps."""

from __future__ import annotations

import json
import os
import re
import signal
import socket
import subprocess
import sys
import threading
import time
from contextlib import closing, contextmanager, suppress
from typing import TYPE_CHECKING, Any

import pytest
import requests
from jsonschema import Draft202012Validator

from pytest_cce_precheck import Simulator, SimulatorServer
from pytest_cce_precheck.cli.main import main
from pytest_cce_precheck.report.files import FORMS
from pytest_cce_precheck.schema_files import load_schema
from pytest_cce_precheck.wire.vocabulary import create_path, list_path
from tests.proxies import RunningProxy, environment, proxy
from tests.servers import Handler, always, serving

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path


@pytest.fixture(scope="module")
def server() -> Iterator[SimulatorServer]:
    with SimulatorServer(Simulator()) as running:
        yield running


def real(server: SimulatorServer) -> dict[str, str]:
    token = server.simulator.credentials.token
    assert token is not None
    return {"CCE_AUTH_TOKEN": token.reveal()}


def tasks_of(server: SimulatorServer) -> str:
    return list_path(server.simulator.project_id, server.simulator.cluster_id)


@contextmanager
def recording(folder: Path, server: SimulatorServer, *more: str, **variables: str) -> Iterator[RunningProxy]:
    with proxy(folder, "--mode=record", "--to", server.endpoint, *more, **{**real(server), **variables}) as running:
        yield running


@pytest.fixture(scope="module")
def recorded(server: SimulatorServer, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder with the cassettes of two tests that a proxy recorded."""
    folder = tmp_path_factory.mktemp("recorded")
    tasks = tasks_of(server)
    with recording(folder, server) as running:
        running.begin("TestList/static")
        for _ in range(2):
            assert running.get(f"{tasks}?type=addonStatic").status_code == 200
        assert running.end("TestList/static") == {
            "test": "TestList/static",
            "kept": True,
            "cassette": "cce-cassettes/TestList/static.json",
            "calls": 2,
            "problems": [],
            "findings": [],
        }
        running.begin("test_own::test_again", repeats=True)
        running.get(tasks)
        running.end("test_own::test_again")
        assert running.stop() == 0, running.output
    return folder


def cassette(folder: Path, name: str) -> dict[str, Any]:
    found: dict[str, Any] = json.loads((folder / "cce-cassettes" / name).read_text("utf-8"))
    return found


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
        running.get(f"{tasks}?type=addonStatic", "T")
        assert running.end("T", "?failed=true")["kept"] is False
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
            assert "Connection refused: is --to the service, and does it run?" in answer.json()["errorMessage"]
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


# ---- credentials


def signed(key: str, secret: str, running: RunningProxy, target: str) -> dict[str, str]:
    from datetime import UTC, datetime

    from pytest_cce_precheck import Credentials, Request, Secret
    from pytest_cce_precheck.wire.signing import authenticate

    path, _, query = target.partition("?")
    keys = Credentials(access_key=Secret(key), secret_key=Secret(secret))
    return dict(authenticate(Request("GET", running.url, path, query), keys, now=datetime.now(UTC)).headers.pairs)


def test_a_wrong_signature_and_a_wrong_token_are_findings_about_the_client(
    server: SimulatorServer, tmp_path: Path
) -> None:
    tasks = tasks_of(server)
    with recording(tmp_path, server) as running:
        key, secret = running.facts["access_key"], running.facts["secret_key"]
        before = server.simulator.handled
        good = signed(key, secret, running, f"{tasks}?type=addonStatic")
        codes = {}
        for name, headers, query in (
            ("good", good, "?type=addonStatic"),
            ("mismatch", good, "?type=addonUpgrade"),
            ("wrong secret", signed(key, "another-secret-0123", running, tasks), ""),
            ("unknown key", signed("AK-UNKNOWN", secret, running, tasks), ""),
            ("token", {"X-Auth-Token": "a-made-up-token-0123"}, ""),
            ("nothing", {}, ""),
        ):
            told = requests.get(f"{running.url}{tasks}{query}", headers={**headers, "X-Cce-Test": name}, timeout=10)
            codes[name] = told.status_code
        assert codes == {
            "good": 200,
            **dict.fromkeys(("mismatch", "wrong secret", "unknown key", "token", "nothing"), 401),
        }
        assert server.simulator.handled == before + 1
        assert running.stop() == 1
        found = [(each["code"], each["message"].partition("was refused: ")[2]) for each in running.of("finding")]
    fits = "the signature does not fit the key's secret and method, path, query, body and the headers host, x-sdk-date"
    assert found == [
        # two of them are one fact
        ("PRE720", fits),
        ("PRE721", "it is signed with an access key that this proxy does not know"),
        ("PRE721", "its X-Auth-Token is none that this proxy knows"),
        ("PRE721", "it has neither X-Auth-Token nor Authorization"),
    ]
    for text in ("another-secret", "AK-UNKNOWN", "a-made-up-token", good["Authorization"][-20:]):
        assert text not in running.output + running.errors


def test_a_client_may_have_credentials_of_its_own_or_those_of_the_service(
    server: SimulatorServer, tmp_path: Path
) -> None:
    keys = server.simulator.credentials
    assert keys.access_key
    assert keys.secret_key
    own = {"CCE_CLIENT_TOKEN": "token-of-the-client", "CCE_CLIENT_AK": "AK-CLIENT", "CCE_CLIENT_SK": "SK-CLIENT-01234"}
    variables = {"HUAWEICLOUD_SDK_AK": keys.access_key.reveal(), "HUAWEICLOUD_SDK_SK": keys.secret_key.reveal(), **own}
    tasks = tasks_of(server)
    with proxy(tmp_path, "--mode=record", "--to", server.endpoint, **variables) as running:
        for headers in (
            {"X-Auth-Token": "token-of-the-client"},
            signed("AK-CLIENT", "SK-CLIENT-01234", running, tasks),
            signed(keys.access_key.reveal(), keys.secret_key.reveal(), running, tasks),
        ):
            told = requests.get(running.url + tasks, headers={**headers, "X-Cce-Test": "T"}, timeout=10)
            assert told.status_code == 200
        running.end("T")
        running.stop()
    text = (tmp_path / "cce-cassettes" / "T.json").read_text() + running.output.partition("\n")[2]
    for secret in (*keys.secrets, *own.values(), running.facts["token"], "SDK-HMAC"):
        assert secret not in text


def test_planted_secrets_are_in_no_file_and_no_output(tmp_path: Path) -> None:
    planted = "PlAnTeD-s3cr3t-4f9a2c71"

    def reflecting(handler: Handler) -> None:
        echo = f"{handler.headers['X-Auth-Token']} {planted}"
        handler.reply(400, json.dumps({"errorCode": "CCE.03400001", "errorMessage": echo}).encode(), X_Echo=echo)

    reports = [f"--report=out{ending}" for ending in FORMS]
    with serving(reflecting) as odd:
        for mode in ("record", "judge"):
            keys = {"CCE_AUTH_TOKEN": f"real-{planted}", "CCE_IAM_PASSWORD": planted}
            arguments = [f"--mode={mode}", "--to", odd.endpoint, f"--har={mode}.har", *reports]
            with proxy(tmp_path, *arguments, **keys) as running:
                told = running.get(f"{list_path('p', 'c')}?type={planted}", "T")
                assert planted not in told.text + str(told.headers)
                begun = running.begin("U")
                local = [each[name] for each in (running.facts, begun) for name in ("token", "secret_key")]
                asked = {"X-Auth-Token": begun["token"]}
                requests.get(
                    f"{running.url}{list_path('p', 'c')}?task_id={begun['secret_key']}", headers=asked, timeout=10
                )
                for name in ("T", "U"):
                    assert planted not in json.dumps(running.end(name))
                assert planted not in json.dumps(running.report())
                running.stop()
            after_hello = running.output.partition("\n")[2] + running.errors
            for path in (each for each in tmp_path.rglob("*") if each.is_file()):
                content = path.read_text()
                assert [each for each in (planted, *local) if each in content] == [], path
            assert [each for each in (planted, *local) if each in after_hello] == []
    assert len([each for each in tmp_path.iterdir() if each.name.startswith("out.")]) == len(FORMS)


# ---- judge, diff


def ask_the_usual(running: RunningProxy, tasks: str) -> None:
    for query in ("", "?type=addonStatic", "?type=addonUpgrade", "?type=addonStatic", ""):
        running.get(tasks + query)


def test_a_service_that_follows_the_contract_is_judged_and_served_unchanged(
    server: SimulatorServer, tmp_path: Path
) -> None:
    with proxy(tmp_path, "--mode=judge", "--to", server.endpoint, "--report=r.json", **real(server)) as running:
        direct = requests.get(
            server.endpoint + tasks_of(server), headers={"X-Auth-Token": real(server)["CCE_AUTH_TOKEN"]}, timeout=10
        )
        assert running.get(tasks_of(server)).json() == direct.json()
        ask_the_usual(running, tasks_of(server))
        assert running.stop() == 0, running.output
    report = json.loads((tmp_path / "r.json").read_text())
    assert (report["exit_status"], report["findings"]) == (0, [])
    assert report["reason"] == "all judged answers meet the contract: 6 answers"
    assert report["proved"]["rules"]["times"]["PRE401"]


def test_a_finding_names_the_test_fails_the_run_and_is_in_every_report(tmp_path: Path) -> None:
    reports = [f"--report=out{ending}" for ending in FORMS]
    with SimulatorServer(Simulator(faults=["unfiltered-list-hides-init", "count-one-short"])) as server:  # noqa: SIM117
        with proxy(tmp_path, "--mode=judge", "--to", server.endpoint, *reports, **real(server)) as running:
            running.begin("TestUsual")
            ask_the_usual(running, tasks_of(server))
            found = running.end("TestUsual")["findings"]
            assert {each["code"] for each in found} >= {"PRE309", "PRE405"}
            # of what each answer shows there is one finding, and one event
            codes = [each["code"] for each in running.of("finding")]
            assert (codes.count("PRE309"), len(codes)) == (1, len(found))
            assert running.stop() == 1
    for ending in FORMS:
        assert "PRE309" in (tmp_path / f"out{ending}").read_text(), ending
    report = json.loads((tmp_path / "out.json").read_text())
    assert list(Draft202012Validator(load_schema("report")).iter_errors(report)) == []
    assert report["verdict"] == "does-not-hold"
    assert [each["nodeid"] for each in report["tests"]] == ["TestUsual"]


def test_an_accepted_finding_does_not_fail_the_run(tmp_path: Path) -> None:
    with SimulatorServer(Simulator(faults=["count-one-short"])) as server:
        accepted = ("--accept=PRE309: known", "--accept=PRE310: known")
        with proxy(tmp_path, "--mode=judge", "--to", server.endpoint, *accepted, **real(server)) as running:
            ask_the_usual(running, tasks_of(server))
            assert running.stop() == 0, running.output


def test_no_answer_is_a_finding_of_judge(tmp_path: Path) -> None:
    def lost(handler: Handler) -> None:
        handler.close_connection = True

    with serving(lost) as broken:
        with proxy(tmp_path, "--mode=judge", "--to", broken.endpoint, CCE_AUTH_TOKEN="t-0123456789") as running:
            for number in range(2):
                with pytest.raises(requests.ConnectionError):
                    running.get(list_path("p", "c"))
                # one connection may be lost anywhere on the way
                assert [each["code"] for each in running.report()["findings"]] == ["PRE101"] * number
        with proxy(tmp_path, "--mode=judge", "--to", broken.endpoint, CCE_AUTH_TOKEN="t-0123456789") as running:
            with pytest.raises(requests.ConnectionError):
                running.get(list_path("p", "c"))
            assert running.stop() == 1
            assert [each["code"] for each in running.of("finding")] == ["PRE101"]


def test_diff_reports_what_differs_from_the_recorded_answers(recorded: Path, server: SimulatorServer) -> None:
    tasks = tasks_of(server)
    with proxy(recorded, "--mode=diff", "--to", server.endpoint, **real(server)) as running:
        assert running.get(f"{tasks}?type=addonStatic", "TestList/static").status_code == 200
        assert running.stop() == 0, running.output
    with SimulatorServer(Simulator(faults=["count-as-text"])) as changed:  # noqa: SIM117  the server comes first
        with proxy(recorded, "--mode=diff", "--to", changed.endpoint, "--report=diff.json", **real(changed)) as running:
            running.get(f"{tasks}?type=addonStatic", "TestList/static")
            missing = running.get(tasks, "TestUnknown")
            assert "there is no cassette cce-cassettes/TestUnknown.json" in missing.json()["errorMessage"]
            assert running.stop() == 1
    found = [
        each for each in json.loads((recorded / "diff.json").read_text())["findings"] if each["severity"] == "error"
    ]
    assert [(each["code"], each["path"]) for each in found] == [("PRE520", "$.pageInfo.currentCount")]


# ---- safety


def test_it_passes_nothing_on_to_another_host_and_is_no_proxy_of_others(
    server: SimulatorServer, tmp_path: Path
) -> None:
    before = server.simulator.handled
    with recording(tmp_path, server, "--test=T") as running:
        headers = {**running.token, "Host": "evil.example"}
        assert requests.get(running.url + tasks_of(server), headers=headers, timeout=10).status_code == 421
        with pytest.raises(requests.exceptions.ProxyError):
            requests.get("https://cce.example/", proxies={"https": running.url}, timeout=10)
        assert running.stop() == 1
        assert "a client went elsewhere: The Host is 'evil.example'" in running.of("problem")[0]["message"]
    assert server.simulator.handled == before


def test_the_rate_and_the_deadline_bind_every_client(server: SimulatorServer, tmp_path: Path) -> None:
    with recording(tmp_path, server, "--rate=2", "--test=T") as running:
        began = time.monotonic()
        threads = [threading.Thread(target=running.get, args=(tasks_of(server),)) for _ in range(4)]
        for each in threads:
            each.start()
        for each in threads:
            each.join()
        # no more than two in any second
        assert time.monotonic() - began >= 1
    over = threading.Event()
    with serving(lambda handler: over.wait(60) and handler.reply(200, b"{}")) as endless:  # noqa: SIM117
        with proxy(
            tmp_path, "--mode=judge", "--to", endless.endpoint, "--timeout=1", CCE_AUTH_TOKEN="t-0123456789"
        ) as running:
            with pytest.raises(requests.ReadTimeout):
                requests.get(running.url + list_path("p", "c"), headers=running.token, timeout=8)
            over.set()
            assert running.stop() == 1
            assert [each["code"] for each in running.of("finding")] == ["PRE101"]


def test_what_a_client_sends_does_not_control_the_terminal(tmp_path: Path) -> None:
    words = [sys.executable, "-m", "pytest_cce_precheck.cli", "proxy", "--mode=replay", "--until-eof"]
    with subprocess.Popen(
        words, cwd=tmp_path, env=environment(), stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True
    ) as process:
        assert process.stdin is not None
        assert process.stdout is not None
        found = re.search(r"http://127\.0\.0\.1:(\d+)", process.stdout.readline())
        assert found is not None
        with closing(socket.create_connection(("127.0.0.1", int(found[1])), timeout=10)) as connection:
            connection.sendall(b"GET /\x9b31m::error::x HTTP/1.1\r\nHost: 127.0.0.1:" + found[1].encode() + b"\r\n\r\n")
            assert connection.recv(1000).startswith(b"HTTP/1.1 401")
        process.stdin.close()
        output = process.stdout.read()
    assert "PRE721" in output
    assert "\x9b" not in output


def test_the_budget_binds_every_client(server: SimulatorServer, tmp_path: Path) -> None:
    with recording(tmp_path, server, "--budget=30", "--test=T") as running:
        statuses = [running.get(tasks_of(server)).status_code for _ in range(31)]
        assert statuses == [200] * 30 + [501]
        assert running.stop() == 1
        [problem] = running.of("problem")
        assert problem["message"] == "all 30 requests of the budget are sent (--budget)"


def test_a_redirect_is_passed_on_and_not_followed(tmp_path: Path) -> None:
    with serving(always(302, b"", Location="http://127.0.0.1:1/")) as odd:
        with proxy(tmp_path, "--mode=record", "--to", odd.endpoint, CCE_AUTH_TOKEN="t-0123456789") as running:
            told = requests.get(
                f"{running.url}/x", headers={**running.token, "X-Cce-Test": "T"}, allow_redirects=False, timeout=10
            )
            assert told.status_code == 302
        assert len(odd.seen) == 1


@pytest.mark.parametrize("how", [signal.SIGINT, signal.SIGTERM])
def test_both_signals_end_it_in_order(tmp_path: Path, how: signal.Signals) -> None:
    with proxy(tmp_path, "--mode=replay") as running:
        running.process.send_signal(how)
        assert running.process.wait(30) == 0
        running.stop()
        assert running.of("ended")[0]["exit_status"] == 0


def test_it_ends_with_the_program_that_started_it(tmp_path: Path) -> None:
    words = [sys.executable, "-m", "pytest_cce_precheck.cli", "proxy", "--mode=replay", "--until-eof"]
    ran = subprocess.run(words, cwd=tmp_path, input="", capture_output=True, text=True, timeout=60, check=False)
    assert (ran.returncode, "0 tests, 0 calls" in ran.stdout) == (0, True), ran.stderr


def test_a_har_of_what_passed_can_be_imported_and_has_no_secrets(server: SimulatorServer, tmp_path: Path) -> None:
    with recording(tmp_path, server, "--har=out.har", "--test=T") as running:
        running.get(f"{tasks_of(server)}?type=addonStatic")
        running.stop()
    entries = json.loads((tmp_path / "out.har").read_text())["log"]["entries"]
    assert [each["request"]["url"] for each in entries] == [f"{server.endpoint}{tasks_of(server)}?type=addonStatic"]
    assert main(["cassettes", "import", str(tmp_path / "out.har"), "--out", str(tmp_path / "imported.json")]) == 0
    assert real(server)["CCE_AUTH_TOKEN"] not in (tmp_path / "out.har").read_text()


@pytest.mark.parametrize(
    ("arguments", "variables", "said"),
    [
        (["--mode=record"], {}, "--mode=record needs --to URL, the real service"),
        (["--mode=replay", "--to=http://127.0.0.1:1"], {}, "--mode=replay asks nobody: leave --to out"),
        (
            ["--mode=judge", "--to=http://127.0.0.1:1"],
            {},
            "no credentials: set CCE_AUTH_TOKEN, or HUAWEICLOUD_SDK_AK",
        ),
        (["--mode=judge", "--to=http://cce.example"], {"CCE_AUTH_TOKEN": "t"}, "https"),
        (["--mode=judge", "--to=ftp://x"], {"CCE_AUTH_TOKEN": "t"}, "the endpoint 'ftp://x' is not usable"),
        (["--mode=record", "--to=http://127.0.0.1:1"], {"CCE_AUTH_TOKEN": "t", "CI": "1"}, "or add --record-in-ci"),
        (
            ["--mode=judge", "--to=http://127.0.0.1:1", "--allow-writes"],
            {"CCE_AUTH_TOKEN": "t"},
            "--allow-writes permits the create call of one cluster: name it with --project-id and --cluster-id",
        ),
        (
            ["--mode=judge", "--to=http://127.0.0.1:1"],
            {"CCE_AUTH_TOKEN": "t", "CCE_REGION": "eu"},
            "--to and --region are both given",
        ),
        (["--mode=replay", "--budget=many"], {}, "--budget (from option) is 'many': expected a whole number"),
        (["--mode=replay", "--report=x.txt"], {}, "--report=x.txt: expected a name that ends in"),
        (["--mode=replay", "--accept=nonsense"], {}, "nonsense"),
        (["--mode=replay", "--har=no/such/folder.har"], {}, "--har=no/such/folder.har"),
        (["--mode=replay", "--cassette-dir=nope"], {}, "--cassette-dir=nope: there is no such folder to replay"),
        (["--mode=replay", "--test=../x"], {}, "the cassette '../x' is not usable"),
        (["--mode=replay"], {"CCE_CLIENT_AK": "a"}, "CCE_CLIENT_AK and CCE_CLIENT_SK belong together"),
    ],
)
def test_what_cannot_be_used_is_named_before_anything_is_served(
    tmp_path: Path, arguments: list[str], variables: dict[str, str], said: str
) -> None:
    words = [sys.executable, "-m", "pytest_cce_precheck.cli", "proxy", *arguments]
    ran = subprocess.run(
        words, cwd=tmp_path, env=environment(**variables), capture_output=True, text=True, timeout=60, check=False
    )
    assert (ran.returncode, ran.stdout) == (2, ""), ran.stdout
    assert said in ran.stderr
    assert ran.stderr.startswith("cce-precheck: ")


def test_a_port_that_is_taken_is_named(
    server: SimulatorServer, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.chdir(tmp_path)
    assert main(["proxy", "--mode=replay", f"--port={server.port}"]) == 2
    assert f"cannot listen on port {server.port}: Address already in use" in capsys.readouterr().err


# ---- killed


def test_whenever_it_is_killed_the_cassettes_of_finished_tests_are_whole(
    server: SimulatorServer, tmp_path: Path
) -> None:
    finished: dict[str, bytes] = {}
    for number in range(4):
        running = RunningProxy(tmp_path, "--mode=record", "--to", server.endpoint, **real(server))
        for test in range(2):
            name = f"T{number}-{test}"
            running.get(tasks_of(server), name)
            assert running.end(name)["kept"] is True
            finished[name] = (tmp_path / "cce-cassettes" / f"{name}.json").read_bytes()
        running.get(tasks_of(server), "T0-0")
        ending = threading.Thread(target=_end_quietly, args=(running,))
        ending.start()
        threading.Event().wait(0.002 * number)
        os.kill(running.process.pid, signal.SIGKILL)
        ending.join()
        running.stop()
    for name, content in finished.items():
        now = (tmp_path / "cce-cassettes" / f"{name}.json").read_bytes()
        assert now == content or (name == "T0-0" and json.loads(now)["seal"]), name
    left = {path.name for path in (tmp_path / "cce-cassettes").iterdir()} - {f"{name}.json" for name in finished}
    assert all(re.fullmatch(r"\.cce-[0-9a-f]{16}\.tmp", name) for name in left)


def _end_quietly(running: RunningProxy) -> None:
    with suppress(requests.ConnectionError):
        running.end("T0-0")
