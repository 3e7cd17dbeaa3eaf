"""What a caller gets through the gate is what it would get without: its answers, its errors, in bounds."""

from __future__ import annotations

import gzip
import tracemalloc
from contextlib import closing, suppress
from typing import TYPE_CHECKING, Any

import pytest
import requests
import urllib3
from urllib3.util.retry import Retry

from pytest_cce_precheck.errors import WriteRefusedError
from pytest_cce_precheck.transport import reading
from pytest_cce_precheck.transport.gate import Gate
from pytest_cce_precheck.transport.pacing import SharedBudget
from tests.gates import BODY, Guarded, bounds, by_a_manager
from tests.servers import Handler, Server, always, chunked, serving

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator


@pytest.fixture
def server() -> Iterator[Server]:
    with serving(always(200, BODY)) as running:
        yield running


def zipped(handler: Handler) -> None:
    handler.reply(200, gzip.compress(BODY), Content_Encoding="gzip", Set_Cookie="seen=yes", X_Request_Id="r")


@pytest.mark.parametrize("answer", [zipped, chunked(BODY), always(200, BODY)])
@bounds
def test_a_caller_reads_the_same_as_without_a_gate(answer: Callable[[Handler], None], seconds: int | None) -> None:
    with serving(answer) as server:
        without = requests.get(server.endpoint, timeout=8)
        with Guarded(server.endpoint, seconds=seconds):
            within = requests.get(server.endpoint, timeout=8)
            head = requests.head(server.endpoint, timeout=8)
    assert (within.content, within.status_code, within.reason) == (without.content, 200, "OK")
    assert within.json() == without.json()
    assert within.cookies == without.cookies
    assert within.headers.get("X-Request-Id") == without.headers.get("X-Request-Id")
    assert head.content == b""


def by_a_pool(endpoint: str, **options: Any) -> Any:
    return urllib3.connection_from_url(endpoint).request("GET", "/", **options)


by_urllib3_itself = pytest.mark.parametrize("send", [by_a_pool, by_a_manager])


@by_urllib3_itself
@pytest.mark.parametrize("answer", [zipped, chunked(BODY), always(200, BODY)])
@pytest.mark.parametrize("preload", [False, True])
def test_who_asks_urllib3_gets_what_it_asked_for(
    send: Any, answer: Callable[[Handler], None], *, preload: bool
) -> None:
    with serving(answer) as server:
        without = send(server.endpoint)
        with Guarded(server.endpoint, deadline=60):
            response = send(server.endpoint, preload_content=preload)
        assert response._body == (BODY if preload else None)
        assert response.data == BODY
    framing = {"Content-Encoding", "Content-Length", "Transfer-Encoding"}
    if answer is zipped or "Transfer-Encoding" in without.headers:
        assert not framing & set(response.headers)
    assert without.headers.keys() - response.headers.keys() <= framing
    for name in response.headers.keys() - {"Date"}:
        assert response.headers[name] == without.headers[name]
    for name in ("status", "reason", "version", "url"):
        assert getattr(response, name) == getattr(without, name)


@by_urllib3_itself
@pytest.mark.parametrize("status", [200, 302, 503])
@pytest.mark.parametrize("coding", ["", "gzip"])
def test_no_answer_takes_more_memory_than_an_answer_may(
    monkeypatch: pytest.MonkeyPatch, send: Any, status: int, coding: str
) -> None:
    monkeypatch.setattr(reading, "MAX_BYTES", 2**20)
    body = gzip.compress(bytes(2**25), 1) if coding else bytes(2**25)

    def answer(handler: Handler) -> None:
        # of what nobody reads, the rest cannot be sent
        with suppress(OSError):
            handler.reply(status, body, Content_Encoding=coding, Location="/x")

    with serving(answer) as server, Guarded(server.endpoint, deadline=60) as meter:
        tracemalloc.start()
        try:
            with pytest.raises(urllib3.exceptions.HTTPError, match="the answer is larger than 1,048,576 bytes"):
                send(server.endpoint, retries=Retry(2, status_forcelist=[503], backoff_factor=0))
            assert tracemalloc.get_traced_memory()[1] < 2**24
        finally:
            tracemalloc.stop()
        # nor is it asked for again
        assert meter.sent == 1


@pytest.mark.parametrize("status", [302, 503])
def test_what_is_read_before_another_try_is_bounded_too(monkeypatch: pytest.MonkeyPatch, status: int) -> None:
    monkeypatch.setattr(reading, "MAX_BYTES", 2**20)
    sent = []

    def answer(handler: Handler) -> None:
        if handler.path == "/x" or sent:
            handler.reply(200, BODY)
            return
        with suppress(OSError):
            handler.reply(status, b"", Content_Length=str(2**25), Location="/x")
            for _ in range(2**9):
                handler.wfile.write(bytes(2**16))
                sent.append(2**16)

    with serving(answer) as server, Guarded(server.endpoint, deadline=60):
        retry = Retry(2, status_forcelist=[503], backoff_factor=0)
        assert by_a_pool(server.endpoint, retries=retry, preload_content=False).data == BODY
    assert sum(sent) < 2**24


def cut_off(handler: Handler) -> None:
    handler.reply(200, BODY[:10], Content_Length=str(len(BODY)))
    handler.close_connection = True


def not_zipped(handler: Handler) -> None:
    handler.reply(200, b"not zipped at all", Content_Encoding="gzip")


@pytest.mark.parametrize("answer", [cut_off, not_zipped])
def test_what_goes_wrong_is_the_same_error_as_without_a_gate(answer: Callable[[Handler], None]) -> None:
    with serving(answer) as server:
        with pytest.raises(requests.RequestException) as without:
            requests.get(server.endpoint, timeout=8)
        with Guarded(server.endpoint, seconds=60), pytest.raises(requests.RequestException) as within:
            requests.get(server.endpoint, timeout=8)
    assert type(within.value) is type(without.value)


@pytest.mark.parametrize("read", [lambda each: each.data, lambda each: each.read(), lambda each: each.read1(9)])
def test_what_goes_wrong_is_raised_when_the_answer_is_read_by_whoever_reads_it_himself(read: Any) -> None:
    with serving(cut_off) as server, Guarded(server.endpoint, deadline=60) as meter:
        response = by_a_pool(server.endpoint, preload_content=False)
        assert response.status == 200
        with pytest.raises(urllib3.exceptions.HTTPError, match="IncompleteRead"):
            read(response)
        assert meter.sent == 1


def test_after_an_answer_that_was_not_read_to_its_end_the_next_is_read_from_its_beginning(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(reading, "MAX_BYTES", 100)
    bodies = iter([b"HTTP/1.1 200 OK\r\n\r\n" * 50, BODY])
    with serving(lambda handler: handler.reply(200, next(bodies))) as server, Guarded(server.endpoint, deadline=60):
        pool = urllib3.connection_from_url(server.endpoint)
        with pytest.raises(urllib3.exceptions.HTTPError, match="the answer is larger than 100 bytes"):
            pool.request("GET", "/", retries=False)
        assert pool.request("GET", "/", retries=False).data == BODY


def test_a_session_that_was_used_before_is_watched_from_then_on(server: Server) -> None:
    with requests.Session() as session:
        session.get(server.endpoint, timeout=8)
        with Guarded(server.endpoint, deadline=60):
            for _ in range(2):
                assert session.get(server.endpoint, timeout=8).content == BODY
        pools: Any = session.get_adapter(server.endpoint).poolmanager.pools  # type: ignore[attr-defined]
        assert {pools[key].ConnectionCls.__name__ for key in pools.keys()} == {"WatchedHTTPConnection"}  # noqa: SIM118
    # the first one's connection is not used again
    assert [server.seen[0].client_address == each.client_address for each in server.seen] == [True, False, False]
    assert server.seen[1].client_address == server.seen[2].client_address


def test_a_connection_serves_several_calls_of_a_session(server: Server) -> None:
    with Guarded(server.endpoint, seconds=60), requests.Session() as session:
        for _ in range(3):
            session.get(server.endpoint, timeout=8)
    assert len({each.client_address for each in server.seen}) == 1


def raw(url: str, path: str, *arguments: Any, body: bytes | None = None, **of_the_pool: Any) -> Any:
    named = {} if body is None else {"body": body}
    return urllib3.connection_from_url(url, **of_the_pool).urlopen("POST", path, *arguments, **named)


@pytest.mark.parametrize(
    ("send", "target", "own", "has_body"),
    [
        (lambda url: requests.post(url, timeout=5), "/", False, False),
        (lambda url: requests.post(url, data="x", timeout=5), "/", False, True),
        (lambda url: urllib3.request("POST", f"{url}/a", headers={"x-own": "1"}), "/a", True, False),
        (lambda url: raw(url, "//a/b?c=d", None, {"x-own": "1"}), "//a/b?c=d", True, False),
        (lambda url: raw(url, "/a", b"x", {"x-own": "1"}), "/a", True, True),
        (lambda url: raw(url, "/a?b", headers={"x-own": "1"}), "/a?b", True, False),
        (lambda url: raw(url, "/a", headers={"x-own": "1"}, body=b"x"), "/a", True, True),
    ],
)
def test_what_a_service_may_not_be_sent_is_refused_whoever_sends_it(
    server: Server, send: Callable[[str], Any], target: str, own: bool, has_body: bool
) -> None:
    asked = []

    def refuse(method: str, target: str, headers: Any, has_body: bool) -> None:
        asked.append((method, target, "X-Own" in headers, has_body))
        raise WriteRefusedError("not sent")

    gate, meter = Gate(), SharedBudget()
    gate.put(server.endpoint, lambda: meter, refuse=refuse)
    with closing(meter), gate, pytest.raises(WriteRefusedError):
        send(server.endpoint)
    assert asked == [("POST", target, own, has_body)]
    assert server.seen == []


@pytest.mark.parametrize("is_ours", [True, False])
@bounds
def test_what_is_given_to_urllib3_by_its_place_or_its_name_arrives(
    server: Server, seconds: int | None, *, is_ours: bool
) -> None:
    endpoint = server.endpoint if is_ours else "http://cce.example"
    with Guarded(endpoint, seconds=seconds) as meter:
        raw(server.endpoint, "/a", b"x", {"X-Own": "1"})
        raw(server.endpoint, "/a", body=b"x", headers={"X-Own": "1"})
        with pytest.raises(urllib3.exceptions.HostChangedError):
            raw(server.endpoint, "http://127.0.0.1:1/a", b"x", {"X-Own": "1"}, 0)
        assert meter.sent == (3 if is_ours else 0)
    assert [(each.requestline, each.body, each.headers["X-Own"]) for each in server.seen] == [
        ("POST /a HTTP/1.1", b"x", "1")
    ] * 2


def test_an_answer_to_any_client_is_remembered_for_the_end_of_the_run(server: Server) -> None:
    gate = Gate()
    with closing(SharedBudget(seconds=60)) as counting, gate:
        gate.put(server.endpoint, lambda: counting)
        assert counting.has_answered is False
        requests.get(server.endpoint, timeout=5)
        assert counting.has_answered is True
