"""One count of requests for all processes of a run, or of each target: pytest-xdist's controller says where it is."""

from __future__ import annotations

import tempfile
import time
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final

import pytest

from pytest_cce_precheck.errors import ConfigurationError
from pytest_cce_precheck.transport.paced import Meter

if TYPE_CHECKING:
    from pytest_cce_precheck.config import Config
    from pytest_cce_precheck.targets import NamedTarget

SUITE: Final = "pytest_cce_precheck.suite"
_INPUT: Final = "cce_meter"
_ELAPSED: Final = "cce_elapsed"
folder_key: pytest.StashKey[tempfile.TemporaryDirectory[str]] = pytest.StashKey()
began_key: pytest.StashKey[float] = pytest.StashKey()


def tell_worker(node: Any, config: pytest.Config) -> None:
    """Let a worker of pytest-xdist know where the run counts, and since when."""
    node.workerinput[_INPUT] = _folder(config)
    node.workerinput[_ELAPSED] = time.monotonic() - _began(config)


def _began(config: pytest.Config) -> float:
    # all targets together have the time of one run; another machine's clock counts from another moment
    elapsed: float = getattr(config, "workerinput", {}).get(_ELAPSED, 0.0)
    return config.stash.setdefault(began_key, time.monotonic() - elapsed)


def _folder(config: pytest.Config) -> str:
    if folder_key not in config.stash:
        config.stash[folder_key] = tempfile.TemporaryDirectory(prefix="cce-precheck-")
        config.add_cleanup(config.stash[folder_key].cleanup)
    return config.stash[folder_key].name


def meter_of(config: Config, pytestconfig: pytest.Config, target: NamedTarget | None = None) -> Meter | None:
    """Give the meter of a run against a real service, or against one of its targets; None for other runs.

    The default budget is the suite's; tests of somebody else are held to one that is asked for. Raises
    `ConfigurationError` where the workers are on machines that cannot share one count.
    """
    if config.mode not in ("live", "record"):
        return None
    of_the_suite = any(SUITE in str(argument) for argument in pytestconfig.args)
    return Meter(
        _counted_in(pytestconfig, target),
        limit=config.budget if of_the_suite or config.source("budget") != "default" else None,
        rate=config.rate or None,
        seconds=config.run_time or None,
        began=_began(pytestconfig),
    )


def workers_of(pytestconfig: pytest.Config, target: NamedTarget | None) -> int:
    """Give the number of processes that test a target, or the one service of the run."""
    return 1 if _alone(pytestconfig, target) else getattr(pytestconfig, "workerinput", {}).get("workercount", 1)


def _alone(pytestconfig: pytest.Config, target: NamedTarget | None) -> bool:
    # each target is a group, and a group is one worker's
    return target is not None and bool(pytestconfig.getoption("loadgroup", False))


def _counted_in(pytestconfig: pytest.Config, target: NamedTarget | None) -> str:
    shared = getattr(pytestconfig, "workerinput", {}).get(_INPUT)
    if shared is not None and not Path(shared).is_dir():
        if not _alone(pytestconfig, target):
            raise ConfigurationError(
                "this worker is on another machine than the run, and cannot count its requests with the others:"
                " give each target to one worker, with --cce-targets and --dist loadgroup"
            )
        shared = None
    if shared is None and target is None:
        return ":memory:"
    # a file too where nobody shares it: tests that change between targets begin no count anew
    name = f"requests-{target.name}.sqlite" if target is not None else "requests.sqlite"
    return str(Path(shared or _folder(pytestconfig)) / name)
