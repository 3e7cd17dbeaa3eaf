"""The two calls as methods; each returns the exchange as it was on the wire, whatever the answer."""

from __future__ import annotations

import json
import re
from collections.abc import Callable, Mapping, Sequence
from dataclasses import replace
from datetime import UTC, datetime
from http import HTTPStatus
from typing import TYPE_CHECKING, Any, Final, Protocol
from urllib.parse import urlsplit

from pytest_cce_precheck.errors import ConfigurationError
from pytest_cce_precheck.wire.exchange import Exchange, Headers, Request, encode_query
from pytest_cce_precheck.wire.hosts import refuse_plain_http
from pytest_cce_precheck.wire.signing import authenticate
from pytest_cce_precheck.wire.vocabulary import API_VERSION, KIND, Filter, create_path, list_path

if TYPE_CHECKING:
    from pytest_cce_precheck.transport.tokens import Tokens
    from pytest_cce_precheck.wire.credentials import Credentials

_HEADERS: Final = (("Accept", "application/json"), ("Accept-Encoding", "gzip"), ("Content-Type", "application/json"))
# scheme and host, perhaps a port: no user, path, query or fragment
_ENDPOINT: Final = re.compile(r"https?://[^\s\x00-\x1f\x7f/?#@\\]+/*", re.IGNORECASE)


def utc_now() -> datetime:
    """Return the time that requests are signed with."""
    return datetime.now(UTC)


class Transport(Protocol):
    """Sends one request; raises `TransportError` if no usable answer comes back. Follows no redirect."""

    def send(self, request: Request) -> Exchange:
        """Send ``request`` as it is and return what came back."""

    def close(self) -> None:
        """Close connections."""


class PrecheckClient:
    """A client of one cluster.

    ``endpoint`` is scheme and host (``https://cce.<region>.myhuaweicloud.com``); ``observe`` is called with every
    exchange. Credentials are not sent over plain HTTP to another machine (`UnsafeCredentialsError`), and are needed
    when the first call is made, not before. With ``tokens`` the token is renewed before it expires, and when the
    service answers 401 to a request that was sent with it, which is then sent once more.
    """

    def __init__(
        self,
        transport: Transport,
        *,
        endpoint: str,
        project_id: str,
        cluster_id: str,
        credentials: Credentials,
        now: Callable[[], datetime] = utc_now,
        observe: Callable[[Exchange], None] | None = None,
        tokens: Tokens | None = None,
    ) -> None:
        self.endpoint = checked_endpoint(endpoint, credentials)
        self.project_id = project_id
        self.cluster_id = cluster_id
        self.credentials = credentials
        self.observe = observe
        self._transport = transport
        self._now = now
        self._tokens = tokens

    def list_tasks(
        self, *, type: str | None = None, task_id: str | None = None, addon_instance_id: str | None = None
    ) -> Exchange:
        """List the cluster's add-on check tasks (GET …/addons/precheck/tasks); filters that are None are left out.

        Raises `TransportError` if no answer comes back; an error status is an exchange like any other.
        """
        __tracebackhide__ = True
        given = {Filter.TYPE: type, Filter.TASK_ID: task_id, Filter.ADDON_INSTANCE_ID: addon_instance_id}
        query = encode_query((name, value) for name, value in given.items() if value is not None)
        return self.send(self.list_request(query))

    def create_tasks(self, addons: Sequence[Mapping[str, Any]]) -> Exchange:
        """Create a check task for each of ``addons`` (POST …/addons/precheck).

        Each has ``addonTemplateName``, ``addonInstanceID``, ``type``, ``targetVersion`` if the type is
        ``addonUpgrade``, and any ``values``.
        """
        __tracebackhide__ = True
        spec = {"clusterID": self.cluster_id, "addonList": [dict(addon) for addon in addons]}
        return self.send(self.create_request({"kind": KIND, "apiVersion": API_VERSION, "spec": spec}))

    def list_request(
        self, query: str = "", *, method: str = "GET", project_id: str | None = None, cluster_id: str | None = None
    ) -> Request:
        """Return a list request that is not yet authenticated; ``query`` is the text on the wire."""
        path = list_path(project_id or self.project_id, cluster_id or self.cluster_id)
        return Request(method, self.endpoint, path, query, Headers(_HEADERS))

    def create_request(self, body: Any) -> Request:
        """Return a create request that is not yet authenticated; ``body`` is written as JSON unless it is bytes."""
        if not isinstance(body, bytes):
            # half of a surrogate pair, which UTF-8 cannot hold, stays an escape
            body = json.dumps(body, ensure_ascii=False).encode(errors="backslashreplace")
        path = create_path(self.project_id, self.cluster_id)
        return Request("POST", self.endpoint, path, "", Headers(_HEADERS), body)

    def authenticated(
        self, request: Request, credentials: Credentials | None = None, *, now: datetime | None = None
    ) -> Request:
        """Return ``request`` with the client's credentials, or others; raises `MissingCredentialsError` without any."""
        if credentials is None and self._tokens is not None:
            self.credentials = replace(self.credentials, token=self._tokens.current())
        project = request.path.split("/projects/", 1)[-1].split("/", 1)[0]
        return authenticate(request, credentials or self.credentials, now=now or self._now(), project_id=project)

    def send(self, request: Request, *, as_is: bool = False) -> Exchange:
        """Authenticate a request and send it; with ``as_is``, it is sent with the headers that it has."""
        __tracebackhide__ = True
        if as_is or self._tokens is None:
            return self._sent(request if as_is else self.authenticated(request))
        exchange = self._sent(self.authenticated(request))
        if exchange.status == HTTPStatus.UNAUTHORIZED and self._tokens.replaced(exchange.request):
            exchange = self._sent(self.authenticated(request))
        if exchange.status < HTTPStatus.BAD_REQUEST:
            self._tokens.accepted(exchange.request)
        return exchange

    def _sent(self, request: Request) -> Exchange:
        __tracebackhide__ = True
        exchange = self._transport.send(request)
        if self.observe is not None:
            self.observe(exchange)
        return exchange

    def close(self) -> None:
        """Close the transport's connections."""
        self._transport.close()


def checked_endpoint(endpoint: str, credentials: Credentials) -> str:
    """Return ``endpoint`` without a trailing slash.

    Raises `ConfigurationError` if it is not scheme and host, `UnsafeCredentialsError` if credentials would travel to
    another machine over plain HTTP.
    """
    try:
        parts = urlsplit(endpoint)
        # urlsplit drops line breaks, and checks a port only when it is asked for
        if not _ENDPOINT.fullmatch(endpoint) or not parts.hostname or parts.port == 0:
            raise ValueError
    except ValueError:
        # a password may be before the @
        shown = re.sub("//.*@", "//***@", endpoint)
        raise ConfigurationError(
            f"the endpoint {shown!r} is not usable: expected scheme and host alone,"
            " such as https://cce.eu-west-101.myhuaweicloud.com"
        ) from None
    if credentials.kind:
        refuse_plain_http(endpoint)
    return f"{parts.scheme}://{parts.netloc}"
