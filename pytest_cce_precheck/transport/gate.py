"""The one place where everything is counted that this process sends to a service: by our client, an SDK, `requests`."""

from __future__ import annotations

import socket
import time
from collections.abc import Callable, Iterable, Mapping
from contextlib import ExitStack
from contextvars import ContextVar
from dataclasses import dataclass
from functools import partial
from http.client import HTTPConnection
from math import inf
from time import monotonic
from typing import TYPE_CHECKING, Any, Final, Self
from unittest.mock import patch

from requests.exceptions import RequestException
from urllib3 import BaseHTTPResponse, HTTPConnectionPool, HTTPHeaderDict
from urllib3.exceptions import ReadTimeoutError
from urllib3.util import parse_url, retry

from pytest_cce_precheck.transport.failures import FAILURES, failure
from pytest_cce_precheck.transport.watched import Watch, begun, watched
from pytest_cce_precheck.wire.dates import wait_in_words
from pytest_cce_precheck.wire.hosts import canonical_host

if TYPE_CHECKING:
    from concurrent.futures import Future

    from pytest_cce_precheck.transport.pacing import SharedBudget

Place = tuple[str, int | None]
Send = Callable[[], BaseHTTPResponse]
Refuse = Callable[[str, str, Mapping[str, str], bool], None]


@dataclass(frozen=True)
class _Service:
    budget: Callable[[], SharedBudget]
    deadline: float | None
    refuse: Refuse


_PORTS: Final = {"http": 80, "https": 443}
# seconds; a place that is known is found in less
_NOTICEABLE: Final = 0.05


class Gate:
    """Bounds what this process sends to its services while the ``with`` block runs.

    A request to a service is refused if the service's ``refuse`` raises: by any name or address of the service, with
    the service as its proxy, and on any layer down to `http.client`. Each try and each redirect is counted and spaced
    by the service's `SharedBudget`, and ends at its deadline or with the run. If there is one of these, an answer that
    no other `Watch` limits is read whole before its caller gets it, freed of its content coding, as when it is
    recorded, and no wait before another try is begun that would end after it. Calls to other hosts are not touched.
    """

    def __init__(self) -> None:
        self._services: dict[Place, _Service] = {}
        # each with the time at which it began
        self._lookups: dict[str, tuple[Future[frozenset[str]], float]] = {}
        # if a call is tried again: the budget and the number of the try before
        self._before: ContextVar[tuple[SharedBudget, int | None] | None] = ContextVar("before", default=None)
        self._patches = ExitStack()

    def put(
        self,
        endpoint: str,
        budget: Callable[[], SharedBudget],
        *,
        deadline: float | None = None,
        refuse: Refuse = lambda *_: None,
    ) -> None:
        """Bound the calls to a service, each of which may take ``deadline`` seconds.

        ``budget`` is called when something is sent there, ``refuse`` with its method, path and query, its
        headers and whether it has a body. A second call for a service replaces the first.
        """
        [place] = _place_in(endpoint)
        self._services[place] = _Service(budget, deadline, refuse)

    def __enter__(self) -> Self:
        original = HTTPConnectionPool.urlopen

        def urlopen(pool: HTTPConnectionPool, method: str, url: str, *more: Any, **options: Any) -> Any:
            __tracebackhide__ = True
            began = monotonic()
            service = self._service(_places_of(pool, url))
            if service is None:
                return original(pool, method, url, *more, **options)
            # by position, a body comes before the headers
            given = dict(zip(("body", "headers"), more, strict=False)) | options
            headers = HTTPHeaderDict(pool.headers if given.get("headers") is None else given["headers"])
            headers.extend(pool.proxy_headers)
            # a path may begin with two slashes
            target = url if url.startswith("/") else parse_url(url).request_uri
            # a proxy is asked for a tunnel before anything else
            sent = "CONNECT" if self._is_a_proxy(pool) else method
            # the very characters that are sent: a subclass of str may compare as it likes
            service.refuse("".join(sent), target, headers, bool(given.get("body")))
            watched(pool)
            # what the lookup of a name took is part of the call; without one, messages name the deadline that was set
            took = monotonic() - began
            left = service.deadline
            if left is not None and took > _NOTICEABLE:
                left = max(left - took, 0.0)
            return self._counted(service, left, pool, lambda: original(pool, method, url, *more, **options))

        # urllib3 calls itself by this name if it tries again
        self._patches.enter_context(patch.object(HTTPConnectionPool, "urlopen", urlopen))
        self._patches.enter_context(patch.object(HTTPConnection, "endheaders", self._endheaders()))
        self._patches.enter_context(patch.object(retry, "time", _Clock()))
        return self

    def _endheaders(self) -> Callable[..., None]:
        """Return what sends a request's head, whoever calls it: the last place that every client passes."""
        original = HTTPConnection.endheaders

        def endheaders(connection: HTTPConnection, message_body: Any = None, **options: Any) -> None:
            __tracebackhide__ = True
            # the lines of the head, as they will be sent
            line, *fields = [part.decode("latin-1") for part in connection._buffer]  # type: ignore[attr-defined]
            method, target, _ = line.split(" ", 2)
            tunnel = connection._tunnel_host, connection._tunnel_port  # type: ignore[attr-defined]
            here = _place(connection.host, connection.port)
            service = self._service([here, *([_place(*tunnel)] if tunnel[0] else ()), *_place_in(target)])
            if service is not None:
                headers = HTTPHeaderDict(field.partition(":")[::2] for field in fields)
                is_through = tunnel[0] and self._service([here]) is not None
                service.refuse("CONNECT" if is_through else method, target, headers, bool(message_body))
                if self._before.get() is None:
                    budget = service.budget()
                    budget.arrived(budget.take())
            original(connection, message_body, **options)

        return endheaders

    def _is_a_proxy(self, pool: HTTPConnectionPool) -> bool:
        if pool.proxy is None or pool.scheme != "https":
            return False
        return self._service([_place(pool.proxy.host, pool.proxy.port, pool.proxy.scheme)]) is not None

    def _service(self, places: Iterable[Place]) -> _Service | None:
        """Return the service that one of the places is, by its name or by its address."""
        return next(filter(None, map(self._service_at, places)), None)

    def _service_at(self, place: Place) -> _Service | None:
        exact = self._services.get(place)
        if exact is not None:
            return exact
        host, port = place
        for (known, its_port), service in self._services.items():
            if port == its_port and _is_address(known) != _is_address(host):
                name, address = (host, known) if _is_address(known) else (known, host)
                if address in self._addresses(name, _seconds_of(service)):
                    return service
        return None

    def _addresses(self, name: str, seconds: float | None) -> frozenset[str]:
        """Return the addresses of a name; none if the lookup takes too long, or fails, until a request repeats it."""
        lookup, since = self._lookups.get(name, (None, monotonic()))
        if lookup is None or (lookup.done() and lookup.exception() is not None):
            lookup, since = begun(partial(_resolved, name), "cce-precheck resolves"), monotonic()
            self._lookups[name] = lookup, since
        try:
            # a lookup that hangs is waited for once, and not by each request
            return lookup.result(None if seconds is None else max(since + seconds - monotonic(), 0.0))
        except (OSError, UnicodeError):
            return frozenset()

    def __exit__(self, *_: object) -> None:
        self._patches.close()

    def _counted(self, service: _Service, left: float | None, pool: HTTPConnectionPool, send: Send) -> BaseHTTPResponse:
        __tracebackhide__ = True
        budget = service.budget()
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
            return _in_time(budget, left, pool, send)
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


def _place(host: str | None, port: int | None, scheme: str | None = None) -> Place:
    return canonical_host(host or ""), port or _PORTS.get(scheme or "http")


def _place_in(url: str) -> list[Place]:
    """Return the place that a whole URL names; none if it is a path."""
    if not url[:8].lower().startswith(("http://", "https://")):
        return []
    parts = parse_url(url)
    return [_place(parts.host, parts.port, parts.scheme)]


def _places_of(pool: HTTPConnectionPool, url: str) -> list[Place]:
    """Return every place that a request of a pool reaches: behind a proxy there are two."""
    proxy = [_place(pool.proxy.host, pool.proxy.port, pool.proxy.scheme)] if pool.proxy else []
    return [*_place_in(url), _place(pool.host, pool.port, pool.scheme), *proxy]


def _is_address(host: str) -> bool:
    return host == "localhost" or host.replace(".", "").isdigit() or ":" in host


def _resolved(name: str) -> frozenset[str]:
    found = socket.getaddrinfo(name, None, type=socket.SOCK_STREAM)
    return frozenset(canonical_host(str(each[4][0])) for each in found)


def _seconds_of(service: _Service) -> float | None:
    """Return how many seconds a call to a service that begins now may take, None if there is no limit."""
    watch = Watch.current()
    limits = (service.deadline, service.budget().remaining, None if watch is None else watch.due - monotonic())
    return min((max(each, 0.0) for each in limits if each is not None), default=None)


def _in_time(budget: SharedBudget, deadline: float | None, pool: HTTPConnectionPool, send: Send) -> BaseHTTPResponse:
    __tracebackhide__ = True
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
