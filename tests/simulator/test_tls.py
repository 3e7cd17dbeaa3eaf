"""The simulator over HTTPS with a private CA: clients can verify it, and no handshake of a client blocks it."""

from __future__ import annotations

import http.client
import json
import socket
import ssl
from contextlib import closing, suppress
from pathlib import Path

import pytest
import requests

from pytest_cce_precheck.cli.main import main
from pytest_cce_precheck.errors import ConfigurationError
from pytest_cce_precheck.simulator.connection import Wait
from pytest_cce_precheck.simulator.server import LIMITS, SimulatorServer
from pytest_cce_precheck.simulator.service import Simulator
from pytest_cce_precheck.simulator.staging.profiles import Connections, Profile
from pytest_cce_precheck.simulator.staging.service import Staging
from pytest_cce_precheck.simulator.tls import private_ca
from pytest_cce_precheck.wire.vocabulary import create_path, list_path
from tests.processes import first_line, service, start
from tests.toolchains import require_program

WAIT = 10.0


@pytest.fixture(scope="module")
def ca():
    require_program("openssl")
    with private_ca() as made:
        yield made


@pytest.fixture
def server(ca):
    with SimulatorServer(Simulator(), tls=ca.context) as running:
        yield running


@pytest.fixture
def trusting(ca):
    """Return a context that trusts the CA and is as strict as any client's."""
    context = ssl.create_default_context(cafile=ca.file)
    context.verify_flags |= ssl.VERIFY_X509_STRICT
    return context


def url_of(server, path=list_path):
    return server.endpoint + path(server.simulator.project_id, server.simulator.cluster_id)


def token_of(server):
    return {"X-Auth-Token": server.simulator.credentials.token.reveal()}


def test_who_knows_the_ca_is_answered(server, ca):
    assert server.endpoint.startswith("https://127.0.0.1:")
    with requests.Session() as session:
        for host in ("127.0.0.1", "localhost"):
            url = url_of(server).replace("127.0.0.1", host)
            for _ in range(2):
                answer = session.get(url, headers=token_of(server), verify=str(ca.file), timeout=WAIT)
                assert len(answer.json()["items"]) == 12


def test_who_does_not_know_the_ca_does_not_trust_it(server):
    with pytest.raises(requests.exceptions.SSLError, match="CERTIFICATE_VERIFY_FAILED"):
        requests.get(url_of(server), headers=token_of(server), timeout=WAIT)


def test_a_strict_client_has_nothing_to_say_against_the_certificate(server, trusting):
    with (
        socket.create_connection(("127.0.0.1", server.port), timeout=WAIT) as plain,
        trusting.wrap_socket(plain, server_hostname="localhost") as sock,
    ):
        names = sock.getpeercert()["subjectAltName"]
    assert set(names) == {("IP Address", "127.0.0.1"), ("DNS", "localhost")}


def test_nobody_waits_for_a_handshake_that_somebody_else_does_not_finish(server, ca):
    with closing(socket.create_connection(("127.0.0.1", server.port), timeout=WAIT)) as silent:
        # a beginning of a TLS record, and no more
        silent.sendall(b"\x16\x03\x01\x02\x00\x01")
        answer = requests.get(url_of(server), headers=token_of(server), verify=str(ca.file), timeout=WAIT)
        assert answer.status_code == 200


def test_a_handshake_that_is_never_finished_is_dropped(ca, monkeypatch):
    monkeypatch.setitem(LIMITS, Wait.HANDSHAKE, 0.05)
    with (
        SimulatorServer(Simulator(), tls=ca.context) as server,
        socket.create_connection(("127.0.0.1", server.port), timeout=WAIT) as silent,
    ):
        assert silent.recv(10) == b""


def test_plain_http_is_not_answered(server, ca):
    with socket.create_connection(("127.0.0.1", server.port), timeout=WAIT) as sock:
        sock.sendall(b"GET / HTTP/1.1\r\n\r\n")
        with suppress(ConnectionResetError):
            assert b"HTTP/1.1" not in sock.recv(65536)
    assert requests.get(url_of(server), headers=token_of(server), verify=str(ca.file), timeout=WAIT).ok


def test_long_requests_and_long_answers_come_through(ca):
    with SimulatorServer(Simulator(tasks=2000), tls=ca.context) as server:
        answer = requests.get(url_of(server), headers=token_of(server), verify=str(ca.file), timeout=WAIT)
        assert len(answer.json()["items"]) == 2000
        order = {"kind": "AddonCheck", "values": "x" * 500_000}
        url = url_of(server, create_path)
        answer = requests.post(url, json=order, headers=token_of(server), verify=str(ca.file), timeout=WAIT)
        assert answer.status_code == 400


def test_a_dropped_connection_ends_tls_in_its_own_words(ca, trusting):
    with SimulatorServer(Simulator(faults=["closes-without-an-answer"]), tls=ca.context) as server:
        client = http.client.HTTPSConnection("127.0.0.1", server.port, timeout=WAIT, context=trusting)
        with closing(client):
            client.request("GET", url_of(server).partition(str(server.port))[2], headers=token_of(server))
            # not an SSLEOFError, which a client would take for an attack
            with pytest.raises(http.client.RemoteDisconnected):
                client.getresponse()


def test_a_reset_reaches_a_client_over_tls_as_a_lost_answer(ca):
    connections = Connections(dropped=0.0, reset=1.0)
    staging = Staging(Profile(name="own", summary="Made for a test.", connections=connections))
    lost = (requests.exceptions.ConnectionError, requests.exceptions.ChunkedEncodingError)
    with SimulatorServer(staging, tls=ca.context) as server, pytest.raises(lost):
        requests.get(url_of(server), headers=token_of(server), verify=str(ca.file), timeout=WAIT)
    assert staging.happened["reset"] == 1


def test_an_idle_connection_is_closed_in_the_words_of_tls(ca, trusting):
    with (
        SimulatorServer(Simulator(), tls=ca.context, idle=0.05) as server,
        socket.create_connection(("127.0.0.1", server.port), timeout=WAIT) as plain,
        trusting.wrap_socket(plain, server_hostname="127.0.0.1", suppress_ragged_eofs=False) as sock,
    ):
        assert sock.recv(10) == b""


def test_no_key_and_after_use_no_file_is_left():
    require_program("openssl")
    with private_ca() as made:
        assert [path.name for path in made.file.parent.iterdir()] == ["ca.pem"]
        assert b"PRIVATE KEY" not in made.file.read_bytes()
    assert not made.file.parent.exists()


def test_without_openssl_it_says_so(monkeypatch, tmp_path):
    monkeypatch.setenv("PATH", str(tmp_path))
    with pytest.raises(ConfigurationError, match="TLS needs the program openssl, which is not installed"), private_ca():
        pass


def test_an_openssl_that_fails_is_quoted(monkeypatch, tmp_path):
    program = tmp_path / "openssl"
    program.write_text("#!/bin/sh\necho no such thing >&2\nexit 3\n")
    program.chmod(0o755)
    monkeypatch.setenv("PATH", f"{tmp_path}:/usr/bin:/bin")
    with pytest.raises(ConfigurationError, match="openssl req failed: no such thing"), private_ca():
        pass


# ---- the command


def test_the_command_serves_staging_over_tls_and_takes_the_ca_away_at_its_end():
    require_program("openssl")
    with service("--staging", "hostile", "--tls") as facts:
        assert facts["staging"] == "hostile"
        user = {"name": facts["iam_user"], "password": facts["iam_password"], "domain": {"name": facts["iam_domain"]}}
        auth = {
            "identity": {"methods": ["password"], "password": {"user": user}},
            "scope": {"project": {"id": facts["project_id"]}},
        }
        url = facts["endpoint"] + facts["iam_path"]
        answer = requests.post(url, data=json.dumps({"auth": auth}), verify=facts["ca_file"], timeout=WAIT)
        assert answer.status_code == 201
        assert answer.headers["X-Subject-Token"].startswith("SIMULATED-TOKEN-")
    assert not Path(facts["ca_file"]).parent.exists()


@pytest.mark.parametrize(("words", "message"), [
    (["--staging", "hostle"], "there is no staging profile 'hostle'; did you mean hostile?"),
    (["--time-scale", "2"], "--time-scale is for the other users of staging: give a --staging profile too"),
    (["--corpus", "--tls"], "--corpus is served without staging, over plain HTTP: leave --staging and --tls out"),
])  # fmt: skip
def test_what_cannot_be_served_is_said(capsys, words, message):
    assert main(["serve", *words]) == 2
    assert capsys.readouterr().err == f"cce-precheck: {message}\n"


@pytest.mark.parametrize("factor", ["0", "-1", "inf", "nan", "x"])
def test_a_time_scale_is_a_positive_number(capsys, factor):
    with pytest.raises(SystemExit):
        main(["serve", "--staging", "busy", f"--time-scale={factor}"])
    assert f"'{factor}' is not a factor: expected more than 0, 1e+06 at most" in capsys.readouterr().err


def test_a_person_is_told_the_profile_the_token_call_and_the_ca():
    require_program("openssl")
    process = start("--staging", "expiring", "--tls", "--time-scale", "2")
    try:
        lines = [first_line(process)]
        while "CURL_CA_BUNDLE" not in lines[-1]:
            lines.append(process.stdout.readline())
    finally:
        process.terminate()
        process.communicate(timeout=WAIT)
    text = "".join(lines)
    assert "It is staging, profile expiring: A token lasts 100 requests" in text
    assert "POST https://127.0.0.1:" in text
    assert "export REQUESTS_CA_BUNDLE=/" in text
