"""A simulator that notes what is done to it: its replay, and its copies, are as it was."""

from __future__ import annotations

import json
import re

import pytest

from pytest_cce_precheck.challenge.differences import difference
from pytest_cce_precheck.challenge.notes import NotedSimulator, replayed
from pytest_cce_precheck.errors import ConfigurationError
from pytest_cce_precheck.simulator.clock import RunningClock
from pytest_cce_precheck.simulator.faults import FAULTS
from pytest_cce_precheck.simulator.variations import VARIATIONS
from pytest_cce_precheck.wire.exchange import Headers, Request, Response
from pytest_cce_precheck.wire.vocabulary import TOKEN_HEADER, list_path


def ask(simulator: NotedSimulator, query: str = "") -> Response:
    token = simulator.credentials.token
    assert token is not None
    path = list_path(simulator.project_id, simulator.cluster_id)
    return simulator.handle(Request("GET", simulator.endpoint, path, query, Headers({TOKEN_HEADER: token.reveal()})))


def arranged() -> tuple[NotedSimulator, list[Response]]:
    simulator = NotedSimulator(seed=3)
    simulator.clear()
    simulator.add_task(template="coredns", state="Running", runs=60)
    with pytest.raises(ConfigurationError):
        simulator.add_task(template="coredns", state="Finished")
    answers = [ask(simulator)]
    simulator.advance(90)
    answers.append(ask(simulator))
    simulator.answer(type="addonStatic", status=429)
    answers += [ask(simulator, "type=addonStatic"), ask(simulator, "type=addonStatic")]
    return simulator, answers


def test_a_replay_repeats_what_was_arranged_and_how_time_passed() -> None:
    simulator, answers = arranged()
    assert [answer for _, answer in replayed(simulator.notes)] == answers
    assert [answer.status for answer in answers] == [200, 200, 429, 200]
    assert b"Running" in answers[0].body
    assert b"Running" not in answers[1].body


def test_a_fault_is_added_to_what_was_arranged() -> None:
    simulator, answers = arranged()
    [(_, first), *_] = replayed(simulator.notes, "count-one-short")
    assert isinstance(first, Response)
    assert first.document["pageInfo"]["currentCount"] == answers[0].document["pageInfo"]["currentCount"] - 1


def test_a_fault_that_a_test_has_already_is_not_there_twice() -> None:
    simulator = NotedSimulator(faults=["count-one-short"])
    answer = ask(simulator)
    assert replayed(simulator.notes, "count-one-short")[0][1] == answer


def test_a_copy_answers_as_its_original_would_and_leaves_it_alone() -> None:
    simulator, _ = arranged()
    copied = simulator.copy()
    copied.add_task(template="npd")
    assert len(ask(copied).document["items"]) == 2
    assert len(ask(simulator).document["items"]) == 1
    assert copied.notes.asked == simulator.notes.asked


def test_a_clock_that_runs_is_replayed_by_one_that_stands_still() -> None:
    simulator = NotedSimulator(clock=RunningClock())
    answers = [ask(simulator), ask(simulator, "type=addonUpgrade")]
    again = [answer for _, answer in replayed(simulator.notes)]
    assert [each.document for each in again if isinstance(each, Response)] == [each.document for each in answers]


# captured from a service that left out what it may, and what it may not
ODD_TASKS = (
    {"metadata": {"type": "addonUpgrade", "taskID": "a"}, "status": {"status": "Failed"}},
    {"metadata": {"type": "addonStatic", "taskID": "b", "createTimeStamp": None}, "status": {}},
    {"metadata": {"type": None, "taskID": None}, "status": {"status": "Success", "riskList": [{}]}},
    {"metadata": {}},
)


def odd_answers() -> list[NotedSimulator]:
    """Simulators with odd tasks, with none, and with answers that are no documents."""
    empty, odd, strange = NotedSimulator(), NotedSimulator(), NotedSimulator()
    empty.clear()
    # each of them breaks rules, and which does not matter here
    document = {"items": list(ODD_TASKS)}
    rules_broken = re.compile(r'breaks=(\[".*"\])$')
    breaks: list[str] = []
    while True:
        try:
            odd.load(document, breaks=breaks)
        except ConfigurationError as error:
            [found] = rules_broken.findall(str(error))
            breaks = json.loads(found)
        else:
            break
    for body in (b"", b"[1]", "no JSON", {"items": {}}, {"kind": 3, "items": [None]}):
        strange.answer(body=body)
    for simulator in (empty, odd):
        ask(simulator)
        ask(simulator, "type=addonUpgrade")
    for _ in range(5):
        ask(strange)
    return [empty, odd, strange]


def test_a_fault_can_be_tried_on_whatever_tasks_and_answers_a_test_has_arranged() -> None:
    for simulator in odd_answers():
        before = replayed(simulator.notes)
        assert all(isinstance(answer, Response) for _, answer in before)
        for name in (*FAULTS, *VARIATIONS):
            difference(before, replayed(simulator.notes, name))
