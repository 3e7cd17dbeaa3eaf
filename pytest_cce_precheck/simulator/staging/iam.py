"""Tokens that expire, the call that issues new ones, and access keys that are locked."""

from __future__ import annotations

import re
from dataclasses import dataclass
from datetime import datetime, timedelta
from hashlib import sha256
from typing import Final, TypeVar

from pytest_cce_precheck.errors import BodyError
from pytest_cce_precheck.simulator.refusals import json_response
from pytest_cce_precheck.simulator.staging.profiles import Lock, TokenLife
from pytest_cce_precheck.wire.body import parse_json
from pytest_cce_precheck.wire.credentials import Secret
from pytest_cce_precheck.wire.exchange import Request, Response
from pytest_cce_precheck.wire.vocabulary import TOKEN_HEADER

TOKEN_PATH: Final = "/v3/auth/tokens"  # noqa: S105  a path
EXPIRED: Final = ("APIG.0307", "The token must be updated.")
"""The gateway's refusal of an expired token: its code and its message."""
LOCKED: Final = (
    "APIG.0301",
    "Incorrect IAM authentication information: AK access failed to reach the limit,forbidden.",
)
"""The gateway's refusal of a locked key."""
# the oldest tokens and keys beyond this number are forgotten, so that no client can fill the memory
_REMEMBERED: Final = 1000
V = TypeVar("V")
_ACCESS: Final = re.compile(r"Access=([^\s,]+)")


@dataclass(frozen=True)
class Account:
    """The account to which the token call issues tokens."""

    domain: str
    user: str
    password: Secret
    project_id: str

    @classmethod
    def simulated(cls, seed: int, project_id: str) -> Account:
        """Return the account of a seed."""
        password = Secret(f"SIMULATED-PASSWORD-{sha256(f'{seed}:password'.encode()).hexdigest()[:20]}")
        return cls("SIMULATED-DOMAIN", "SIMULATED-USER", password, project_id)


@dataclass
class _Issued:
    until: datetime
    uses: int


class IssuedTokens:
    """The issued tokens. The ``first`` comes without a token call; its life begins with its first use."""

    def __init__(self, life: TokenLife, account: Account, first: Secret, seed: int) -> None:
        self._life = life
        self._account = account
        self._first = first
        self._seed = seed
        self._issued: dict[str, _Issued] = {}
        self._number = 0
        self._began = False

    def admit(self, request: Request, now: datetime) -> Request | None:
        """Return the request with the token that the service knows, or None if its token has expired.

        The service checks the credentials for all other mistakes.
        """
        token = request.headers.get(TOKEN_HEADER, "")
        issued = self._issued.get(token)
        if issued is None:
            if token != self._first.reveal():
                return request
            if self._began:
                return None
            self._began = True
            issued = self._issue(token, now)
        if now >= issued.until or not issued.uses:
            return None
        issued.uses -= 1
        return request.with_headers(request.headers.replacing(TOKEN_HEADER, self._first.reveal()))

    def answer(self, request: Request, now: datetime) -> Response:
        """Answer the token call as IAM does."""
        if request.method != "POST":
            return _iam_error(405, "Method Not Allowed", "The method is not allowed for the requested URL.")
        try:
            auth = parse_json(request.body)["auth"]
            identity, project_id = auth["identity"], auth["scope"]["project"]["id"]
            user, methods = identity["password"]["user"], identity["methods"]
            sent = (user["domain"]["name"], user["name"], user["password"])
        except (BodyError, LookupError, TypeError):
            return _iam_error(400, "Bad Request", "The request body is invalid.")
        account = self._account
        if methods != ["password"] or sent != (account.domain, account.user, account.password.reveal()):
            return _iam_error(401, "Unauthorized", "The username or password is wrong.")
        if project_id != account.project_id:
            return _iam_error(403, "Forbidden", "The user has no role in the project.")
        return self._new(now)

    def _new(self, now: datetime) -> Response:
        token = f"SIMULATED-TOKEN-{sha256(f'{self._seed}:token:{self._number}'.encode()).hexdigest()[:40]}"
        until = self._issue(token, now).until
        domain = {"name": self._account.domain}
        document = {
            "token": {
                "expires_at": f"{until:%Y-%m-%dT%H:%M:%S.%fZ}",
                "issued_at": f"{now:%Y-%m-%dT%H:%M:%S.%fZ}",
                "methods": ["password"],
                "project": {"id": self._account.project_id, "domain": domain},
                "user": {"name": self._account.user, "domain": domain},
                "roles": [],
                "catalog": [],
            }
        }
        return json_response(201, document, (("X-Subject-Token", token),))

    def _issue(self, token: str, now: datetime) -> _Issued:
        self._number += 1
        issued = _Issued(now + timedelta(seconds=self._life.seconds), self._life.requests)
        _remember(self._issued, token, issued)
        return issued


class KeyLock:
    """Counts the refusals in a row of each access key, and locks keys."""

    def __init__(self, lock: Lock) -> None:
        self._lock = lock
        self._refused: dict[str, int] = {}
        self._until: dict[str, datetime] = {}

    def is_locked(self, request: Request, now: datetime) -> bool:
        """Return whether the request is signed with a locked key."""
        until = self._until.get(_key_of(request))
        return until is not None and now < until

    def record(self, request: Request, status: int, now: datetime) -> None:
        """Count the status of the service's response."""
        key = _key_of(request)
        if not key:
            return
        before = self._refused.pop(key, 0)
        refused = before + 1 if status == 401 else 0
        if refused > self._lock.failures:
            _remember(self._until, key, now + timedelta(seconds=self._lock.seconds))
        elif refused:
            _remember(self._refused, key, refused)


def _remember(table: dict[str, V], key: str, value: V) -> None:
    table.pop(key, None)
    table[key] = value
    if len(table) > _REMEMBERED:
        del table[next(iter(table))]


def _key_of(request: Request) -> str:
    match = _ACCESS.search(request.headers.get("Authorization", ""))
    return match[1] if match else ""


def _iam_error(status: int, title: str, message: str) -> Response:
    return json_response(status, {"error": {"code": status, "message": message, "title": title}})
