"""The server that every client can call: whom it lets in, what it passes on, and what it never does."""

from __future__ import annotations

import gzip
import http.client
import threading
import time
from contextlib import closing
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Any
from urllib.parse import urlsplit

import pytest
import requests

from pytest_cce_precheck import (
    Credentials,
    Headers,
    HttpTransport,
    PrecheckClient,
    Request,
    Response,
    Secret,
    Simulator,
)
from pytest_cce_precheck.errors import ConfigurationError, WriteRefusedError
from pytest_cce_precheck.proxy.forwarding import forwarded
from pytest_cce_precheck.proxy.service import Ids, Service, local_credentials
from pytest_cce_precheck.simulator.authorization import check_credentials
from pytest_cce_precheck.wire.exchange import TransportError
from tests.servers import Handler, Server, always, serving

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

ANSWER = Response(200, Headers([("Content-Type", "application/json"), ("Content-Length", "2")]), b"{}")
REAL = Credentials(token=Secret("real-token-0123456789"))


def service_of(answer: Callable[[Request], Response], **more: Any) -> Service:
    credentials = local_credentials()
    return Service(answer, lambda: credentials, lambda: Ids("p", "c"), **more)


def raw(service: Service, method: str, target: str, **headers: str) -> int:
    """Return the status of the answer to a request that no library has changed."""
    parts = urlsplit(service.url)
    with closing(http.client.HTTPConnection(str(parts.hostname), parts.port, timeout=10)) as connection:
        connection.putrequest(method, target, skip_host="Host" in headers)
        for name, value in headers.items():
            connection.putheader(name, value)
        connection.endheaders()
        return connection.getresponse().status


# ---- who is let in


@pytest.fixture
def asked() -> list[Request]:
    return []


@pytest.fixture
def service(asked: list[Request]) -> Iterator[Service]:
    def answer(request: Request) -> Response:
        asked.append(request)
        return ANSWER

    with service_of(answer) as service:
        yield service


def test_a_token_and_a_signature_are_let_in(service: Service, asked: list[Request]) -> None:
    url = f"{service.url}/api/v3/x?type=a%20b"
    for headers in (service.headers(), service.headers("GET", url)):
        assert requests.get(url, headers=headers, timeout=10).json() == {}
    assert [request.target for request in asked] == ["/api/v3/x?type=a%20b"] * 2


def test_a_post_is_signed_with_its_body(service: Service) -> None:
    url = f"{service.url}/api/v3/x"
    headers = service.headers("POST", url, b"{}")
    assert requests.post(url, headers=headers, data=b"{}", timeout=10).status_code == 200
    assert requests.post(url, headers=headers, data=b"[]", timeout=10).status_code == 401


@pytest.mark.parametrize("headers", [{}, {"X-Auth-Token": "wrong"}, {"Authorization": "SDK-HMAC-SHA256 x"}])
def test_who_has_no_valid_credentials_is_refused_as_by_the_service(
    service: Service, asked: list[Request], headers: dict[str, str]
) -> None:
    refused = requests.get(f"{service.url}/x", headers=headers, timeout=10)
    assert (refused.status_code, refused.json()["errorCode"]) == (401, "CCE.01401001")
    assert asked == []


@pytest.mark.parametrize("host", ["evil.example", "127.0.0.1", "localhost:1", "127.0.0.1:80, evil.example"])
def test_another_host_is_refused_and_named(asked: list[Request], host: str) -> None:
    failed: list[Exception] = []
    with service_of(lambda _: ANSWER, failed=failed.append) as service:
        assert raw(service, "GET", "/x", Host=host, **service.headers()) == 421
    [error] = failed
    assert f"a client went elsewhere: The Host is '{host}'" in str(error)


def test_it_is_no_proxy(service: Service, asked: list[Request]) -> None:
    assert raw(service, "CONNECT", "cce.example:443", **service.headers()) == 405
    with pytest.raises(requests.exceptions.ProxyError):
        requests.get("https://cce.example/", proxies={"https": service.url}, timeout=10)
    assert requests.get("http://cce.example/", proxies={"http": service.url}, timeout=10).status_code == 421
    assert asked == []


def test_only_this_machine_reaches_it(service: Service) -> None:
    assert urlsplit(service.url).hostname == "127.0.0.1"


def test_headers_for_another_service_are_not_made(service: Service) -> None:
    with pytest.raises(ConfigurationError, match=r"^the URL 'https://cce\.example/x' is not one of this service"):
        service.headers("GET", "https://cce.example/x")


def test_the_environment_of_a_child_has_this_service_and_no_credentials_of_another() -> None:
    here = {"PATH": "/bin", "CCE_IAM_PASSWORD": "s", "HUAWEICLOUD_SDK_AK": "a", "CCE_MODE": "live", "HTTPS_PROXY": "p"}
    with service_of(lambda _: ANSWER, environment=here, region="eu-west-101") as service:
        found = service.environment
    assert found.pop("PATH") == "/bin"
    token, keys = service.headers()["X-Auth-Token"], service.credentials
    assert keys.access_key
    assert found.pop("HUAWEICLOUD_SDK_AK") == keys.access_key.reveal()
    assert found.pop("HUAWEICLOUD_SDK_SK")
    assert found == {
        "CCE_ENDPOINT": service.url,
        "CCE_PROJECT_ID": "p",
        "CCE_CLUSTER_ID": "c",
        "CCE_AUTH_TOKEN": token,
        "HUAWEICLOUD_SDK_PROJECT_ID": "p",
        "HUAWEICLOUD_SDK_REGION_CCE_EU_WEST_101": service.url,
        "NO_PROXY": "127.0.0.1,localhost",
    }


# ---- answers, errors, none at all


def test_what_must_not_be_answered_is_said_to_the_client_and_to_the_test() -> None:
    failed: list[Exception] = []

    def answer(_: Request) -> Response:
        raise WriteRefusedError("not now")

    with service_of(answer, failed=failed.append) as service:
        told = requests.post(f"{service.url}/x", headers=service.headers(), timeout=10)
    assert (told.status_code, told.json()) == (501, {"errorCode": "PRECHECK.0501", "errorMessage": "not now"})
    assert [str(error) for error in failed] == ["not now"]


def test_a_service_that_was_too_slow_is_a_504_at_once() -> None:
    def answer(request: Request) -> Response:
        raise TransportError("timeout", "no answer within the time allowed", request)

    with service_of(answer) as service:
        told = requests.get(f"{service.url}/x", headers=service.headers(), timeout=10)
    said = {"errorCode": "PRECHECK.0501", "errorMessage": "no answer within the time allowed"}
    assert (told.status_code, told.json()) == (504, said)


def test_an_answer_that_comes_while_it_ends_still_reaches_its_client() -> None:
    arrived, told = threading.Event(), []

    def answer(_: Request) -> Response:
        arrived.set()
        return ANSWER

    with service_of(answer, waits=True) as service:
        url, headers = service.url, service.headers()
        asking = threading.Thread(target=lambda: told.append(requests.get(f"{url}/x", headers=headers, timeout=20)))
        asking.start()
        assert arrived.wait(20)
        service.finish(20)
    asking.join()
    assert [each.status_code for each in told] == [200]


@pytest.mark.parametrize("waits", [True, False])
def test_a_lost_connection_is_lost_for_the_client_too(waits: bool) -> None:
    def answer(request: Request) -> Response:
        raise TransportError("connection-lost", "gone", request)

    with service_of(answer, waits=waits) as service, pytest.raises(requests.ConnectionError):
        requests.get(f"{service.url}/x", headers=service.headers(), timeout=10)


@pytest.mark.parametrize("waits", [True, False])
def test_a_mistake_of_ours_is_an_error_of_the_service_and_ends_nothing(
    waits: bool, caplog: pytest.LogCaptureFixture
) -> None:
    answers = iter([RuntimeError("a mistake"), ANSWER])

    def answer(_: Request) -> Response:
        found = next(answers)
        if isinstance(found, Exception):
            raise found
        return found

    with service_of(answer, waits=waits) as service:
        for status in (500, 200):
            assert requests.get(f"{service.url}/x", headers=service.headers(), timeout=10).status_code == status
    assert "a mistake" in caplog.text


def test_a_client_that_waits_for_a_slow_service_keeps_nobody_waiting() -> None:
    slow, quick = threading.Event(), []

    def answer(request: Request) -> Response:
        if request.path == "/slow":
            assert slow.wait(20)
        return ANSWER

    with service_of(answer, waits=True) as service:
        url, headers = service.url, service.headers()
        late = threading.Thread(target=lambda: quick.append(requests.get(f"{url}/slow", headers=headers, timeout=20)))
        late.start()
        # a client that goes away while it waits
        with pytest.raises(requests.ReadTimeout):
            requests.get(f"{url}/slow", headers=headers, timeout=0.2)
        assert requests.get(f"{url}/quick", headers=headers, timeout=10).status_code == 200
        assert quick == []
        slow.set()
        late.join()
        assert [each.status_code for each in quick] == [200]


def test_the_end_waits_for_nobody() -> None:
    ended = threading.Event()

    def answer(_: Request) -> Response:
        ended.wait(20)
        return ANSWER

    with service_of(answer, waits=True) as service:
        with pytest.raises(requests.ReadTimeout):
            requests.get(f"{service.url}/x", headers=service.headers(), timeout=0.2)
        began = time.monotonic()
    assert time.monotonic() - began < 5
    ended.set()


# ---- what is passed on to a real service


def client_of(server: Server, credentials: Credentials = REAL) -> PrecheckClient:
    return PrecheckClient(
        HttpTransport(timeout=5), endpoint=server.endpoint, project_id="p", cluster_id="c", credentials=credentials
    )


def test_what_the_client_authenticated_with_never_travels_on() -> None:
    with serving(always(200, b"{}")) as server, service_of(lambda it: forwarded(it, client_of(server))) as service:
        url = f"{service.url}/api/v3/x?type=a%2Fb&type"
        headers = {**service.headers(), "X-Own": "1", "Cookie": "a=b", "Proxy-Authorization": "c", "Te": "trailers"}
        assert requests.get(url, headers=headers, timeout=10).json() == {}
        requests.get(url, headers=service.headers("GET", url), timeout=10)
    first, second = server.seen
    assert first.path == second.path == "/api/v3/x?type=a%2Fb&type"
    assert {handler.headers["X-Auth-Token"] for handler in server.seen} == {"real-token-0123456789"}
    assert first.headers["X-Own"] == "1"
    for name in ("Cookie", "Proxy-Authorization", "Te", "Authorization", "X-Sdk-Date", "X-Project-Id"):
        assert (name, first.headers[name], second.headers[name]) == (name, None, None)
    assert first.headers["Host"] == urlsplit(server.endpoint).netloc


def test_a_request_is_signed_anew_with_the_keys_of_the_run() -> None:
    keys = Simulator().credentials.only(("access_key", "secret_key"))
    with (
        serving(always(200, b"{}")) as server,
        service_of(lambda it: forwarded(it, client_of(server, keys))) as service,
    ):
        requests.post(f"{service.url}/api/v3/x?b=1&a=2", headers=service.headers(), data=b"{}", timeout=10)
        [seen] = server.seen
        path, _, query = seen.path.partition("?")
        received = Request("POST", server.endpoint, path, query, Headers(seen.headers.items()), seen.body)
        assert check_credentials(received, keys, datetime.now(UTC)) is None
        assert "X-Auth-Token" not in received.headers


def test_a_credential_that_the_service_repeats_does_not_reach_the_client() -> None:
    def reflecting(handler: Handler) -> None:
        token = handler.headers["X-Auth-Token"]
        handler.reply(401, b'{"errorCode":"CCE.01401001","errorMessage":"%s"}' % token.encode(), X_Echo=token)

    with serving(reflecting) as server, service_of(lambda it: forwarded(it, client_of(server))) as service:
        told = requests.get(f"{service.url}/x", headers=service.headers(), timeout=10)
    assert told.status_code == 401
    assert "real-token" not in told.text + str(told.headers)


def test_no_token_of_the_real_service_is_issued() -> None:
    failed: list[Exception] = []
    with serving(always(201, b"{}", X_Subject_Token="t")) as server:  # noqa: SIM117  the server comes first
        with service_of(lambda it: forwarded(it, client_of(server)), failed=failed.append) as service:
            told = requests.post(f"{service.url}/v3/auth/tokens", headers=service.headers(), json={}, timeout=10)
    assert (told.status_code, server.seen) == (501, [])
    assert [str(error) for error in failed] == ["POST /v3/auth/tokens was not sent: this service issues no tokens"]


def test_an_answer_is_passed_on_without_its_coding_and_head_without_a_body() -> None:
    def packed(handler: Handler) -> None:
        handler.reply(200, gzip.compress(b'{"a": 1}'), Content_Encoding="gzip")

    with serving(packed) as server, service_of(lambda it: forwarded(it, client_of(server)), waits=True) as service:
        told = requests.get(
            f"{service.url}/x", headers={**service.headers(), "Accept-Encoding": "identity"}, timeout=10
        )
        assert (told.json(), told.headers.get("Content-Encoding")) == ({"a": 1}, None)
    with serving(always(200, b"")) as server, service_of(lambda it: forwarded(it, client_of(server))) as service:
        assert requests.head(f"{service.url}/x", headers=service.headers(), timeout=10).content == b""
