"""Credentials go to the endpoint and nowhere else: to no proxy in clear, into no traceback, onto no terminal."""

from __future__ import annotations

import http.client
import signal
import subprocess
import sys
import threading
import traceback
from typing import TYPE_CHECKING, Any

import pytest
from requests.adapters import HTTPAdapter
from urllib3.connection import HTTPConnection

from pytest_cce_precheck.errors import UnsafeCredentialsError
from pytest_cce_precheck.transport import interception
from pytest_cce_precheck.transport.interception import Interceptor
from pytest_cce_precheck.transport.live import HttpTransport
from pytest_cce_precheck.transport.tokens import IamAccount, IamTokens, TokenCommand, TokenError
from pytest_cce_precheck.wire.credentials import Secret
from pytest_cce_precheck.wire.exchange import Headers, Request, Response, TransportError
from tests.servers import Handler, always, free_port, serving

if TYPE_CHECKING:
    from collections.abc import Iterator

TOKEN = "PLANTED-TOKEN-0123456789"
PATH = "/api/v3/projects/p/clusters/c/addons/precheck/tasks"
PROXIES = ("http_proxy", "HTTP_PROXY", "https_proxy", "HTTPS_PROXY", "all_proxy", "ALL_PROXY")


@pytest.fixture
def transport() -> Iterator[HttpTransport]:
    sender = HttpTransport(timeout=5.0, deadline=5.0)
    yield sender
    sender.close()


def asked(endpoint: str, name: str = "X-Auth-Token") -> Request:
    return Request("GET", endpoint, PATH, "", Headers([(name, TOKEN)] if name else []))


class Interruption(BaseException):
    """What Ctrl-C, and a plugin that ends a test that takes too long, raise wherever the test happens to be."""


def interrupt(*_: Any) -> None:
    raise Interruption


# ---- proxies, plain HTTP


@pytest.mark.parametrize("variable", PROXIES)
@pytest.mark.parametrize("scheme", ["http", "https"])
def test_a_service_on_this_machine_is_called_past_any_proxy(
    transport: HttpTransport, monkeypatch: pytest.MonkeyPatch, variable: str, scheme: str
) -> None:
    with serving(always(200, b"{}")) as proxy, serving(always(200, b"{}")) as server:
        monkeypatch.setenv(variable, proxy.endpoint)
        if scheme == "http":
            assert transport.send(asked(server.endpoint)).status == 200
        else:
            with pytest.raises(TransportError, match="does not speak TLS"):
                transport.send(asked(f"https://localhost:{server.server_port}"))
        assert proxy.seen == []


def test_a_password_goes_to_an_iam_on_this_machine_past_any_proxy(monkeypatch: pytest.MonkeyPatch) -> None:
    token = {"X_Subject_Token": "T"}
    with serving(always(201, b"{}", **token)) as proxy, serving(always(201, b"{}", **token)) as iam:
        for variable in PROXIES:
            monkeypatch.setenv(variable, proxy.endpoint)
        assert IamTokens(account(iam.endpoint))().token == Secret("T")
        assert (len(iam.seen), proxy.seen) == (1, [])


def account(endpoint: str) -> IamAccount:
    return IamAccount(endpoint, "user", Secret("PLANTED-password"), "domain", "project")


def test_a_password_goes_to_no_other_machine_over_plain_http(monkeypatch: pytest.MonkeyPatch) -> None:
    with serving(always(201, b"{}", X_Subject_Token="T")) as proxy:
        monkeypatch.setenv("http_proxy", proxy.endpoint)
        with pytest.raises(UnsafeCredentialsError, match=r"not sent over plain HTTP to iam\.example"):
            IamTokens(account("http://iam.example"))()
        assert proxy.seen == []


@pytest.mark.parametrize("status", [301, 302, 307, 308])
def test_a_password_follows_no_redirect(status: int) -> None:
    with serving(always(201, b"{}", X_Subject_Token="T")) as elsewhere:
        location = f"{elsewhere.endpoint}/v3/auth/tokens"
        with (
            serving(always(status, b"", Location=location)) as iam,
            pytest.raises(TokenError, match=f"was answered with {status}"),
        ):
            IamTokens(account(iam.endpoint))()
        assert elsewhere.seen == []


@pytest.mark.parametrize("name", ["X-Auth-Token", "x-security-token", "AUTHORIZATION"])
def test_no_credential_leaves_this_machine_over_plain_http(
    transport: HttpTransport, monkeypatch: pytest.MonkeyPatch, name: str
) -> None:
    with serving(always(200, b"{}")) as proxy:
        monkeypatch.setenv("http_proxy", proxy.endpoint)
        with pytest.raises(UnsafeCredentialsError, match=r"not sent over plain HTTP to cce\.example"):
            transport.send(asked("http://cce.example", name))
        assert proxy.seen == []


def test_a_call_over_tls_through_a_proxy_shows_the_proxy_no_credential(
    transport: HttpTransport, monkeypatch: pytest.MonkeyPatch
) -> None:
    with serving(always(403, b"")) as proxy:
        monkeypatch.setenv("https_proxy", proxy.endpoint)
        with pytest.raises(TransportError):
            transport.send(asked("https://cce.example"))
        sent = [handler.requestline + str(handler.headers) for handler in proxy.seen]
    assert sent
    assert all(each.startswith("CONNECT cce.example:443 ") for each in sent)
    assert TOKEN not in "".join(sent)


@pytest.mark.parametrize(
    "proxy",
    [
        "http://me:PLANTED@127.0.0.1:{port}",
        "http://me:PLANTED@[",
        "http://me:PLANTED@cce.invalid:x",
        "http:/me:PLANTED",
        "https://me:PLANTED@[::1",
        "me:PLANTED@cce.invalid",
        "socks5://me:PLANTED@127.0.0.1:{port}",
        "me:PLANTED",
    ],
)
def test_a_proxy_that_cannot_be_used_is_told_without_its_password(
    transport: HttpTransport, monkeypatch: pytest.MonkeyPatch, proxy: str
) -> None:
    monkeypatch.setenv("https_proxy", proxy.format(port=free_port()))
    with pytest.raises(TransportError) as raised:
        transport.send(asked("https://cce.example"))
    # this test's own frame names the proxy
    frames = shown(raised.value).partition("transport/live.py")[2]
    assert str(raised.value) in frames
    assert "PLANTED" not in frames


# ---- what is printed


def test_the_debug_level_of_http_client_does_not_print_our_headers(
    transport: HttpTransport, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setattr(http.client.HTTPConnection, "debuglevel", 1)
    with serving(always(200, b"{}")) as server:
        transport.send(asked(server.endpoint))
    told = capsys.readouterr()
    assert TOKEN not in told.out + told.err


def shown(error: BaseException) -> str:
    """Print an error as a test's failure does, with the values of all locals."""
    return "".join(traceback.TracebackException.from_exception(error, capture_locals=True).format())


def test_an_interrupted_call_shows_no_credential(transport: HttpTransport, monkeypatch: pytest.MonkeyPatch) -> None:
    def never(handler: Handler) -> None:
        signal.pthread_kill(waiting, signal.SIGUSR1)
        handler.reply(200, b"{}")

    waiting = threading.get_ident()
    before = signal.signal(signal.SIGUSR1, interrupt)
    try:
        with serving(never) as server, pytest.raises(Interruption) as raised:
            transport.send(asked(server.endpoint))
    finally:
        signal.signal(signal.SIGUSR1, before)
    assert "interrupt" in shown(raised.value)
    assert TOKEN not in shown(raised.value)


def interrupted(*arguments: object, **options: object) -> None:
    """Raise an interruption, and hold nothing that was sent."""
    del arguments, options
    raise Interruption


@pytest.mark.parametrize(
    ("owner", "name"),
    [(HTTPConnection, "request"), (HTTPConnection, "putheader"), (http.client.HTTPConnection, "send")],
)
def test_a_call_that_is_interrupted_while_it_is_sent_shows_no_credential(
    transport: HttpTransport, monkeypatch: pytest.MonkeyPatch, owner: Any, name: str
) -> None:
    monkeypatch.setattr(owner, name, interrupted)
    with serving(always(200, b"{}")) as server, pytest.raises(Interruption) as raised:
        transport.send(asked(server.endpoint))
    assert TOKEN not in shown(raised.value)


def test_an_interrupted_call_does_not_show_the_password_of_a_proxy(
    transport: HttpTransport, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("https_proxy", "http://me:PLANTED@127.0.0.1:9")
    monkeypatch.setattr(HTTPAdapter, "send", interrupted)
    with pytest.raises(Interruption) as raised:
        transport.send(asked("https://cce.example", ""))
    assert "PLANTED" not in shown(raised.value).partition("transport/live.py")[2]


def test_a_call_that_is_interrupted_before_it_is_answered_here_shows_no_credential(
    transport: HttpTransport, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(interception, "Headers", interrupted)
    with Interceptor(["https://cce.example"], answer=Response), pytest.raises(Interruption) as raised:  # type: ignore[arg-type]  # never asked
        transport.send(asked("https://cce.example"))
    assert TOKEN not in shown(raised.value)


def test_what_our_own_answers_raise_keeps_its_frames_and_shows_no_credential(transport: HttpTransport) -> None:
    def broken(_: Request) -> Any:
        raise ZeroDivisionError

    with Interceptor(["https://cce.example"], answer=broken), pytest.raises(ZeroDivisionError) as raised:
        transport.send(asked("https://cce.example"))
    names = [frame.name for frame in traceback.extract_tb(raised.value.__traceback__)]
    assert names[-1] == "broken"
    assert TOKEN not in shown(raised.value)


def test_an_interrupted_token_command_does_not_show_its_environment(monkeypatch: pytest.MonkeyPatch) -> None:
    def interrupted(child: subprocess.Popen[bytes], timeout: float | None = None) -> int:
        monkeypatch.undo()
        # once it waits: a signal of the child's own may come before
        signal.raise_signal(signal.SIGUSR1)
        return child.wait(timeout)

    def ask() -> None:
        TokenCommand((sys.executable, "-S", "-c", "import time; time.sleep(60)"), {"VAULT": "PLANTED-other"})()

    before = signal.signal(signal.SIGUSR1, interrupt)
    monkeypatch.setattr(subprocess.Popen, "wait", interrupted)
    try:
        with pytest.raises(Interruption) as raised:
            ask()
    finally:
        signal.signal(signal.SIGUSR1, before)
    frames = shown(raised.value).partition("transport/tokens.py")[2]
    assert "interrupt" in frames
    assert "PLANTED" not in frames


def test_a_token_command_that_is_interrupted_while_it_is_started_does_not_show_its_environment(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(subprocess.Popen, "_execute_child", interrupted)
    command = TokenCommand((sys.executable, "-S", "-c", "pass"), {"VAULT": "PLANTED-other"})
    with pytest.raises(Interruption) as raised:
        command()
    assert "PLANTED" not in shown(raised.value).partition("transport/tokens.py")[2]
