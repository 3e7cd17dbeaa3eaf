"""Requests over HTTP: connections kept alive, TLS verified, bounded in time and size, no redirect followed."""

from __future__ import annotations

import re
from collections.abc import Callable
from time import monotonic
from typing import TYPE_CHECKING, Any, Final
from urllib.parse import urlsplit

import requests

from pytest_cce_precheck.environment import without_frames_of
from pytest_cce_precheck.transport.failures import FAILURES, reason_of
from pytest_cce_precheck.transport.reading import read_body
from pytest_cce_precheck.transport.watched import Watch, WatchedAdapter, fields_of, surplus_of
from pytest_cce_precheck.wire.exchange import Exchange, Headers, Request, Response, TransportError
from pytest_cce_precheck.wire.hosts import is_loopback, refuse_plain_http
from pytest_cce_precheck.wire.vocabulary import CREDENTIAL_HEADERS

if TYPE_CHECKING:
    from requests.adapters import HTTPAdapter

_OURS_BELOW: Final = tuple(f"{__package__}.{name}" for name in ("gate", "interception", "watched"))
# the frames of these hold headers with credentials, and a traceback may show locals
_HOLDERS: Final = frozenset({"requests", "responses", "urllib3", "http", "socket", "ssl", *_OURS_BELOW})
# what a request line can hold; `#` would begin a fragment
_SENDABLE: Final = re.compile(r"/[!\"$-~]*")
TIMEOUTS: Final = 4
"""How many times ``timeout`` a whole call may take."""


class HttpTransport:
    """A `requests` session for one endpoint.

    ``timeout`` bounds the connection and each wait for data, ``deadline`` the whole call to the last byte of its answer
    (four times the timeout if it is None), both in seconds; ``remaining`` returns how many the run has left, and no
    call takes longer. Certificate bundles come from the environment, as requests reads them, and so do proxies, except
    for services on this machine; credentials never do (no ``.netrc``).
    """

    def __init__(
        self,
        *,
        timeout: float = 30.0,
        deadline: float | None = None,
        remaining: Callable[[], float | None] = lambda: None,
        adapter: Callable[[], HTTPAdapter] = WatchedAdapter,
    ) -> None:
        self._timeout = timeout
        self._longest = TIMEOUTS * timeout if deadline is None else deadline
        self._remaining = remaining
        self._session = _Session()
        # with any authentication set, requests does not look into .netrc
        self._session.auth = lambda prepared: prepared
        for scheme in ("http://", "https://"):
            self._session.mount(scheme, adapter())

    def send(self, request: Request) -> Exchange:
        """Send ``request``; only what no request can hold is escaped in its query.

        Raises `UnsafeCredentialsError` if credentials would travel to another machine over plain HTTP.
        """
        __tracebackhide__ = True
        if any(name in request.headers for name in CREDENTIAL_HEADERS):
            refuse_plain_http(request.endpoint)
        try:
            watch = Watch(self._seconds())
            watch.version = request.version
            watch.target = request.target if _SENDABLE.fullmatch(request.target) else None
            with watch, self._send(request) as received:
                body = read_body(received.raw)
                elapsed = monotonic() - watch.began
                headers = Headers(fields_of(received.raw))
                surplus = surplus_of(received.raw)
                return Exchange(request, Response(received.status_code, headers, body, elapsed, surplus=surplus))
        except FAILURES as failure:
            reason, detail = reason_of(failure)
            # `from None`: the failure's frames are among `_HOLDERS`
            raise TransportError(reason, detail, request) from None
        except BaseException as other:
            # Ctrl-C, a test that took too long, an error in an answer of ours
            raise other.with_traceback(without_frames_of(other.__traceback__, _HOLDERS)) from None

    def _send(self, request: Request) -> requests.Response:
        __tracebackhide__ = True
        prepared = self._session.prepare_request(
            requests.Request(request.method, request.endpoint + request.path, data=request.body or None)
        )
        prepared.headers.clear()
        prepared.headers.update(dict(request.headers.pairs))
        if request.body:
            prepared.headers["Content-Length"] = str(len(request.body))
        prepared.url = request.url
        # not in a local: a proxy's URL may hold a password, and a traceback may show locals
        return self._session.send(
            prepared, timeout=self._timeout, allow_redirects=False, **self._environment_settings(request.url)
        )

    def _seconds(self) -> float:
        left = self._remaining()
        return self._longest if left is None else min(self._longest, max(left, 0.0))

    def _environment_settings(self, url: str) -> dict[str, Any]:
        host = urlsplit(url).hostname or ""
        is_here = is_loopback(host)
        # told so, requests does not search the whole environment for a proxy, for each request
        proxies = {"no_proxy": host} if is_here else {}
        settings = dict(self._session.merge_environment_settings(url, proxies, True, None, None))
        if is_here:
            # requests avoids a proxy for NO_PROXY alone, and this machine's address would mean the proxy's own machine
            settings["proxies"] = {}
        return settings

    def close(self) -> None:
        """Close the connections."""
        self._session.close()


class _Session(requests.Session):
    def get_redirect_target(self, resp: requests.Response) -> str | None:
        """Return none: to follow one, requests would first read the whole body, however long it is."""
