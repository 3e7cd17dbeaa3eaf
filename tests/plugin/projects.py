"""Test modules of made-up projects."""

from __future__ import annotations

from typing import Final

ORDINARY: Final = "def test_passes(): pass"

VERIFIES: Final = """
def test_upgrade_checks_meet_the_contract(cce_client, cce_contract):
    exchange = cce_client.list_tasks(type="addonUpgrade")
    assert exchange.status == 200
    cce_contract.verify(exchange)
"""

LIVE: Final = ("--cce-mode=live", "--cce-project-id=p", "--cce-cluster-id=c")
