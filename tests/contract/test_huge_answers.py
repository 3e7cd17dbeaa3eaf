"""Of answers of many megabytes only what is needed is held, and the end of a run's time ends the judging of one."""

from __future__ import annotations

import gc
import json
from dataclasses import replace
from time import monotonic
from typing import TYPE_CHECKING, Any
from weakref import ref

import pytest

from pytest_cce_precheck.contract.check import check, judge
from pytest_cce_precheck.contract.filters import Bracket, Query, Unlisted
from pytest_cce_precheck.contract.findings import Finding
from pytest_cce_precheck.contract.lifecycle import TaskHistory
from pytest_cce_precheck.contract.replica_lag import ReplicaLag
from pytest_cce_precheck.contract.time_limit import judging_within
from pytest_cce_precheck.errors import BudgetExhaustedError, ReleasedBodyError
from pytest_cce_precheck.report.text import triage
from pytest_cce_precheck.suite.results import Results
from pytest_cce_precheck.wire.exchange import LARGE, RepeatedResponse
from tests.contract.answers import answer_to, answered, listing, task

if TYPE_CHECKING:
    from collections.abc import Callable

    from pytest_cce_precheck.contract.answer import Answer
    from pytest_cce_precheck.wire.exchange import Exchange


def large(message: str = "x" * LARGE, status: int = 200) -> Exchange:
    item = task(1)
    item["status"]["message"] = message
    return answered(listing([item]), status=status)


def shows(*tasks: Any) -> Answer:
    return answer_to(listing(list(tasks)))


def held_of_an_answer_before(observe: Callable[[Answer], object]) -> bool:
    """Observe an answer and one after it; return whether the first is still held."""
    first = shows(task(1), task(2))
    held = ref(first)
    observe(first)
    del first
    observe(shows(task(1)))
    observe(shows(task(1)))
    gc.collect()
    return held() is not None


def test_the_history_of_tasks_holds_no_answer_but_the_latest() -> None:
    assert not held_of_an_answer_before(TaskHistory().observe)


@pytest.mark.parametrize("lag", [0.0, 5.0])
def test_what_is_known_of_replicas_holds_no_answer(lag: float) -> None:
    assert not held_of_an_answer_before(ReplicaLag(lag, lambda: 0.0).observe)


def test_a_task_that_no_list_shows_holds_no_list() -> None:
    seen, query = Unlisted(), Query("", ((),))

    def observe(listed: Answer) -> None:
        seen.judge(query, shows(task(3)), Bracket(listed, listed))

    assert not held_of_an_answer_before(observe)


def test_a_large_body_is_parsed_when_it_is_asked_for_and_only_the_latest_is_kept_parsed() -> None:
    one, other = large(), large("y" * LARGE)
    document = one.document
    assert one.document is document
    assert other.document != document
    assert one.document is not document


def test_a_list_with_the_bytes_of_the_one_before_is_held_and_parsed_once() -> None:
    lists = [large().response for _ in range(3)]
    second = RepeatedResponse.of(replace(lists[1], elapsed=2.0), lists[0])
    third = RepeatedResponse.of(lists[2], second)
    assert second.document == lists[0].document
    assert third.document is second.document
    assert third.body is second.body is lists[0].body
    # everything but the body is its own
    assert (second.elapsed, second.headers) == (2.0, lists[1].headers)
    # what others hold is theirs
    assert lists[1].document is not second.document


def test_a_body_that_is_another_one_is_left_as_it_is() -> None:
    response = large("y" * LARGE).response
    assert RepeatedResponse.of(response, large().response) is response


def test_a_repeated_answer_that_is_abridged_holds_no_whole_body_and_cannot_be_judged() -> None:
    exchange, earlier = large(), large().response
    repeated = replace(exchange, response=RepeatedResponse.of(exchange.response, earlier)).abridged()
    held = ref(earlier)
    del earlier
    gc.collect()
    assert held() is None
    assert repeated == exchange.abridged()
    with pytest.raises(ReleasedBodyError):
        check(repeated)


def test_of_lists_with_the_same_bytes_each_task_is_held_once() -> None:
    first = large()
    earlier, later = (judge(each)[0] for each in (first, large()))
    assert earlier is not None
    assert later is not None
    later.share_tasks(earlier)
    assert later.tasks is earlier.tasks
    assert later.document["items"][0] is earlier.document["items"][0]


def test_a_small_body_is_parsed_once() -> None:
    exchange = large("short")
    document = exchange.document
    assert large().document != document
    assert exchange.document is document


def test_an_abridged_exchange_says_how_large_it_was_and_cannot_be_judged() -> None:
    exchange = large()
    kept = exchange.abridged()
    assert kept.response.size == len(exchange.response.body) == exchange.response.size
    assert exchange.response.body.startswith(kept.response.body)
    assert 0 < len(kept.response.body) < LARGE
    assert (kept.request, kept.status, kept.request_id) == (exchange.request, 200, exchange.request_id)
    # it would be a violation of the contract that nobody committed
    with pytest.raises(ReleasedBodyError, match=r"the body of this answer, [\d,]+ bytes, was released"):
        check(kept)


def test_a_small_exchange_is_kept_as_it_is() -> None:
    exchange = large("short")
    assert exchange.abridged() is exchange


def test_results_keep_no_large_body() -> None:
    results = Results(ReplicaLag(0.0, monotonic))
    results.report(Finding("PRE102", "status 418", subject=("418",)).seen_in(large()))
    [finding] = results.findings
    assert finding.exchanges[0].response.released > LARGE


def test_an_abridged_error_is_explained_by_its_status() -> None:
    assert triage(large(status=500).abridged(), None) == "the service failed: give its operators the request id"


# ---- the end of the run's time


def with_mistakes(number: int) -> Exchange:
    return answered(listing([{**task(each), "status": {}} for each in range(number)]))


def valid(number: int) -> Exchange:
    return answered(listing([task(each) for each in range(number)]))


@pytest.mark.parametrize("answer", [valid, with_mistakes])
def test_the_end_of_the_time_ends_the_judging_of_an_answer(answer: Callable[[int], Exchange]) -> None:
    with (
        judging_within(lambda: 0.0),
        pytest.raises(BudgetExhaustedError, match=r"the time of the run ended while an answer was judged \(--cce-run"),
    ):
        check(answer(10))


@pytest.mark.parametrize("answer", [valid, with_mistakes])
def test_the_judging_ends_soon_after_the_time(answer: Callable[[int], Exchange]) -> None:
    exchange, looks = answer(5000), [0]

    def remaining() -> float:
        looks[0] += 1
        return 1.0

    with judging_within(remaining):
        check(exchange)
    every, looked = looks[0], 0
    # the clock is looked at many times, but not once for each task
    assert 5 <= every < 200

    def until_the_third_look() -> float:
        nonlocal looked
        looked += 1
        return 3.0 - looked

    with judging_within(until_the_third_look), pytest.raises(BudgetExhaustedError):
        check(exchange)
    assert looked == 3


def test_without_a_limit_an_answer_is_judged_to_its_end() -> None:
    with judging_within(lambda: None):
        assert check(valid(10)) == []


def test_the_limit_ends_with_its_block() -> None:
    with judging_within(lambda: 0.0):
        pass
    assert check(valid(10)) == []


def test_a_schema_is_not_checked_further_when_the_time_is_over() -> None:
    # one array of very many elements, which no rule on tasks looks at
    document = json.loads(json.dumps(listing([task(1)])))
    document["items"][0]["status"]["riskList"] = [{}] * 5000
    exchange = answered(document)
    looked = 0

    def remaining() -> float:
        nonlocal looked
        looked += 1
        return 1.0

    with judging_within(remaining):
        check(replace(exchange))
    assert looked >= 5
