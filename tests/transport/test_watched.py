"""Every call ends at its deadline, whatever the service, a proxy or the system does to keep it waiting."""

from __future__ import annotations

import gc
import os
import socket
import threading
import weakref
from contextlib import suppress
from typing import TYPE_CHECKING

import pytest
import requests

from pytest_cce_precheck.cassette.record import Recorder
from pytest_cce_precheck.simulator.tls import private_ca
from pytest_cce_precheck.transport.failures import failure
from pytest_cce_precheck.transport.live import HttpTransport
from pytest_cce_precheck.transport.watched import Watch
from pytest_cce_precheck.wire.exchange import Request, TransportError
from tests.drips import OK, SPEECHES, dripping, silent, spoken
from tests.servers import Talk, always, head_of, serving, talking
from tests.toolchains import require_program

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from tests.drips import Speech

PATH = "/api/v3/projects/p/clusters/c/addons/precheck/tasks"
SECONDS = 0.1
LATE = "the answer was not complete after 0.1 s"


@pytest.fixture
def transport() -> Iterator[HttpTransport]:
    sender = HttpTransport(timeout=8.0, deadline=SECONDS)
    yield sender
    sender.close()


@pytest.fixture(scope="module")
def secure() -> Iterator[tuple[str, object]]:
    require_program("openssl")
    with private_ca() as made:
        yield str(made.file), made.context


speeches = pytest.mark.parametrize("say", SPEECHES.values(), ids=SPEECHES.keys())


def late(sender: HttpTransport, endpoint: str, body: bytes = b"") -> None:
    with pytest.raises(TransportError) as raised:
        sender.send(Request("POST" if body else "GET", endpoint, PATH, body=body))
    assert (raised.value.reason, raised.value.detail) == ("timeout", LATE)


# ---- the service


@speeches
def test_an_answer_without_end_is_cut_off_wherever_it_drips(transport: HttpTransport, say: Speech) -> None:
    with talking(spoken(say)) as talk:
        late(transport, talk.endpoint)
        assert talk.hung_up.wait(10)


@speeches
def test_the_same_of_a_call_that_is_recorded(say: Speech) -> None:
    with talking(spoken(say)) as talk, Recorder(talk.endpoint, deadline=SECONDS):
        with pytest.raises(requests.Timeout, match=LATE):
            requests.get(talk.endpoint, timeout=8)
        assert talk.hung_up.wait(10)


def late_after_the_first(say: Speech, context: object = None) -> None:
    """Let the first call be answered in a minute, and the next on its connection in no time."""

    def first_well(talk: Talk, connection: socket.socket) -> None:
        head_of(connection)
        connection.sendall(OK + b"Content-Length: 2\r\n\r\n{}")
        say(talk, connection)

    left = 60.0
    sender = HttpTransport(timeout=8.0, remaining=lambda: left)
    with talking(spoken(first_well, context)) as talk:
        assert sender.send(Request("GET", talk.endpoint, PATH)).response.body == b"{}"
        left = SECONDS
        late(sender, talk.endpoint)
        assert talk.hung_up.wait(10)
    sender.close()


@speeches
def test_a_connection_that_served_before_is_cut_off_too(say: Speech) -> None:
    late_after_the_first(say)


@speeches
def test_the_same_over_tls(say: Speech, secure: tuple[str, object], monkeypatch: pytest.MonkeyPatch) -> None:
    file, context = secure
    monkeypatch.setenv("REQUESTS_CA_BUNDLE", file)
    late_after_the_first(say, context)


def test_a_service_that_does_not_read_what_it_is_sent_is_not_waited_for(transport: HttpTransport) -> None:
    with talking(spoken(lambda talk, _: talk.over.wait(10) and None)) as talk:
        late(transport, talk.endpoint, body=b" " * 2**25)


def test_what_follows_an_answer_over_tls_is_kept_and_nothing_is_waited_for(
    secure: tuple[str, object], monkeypatch: pytest.MonkeyPatch
) -> None:
    file, context = secure
    monkeypatch.setenv("REQUESTS_CA_BUNDLE", file)

    def plainly_then_with_more(talk: Talk, connection: socket.socket) -> None:
        for rest in (b"", b"more"):
            head_of(connection)
            connection.sendall(OK + b"Content-Length: 2\r\n\r\n{}" + rest)
        talk.wait(connection)

    sender = HttpTransport(timeout=8.0)
    with talking(spoken(plainly_then_with_more, context)) as talk:
        answers = [sender.send(Request("GET", talk.endpoint, PATH)).response for _ in range(2)]
        sender.close()
    assert [(each.body, each.surplus) for each in answers] == [(b"{}", b""), (b"{}", b"more")]
    assert max(each.elapsed for each in answers) < 4


# ---- before the service


def test_a_tls_handshake_that_never_begins_is_not_waited_for(transport: HttpTransport) -> None:
    def shake(talk: Talk, connection: socket.socket) -> None:
        while connection.recv(4096):
            pass
        talk.hung_up.set()

    with talking(spoken(shake)) as talk:
        late(transport, talk.endpoint.replace("http:", "https:"))
        assert talk.hung_up.wait(10)


def dripping_hello(talk: Talk, connection: socket.socket) -> None:
    if not connection.recv(4096):
        talk.hung_up.set()
        return
    # a record of 16,000 octets, in it the longest server hello
    connection.sendall(b"\x16\x03\x03\x3e\x80\x02\x00\x3e\x7c\x03\x03")
    talk.drip(connection, b"\x00")


def test_a_tls_handshake_that_drips_is_cut_off(transport: HttpTransport) -> None:
    with talking(spoken(dripping_hello)) as talk:
        late(transport, talk.endpoint.replace("http:", "https:"))
        assert talk.hung_up.wait(10)


def tunnel_that_drips(talk: Talk, connection: socket.socket) -> None:
    head_of(connection)
    connection.sendall(b"HTTP/1.1 200 Connection established\r\n\r\n")
    dripping_hello(talk, connection)


@pytest.mark.parametrize(
    "say",
    [
        silent,
        dripping(b"", b"H"),
        dripping(OK, b"X-Slow: 1\r\n"),
        dripping(OK + b"X-Slow: ", b"x"),
        tunnel_that_drips,
    ],
    ids=["nothing", "status line", "headers", "header", "tls within"],
)
def test_a_proxy_whose_answer_drips_is_cut_off(
    transport: HttpTransport, say: Speech, monkeypatch: pytest.MonkeyPatch
) -> None:
    with talking(spoken(say)) as proxy:
        monkeypatch.setenv("https_proxy", proxy.endpoint)
        late(transport, "https://cce.example")
        assert proxy.hung_up.wait(10)


@pytest.mark.parametrize("status", ["407 No", "100 Continue"])
def test_a_proxy_that_refuses_and_drips_is_left(
    transport: HttpTransport, status: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    with talking(spoken(dripping(f"HTTP/1.1 {status}\r\n".encode(), b"X-Slow: 1\r\n"))) as proxy:
        monkeypatch.setenv("https_proxy", proxy.endpoint)
        with pytest.raises(TransportError) as raised:
            transport.send(Request("GET", "https://cce.example", PATH))
        # releases of Python differ in whether they read the rest
        assert raised.value.reason in ("timeout", "connection-lost")
        assert proxy.hung_up.wait(10)


def test_a_proxy_that_speaks_tls_is_cut_off_within_the_tunnel(
    transport: HttpTransport, secure: tuple[str, object], monkeypatch: pytest.MonkeyPatch
) -> None:
    file, context = secure
    monkeypatch.setenv("REQUESTS_CA_BUNDLE", file)
    with talking(spoken(tunnel_that_drips, context)) as proxy:
        monkeypatch.setenv("https_proxy", proxy.endpoint)
        late(transport, "https://cce.example")
        assert proxy.hung_up.wait(10)


def test_a_name_that_is_looked_up_without_end_is_not_waited_for(
    transport: HttpTransport, monkeypatch: pytest.MonkeyPatch
) -> None:
    found = threading.Event()

    def look_up(*_: object) -> list[object]:
        found.wait(10)
        return []

    monkeypatch.setattr(socket, "getaddrinfo", look_up)
    late(transport, "http://cce.example")
    found.set()


def test_a_connection_that_failed_by_itself_was_not_cut_off() -> None:
    def connect() -> socket.socket:
        raise TimeoutError("the system's own")

    with pytest.raises(TimeoutError, match="the system's own"):
        ended(60, lambda watch: watch.connected(connect))


@pytest.mark.parametrize("error", [None, OSError("refused")])
def test_a_connection_that_is_made_too_late_is_closed(caplog: pytest.LogCaptureFixture, error: OSError | None) -> None:
    here, there = socket.socketpair()
    goes_on = threading.Event()

    def connect() -> socket.socket:
        goes_on.wait(10)
        if error is not None:
            raise error
        return here

    with here, there:
        with pytest.raises(requests.Timeout, match=r"not complete after 0\.01 s"):
            ended(0.01, lambda watch: watch.connected(connect))
        goes_on.set()
        for thread in threading.enumerate():
            if thread.name == "cce-precheck connects":
                # or else this process would not end before
                assert thread.daemon
                thread.join(10)
        there.settimeout(0)
        if error is None:
            assert there.recv(1) == b""
    # what nobody waits for any longer fails in silence
    assert caplog.records == []


# ---- what it costs


def test_who_answers_in_time_is_not_cut_off_later_and_nothing_is_left_behind(transport: HttpTransport) -> None:
    with serving(always(200, b"{}")) as server:
        request = Request("GET", server.endpoint, PATH)
        transport.send(request)
        threads, files = threading.active_count(), len(os.listdir("/proc/self/fd"))
        for _ in range(300):
            assert transport.send(request).response.body == b"{}"
        # no connection, and no thread, for each call
        assert len({each.client_address for each in server.seen}) == 38
        assert threading.active_count() <= threads
        # what an earlier test left may be closed meanwhile
        assert len(os.listdir("/proc/self/fd")) <= files


def test_calls_that_are_cut_off_leave_nothing_behind() -> None:
    with talking(spoken(silent)) as talk:
        sender = HttpTransport(timeout=8.0, deadline=0.02)
        files = len(os.listdir("/proc/self/fd"))
        for _ in range(20):
            with pytest.raises(TransportError):
                sender.send(Request("GET", talk.endpoint, PATH))
        sender.close()
    assert len(os.listdir("/proc/self/fd")) <= files


def test_calls_of_many_threads_are_each_cut_off() -> None:
    def call() -> None:
        sender = HttpTransport(timeout=8.0, deadline=SECONDS)
        with suppress(TransportError):
            sender.send(Request("GET", talk.endpoint, PATH))
            failed.append("an answer")
        sender.close()

    failed: list[str] = []
    with talking(spoken(SPEECHES["trailers"])) as talk:
        threads = [threading.Thread(target=call) for _ in range(20)]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join(10)
        assert not any(thread.is_alive() for thread in threads)
    assert failed == []


# ---- watches


def test_of_two_watches_the_one_that_ends_first_counts() -> None:
    with Watch(60) as outer, Watch(90) as inner:
        assert (inner.due, inner.seconds) == (outer.due, outer.seconds)
        with Watch(1) as innermost:
            assert innermost.seconds == 1
            assert Watch.current() is innermost
        assert Watch.current() is inner
    assert Watch.current() is None


def test_what_is_waited_before_a_call_is_left_out_of_every_watch_around_it() -> None:
    with Watch(60) as outer, Watch(30) as inner:
        before = [outer.began, outer.due, inner.began, inner.due]
        inner.postpone(5)
        assert [outer.began, outer.due, inner.began, inner.due] == pytest.approx([each + 5 for each in before])


def test_one_thread_that_keeps_nobody_waits_for_all_deadlines() -> None:
    def waiting() -> set[threading.Thread]:
        return {each for each in threading.enumerate() if each.name == "cce-precheck deadlines"}

    here, there = socket.socketpair()
    with here, there, Watch(60) as first, Watch(50) as second, Watch(40) as third:
        first.hold(here)
        # one that ends may be among them
        before = waiting()
        second.hold(here)
        third.hold(here)
        assert before
        assert waiting() <= before
        assert all(each.daemon for each in before)


def test_a_watch_that_has_ended_is_forgotten() -> None:
    here, there = socket.socketpair()
    with here, there:
        with Watch(60) as watch:
            watch.hold(here)
        ended_one = weakref.ref(watch)
        del watch
        gc.collect()
    assert ended_one() is None


def test_a_watch_that_is_cut_shuts_all_its_connections_and_each_is_closed_at_its_end() -> None:
    pairs = [socket.socketpair() for _ in range(2)]
    with suppress(requests.Timeout), Watch(60) as watch:
        for here, _ in pairs:
            watch.hold(here)
        # of one that is closed already, nothing is left to shut down
        pairs[0][0].shutdown(socket.SHUT_RDWR)
        pairs[0][1].close()
        watch.cut()
        pairs[1][1].settimeout(0)
        assert pairs[1][1].recv(1) == b""
    for here, there in pairs:
        here.close()
        there.close()


def test_a_watch_that_is_shortened_ends_earlier_and_never_later() -> None:
    with Watch(60) as watch:
        watch.shorten(90)
        assert watch.seconds == 60
        watch.shorten(5)
        assert watch.seconds == 5


def ended(seconds: float, act: Callable[[Watch], object]) -> None:
    with Watch(seconds) as watch:
        act(watch)


def test_a_watch_shortened_while_it_waits_cuts_off_at_once() -> None:
    here, there = socket.socketpair()

    def act(watch: Watch) -> None:
        watch.hold(here)
        watch.shorten(0)
        there.settimeout(10)
        assert there.recv(1) == b""

    with here, there, pytest.raises(requests.Timeout, match="not complete after 0 s"):
        ended(600, act)


def failing(error: BaseException | None) -> Callable[[Watch], object]:
    def act(watch: Watch) -> None:
        watch.cut()
        if error is not None:
            raise error

    return act


@pytest.mark.parametrize("error", [None, OSError("it broke"), failure("truncated", "too short")])
def test_whatever_a_block_made_of_its_cut_connection_it_was_too_late(error: Exception | None) -> None:
    with pytest.raises(requests.Timeout, match="not complete after 60 s"):
        ended(60, failing(error))


@pytest.mark.parametrize("error", [KeyboardInterrupt(), ZeroDivisionError()])
def test_what_is_no_failure_of_the_network_passes_a_cut_watch(error: BaseException) -> None:
    with pytest.raises(type(error)):
        ended(60, failing(error))
