"""Answers that repeat a credential of their request: a cassette keeps the fact, not the credential."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace
from typing import Final

from pytest_cce_precheck.wire.exchange import Headers, Request, Response
from pytest_cce_precheck.wire.vocabulary import SECURITY_TOKEN_HEADER, TOKEN_HEADER

HEADER: Final = "X-Repeats-Request-Header"
"""Names, in a recorded answer, each credential header of its request that the answer repeated."""

# a shorter text may be in an answer by chance
_SHORTEST: Final = 8


def marked(request: Request, response: Response) -> Response:
    """Return an answer with `HEADER` for each of its request's credentials that it repeats."""
    names = repeated_headers(request, response)
    return _with_headers(response, [(HEADER, name) for name in names]) if names else response


def repeated_headers(request: Request, response: Response) -> list[str]:
    """Return the names of the credential headers of a request whose secret its answer repeats."""
    said = [response.body, *(value.encode("utf-8", "surrogateescape") for _, value in response.headers.pairs)]
    return [name for name, secret in _own_secrets(request) if any(secret.encode() in each for each in said)]


def repeated(request: Request, response: Response) -> Response:
    """Return a replayed answer that repeats the credentials of its new request, if the recorded one did so."""
    if HEADER not in response.headers:
        return response
    own = dict(_own_secrets(request))
    names = response.headers[HEADER].split(", ")
    plain = replace(response, headers=response.headers.without(HEADER))
    return _with_headers(plain, [(HEADER, own[name]) for name in names if name in own])


def _own_secrets(request: Request) -> Iterator[tuple[str, str]]:
    for name in (TOKEN_HEADER, SECURITY_TOKEN_HEADER, "Authorization"):
        secret = request.headers.get(name, "").rpartition("Signature=")[2]
        if len(secret) >= _SHORTEST:
            yield name, secret


def _with_headers(response: Response, pairs: list[tuple[str, str]]) -> Response:
    return replace(response, headers=Headers([*response.headers.pairs, *pairs]))
