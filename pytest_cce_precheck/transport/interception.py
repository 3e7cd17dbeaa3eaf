"""The one place that intercepts calls of `requests`: those of our own client, of the vendor's SDK and of other code."""

from __future__ import annotations

import http.client
import re
import time
from collections.abc import Callable, Sequence
from io import BytesIO
from typing import Any, Final, Self
from urllib.parse import urlsplit

import requests
from requests import PreparedRequest
from requests.adapters import HTTPAdapter
from requests.exceptions import RetryError
from urllib3 import HTTPHeaderDict, HTTPResponse
from urllib3.exceptions import MaxRetryError, ResponseError

from pytest_cce_precheck.simulator.delivery import LateResponse
from pytest_cce_precheck.transport.failures import failure
from pytest_cce_precheck.transport.watched import MadeUpResponse
from pytest_cce_precheck.wire.exchange import Headers, Request, Response, TransportError

Send = Callable[..., requests.Response]
SendInstead = Callable[[HTTPAdapter, PreparedRequest, Send], requests.Response]

# the arguments of `HTTPAdapter.send`
_HOW: Final = ("stream", "timeout", "verify", "cert", "proxies")


class Interceptor:
    """Intercepts every `requests` call of this process to ``endpoints`` while the ``with`` block runs.

    Calls to other hosts pass through. ``answer`` returns the answer to a call, or raises `TransportError`, which the
    caller gets as an error of requests. Or else ``send_instead`` replaces the sending by `requests`: it gets the
    adapter, the request and the function that sends by an adapter. ``observe`` is called with every answer.
    """

    def __init__(
        self,
        endpoints: Sequence[str],
        *,
        answer: Callable[[Request], Response] | None = None,
        send_instead: SendInstead | None = None,
        observe: Callable[[Request, Response], None] = lambda _request, _response: None,
    ) -> None:
        self._ours = re.compile("|".join(map(_pattern, endpoints)), re.IGNORECASE)
        self._answer = answer
        self._send_instead = send_instead
        self.observe = observe
        self._send: Send = HTTPAdapter.send

    def __enter__(self) -> Self:
        # the user's own mock may be active: what is not for our endpoints is sent through it
        self._send = HTTPAdapter.send

        def send(adapter: HTTPAdapter, prepared: PreparedRequest, *how: Any, **more: Any) -> requests.Response:
            __tracebackhide__ = True
            # requests names them, an adapter of the user's own need not
            return self._passed(adapter, prepared, **dict(zip(_HOW, how, strict=False)), **more)

        HTTPAdapter.send = send  # type: ignore[method-assign, assignment]  # its arguments have names
        return self

    def __exit__(self, *_: object) -> None:
        HTTPAdapter.send = self._send  # type: ignore[method-assign]

    def _passed(self, adapter: HTTPAdapter, prepared: PreparedRequest, **how: Any) -> requests.Response:
        __tracebackhide__ = True

        def send(by: HTTPAdapter) -> requests.Response:
            __tracebackhide__ = True
            return self._send(by, prepared, **how)

        if not self._ours.match(str(prepared.url)):
            return send(adapter)
        body: Any = prepared.body
        if hasattr(body, "read"):
            prepared.body = body.read()
        if self._send_instead is not None:
            return self._send_instead(adapter, prepared, send)
        return self._tried(adapter, prepared, how.get("timeout"))

    def _tried(self, adapter: HTTPAdapter, prepared: PreparedRequest, timeout: Any) -> requests.Response:
        """Return the answer; as urllib3 does, ask again for one that the adapter's retries cover."""
        retries = adapter.max_retries
        while True:
            received = _received(adapter, prepared, self._answered(prepared, timeout))
            if not retries.is_retry(str(prepared.method), received.status_code, "Retry-After" in received.headers):
                return received
            try:
                retries = retries.increment(prepared.method, prepared.url, response=received.raw)
            except MaxRetryError as error:
                if retries.raise_on_status:
                    raise RetryError(error, request=prepared) from None
                return received

    def _answered(self, prepared: PreparedRequest, timeout: Any) -> Response:
        ours = self._ours.match(str(prepared.url))
        assert self._answer is not None
        assert ours is not None
        try:
            request = as_request(prepared, ours[0])
            response = self._answer(request)
        except TransportError as error:
            raise failure(error.reason, error.detail) from None
        if isinstance(response, LateResponse):
            _wait(response.elapsed, timeout)
        self.observe(request, response)
        return response


def _pattern(endpoint: str) -> str:
    # with or without the default port of its scheme, it is the same service
    port = ":443" if endpoint.lower().startswith("https:") else ":80"
    return rf"{re.escape(endpoint.removesuffix(port))}(?:{port})?(?=[/?#]|$)"


def _wait(seconds: float, timeout: Any) -> None:
    """Wait as long as an answer takes, or as its caller waits for one."""
    # for the connection, and for the answer
    patience = timeout[-1] if isinstance(timeout, tuple) else timeout
    if isinstance(patience, int | float) and patience < seconds:
        time.sleep(patience)
        raise failure("timeout", f"no answer within {patience:g} s")
    time.sleep(seconds)


def as_response(adapter: HTTPAdapter, prepared: PreparedRequest, response: Response, **more: Any) -> requests.Response:
    """Return a response as `requests` would have received it; ``more`` is passed to `urllib3.HTTPResponse`.

    Raises requests' `RetryError` if the adapter would have used up its tries.
    """
    retries = adapter.max_retries
    if retries.raise_on_status and retries.is_retry(str(prepared.method), response.status):
        pool = adapter.poolmanager.connection_from_url(str(prepared.url))
        cause = ResponseError(ResponseError.SPECIFIC_ERROR.format(status_code=response.status))
        raise RetryError(MaxRetryError(pool, prepared.path_url, cause), request=prepared)
    return _received(adapter, prepared, response, **more)


def _received(adapter: HTTPAdapter, prepared: PreparedRequest, response: Response, **more: Any) -> requests.Response:
    headers = HTTPHeaderDict(response.headers.pairs)
    if "Set-Cookie" in headers:
        # requests looks for cookies there
        more.setdefault("original_response", HTTPResponse(BytesIO(), msg=headers, preload_content=False))  # type: ignore[arg-type]  # it has `get_all`
    raw = MadeUpResponse(
        BytesIO(response.body),
        headers=headers,
        status=response.status,
        reason=more.pop("reason", http.client.responses.get(response.status)),
        preload_content=False,
        request_method=prepared.method,
        **more,
    )
    raw.surplus = response.surplus
    return adapter.build_response(prepared, raw)


def as_request(prepared: PreparedRequest, endpoint: str) -> Request:
    """Return a request of `requests` as it would have been on the wire."""
    parts = urlsplit(str(prepared.url))
    body = prepared.body or b""
    if isinstance(body, str):
        body = body.encode()
    pairs = [
        (name, value.decode("latin-1") if isinstance(value, bytes) else value)
        for name, value in prepared.headers.items()
    ]
    if "Host" not in prepared.headers:
        pairs.append(("Host", parts.netloc))
    return Request(str(prepared.method), endpoint, parts.path or "/", parts.query, Headers(pairs), bytes(body))
