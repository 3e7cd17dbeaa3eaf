"""A deadline for a whole call: when it is reached, the call's connection is shut down, whatever is read or written.

A timeout for one wait does not do that: an answer whose head, chunk sizes or trailers drip keeps each wait short.
"""

from __future__ import annotations

import math
import socket
import threading
from collections.abc import Callable, Iterable
from concurrent.futures import Future
from contextlib import suppress
from contextvars import ContextVar
from functools import lru_cache
from http.client import HTTPResponse as PlainResponse
from http.client import parse_headers
from queue import Empty, LifoQueue
from time import monotonic
from types import TracebackType
from typing import TYPE_CHECKING, Any, Final, Self, TypeVar

from requests.adapters import HTTPAdapter
from urllib3 import HTTPResponse
from urllib3.connection import HTTPConnection

from pytest_cce_precheck.transport.failures import FAILURES, failure
from pytest_cce_precheck.transport.reading import read_whole

if TYPE_CHECKING:
    from urllib3 import BaseHTTPResponse, HTTPConnectionPool
    from urllib3.poolmanager import PoolManager

# 101 ends the exchange: another protocol follows
_INTERIM: Final = frozenset({100, *range(102, 200)})
# a balancer that looks at connections would let one machine answer everything
_ON_ONE_CONNECTION: Final = 8
T = TypeVar("T")

_current: ContextVar[Watch | None] = ContextVar("_current", default=None)


class Watch:
    """Limits what runs in the ``with`` block to ``seconds`` in all, by a clock that is never set back.

    It limits the connections of `watched` pools. A block that was cut off raises `failures.failure` of reason timeout,
    whatever it made of the end of its connection. If one is within another, the one that ends first counts. With
    ``reads``, each answer is read whole, up to the largest size, before urllib3 does anything with it: before another
    try or a redirect, urllib3 would read as much as there is.
    """

    def __init__(self, seconds: float, *, reads: bool = False) -> None:
        self.seconds = seconds
        self.reads = reads
        self.began = monotonic()
        self.due = self.began + seconds
        self.is_cut = False
        self.target: str | None = None
        """What is sent as the request's target: urllib3 escapes anew what it takes for a mistake."""
        self.version = ""
        self._held: list[socket.socket] = []

    @staticmethod
    def current() -> Watch | None:
        """Return the innermost watch that this code runs under."""
        return _current.get()

    def __enter__(self) -> Self:
        self._outer = outer = _current.get()
        if outer is not None and outer.due < self.due:
            self.seconds, self.due = outer.seconds, outer.due
        self._before = _current.set(self)
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, _: TracebackType | None) -> None:
        _current.reset(self._before)
        _WATCHDOG.let_go(self)
        for each in self._held:
            each.close()
        if self.is_cut and (error is None or isinstance(error, FAILURES)):
            # a parser may have taken the end of the connection for the end of the answer
            raise failure("timeout", f"the answer was not complete after {self.seconds:.3g} s") from None

    def shorten(self, seconds: float) -> None:
        """End in ``seconds`` at the latest."""
        due = monotonic() + seconds
        if due < self.due:
            self.seconds, self.due = seconds, due
            _WATCHDOG.look_after(self)

    def postpone(self, seconds: float) -> None:
        """Leave out ``seconds`` that were spent waiting before anything was sent."""
        self.began += seconds
        self.due += seconds
        if self._outer is not None:
            self._outer.postpone(seconds)

    def hold(self, sock: socket.socket) -> None:
        """Shut ``sock`` down at the deadline."""
        # a descriptor of its own: TLS detaches the other one, and the next connection may get its number
        held = socket.fromfd(sock.fileno(), socket.AF_INET, socket.SOCK_STREAM)
        _WATCHDOG.look_after(self, lambda: self._held.append(held))

    def connected(self, connect: Callable[[], socket.socket]) -> socket.socket:
        """Return the socket that ``connect`` opens; raises `TimeoutError` if that takes too long.

        The lookup of a name has no timeout, and each address of a host has one of its own.
        """
        sock = begun(connect, "cce-precheck connects")
        try:
            return sock.result(max(self.due - monotonic(), 0.0))
        except TimeoutError:
            if not sock.done():
                self.is_cut = True
                sock.add_done_callback(_close)
            raise

    def cut(self) -> None:
        """Shut all connections down now."""
        self.is_cut = True
        for each in self._held:
            with suppress(OSError):
                each.shutdown(socket.SHUT_RDWR)


def begun(call: Callable[[], T], name: str) -> Future[T]:
    """Call something that has no timeout of its own in a thread of that name, which nobody has to wait for."""
    result: Future[T] = Future()

    def run() -> None:
        try:
            result.set_result(call())
        except BaseException as error:
            result.set_exception(error)

    threading.Thread(target=run, name=name, daemon=True).start()
    return result


def _close(sock: Future[socket.socket]) -> None:
    if sock.exception() is None:
        sock.result().close()


class _Watchdog:
    """One thread for all watches of a process, which ends if it wakes and there is none."""

    def __init__(self) -> None:
        self._changed = threading.Condition()
        self._watches: set[Watch] = set()
        self._thread: threading.Thread | None = None
        self._looks_at = 0.0

    def look_after(self, watch: Watch, change: Callable[[], object] = lambda: None) -> None:
        with self._changed:
            change()
            self._watches.add(watch)
            if self._thread is None or not self._thread.is_alive():
                self._thread = threading.Thread(target=self._run, name="cce-precheck deadlines", daemon=True)
                self._thread.start()
            elif watch.due < self._looks_at:
                self._changed.notify()

    def let_go(self, watch: Watch) -> None:
        with self._changed:
            self._watches.discard(watch)

    def _run(self) -> None:
        with self._changed:
            while self._watches:
                now = monotonic()
                for watch in [each for each in self._watches if each.due <= now]:
                    watch.cut()
                    self._watches.discard(watch)
                self._looks_at = min((each.due for each in self._watches), default=now)
                self._changed.wait(min(self._looks_at - now, threading.TIMEOUT_MAX))
            self._thread = None


_WATCHDOG: Final = _Watchdog()


class _FinalResponse(PlainResponse):
    def __init__(self, sock: socket.socket, *arguments: Any, **options: Any) -> None:
        super().__init__(sock, *arguments, **options)
        self.surplus: bytes | None = None
        self.fields: tuple[tuple[str, str], ...] = ()
        self._sock = sock
        self._had_last_chunk = False

    def begin(self) -> None:
        super().begin()
        # as they were on the wire: urllib3 unfolds values in place, and http.client stops at the first name that is
        # none, and keeps the rest as text; of message/* it makes a message, which is no text
        rest = self.msg.get_payload()
        lines = (line.partition(":") for line in rest.splitlines() if line) if isinstance(rest, str) else ()
        self.fields = (*self.msg.items(), *((name, value.strip()) for name, _, value in lines))

    def _read_status(self) -> tuple[str, int, str]:
        # RFC 9110, 15.2: interim answers, such as 103, may come before the answer; http.client skips 100 alone
        while True:
            version, status, reason = super()._read_status()  # type: ignore[misc]  # typeshed leaves it out
            if status not in _INTERIM:
                return version, status, reason
            parse_headers(self.fp)

    def _read_and_discard_trailer(self) -> None:
        super()._read_and_discard_trailer()  # type: ignore[misc]  # typeshed leaves it out
        self._had_last_chunk = True

    def _close_conn(self) -> None:
        # of an answer that was not read to its end, the rest is no surplus
        if self._had_last_chunk or self.length == 0:
            self.surplus = self._arrived()
        super()._close_conn()  # type: ignore[misc]  # typeshed leaves it out

    def _arrived(self) -> bytes:
        """Return what has arrived and was not read, without waiting for more: it is lost with the buffer."""
        timeout = self._sock.gettimeout()
        try:
            self._sock.settimeout(0)
            return self.fp.peek(1)
        except OSError:
            # TLS has no whole record yet, or the connection was reset
            return b""
        finally:
            self._sock.settimeout(timeout)


class MadeUpResponse(HTTPResponse):
    """An answer that came over no connection; ``surplus`` is what a service with a fault would send after it."""

    surplus: bytes | None = None


def fields_of(response: BaseHTTPResponse) -> Iterable[tuple[str, str]]:
    """Return the header fields as they were on the wire, if it came over one."""
    original = getattr(response, "_original_response", None)
    return original.fields if isinstance(original, _FinalResponse) else response.headers.items()


def surplus_of(response: BaseHTTPResponse) -> bytes | None:
    """Return the beginning of what arrived after the end of an answer that was read; None if nobody looked for it."""
    original = getattr(response, "_original_response", None)
    if isinstance(original, _FinalResponse):
        return original.surplus
    return response.surplus if isinstance(response, MadeUpResponse) else None


class _LastResponse(_FinalResponse):
    """The last answer on its connection."""

    def _check_close(self) -> bool:
        return True


class _WatchedConnection(HTTPConnection):
    response_class: type[PlainResponse] = _FinalResponse
    most_answers = math.inf
    _sent = 0

    def _new_conn(self) -> socket.socket:
        self._sent = 0
        watch = Watch.current()
        if watch is None:
            return super()._new_conn()
        sock = watch.connected(super()._new_conn)
        watch.hold(sock)
        return sock

    def _tunnel(self) -> None:
        super()._tunnel()
        watch = Watch.current()
        if watch is not None and watch.is_cut:
            # the end of the connection looks like the end of a proxy's headers
            raise TimeoutError

    def putrequest(self, method: str, url: str, *arguments: Any, **options: Any) -> None:
        watch = Watch.current()
        if watch is not None and watch.target and url.startswith("/"):
            url = watch.target
        if watch is not None and watch.version:
            # in the request line alone: Host is sent with HTTP/1.0 too
            self._http_vsn_str = f"HTTP/{watch.version}"
        if watch is not None and self.sock is not None:
            # a connection that was used for another call before
            watch.hold(self.sock)
        super().putrequest(method, url, *arguments, **options)

    def request(self, *arguments: Any, preload_content: bool = True, **options: Any) -> None:
        watch = Watch.current()
        self._preloads = preload_content
        preload_content = preload_content and not (watch is not None and watch.reads)
        super().request(*arguments, preload_content=preload_content, **options)

    def getresponse(self) -> HTTPResponse:  # type: ignore[override]  # as urllib3 does
        self._sent += 1
        self.response_class = _FinalResponse if self._sent < self.most_answers else _LastResponse
        response, watch = super().getresponse(), Watch.current()
        if watch is None or not watch.reads:
            return response
        return read_whole(response, preload_content=self._preloads, hang_up=self.close)


@lru_cache
def _watched_class(connection: Any, *, ours: bool = False) -> Any:
    """Return a class of connections (over TLS, through a SOCKS proxy) as one that a `Watch` limits."""
    # if somebody sets the debug level for all of http.client, each connection prints its headers, except for ours
    attributes = {"debuglevel": 0, "most_answers": _ON_ONE_CONNECTION} if ours else {}
    return type(f"Watched{connection.__name__}", (_WatchedConnection, connection), attributes)


def watched(pool: HTTPConnectionPool) -> HTTPConnectionPool:
    """Let a `Watch` limit the connections of a pool; those that are open and idle are closed."""
    connection: Any = pool.ConnectionCls
    # a library that answers in place of the network may have put a class of its own there
    if issubclass(connection, HTTPConnection) and not issubclass(connection, _WatchedConnection):
        pool.ConnectionCls = _watched_class(connection)
        if pool.pool is not None:
            _close_idle(pool.pool)
    return pool


def _close_idle(places: LifoQueue[Any]) -> None:
    taken = []
    with suppress(Empty):
        while True:
            taken.append(places.get_nowait())
    for connection in taken:
        if connection is not None:
            connection.close()
        places.put(None)


class WatchedAdapter(HTTPAdapter):
    """Opens connections that a `Watch` limits, to a service and to a proxy."""

    def init_poolmanager(self, *arguments: Any, **options: Any) -> None:
        """Make the pools of connections to services."""
        super().init_poolmanager(*arguments, **options)
        _watch(self.poolmanager)

    def proxy_manager_for(self, *arguments: Any, **options: Any) -> Any:
        """Make the pools of connections to a proxy."""
        return _watch(super().proxy_manager_for(*arguments, **options))


def _watch(manager: PoolManager) -> PoolManager:
    pools = manager.pool_classes_by_scheme
    manager.pool_classes_by_scheme = {scheme: _watched_pool(pool) for scheme, pool in pools.items()}
    return manager


@lru_cache
def _watched_pool(pool: Any) -> Any:
    if issubclass(pool.ConnectionCls, _WatchedConnection):
        return pool
    return type(f"Watched{pool.__name__}", (pool,), {"ConnectionCls": _watched_class(pool.ConnectionCls, ours=True)})
