"""What requests and urllib3 raise if no answer comes: as a reason and words of this project, and back again."""

from __future__ import annotations

import http.client
from collections.abc import Iterator
from typing import Final

import urllib3.exceptions
from requests import exceptions as failures

from pytest_cce_precheck.errors import TransportReason

FAILURES: tuple[type[Exception], ...] = (failures.RequestException, urllib3.exceptions.HTTPError, OSError)

_KINDS: Final[dict[str, type[failures.RequestException]]] = {
    "timeout": failures.ReadTimeout,
    "tls": failures.SSLError,
    "truncated": failures.ChunkedEncodingError,
}
# the first that fits; the last words of the cause follow some
_REASONS: Final[tuple[tuple[tuple[type[Exception], ...], TransportReason, str], ...]] = (
    ((urllib3.exceptions.NameResolutionError,), "name-not-found", "the host's name cannot be resolved"),
    ((urllib3.exceptions.NewConnectionError,), "unreachable", "no connection: {}"),
    ((failures.Timeout, urllib3.exceptions.TimeoutError), "timeout", "no answer within the time allowed"),
    (
        (urllib3.exceptions.IncompleteRead, http.client.IncompleteRead),
        "truncated",
        "the answer ended before its Content-Length (or its last chunk) was reached",
    ),
    (
        (failures.ContentDecodingError, urllib3.exceptions.DecodeError),
        "not-http",
        "the body is not encoded as its Content-Encoding says",
    ),
)
# the attribute by which an error of `failure` is recognised
_SCRIPTED: Final = "cce_reason_and_detail"


def failure(reason: TransportReason, detail: str) -> failures.RequestException:
    """Return what `requests` would raise for this reason; `reason_of` returns reason and detail again."""
    error = _KINDS.get(reason, failures.ConnectionError)(detail)
    setattr(error, _SCRIPTED, (reason, detail))
    return error


def reason_of(error: BaseException) -> tuple[TransportReason, str]:
    """Return why there was no answer: the reason, for programs, and words for people that hold no credential."""
    causes = list(_causes(error))
    for cause in causes:
        scripted: tuple[TransportReason, str] | None = getattr(cause, _SCRIPTED, None)
        if scripted:
            return scripted
    text = " ".join(map(str, causes))

    def among(*kinds: type[BaseException]) -> bool:
        return any(isinstance(cause, kinds) for cause in causes)

    if among(failures.SSLError, urllib3.exceptions.SSLError):
        plain = "WRONG_VERSION_NUMBER" in text
        problem = "it does not speak TLS (is the endpoint http://?)" if plain else _tls_problem(causes)
        return "tls", f"the TLS connection failed: {problem}"
    for kinds, reason, words in _REASONS:
        if among(*kinds):
            return reason, words.format(_last_words(causes))
    # http.client could not read what came back: no status, too many headers, or one that is too long
    unreadable = among(http.client.HTTPException) and not among(ConnectionError)
    if among(failures.InvalidHeader, failures.InvalidURL) or unreadable or "HeaderParsingError" in text:
        return "not-http", f"not an HTTP answer: {_last_words(causes)}"
    return "connection-lost", f"the connection was lost: {_last_words(causes)}"


def _causes(failure: BaseException) -> Iterator[BaseException]:
    """Yield what requests and urllib3 wrapped, outermost first."""
    waiting, seen = [failure], set[int]()
    while waiting:
        error = waiting.pop()
        if id(error) in seen:
            continue
        seen.add(id(error))
        yield error
        nested = [*error.args, getattr(error, "reason", None), error.__cause__, error.__context__]
        waiting.extend(each for each in nested if isinstance(each, BaseException))


def _tls_problem(causes: list[BaseException]) -> str:
    messages = filter(None, (getattr(cause, "verify_message", None) for cause in causes))
    problem = str(next(messages, None) or _last_words(causes))
    is_unknown_issuer = any(words in problem for words in ("issuer", "self-signed", "self signed"))
    return problem + (" (name a CA of your own in REQUESTS_CA_BUNDLE)" if is_unknown_issuer else "")


def _last_words(causes: list[BaseException]) -> str:
    reported = next(filter(None, (getattr(cause, "strerror", None) for cause in reversed(causes))), None)
    return str(reported or str(causes[-1]).rpartition(": ")[2] or type(causes[-1]).__name__)
