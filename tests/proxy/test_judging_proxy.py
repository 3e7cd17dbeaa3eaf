"""A judging proxy between a client of ten usual questions and a service with a fault, over real HTTP."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import pytest
import requests

from pytest_cce_precheck import Credentials, HttpTransport, PrecheckClient, Response, Simulator, SimulatorServer
from pytest_cce_precheck.proxy.answering import Proxy
from pytest_cce_precheck.proxy.forwarding import asked_anew
from pytest_cce_precheck.proxy.modes import JudgingProxy, Means
from pytest_cce_precheck.proxy.open_tests import OpenTests
from pytest_cce_precheck.proxy.service import Ids, Service, local_credentials
from pytest_cce_precheck.redaction.recordings import Redaction
from pytest_cce_precheck.simulator.faults import FAULTS as ALL
from pytest_cce_precheck.wire.vocabulary import list_path
from tests.usual_questions import FAULTS, ask_ten_usual_questions

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path


@pytest.fixture(scope="module")
def server() -> Iterator[SimulatorServer]:
    with SimulatorServer(Simulator()) as running:
        yield running


def judged(server: SimulatorServer, folder: Path, **options: Any) -> set[str]:
    """Return the codes of the errors that the ten questions show."""
    simulator = server.simulator = Simulator(**options)
    client = PrecheckClient(
        HttpTransport(timeout=5), endpoint=server.endpoint, project_id=simulator.project_id,
        cluster_id=simulator.cluster_id, credentials=simulator.credentials,
    )  # fmt: skip
    means = Means(
        folder, lambda request: asked_anew(request, client), lambda _: Redaction(Credentials()),
        lambda *_: "", lambda _: None,
    )  # fmt: skip
    proxy = Proxy(JudgingProxy(means), OpenTests(), {}, observe=lambda *_: None, report=dict)
    local = local_credentials()
    with Service(proxy.answer, lambda: local, lambda: Ids("p", "c"), waits=True) as service:
        url = service.url + list_path(simulator.project_id, simulator.cluster_id)

        def ask(**filters: str) -> Response | None:
            try:
                told = requests.get(url, params=filters, headers=service.headers(), timeout=10)
            except requests.ConnectionError:
                return None
            return Response(told.status_code, body=told.content)

        ask_ten_usual_questions(ask)
    proxy.end_all()
    client.close()
    return {each.code for each in proxy.rest.findings if each.severity == "error"}


def test_a_service_without_a_fault_shows_none(server: SimulatorServer, tmp_path: Path) -> None:
    assert judged(server, tmp_path) == set()


@pytest.mark.parametrize("fault", FAULTS)
def test_a_fault_behind_the_proxy_is_found(fault: str, server: SimulatorServer, tmp_path: Path) -> None:
    found = judged(server, tmp_path, faults=[fault])
    assert found & set(ALL[fault].codes), found
