"""Which ids stand in recordings: those that were shown, and those that were asked for."""

from __future__ import annotations

import json
from typing import Any

import pytest

from pytest_cce_precheck.cassette.format import Failure, Recording
from pytest_cce_precheck.redaction.pseudonyms import asked_ids, pseudonyms_for
from pytest_cce_precheck.wire.exchange import Request, Response

TASK = "0a1b2c3d-1111-4222-8333-444455556666"
OTHER = "9f8e7d6c-1111-4222-8333-444455556666"


def request(path: str = "/x", query: str = "", body: Any = None) -> Request:
    return Request("GET", "https://cce.example", path, query, body=b"" if body is None else json.dumps(body).encode())


@pytest.mark.parametrize(
    ("asked", "ids"),
    [
        (request("/api/v3/projects/p-1/clusters/c%2F1/addons/precheck/tasks"), {"p-1", "c/1"}),
        (request("/api/v3/projects//clusters/"), set()),
        (request(query="task_id=t-1&addon_instance_id=i%201&type=addonStatic&task_id="), {"t-1", "i 1"}),
        (request(body={"spec": {"clusterID": "c-1", "addonList": [{"addonInstanceID": "i-1"}]}}), {"c-1", "i-1"}),
    ],
)
def test_a_request_names_ids_in_its_path_its_filters_and_its_body(asked: Request, ids: set[str]) -> None:
    assert asked_ids(asked) == ids


def shows(task_id: str, asked: Request | None = None) -> Recording:
    return Recording(asked or request(), Response(200, body=json.dumps({"taskID": task_id}).encode()))


def test_an_id_that_an_answer_shows_or_that_is_given_has_a_stand_in() -> None:
    stand_ins = pseudonyms_for(["my-project-1"], [shows(TASK)])
    for known in (TASK, "my-project-1"):
        assert known not in stand_ins.text(f"a {known} z")
    assert stand_ins.text("another word") == "another word"


def test_an_id_that_was_asked_for_has_a_stand_in_if_it_has_the_form_of_those_that_are_known() -> None:
    asked = request(query=f"task_id={OTHER}")
    stand_ins = pseudonyms_for([], [shows(TASK, asked)])
    assert OTHER not in stand_ins.text(OTHER)
    failed = pseudonyms_for([], [Recording(asked, Failure("timeout", "no answer")), shows(TASK)])
    assert failed.text(OTHER) == stand_ins.text(OTHER)


def test_what_was_made_from_an_id_stays_made_from_its_stand_in() -> None:
    asked = [request(query=f"task_id={made}") for made in (TASK[:20], TASK.upper())]
    stand_ins = pseudonyms_for([], [shows(TASK, each) for each in asked])
    stand_in = stand_ins.text(TASK)
    assert stand_ins.derived(TASK[:20]) == stand_in[:20]
    assert stand_ins.derived(TASK.upper()) == stand_in.upper()
