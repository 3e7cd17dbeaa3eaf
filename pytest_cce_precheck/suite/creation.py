"""The check of the life cycle from its start: create tasks, find those, follow them."""

from __future__ import annotations

import json
from collections import Counter
from dataclasses import replace
from http import HTTPStatus
from typing import TYPE_CHECKING, Any, Final

from pytest_cce_precheck.contract.check import check, judge
from pytest_cce_precheck.contract.envelope import PASSING, REFUSALS, has_failed
from pytest_cce_precheck.contract.invariants import created_tasks_are_new, requested
from pytest_cce_precheck.suite.budget import AMPLE, BAD_CREATIONS
from pytest_cce_precheck.suite.create_bodies import (
    AWKWARD,
    LIKE_A_NUMBER,
    MARK,
    addon_for,
    awkward_version,
    body_of,
    models_of,
)
from pytest_cce_precheck.suite.following import Following, look_in_the_other_cluster
from pytest_cce_precheck.wire.exchange import Exchange, TransportError, encode_query
from pytest_cce_precheck.wire.vocabulary import Filter, TaskType

if TYPE_CHECKING:
    from collections.abc import Sequence

    from pytest_cce_precheck.contract.answer import Answer, AnsweredTask
    from pytest_cce_precheck.suite.inspection import Inspection

# of the tasks that may be created, those for what must not make any
_KEPT: Final = 3
_ELSEWHERE: Final = "0.0.0-precheck-elsewhere"
# seconds after which a task is looked for in two clusters
_SHOWN_AFTER: Final = 2.0
_CREATIONS: Final = 3
# seconds: a list that shows a created task a moment later breaks nothing, and replicas may be so far apart
_SETTLED: Final = 1.0
# seconds between looks for a created task, a minute together
_PAUSES: Final = (_SETTLED, 4.0, 12.0, 43.0)
OWN_GROUNDS: Final = range(400, 500)
"""E: how the service may refuse to create on grounds of its own."""
# RFC 8259, 11: a charset has no effect on JSON
_WITH_CHARSET: Final = "application/json; charset=utf-8"
# seconds within which one request makes all of its tasks
_AT_ONCE: Final = 1
# below this share, only what tells most
_AMPLE: Final = 20


def created_tasks_are_found_and_finish(run: Inspection) -> None:
    """Create tasks, several for one instance, and follow them to the end by every filter, here and elsewhere."""
    before, models = prepared(run)
    if before is None or not models:
        return
    exchange = _create_some(run, models)
    if exchange is None:
        return
    before = run.lists.opening() or before
    answer = _judged(run, exchange)
    run.results.judged += 1
    if answer is None or not answer.tasks or not all(task.id for task in answer.tasks):
        return
    for task in answer.tasks:
        if task.id in before.by_id:
            message = f"the create call returned task {task.id}, which was listed before"
            run.results.found("PRE322", message, exchange, before.exchange, subject="id", path=task.path)
    run.lists.compare(answer, complete=False)
    if run.shares.creation >= BAD_CREATIONS:
        # a task that is listed now, and not a moment later, was not late
        run.lists.read()
    run.sender.wait(_SETTLED)
    Following(run, answer).to_the_end()
    if run.shares.creation >= AMPLE:
        look_in_the_other_cluster(run, answer)
    _look_for_twins(run, before, answer)
    _create_together(run, models, len(answer.tasks))
    _name_another_cluster(run, body_of(run.client.cluster_id, [addon_for(models[0], TaskType.UPGRADE, _ELSEWHERE)]))
    if run.settings.allow_destructive and run.shares.creation >= _AMPLE:
        _try_other_methods(run, answer)


def _create_together(run: Inspection, models: list[AnsweredTask], several: int) -> None:
    """Send create requests at the same time: each is answered with its own tasks, and all of these are listed."""
    sent = _entries_together(run, models, several)
    outcomes = _sent_together(run, sent) if sent else []
    made: dict[str, Answer] = {}
    for asked, outcome in zip(map(len, sent), outcomes, strict=True):
        if isinstance(outcome, TransportError) or outcome.status in PASSING or has_failed(outcome):
            # it may have made its tasks
            run.created += asked
            run.results.observe("create requests at the same time", "one was not answered")
        elif outcome.status >= 300:
            if outcome is outcomes[0] and _is_refused_for_its_charset(run, outcome, sent[0][:1]):
                message = f"a create request with Content-Type: {_WITH_CHARSET} was refused with {outcome.status}"
                run.results.found("PRE414", message, outcome, subject="create")
            run.results.report(*check(outcome, expect=OWN_GROUNDS))
            run.results.observe("create requests at the same time", f"one was refused with {outcome.status}")
        else:
            run.created += asked
            answer = _judged(run, outcome)
            if answer is None:
                continue
            for key in answer.by_id.keys() & made.keys():
                message = f"two create requests at the same time were both answered with task {key}"
                run.results.found("PRE322", message, outcome, made[key].exchange, subject="id")
            made |= dict.fromkeys(answer.by_id, answer)
            run.lists.compare(answer, complete=False)
    _wait_for(run, made)


def _entries_together(run: Inspection, models: list[AnsweredTask], several: int) -> list[list[dict[str, Any]]]:
    """Return the entries of each create request; none if there is no room for these.

    They are for ``several`` instances beside the first if there are as many: of a longer list, more may be missing at
    its end. Of three requests, one of two machines gets two. Two are for the first instance: neither may replace the
    other's tasks.
    """
    first, *others = models
    left = run.settings.max_created - run.created
    number = max(0, min(several, len(others), left - _KEPT - 1))
    if run.shares.creation < AMPLE or left < 2 + number:
        return []
    if any(finding.code == "PRE507" for finding in run.results.findings):
        # created tasks are not shown, alone or together: nobody waits for them once more
        return []
    addons = [addon_for(each, TaskType.STATIC) for each in others[:number]]
    sent = [addons[1:]] if addons[1:] else []
    # among what was created until now, no version is an ordinary one
    return [*sent, [*addons[:1], addon_for(first, TaskType.UPGRADE)], [addon_for(first, TaskType.STATIC)]]


def _sent_together(run: Inspection, sent: list[list[dict[str, Any]]]) -> list[Exchange | TransportError]:
    """Send create requests at the same time: the first names a charset, the last has the token if there are keys."""
    requests = [run.client.create_request(body_of(run.client.cluster_id, each)) for each in sent]
    requests[0] = replace(requests[0], headers=requests[0].headers.replacing("Content-Type", _WITH_CHARSET))
    by_token = run.sender.with_token(requests[-1])
    return run.sender.send_together(requests[:-1], [by_token]) if by_token else run.sender.send_together(requests)


def _is_refused_for_its_charset(run: Inspection, refused: Exchange, entries: list[dict[str, Any]]) -> bool:
    """Whether a create request is refused with a charset and accepted without one, two times in turn."""
    plain = run.client.create_request(body_of(run.client.cluster_id, entries))
    named = replace(plain, headers=plain.headers.replacing("Content-Type", _WITH_CHARSET))
    if refused.status in REFUSALS:
        return False
    for request in (plain, named, plain):
        if run.created >= run.settings.max_created:
            return False
        try:
            exchange = run.sender.ask(request, repeat=False)
        except TransportError:
            return False
        run.created += exchange.status < 300
        if (exchange.status < 300) != (request is plain) or exchange.status in PASSING:
            return False
    return True


def _wait_for(run: Inspection, made: dict[str, Answer]) -> None:
    """Read the list until it has shown each task, for a minute at most; report those that it has not shown."""
    unseen, waited = dict(made), 0.0
    for pause in _PAUSES if made else ():
        run.sender.wait(pause)
        waited += pause
        listed = run.lists.read()
        if listed is None:
            return
        unseen = {key: answer for key, answer in unseen.items() if key not in listed.by_id}
        if not unseen:
            return
    for key, answer in unseen.items():
        message = f"the unfiltered list does not show task {key}, created {waited:.0f} s ago beside another"
        run.results.found("PRE507", message, answer.exchange, subject="together")


def _judged(run: Inspection, exchange: Exchange, *, unless_at: str = "") -> Answer | None:
    """Judge the answer to a create request that was accepted; report what it shows, except at one path."""
    answer, findings = judge(exchange, expect={201})
    new = created_tasks_are_new(answer) if answer is not None else ()
    findings += [finding.seen_in(exchange) for finding in new]
    run.results.report(*(each for each in findings if not unless_at or each.path != unless_at))
    return answer


def _create_some(run: Inspection, models: list[AnsweredTask]) -> Exchange | None:
    """Create tasks for several entries; for fewer and plainer ones if the service refuses these on its own grounds."""
    first, *others = models
    last = others[0] if others else first
    several = [
        {**addon_for(first, TaskType.STATIC), "values": AWKWARD},
        addon_for(first, TaskType.UPGRADE),
        addon_for(last, TaskType.STATIC if last is not first else TaskType.UPGRADE),
    ]
    # there may be no such versions
    unusual = [
        several[0],
        addon_for(first, TaskType.UPGRADE, awkward_version(first)),
        addon_for(last, TaskType.UPGRADE, LIKE_A_NUMBER),
    ]
    # nor need an entry have values
    del unusual[2]["values"]
    # a service may know none of the values, not check several at once, or check in one way only
    plain = [addon_for(first, TaskType.STATIC), addon_for(last, TaskType.UPGRADE)]
    for addon in plain:
        del addon["values"]
    status = 0
    unauthorized = None
    waiting = [unusual, several, plain, plain[:1], plain[1:]]
    while waiting:
        addons = waiting.pop(0)
        exchange = _create(run, addons)
        if exchange is None or not 400 <= exchange.status < 500:
            if unauthorized is not None and exchange is not None and exchange.status < 300:
                # whoever may create one may not be unknown for the text of another: its signature was taken for wrong
                run.results.report(*check(unauthorized, expect={201}))
            return exchange
        status = exchange.status
        run.results.report(*check(exchange, expect=OWN_GROUNDS))
        run.results.observe(f"a create request for {len(addons)} checks", f"refused with {status}")
        if status == HTTPStatus.UNAUTHORIZED:
            unauthorized = exchange
        elif status in REFUSALS:
            # not every kind of check may be forbidden
            waiting = [addons for addons in waiting if addons == plain[:1]]
    run.results.give_up(f"creating was refused with {status}, so there is no task to find and to follow")
    return None


def prepared(run: Inspection) -> tuple[Answer | None, list[AnsweredTask]]:
    """Return the list before creation and a task of each add-on instance that can be checked; none if it cannot be."""
    if not run.settings.allow_writes:
        run.results.leave_out("the create call may not be used (--cce-allow-writes)")
        return None, []
    before = run.lists.opening()
    models = models_of(before)
    if not models:
        run.results.give_up("no listed task names an add-on instance to check")
    return before, models


def _create(run: Inspection, addons: Sequence[dict[str, Any]]) -> Exchange | None:
    """Send a create request; if its answer is lost, what it may have made is looked at before another is sent."""
    why = ""
    failed: list[Exchange] = []
    for _ in range(_CREATIONS):
        left = run.settings.max_created - run.created
        if not left:
            run.results.give_up(f"no more may be created (--cce-max-created-tasks={run.settings.max_created}) {why}")
            return None
        request = run.client.create_request(body_of(run.client.cluster_id, addons[:left]))
        run.created += len(addons[:left])
        try:
            exchange = run.sender.ask(request, repeat=False)
        except TransportError as error:
            why = error.detail
        else:
            if exchange.status not in PASSING and not has_failed(exchange):
                if exchange.status >= 300:
                    run.created -= len(addons[:left])
                else:
                    run.accepted = exchange.request
                return exchange
            why = f"{exchange.status}"
            failed += [exchange] * has_failed(exchange)
        run.results.observe(
            "a create request whose answer was lost", f"{why}: another was sent, the first may have made tasks"
        )
        if run.lists.read_after_the_lag() is None:
            break
    run.results.give_up(f"the create call was not answered, {_CREATIONS} times ({why})")
    if len(failed) == _CREATIONS:
        # E documents a failure, which may come now and then; lists were answered between these
        message = f"POST {failed[-1].request.target} is always answered with {failed[-1].status}"
        run.results.found("PRE103", message, failed[-1], subject="create")
    return None


def _name_another_cluster(run: Inspection, body: dict[str, Any]) -> None:
    """Send a create request whose body names another cluster than its path: no task may be in both."""
    other = run.settings.neighbours.other_cluster_id
    if other is None or run.shares.creation < AMPLE or run.created >= run.settings.max_created:
        return
    body["spec"]["clusterID"] = other
    run.created += 1
    try:
        exchange = run.sender.ask(run.client.create_request(body), repeat=False)
    except TransportError:
        # it may have made a task, and is not worth another
        return
    if exchange.status in PASSING:
        return
    run.results.observe("a clusterID in the body that is not the path's", f"{exchange.status}")
    if exchange.status >= 300:
        run.created -= 1
        run.results.report(*check(exchange, expect=OWN_GROUNDS))
        return
    # which of the two clusters the answer names, no source says
    answer = _judged(run, exchange, unless_at="$.spec.clusterID")
    run.sender.wait(_SHOWN_AFTER)
    here = run.lists.read_after_the_lag()
    there = run.lists.judged(run.sender.ask(run.client.list_request(cluster_id=other)), {200})
    if answer is not None and here is not None and there is not None:
        for key in sorted(answer.by_id.keys() & here.by_id.keys() & there.by_id.keys()):
            message = f"task {key} is in this cluster and in {other}, which the body of its create request named"
            run.results.found("PRE610", message, exchange, here.exchange, there.exchange, subject="clusterID")


def _look_for_twins(run: Inspection, before: Answer, created: Answer) -> None:
    """Look for tasks that were made beside those in the answer: a twin for each of them, two times over."""
    after = run.lists.opening()
    if after is None or not _have_twins(created, before, after):
        return
    # somebody else may have asked for the same just then, but not again
    asked = requested(created) or {}
    exchange = _create(run, asked["spec"]["addonList"])
    after = run.lists.opening()
    if exchange is None or after is None:
        return
    answer = _judged(run, exchange)
    later = run.lists.read_after_the_lag()
    if answer is not None and later is not None and _have_twins(answer, after, later):
        number = len(answer.tasks)
        message = f"{answer.exchange.request.target} made {2 * number} tasks or more, and its answer shows {number}"
        run.results.found("PRE322", message, answer.exchange, later.exchange, subject="twins")


def _have_twins(created: Answer, before: Answer, after: Answer) -> bool:
    seconds = [task.created.seconds for task in created.tasks if task.created]
    answered = Counter(map(_kind, created.tasks))
    new = Counter(
        _kind(task)
        for key, task in after.by_id.items()
        if key not in before.by_id
        and task.created
        and any(abs(task.created.seconds - each) <= _AT_ONCE for each in seconds)
    )
    return bool(answered) and all(new[kind] >= 2 * number for kind, number in answered.items())


def _kind(task: AnsweredTask) -> tuple[str | None, ...]:
    version = task.spec.get("addonTargetVersion")
    return task.value_of(Filter.TYPE), task.value_of(Filter.ADDON_INSTANCE_ID), str(version)


def _try_other_methods(run: Inspection, created: Answer) -> None:
    """Send DELETE for a task that the run created itself, and a create request to the list path."""
    task_id = created.tasks[0].id or ""
    query = encode_query([(Filter.TASK_ID, task_id)])
    before = run.lists.opening()
    run.sender.ask(run.client.list_request(query, method="DELETE"))
    models = models_of(before)
    if models:
        body = json.dumps(body_of(run.client.cluster_id, [addon_for(models[0], TaskType.UPGRADE, MARK)])).encode()
        exchange = run.sender.ask(replace(run.client.list_request(method="POST"), body=body))
        if exchange.status < 300:
            run.created += 1
            message = f"POST on the list path was answered with {exchange.status}"
            run.results.found("PRE609", message, exchange, subject="POST")
    after = run.lists.read_after_the_lag()
    if before is None or after is None:
        return
    if task_id in before.by_id.keys() - after.by_id.keys() - run.lists.outdated:
        message = f"task {task_id} was gone after DELETE on the list path"
        run.results.found("PRE609", message, after.exchange, before.exchange, subject="DELETE")
