"""A run that may only read sends nothing else, by whatever way, name or layer a client reaches the service."""

from __future__ import annotations

import http.client
import socket
import threading
import time
import urllib.request
from concurrent.futures import Future
from contextlib import closing, nullcontext
from time import monotonic
from typing import TYPE_CHECKING, Any

import pytest
import requests
import urllib3
from requests.adapters import HTTPAdapter
from urllib3 import HTTPConnectionPool, PoolManager, ProxyManager
from urllib3.connection import HTTPConnection

from pytest_cce_precheck.errors import BudgetExhaustedError, WriteRefusedError
from pytest_cce_precheck.transport.gate import Gate
from pytest_cce_precheck.transport.guard import WriteGuard
from pytest_cce_precheck.transport.pacing import SharedBudget
from pytest_cce_precheck.transport.watched import Watch
from tests.drips import OK, spoken
from tests.gates import Guarded, ends_in_our_code
from tests.servers import Server, Talk, always, free_port, serving, talking

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

PATH = "/api/v3/projects/p/clusters/c/addons/precheck/tasks"
URLOPEN = HTTPConnectionPool.urlopen


class LooksLikeGet(str):
    """A method that says that it is GET, and is sent as it is written."""

    __slots__ = ()

    def __hash__(self) -> int:
        return hash("GET")

    def __eq__(self, other: object) -> bool:
        return other == "GET"


@pytest.fixture
def server() -> Iterator[Server]:
    with serving(always(200, b"{}")) as running:
        yield running


@pytest.fixture
def budget(server: Server) -> Iterator[SharedBudget]:
    """The count of the service's requests, behind a gate that permits reads."""
    gate = Gate()
    guard = WriteGuard("p", "c", writes=False, destructive=False)
    with closing(SharedBudget(limit=3)) as counting, gate:
        gate.put(server.endpoint, lambda: counting, refuse=guard.check)
        yield counting


def refused(send: Callable[[], Any], server: Server) -> None:
    """Check that ``send`` fails with our refusal, and that nothing arrives."""
    with pytest.raises(WriteRefusedError) as raised:
        send()
    assert server.seen == []
    assert not ends_in_our_code(raised)


# ---- names of the same place


@pytest.mark.parametrize(
    "host",
    ["localhost", "LOCALHOST.", "a.localhost", "127.1", "2130706433", "0x7f.0.0.1", "0.0.0.0", "[::ffff:127.0.0.1]"],
)
@pytest.mark.usefixtures("budget")
def test_a_service_of_this_machine_is_known_by_any_of_its_names(server: Server, host: str) -> None:
    refused(lambda: requests.delete(f"http://{host}:{server.server_port}{PATH}", timeout=5), server)


@pytest.mark.parametrize(
    ("endpoint", "asked"),
    [
        ("https://cce.example", "https://192.0.2.7"),
        ("https://192.0.2.7", "https://alias.example"),
        ("https://cce.example", "https://[2001:db8::7]"),
        ("https://[2001:db8::7]", "https://alias.example"),
    ],
    ids=["its address", "a name of its address", "its IPv6 address", "a name of its IPv6 address"],
)
def test_a_service_is_known_by_its_address(monkeypatch: pytest.MonkeyPatch, endpoint: str, asked: str) -> None:
    def resolve(host: str, *_: Any, **__: Any) -> list[Any]:
        found = [(2, 1, 6, "", ("192.0.2.7", 443)), (10, 1, 6, "", ("2001:db8::7", 443, 0, 0))]
        return found if host.endswith(".example") else []

    monkeypatch.setattr("socket.getaddrinfo", resolve)
    gate, counting = Gate(), SharedBudget()
    gate.put(endpoint, lambda: counting, refuse=WriteGuard("p", "c", writes=False, destructive=False).check)
    with closing(counting), gate, pytest.raises(WriteRefusedError):
        requests.delete(asked + PATH, timeout=5)


@pytest.fixture
def named(server: Server, monkeypatch: pytest.MonkeyPatch) -> Iterator[Lookups]:
    """The lookups of the name of a service that is on this machine, behind a gate that permits reads of two seconds."""
    gate, counting, lookups = Gate(), SharedBudget(), Lookups(socket.getaddrinfo)
    refuse = WriteGuard("p", "c", writes=False, destructive=False).check
    gate.put(f"http://svc.example:{server.server_port}", lambda: counting, deadline=2.0, refuse=refuse)
    monkeypatch.setattr("socket.getaddrinfo", lookups)
    with closing(counting), gate:
        yield lookups
    lookups.goes_on.set()


class Lookups:
    """Resolves svc.example as it is told: with an error, never, or to this machine."""

    def __init__(self, original: Callable[..., list[Any]]) -> None:
        self._original = original
        self.number = 0
        self.error: Exception | None = None
        self.goes_on = threading.Event()
        self.goes_on.set()

    def __call__(self, host: str, port: object, *more: Any, **options: Any) -> list[Any]:
        if host != "svc.example":
            return self._original(host, port, *more, **options)
        self.number += 1
        if self.error is not None:
            raise self.error
        self.goes_on.wait(30)
        return [(2, 1, 6, "", ("127.0.0.1", 80))]


@pytest.mark.parametrize("error", [socket.gaierror(-3, "try again"), UnicodeError("label too long")])
def test_a_name_that_could_not_be_looked_up_is_looked_up_again(
    server: Server, named: Lookups, error: Exception
) -> None:
    named.error = error
    requests.get(server.endpoint + PATH, timeout=5)
    named.error = None
    failed = named.number
    server.seen.clear()
    refused(lambda: requests.delete(server.endpoint + PATH, timeout=5), server)
    refused(lambda: requests.delete(server.endpoint + PATH, timeout=5), server)
    assert named.number == failed + 1


def test_a_lookup_that_takes_too_long_is_not_waited_for_and_its_late_answer_counts(
    server: Server, named: Lookups
) -> None:
    named.goes_on.clear()
    began = monotonic()
    requests.get(server.endpoint + PATH, timeout=5)
    assert 1.9 < monotonic() - began < 10
    began = monotonic()
    requests.get(server.endpoint + PATH, timeout=5)
    assert monotonic() - began < 1.5
    named.goes_on.set()
    for thread in threading.enumerate():
        if thread.name == "cce-precheck resolves":
            thread.join(20)
    server.seen.clear()
    refused(lambda: requests.delete(server.endpoint + PATH, timeout=5), server)
    assert named.number == 1


def test_the_lookup_of_a_name_is_within_the_deadline_of_a_call(monkeypatch: pytest.MonkeyPatch, server: Server) -> None:
    gate, counting = Gate(), SharedBudget()
    gate.put(server.endpoint, lambda: counting, deadline=20.0)
    given: list[float] = []

    def resolve(host: str, *_: Any, **__: Any) -> list[Any]:
        time.sleep(0.5)
        return [(2, 1, 6, "", ("127.0.0.1", 80))]

    class Noted(Watch):
        def __init__(self, seconds: float, **more: Any) -> None:
            given.append(seconds)
            super().__init__(seconds, **more)

    monkeypatch.setattr("pytest_cce_precheck.transport.gate.Watch", Noted)
    with closing(counting), gate, monkeypatch.context() as patched:
        # without a lookup, it is the deadline that was set
        urllib3.request("GET", server.endpoint, retries=False)
        assert given.pop() == 20.0
        patched.setattr("socket.getaddrinfo", resolve)
        connection = HTTPConnectionPool("alias.example", server.server_port)
        with pytest.raises(urllib3.exceptions.HTTPError):
            connection.urlopen("GET", PATH, retries=False, preload_content=False, pool_timeout=1, timeout=0.001)
    assert 0 < given[0] <= 19.5


@pytest.mark.parametrize(
    ("deadline", "seconds", "of_a_watch", "waited"),
    [
        (None, None, None, None),
        (300.0, None, None, 300),
        (300.0, 200, None, 200),
        (300.0, 200, 100, 100),
        (100.0, 200, 300, 100),
        (None, None, 100, 100),
        # the run is over
        (300.0, -1, None, 0),
    ],
)
def test_a_lookup_is_waited_for_as_long_as_its_call_may_take(
    monkeypatch: pytest.MonkeyPatch,
    deadline: float | None,
    seconds: int | None,
    of_a_watch: float | None,
    waited: float | None,
) -> None:
    waits: list[float | None] = []

    class Endless(Future[frozenset[str]]):
        def result(self, timeout: float | None = None) -> frozenset[str]:
            waits.append(timeout)
            raise TimeoutError

    monkeypatch.setattr("pytest_cce_precheck.transport.gate.begun", lambda *_: Endless())
    gate = Gate()
    with closing(SharedBudget(seconds=seconds)) as counting:
        gate.put("https://svc.example", lambda: counting, deadline=deadline)
        with nullcontext() if of_a_watch is None else Watch(of_a_watch):
            assert gate._service([("192.0.2.7", 443)]) is None
            # what has another port, or another name, is not looked up
            assert gate._service([("192.0.2.7", 80), ("other.example", 443)]) is None
    assert waits == [waited if waited is None else pytest.approx(waited, rel=0.2)]


def test_another_service_on_another_port_of_this_machine_is_not_touched(budget: SharedBudget) -> None:
    with serving(always(200, b"{}")) as other:
        requests.delete(other.endpoint, timeout=5)
        assert [each.command for each in other.seen] == ["DELETE"]
    assert budget.sent == 0


# ---- the service as a proxy


@pytest.mark.parametrize(
    "send",
    [
        lambda e: requests.delete("http://other.example/x", proxies={"http": e}, timeout=5),
        lambda e: requests.get("https://other.example/x", proxies={"https": e}, timeout=5),
        lambda e: ProxyManager(e).request("DELETE", "http://other.example/x"),
        lambda e: HTTPConnectionPool(e[7:]).urlopen("DELETE", "http://other.example/x", assert_same_host=False),
    ],
    ids=["requests", "CONNECT", "urllib3", "an absolute target"],
)
@pytest.mark.usefixtures("budget")
def test_the_service_is_no_way_around_as_a_proxy(server: Server, send: Callable[[str], Any]) -> None:
    refused(lambda: send(server.endpoint), server)


@pytest.mark.usefixtures("budget")
def test_the_service_is_no_tunnel_for_the_standard_library_either(server: Server) -> None:
    connection = http.client.HTTPConnection("127.0.0.1", server.server_port)
    connection.set_tunnel("other.example")
    # what is asked for in the tunnel is a read, but the service would be asked to connect
    refused(lambda: connection.request("GET", "/x"), server)


@pytest.mark.parametrize("scheme", ["http", "https"])
def test_a_service_on_the_port_of_its_scheme_is_known_by_a_pool_that_names_none(scheme: str) -> None:
    gate, counting = Gate(), SharedBudget()
    refuse = WriteGuard("p", "c", writes=False, destructive=False).check
    gate.put(f"{scheme}://svc.invalid", lambda: counting, refuse=refuse)
    pool = {"http": HTTPConnectionPool, "https": urllib3.HTTPSConnectionPool}[scheme]("svc.invalid")
    with closing(counting), gate, pytest.raises(WriteRefusedError):
        pool.urlopen("DELETE", PATH, retries=False)


# ---- layers below urllib3's pools


def by_a_connection(port: int) -> None:
    HTTPConnection("127.0.0.1", port).request("DELETE", PATH)


def by_the_standard_library(port: int) -> None:
    http.client.HTTPConnection("127.0.0.1", port).request("DELETE", PATH)


def by_urllib_request(port: int) -> None:
    urllib.request.urlopen(urllib.request.Request(f"http://127.0.0.1:{port}{PATH}", method="DELETE"))


def by_a_pools_inner_part(port: int) -> None:
    pool = HTTPConnectionPool("127.0.0.1", port)
    pool._make_request(pool._get_conn(), "DELETE", PATH)


def by_a_pool_of_ones_own(port: int) -> None:
    class Pool(HTTPConnectionPool):
        def _make_request(self, conn: Any, _: str, *more: Any, **options: Any) -> Any:
            return super()._make_request(conn, "DELETE", *more, **options)

    Pool("127.0.0.1", port).urlopen("GET", PATH)


def by_a_connection_of_ones_own(port: int) -> None:
    class Changing(HTTPConnection):
        def request(self, _: str, *more: Any, **options: Any) -> None:  # type: ignore[override]
            super().request("DELETE", *more, **options)

    pool = HTTPConnectionPool("127.0.0.1", port)
    pool.ConnectionCls = Changing
    pool.urlopen("GET", PATH)


def by_an_adapter_that_changes_the_method(port: int) -> None:
    class Adapter(HTTPAdapter):
        def send(self, request: Any, *more: Any, **options: Any) -> Any:
            request.method = "DELETE"
            return super().send(request, *more, **options)

    session = requests.Session()
    session.mount("http://", Adapter())
    session.get(f"http://127.0.0.1:{port}{PATH}", timeout=5)


def by_what_was_kept_before_the_gate(port: int) -> None:
    URLOPEN(HTTPConnectionPool("127.0.0.1", port), "DELETE", PATH)


def by_a_method_in_disguise(port: int) -> None:
    HTTPConnectionPool("127.0.0.1", port).urlopen(LooksLikeGet("DELETE"), PATH)


def in_the_body_of_a_read(port: int) -> None:
    hidden = f"DELETE {PATH} HTTP/1.1\r\nHost: x\r\n\r\n".encode()
    PoolManager().request("GET", f"http://127.0.0.1:{port}{PATH}", body=hidden, headers={"Content-Length": "0"})


def by_a_header_of_the_proxy(port: int) -> None:
    manager = ProxyManager(f"http://127.0.0.1:{port}", proxy_headers={"X-HTTP-Method-Override": "DELETE"})
    manager.request("GET", f"http://127.0.0.1:{port}{PATH}")


def by_a_header(port: int) -> None:
    requests.get(f"http://127.0.0.1:{port}{PATH}", headers={"X-Method": "DELETE"}, timeout=5)


def by_a_body_that_follows_its_head(port: int) -> None:
    connection = http.client.HTTPConnection("127.0.0.1", port)
    connection.putrequest("GET", PATH)
    connection.putheader("Transfer-Encoding", "chunked")
    connection.endheaders()


def by_a_body_of_the_standard_library(port: int) -> None:
    http.client.HTTPConnection("127.0.0.1", port).request("GET", PATH, b"x", {"Content-Length": "0"})


def by_a_tunnel_through_another(port: int) -> None:
    connection = http.client.HTTPConnection("127.0.0.1", free_port())
    connection.set_tunnel("127.0.0.1", port)
    connection.request("DELETE", PATH)


def by_another_as_its_proxy(port: int) -> None:
    http.client.HTTPConnection("127.0.0.1", free_port()).request("DELETE", f"HTTP://127.0.0.1:{port}{PATH}")


def by_a_header_of_the_standard_library(port: int) -> None:
    headers = {"X-Original-URL": f"http://127.0.0.1:{port}/x"}
    http.client.HTTPConnection("127.0.0.1", port).request("GET", PATH, headers=headers)


WAYS = [
    by_a_header_of_the_standard_library,
    by_a_tunnel_through_another,
    by_another_as_its_proxy,
    by_a_body_that_follows_its_head,
    by_a_body_of_the_standard_library,
    by_a_connection,
    by_the_standard_library,
    by_urllib_request,
    by_a_pools_inner_part,
    by_a_pool_of_ones_own,
    by_a_connection_of_ones_own,
    by_an_adapter_that_changes_the_method,
    by_what_was_kept_before_the_gate,
    by_a_method_in_disguise,
    in_the_body_of_a_read,
    by_a_header_of_the_proxy,
    by_a_header,
]


@pytest.mark.parametrize("way", WAYS, ids=lambda way: way.__name__)
@pytest.mark.usefixtures("budget")
def test_nothing_but_a_read_reaches_the_service(server: Server, way: Callable[[int], None]) -> None:
    refused(lambda: way(server.server_port), server)


def test_a_read_below_urllib3s_pools_is_counted_and_the_one_too_many_is_not_sent(
    server: Server, budget: SharedBudget
) -> None:
    def read() -> bytes:
        with closing(http.client.HTTPConnection("127.0.0.1", server.server_port, timeout=5)) as connection:
            connection.request("GET", PATH, headers={"Content-Length": "0"})
            return connection.getresponse().read()

    requests.get(server.endpoint + PATH, timeout=5)
    assert [read(), read()] == [b"{}", b"{}"]
    assert budget.sent == 3
    with pytest.raises(BudgetExhaustedError):
        read()
    assert len(server.seen) == 3


def test_what_the_standard_library_sends_in_chunks_arrives_in_chunks() -> None:
    arrived: list[bytes] = []

    def listen(_: Talk, connection: socket.socket) -> None:
        while not b"".join(arrived).endswith(b"0\r\n\r\n") and (more := connection.recv(9999)):
            arrived.append(more)
        connection.sendall(OK + b"Content-Length: 0\r\n\r\n")

    with talking(spoken(listen)) as talk, Guarded(talk.endpoint) as counting:
        with closing(http.client.HTTPConnection("127.0.0.1", talk.port, timeout=5)) as connection:
            headers = {"Transfer-Encoding": "chunked"}
            connection.request("POST", PATH, iter([b"a", b"bc"]), headers, encode_chunked=True)
            assert connection.getresponse().status == 200
        assert counting.sent == 1
    assert b"".join(arrived).partition(b"\r\n\r\n")[2] == b"1\r\na\r\n2\r\nbc\r\n0\r\n\r\n"


def test_a_read_without_a_body_is_sent_as_it_is(server: Server, budget: SharedBudget) -> None:
    for body in (None, b"", ""):
        urllib3.request("GET", server.endpoint + PATH, body=body)
    assert (budget.sent, len(server.seen)) == (3, 3)


def test_behind_the_gate_the_standard_library_is_as_it_was() -> None:
    before = http.client.HTTPConnection.endheaders
    with Gate():
        assert http.client.HTTPConnection.endheaders is not before
    assert http.client.HTTPConnection.endheaders is before
