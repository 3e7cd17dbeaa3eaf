"""The one place where everything is counted that this process sends to a service: by our client, an SDK, `requests`."""

from __future__ import annotations

import time
from contextlib import ExitStack
from contextvars import ContextVar
from math import inf
from time import monotonic
from typing import TYPE_CHECKING, Any, Final
from unittest.mock import patch

from requests.exceptions import RequestException
from urllib3 import HTTPConnectionPool, HTTPHeaderDict
from urllib3.exceptions import ReadTimeoutError
from urllib3.util import parse_url, retry

from pytest_cce_precheck.transport.failures import FAILURES, failure
from pytest_cce_precheck.transport.watched import Watch, watched
from pytest_cce_precheck.wire.dates import wait_in_words

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable
    from typing import Self

    from urllib3 import BaseHTTPResponse

    from pytest_cce_precheck.transport.pacing import SharedBudget

    Place = tuple[str, str, int | None]
    Send = Callable[[], BaseHTTPResponse]
    Refuse = Callable[[str, str, Iterable[str]], None]


def _refuse_nothing(_method: str, _target: str, _headers: Iterable[str]) -> None:
    pass


_PORTS: Final = {"http": 80, "https": 443}


class Gate:
    """Bounds what this process sends to its services while the ``with`` block runs.

    A request to a service is refused if the service's ``refuse`` raises. Each try and each redirect is counted and
    spaced by the service's `SharedBudget`, and ends at its deadline or with the run. If there is one of these, an
    answer that no other `Watch` limits is read whole before its caller gets it, freed of its content coding, as when it
    is recorded, and no wait before another try is begun that would end after it. Calls to other hosts are not touched.
    """

    def __init__(self) -> None:
        self._services: dict[Place, tuple[Callable[[], SharedBudget], float | None, Refuse]] = {}
        # if a call is tried again: the budget and the number of the try before
        self._before: ContextVar[tuple[SharedBudget, int | None] | None] = ContextVar("before", default=None)
        self._patches = ExitStack()

    def put(
        self,
        endpoint: str,
        budget: Callable[[], SharedBudget],
        *,
        deadline: float | None = None,
        refuse: Refuse = _refuse_nothing,
    ) -> None:
        """Bound the calls to a service, each of which may take ``deadline`` seconds.

        ``budget`` is called when something is sent there, ``refuse`` with its method, path and query, and the names of
        its headers. A second call for a service replaces the first.
        """
        self._services[_place_of(endpoint)] = budget, deadline, refuse

    def __enter__(self) -> Self:
        original = HTTPConnectionPool.urlopen

        def urlopen(pool: HTTPConnectionPool, method: str, url: str, *more: Any, **options: Any) -> Any:
            # a proxy without a tunnel is asked for the whole URL
            is_whole = url[:8].lower().startswith(("http://", "https://"))
            service = self._services.get(_place_of(url) if is_whole else _place(pool.scheme, pool.host, pool.port))
            if service is None:
                return original(pool, method, url, *more, **options)
            budget, deadline, refuse = service
            # by position, a body comes before the headers
            headers = options.get("headers", more[1] if len(more) > 1 else None)
            # a path may begin with two slashes
            target = url if url.startswith("/") else parse_url(url).request_uri
            refuse(method, target, HTTPHeaderDict(pool.headers if headers is None else headers))
            watched(pool)
            return self._counted(budget(), deadline, pool, lambda: original(pool, method, url, *more, **options))

        # urllib3 calls itself by this name if it tries again
        self._patches.enter_context(patch.object(HTTPConnectionPool, "urlopen", urlopen))
        self._patches.enter_context(patch.object(retry, "time", _Clock()))
        return self

    def __exit__(self, *_: object) -> None:
        self._patches.close()

    def _counted(
        self, budget: SharedBudget, deadline: float | None, pool: HTTPConnectionPool, send: Send
    ) -> BaseHTTPResponse:
        before = self._before.get()
        if before is not None:
            # it was answered, or never will be
            before[0].arrived(before[1])
        asked, watch = monotonic(), Watch.current()
        if watch is not None and watch.is_cut:
            # urllib3 would try again
            raise TimeoutError
        number = budget.take()
        if watch is not None:
            watch.postpone(monotonic() - asked)
        token = self._before.set((budget, number))
        try:
            return _in_time(budget, deadline, pool, send)
        finally:
            self._before.reset(token)
            budget.arrived(number)


class _Clock:
    """What urllib3 waits by before another try; a wait that would end after its call's deadline is not begun."""

    def __getattr__(self, name: str) -> Any:
        return getattr(time, name)

    def sleep(self, seconds: float) -> None:
        watch = Watch.current()
        left = inf if watch is None else watch.due - monotonic()
        if seconds >= left:
            waits = f"a wait of {wait_in_words(seconds)}"
            raise failure("timeout", f"before another try there is {waits}, and {max(left, 0.0):.3g} s are left")
        time.sleep(seconds)


def _place(scheme: str | None, host: str | None, port: int | None) -> Place:
    return scheme or "http", (host or "").strip("[]").rstrip(".").lower(), port or _PORTS.get(scheme or "http")


def _place_of(url: str) -> Place:
    parts = parse_url(url)
    return _place(parts.scheme, parts.host, parts.port)


def _in_time(budget: SharedBudget, deadline: float | None, pool: HTTPConnectionPool, send: Send) -> BaseHTTPResponse:
    seconds = min((each for each in (budget.remaining, deadline) if each is not None), default=None)
    watch = Watch.current()
    if seconds is None:
        return send()
    if watch is not None:
        watch.shorten(seconds)
        return send()
    try:
        with Watch(seconds, reads=True):
            response = send()
    except FAILURES as error:
        if budget.is_over and budget.has_answered:
            raise budget.over() from None
        if isinstance(error, RequestException):
            # the watch raises those of requests; callers of urllib3 expect its own
            raise ReadTimeoutError(pool, "", str(error)) from None
        raise
    budget.has_answered = True
    return response
