"""Test modules of made-up projects, which is what the plugin is run on."""

from __future__ import annotations

import random
from typing import Final

from tests.leaks import made_up

ORDINARY: Final = "def test_passes(): pass"

VERIFIES: Final = """
def test_upgrade_checks_meet_the_contract(cce_client, cce_contract):
    exchange = cce_client.list_tasks(type="addonUpgrade")
    assert exchange.status == 200
    cce_contract.verify(exchange)
"""

LIVE: Final = ("--cce-mode=live", "--cce-project-id=p", "--cce-cluster-id=c")

SECRET: Final = made_up(random.Random(1), 60)
KNOWS_THE_SECRET: Final = """
import os, sys, threading, warnings
import pytest

TOKEN = os.environ["CCE_AUTH_TOKEN"]
"""
