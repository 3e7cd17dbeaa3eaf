"""The check that bad create requests are refused, and make nothing."""

from __future__ import annotations

from dataclasses import replace
from itertools import islice
from typing import TYPE_CHECKING, Any, Final

from pytest_cce_precheck.contract.check import check
from pytest_cce_precheck.contract.envelope import PASSING, REFUSALS
from pytest_cce_precheck.contract.filters import Bracket
from pytest_cce_precheck.suite.authentication import refusal_findings
from pytest_cce_precheck.suite.budget import BAD_CREATIONS
from pytest_cce_precheck.suite.create_bodies import MARK, addon_for, bad_bodies, body_of
from pytest_cce_precheck.suite.creation import OWN_GROUNDS, prepared
from pytest_cce_precheck.wire.vocabulary import TaskType

if TYPE_CHECKING:
    from pytest_cce_precheck.contract.answer import Answer
    from pytest_cce_precheck.suite.inspection import Inspection

# the rarer mistakes are left out
_MOST_BAD: Final = 10
# requests without good credentials, and the list after them
_AFTERWARDS: Final = 4
# so many new tasks, one for each refused request, are no coincidence if nothing else changes in the cluster
_ENOUGH: Final = 3


def bad_create_requests_are_refused(run: Inspection) -> None:
    """Send create requests that break the contract; each must be refused, and make nothing."""
    if 0 < run.shares.creation < BAD_CREATIONS:
        run.results.leave_out("--cce-budget is too small for it")
        return
    before, models = prepared(run)
    if before is None or not models:
        return
    good = body_of(run.client.cluster_id, [addon_for(models[0], TaskType.UPGRADE, MARK)])
    # the life cycle has its share first: creation, three questions for each task, some polls
    number = max(5, min(_MOST_BAD, run.shares.creation // 2 - 4))
    # the rarest are left out too if other checks had to ask more than usual
    number = max(1, min(number, run.budget.left - _AFTERWARDS - run.shares.exploration))
    refused = unread = 0
    for what, body in islice(bad_bodies(good), number):
        if refused and run.budget.left <= _AFTERWARDS + run.shares.exploration:
            break
        if run.created >= run.settings.max_created:
            run.results.end_early(f"no more may be created (--cce-max-created-tasks={run.settings.max_created})")
            return
        exchange = run.sender.ask(run.client.create_request(body))
        refused += exchange.status >= 300 and exchange.status not in PASSING
        if exchange.status < 300:
            run.created += 1
            message = f"a create request with {what} was answered with {exchange.status}"
            run.results.found("PRE508", message, exchange, subject="create")
        elif exchange.status in REFUSALS:
            # who may not create is refused whatever the request holds
            unread += 1
            run.results.report(*check(exchange))
        else:
            run.results.judged += exchange.status not in PASSING
            # which of several mistakes it names, and as what, is the service's own affair
            run.results.report(*check(exchange, expect=OWN_GROUNDS))
    if unread:
        run.results.give_up(f"creating was refused with {' or '.join(map(str, sorted(REFUSALS)))}, {unread} times")
    statuses = _send_with_bad_credentials(run, good, list(before.by_id))
    if min(statuses) >= 400:
        _report_made(run, before, refused + len(statuses))


def _send_with_bad_credentials(run: Inspection, good: dict[str, Any], known: list[str]) -> list[int]:
    """Send a good create request without credentials, and with the signatures of other bodies; return the statuses."""
    unsigned = run.client.create_request(good)
    probes = [(unsigned, "PRE601", "no credentials")]
    if run.client.credentials.kind == "ak/sk":
        # a service that does not look at the body takes it for an empty one, or takes any
        headers = run.client.authenticated(replace(unsigned, body=b"")).headers
        probes.append((replace(unsigned, headers=headers), "PRE604", "the signature of an empty body"))
        if run.accepted is not None:
            # or knows a signature that it has verified once
            replayed = replace(unsigned, headers=run.accepted.headers)
            probes.append((replayed, "PRE604", "a signature that was accepted for another body"))
    statuses = []
    for request, code, what in probes:
        exchange = run.sender.ask(request, as_is=True)
        statuses.append(exchange.status)
        run.results.judged += exchange.status not in PASSING
        run.created += exchange.status < 300
        run.results.report(*refusal_findings(exchange, code, what, known))
    return statuses


def _report_made(run: Inspection, before: Answer | None, refused: int) -> None:
    """Report tasks that refused requests made: known by their mark, or by their number if nothing else changed."""
    answer = run.lists.read_after_the_lag()
    if before is None or answer is None or any(finding.code == "PRE508" for finding in run.results.findings):
        return
    new = [task for key, task in answer.by_id.items() if key not in before.by_id]
    made = [task for task in new if MARK in task.lasting]
    if (
        not made
        and refused >= _ENOUGH
        and len(new) == refused
        and len(Bracket(before, answer).stable) == len(before.by_id)
    ):
        made = new
    if made:
        message = f"{len(made)} tasks came into being with {refused} refused create requests"
        run.results.found("PRE510", message, answer.exchange, before.exchange, path=made[0].path)
