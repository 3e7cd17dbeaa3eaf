"""All checks of a run, in the order in which they tell most; the shipped tests and the self-test run the same ones."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from pytest_cce_precheck.suite import authentication, creation, exploration, filters, isolation, transport

if TYPE_CHECKING:
    from pytest_cce_precheck.suite.inspection import Check, Inspection

CHECKS: Final[tuple[Check, ...]] = (
    filters.the_unfiltered_list,
    filters.existing_values,
    filters.unknown_values,
    filters.combinations,
    filters.spellings,
    authentication.bad_credentials,
    isolation.unreadable_places,
    isolation.other_clusters_tasks,
    isolation.other_methods,
    transport.request_headers,
    transport.simultaneous_questions,
    creation.created_tasks,
    creation.bad_requests,
    exploration.beyond_the_classes,
)


def inspect(run: Inspection) -> Inspection:
    """Run every check and give the run back, with everything that it found."""
    for check in CHECKS:
        run.run(check)
    return run
