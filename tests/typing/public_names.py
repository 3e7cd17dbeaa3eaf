"""What type checkers see of each public name. mypy checks this file with the package; nothing here is run."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime
from typing import Any, assert_type

from pytest_cce_precheck import (
    CcePrecheckError,
    ConfigurationError,
    ContractViolation,
    Credentials,
    Exchange,
    Filter,
    Finding,
    Headers,
    HttpTransport,
    InProcessTransport,
    Interception,
    PrecheckClient,
    Request,
    Response,
    Secret,
    Simulator,
    SimulatorServer,
    TransportError,
    add_recordings,
    assert_lossless,
    check,
    strategies,
)
from pytest_cce_precheck.cassette.matching import Playback
from pytest_cce_precheck.errors import TransportReason
from pytest_cce_precheck.explore.queries import FilterValue
from pytest_cce_precheck.sdk.driver import Driver


def a_client_makes_exchanges(client: PrecheckClient) -> None:
    exchange = client.list_tasks(type="addonUpgrade", task_id="t", addon_instance_id="i")
    assert_type(exchange, Exchange)
    assert_type(client.create_tasks([{"name": "coredns"}]), Exchange)
    assert_type(client.list_request("type=addonStatic"), Request)
    assert_type(exchange.status, int)
    assert_type(exchange.date, datetime | None)
    assert_type(exchange.request_id, str | None)
    assert_type(exchange.request.params, tuple[tuple[str, str], ...])
    assert_type(exchange.response.headers["Content-Type"], str)
    client.list_tasks(kind="addonUpgrade")  # type: ignore[call-arg]
    client.list_tasks("addonUpgrade")  # type: ignore[call-arg]


def a_check_finds_findings(exchange: Exchange) -> None:
    findings = check(exchange, expect={200})
    assert_type(findings, list[Finding])
    assert_type(findings[0].code, str)
    assert_type(findings[0].to_dict(), dict[str, Any])


def a_simulator_is_asked_in_process_or_over_http() -> None:
    simulator = Simulator(faults=["count-one-short"])
    assert_type(simulator.credentials, Credentials)
    assert_type(InProcessTransport(simulator).send(Request("GET", "https://e.example", "/")), Exchange)
    with SimulatorServer(simulator) as server:
        assert_type(server.endpoint, str)
    with Interception(simulator):
        pass
    client = PrecheckClient(
        HttpTransport(),
        endpoint="https://e.example",
        project_id="p",
        cluster_id="c",
        credentials=Credentials(token=Secret("t")),
    )
    client.close()


def what_is_on_the_wire_is_a_value() -> None:
    response = Response(200, Headers({"Via": "a"}), b"{}")
    assert_type(response.document, Any)
    assert_type(Secret("s").reveal(), str)
    assert_type(Filter("task_id"), Filter)


def errors_have_one_base(error: TransportError, wrong: ConfigurationError, broken: ContractViolation) -> None:
    both: Sequence[CcePrecheckError] = (error, wrong)
    assert_type(error.reason, TransportReason)
    failed: AssertionError = broken
    assert_type(broken.findings, tuple[Finding, ...])
    del both, failed


def what_a_project_of_its_own_uses(mock: Any, driver: Driver) -> None:
    assert_type(add_recordings(mock, "cassette.json"), Playback)
    assert_lossless(driver, {"items": []})
    strategy = strategies.filters({Filter.TYPE: ["addonStatic"]})
    assert_type(strategy.example(), tuple[FilterValue, ...])
