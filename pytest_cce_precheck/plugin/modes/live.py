"""Answers from a real service."""

from __future__ import annotations

import time
from contextlib import nullcontext
from functools import cached_property
from typing import TYPE_CHECKING

from pytest_cce_precheck.plugin.modes.base import BaseMode, ServiceTarget, TestContext
from pytest_cce_precheck.plugin.validation import refuse_incomplete, tokens_for
from pytest_cce_precheck.proxy.forwarding import forwarded
from pytest_cce_precheck.wire.credentials import Credentials

if TYPE_CHECKING:
    from contextlib import AbstractContextManager

    from pytest_cce_precheck.client import PrecheckClient
    from pytest_cce_precheck.transport.tokens import Tokens
    from pytest_cce_precheck.wire.exchange import Request, Response


class LiveMode(BaseMode):
    """The service and the cluster of the settings; no cassette is read or written."""

    @property
    def target(self) -> ServiceTarget:
        """The service and the cluster of the settings."""
        config = self.config
        return ServiceTarget((config.service or "").rstrip("/"), config.project_id or "", config.cluster_id or "")

    def credentials(self) -> Credentials:
        """Return those of the environment, or a token that is fetched."""
        credentials = Credentials.from_environment(self.environment)
        if self.tokens is not None:
            credentials = Credentials(token=self.tokens.current())
        refuse_incomplete(self.config, credentials)
        return credentials

    @cached_property
    def tokens(self) -> Tokens | None:
        """What fetches and renews tokens, if the settings say how."""
        return tokens_for(self.config, self.environment, self._remaining)

    def wait(self, seconds: float) -> None:
        """Sleep."""
        time.sleep(seconds)

    def running(self, _: TestContext) -> AbstractContextManager[object]:
        """Let calls through."""
        return nullcontext()

    def outside_a_test(self) -> AbstractContextManager[object]:
        """Let the call through."""
        return nullcontext()

    def answer(self, request: Request, client: PrecheckClient) -> Response:
        """Let the client ask the service."""
        return forwarded(request, client)

    def who_answered(self, test: TestContext) -> str | None:
        """Return the endpoint."""
        return str(self.config.service) if test.sent else None
