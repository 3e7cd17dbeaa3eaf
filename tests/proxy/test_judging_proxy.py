"""A judging proxy between a client of ten usual questions and a service with a fault, in process and over real HTTP."""

from __future__ import annotations

import random
from typing import TYPE_CHECKING, Final
from urllib.parse import urlencode

import pytest
import requests

from pytest_cce_precheck import (
    Credentials,
    Headers,
    HttpTransport,
    PrecheckClient,
    Request,
    Response,
    Simulator,
    SimulatorServer,
)
from pytest_cce_precheck.proxy.answering import Proxy
from pytest_cce_precheck.proxy.forwarding import asked_anew
from pytest_cce_precheck.proxy.modes import JudgingProxy, Means
from pytest_cce_precheck.proxy.open_tests import OpenTests
from pytest_cce_precheck.proxy.service import Ids, Service, local_credentials
from pytest_cce_precheck.redaction.recordings import Redaction
from pytest_cce_precheck.simulator.faults import FAULTS
from pytest_cce_precheck.simulator.variations import VARIATIONS
from pytest_cce_precheck.transport.simulate import InProcessTransport
from pytest_cce_precheck.wire.exchange import TransportError
from pytest_cce_precheck.wire.vocabulary import list_path
from tests.usual_questions import ask_ten_usual_questions

if TYPE_CHECKING:
    from pathlib import Path

    from pytest_cce_precheck.transport.live import Transport

JSON: Final = Headers({"Content-Type": "application/json"})
# what ten answers show without showing that it is wrong
NOT_TOLD: Final = {
    **dict.fromkeys(("all-clusters-in-one-list", "one-task-of-another-cluster"), "nobody asked the other cluster"),
    **dict.fromkeys(("always-throttled", "type-and-instance-never-available"), "it says when to come again"),
    **dict.fromkeys(
        (
            *("answers-half", "closes-on-combinations", "content-length-too-large", "every-eighth-connection-breaks"),
            "never-answers-under-instance",
        ),
        "each question is lost once, which any connection may be",
    ),
    **dict.fromkeys(
        ("filtered-read-adds-a-task", "reads-add-tasks", "running-task-vanishes"), "others may have done that"
    ),
    **dict.fromkeys(("header-injected-by-any-filter", "header-injected-by-task-id"), "a header repeats a good value"),
    **dict.fromkeys(("tag-knows-no-filters", "tag-of-the-count"), "a tag is believed until it is sent back"),
}
# beside those of the catalogue
FITTING: Final = {"fails-on-unknown-ids": {"PRE124"}, "fails-on-unknown-types": {"PRE124"}}


class Judged:
    """What a client of the ten questions was answered through a judging proxy, and the codes that it was told."""

    def __init__(self, simulator: Simulator, transport: Transport, folder: Path, *, endpoint: str = "") -> None:
        client = PrecheckClient(
            transport, endpoint=endpoint or simulator.endpoint, project_id=simulator.project_id,
            cluster_id=simulator.cluster_id, credentials=simulator.credentials,
        )  # fmt: skip
        means = Means(
            folder, lambda request: asked_anew(request, client), lambda _: Redaction(Credentials()),
            lambda *_: "", lambda _, __: None,
        )  # fmt: skip
        self.proxy = Proxy(JudgingProxy(means), OpenTests(), {}, observe=lambda *_: None, report=dict)
        self.path = list_path(simulator.project_id, simulator.cluster_id)
        self.shown: list[object] = []
        (self._ask_over_http if endpoint else self._ask_in_process)()
        self.proxy.end_all()
        client.close()
        self.codes = {each.code for each in self.proxy.rest.findings}
        self.errors = {each.code for each in self.proxy.rest.findings if each.severity == "error"}

    def _ask_in_process(self) -> None:
        def ask(**filters: str) -> Response | None:
            try:
                response = self.proxy.answer(Request("GET", "", self.path, urlencode(filters), JSON))
            except TransportError as error:
                self.shown.append(error.reason)
                return None
            self.shown.append((response.status, response.headers.without("X-Request-Id").pairs, response.body))
            return response

        ask_ten_usual_questions(ask)

    def _ask_over_http(self) -> None:
        local = local_credentials()
        with Service(self.proxy.answer, lambda: local, lambda: Ids("p", "c"), waits=True) as service:

            def ask(**filters: str) -> Response | None:
                headers = {**JSON, **service.headers()}
                told = requests.get(service.url + self.path, params=filters, headers=headers, timeout=10)
                return Response(told.status_code, body=told.content)

            ask_ten_usual_questions(ask)


def judged(folder: Path, *, fault: str = "", variation: str = "") -> Judged:
    simulator = Simulator(faults=[fault] if fault else [], variations=[variation] if variation else [])
    return Judged(simulator, InProcessTransport(simulator), folder)


def test_of_fifty_faults_each_that_shows_in_the_answers_is_named(tmp_path: Path) -> None:
    right = judged(tmp_path)
    unnamed = {}
    for fault in random.Random(0).sample(sorted(FAULTS), 50):
        found = judged(tmp_path, fault=fault)
        fitting = {*FAULTS[fault].codes, *FITTING.get(fault, ())}
        if found.shown != right.shown and not found.codes & fitting and fault not in NOT_TOLD:
            unnamed[fault] = found.codes
    assert unnamed == {}


def test_a_first_list_that_was_empty_is_named_once_the_next_has_old_tasks(tmp_path: Path) -> None:
    assert judged(tmp_path, fault="first-list-empty").errors == {"PRE506"}


@pytest.mark.parametrize("variation", ["", *VARIATIONS])
def test_what_follows_the_contract_is_no_error(tmp_path: Path, variation: str) -> None:
    assert judged(tmp_path, variation=variation).errors == set()


@pytest.mark.parametrize("fault", ["", "type-filter-ignored", "one-task-lost-under-type", "type-changes"])
def test_over_http_the_same_is_found(fault: str, tmp_path: Path) -> None:
    simulator = Simulator(faults=[fault] if fault else [])
    with SimulatorServer(simulator) as server:
        found = Judged(simulator, HttpTransport(timeout=5), tmp_path, endpoint=server.endpoint)
    assert found.errors == judged(tmp_path, fault=fault).errors
    assert bool(found.errors) == bool(fault)
