"""The plugin's own hooks, for a ``conftest.py`` or another plugin."""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    import pytest

    from pytest_cce_precheck.wire.exchange import Exchange


def pytest_cce_exchange(exchange: Exchange, item: pytest.Item) -> None:
    """Called after each test with every exchange that ``cce_client`` made in it, in order; returns nothing."""
