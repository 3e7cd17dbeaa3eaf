"""The contract of ListAddonPrecheckTasks, one test for each side of it."""

from __future__ import annotations

from typing import TYPE_CHECKING

from pytest_cce_precheck.suite import authentication, bad_creation, creation, exploration, filters, isolation, transport

if TYPE_CHECKING:
    from collections.abc import Callable

    from pytest_cce_precheck.suite.inspection import Check

    Holds = Callable[[Check], None]


def test_the_unfiltered_list_meets_the_contract(holds: Holds) -> None:
    """D: the answer's fields, types and values, and what holds between them."""
    holds(filters.the_unfiltered_list_meets_the_contract)


def test_each_filter_value_selects_exactly_its_tasks(holds: Holds) -> None:
    """D: type, task_id and addon_instance_id select by equality."""
    holds(filters.each_filter_value_selects_exactly_its_tasks)


def test_unknown_filter_values_select_nothing(holds: Holds) -> None:
    """D: a value that no task has selects none, however it looks."""
    holds(filters.unknown_filter_values_select_nothing)


def test_filters_together_select_what_satisfies_all(holds: Holds) -> None:
    """D: each filter that is given selects."""
    holds(filters.filters_together_select_what_satisfies_all)


def test_the_same_question_in_other_words_has_the_same_answer(holds: Holds) -> None:
    """D, RFC 3986: order, repetition, encoding and unknown parameters carry no meaning."""
    holds(filters.the_same_question_in_other_words_has_the_same_answer)


def test_request_headers_do_not_change_the_answer(holds: Holds) -> None:
    """D: GET does not check Content-Type; RFC 9110: header names have no case."""
    holds(transport.request_headers_do_not_change_the_answer)


def test_simultaneous_questions_are_answered_each_for_itself(holds: Holds) -> None:
    """D: an answer is to its own request."""
    holds(transport.simultaneous_questions_are_answered_each_for_itself)


def test_bad_credentials_are_refused(holds: Holds) -> None:
    """D, P, E: a token or a signature is required, and verified."""
    holds(authentication.bad_credentials_are_refused)


def test_other_places_cannot_be_read(holds: Holds) -> None:
    """D, E: what does not exist is not found, what is somebody else's is refused."""
    holds(isolation.other_places_cannot_be_read)


def test_clusters_do_not_show_each_others_tasks(holds: Holds) -> None:
    """D: the cluster in the path is the cluster that is listed."""
    holds(isolation.clusters_do_not_show_each_others_tasks)


def test_other_methods_are_not_answered_as_get(holds: Holds) -> None:
    """D: the path is documented for GET alone."""
    holds(isolation.other_methods_are_not_answered_as_get)


def test_created_tasks_are_found_and_finish(holds: Holds) -> None:
    """C, D: from Init to the end, by every filter."""
    holds(creation.created_tasks_are_found_and_finish)


def test_bad_create_requests_are_refused(holds: Holds) -> None:
    """C, E: 400, and nothing is made."""
    holds(bad_creation.bad_create_requests_are_refused)


def test_questions_beyond_the_plan_are_answered_rightly(holds: Holds) -> None:
    """D: what hypothesis draws is no exception."""
    holds(exploration.questions_beyond_the_plan_are_answered_rightly)
