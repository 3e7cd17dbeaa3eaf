"""The exchanges of a test: if its answers are huge, the bodies of the first ones are released."""

from __future__ import annotations

from typing import Final

from pytest_cce_precheck.explore.recorded import lists_a_task
from pytest_cce_precheck.wire.exchange import LARGE, Exchange

MOST_BYTES: Final = 64 << 20
"""How many bytes of large bodies are kept for a test."""


class Received(list[Exchange]):
    """Exchanges in their order; only the latest large bodies are kept, `MOST_BYTES` together."""

    def __init__(self) -> None:
        super().__init__()
        self._bytes = self._next = 0
        self._listed = False

    def add(self, exchange: Exchange) -> None:
        """Add an exchange, and release bodies that came before if there are too many bytes."""
        self.append(exchange)
        self._bytes += _counted(exchange)
        while self._bytes > MOST_BYTES and self._next < len(self) - 1:
            first = self[self._next]
            self._bytes -= _counted(first)
            if _counted(first):
                # now or never
                _ = self.listed
                self[self._next] = first.abridged()
            self._next += 1

    @property
    def listed(self) -> bool:
        """Whether a success answer listed a task, of this test or of one before it: one is enough for a run."""
        if not self._listed:
            # the small ones first: most tests have one that lists a task, and a huge one takes long to parse
            kept = sorted((each.response for each in self if not each.response.released), key=lambda it: len(it.body))
            self._listed = any(map(lists_a_task, kept))
        return self._listed

    def clear(self) -> None:
        """Remove all exchanges."""
        super().clear()
        self._bytes = self._next = 0


def _counted(exchange: Exchange) -> int:
    return len(exchange.response.body) if len(exchange.response.body) > LARGE else 0
