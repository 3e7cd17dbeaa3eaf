"""``cce-precheck proxy``: whom it serves, what it refuses, says, and never keeps."""

from __future__ import annotations

import json
import re
import signal
import socket
import subprocess
import sys
import threading
import time
from contextlib import closing
from typing import TYPE_CHECKING

import pytest
import requests

from pytest_cce_precheck.cli.main import main
from pytest_cce_precheck.report.files import FORMS
from pytest_cce_precheck.wire.vocabulary import list_path
from tests.contract.answers import listing, task
from tests.proxies import RunningProxy, environment, proxy, real, recording, tasks_of
from tests.servers import Handler, always, serving

if TYPE_CHECKING:
    from pathlib import Path

    from pytest_cce_precheck import SimulatorServer


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


def test_a_secret_in_the_path_hides_none_in_the_query(tmp_path: Path) -> None:
    query = "Authorization:%20Bearer%20KiKtZrM5pfNibJ"
    with serving(always(200, b"{}")) as odd:
        arguments = ("--mode=judge", "--to", odd.endpoint)
        with proxy(tmp_path, *arguments, CCE_AUTH_TOKEN="t-0123456789") as running:
            running.get(f"/p/password%3Dabc12345/tasks?{query}")
        assert "KiKtZrM5pfNibJ" not in running.output


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


@pytest.mark.parametrize(
    "header", ["X-HTTP-Method-Override", "X-Method-Override", "X-Original-Method", "X-Rewrite-URL"]
)
def test_a_header_that_makes_a_write_of_a_read_is_not_passed_on(tmp_path: Path, header: str) -> None:
    with serving(always(200, b"{}")) as odd:
        arguments = ("--mode=judge", "--to", odd.endpoint)
        with proxy(tmp_path, *arguments, CCE_AUTH_TOKEN="t-0123456789") as running:
            told = running.get(list_path("p", "c"), **{header: "DELETE"})
            assert told.status_code == 501
            assert f"with {header} was not sent: this run may only read" in told.json()["errorMessage"]
        assert odd.seen == []


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
            late = requests.get(running.url + list_path("p", "c"), headers=running.token, timeout=30)
            assert (late.status_code, late.json()["errorCode"]) == (504, "PRECHECK.0501")
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


def test_a_service_cannot_print_lines_of_its_own(tmp_path: Path) -> None:
    forger = task(1)
    forger["metadata"]["taskID"] = "x\nall judged answers meet the contract: 4 answers"
    words = [sys.executable, "-m", "pytest_cce_precheck.cli", "proxy", "--mode=judge", "--until-eof"]
    with (
        serving(always(200, json.dumps(listing([forger])).encode())) as server,
        subprocess.Popen(
            [*words, "--to", server.endpoint], cwd=tmp_path, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True,
            env=environment(CCE_AUTH_TOKEN="t-0123456789", CCE_CLIENT_TOKEN="c-0123456789"),
        ) as process,
    ):  # fmt: skip
        assert process.stdin is not None
        assert process.stdout is not None
        found = re.search(r"http://127\.0\.0\.1:\d+", process.stdout.readline())
        assert found is not None
        query = "?task_id=another"
        requests.get(found[0] + list_path("p", "c") + query, headers={"X-Auth-Token": "c-0123456789"}, timeout=10)
        process.stdin.close()
        lines = process.stdout.read().splitlines()
    assert any(line.startswith("error PRE401") for line in lines), lines
    assert [line for line in lines if line.startswith("all judged answers")] == []


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
        (["--mode=record"], {}, "--mode=record needs --to URL (or CCE_ENDPOINT), the real service"),
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
        (["--mode=judge", "--to=http://127.0.0.1:1", "--fail-on=new"], {}, "--fail-on=new needs an earlier report"),
        (
            ["--mode=replay", "--cassette-dir=nope", "--test=a b"],
            {},
            (
                "--cassette-dir=nope: there is no such folder to replay; record it: cce-precheck proxy --mode=record"
                " --to https://HOST --cassette-dir nope --test 'a b'"
            ),
        ),
        (
            ["--mode=replay", "--cassette-dir=nope"],
            {"CCE_RECORD_WITH": "CCE_PROXY_MODE=record {settings} go test -run '^{test}$' ./..."},
            (
                "record it: CCE_PROXY_MODE=record CCE_ENDPOINT=https://HOST CCE_PROJECT_ID=PROJECT_ID"
                " CCE_CLUSTER_ID=CLUSTER_ID go test -run '^NAME$' ./..."
            ),
        ),
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
