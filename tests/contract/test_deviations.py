"""A document that follows another of the vendor's pages is written straight, in a copy, and the page is named."""

from __future__ import annotations

import copy
from typing import Any

import pytest

from pytest_cce_precheck.contract.deviations import deviation, normalise
from pytest_cce_precheck.contract.rules import rules
from tests.contract.answers import beside, creation, listing, respelt, task
from tests.contract.documents import drop, put


def silent(number: int = 1) -> Any:
    return drop(task(number, "Init"), "status", "message")


STRAIGHT: list[tuple[str, Any, Any]] = [
    ("PRE210", {**listing([task()]), "items": task()}, listing([task()])),
    ("PRE211", listing([task(2), respelt()]), listing([task(2), task()])),
    ("PRE212", listing([task(2), beside()]), listing([task(2), task()])),
    ("PRE213", listing([silent()]), listing([put(task(1, "Init"), "status", "message", "")])),
]


@pytest.mark.parametrize(("code", "document", "straight"), STRAIGHT, ids=[code for code, *_ in STRAIGHT])
def test_a_list_that_follows_another_page_is_written_straight_in_a_copy(
    code: str, document: Any, straight: Any
) -> None:
    sent = copy.deepcopy(document)
    written, findings = normalise(document, "list")
    assert (written, [each.code for each in findings]) == (straight, [code])
    assert document == sent


@pytest.mark.parametrize("operation", ["list", "create"])
def test_a_document_as_the_tables_have_it_is_left_as_it_is(operation: Any) -> None:
    document = listing() if operation == "list" else creation()[1]
    written, findings = normalise(document, operation)
    assert (written, findings) == (document, [])


def test_no_time_is_spent_on_a_copy_of_a_list_that_follows_the_tables() -> None:
    document = listing()
    assert normalise(document, "list")[0] is document


def test_a_field_that_stands_in_both_places_follows_the_tables() -> None:
    both = put(put(task(), "riskList", []), "metadata", "createTimestamp", "2026-11-22T18:00:00Z")
    document = listing([both])
    assert normalise(document, "list") == (document, [])


def test_a_message_is_missing_if_the_task_is_in_another_state_than_init() -> None:
    document = listing([drop(task(1, "Running"), "status", "message")])
    assert normalise(document, "list") == (document, [])


def test_a_deviation_is_named_with_its_first_places_and_their_number_if_there_are_several() -> None:
    rule = rules()["PRE211"]
    paths = [f"$.items[{number}].metadata.createTimestamp" for number in range(4)]
    one, several = deviation("PRE211", paths[:1]), deviation("PRE211", paths)
    assert one.message == f"{rule.title} ({rule.name})"
    assert several.message == f"{rule.title} in 4 places ({rule.name})"
    assert (several.path, several.subject) == (paths[0], (rule.name,))
    assert dict(several.evidence) == {"documents": rule.source, "places": '["' + '", "'.join(paths[:3]) + '"]'}
