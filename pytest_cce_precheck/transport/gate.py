"""The one place where all is counted that this process sends to a service: by our client, the SDK, any `requests`."""

from __future__ import annotations

from contextvars import ContextVar
from math import inf
from time import monotonic
from typing import TYPE_CHECKING, Any, Final

from requests.exceptions import RequestException
from urllib3 import HTTPConnectionPool, HTTPHeaderDict
from urllib3.exceptions import ReadTimeoutError
from urllib3.util import parse_url, retry

from pytest_cce_precheck.transport.failures import FAILURES, failure
from pytest_cce_precheck.transport.watched import Watch, watched
from pytest_cce_precheck.wire.dates import wait_in_words

if TYPE_CHECKING:
    from collections.abc import Callable, Container
    from typing import Self

    from urllib3 import BaseHTTPResponse

    from pytest_cce_precheck.transport.pacing import SharedBudget

    Place = tuple[str, str, int | None]
    Send = Callable[[], BaseHTTPResponse]
    Refuse = Callable[[str, str, Container[str]], None]


def _refuse_nothing(_method: str, _path: str, _headers: Container[str]) -> None:
    pass


_PORTS: Final = {"http": 80, "https": 443}


class Gate:
    """Stands between this process and its services while the ``with`` block runs.

    What urllib3 sends to one of them is refused if the service's ``refuse`` raises. It is counted and spaced by the
    service's `SharedBudget`, each try and each redirect once, and ends at its deadline or with the run. If there is one
    of these, an answer that nobody else watches (`Watch`) is read whole before its caller gets it, freed of its content
    coding, as when it is recorded, and no wait before another try is begun that would end after it. Calls to others
    pass untouched.
    """

    def __init__(self) -> None:
        self._services: dict[Place, tuple[Callable[[], SharedBudget], float | None, Refuse]] = {}
        # of a call that is tried again: the meter of the try before, and its number
        self._before: ContextVar[tuple[SharedBudget, int | None] | None] = ContextVar("before", default=None)
        self._urlopen: Any = None
        self._time: Any = None

    def put(
        self,
        endpoint: str,
        meter: Callable[[], SharedBudget],
        *,
        deadline: float | None = None,
        refuse: Refuse = _refuse_nothing,
    ) -> None:
        """Stand before a service, each call of which may take ``deadline`` seconds.

        ``meter`` is called when something is sent there, ``refuse`` with its method, path and headers. A service's last
        ones count.
        """
        self._services[_place_of(endpoint)] = meter, deadline, refuse

    def __enter__(self) -> Self:
        self._urlopen = original = HTTPConnectionPool.urlopen

        def urlopen(pool: HTTPConnectionPool, method: str, url: str, *more: Any, **options: Any) -> Any:
            # of a proxy without a tunnel, the whole URL is asked for
            whole = url[:8].lower().startswith(("http://", "https://"))
            service = self._services.get(_place_of(url) if whole else _place(pool.scheme, pool.host, pool.port))
            if service is None:
                return original(pool, method, url, *more, **options)
            meter, deadline, refuse = service
            # urllib3's own order: body, headers
            headers = options.get("headers", more[1] if len(more) > 1 else None)
            refuse(method, _path_of(url), HTTPHeaderDict(pool.headers if headers is None else headers))
            watched(pool)
            return self._passed(meter(), deadline, pool, lambda: original(pool, method, url, *more, **options))

        # urllib3 calls itself by this name where it tries again
        setattr(HTTPConnectionPool, "urlopen", urlopen)  # noqa: B010  mypy knows that a method is no variable
        self._time = getattr(retry, "time")  # noqa: B009  as above
        setattr(retry, "time", _Clock(self._time))  # noqa: B010  as above
        return self

    def __exit__(self, *_: object) -> None:
        setattr(HTTPConnectionPool, "urlopen", self._urlopen)  # noqa: B010  as above
        setattr(retry, "time", self._time)  # noqa: B010  as above

    def _passed(
        self, meter: SharedBudget, deadline: float | None, pool: HTTPConnectionPool, send: Send
    ) -> BaseHTTPResponse:
        before = self._before.get()
        if before is not None:
            # it was answered, or never will be
            before[0].arrived(before[1])
        asked, watch = monotonic(), Watch.current()
        if watch is not None and watch.is_cut:
            # urllib3 would try again
            raise TimeoutError
        number = meter.take()
        if watch is not None:
            watch.postpone(monotonic() - asked)
        token = self._before.set((meter, number))
        try:
            return _in_time(meter, deadline, pool, send)
        finally:
            self._before.reset(token)
            meter.arrived(number)


class _Clock:
    """What urllib3 waits by before another try; a wait that would outlast its call is not begun."""

    def __init__(self, time: Any) -> None:
        self._time = time

    def __getattr__(self, name: str) -> Any:
        return getattr(self._time, name)

    def sleep(self, seconds: float) -> None:
        watch = Watch.current()
        left = inf if watch is None else watch.due - monotonic()
        if seconds >= left:
            waits = f"a wait of {wait_in_words(seconds)}"
            raise failure("timeout", f"before another try there is {waits}, and {max(left, 0.0):.3g} s are left")
        self._time.sleep(seconds)


def _place(scheme: str | None, host: str | None, port: int | None) -> Place:
    return scheme or "http", (host or "").strip("[]").rstrip(".").lower(), port or _PORTS.get(scheme or "http")


def _path_of(url: str) -> str:
    # a path may begin with two slashes
    return url.partition("?")[0] if url.startswith("/") else parse_url(url).path or "/"


def _place_of(url: str) -> Place:
    parts = parse_url(url)
    return _place(parts.scheme, parts.host, parts.port)


def _in_time(meter: SharedBudget, deadline: float | None, pool: HTTPConnectionPool, send: Send) -> BaseHTTPResponse:
    seconds, watch = min(_bounds(meter.remaining, deadline), default=None), Watch.current()
    if seconds is None:
        return send()
    if watch is not None:
        watch.shorten(seconds)
        return send()
    try:
        with Watch(seconds, reads=True):
            response = send()
    except FAILURES as error:
        if meter.is_over and meter.has_answered:
            raise meter.over() from None
        if isinstance(error, RequestException):
            # the watch's; here those of urllib3 are expected
            raise ReadTimeoutError(pool, "", str(error)) from None
        raise
    meter.has_answered = True
    return response


def _bounds(*seconds: float | None) -> list[float]:
    return [each for each in seconds if each is not None]
