"""Answers from a real service."""

from __future__ import annotations

import time
from contextlib import contextmanager
from typing import TYPE_CHECKING

from pytest_cce_precheck.modes.base import RunningTest, Target, refuse_faults
from pytest_cce_precheck.startup import refuse_incomplete
from pytest_cce_precheck.wire.credentials import Credentials

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping
    from contextlib import AbstractContextManager

    from pytest_cce_precheck.config import Config


class Live:
    """The service and the cluster of the settings; nothing is read from a cassette, and none is written."""

    def __init__(self, config: Config, environment: Mapping[str, str]) -> None:
        self.config = config
        self.environment = environment

    @property
    def target(self) -> Target:
        """What the settings name."""
        config = self.config
        return Target(config.service or "", config.project_id or "", config.cluster_id or "")

    def credentials(self) -> Credentials:
        """Give the environment's."""
        credentials = Credentials.from_environment(self.environment)
        refuse_incomplete(self.config, credentials)
        return credentials

    def wait(self, seconds: float) -> None:
        """Sleep."""
        time.sleep(seconds)

    def outside_a_test(self) -> AbstractContextManager[object]:
        """Let the call through."""
        return self.running(RunningTest("outside a test"))

    @contextmanager
    def running(self, test: RunningTest) -> Iterator[None]:
        """Let calls through."""
        refuse_faults(test)
        yield
