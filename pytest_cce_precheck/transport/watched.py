"""Requests that end at their deadline, whatever is being read or written then: their sockets are shut down."""

from __future__ import annotations

import socket
import threading
from contextlib import suppress
from contextvars import ContextVar
from typing import TYPE_CHECKING, Any, Final

from requests.adapters import HTTPAdapter
from urllib3 import HTTPConnectionPool, HTTPSConnectionPool
from urllib3.connection import HTTPConnection, HTTPSConnection

from pytest_cce_precheck.transport.failures import failure, reason_of

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping
    from contextvars import Token
    from typing import Self

    from urllib3.poolmanager import PoolManager

    from pytest_cce_precheck.errors import TransportReason

_current: Final[ContextVar[Deadline | None]] = ContextVar("cce_deadline", default=None)


class Deadline:
    """The seconds that one request has, from its beginning to the last byte of its answer; a context manager.

    When they are over, the sockets of the request are shut down. A parser that waits for the rest of a head, of a chunk
    or of a proxy's answer, a TLS handshake or a body that nobody reads then ends with an error at once. Connections of
    a `WatchedAdapter` take part; ``again`` is called before what urllib3 sends a second time.
    """

    def __init__(self, seconds: float, *, again: Callable[[], None] = lambda: None) -> None:
        self.seconds = seconds
        self.expired = False
        self._again = again
        self._sent = 0
        self._sockets: list[socket.socket] = []
        self._lock = threading.Lock()
        self._timer = threading.Timer(seconds, self._expire)
        self._timer.daemon = True
        self._token: Token[Deadline | None] | None = None

    @staticmethod
    def current() -> Deadline | None:
        """Return the deadline that this thread's request has, None outside of one."""
        return _current.get()

    def __enter__(self) -> Self:
        self._token = _current.set(self)
        self._timer.start()
        return self

    def __exit__(self, *_: object) -> None:
        self._timer.cancel()
        if self._token is not None:
            _current.reset(self._token)
        with self._lock:
            for sock in self._sockets:
                sock.close()
            self._sockets.clear()

    def watch(self, sock: Any) -> None:
        """Shut ``sock`` down when the time is over."""
        # a duplicate: TLS takes the socket over, and http.client drops it while a body is still read
        sock = getattr(sock, "socket", sock)
        duplicate = socket.fromfd(sock.fileno(), sock.family, sock.type)
        with self._lock:
            self._sockets.append(duplicate)
            if self.expired:
                _shut_down(duplicate)

    def sends(self) -> None:
        """Note that a request goes out."""
        self._sent += 1
        if self._sent > 1:
            self._again()

    def check(self) -> None:
        """Raise `failures.failure` if the time is over: what looks like the end of an answer may be our own cut."""
        if self.expired:
            raise failure(*self._too_late)

    def reason_of(self, error: BaseException) -> tuple[TransportReason, str]:
        """Return why there was no answer: the end of the time, if that is what broke it."""
        return self._too_late if self.expired else reason_of(error)

    @property
    def _too_late(self) -> tuple[TransportReason, str]:
        return "timeout", f"the answer was not complete after {self.seconds:.3g} s"

    def _expire(self) -> None:
        with self._lock:
            self.expired = True
            for sock in self._sockets:
                _shut_down(sock)


def _shut_down(sock: socket.socket) -> None:
    with suppress(OSError):
        sock.shutdown(socket.SHUT_RDWR)


class _Watched(HTTPConnection):
    # set for all of http.client, it would print headers
    debuglevel = 0
    _watched_by: Deadline | None = None

    def _new_conn(self) -> socket.socket:
        sock = super()._new_conn()
        self._watch(sock)
        return sock

    def _tunnel(self) -> None:
        super()._tunnel()
        if self._watched_by is not None and self._watched_by.expired:
            # to http.client, our cut is the end of the proxy's headers
            raise TimeoutError

    def request(self, *arguments: Any, **options: Any) -> None:
        deadline = Deadline.current()
        if self.sock is not None and deadline is not self._watched_by:
            self._watch(self.sock)
        if deadline is not None:
            deadline.sends()
        super().request(*arguments, **options)

    def _watch(self, sock: Any) -> None:
        self._watched_by = Deadline.current()
        if self._watched_by is not None:
            self._watched_by.watch(sock)


class _WatchedTls(_Watched, HTTPSConnection):
    pass


class _Pool(HTTPConnectionPool):
    ConnectionCls = _Watched


class _TlsPool(HTTPSConnectionPool):
    ConnectionCls = _WatchedTls


_POOLS: Final = {"http": _Pool, "https": _TlsPool}


class WatchedAdapter(HTTPAdapter):
    """An adapter whose connections end at the deadline of the request."""

    def init_poolmanager(self, *arguments: Any, **options: Any) -> None:
        """Make the pools of connections."""
        super().init_poolmanager(*arguments, **options)
        self.poolmanager.pool_classes_by_scheme = _POOLS

    def proxy_manager_for(self, *arguments: Any, **options: Any) -> Any:
        """Make the pools of connections to a proxy."""
        manager = super().proxy_manager_for(*arguments, **options)
        manager.pool_classes_by_scheme = _POOLS
        return manager


def watch_connections(adapter: HTTPAdapter, proxies: Mapping[str, str]) -> None:
    """Let the connections of somebody's own adapter end at the deadline too."""
    managers: list[PoolManager] = [adapter.poolmanager] if hasattr(adapter, "poolmanager") else []
    if hasattr(adapter, "proxy_manager_for"):
        managers += [adapter.proxy_manager_for(proxy) for proxy in proxies.values() if proxy]
    for manager in managers:
        if manager.pool_classes_by_scheme is not _POOLS:
            # those that are open already are not watched
            manager.clear()
            manager.pool_classes_by_scheme = _POOLS
