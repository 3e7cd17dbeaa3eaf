"""What several modules of this folder use."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from pytest_cce_precheck.transport.live import HttpTransport

if TYPE_CHECKING:
    import socket
    from collections.abc import Callable, Iterator

    Talk = Callable[[socket.socket], None]


@pytest.fixture
def transport() -> Iterator[HttpTransport]:
    sender = HttpTransport(timeout=5.0, deadline=5.0)
    yield sender
    sender.close()
