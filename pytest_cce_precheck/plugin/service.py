"""The fixture ``cce_service``: the mode's answers over real HTTP."""

from __future__ import annotations

import os
from contextlib import suppress
from typing import TYPE_CHECKING

from pytest_cce_precheck.proxy.service import Ids, Service
from pytest_cce_precheck.transport.simulate import received
from pytest_cce_precheck.wire.exchange import Exchange, TransportError

if TYPE_CHECKING:
    from pytest_cce_precheck.client import PrecheckClient
    from pytest_cce_precheck.errors import CcePrecheckError
    from pytest_cce_precheck.plugin.session import Harness
    from pytest_cce_precheck.wire.exchange import Request, Response


def service_of(harness: Harness, client: PrecheckClient) -> Service:
    """Return the service of a session; the running test makes its exchanges, and fails if one cannot be answered."""
    mode, is_real = harness.mode, harness.config.mode.is_real

    def answer(request: Request) -> Response:
        response = mode.answer(request, client)
        # what a real service is asked for, the client observes
        if not is_real:
            with suppress(TransportError):
                harness.answered(Exchange(request, received(response, request)))
        return response

    def failed(error: CcePrecheckError) -> None:
        misses = (harness.test or mode).misses
        if error not in misses:
            misses.append(error)

    def ids() -> Ids:
        target = mode.target
        return Ids(target.project_id, target.cluster_id)

    return Service(
        answer,
        lambda: mode.service_credentials,
        ids,
        verifies=not harness.config.mode.is_simulated,
        waits=is_real,
        failed=failed,
        region=harness.config.region,
        environment=os.environ,
    )
