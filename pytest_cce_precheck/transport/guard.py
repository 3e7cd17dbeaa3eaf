"""What a run may send to a real service: reads, and what its options permit beyond them."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from pytest_cce_precheck.errors import WriteRefusedError
from pytest_cce_precheck.explore.classes import unknown_value
from pytest_cce_precheck.wire.vocabulary import TOKEN_PATH, create_path, list_path

if TYPE_CHECKING:
    from collections.abc import Container

    from pytest_cce_precheck.wire.exchange import Exchange

READS: Final = frozenset({"GET", "HEAD", "OPTIONS"})
UNKNOWN: Final = frozenset({400, 404})
"""The answers to a read that say that there is no such cluster."""
# some frameworks take the method from a header
_OVERRIDES: Final = ("X-HTTP-Method-Override", "X-HTTP-Method", "X-Method-Override")


class WriteGuard:
    """Refuses each request that the run has no permission to send.

    Reads are always permitted, and to ask IAM for a token. ``writes`` permits the create call of the cluster under
    test, and any method on the list path of one made-up cluster, as soon as a read of that path has been answered as
    unknown. ``destructive`` permits everything.
    """

    def __init__(self, project_id: str, cluster_id: str, *, writes: bool, destructive: bool) -> None:
        self._writes = writes
        self._destructive = writes and destructive
        self._create = create_path(project_id, cluster_id)
        self._made_up = list_path(project_id, unknown_value(cluster_id))
        self._is_unknown = False

    def check(self, method: str, path: str, headers: Container[str] = ()) -> None:
        """Raise `WriteRefusedError` if a request may not be sent; ``headers`` are asked by name, in any case."""
        __tracebackhide__ = True
        overrides = [name for name in _OVERRIDES if name in headers]
        if self._destructive or (method in READS and not overrides):
            return
        if method == "POST" and path == TOKEN_PATH and not overrides:
            # who authenticates changes no cluster, and IAM may be where the service is
            return
        if self._writes and not overrides:
            if method == "POST" and path == self._create:
                return
            if path == self._made_up and self._is_unknown:
                return
        what = f"{method} {path}" + (f" with {overrides[0]}" if overrides else "")
        raise WriteRefusedError(f"{what} was not sent: {self._reason}")

    @property
    def _reason(self) -> str:
        if not self._writes:
            return "this run may only read; --cce-allow-writes lets it create check tasks in the cluster under test"
        return (
            "--cce-allow-writes permits reads and the create call of the cluster under test, nothing else;"
            " --cce-allow-destructive permits any request"
        )

    def observe(self, exchange: Exchange) -> None:
        """Learn from the answer to a read of the made-up cluster whether there is such a cluster."""
        request = exchange.request
        if request.method == "GET" and request.path == self._made_up:
            self._is_unknown = exchange.status in UNKNOWN
