"""Answers from a real service."""

from __future__ import annotations

import time
from contextlib import nullcontext
from functools import cached_property
from typing import TYPE_CHECKING

from pytest_cce_precheck.plugin.modes.base import ServiceTarget, TestContext
from pytest_cce_precheck.plugin.validation import refuse_incomplete, tokens_for
from pytest_cce_precheck.wire.credentials import Credentials, secrets_in

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping
    from contextlib import AbstractContextManager

    from pytest_cce_precheck.config.options import Config
    from pytest_cce_precheck.transport.tokens import Tokens


class LiveMode:
    """The service and the cluster of the settings; nothing is read from a cassette, and none is written."""

    def __init__(
        self, config: Config, environment: Mapping[str, str], remaining: Callable[[], float | None] = lambda: None
    ) -> None:
        self.config = config
        self.environment = environment
        self._remaining = remaining

    @property
    def target(self) -> ServiceTarget:
        """What the settings name."""
        config = self.config
        return ServiceTarget((config.service or "").rstrip("/"), config.project_id or "", config.cluster_id or "")

    def credentials(self) -> Credentials:
        """Return the environment's, or a token that is fetched."""
        credentials = Credentials.from_environment(self.environment)
        if self.tokens is not None:
            credentials = Credentials(token=self.tokens.current())
        refuse_incomplete(self.config, credentials)
        return credentials

    @cached_property
    def tokens(self) -> Tokens | None:
        """What fetches and renews tokens, where there is one to be fetched."""
        return tokens_for(self.config, self.environment, self._remaining)

    @property
    def secrets(self) -> tuple[str, ...]:
        """All that must never be shown: what the environment holds, and each token so far."""
        return (*secrets_in(self.environment), *(self.tokens.secrets if self.tokens else ()))

    def wait(self, seconds: float) -> None:
        """Sleep."""
        time.sleep(seconds)

    def known_tasks(self) -> None:
        """Return None: only the service knows them."""

    def outside_a_test(self) -> AbstractContextManager[object]:
        """Let the call through."""
        return self.running(TestContext("outside a test"))

    def running(self, _: TestContext) -> AbstractContextManager[object]:
        """Let calls through."""
        return nullcontext()
