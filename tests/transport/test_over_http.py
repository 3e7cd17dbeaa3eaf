"""Requests over HTTP: what is sent arrives byte for byte, what goes wrong is named, nothing leaks."""

from __future__ import annotations

import gzip
import traceback
from typing import TYPE_CHECKING

import pytest
import requests

from pytest_cce_precheck.client import PrecheckClient
from pytest_cce_precheck.errors import TransportError, UnsafeCredentialsError
from pytest_cce_precheck.simulator.service import Simulator
from pytest_cce_precheck.transport.live import HttpTransport
from pytest_cce_precheck.transport.simulate import Interception
from pytest_cce_precheck.wire.credentials import Credentials, Secret
from pytest_cce_precheck.wire.exchange import Exchange, Headers, Request
from tests.servers import Handler, serving

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

SECRET = "planted-token-0123456789"


def ok(handler: Handler) -> None:
    handler.reply(200, b"{}")


def send(endpoint: str, query: str = "", **limits: float) -> Exchange:
    transport = HttpTransport(**{"timeout": 2, "deadline": 2, **limits})
    try:
        return transport.send(Request("GET", endpoint, "/p", query, Headers([("X-Auth-Token", SECRET)])))
    finally:
        transport.close()


@pytest.mark.parametrize(
    "query",
    [
        "",
        "type=a%20b",
        "type=%FF%FE",
        "a=%00",
        "a=+&&b",
        "&type=x&",
        "task_id=%2D%7E",
    ],
)
def test_the_query_arrives_as_it_was_written(query: str) -> None:
    with serving(ok) as server:
        send(server.endpoint, query)
        assert server.seen[0].path == (f"/p?{query}" if query else "/p")


def broken_off(handler: Handler) -> None:
    handler.reply(200, b"{", Content_Length="20")
    handler.close_connection = True


def gone(handler: Handler) -> None:
    handler.close_connection = True


def in_another_protocol(handler: Handler) -> None:
    handler.wfile.write(b"220 mail.example ESMTP\r\n\r\n")
    handler.close_connection = True


def not_gzip(handler: Handler) -> None:
    handler.reply(200, b"{}", Content_Encoding="gzip")


def too_large(handler: Handler) -> None:
    body = gzip.compress(b" " * 50_000_000)
    handler.reply(200, body, Content_Encoding="gzip")


@pytest.mark.parametrize(
    ("answer", "reason"),
    [
        (broken_off, "truncated"),
        (gone, "connection-lost"),
        (in_another_protocol, "not-http"),
        (not_gzip, "not-http"),
        (too_large, "too-large"),
    ],
)
def test_an_answer_that_cannot_be_used_is_named(answer: Callable[[Handler], None], reason: str) -> None:
    with serving(answer) as server, pytest.raises(TransportError) as raised:
        send(server.endpoint)
    assert raised.value.reason == reason


def test_an_answer_that_drips_ends_at_the_deadline() -> None:
    def drip(handler: Handler) -> None:
        handler.reply(200, b"", Content_Length="100000")
        for _ in range(100):
            handler.wfile.write(b" " * 10)

    with serving(drip) as server, pytest.raises(TransportError) as raised:
        send(server.endpoint, timeout=0.3, deadline=0.2)
    assert raised.value.reason == "timeout"


def test_a_port_that_nobody_listens_on_and_a_server_without_tls_are_told_apart() -> None:
    with serving(ok) as server:
        with pytest.raises(TransportError) as raised:
            send(server.endpoint.replace("http:", "https:"))
        assert raised.value.reason == "tls"
        assert "http://" in raised.value.detail
    with pytest.raises(TransportError) as raised:
        send(server.endpoint)
    assert raised.value.reason == "unreachable"


def test_a_redirect_is_not_followed_and_takes_no_credentials_along() -> None:
    with (
        serving(ok) as elsewhere,
        serving(lambda handler: handler.reply(302, b"", Location=elsewhere.endpoint)) as server,
    ):
        assert send(server.endpoint).status == 302
        assert elsewhere.seen == []


def test_a_failure_shows_no_credential_in_its_traceback() -> None:
    with serving(gone) as server:
        try:
            send(server.endpoint)
        except TransportError as error:
            frames = traceback.TracebackException.from_exception(error, capture_locals=True)
            shown = "".join(frames.format()).replace(f"SECRET = {SECRET!r}", "")
            assert SECRET not in shown
        else:
            pytest.fail("the connection was not lost")


def test_a_netrc_file_is_never_a_source_of_credentials(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    netrc = tmp_path / "netrc"
    netrc.write_text("machine 127.0.0.1 login somebody password something\n")
    netrc.chmod(0o600)
    monkeypatch.setenv("NETRC", str(netrc))
    with serving(ok) as server:
        send(server.endpoint)
        assert "Authorization" not in server.seen[0].headers


def test_gzip_is_undone() -> None:
    with serving(lambda handler: handler.reply(200, gzip.compress(b'{"a": 1}'), Content_Encoding="gzip")) as server:
        assert send(server.endpoint).document == {"a": 1}


@pytest.mark.parametrize("endpoint", ["http://cce.example", "http://10.0.0.1", "http://[2001:db8::1]"])
def test_credentials_do_not_go_over_plain_http_to_another_machine(endpoint: str) -> None:
    credentials = Credentials(token=Secret(SECRET))
    with pytest.raises(UnsafeCredentialsError, match="https://"):
        PrecheckClient(HttpTransport(), endpoint=endpoint, project_id="p", cluster_id="c", credentials=credentials)
    for near in ("http://127.0.0.1:1", "http://localhost", "http://[::1]:80", "https://cce.example"):
        PrecheckClient(HttpTransport(), endpoint=near, project_id="p", cluster_id="c", credentials=credentials)


def test_the_simulator_answers_requests_to_its_endpoint_and_no_others() -> None:
    simulator = Simulator()
    token = simulator.credentials.token
    assert token is not None
    path = f"/api/v3/projects/{simulator.project_id}/clusters/{simulator.cluster_id}/addons/precheck/tasks"
    with serving(ok) as server, Interception(simulator):
        headers = {"X-Auth-Token": token.reveal()}
        answer = requests.get(f"{simulator.endpoint}{path}?type=addonStatic", headers=headers, timeout=2)
        assert {item["metadata"]["type"] for item in answer.json()["items"]} == {"addonStatic"}
        assert requests.get(server.endpoint, timeout=2).json() == {}
        lookalike = f"{simulator.endpoint}.attacker.test"
        with pytest.raises(requests.ConnectionError):
            requests.get(lookalike, timeout=2)
