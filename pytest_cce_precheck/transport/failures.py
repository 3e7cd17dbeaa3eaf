"""What requests and urllib3 raise where no answer comes, in the project's words, and back again."""

from __future__ import annotations

import http.client
from typing import TYPE_CHECKING

import urllib3.exceptions
from requests import exceptions as failures

if TYPE_CHECKING:
    from collections.abc import Iterator

    from pytest_cce_precheck.errors import TransportReason

FAILURES: tuple[type[Exception], ...] = (failures.RequestException, urllib3.exceptions.HTTPError, OSError)


class _Scripted:
    """A failure that nobody's network had: what it is called is told, not guessed."""

    reason: TransportReason
    detail: str


class _Lost(failures.ConnectionError, _Scripted):
    pass


class _TimedOut(failures.ReadTimeout, _Scripted):
    pass


class _NotSecure(failures.SSLError, _Scripted):
    pass


class _Broken(failures.ChunkedEncodingError, _Scripted):
    pass


_KINDS: dict[str, type[_Lost | _TimedOut | _NotSecure | _Broken]] = {
    "timeout": _TimedOut,
    "tls": _NotSecure,
    "truncated": _Broken,
}


def failure(reason: TransportReason, detail: str) -> failures.RequestException:
    """Make what `requests` would raise for a failure of this kind; `reason_of` gives reason and detail back."""
    error = _KINDS.get(reason, _Lost)(detail)
    error.reason, error.detail = reason, detail
    return error


def reason_of(error: BaseException) -> tuple[TransportReason, str]:
    """Say why there was no answer: the reason, for programs, and the words, which hold no credential."""
    causes = list(_causes(error))
    scripted = next((cause for cause in causes if isinstance(cause, _Scripted)), None)
    if scripted is not None:
        return scripted.reason, scripted.detail
    text = " ".join(str(cause) for cause in causes)
    kinds = tuple(type(cause) for cause in causes)

    def among(*wanted: type[BaseException]) -> bool:
        return any(issubclass(kind, wanted) for kind in kinds)

    if among(failures.SSLError, urllib3.exceptions.SSLError):
        hint = (
            "it does not speak TLS (is the endpoint http://?)"
            if "WRONG_VERSION_NUMBER" in text
            else _tls_problem(causes)
        )
        return "tls", f"the TLS connection failed: {hint}"
    if among(urllib3.exceptions.NameResolutionError):
        return "name-not-found", "the host's name cannot be resolved"
    if among(urllib3.exceptions.NewConnectionError):
        return "unreachable", f"no connection: {_last_words(causes)}"
    if among(failures.Timeout, urllib3.exceptions.TimeoutError):
        return "timeout", "no answer within the time allowed"
    if among(urllib3.exceptions.IncompleteRead, http.client.IncompleteRead):
        return "truncated", "the answer ended before its Content-Length (or its last chunk) was reached"
    if among(failures.ContentDecodingError, urllib3.exceptions.DecodeError):
        return "not-http", "the body is not encoded as its Content-Encoding says"
    # something came back that http.client could not read: no status, too many headers, or one that is too long
    unreadable = among(http.client.HTTPException) and not among(ConnectionError)
    if among(failures.InvalidHeader, failures.InvalidURL) or unreadable or "HeaderParsingError" in text:
        return "not-http", f"not an HTTP answer: {_last_words(causes)}"
    return "connection-lost", f"the connection was lost: {_last_words(causes)}"


def _causes(failure: BaseException) -> Iterator[BaseException]:
    """Walk what requests and urllib3 wrapped, outermost first."""
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
    verify = next(
        (getattr(cause, "verify_message", None) for cause in causes if getattr(cause, "verify_message", None)), None
    )
    problem = str(verify) if verify else _last_words(causes)
    own_ca = " (name a CA of your own in REQUESTS_CA_BUNDLE)"
    return problem + (
        own_ca if "issuer" in problem or "self-signed" in problem.replace("self signed", "self-signed") else ""
    )


def _last_words(causes: list[BaseException]) -> str:
    for cause in reversed(causes):
        strerror = getattr(cause, "strerror", None)
        if strerror:
            return str(strerror)
    return str(causes[-1]).rpartition(": ")[2] or type(causes[-1]).__name__
