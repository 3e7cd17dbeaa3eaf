"""Runs of the suite against a simulator whose answers a test changes."""

from __future__ import annotations

import json
from dataclasses import replace
from typing import TYPE_CHECKING

from pytest_cce_precheck.client import PrecheckClient
from pytest_cce_precheck.contract.rules import Kind
from pytest_cce_precheck.simulator.service import Simulator
from pytest_cce_precheck.suite.inspection import Inspection
from pytest_cce_precheck.suite.run_settings import Neighbours, Settings
from pytest_cce_precheck.transport.simulate import InProcessTransport
from pytest_cce_precheck.wire.exchange import Exchange, Headers, Request, Response

if TYPE_CHECKING:
    from collections.abc import Callable

    Answers = Callable[[Request, int, Response], Response | None]

CODES = {
    400: "CCE.03400001",
    401: "CCE.01401001",
    403: "CCE.01403001",
    405: "CCE.03405001",
    409: "CCE.03409001",
    429: "CCE.02429001",
}
GATEWAY = {"error_code": "APIG.0201", "error_msg": "unavailable", "request_id": "r"}


def refusal(status: int, headers: dict[str, str] | None = None) -> Response:
    """Return an error in its documented form."""
    document = {"errorCode": CODES[status], "errorMessage": "refused"} if status in CODES else GATEWAY
    pairs = [("Content-Type", "application/json"), ("X-Request-Id", "r"), *(headers or {}).items()]
    return Response(status, Headers(pairs), json.dumps(document).encode())


class Changed(InProcessTransport):
    """Replaces the simulator's answer if ``answers`` returns one for a request, its number and its answer."""

    def __init__(self, simulator: Simulator, answers: Answers) -> None:
        super().__init__(simulator)
        self._answers = answers
        self.sent: list[Request] = []

    def send(self, request: Request) -> Exchange:
        self.sent.append(request)
        exchange = super().send(request)
        other = self._answers(request, len(self.sent), exchange.response)
        return exchange if other is None else replace(exchange, response=other)


def run_of(
    answers: Answers = lambda *_: None, *, kind: str = "token", simulator: Simulator | None = None, **settings: object
) -> Inspection:
    simulator = simulator or Simulator()
    both = simulator.credentials
    token, keys = replace(both, access_key=None, secret_key=None), replace(both, token=None)
    credentials = {"token": token, "ak/sk": keys, "both": both}
    client = PrecheckClient(
        Changed(simulator, answers),
        endpoint=simulator.endpoint,
        project_id=simulator.project_id,
        cluster_id=simulator.cluster_id,
        credentials=credentials[kind],
    )
    near = Neighbours(simulator.other_cluster_id, simulator.foreign_project_id, simulator.foreign_cluster_id)
    given = {"allow_writes": True, "neighbours": near, "wait": simulator.clock.advance, **settings}
    return Inspection(client, Settings(**given))  # type: ignore[arg-type]


def alarms(run: Inspection) -> list[str]:
    return [finding.code for finding in run.results.findings if finding.kind is not Kind.OBSERVATION]


def is_create(request: Request) -> bool:
    return request.method == "POST" and request.path.endswith("/addons/precheck")
