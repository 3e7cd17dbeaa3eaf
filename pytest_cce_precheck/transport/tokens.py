"""IAM tokens that are fetched when they are needed, and again before they end or when the service wants another.

A token comes from a command, or from IAM for a user and a password. No error tells one, and no frame that raises an
error holds one in the clear.
"""

from __future__ import annotations

import json
import shlex
import threading
import time
from contextlib import suppress
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Any, Final

from requests.adapters import HTTPAdapter

from pytest_cce_precheck import _programs
from pytest_cce_precheck.environment import Environment, Words, without_frames_of
from pytest_cce_precheck.errors import BodyError, ConfigurationError
from pytest_cce_precheck.redaction.texts import Redactor
from pytest_cce_precheck.transport.live import HttpTransport
from pytest_cce_precheck.transport.watched import WatchedAdapter
from pytest_cce_precheck.wire.body import parse_json
from pytest_cce_precheck.wire.credentials import Secret, secrets_in
from pytest_cce_precheck.wire.exchange import Headers, Request, TransportError
from pytest_cce_precheck.wire.hosts import refuse_plain_http
from pytest_cce_precheck.wire.timestamps import parse_timestamp
from pytest_cce_precheck.wire.vocabulary import TOKEN_HEADER, TOKEN_PATH

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping, Sequence

    from pytest_cce_precheck.wire.exchange import Exchange

PASSWORD: Final = "CCE_IAM_PASSWORD"  # noqa: S105  a variable's name
_SUBJECT_TOKEN: Final = "X-Subject-Token"  # noqa: S105  a header's name
_NEEDED: Final = ("CCE_IAM_USER", PASSWORD, "CCE_IAM_DOMAIN")
# a token is renewed so long before its end, or at half its life
_BEFORE_ITS_END: Final = 300.0
_PATIENCE: Final = 60.0
_COMPLAINT: Final = 400
# seconds before IAM is asked once more; one that does not answer in time has had its time
_PAUSES: Final = (0.5, 2.0)
_LOST: Final = frozenset({"connection-lost", "unreachable", "truncated"})


class TokenError(ConfigurationError):
    """No token could be had."""


class _NotNowError(ConfigurationError):
    """No token could be had just now."""


@dataclass(frozen=True)
class Issued:
    """A token and how many seconds it lasts, None where nobody said."""

    token: Secret
    life: float | None = None


class Tokens:
    """Keeps a token that is good, for all threads of a process; ``issue`` gives a new one, or raises `TokenError`.

    Nothing is fetched before the first is asked for. One that failed for good (``issue`` raises `TokenError`) is not
    asked again: IAM locks out who tries a wrong password too often.
    """

    def __init__(self, issue: Callable[[], Issued], *, now: Callable[[], float] = time.monotonic) -> None:
        self.superseded: list[Request] = []
        self._issue = issue
        self._now = now
        self._lock = threading.Lock()
        self._issued: list[Secret] = []
        self._due: float | None = None
        self._good = True
        self._failed: TokenError | None = None

    @property
    def renewed(self) -> int:
        """How many tokens followed the first."""
        return max(len(self._issued) - 1, 0)

    @property
    def secrets(self) -> tuple[str, ...]:
        """Every token so far, for the redactor."""
        return tuple(token.reveal() for token in self._issued)

    def issued(self, token: Secret | None) -> bool:
        """Whether a token is one of these."""
        return token in self._issued

    def current(self) -> Secret:
        """Return the token to send now: the first is fetched, one that is about to end is renewed."""
        with self._lock:
            if not self._issued or (self._due is not None and self._now() >= self._due):
                self._fetch()
            return self._issued[-1]

    def accepted(self, request: Request) -> None:
        """Take note that the service let ``request`` in."""
        with self._lock:
            self._good = self._good or self._carries_the_latest(request)

    def replaced(self, request: Request) -> bool:
        """Whether there is a new token for ``request``, which was refused; fetches one where that may help.

        It does not help where the token refused is new itself, and nothing was ever let in with it.
        """
        with self._lock:
            if self._carries_the_latest(request):
                if not self._good:
                    return False
                self._fetch()
                self._good = False
                if self._carries_the_latest(request):
                    return False
            self.superseded.append(request)
            return True

    def _carries_the_latest(self, request: Request) -> bool:
        return bool(self._issued) and Secret(request.headers.get(TOKEN_HEADER, "")) == self._issued[-1]

    def _fetch(self) -> None:
        if self._failed is not None:
            raise TokenError(str(self._failed))
        try:
            issued = self._issue()
        except TokenError as error:
            self._failed = error
            raise
        self._issued.append(issued.token)
        self._due = None
        # one that has ended by this machine's clock may be good by the service's
        if issued.life is not None and issued.life > 0:
            self._due = self._now() + issued.life - min(_BEFORE_ITS_END, issued.life / 2)


# ---- a command


@dataclass(frozen=True)
class TokenCommand:
    """Runs a command, without a shell, that prints a token, or JSON: ``{"token": …, "expires_at": RFC 3339}``.

    It may take ``patience`` seconds, and is ended with all that it has started. ``environment`` is what the child gets;
    its secrets are masked in what the child complains of.
    """

    words: Sequence[str]
    environment: Mapping[str, str]
    patience: float = _PATIENCE

    def __post_init__(self) -> None:
        # whoever prints its fields
        object.__setattr__(self, "words", Words(self.words))
        object.__setattr__(self, "environment", Environment(self.environment))

    def __repr__(self) -> str:
        return f"<TokenCommand {self.name}>"

    @property
    def name(self) -> str:
        """The program; its arguments may hold what is nobody's business."""
        return shlex.quote(self.words[0])

    def __call__(self) -> Issued:
        """Run it; raises `TokenError` if it gives no token."""
        ended = self._run()
        if ended.status != 0:
            raise TokenError(f"{self._where} ended with status {ended.status}{self._complaint(ended)}")
        try:
            return _read(Secret(ended.output))
        except ValueError as error:
            problem = str(error)
        raise TokenError(f"{self._where} {problem}{self._complaint(ended)}")

    @property
    def _where(self) -> str:
        return f"--cce-token-command: {self.name}"

    def _run(self) -> _programs.Ended:
        try:
            ended = _programs.run(self.words, self.environment, patience=self.patience)
        except (OSError, ValueError) as error:
            problem = (
                f"cannot be run: {getattr(error, 'strerror', None) or 'it holds a character that cannot stand there'}"
            )
        except BaseException as other:
            # Ctrl-C, a test that took too long: the frames below hold what the child gets to see
            raise other.with_traceback(without_frames_of(other.__traceback__, {"subprocess", "selectors"})) from None
        else:
            if not ended.problem:
                return ended
            problem = ended.problem
        raise TokenError(f"{self._where} {problem}")

    def _complaint(self, ended: _programs.Ended) -> str:
        known = secrets_in(self.environment)
        text = Redactor((*known, ended.output.strip())).text(ended.complaint).strip()
        shown = text if len(text) <= _COMPLAINT else "…" + text[-_COMPLAINT:]
        return f"; it complains: {shown}" if shown else ""


def _read(output: Secret) -> Issued:
    """Read what a command printed; raises `ValueError` that says what is wrong with it and does not show it."""
    if not output.reveal().strip().startswith("{"):
        return Issued(_token(output.reveal()))
    try:
        document = _Hidden(json.loads(output.reveal()))
    except ValueError:
        document = _Hidden(None)
    if not isinstance(document.content, dict):
        raise ValueError("printed what begins like JSON and is none")
    return Issued(_token(document.content.get("token")), _life(document.content.get("expires_at"), datetime.now(UTC)))


@dataclass(frozen=True, repr=False)
class _Hidden:
    content: Any


def _token(given: Any) -> Secret:
    token = Secret(given.strip() if isinstance(given, str) else "")
    if not token:
        raise ValueError("printed no token: expected the token alone, or JSON with the member token")
    if not token.reveal().isascii() or not token.reveal().isprintable() or " " in token.reveal():
        raise ValueError("printed more than a token: expected one word of ASCII, or JSON with the member token")
    return token


def _life(ends: Any, now: datetime) -> float | None:
    if ends is None:
        return None
    try:
        return (parse_timestamp(ends).datetime - now).total_seconds()
    except (TypeError, ValueError):
        problem = "gave an expires_at that is no RFC 3339 timestamp, such as 2026-01-02T15:04:05Z"
    raise ValueError(problem)


# ---- IAM


@dataclass(frozen=True)
class IamAccount:
    """Who asks IAM (``endpoint``) for tokens of a project."""

    endpoint: str
    user: str
    password: Secret
    domain: str
    project_id: str

    @classmethod
    def from_environment(
        cls, environment: Mapping[str, str], *, region: str | None, project_id: str
    ) -> IamAccount | None:
        """Read CCE_IAM_USER, CCE_IAM_PASSWORD, CCE_IAM_DOMAIN and CCE_IAM_ENDPOINT; None without user and password.

        Raises `ConfigurationError` if some are there and others lack. A region has an IAM of its own.
        """
        missing = [name for name in _NEEDED if not environment.get(name)]
        if {*_NEEDED[:2]} <= {*missing}:
            return None
        default = f"https://iam.{region}.myhuaweicloud.com" if region else ""
        endpoint = environment.get("CCE_IAM_ENDPOINT") or default
        missing += [] if endpoint else ["CCE_IAM_ENDPOINT (or --cce-region)"]
        if missing:
            raise ConfigurationError(f"tokens from IAM still need: {', '.join(missing)}")
        user, domain = environment["CCE_IAM_USER"], environment["CCE_IAM_DOMAIN"]
        return cls(endpoint, user, Secret(environment[PASSWORD]), domain, project_id)


class IamTokens:
    """Asks IAM for a token: POST /v3/auth/tokens (the vendor's API KeystoneCreateUserTokenByPassword)."""

    def __init__(
        self,
        account: IamAccount,
        *,
        timeout: float = 30.0,
        remaining: Callable[[], float | None] = lambda: None,
        wait: Callable[[float], None] = time.sleep,
    ) -> None:
        self._account = account
        self._timeout = timeout
        self._remaining = remaining
        self._wait = wait

    def __call__(self) -> Issued:
        """Ask, again where IAM is busy; raises `TokenError` if it gives none, `ConfigurationError` where it cannot.

        The password follows no redirect, and goes to another machine over TLS alone.
        """
        refuse_plain_http(self._account.endpoint)
        for seconds in _PAUSES:
            with suppress(_NotNowError):
                return self._asked()
            self._wait(seconds)
        return self._asked()

    def _asked(self) -> Issued:
        transport = HttpTransport(timeout=self._timeout, remaining=self._remaining, adapter=_Unseen)
        try:
            exchange = transport.send(self._request())
        except TransportError as error:
            problem, kind = error.detail, _NotNowError if error.reason in _LOST else ConfigurationError
        else:
            return self._issued(exchange)
        finally:
            transport.close()
        # not from within: the frames below hold the password
        raise kind(f"{self._where} got no answer: {problem}")

    @property
    def _where(self) -> str:
        return f"POST {self._account.endpoint}{TOKEN_PATH}"

    def _request(self) -> Request:
        account = self._account
        user = {"name": account.user, "password": account.password.reveal(), "domain": {"name": account.domain}}
        identity = {"methods": ["password"], "password": {"user": user}}
        scope = {"project": {"id": account.project_id}}
        headers = Headers([("Content-Type", "application/json;charset=utf8"), ("Accept", "application/json")])
        body = _Unshown(json.dumps({"auth": {"identity": identity, "scope": scope}}).encode())
        # the catalog of all services is long, and part of the token too
        return Request("POST", account.endpoint, TOKEN_PATH, "nocatalog=true", headers, body)

    def _issued(self, exchange: Exchange) -> Issued:
        token = Secret(exchange.response.headers.get(_SUBJECT_TOKEN, ""))
        if exchange.status != 201 or not token:
            lacks = "" if exchange.status != 201 else f" and no {_SUBJECT_TOKEN}"
            raise self._error(exchange.status)(
                f"{self._where} was answered with {exchange.status}{lacks}{self._said(exchange)};"
                f" check {', '.join(_NEEDED)} and --cce-project-id"
            )
        try:
            document = exchange.document
            ends = document["token"].get("expires_at")
            return Issued(_token(token.reveal()), _life(ends, exchange.date or datetime.now(UTC)))
        except (BodyError, LookupError, TypeError, AttributeError, ValueError):
            # the token is good without it: the service says when it wants another
            return Issued(token)

    def _error(self, status: int) -> type[ConfigurationError]:
        return _NotNowError if status == 429 or status >= 500 else TokenError

    def _said(self, exchange: Exchange) -> str:
        try:
            message = parse_json(exchange.response.body)["error"]["message"]
        except (BodyError, LookupError, TypeError):
            return ""
        text = Redactor((self._account.password.reveal(),)).text(str(message))
        return f": {text[:_COMPLAINT]}"


class _Unshown(bytes):
    """A body that no traceback shows."""

    def __repr__(self) -> str:
        return "<body>"


class _Unseen(WatchedAdapter):
    """Sends what nobody may catch for a cassette: that replaces `HTTPAdapter.send`."""

    send = HTTPAdapter.send
