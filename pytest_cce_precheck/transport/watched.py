"""Connections whose answers must begin in time: a head that drips is cut off, which no timeout for one wait does."""

from __future__ import annotations

import socket
import threading
from contextlib import suppress
from typing import TYPE_CHECKING, Any

from requests.adapters import HTTPAdapter
from urllib3 import HTTPConnectionPool, HTTPSConnectionPool
from urllib3.connection import HTTPConnection, HTTPSConnection

if TYPE_CHECKING:
    from collections.abc import Callable

    from urllib3 import HTTPResponse
    from urllib3.poolmanager import PoolManager


class _Watched(HTTPConnection):
    # set for all of http.client, it would print headers
    debuglevel = 0
    deadline: Callable[[], float]

    def getresponse(self) -> HTTPResponse:  # type: ignore[override]  # as urllib3's own, which is no stdlib response
        late = threading.Event()
        watch = threading.Timer(self.deadline(), self._cut, (late,))
        watch.daemon = True
        watch.start()
        answer = None
        try:
            answer = super().getresponse()
        except Exception:
            if not late.is_set():
                raise
        finally:
            watch.cancel()
        if answer is None or late.is_set():
            # to the parser of heads, the end that was made is the end of the head
            if answer is not None:
                answer.close()
            # urllib3 knows it as a read that timed out
            raise TimeoutError
        return answer

    def _cut(self, late: threading.Event) -> None:
        late.set()
        sock = self.sock
        with suppress(OSError, AttributeError):
            sock.shutdown(socket.SHUT_RDWR)


class WatchingAdapter(HTTPAdapter):
    """Gives the head of an answer as many seconds in all as ``deadline`` says when it is waited for."""

    def __init__(self, deadline: Callable[[], float]) -> None:
        plain = type("_Plain", (_Watched,), {"deadline": staticmethod(deadline)})
        secure = type("_Secure", (_Watched, HTTPSConnection), {"deadline": staticmethod(deadline)})
        self._pools: dict[str, Any] = {
            "http": type("_PlainPool", (HTTPConnectionPool,), {"ConnectionCls": plain}),
            "https": type("_SecurePool", (HTTPSConnectionPool,), {"ConnectionCls": secure}),
        }
        super().__init__()

    def init_poolmanager(self, *arguments: Any, **options: Any) -> None:
        """Make the pools of connections."""
        super().init_poolmanager(*arguments, **options)
        self._watch(self.poolmanager)

    def proxy_manager_for(self, *arguments: Any, **options: Any) -> Any:
        """Make the pools of connections to a proxy."""
        return self._watch(super().proxy_manager_for(*arguments, **options))

    def _watch(self, manager: PoolManager) -> PoolManager:
        manager.pool_classes_by_scheme = self._pools
        return manager
