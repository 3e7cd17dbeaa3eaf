"""What a run may send to a real service: reads, and what its options permit beyond them."""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from typing import Final
from urllib.parse import parse_qsl

from pytest_cce_precheck.errors import WriteRefusedError
from pytest_cce_precheck.explore.classes import unknown_value
from pytest_cce_precheck.wire.exchange import Exchange
from pytest_cce_precheck.wire.vocabulary import TOKEN_PATH, create_path, list_path

READS: Final = frozenset({"GET", "HEAD", "OPTIONS"})
UNKNOWN: Final = frozenset({400, 404})
"""The answers to a read that say that there is no such cluster."""
# some frameworks take the method or the path from a header or a parameter; servers read `_` in its name as `-`, and PHP
# reads `.method`, `[method` and `_method[]` as `_method`
_OVERRIDING: Final = re.compile(r"(?!access-control-)(.+-)?method(-.+)?|x-(original|rewrite)-url")
_FORM: Final = re.compile(r"x-www-form-urlencoded|multipart/", re.IGNORECASE)
_NONE: Final[Mapping[str, str]] = {}
_NEITHER_LETTER_NOR_DIGIT: Final = re.compile(r"[^a-z0-9$]+")
_OVERRIDING_PARAMETERS: Final = re.compile(r"x-(http-)?method(-override)?-?|-(http-?)?method-?|\$httpmethod-?")


class WriteGuard:
    """Refuses each request that the run has no permission to send.

    Reads are always permitted, and so is asking IAM for a token. ``writes`` permits the create call of the cluster
    under test, and any method on the list path of one made-up cluster once a read of that path was answered as unknown.
    ``destructive`` permits any request to the two paths of the cluster under test.
    """

    def __init__(self, project_id: str, cluster_id: str, *, writes: bool, destructive: bool) -> None:
        self._writes = writes
        self._destructive = writes and destructive
        self._create = create_path(project_id, cluster_id)
        self._list = list_path(project_id, cluster_id)
        self._made_up = list_path(project_id, unknown_value(cluster_id))
        self._is_unknown = False

    def check(self, method: str, target: str, headers: Mapping[str, str] = _NONE, has_body: bool = False) -> None:
        """Raise `WriteRefusedError` if a request may not be sent; ``target`` is path and query."""
        __tracebackhide__ = True
        path, _, query = target.partition("?")
        is_empty = method in READS
        odd = next(_overrides(query, headers, is_empty=is_empty), None)
        if is_empty and (has_body or _announces_a_body(headers)):
            # a server that takes the length from elsewhere reads the body as the next request
            odd = "a body"
        if (self._destructive and path in (self._list, self._create)) or (odd is None and self._permits(method, path)):
            return
        what = f"{method} {path}" + (f" with {odd}" if odd else "")
        raise WriteRefusedError(f"{what} was not sent: {self._reason}")

    def _permits(self, method: str, path: str) -> bool:
        # asking for a token changes no cluster, and IAM may have the host of the service
        if method in READS or (method == "POST" and path == TOKEN_PATH):
            return True
        to_create = method == "POST" and path == self._create
        return self._writes and (to_create or (path == self._made_up and self._is_unknown))

    @property
    def _reason(self) -> str:
        if not self._writes:
            return "this run may only read; --cce-allow-writes lets it create check tasks in the cluster under test"
        return (
            "--cce-allow-writes permits reads and the create call of the cluster under test, nothing else;"
            " --cce-allow-destructive permits any request to these two paths of the cluster"
        )

    def observe(self, exchange: Exchange) -> None:
        """Record from the answer to a read of the made-up cluster whether there is such a cluster."""
        request = exchange.request
        if request.method == "GET" and request.path == self._made_up:
            self._is_unknown = exchange.status in UNKNOWN


def _announces_a_body(headers: Mapping[str, str]) -> bool:
    """Whether a body may follow a head; its sender may hand it over later."""
    named = {name.strip().lower(): value.strip() for name, value in headers.items()}
    return named.get("content-length", "0").strip("0") != "" or "transfer-encoding" in named


def _overrides(query: str, headers: Mapping[str, str], *, is_empty: bool) -> Iterator[str]:
    """Yield the names of headers and parameters that may make another request of this one."""
    yield from (name for name in headers if _OVERRIDING.fullmatch(_plain(name)))
    # one of its fields may be `_method`, if it has fields; the calls of the service have JSON alone
    kinds = (value for name, value in headers.items() if _plain(name) == "content-type" and not is_empty)
    yield from (f"a form ({kind})" for kind in kinds if _FORM.search(kind))
    # some servers separate parameters by a semicolon too
    parameters = parse_qsl(query.replace(";", "&"), keep_blank_values=True)
    yield from (name for name, _ in parameters if _OVERRIDING_PARAMETERS.fullmatch(_plain(name)))


def _plain(name: str) -> str:
    return _NEITHER_LETTER_NOR_DIGIT.sub("-", name.strip().lower())
