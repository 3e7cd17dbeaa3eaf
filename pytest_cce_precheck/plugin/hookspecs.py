"""The plugin's own hooks, for a ``conftest.py`` or another plugin."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

if TYPE_CHECKING:
    from pytest_cce_precheck.cassette.format import Recording
    from pytest_cce_precheck.wire.exchange import Exchange


def pytest_cce_exchange(exchange: Exchange, item: pytest.Item) -> None:
    """Called after each test with every exchange that ``cce_client`` made in it, in order; returns nothing."""


@pytest.hookspec(firstresult=True)
def pytest_cce_before_record(recording: Recording, original: Recording, item: pytest.Item) -> Recording | None:
    """Called for every call of a recorded test before its cassette is written, once the test has ended.

    ``recording`` is what will be kept, redacted; ``original`` is as it was on the wire. Give the recording to keep in
    its place, or None to keep it; the first that gives one counts. What is given is not redacted again, but is scanned
    for credentials, which refuses the whole cassette.
    """
