"""What is kept of a run's answers: numbers of tasks, however often each was listed, and nothing of their content."""

from __future__ import annotations

import json
import random
from dataclasses import replace
from typing import TYPE_CHECKING, Any

import pytest

from pytest_cce_precheck.drift.snapshot import traits_as_data, traits_from_data
from pytest_cce_precheck.drift.traits import MOST_NAMES, Observer, Trait, Traits, larger, merge_traits, share_of
from tests.contract.answers import all_states, answered, created, creation, listing, risk, task
from tests.contract.documents import METADATA, drop, put
from tests.look_alikes import access_key, secret_key

if TYPE_CHECKING:
    from collections.abc import Callable

    from pytest_cce_precheck.wire.exchange import Exchange

TASK = "$.items[*]"


def seen(*exchanges: Exchange) -> dict[str, Traits]:
    observer = Observer()
    for exchange in exchanges:
        observer.take(exchange)
    return observer.traits


def listed(*documents: Any) -> Traits:
    return seen(*map(answered, documents))["list 200"]


# ---- what counts


def test_a_task_counts_once_however_often_it_is_listed() -> None:
    traits = listed(listing([task(1)]), listing([task(1), task(2)]), listing([task(2)]), listing([task(1)]))
    assert traits.objects[TASK] == {"addonStatic Success": 2}
    assert traits.objects["$"] == {"all": 3}
    assert traits.fields[f"{TASK}.metadata.createTimeStamp"].fractions == {"3": 2}


def test_an_optional_field_is_counted_for_each_type_and_state_of_task() -> None:
    bare = drop(task(2), "spec")
    traits = listed(listing([task(1), bare, task(3, "Init", "addonUpgrade")]))
    assert traits.fields[f"{TASK}.spec"].there == {"addonStatic Success": (1, 2), "addonUpgrade Init": (1, 1)}
    assert share_of(f"{TASK}.owner", traits) == {"addonStatic Success": (0, 2), "addonUpgrade Init": (0, 1)}


def test_a_required_field_that_one_answer_of_a_task_lacks_is_lacking() -> None:
    traits = listed(listing([task(1)]), listing([drop(task(1), "metadata", "addonTemplateName")]))
    assert traits.fields[f"{TASK}.metadata.addonTemplateName"].there == {"all": (0, 1)}


def test_deviations_are_written_straight_before_they_are_counted() -> None:
    deviating = task(1)
    deviating["metadata"]["createTimestamp"] = deviating["metadata"].pop("createTimeStamp")
    assert listed(listing([deviating])).fields == listed(listing([task(1)])).fields


def test_an_error_has_its_own_kind_and_what_no_document_describes_has_none() -> None:
    refused = answered({"errorCode": "CCE.01401001", "errorMessage": "no"}, status=401)
    asked, answer = creation()
    kinds = seen(refused, created(answer, asked), answered(b"<html>"), answered(["x"], status=500))
    assert list(kinds) == ["create 201", "list 401 (CCE)"]


def test_of_very_many_tasks_some_from_everywhere_are_looked_at() -> None:
    traits = listed(listing([task(number) for number in range(2000)]))
    assert 200 < traits.objects[TASK]["addonStatic Success"] <= 250


# ---- what is kept


def test_no_value_is_kept_but_the_words_of_documented_lists() -> None:
    odd = put(listing(), "items", 3, "status", "status", "Skipped")
    text = json.dumps(traits_as_data({"list 200": listed(odd)}))
    assert "Skipped" in text
    for value in ("coredns", "0a1b2c3d", "2026-11-22", "finish", "1.2.3"):
        assert value not in text


def test_what_is_in_a_field_that_no_document_names_is_not_looked_at() -> None:
    traits = listed(put(listing(), *METADATA, "labels", {"stage": "blue"}))
    assert traits.fields[f"{TASK}.metadata.labels"].types == ("object",)
    assert not any("stage" in path for path in traits.fields)


@pytest.mark.parametrize("maker", [access_key, secret_key])
def test_names_and_words_that_look_like_secrets_are_not_kept(maker: Callable[[random.Random], str]) -> None:
    secret = maker(random.Random(5))
    document = put(put(listing(), *METADATA, secret, 1), "items", 3, "status", "status", secret)
    text = json.dumps(traits_as_data({"list 200": listed(document)}))
    assert secret not in text
    assert '"***"' in text


def test_names_are_bounded_in_number_and_length() -> None:
    wild = {f"task-{number}": number for number in range(MOST_NAMES * 3)} | {"x" * 500: 1}
    traits = listed({**listing(), **wild})
    assert sum(path.startswith('$["task-') for path in traits.fields) == MOST_NAMES
    assert not any("xxx" in path for path in traits.fields)


@pytest.mark.parametrize("text", ["2026-11-22 18:00:00", "", "1700000000"])
def test_a_text_that_is_no_timestamp_has_no_resolution(text: str) -> None:
    traits = listed(listing([put(task(1), "metadata", "createTimeStamp", text)]))
    assert traits.fields[f"{TASK}.metadata.createTimeStamp"].fractions == {"none": 1}


def test_traits_are_read_again_as_they_were_written() -> None:
    asked, answer = creation()
    traits = seen(answered(listing()), created(answer, asked))
    assert traits_from_data(json.loads(json.dumps(traits_as_data(traits)))) == traits


@pytest.mark.parametrize("document", [[], None, 5, {"items": None}, {"items": [None, 1, [], {}]}, {"items": {"a": {}}}])
def test_whatever_is_answered_htraits_from_data(document: Any) -> None:
    assert traits_from_data(json.loads(json.dumps(traits_as_data({"k": listed(document)})))) == {"k": listed(document)}


# ---- what several workers saw


def test_what_two_workers_saw_is_not_added_up() -> None:
    one, other = seen(answered(listing(all_states()[:4]))), seen(answered(listing(all_states()[2:])))
    both = merge_traits(one, other)["list 200"]
    assert max(both.objects[TASK].values()) == 1
    assert merge_traits(one, one) == one
    assert merge_traits(one, {}) == merge_traits({}, one) == one


def test_what_one_worker_saw_lacking_and_the_other_not_is_both() -> None:
    one = seen(answered(listing([task(1), task(2)])))
    other = seen(answered(listing([drop(drop(task(3), "spec"), "metadata", "addonTemplateName")])))
    both = merge_traits(one, other)["list 200"]
    assert both.fields[f"{TASK}.spec"].there == {"addonStatic Success": (2, 3)}
    assert both.fields[f"{TASK}.metadata.addonTemplateName"].there == {"all": (2, 3)}
    both = merge_traits(seen(answered(listing([task(1)]))), seen(answered(listing([task(1, "Init")]))))["list 200"]
    assert both.fields[f"{TASK}.status.status"].words == ("Init", "Success")
    assert both.fields[f"{TASK}.spec"].there == {"addonStatic Init": (1, 1), "addonStatic Success": (1, 1)}
    bare = seen(answered(listing([drop(task(3, "Failed"), "spec")])))
    assert merge_traits(one, bare)["list 200"].fields[f"{TASK}.spec"].there["addonStatic Failed"] == (0, 1)


def test_of_two_shares_the_one_that_rests_on_more_counts_and_of_two_alike_the_second() -> None:
    assert larger({"a": (5, 6), "b": (1, 2)}, {"a": (1, 9), "c": (3, 3)}) == {"a": (1, 9), "b": (1, 2), "c": (3, 3)}
    assert larger({"a": (5, 6)}, {"a": (1, 6)}) == {"a": (1, 6)}


# ---- one by one


def test_an_answer_that_is_no_other_or_of_no_call_is_not_taken_in() -> None:
    observer = Observer()
    exchange = answered(listing())
    assert observer.take(exchange)
    head = replace(exchange, request=replace(exchange.request, method="HEAD"))
    for other in (exchange, head, answered(b"<html>"), answered([1], status=500)):
        assert not observer.take(other)
    assert (observer.answers, list(observer.traits)) == (2, ["list 200"])


@pytest.mark.parametrize(
    ("fraction", "resolution"),
    [("", "0"), (".1", "1"), (".123", "1"), (".1234", "2"), (".123456", "2"), (".1234567", "3"), (".123456789", "3")],
)
def test_a_timestamp_has_the_resolution_of_its_digits(fraction: str, resolution: str) -> None:
    document = listing([put(task(), "metadata", "createTimeStamp", f"2026-11-22T18:00:00{fraction}Z")])
    assert listed(document).fields[f"{TASK}.metadata.createTimeStamp"].fractions == {resolution: 1}


def test_an_optional_field_of_a_risk_is_counted_for_each_state_of_risk() -> None:
    odd = put(task(), "status", "riskList", [risk("Failed"), drop(risk("Success"), "message"), risk("Odd")])
    there = listed(listing([odd])).fields[f"{TASK}.status.riskList[*].message"].there
    assert there == {"Failed": (1, 1), "Success": (0, 1), "other": (1, 1)}


def test_a_task_without_a_readable_type_or_id_is_counted_too() -> None:
    odd = put(put(task(), "metadata", "type", 1), "metadata", "taskID", 7)
    other = put(odd, "metadata", "taskID", None)
    assert listed(listing([odd, other])).objects[TASK] == {"other Success": 2}


def test_what_stands_in_a_list_has_a_type_and_is_no_field() -> None:
    fields = listed({**listing(), "items": [1, "x"]}).fields
    assert fields[TASK].types == ("integer", "string")
    assert fields[TASK].there == fields["$"].there == {}


def test_what_is_no_success_is_counted_as_it_was_sent() -> None:
    odd = task(1)
    odd["metadata"]["createTimestamp"] = odd["metadata"].pop("createTimeStamp")
    fields = seen(answered(listing([odd]), status=300))["list 300"].fields
    assert f"{TASK}.metadata.createTimestamp" in fields


def test_a_trait_of_which_nothing_was_seen_is_empty() -> None:
    assert Trait() == Trait((), (), {}, {})
