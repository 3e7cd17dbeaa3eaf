"""What a fault changes in the answers to a few requests, and the assertion that notices it."""

from __future__ import annotations

import json
from types import SimpleNamespace
from typing import TYPE_CHECKING

import pytest

from pytest_cce_precheck.challenge.differences import difference
from pytest_cce_precheck.challenge.notes import NotedSimulator, replayed
from pytest_cce_precheck.simulator.faults import FAULTS
from pytest_cce_precheck.simulator.variations import VARIATIONS
from pytest_cce_precheck.transport.simulate import received
from pytest_cce_precheck.wire.exchange import Headers, Request, Response
from pytest_cce_precheck.wire.vocabulary import TOKEN_HEADER, list_path

if TYPE_CHECKING:
    from pytest_cce_precheck.challenge.notes import Answered, Notes


@pytest.fixture(scope="module")
def notes() -> Notes:
    """Some lists with and without filters, and one whose credentials are wrong."""
    simulator = NotedSimulator()
    token = simulator.credentials.token
    assert token is not None
    path = list_path(simulator.project_id, simulator.cluster_id)
    cluster = simulator.state.clusters[simulator.cluster_id]
    instance, task = cluster.instances[0].id, cluster.tasks[0].id
    queries = ("", "type=addonUpgrade", f"addon_instance_id={instance}", f"task_id={task}", "task_id=unknown", "")
    for query, used in (*((query, token.reveal()) for query in queries), ("", "wrong")):
        headers = Headers({TOKEN_HEADER: used})
        simulator.handle(Request("GET", simulator.endpoint, path, query, headers))
    return simulator.notes


def holds(assertion: str, answered: Answered) -> bool:
    request, answer = answered
    try:
        assert isinstance(answer, Response)
        read = received(answer, request)
        given = SimpleNamespace(status_code=read.status, headers=read.headers, json=lambda: json.loads(read.body))
        exec(assertion, {"answer": given, "document": None if "answer" in assertion else given.json()})
    except Exception:
        return False
    return True


@pytest.mark.parametrize("name", FAULTS)
def test_an_assertion_holds_for_the_answers_without_the_fault_and_fails_on_one_with_it(notes: Notes, name: str) -> None:
    before, after = replayed(notes), replayed(notes, name)
    found = difference(before, after)
    if found is None or not found.assertion:
        return
    pairs = zip(before, after, strict=True)
    assert any(holds(found.assertion, old) and not holds(found.assertion, new) for old, new in pairs), found


def test_most_faults_change_one_of_the_answers(notes: Notes) -> None:
    found = [difference(replayed(notes), replayed(notes, name)) for name in FAULTS]
    assert sum(each is not None and bool(each.assertion) for each in found) > 150


def test_the_replay_gives_the_same_answers_each_time(notes: Notes) -> None:
    assert difference(replayed(notes), replayed(notes)) is None


@pytest.mark.parametrize(
    ("name", "at", "before", "after", "assertion"),
    [
        ("count-one-short", "$.pageInfo.currentCount", "12", "11", 'document["pageInfo"]["currentCount"] == 12'),
        (
            "count-with-fraction",
            "$.pageInfo.currentCount",
            "12",
            "12.0",
            'type(document["pageInfo"]["currentCount"]) is',
        ),
        ("kind-missing", "$.kind", '"AddonCheck"', "missing", '"kind" in document'),
        ("errors-as-200", "the status", "401", "200", "answer.status_code == 401"),
        ("always-throttled", "the status", "200", "429", "answer.status_code == 200"),
        ("closes-without-an-answer", "the status", "200", "no answer", "answer.status_code == 200"),
        ("type-filter-ignored", "$.items", "6 tasks", "12 tasks, with", "== {'addonUpgrade'}"),
        ("first-match-only", "$.items", "6 tasks", "1 task, without", 'len(document["items"]) == 6'),
        ("items-object", "$.items", "[{", "{", 'isinstance(document["items"], list)'),
        ("trailing-comma", "the body", "{", '"{', "isinstance(answer.json(), dict)"),
    ],
)
def test_a_difference_names_the_place_the_values_and_an_assertion(
    notes: Notes, name: str, at: str, before: str, after: str, assertion: str
) -> None:
    found = difference(replayed(notes), replayed(notes, name))
    assert found is not None
    assert found.at == at
    assert found.before.startswith(before)
    assert found.after.startswith(after)
    assert assertion in found.assertion


@pytest.mark.parametrize("name", ["byte-order-mark", "body-in-utf-16", "no-request-id", "gzip", "body-spaced"])
def test_nobody_has_to_notice_how_an_answer_is_written(notes: Notes, name: str) -> None:
    found = difference(replayed(notes), replayed(notes, name))
    # the request id varies from answer to answer
    assert found is None or not found.assertion
    assert name in FAULTS or name in VARIATIONS
