"""All checks of a run, the most telling first; the shipped tests and the self-test run the same ones."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from pytest_cce_precheck.suite import authentication, bad_creation, creation, exploration, filters, isolation, transport

if TYPE_CHECKING:
    from pytest_cce_precheck.suite.inspection import Check, Inspection

CHECKS: Final[tuple[Check, ...]] = (
    filters.the_unfiltered_list_meets_the_contract,
    filters.each_filter_value_selects_exactly_its_tasks,
    filters.unknown_filter_values_select_nothing,
    filters.filters_together_select_what_satisfies_all,
    filters.the_same_question_in_other_words_has_the_same_answer,
    authentication.bad_credentials_are_refused,
    isolation.other_places_cannot_be_read,
    isolation.clusters_do_not_show_each_others_tasks,
    isolation.other_methods_are_not_answered_as_get,
    transport.request_headers_do_not_change_the_answer,
    transport.simultaneous_questions_are_answered_each_for_itself,
    creation.created_tasks_are_found_and_finish,
    bad_creation.bad_create_requests_are_refused,
    exploration.questions_beyond_the_plan_are_answered_rightly,
)


def inspect(run: Inspection) -> Inspection:
    """Run every check and return the run, with everything that it found."""
    for check in CHECKS:
        run.run(check)
    return run
