"""The request budget of a run, or of each target: one count for all processes of pytest-xdist."""

from __future__ import annotations

import tempfile
from pathlib import Path
from time import monotonic
from typing import TYPE_CHECKING, Any, Final

import pytest

from pytest_cce_precheck.errors import ConfigurationError
from pytest_cce_precheck.plugin.settings import config_key, runs_the_suite, targets_key
from pytest_cce_precheck.transport.gate import Gate
from pytest_cce_precheck.transport.guard import WriteGuard
from pytest_cce_precheck.transport.live import TIMEOUTS
from pytest_cce_precheck.transport.pacing import SharedBudget

if TYPE_CHECKING:
    from collections.abc import Mapping

    from pytest_cce_precheck.config.options import Config
    from pytest_cce_precheck.config.targets import NamedTarget

budgets_key: pytest.StashKey[RequestBudgets] = pytest.StashKey()
"""Missing if the run asks no real service."""
_FOLDER: Final = "cce_meter"
_ELAPSED: Final = "cce_elapsed"


class RequestBudgets:
    """Counts and limits what this process sends to the services of a run; each target has a budget of its own.

    All targets together have the time of one run.
    """

    def __init__(self, pytestconfig: pytest.Config) -> None:
        self._pytestconfig = pytestconfig
        self._input: Mapping[str, Any] = getattr(pytestconfig, "workerinput", {})
        self.began = monotonic() - self._input.get(_ELAPSED, 0.0)
        self.gate = Gate()
        self._folder: tempfile.TemporaryDirectory[str] | None = None
        self._budgets: dict[str | None, SharedBudget] = {}
        self._guards: dict[str | None, WriteGuard] = {}

    @property
    def folder(self) -> str:
        """The folder of the counts that several processes share."""
        if self._folder is None:
            self._folder = tempfile.TemporaryDirectory(prefix="cce-precheck-")
            self._pytestconfig.add_cleanup(self._folder.cleanup)
        return self._folder.name

    def start(self) -> None:
        """Count and limit what any client sends, from now to the end of the run.

        If two targets share a service, the first counts what no fixture sends.
        """
        stash = self._pytestconfig.stash
        for target in reversed(stash[targets_key] or (None,)):
            self.apply(stash[config_key] if target is None else target.config, target)
        self.gate.__enter__()
        self._pytestconfig.add_cleanup(lambda: self.gate.__exit__())

    def inform_worker(self, node: Any) -> None:
        """Pass to a worker of pytest-xdist the folder of the counts, and how long the run has taken so far."""
        node.workerinput[_FOLDER] = self.folder
        # a worker on another machine has another clock
        node.workerinput[_ELAPSED] = monotonic() - self.began

    def apply(self, config: Config, target: NamedTarget | None) -> None:
        """Count the requests to a service as those of one target."""
        if config.service is not None:
            self.gate.put(
                config.service,
                lambda: self.of(config, target),
                deadline=TIMEOUTS * config.timeout,
                refuse=self.guard_of(config, target).check,
            )

    def of(self, config: Config, target: NamedTarget | None) -> SharedBudget:
        """Return the budget of a run against a real service, or of one of its targets.

        The default limit is for the suite: other tests have one only if it is set. Raises `ConfigurationError` if the
        workers are on several machines, which cannot share a count.
        """
        name = target.name if target is not None else None
        if name not in self._budgets:
            is_limited = runs_the_suite(self._pytestconfig) or config.source("budget") != "default"
            self._budgets[name] = SharedBudget(
                self._file_of(target),
                limit=config.budget if is_limited else None,
                rate=config.rate or None,
                seconds=config.run_time or None,
                began=self.began,
            )
            self._pytestconfig.add_cleanup(self._budgets[name].close)
        return self._budgets[name]

    def guard_of(self, config: Config, target: NamedTarget | None) -> WriteGuard:
        """Return what refuses the requests to a service, or to one of the targets, that the settings do not permit."""
        permitted = {"writes": config.allow_writes, "destructive": config.allow_destructive}
        guard = WriteGuard(config.project_id or "", config.cluster_id or "", **permitted)
        return self._guards.setdefault(target.name if target is not None else None, guard)

    def sent(self) -> dict[str, int]:
        """Return how many requests were sent to each target, by all processes of this machine and by any client."""
        stash = self._pytestconfig.stash
        if not stash[targets_key]:
            return {"": self.of(stash[config_key], None).sent}
        return {target.name: self.of(target.config, target).sent for target in stash[targets_key]}

    def workers(self, target: NamedTarget | None) -> int:
        """Return the number of processes that test a target, or the one service of the run."""
        return 1 if self._has_one_worker(target) else self._input.get("workercount", 1)

    def _has_one_worker(self, target: NamedTarget | None) -> bool:
        # each target is a group, and each group has one worker
        return target is not None and bool(self._pytestconfig.getoption("loadgroup", False))

    def _file_of(self, target: NamedTarget | None) -> str:
        shared = self._input.get(_FOLDER)
        if shared is not None and not Path(shared).is_dir():
            if not self._has_one_worker(target):
                raise ConfigurationError(
                    "this worker is on another machine than the run, and cannot count its requests with the others:"
                    " give each target to one worker, with --cce-targets and --dist loadgroup"
                )
            shared = None
        if shared is None and target is None and self._folder is None:
            # no other process counts: only the controller of workers has a folder
            return ":memory:"
        # a file even if no other process uses it: tests that return to a target go on with its count
        name = f"requests-{target.name}.sqlite" if target is not None else "requests.sqlite"
        return str(Path(shared or self.folder) / name)
