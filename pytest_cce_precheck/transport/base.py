"""What every transport is: something that turns a request into an exchange."""

from __future__ import annotations

from typing import TYPE_CHECKING, Protocol

if TYPE_CHECKING:
    from pytest_cce_precheck.wire.exchange import Exchange, Request


class Transport(Protocol):
    """Sends one request; raises `TransportError` if no usable answer comes back. Follows no redirect."""

    def send(self, request: Request) -> Exchange:
        """Send ``request`` as it is and give what came back."""

    def close(self) -> None:
        """Let go of connections."""
