"""One count of requests for all processes of a run, or of each target: pytest-xdist's controller says where it is."""

from __future__ import annotations

import tempfile
from pathlib import Path
from time import monotonic
from typing import TYPE_CHECKING, Any, Final

import pytest

from pytest_cce_precheck.errors import ConfigurationError
from pytest_cce_precheck.plugin.run_log import runs_the_suite
from pytest_cce_precheck.transport.gate import Gate
from pytest_cce_precheck.transport.guard import WriteGuard
from pytest_cce_precheck.transport.live import TIMEOUTS
from pytest_cce_precheck.transport.pacing import SharedBudget

if TYPE_CHECKING:
    from collections.abc import Sequence

    from pytest_cce_precheck.config.options import Config
    from pytest_cce_precheck.config.targets import NamedTarget

_INPUT: Final = "cce_meter"
_ELAPSED: Final = "cce_elapsed"
folder_key: pytest.StashKey[tempfile.TemporaryDirectory[str]] = pytest.StashKey()
began_key: pytest.StashKey[float] = pytest.StashKey()
gate_key: pytest.StashKey[Gate] = pytest.StashKey()
guards_key: pytest.StashKey[dict[str | None, WriteGuard]] = pytest.StashKey()
meters_key: pytest.StashKey[dict[str | None, SharedBudget]] = pytest.StashKey()


def inform_worker(node: Any, config: pytest.Config) -> None:
    """Let a worker of pytest-xdist know where the run counts, and how long it has taken so far."""
    node.workerinput[_INPUT] = _folder(config)
    # a worker on another machine has another clock
    node.workerinput[_ELAPSED] = monotonic() - config.stash[began_key]


def install_gates(services: Sequence[tuple[Config, NamedTarget | None]], pytestconfig: pytest.Config) -> None:
    """Count and bound what this process sends to the services of a run, from now to its end, whoever sends it.

    All targets together have the time of one run. Of two that share a service, the first counts what no fixture sends.
    """
    elapsed = getattr(pytestconfig, "workerinput", {}).get(_ELAPSED, 0.0)
    pytestconfig.stash[began_key] = monotonic() - elapsed
    pytestconfig.stash[gate_key] = gate = Gate()
    for config, target in reversed(services):
        put(gate, config, pytestconfig, target)
    gate.__enter__()
    pytestconfig.add_cleanup(lambda: gate.__exit__())


def put(gate: Gate, config: Config, pytestconfig: pytest.Config, target: NamedTarget | None) -> None:
    """Let a gate count the requests to a service as those of one target."""
    if config.service is not None:
        gate.put(
            config.service,
            lambda: meter_of(config, pytestconfig, target),
            deadline=TIMEOUTS * config.timeout,
            refuse=guard_of(config, pytestconfig, target).check,
        )


def _folder(config: pytest.Config) -> str:
    if folder_key not in config.stash:
        config.stash[folder_key] = tempfile.TemporaryDirectory(prefix="cce-precheck-")
        config.add_cleanup(config.stash[folder_key].cleanup)
    return config.stash[folder_key].name


def meter_of(config: Config, pytestconfig: pytest.Config, target: NamedTarget | None) -> SharedBudget:
    """Return the meter of a run against a real service, or against one of its targets.

    The default budget is the suite's; tests of somebody else are held to one that is asked for. Raises
    `ConfigurationError` where the workers are on machines that cannot share one count.
    """
    meters = pytestconfig.stash.setdefault(meters_key, {})
    name = target.name if target is not None else None
    if name not in meters:
        of_the_suite = runs_the_suite(pytestconfig)
        meters[name] = SharedBudget(
            _counted_in(pytestconfig, target),
            limit=config.budget if of_the_suite or config.source("budget") != "default" else None,
            rate=config.rate or None,
            seconds=config.run_time or None,
            began=pytestconfig.stash[began_key],
        )
        pytestconfig.add_cleanup(meters[name].close)
    return meters[name]


def guard_of(config: Config, pytestconfig: pytest.Config, target: NamedTarget | None) -> WriteGuard:
    """Return what refuses requests to a service, or to one of the targets, that the settings do not permit."""
    guards = pytestconfig.stash.setdefault(guards_key, {})
    name = target.name if target is not None else None
    if name not in guards:
        permitted = {"writes": config.allow_writes, "destructive": config.allow_destructive}
        guards[name] = WriteGuard(config.project_id or "", config.cluster_id or "", **permitted)
    return guards[name]


def bounds_of(
    config: Config, pytestconfig: pytest.Config, target: NamedTarget | None
) -> tuple[SharedBudget | None, WriteGuard | None]:
    """Return what bounds that which the tests of a target send from now on; nothing if the run asks no real service."""
    gate = pytestconfig.stash.get(gate_key, None)
    if gate is None:
        return None, None
    put(gate, config, pytestconfig, target)
    return meter_of(config, pytestconfig, target), guard_of(config, pytestconfig, target)


def sent_by_all(config: Config, pytestconfig: pytest.Config, targets: Sequence[NamedTarget]) -> dict[str, int]:
    """Return how many requests were sent to each target, by all processes of this machine and by whatever client."""
    if gate_key not in pytestconfig.stash:
        return {}
    if not targets:
        return {"": meter_of(config, pytestconfig, None).sent}
    return {target.name: meter_of(target.config, pytestconfig, target).sent for target in targets}


def workers_of(pytestconfig: pytest.Config, target: NamedTarget | None) -> int:
    """Return the number of processes that test a target, or the one service of the run."""
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
    if shared is None and target is None and folder_key not in pytestconfig.stash:
        # no other process counts; who has workers reads their count in the end
        return ":memory:"
    # a file too where nobody shares it: tests that change between targets begin no count anew
    name = f"requests-{target.name}.sqlite" if target is not None else "requests.sqlite"
    return str(Path(shared or _folder(pytestconfig)) / name)
