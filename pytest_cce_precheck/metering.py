"""One count of requests for all processes of a run: the controller of pytest-xdist says where, its workers share it."""

from __future__ import annotations

import tempfile
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final

import pytest

from pytest_cce_precheck.transport.paced import Meter

if TYPE_CHECKING:
    from pytest_cce_precheck.config import Config

SUITE: Final = "pytest_cce_precheck.suite"
_INPUT: Final = "cce_meter"
folder_key: pytest.StashKey[tempfile.TemporaryDirectory[str]] = pytest.StashKey()


def tell_worker(node: Any, config: pytest.Config) -> None:
    """Let a worker of pytest-xdist know the run's count; made when the first worker is."""
    if folder_key not in config.stash:
        config.stash[folder_key] = tempfile.TemporaryDirectory(prefix="cce-precheck-")
        config.add_cleanup(config.stash[folder_key].cleanup)
    node.workerinput[_INPUT] = str(Path(config.stash[folder_key].name) / "requests.sqlite")


def meter_of(config: Config, pytestconfig: pytest.Config) -> Meter | None:
    """Give the meter of a run against a real service, None for others.

    The default budget is the suite's; tests of somebody else are held to one that is asked for.
    """
    if config.mode not in ("live", "record"):
        return None
    of_the_suite = any(SUITE in str(argument) for argument in pytestconfig.args)
    return Meter(
        getattr(pytestconfig, "workerinput", {}).get(_INPUT, ":memory:"),
        limit=config.budget if of_the_suite or config.source("budget") != "default" else None,
        rate=config.rate or None,
        seconds=config.run_time or None,
    )
