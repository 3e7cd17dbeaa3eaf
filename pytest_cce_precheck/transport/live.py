"""Requests over HTTP: a session kept alive, TLS verified, bounded in time and size, no redirect followed."""

from __future__ import annotations

from time import monotonic
from typing import TYPE_CHECKING, Any, Final
from urllib.parse import urlsplit

import requests

from pytest_cce_precheck.environment import without_frames_of
from pytest_cce_precheck.transport.failures import FAILURES, reason_of
from pytest_cce_precheck.transport.reading import read_body
from pytest_cce_precheck.transport.watched import Watch, WatchedAdapter
from pytest_cce_precheck.wire.exchange import Exchange, Headers, Request, Response, TransportError
from pytest_cce_precheck.wire.hosts import is_loopback, refuse_plain_http
from pytest_cce_precheck.wire.vocabulary import CREDENTIAL_HEADERS

if TYPE_CHECKING:
    from collections.abc import Callable

    from requests.adapters import HTTPAdapter

# what stands between the client and the wire
_OURS_BELOW: Final = tuple(f"{__package__}.{name}" for name in ("gate", "interception", "watched"))
# their frames hold headers with credentials, and a traceback may show locals
_HOLDERS: Final = frozenset({"requests", "responses", "urllib3", "http", "socket", "ssl", *_OURS_BELOW})
TIMEOUTS: Final = 4
"""How many times ``timeout`` a whole call may take."""


class HttpTransport:
    """A `requests` session for one endpoint.

    ``timeout`` bounds the connection and each wait for data, ``deadline`` the whole call to the last byte of its answer
    (four times as long where it is not given), both in seconds; ``remaining`` says how many the run has left, and no
    call takes longer.
    Proxies and certificate bundles come from the environment, as requests reads them, but for this machine's own
    services; credentials never do (no ``.netrc``).
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
        self._session.auth = _as_it_is
        for scheme in ("http://", "https://"):
            self._session.mount(scheme, adapter())

    def send(self, request: Request) -> Exchange:
        """Send ``request``; of the query's text, only what no URL may hold is escaped on the way.

        Raises `UnsafeCredentialsError` if credentials would travel to another machine in clear.
        """
        __tracebackhide__ = True
        if any(name in request.headers for name in CREDENTIAL_HEADERS):
            refuse_plain_http(request.endpoint)
        try:
            with Watch(self._seconds()) as watch, self._send(request) as received:
                body = read_body(received.raw)
                elapsed = monotonic() - watch.began
                headers = Headers(received.raw.headers.items())
                return Exchange(request, Response(received.status_code, headers, body, elapsed))
        except FAILURES as failure:
            reason, detail = reason_of(failure)
            # `from None`: the failure's frames are among `_HOLDERS`
            raise TransportError(reason, detail, request) from None
        except BaseException as other:
            # Ctrl-C, a test that took too long, an answer of ours that broke
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
        # in no local: a proxy's URL may hold a password, and a traceback may show locals
        return self._session.send(
            prepared,
            timeout=self._timeout,
            allow_redirects=False,
            **self._surroundings(request.url),
        )

    def _seconds(self) -> float:
        left = self._remaining()
        return self._longest if left is None else min(self._longest, max(left, 0.0))

    def _surroundings(self, url: str) -> dict[str, Any]:
        settings = dict(self._session.merge_environment_settings(url, {}, True, None, None))
        if is_loopback(urlsplit(url).hostname or ""):
            # requests passes a proxy by for NO_PROXY alone; to the proxy, this machine would be another
            settings["proxies"] = {}
        return settings

    def close(self) -> None:
        """Close the connections."""
        self._session.close()


class _Session(requests.Session):
    def get_redirect_target(self, resp: requests.Response) -> str | None:
        """Know of none: requests would read the whole body, however long, before anybody could follow."""


def _as_it_is(prepared: requests.PreparedRequest) -> requests.PreparedRequest:
    return prepared
