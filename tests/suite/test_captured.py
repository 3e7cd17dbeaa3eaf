"""Exchanges that another program made, judged alone and together: what they prove, and what they do not."""

from __future__ import annotations

import json
import random
from typing import TYPE_CHECKING, Any, Final

import pytest

from pytest_cce_precheck import Exchange, Headers, PrecheckClient, Request, Response, Simulator
from pytest_cce_precheck.simulator.staging.service import Staging
from pytest_cce_precheck.simulator.variations import VARIATIONS
from pytest_cce_precheck.suite.captured import Captured, Timed
from pytest_cce_precheck.transport.simulate import InProcessTransport
from pytest_cce_precheck.wire.exchange import TransportError
from pytest_cce_precheck.wire.vocabulary import create_path, list_path
from tests.usual_questions import ask_ten_usual_questions

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from pytest_cce_precheck.contract.findings import Finding


def judged(simulator: Simulator) -> list[Finding]:
    """Return what the ten questions find."""
    received: list[Exchange] = []
    client = PrecheckClient(
        InProcessTransport(simulator), endpoint=simulator.endpoint, project_id=simulator.project_id,
        cluster_id=simulator.cluster_id, credentials=simulator.credentials, observe=received.append,
    )  # fmt: skip

    def ask(**filters: str) -> Response | None:
        try:
            return client.list_tasks(**filters).response
        except TransportError:
            return None

    ask_ten_usual_questions(ask)
    captured = Captured()
    return [found for n, each in enumerate(received) for found in captured.judge(Timed(each, n, n + 0.5))]


@pytest.mark.parametrize("variation", VARIATIONS)
def test_no_variation_is_flagged(variation: str) -> None:
    findings = judged(Simulator(variations=[variation]))
    assert [str(each.message) for each in findings if each.severity == "error" and each.kind == "violation"] == []


@pytest.mark.parametrize("profile", ["calm", "busy", "throttled", "flaky", "locking", "skewed", "lagging", "hostile"])
def test_a_client_of_a_shared_service_is_told_no_violation_that_is_none(profile: str) -> None:
    staging = Staging(profile, seed=1, time_scale=5.0)
    clock, answers = staging.clock, []
    client = PrecheckClient(
        InProcessTransport(staging), endpoint=staging.endpoint, project_id=staging.project_id,
        cluster_id=staging.cluster_id, credentials=staging.credentials, observe=answers.append,
    )  # fmt: skip
    # where replicas lag, an answer may be older than the one before it
    captured = Captured(together=profile not in ("lagging", "hostile"))
    filters, tasks = random.Random(0), [{"taskID": "t-1", "addonInstanceID": "i-1", "type": "addonStatic"}]
    found = []
    for _ in range(200):
        one = filters.choice(tasks)
        began = clock.now().timestamp()
        asked = filters.choice(
            [
                {},
                {},
                {"type": "addonUpgrade"},
                {"task_id": one["taskID"]},
                {"addon_instance_id": one["addonInstanceID"]},
            ]
        )
        try:
            exchange = client.list_tasks(**asked)
        except TransportError:
            continue
        found += captured.judge(Timed(exchange, began, clock.now().timestamp()))
        if not asked and exchange.status == 200:
            tasks = [task["metadata"] for task in exchange.document["items"]] or tasks
    assert any(each.status == 200 for each in answers)
    assert [each.message for each in found if each.severity == "error"] == []


# ---- what proves nothing


def task(key: str, state: str = "Running", kind: str = "addonStatic") -> dict[str, Any]:
    metadata = {"type": kind, "taskID": key, "addonTemplateName": "coredns", "addonInstanceID": "i-1"}
    metadata["createTimeStamp"] = "2026-01-02T03:04:05Z"
    return {"metadata": metadata, "status": {"status": state, "message": "m"}}


def answer(tasks: Sequence[dict[str, Any]], query: str = "", status: int = 200) -> Exchange:
    document = {"kind": "AddonCheck", "apiVersion": "v3", "pageInfo": {"currentCount": len(tasks)}, "items": tasks}
    if status != 200:
        document = {"errorCode": f"CCE.03{status}001", "errorMessage": "no"}
    headers = Headers([("Content-Type", "application/json")])
    asked = Request("GET", "https://cce.example", list_path("p", "c"), query)
    return Exchange(asked, Response(status, headers, json.dumps(document).encode()))


def codes(*exchanges: Exchange | tuple[Exchange, float, float], together: bool = True) -> list[str]:
    captured = Captured(together=together)
    timed = (Timed(*each) if isinstance(each, tuple) else Timed(each, n, n + 0.5) for n, each in enumerate(exchanges))
    return [found.code for each in timed for found in captured.judge(each) if found.severity == "error"]


A, B = task("a-000001"), task("b-000002", kind="addonUpgrade")
LIST: Final = answer([A, B])


def test_a_filtered_answer_is_compared_with_the_lists_around_it() -> None:
    assert codes(LIST, answer([A], "type=addonStatic"), LIST) == []
    assert codes(LIST, answer([], "type=addonStatic"), LIST) == ["PRE402"]
    assert codes(LIST, answer([A, B], "task_id=a-000001"), LIST)[0] == "PRE401"


def test_without_a_list_before_or_after_it_only_what_one_answer_shows_is_judged() -> None:
    assert codes(answer([], "type=addonStatic"), LIST) == []
    assert codes(LIST, answer([], "type=addonStatic")) == []


def test_what_overlaps_in_time_is_not_compared() -> None:
    wrong = answer([], "type=addonStatic")
    assert codes((LIST, 0, 2), (wrong, 1, 3), (LIST, 4, 5)) == []
    assert codes((LIST, 0, 1), (wrong, 2, 5), (LIST, 4, 6)) == []
    back = answer([task("a-000001", "Init"), B])
    assert codes((LIST, 1, 2), (back, 0, 3)) == []
    assert codes((LIST, 1, 2), (back, 3, 4)) == ["PRE501"]


def test_a_task_that_came_or_went_meanwhile_is_nobodys_mistake() -> None:
    assert codes(answer([B]), answer([A], "type=addonStatic"), LIST) == []
    assert codes(LIST, answer([], "type=addonStatic"), answer([B])) == []
    gone = answer([A], "task_id=a-000001")
    assert codes((answer([B]), 0, 1), (gone, 20, 21), (answer([B]), 40, 41)) == []


@pytest.mark.parametrize(
    ("query", "status"),
    [
        ("task_id=nothing-has-this", 404),
        ("task_id=%00", 400),
        ("type=addonUnknown", 400),
        ("type=", 400),
        ("type=addonStatic&limit=1", 400),
        ("type=addonStatic&type=addonUpgrade", 400),
        ("TYPE=addonStatic", 400),
        ("type=addonStatic", 429),
        ("type=addonStatic", 500),
    ],
)
def test_a_refusal_that_the_contract_leaves_open_is_no_finding(query: str, status: int) -> None:
    assert "PRE102" not in codes(LIST, answer([], query, status), LIST)


def test_a_documented_question_may_not_be_refused() -> None:
    assert codes(LIST, answer([], "type=addonStatic", 400), LIST) == ["PRE102"]
    assert codes(LIST, answer([], "task_id=a-000001", 404), LIST) == ["PRE102"]


def test_the_same_question_answered_rightly_and_then_wrongly_is_not_repeatable() -> None:
    right, wrong = answer([A], "type=addonStatic"), answer([], "type=addonStatic")
    assert codes(LIST, right, LIST, wrong, LIST) == ["PRE411"]


def test_a_task_may_be_created_after_it_was_asked_for_and_once_per_read() -> None:
    tasks = [task(f"t-{number:06}") for number in range(8)]
    assert codes(answer([]), answer([], "addon_instance_id=i-1"), answer([A])) == []
    assert codes(*(answer(tasks[:number]) for number in range(8))) == []


def test_clusters_are_not_compared_with_each_other() -> None:
    path = list_path("p", "other")
    other = Exchange(Request("GET", "https://cce.example", path), answer([]).response)
    assert codes(LIST, other, LIST) == []


def test_replicas_that_lag_leave_each_answer_to_itself() -> None:
    assert codes(LIST, answer([], "type=addonStatic"), LIST, together=False) == []


@pytest.mark.parametrize("status", [502, 503, 504])
def test_what_a_gateway_answers_for_an_unavailable_service_says_nothing(status: int) -> None:
    request = Request("GET", "https://cce.example", list_path("p", "c"))
    page = Response(status, Headers([("Content-Type", "text/html")]), b"<html>Bad Gateway</html>")
    assert codes(LIST, Exchange(request, page), LIST) == []


def test_other_calls_are_not_judged() -> None:
    def calls() -> Iterator[Exchange]:
        for method, path in (("GET", "/api/v3/projects"), ("OPTIONS", list_path("p", "c"))):
            yield Exchange(Request(method, "https://cce.example", path), Response(200, body=b"x"))

    assert codes(*calls()) == []
    create = Request("POST", "https://cce.example", create_path("p", "c"), body=b"{}")
    assert codes(Exchange(create, Response(200, body=b"x"))) != []
