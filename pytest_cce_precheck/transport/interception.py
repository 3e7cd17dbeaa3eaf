"""The one place that intercepts calls of `requests`: those of our own client, of the vendor's SDK and of other code."""

from __future__ import annotations

import re
import time
from io import BytesIO
from typing import TYPE_CHECKING, Any
from urllib.parse import urlsplit

import responses
from requests.adapters import HTTPAdapter
from requests.exceptions import RetryError
from responses.registries import FirstMatchRegistry
from urllib3 import HTTPHeaderDict, HTTPResponse
from urllib3.exceptions import MaxRetryError, ResponseError

from pytest_cce_precheck.simulator.delivery import LateResponse
from pytest_cce_precheck.transport.failures import failure
from pytest_cce_precheck.wire.exchange import Headers, Request, TransportError

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence
    from typing import Self

    import requests
    from requests import PreparedRequest

    from pytest_cce_precheck.wire.exchange import Response

    Send = Callable[..., requests.Response]
    Sender = Callable[[HTTPAdapter, PreparedRequest, Send], requests.Response]


def _unobserved(_request: Request, _response: Response) -> None:
    pass


class Interceptor:
    """Intercepts every `requests` call of this process to ``endpoints`` while the ``with`` block runs.

    Calls to other hosts pass through. ``answer`` returns the answer to a call, or raises `TransportError`, which the
    caller gets as an error of requests. Or else ``sent`` replaces the sending by `requests`: it gets the adapter, the
    request and the function that sends by an adapter. ``observe`` is called with every answer.
    """

    def __init__(
        self,
        endpoints: Sequence[str],
        *,
        answer: Callable[[Request], Response] | None = None,
        sent: Sender | None = None,
        observe: Callable[[Request, Response], None] = _unobserved,
    ) -> None:
        self._endpoints = tuple(endpoints)
        self._ours = re.compile("|".join(map(_pattern, endpoints)), re.IGNORECASE)
        self._answer = answer
        self._sent = sent
        self.observe = observe
        self._mock: responses.RequestsMock | None = None
        self._send: Send = HTTPAdapter.send

    def __enter__(self) -> Self:
        # the user's own mock may be active: what is not for our endpoints is sent through it
        self._send = HTTPAdapter.send
        mock = responses.RequestsMock(
            assert_all_requests_are_fired=False,
            passthru_prefixes=("",),
            registry=_Registry,
            real_adapter_send=self._passed,  # type: ignore[arg-type]  # every argument is handed on
        )
        if self._sent is None:
            self.add_to(mock)
        mock.start()
        self._mock = mock
        return self

    def __exit__(self, *_: object) -> None:
        if self._mock is not None:
            self._mock.stop(allow_assert=False)
            self._mock = None

    def add_to(self, mock: responses.RequestsMock) -> None:
        """Let a mock answer the calls to our endpoints."""
        for method in ("GET", "HEAD", "POST", "PUT", "PATCH", "DELETE", "OPTIONS"):
            mock.add(responses.CallbackResponse(method, self._ours, callback=self._called, content_type=None))

    def _called(self, prepared: PreparedRequest) -> Any:
        assert self._answer is not None
        try:
            request = as_request(prepared, self._endpoint_of(prepared))
            response = self._answer(request)
        except TransportError as error:
            raise failure(error.reason, error.detail) from None
        if isinstance(response, LateResponse):
            _wait(response.elapsed, prepared)
        self.observe(request, response)
        # a list of pairs keeps repeated headers, which responses accepts but does not annotate
        return response.status, list(response.headers.pairs), response.body

    def _passed(self, adapter: HTTPAdapter, prepared: PreparedRequest, **how: Any) -> requests.Response:
        def send(by: HTTPAdapter) -> requests.Response:
            return self._send(by, prepared, **how)

        if self._sent is None or not self._ours.match(str(prepared.url)):
            return send(adapter)
        return self._sent(adapter, prepared, send)

    def _endpoint_of(self, prepared: PreparedRequest) -> str:
        match = self._ours.match(str(prepared.url))
        return match[0] if match else self._endpoints[0]


def _pattern(endpoint: str) -> str:
    # with or without the default port of its scheme, it is the same service
    port = ":443" if endpoint.lower().startswith("https:") else ":80"
    return rf"{re.escape(endpoint.removesuffix(port))}(?:{port})?(?=[/?#]|$)"


def _wait(seconds: float, prepared: PreparedRequest) -> None:
    """Wait as long as an answer takes, or as its caller waits for one."""
    timeout = getattr(prepared, "req_kwargs", {}).get("timeout")
    # for the connection, and for the answer
    patience = timeout[-1] if isinstance(timeout, tuple) else timeout
    if isinstance(patience, int | float) and patience < seconds:
        time.sleep(patience)
        raise failure("timeout", f"no answer within {patience:g} s")
    time.sleep(seconds)


class _Registry(FirstMatchRegistry):
    """Compares the method first: the pattern of the endpoint is matched once, not once for each method."""

    def find(self, request: PreparedRequest) -> tuple[responses.BaseResponse | None, list[str]]:
        for each in self.registered:
            if each.method == request.method and isinstance(each.url, re.Pattern) and each.url.match(str(request.url)):
                return each, []
        # responses expects a reason for each
        return None, ["another endpoint"] * len(self.registered)


def as_response(adapter: HTTPAdapter, prepared: PreparedRequest, response: Response, **more: Any) -> requests.Response:
    """Return a response as `requests` would have received it; ``more`` is passed to `urllib3.HTTPResponse`.

    Raises requests' `RetryError` if the adapter would have used up its tries.
    """
    # with none left, a status is tried again for its own sake alone, not for its Retry-After
    retries = adapter.max_retries.new(total=0)
    if retries.raise_on_status and retries.is_retry(str(prepared.method), response.status):
        pool = adapter.poolmanager.connection_from_url(str(prepared.url))
        cause = ResponseError(ResponseError.SPECIFIC_ERROR.format(status_code=response.status))
        raise RetryError(MaxRetryError(pool, prepared.path_url, cause), request=prepared)
    raw = HTTPResponse(
        BytesIO(response.body),
        headers=HTTPHeaderDict(response.headers.pairs),
        status=response.status,
        preload_content=False,
        request_method=prepared.method,
        **more,
    )
    return adapter.build_response(prepared, raw)


def as_request(prepared: PreparedRequest, endpoint: str) -> Request:
    """Return a request of `requests` as it would have been on the wire."""
    parts = urlsplit(str(prepared.url))
    body = prepared.body or b""
    if isinstance(body, str):
        body = body.encode()
    values = {
        name: value.decode("latin-1") if isinstance(value, bytes) else value for name, value in prepared.headers.items()
    }
    headers = Headers(values)
    if "Host" not in headers:
        headers = headers.replacing("Host", parts.netloc)
    return Request(str(prepared.method), endpoint, parts.path or "/", parts.query, headers, bytes(body))
