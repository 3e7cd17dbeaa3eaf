"""The two calls as methods; each gives the exchange as it was on the wire, whatever the answer."""

from __future__ import annotations

import json
import re
from dataclasses import replace
from datetime import UTC, datetime
from http import HTTPStatus
from typing import TYPE_CHECKING, Any, Final
from urllib.parse import SplitResult, urlsplit

from pytest_cce_precheck.errors import ConfigurationError, UnsafeCredentialsError
from pytest_cce_precheck.wire.exchange import Exchange, Headers, Request, encode_query
from pytest_cce_precheck.wire.hosts import is_loopback
from pytest_cce_precheck.wire.signing import authenticate
from pytest_cce_precheck.wire.vocabulary import API_VERSION, KIND, Filter, create_path, list_path

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping, Sequence

    from pytest_cce_precheck.transport.base import Transport
    from pytest_cce_precheck.transport.tokens import Tokens
    from pytest_cce_precheck.wire.credentials import Credentials

# one answer is one exchange: what a person reads as "the client's language" does not change the wire
_HEADERS = (("Accept", "application/json"), ("Accept-Encoding", "gzip"), ("Content-Type", "application/json"))
# scheme and host, perhaps a port: no user, path, query or fragment
_ENDPOINT: Final = re.compile(r"https?://[^\s\x00-\x1f\x7f/?#@\\]+/*", re.IGNORECASE)


def utc_now() -> datetime:
    """Return the time that requests are signed with."""
    return datetime.now(UTC)


class PrecheckClient:
    """A client of one cluster.

    ``endpoint`` is scheme and host (``https://cce.<region>.myhuaweicloud.com``); ``observe`` is called with every
    exchange. Credentials are refused over plain HTTP to a host that is not this machine
    (`UnsafeCredentialsError`), and are needed when the first call is made, not before. With ``tokens`` the token of the
    credentials is renewed in time, and when the service answers 401 to a request that was sent with it: that request is
    sent once more.
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
        self,
        *,
        type: str | None = None,
        task_id: str | None = None,
        addon_instance_id: str | None = None,
    ) -> Exchange:
        """List the cluster's add-on check tasks (GET …/addons/precheck/tasks); a filter that is None is left out.

        Raises `TransportError` if no answer comes back; an error status is an exchange like any other.
        """
        __tracebackhide__ = True
        given = {Filter.TYPE: type, Filter.TASK_ID: task_id, Filter.ADDON_INSTANCE_ID: addon_instance_id}
        query = encode_query((name, value) for name, value in given.items() if value is not None)
        return self.send(self.list_request(query))

    def create_tasks(self, addons: Sequence[Mapping[str, Any]]) -> Exchange:
        """Create a check task for each of ``addons`` (POST …/addons/precheck).

        Each is an object of ``addonTemplateName``, ``addonInstanceID``, ``type``, and ``targetVersion`` where the
        type is ``addonUpgrade``; ``values`` is free.
        """
        __tracebackhide__ = True
        spec = {"clusterID": self.cluster_id, "addonList": [dict(addon) for addon in addons]}
        return self.send(self.create_request({"kind": KIND, "apiVersion": API_VERSION, "spec": spec}))

    def list_request(
        self, query: str = "", *, method: str = "GET", project_id: str | None = None, cluster_id: str | None = None
    ) -> Request:
        """Write a list request, not yet authenticated; ``query`` is the text on the wire."""
        path = list_path(project_id or self.project_id, cluster_id or self.cluster_id)
        return Request(method, self.endpoint, path, query, Headers(_HEADERS))

    def create_request(self, body: Any) -> Request:
        """Write a create request, not yet authenticated; ``body`` is JSON to be, or bytes as they are."""
        # half of a surrogate pair, which UTF-8 cannot hold, stays the escape that JSON writes it with
        content = (
            body if isinstance(body, bytes) else json.dumps(body, ensure_ascii=False).encode(errors="backslashreplace")
        )
        return Request(
            "POST", self.endpoint, create_path(self.project_id, self.cluster_id), "", Headers(_HEADERS), content
        )

    def authenticated(
        self, request: Request, credentials: Credentials | None = None, *, now: datetime | None = None
    ) -> Request:
        """Return ``request`` with the client's credentials, or others; raises `MissingCredentialsError` without any."""
        project = request.path.split("/projects/", 1)[-1].split("/", 1)[0]
        return authenticate(request, credentials or self._own(), now=now or self._now(), project_id=project)

    def _own(self) -> Credentials:
        if self._tokens is not None:
            self.credentials = replace(self.credentials, token=self._tokens.current())
        return self.credentials

    def send(self, request: Request, *, as_is: bool = False) -> Exchange:
        """Authenticate a request and send it; ``as_is`` sends it with the headers that it has."""
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
        """Let go of connections."""
        self._transport.close()


def checked_endpoint(endpoint: str, credentials: Credentials) -> str:
    """Return ``endpoint`` without a trailing slash; raises `ConfigurationError` if it is none, or not safe to use."""
    parts = _split(endpoint)
    if parts is None or parts.hostname is None:
        # a password may stand before the @
        shown = re.sub("//.*@", "//***@", endpoint)
        raise ConfigurationError(
            f"the endpoint {shown!r} is not usable: expected scheme and host alone,"
            " such as https://cce.eu-west-101.myhuaweicloud.com"
        )
    if parts.scheme == "http" and credentials.kind and not is_loopback(parts.hostname):
        raise UnsafeCredentialsError(
            f"credentials are not sent over plain HTTP to {parts.hostname}: use https://,"
            " or a loopback address for a local service"
        )
    return f"{parts.scheme}://{parts.netloc}"


def _split(endpoint: str) -> SplitResult | None:
    # urlsplit drops line breaks, and looks at a port only when it is asked for
    if not _ENDPOINT.fullmatch(endpoint):
        return None
    try:
        parts = urlsplit(endpoint)
        return parts if parts.hostname and parts.port != 0 else None
    except ValueError:
        return None
