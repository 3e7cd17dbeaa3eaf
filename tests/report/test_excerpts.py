"""The part of an answer that shows a finding: which lines, which of them are marked, and nothing secret."""

from __future__ import annotations

import json

from pytest_cce_precheck.contract.findings import Finding
from pytest_cce_precheck.redaction.texts import Redactor
from pytest_cce_precheck.report.excerpts import excerpts, finding_as_data
from pytest_cce_precheck.wire.exchange import LARGE, Exchange, Request, Response
from tests.contract.answers import listing, task

ASKED = Request("GET", "https://cce.example", "/p")


def answered(document: object, status: int = 200) -> Exchange:
    return Exchange(ASKED, Response(status, body=json.dumps(document).encode()))


def marked(excerpt: dict[str, list[str]]) -> list[str]:
    return [excerpt["lines"][int(number)].strip() for number in excerpt["marked"]]


def test_the_value_at_the_path_is_marked_and_the_tasks_beside_it_are_folded() -> None:
    exchange = answered(listing([task(n, "Running") for n in range(5)]))
    found = Finding("PRE305", "x", "$.items[2].status.status", exchanges=(exchange,))
    [excerpt] = excerpts(found, str)
    assert marked(excerpt) == ['"status": "Running",']
    assert [line.strip() for line in excerpt["lines"] if "more" in line] == ["… 2 more", "… 2 more"]


def test_of_a_field_that_is_missing_its_object_is_marked() -> None:
    exchange = answered(listing([task(0, "Failed")]))
    found = Finding("PRE302", "x", "$.items[0].metadata.expireTimeStamp2", exchanges=(exchange,))
    [excerpt] = excerpts(found, str)
    assert marked(excerpt)[0] == '"metadata": {'


def test_of_a_member_that_the_answer_lacks_the_others_are_marked_and_folded() -> None:
    document = listing([task(0, "Failed"), task(1, "Failed")])
    del document["kind"]
    exchange = answered(document)
    [excerpt] = excerpts(Finding("PRE201", "x", path="$.kind", exchanges=(exchange,)), str)
    assert marked(excerpt) == ["{", '"apiVersion": "v3",', '"pageInfo": {…},', '"items": [… 2 …]', "}"]


def test_of_two_answers_the_field_that_a_filter_selects_by_is_marked_in_both() -> None:
    tasks = [task(n, "Running") for n in range(3)]
    found = Finding(
        "PRE401",
        "x",
        "$.items[0]",
        subject=("type",),
        exchanges=(answered(listing(tasks[1:])), answered(listing(tasks))),
    )
    first, second = excerpts(found, str)
    assert marked(first) == marked(second) == [f'"type": "{tasks[1]["metadata"]["type"]}",']


def test_a_task_that_one_answer_lacks_is_named() -> None:
    tasks = [task(n, "Running") for n in range(2)]
    lost = tasks[1]["metadata"]["taskID"]
    found = Finding(
        "PRE402", f"it does not show {lost}", exchanges=(answered(listing(tasks[:1])), answered(listing(tasks)))
    )
    first, second = excerpts(found, str)
    assert (first["missing"], first["marked"], "missing" in second) == (lost, [], False)
    assert second["marked"]


def test_of_a_refusal_which_may_hold_any_secret_nothing_is_shown() -> None:
    exchange = answered({"errorCode": "CCE.01401001", "errorMessage": "expected PLANTED"}, 401)
    assert excerpts(Finding("PRE608", "x", exchanges=(exchange,)), str) == [{"lines": [], "marked": []}]


def test_unknown_keys_are_masked_as_in_a_cassette() -> None:
    exchange = answered({**listing([]), "owner": "PLANTED"})
    assert "PLANTED" not in str(excerpts(Finding("PRE203", "x", "$.kind", exchanges=(exchange,)), str))


def test_of_a_large_body_that_was_released_its_beginning_is_shown_without_a_word_that_is_cut() -> None:
    document = {**listing([task(1)]), "owner": "PLANTED", "note": "S3CRET-" * 1000, "padding": "x" * LARGE}
    kept = answered(document).abridged()
    assert b"S3CRET" in kept.response.body[-20:]
    shown = finding_as_data(Finding("PRE305", "x", "$.items[0].status", exchanges=(kept,)), Redactor(()), None)
    [excerpt] = [each["excerpt"] for each in shown["exchanges"]]
    assert excerpt["lines"][0].startswith('{"kind": "AddonCheck"')
    assert excerpt["marked"] == []
    assert "S3CRET" not in str(excerpt)
    assert "PLANTED" not in str(excerpt)
