"""The hooks that this plugin calls, to be implemented in a ``conftest.py`` or another plugin."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

if TYPE_CHECKING:
    from pytest_cce_precheck.cassette.format import Recording
    from pytest_cce_precheck.wire.exchange import Exchange


def pytest_cce_exchange(exchange: Exchange, item: pytest.Item) -> None:
    """Called after each test for every exchange of ``cce_client`` in it, in order; the result is ignored."""


@pytest.hookspec(firstresult=True)
def pytest_cce_before_record(recording: Recording, original: Recording, item: pytest.Item) -> Recording | None:
    """Called for every call of a recorded test before its cassette is written, once the test has ended.

    ``recording`` is what will be kept, redacted; ``original`` is as it was on the wire. Return another recording to
    keep that instead, or None; the first one that is returned counts. It is not redacted again, but if a scan finds a
    credential in it, the cassette is not written.
    """
