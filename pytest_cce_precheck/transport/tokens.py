"""IAM tokens that are fetched when they are needed, and again before they expire or when the service refuses one.

A token comes from a command, or from IAM for a user and a password. No error shows one, and no frame that raises an
error holds one in the clear.
"""

from __future__ import annotations

import json
import re
import shlex
import threading
import time
from collections.abc import Callable, Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any, Final

from requests.adapters import HTTPAdapter

from pytest_cce_precheck import _programs
from pytest_cce_precheck.environment import Environment, Words, without_frames_of
from pytest_cce_precheck.errors import BodyError, ConfigurationError
from pytest_cce_precheck.redaction.texts import Redactor
from pytest_cce_precheck.transport.live import HttpTransport
from pytest_cce_precheck.transport.watched import WatchedAdapter
from pytest_cce_precheck.wire.credentials import Secret, secrets_in
from pytest_cce_precheck.wire.exchange import Exchange, Headers, Request, TransportError
from pytest_cce_precheck.wire.hosts import refuse_plain_http
from pytest_cce_precheck.wire.timestamps import parse_timestamp
from pytest_cce_precheck.wire.vocabulary import TOKEN_HEADER, TOKEN_PATH

PASSWORD: Final = "CCE_IAM_PASSWORD"  # noqa: S105  a variable's name
_SUBJECT_TOKEN: Final = "X-Subject-Token"  # noqa: S105  a header's name
_NEEDED: Final = ("CCE_IAM_USER", PASSWORD, "CCE_IAM_DOMAIN")
# a token is renewed so many seconds before it expires, or at half its life
_BEFORE_ITS_END: Final = 300.0
_TIMEOUT: Final = 60.0
_BETWEEN: Final = re.compile(r"""[\s"',:{}[\]]+""")
_SHORTEST_TOKEN: Final = 8
_LONGEST_COMPLAINT: Final = 400
# seconds before IAM is asked once more; after a timeout it is not
_PAUSES: Final = (0.5, 2.0)
_LOST: Final = frozenset({"connection-lost", "unreachable", "truncated"})


class TokenError(ConfigurationError):
    """A token was refused for good."""


class _BusyError(ConfigurationError):
    """A token could not be fetched just now."""


@dataclass(frozen=True)
class Issued:
    """A token and how many seconds it is valid, None if that is unknown."""

    token: Secret
    life: float | None = None


class Tokens:
    """Keeps a valid token, for all threads of a process; ``issue`` returns a new one, or raises `TokenError`.

    Nothing is fetched before the first token is needed. After a `TokenError`, ``issue`` is not called again: IAM locks
    an account after too many wrong passwords.
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
        """How many tokens were fetched after the first."""
        return max(len(self._issued) - 1, 0)

    @property
    def secrets(self) -> tuple[str, ...]:
        """Every token so far, for the redactor."""
        return tuple(token.reveal() for token in self._issued)

    def issued(self, token: Secret | None) -> bool:
        """Whether a token was fetched here."""
        return token in self._issued

    def current(self) -> Secret:
        """Return the token to send now: the first is fetched, one that is about to expire is renewed."""
        with self._lock:
            if not self._issued or (self._due is not None and self._now() >= self._due):
                self._fetch()
            return self._issued[-1]

    def accepted(self, request: Request) -> None:
        """Record that the service accepted the token of ``request``."""
        with self._lock:
            self._good = self._good or self._carries_the_latest(request)

    def replaced(self, request: Request) -> bool:
        """Whether there is a new token for ``request``, which was refused; fetches one if that may help.

        It does not help if the refused token is new itself and no request was ever accepted with it.
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
        # a token that has expired by this machine's clock may be valid by the service's
        if issued.life is not None and issued.life > 0:
            self._due = self._now() + issued.life - min(_BEFORE_ITS_END, issued.life / 2)


# ---- a command


@dataclass(frozen=True)
class TokenCommand:
    """Runs a command, without a shell, that prints a token, or JSON: ``{"token": …, "expires_at": RFC 3339}``.

    It may take ``timeout`` seconds, and no longer than the run, of which ``remaining`` returns the seconds left; it is
    ended with everything that it has started. ``environment`` is what the child gets; its secrets are masked in what
    the child writes to standard error.
    """

    words: Sequence[str]
    environment: Mapping[str, str]
    timeout: float = _TIMEOUT
    remaining: Callable[[], float | None] = lambda: None

    def __post_init__(self) -> None:
        # so that nobody who prints these fields shows secrets
        object.__setattr__(self, "words", Words(self.words))
        object.__setattr__(self, "environment", Environment(self.environment))

    def __repr__(self) -> str:
        return f"<TokenCommand {self.name}>"

    @property
    def name(self) -> str:
        """The program without its arguments, which may hold secrets."""
        return shlex.quote(self.words[0])

    def __call__(self) -> Issued:
        """Run it and return its token; raises `TokenError`."""
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

    def _run(self) -> _programs.ProgramResult:
        left = self.remaining()
        seconds = self.timeout if left is None else min(self.timeout, max(left, 0.0))
        try:
            ended = _programs.run(self.words, self.environment, timeout=seconds)
        except (OSError, ValueError) as error:
            reason = getattr(error, "strerror", None) or "it holds a character that no argument may have"
            problem = f"cannot be run: {reason}"
        except BaseException as other:
            # Ctrl-C, a test that took too long: the frames below hold the child's environment
            raise other.with_traceback(without_frames_of(other.__traceback__, {"subprocess"})) from None
        else:
            if not ended.problem:
                return ended
            problem = ended.problem
        raise TokenError(f"{self._where} {problem}")

    def _complaint(self, ended: _programs.ProgramResult) -> str:
        # what it printed may hold a token even if it cannot be read as one; its parts are those of JSON too
        parts = (part for part in _BETWEEN.split(ended.output) if len(part) >= _SHORTEST_TOKEN)
        secrets = (*secrets_in(self.environment), ended.output.strip(), *parts)
        text = Redactor(secrets).text(ended.complaint).strip()
        shown = text if len(text) <= _LONGEST_COMPLAINT else "…" + text[-_LONGEST_COMPLAINT:]
        return f"; it complains: {shown}" if shown else ""


def _read(output: Secret) -> Issued:
    """Parse what a command printed; raises `ValueError` that says what is wrong with it and does not show it."""
    if not output.reveal().strip().startswith("{"):
        return Issued(_token(output.reveal()))
    try:
        document = _Hidden(json.loads(output.reveal()))
    except ValueError:
        document = _Hidden(None)
    if not isinstance(document.content, dict):
        raise ValueError("printed what begins like JSON and is not valid")
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
        problem = "returned an expires_at that is not an RFC 3339 timestamp, such as 2026-01-02T15:04:05Z"
    raise ValueError(problem)


# ---- IAM


@dataclass(frozen=True)
class IamAccount:
    """The user who asks IAM (``endpoint``) for tokens of a project."""

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

        Without an endpoint, it is the region's. Raises `ConfigurationError` if only some of them are set.
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


@dataclass(frozen=True)
class IamTokens:
    """Asks IAM for a token: POST /v3/auth/tokens (the vendor's API KeystoneCreateUserTokenByPassword)."""

    account: IamAccount
    timeout: float = 30.0
    remaining: Callable[[], float | None] = lambda: None
    wait: Callable[[float], None] = time.sleep

    def __call__(self) -> Issued:
        """Ask, and again if IAM is busy; raises `TokenError` if IAM refuses, `ConfigurationError` if it cannot answer.

        The password follows no redirect, and is sent to another machine over TLS alone.
        """
        refuse_plain_http(self.account.endpoint)
        for seconds in _PAUSES:
            with suppress(_BusyError):
                return self._ask()
            self.wait(seconds)
        return self._ask()

    def _ask(self) -> Issued:
        transport = HttpTransport(timeout=self.timeout, remaining=self.remaining, adapter=_UnrecordedAdapter)
        try:
            exchange = transport.send(self._request())
        except TransportError as error:
            problem, kind = error.detail, _BusyError if error.reason in _LOST else ConfigurationError
        else:
            return self._issued(exchange)
        finally:
            transport.close()
        # not within the except block: the frames below hold the password
        raise kind(f"{self._where} got no answer: {problem}")

    @property
    def _where(self) -> str:
        return f"POST {self.account.endpoint}{TOKEN_PATH}"

    def _request(self) -> Request:
        account = self.account
        user = {"name": account.user, "password": account.password.reveal(), "domain": {"name": account.domain}}
        identity = {"methods": ["password"], "password": {"user": user}}
        scope = {"project": {"id": account.project_id}}
        headers = Headers([("Content-Type", "application/json;charset=utf8"), ("Accept", "application/json")])
        body = _HiddenBody(json.dumps({"auth": {"identity": identity, "scope": scope}}).encode())
        # without the catalog of all services, which is long
        return Request("POST", account.endpoint, TOKEN_PATH, "nocatalog=true", headers, body)

    def _issued(self, exchange: Exchange) -> Issued:
        token = Secret(exchange.response.headers.get(_SUBJECT_TOKEN, ""))
        if exchange.status != 201 or not token:
            missing = "" if exchange.status != 201 else f" and no {_SUBJECT_TOKEN}"
            kind = _BusyError if exchange.status == 429 or exchange.status >= 500 else TokenError
            raise kind(
                f"{self._where} was answered with {exchange.status}{missing}{self._reason(exchange)};"
                f" check {', '.join(_NEEDED)} and --cce-project-id"
            )
        try:
            ends = exchange.document["token"].get("expires_at")
            return Issued(_token(token.reveal()), _life(ends, exchange.date or datetime.now(UTC)))
        except (BodyError, LookupError, TypeError, AttributeError, ValueError):
            # without a known end, it is used until the service refuses it
            return Issued(token)

    def _reason(self, exchange: Exchange) -> str:
        try:
            message = exchange.document["error"]["message"]
        except (BodyError, LookupError, TypeError):
            return ""
        text = Redactor((self.account.password.reveal(),)).text(str(message))
        return f": {text[:_LONGEST_COMPLAINT]}"


class _HiddenBody(bytes):
    """A body that no traceback shows."""

    def __repr__(self) -> str:
        return "<body>"


class _UnrecordedAdapter(WatchedAdapter):
    """Sends what must not be recorded: interceptors replace `HTTPAdapter.send`, not this."""

    send = HTTPAdapter.send
