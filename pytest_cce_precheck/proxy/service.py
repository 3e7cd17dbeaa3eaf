"""The server that every client can call: it verifies the client, asks who answers, and sends what that returns."""

from __future__ import annotations

import secrets
import threading
from concurrent.futures import Future, wait
from dataclasses import dataclass
from datetime import UTC, datetime
from http import HTTPStatus
from typing import TYPE_CHECKING, Final
from urllib.parse import urlsplit

from pytest_cce_precheck._text import shortened
from pytest_cce_precheck.errors import CcePrecheckError, ConfigurationError
from pytest_cce_precheck.simulator.authorization import check_credentials
from pytest_cce_precheck.simulator.pipeline import NoAnswer
from pytest_cce_precheck.simulator.refusals import Refusal, refuse
from pytest_cce_precheck.simulator.server import LoopbackServer
from pytest_cce_precheck.wire.credentials import SECRET_VARIABLES, Credentials, Secret
from pytest_cce_precheck.wire.exchange import Request, Response, TransportError
from pytest_cce_precheck.wire.signing import authenticate
from pytest_cce_precheck.wire.vocabulary import FRAMING_HEADERS, TOKEN_HEADER

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Mapping
    from typing import Self

    Answer = Callable[[Request], Response]
    """Returns the answer to a request; raises `TransportError` or `NoAnswer` if there is none, or another error of
    this project if the request must not be answered."""

REGION: Final = "cn-north-4"
"""The region that the vendor's SDKs are told, if there is none."""
UNANSWERED: Final = "PRECHECK.0501"
"""The error code of an answer that is no answer of the service: the request must not be, or cannot be, answered."""
UNKNOWN: Final = frozenset({"no-credentials", "token", "security-token", "signature-unknown-key"})
"""The reasons of refusals for which nobody knows whether the client signed well."""
_HOSTS: Final = ("127.0.0.1", "localhost")
_NOT_FOR_CHILDREN: Final = ("CCE_", "HUAWEICLOUD_", "CLOUD_SDK_")
_PROXIES: Final = frozenset({"http_proxy", "https_proxy", "all_proxy", "no_proxy"})


@dataclass(frozen=True)
class Ids:
    """The project and the cluster of a client's requests."""

    project_id: str
    cluster_id: str


class Service:
    """A stand-in for the service at `url`, on loopback, while the ``with`` block runs; every HTTP client can call it.

    ``port`` 0 means a free one. ``answer`` answers, in the server's thread or, if it ``waits`` for others, in one of
    its own for each request. With ``verifies``, a request without these ``credentials``, or those that ``also``
    returns, is refused as the service refuses it, and nobody is asked; ``refused`` is called. ``failed`` is called with
    each error because of which a request is not answered; the client gets its message with status 501, and
    504 if whoever was asked did not answer in time. Other hosts than this one, and CONNECT, are refused.
    """

    def __init__(
        self,
        answer: Answer,
        credentials: Callable[[], Credentials],
        ids: Callable[[], Ids],
        port: int = 0,
        *,
        verifies: bool = True,
        also: Callable[[], Iterable[Credentials]] = tuple,
        waits: bool = False,
        failed: Callable[[CcePrecheckError], None] = lambda _: None,
        refused: Callable[[Request, Refusal], None] = lambda *_: None,
        region: str | None = None,
        environment: Mapping[str, str] | None = None,
    ) -> None:
        self._answer = answer
        self._credentials = credentials
        self._ids = ids
        self._verifies = verifies
        self._also = also
        self._waits = waits
        self._failed = failed
        self._refused = refused
        self._environment = environment or {}
        self._open: set[Future[Response]] = set()
        self.region = region or REGION
        self._server = LoopbackServer(self._handle, port)
        self._hosts = {f"{host}:{self._server.port}" for host in _HOSTS}

    def __enter__(self) -> Self:
        self._server.__enter__()
        return self

    def __exit__(self, *_: object) -> None:
        self._server.close()

    def __repr__(self) -> str:
        return f"<Service {self.url}>"

    def finish(self, seconds: float) -> None:
        """Wait until the calls that are asked now are answered, at most so many seconds."""
        wait(tuple(self._open), seconds)

    @property
    def url(self) -> str:
        """Scheme, host and port, without a slash at the end."""
        return self._server.endpoint

    @property
    def project_id(self) -> str:
        """The project; on replay, that of the test's cassette."""
        return self._ids().project_id

    @property
    def cluster_id(self) -> str:
        """The cluster; on replay, that of the test's cassette."""
        return self._ids().cluster_id

    @property
    def credentials(self) -> Credentials:
        """What this service accepts; it is worth nothing anywhere else."""
        return self._credentials()

    def headers(self, method: str | None = None, url: str = "", body: bytes = b"") -> dict[str, str]:
        """Return headers with valid credentials: a token or, for one request (method, URL, body), a signature."""
        credentials = self.credentials
        if method is None:
            assert credentials.token is not None
            return {TOKEN_HEADER: credentials.token.reveal()}
        parts = urlsplit(url)
        if f"{parts.scheme}://{parts.netloc}" != self.url:
            raise ConfigurationError(f"the URL {url!r} is not one of this service: expected {self.url}/…")
        request = Request(method, self.url, parts.path or "/", parts.query, body=body)
        keys = credentials.only(("access_key", "secret_key"))
        return dict(authenticate(request, keys, now=datetime.now(UTC), project_id=self.project_id).headers.pairs)

    @property
    def environment(self) -> dict[str, str]:
        """The environment of a child process: this one's without its credentials and proxies, and with this service.

        It has CCE_ENDPOINT, CCE_PROJECT_ID, CCE_CLUSTER_ID and CCE_AUTH_TOKEN, and what the vendor's SDKs read.
        """
        shown = {
            name: value
            for name, value in self._environment.items()
            if not name.startswith(_NOT_FOR_CHILDREN) and name not in SECRET_VARIABLES and name.lower() not in _PROXIES
        }
        keys = self.credentials.revealed()
        return shown | {
            "CCE_ENDPOINT": self.url,
            "CCE_PROJECT_ID": self.project_id,
            "CCE_CLUSTER_ID": self.cluster_id,
            "CCE_AUTH_TOKEN": keys.get("token", ""),
            "HUAWEICLOUD_SDK_AK": keys.get("access_key", ""),
            "HUAWEICLOUD_SDK_SK": keys.get("secret_key", ""),
            "HUAWEICLOUD_SDK_PROJECT_ID": self.project_id,
            f"HUAWEICLOUD_SDK_REGION_CCE_{self.region.replace('-', '_').upper()}": self.url,
            "NO_PROXY": ",".join(_HOSTS),
        }

    def _handle(self, request: Request, _: int) -> Response | Future[Response]:
        refusal = self._refusal(request)
        if refusal is not None:
            return sized(refuse(refusal), request)
        if not self._waits:
            return self._answered(request)
        answer: Future[Response] = Future()
        self._open.add(answer)
        answer.add_done_callback(self._open.discard)
        # a daemon: whoever answers has a deadline, and the end of the run does not wait for it
        threading.Thread(target=self._answer_later, args=(answer, request), name="cce-service", daemon=True).start()
        return answer

    def _answer_later(self, answer: Future[Response], request: Request) -> None:
        try:
            answer.set_result(self._answered(request))
        except BaseException as error:
            answer.set_exception(error)

    def _answered(self, request: Request) -> Response:
        try:
            return self._answer(request)
        except TransportError as error:
            if error.reason == "timeout":
                # whoever asked has waited for as long already
                timed_out = Refusal("timeout", HTTPStatus.GATEWAY_TIMEOUT, UNANSWERED, error.detail)
                return sized(refuse(timed_out), request)
            raise NoAnswer(error.reason) from None
        except CcePrecheckError as error:
            self._failed(error)
            return sized(refuse(Refusal("precheck", HTTPStatus.NOT_IMPLEMENTED, UNANSWERED, str(error))), request)

    def _refusal(self, request: Request) -> Refusal | None:
        if request.method == "CONNECT":
            return Refusal("proxy", 405, UNANSWERED, f"This is a service and no proxy: call {self.url}/… itself.")
        host = request.headers.get("Host", "")
        if host.lower() not in self._hosts:
            host = shortened(host, 200)
            text = f"The Host is {host!r}, and this is {self.url}: call it by this URL, not as a proxy of others."
            self._failed(ConfigurationError(f"a client went elsewhere: {text}"))
            return Refusal("host", HTTPStatus.MISDIRECTED_REQUEST, UNANSWERED, text)
        return self._unverified(request) if self._verifies else None

    def _unverified(self, request: Request) -> Refusal | None:
        refusals: list[Refusal] = []
        now = datetime.now(UTC)
        for each in (self.credentials, *self._also()):
            refusal = check_credentials(request, each, now)
            if refusal is None:
                return None
            refusals.append(refusal)
        # what is wrong with known keys says more than that others are not known
        refusal = min(refusals, key=lambda each: each.reason in UNKNOWN)
        self._refused(request, refusal)
        return refusal


def local_credentials() -> Credentials:
    """Return new credentials that nobody can guess, for a service on loopback."""
    token, access_key, secret_key = (Secret(f"LOCAL-{kind}-{secrets.token_hex(16)}") for kind in ("TOKEN", "AK", "SK"))
    return Credentials(token=token, access_key=access_key, secret_key=secret_key)


def sized(response: Response, request: Request) -> Response:
    """Return an answer as it is sent: whole, and without its original framing."""
    headers = response.headers.without(*FRAMING_HEADERS).replacing("Content-Length", str(len(response.body)))
    return Response(response.status, headers, b"" if request.method == "HEAD" else response.body)
