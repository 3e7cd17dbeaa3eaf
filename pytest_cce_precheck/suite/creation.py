"""The checks of the life cycle from its start: create tasks, find those, follow them; bad requests are refused."""

from __future__ import annotations

import copy
import json
from collections import Counter
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Any, Final

from pytest_cce_precheck.contract.check import check, judge
from pytest_cce_precheck.contract.envelope import PASSING
from pytest_cce_precheck.contract.filters import Bracket
from pytest_cce_precheck.contract.findings import Finding
from pytest_cce_precheck.suite.authentication import refusal_findings
from pytest_cce_precheck.suite.budget import BAD_CREATIONS
from pytest_cce_precheck.suite.lists import REFUSALS
from pytest_cce_precheck.wire.exchange import TransportError, encode_query
from pytest_cce_precheck.wire.vocabulary import API_VERSION, KIND, Filter, TaskType

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from pytest_cce_precheck.contract.answer import Answer, AnsweredTask
    from pytest_cce_precheck.suite.inspection import Inspection
    from pytest_cce_precheck.wire.exchange import Exchange, Request

# a version that nobody asks for: tasks with it were made by this run, whoever else works in the cluster
_MARK: Final = "0.0.0-precheck-probe"
_CREATIONS: Final = 3
# E: how the service may refuse to create on grounds of its own
_REFUSALS: Final = frozenset({400, 401, 403, 404})
# seconds within which one request makes all of its tasks
_AT_ONCE: Final = 1
# if replicas lag, the first success proves nothing: so many answers in a row must agree
_AGREEING: Final = 2
_FIRST_WAIT: Final = 0.15
_REREAD: Final = 0.5
_LONGEST_WAIT: Final = 8.0
_CLOSE_READS: Final = 4
# a finished task must stay as it is
_READS_AFTER_THE_END: Final = 2
_AFTER_THE_END: Final = 0.6
_QUESTIONS_PER_TASK: Final = 3
# below this share, only what tells most
_AMPLE: Final = 20
# so many new tasks, one for each refused request, are no coincidence if nothing else changes in the cluster
_ENOUGH: Final = 3


def created_tasks_are_found_and_finish(run: Inspection) -> None:
    """Create a task of each type, find it by id, instance and type, and follow both to the end."""
    before, models = _prepared(run)
    if before is None or not models:
        return
    addons = [_addon(models[0], TaskType.STATIC), _addon(models[-1], TaskType.UPGRADE)]
    request = run.client.create_request(_body(run, addons))
    exchange = _create(run, request)
    if exchange is None:
        return
    if exchange.status in _REFUSALS:
        # the service may refuse on grounds of its own, in a documented form
        run.results.report(*check(exchange, expect=_REFUSALS))
        run.results.give_up(f"creating was refused with {exchange.status}, so there is no task to find and to follow")
        return
    before = run.lists.opening() or before
    answer, findings = judge(exchange, expect={201})
    run.results.report(*findings)
    run.results.judged += 1
    if answer is None or not answer.tasks or not all(task.id for task in answer.tasks):
        return
    _report_known(run, before, answer)
    run.lists.compare(answer, complete=False)
    _find(run, answer)
    _follow(run, answer)
    _look_for_twins(run, before, answer, request)
    if run.settings.allow_destructive and run.shares.creation >= _AMPLE:
        _try_other_methods(run, answer)


def _prepared(run: Inspection) -> tuple[Answer | None, list[AnsweredTask]]:
    """Return the list before creation and a task of each add-on instance that can be checked; none if it cannot be."""
    if not run.settings.allow_writes:
        run.results.leave_out("the create call may not be used (--cce-allow-writes)")
        return None, []
    before = run.lists.opening()
    models = _models(before)
    if not models:
        run.results.give_up("no listed task names an add-on instance to check")
    return before, models


def _create(run: Inspection, request: Request) -> Exchange | None:
    """Send a create request; if its answer is lost, what it may have made is looked at before another is sent."""
    for _ in range(_CREATIONS):
        try:
            exchange = run.sender.ask(request, repeat=False)
        except TransportError as error:
            why = error.detail
        else:
            if exchange.status not in PASSING:
                return exchange
            why = f"{exchange.status}"
        run.results.observe(
            "a create request whose answer was lost", f"{why}: another was sent, the first may have made tasks"
        )
        if run.lists.read_after_the_lag() is None:
            break
    run.results.give_up(f"the create call was not answered, {_CREATIONS} times ({why})")
    return None


def bad_create_requests_are_refused(run: Inspection) -> None:
    """Send create requests that break the contract; each must be refused, and make nothing."""
    if 0 < run.shares.creation < BAD_CREATIONS:
        run.results.leave_out("--cce-budget is too small for it")
        return
    before, models = _prepared(run)
    if before is None or not models:
        return
    good = _body(run, [_addon(models[0], TaskType.UPGRADE, _MARK)])
    # the life cycle has its share first: creation, three questions for each task, some polls
    number = max(5, run.shares.creation // 2 - 4)
    refused = unread = 0
    for bad in sorted(_bad(run, good), key=lambda each: each.tier)[:number]:
        exchange = run.sender.ask(run.client.create_request(bad.body))
        refused += exchange.status >= 300 and exchange.status not in PASSING
        if exchange.status < 300:
            message = f"a create request with {bad.what} was answered with {exchange.status}"
            run.results.report(Finding("PRE508", message, subject=("create",)).seen_in(exchange))
        elif exchange.status in REFUSALS:
            # who may not create is refused whatever the request holds
            unread += 1
            run.results.report(*check(exchange))
        else:
            run.results.judged += exchange.status not in PASSING
            run.results.report(*check(exchange, expect=bad.statuses))
    if unread:
        run.results.give_up(f"creating was refused with {' or '.join(map(str, sorted(REFUSALS)))}, {unread} times")
    _report_made(run, before, refused)
    _send_with_bad_credentials(run, models, good, list(before.by_id))


def _send_with_bad_credentials(
    run: Inspection, models: list[AnsweredTask], good: dict[str, Any], known: list[str]
) -> None:
    """Send a good create request without credentials, and one with the signature of another body."""
    before = run.lists.opening()
    unsigned = run.client.create_request(good)
    probes = [(unsigned, "PRE601", "no credentials")]
    if run.client.credentials.kind == "ak/sk":
        another = run.client.create_request(_body(run, [_addon(models[0], TaskType.STATIC)]))
        signed = replace(another, headers=run.client.authenticated(unsigned).headers)
        probes.append((signed, "PRE604", "the signature of another body"))
    statuses = []
    for request, code, what in probes:
        exchange = run.sender.ask(request, as_is=True)
        statuses.append(exchange.status)
        run.results.judged += exchange.status not in PASSING
        run.results.report(*refusal_findings(exchange, code, what, known))
    if min(statuses) >= 400:
        _report_made(run, before, len(probes))


def _report_made(run: Inspection, before: Answer | None, refused: int) -> None:
    """Report tasks that refused requests made: known by their mark, or by their number if nothing else changed."""
    answer = run.lists.read_after_the_lag()
    if before is None or answer is None or any(finding.code == "PRE508" for finding in run.results.findings):
        return
    new = [task for key, task in answer.by_id.items() if key not in before.by_id]
    made = [task for task in new if _MARK in task.content]
    if (
        not made
        and refused >= _ENOUGH
        and len(new) == refused
        and len(Bracket(before, answer).stable) == len(before.by_id)
    ):
        made = new
    if made:
        message = f"{len(made)} tasks came into being with {refused} refused create requests"
        run.results.report(Finding("PRE510", message, made[0].path).seen_in(answer.exchange, before.exchange))


def _models(answer: Answer | None) -> list[AnsweredTask]:
    """Return a task of each add-on instance that is known with its template."""
    by_instance: dict[str, AnsweredTask] = {}
    for task in answer.tasks if answer else ():
        instance = task.value_of(Filter.ADDON_INSTANCE_ID)
        if instance and task.metadata.get("addonTemplateName"):
            by_instance.setdefault(instance, task)
    return list(by_instance.values())


def _addon(task: AnsweredTask, kind: TaskType, version: str | None = None) -> dict[str, Any]:
    addon = {
        "addonTemplateName": task.metadata["addonTemplateName"],
        "addonInstanceID": task.value_of(Filter.ADDON_INSTANCE_ID),
        "type": str(kind),
        "values": {},
    }
    if kind is TaskType.UPGRADE:
        spec = task.raw.get("spec")
        known = spec.get("addonTargetVersion") if isinstance(spec, dict) else None
        addon["targetVersion"] = version or known or "1.0.1"
    return addon


def _body(run: Inspection, addons: list[dict[str, Any]]) -> dict[str, Any]:
    return {"kind": KIND, "apiVersion": API_VERSION, "spec": {"clusterID": run.client.cluster_id, "addonList": addons}}


def _report_known(run: Inspection, before: Answer, created: Answer) -> None:
    for task in created.tasks:
        if task.id in before.by_id:
            message = f"the create call returned task {task.id}, which was listed before"
            finding = Finding("PRE322", message, task.path, subject=("id",))
            run.results.report(finding.seen_in(created.exchange, before.exchange))


def _look_for_twins(run: Inspection, before: Answer, created: Answer, request: Request) -> None:
    """Look for tasks that were made beside those in the answer: a twin for each of them, two times over."""
    after = run.lists.opening()
    if after is None or not _have_twins(created, before, after):
        return
    # somebody else may have asked for the same just then, but not again
    exchange = _create(run, request)
    after = run.lists.opening()
    if exchange is None or after is None:
        return
    answer, _ = judge(exchange, expect={201})
    later = run.lists.read_after_the_lag()
    if answer is not None and later is not None and _have_twins(answer, after, later):
        number = len(answer.tasks)
        message = f"{answer.exchange.request.target} made {2 * number} tasks or more, and its answer shows {number}"
        run.results.report(Finding("PRE322", message, subject=("twins",)).seen_in(answer.exchange, later.exchange))


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
    spec = task.raw.get("spec")
    version = spec.get("addonTargetVersion") if isinstance(spec, dict) else None
    return task.value_of(Filter.TYPE), task.value_of(Filter.ADDON_INSTANCE_ID), str(version)


def _try_other_methods(run: Inspection, created: Answer) -> None:
    """Send DELETE for a task that the run created itself, and a create request to the list path."""
    task_id = created.tasks[0].id or ""
    query = encode_query([(Filter.TASK_ID, task_id)])
    before = run.lists.opening()
    run.sender.ask(run.client.list_request(query, method="DELETE"))
    models = _models(before)
    if models:
        body = json.dumps(_body(run, [_addon(models[0], TaskType.UPGRADE, _MARK)])).encode()
        exchange = run.sender.ask(replace(run.client.list_request(method="POST"), body=body))
        if exchange.status < 300:
            message = f"POST on the list path was answered with {exchange.status}"
            run.results.report(Finding("PRE609", message, subject=("POST",)).seen_in(exchange))
    after = run.lists.read_after_the_lag()
    if before is None or after is None:
        return
    if task_id in before.by_id.keys() - after.by_id.keys() - run.lists.outdated:
        message = f"task {task_id} was gone after DELETE on the list path"
        run.results.report(Finding("PRE609", message, subject=("DELETE",)).seen_in(after.exchange, before.exchange))


def _find(run: Inspection, created: Answer) -> None:
    for task in created.tasks[: run.shares.creation // (3 * _QUESTIONS_PER_TASK) or 1]:
        for name in (Filter.TASK_ID, Filter.ADDON_INSTANCE_ID, Filter.TYPE):
            value = task.value_of(name)
            if value:
                _find_by(run, created, task, name, value)


def _find_by(run: Inspection, created: Answer, task: AnsweredTask, name: Filter, value: str) -> None:
    """Ask until enough answers in a row show the task, or the lag is over; then the last one counts."""
    query, key = encode_query([(name, value)]), task.id or ""
    until = run.settings.now() + run.lag.lag
    agreeing = 0
    while True:
        asked = run.settings.now()
        exchange = run.sender.ask(run.client.list_request(query))
        answer = run.lists.judged(exchange, {200, 404})
        found = answer is not None and key in answer.by_id
        agreeing = agreeing + 1 if found else 0
        if agreeing >= _AGREEING or run.settings.now() >= until:
            break
        if not found:
            if answer is not None:
                run.lag.record_missing(key, asked)
            # a replica may not know it yet
            run.sender.wait(_REREAD)
    if not found and (answer is not None or exchange.status == 404):
        message = f"?{query} does not show task {key}, which the create call just made"
        finding = Finding("PRE507", message, subject=(str(name),))
        run.results.report(finding.seen_in(exchange, created.exchange))
    elif answer is not None and name is Filter.TASK_ID:
        run.lists.compare(answer, complete=False)
        if len(answer.tasks) > 1:
            message = f"?{query} shows {len(answer.tasks)} tasks, and the id is one task's"
            run.results.report(Finding("PRE401", message, subject=(str(name),)).seen_in(exchange))


def _follow(run: Inspection, created: Answer) -> None:
    """Read the list until the tasks are finished, waiting a little longer each time, as far as the share goes."""
    waiting = {task.id for task in created.tasks}
    pause = _FIRST_WAIT
    for poll in range(max(3, run.shares.creation // 3)):
        answer = run.lists.read()
        if answer is None:
            return
        for task_id in waiting - answer.by_id.keys() - run.lists.outdated:
            message = f"task {task_id}, just created, is not in the unfiltered list"
            finding = Finding("PRE507", message, subject=("unfiltered",))
            run.results.report(finding.seen_in(answer.exchange, created.exchange))
        waiting = {key for key in waiting & {*answer.by_id, *run.lists.outdated} if not _is_finished(answer, key)}
        if not waiting:
            break
        run.sender.wait(pause)
        # close reads first: a state that moves back does so for a moment only
        pause = min(pause * (1.1 if poll < _CLOSE_READS else 2), _LONGEST_WAIT)
    if waiting:
        run.results.give_up(f"{len(waiting)} created tasks were not finished when the last poll was made")
        return
    for _ in range(_READS_AFTER_THE_END if run.shares.creation >= _AMPLE else 1):
        run.sender.wait(_AFTER_THE_END)
        run.lists.read()


def _is_finished(answer: Answer, key: str | None) -> bool:
    task = answer.by_id.get(key or "")
    return task is not None and (task.state is None or task.state.final)


@dataclass(frozen=True)
class _Bad:
    tier: int
    what: str
    body: Any
    statuses: frozenset[int] = frozenset({400})


def _bad(run: Inspection, good: dict[str, Any]) -> Iterator[_Bad]:
    def changed(change: Callable[[dict[str, Any], dict[str, Any]], object]) -> dict[str, Any]:
        body = copy.deepcopy(good)
        change(body, body["spec"]["addonList"][0])
        return body

    another = run.unknown_id(run.client.cluster_id)
    half_good = changed(lambda body, addon: body["spec"]["addonList"].append({**addon, "type": "addonUnknown"}))
    yield _Bad(1, "a good add-on and one of an unknown type", half_good)
    yield _Bad(1, "the type addonUpgrade and no targetVersion", changed(lambda _, addon: addon.pop("targetVersion")))
    yield _Bad(1, "an unknown type", changed(lambda _, addon: addon.update(type="addonUnknown")))
    yield _Bad(1, "no addonInstanceID", changed(lambda _, addon: addon.pop("addonInstanceID")))
    yield _Bad(2, "no addonTemplateName", changed(lambda _, addon: addon.pop("addonTemplateName")))
    yield _Bad(2, "no type", changed(lambda _, addon: addon.pop("type")))
    yield _Bad(2, "another kind", changed(lambda body, _: body.update(kind="Cluster")))
    yield _Bad(2, "a body that is not JSON", b'{"kind": "AddonCheck",', frozenset({400, 415}))
    yield _Bad(3, "no kind", changed(lambda body, _: body.pop("kind")))
    yield _Bad(3, "another apiVersion", changed(lambda body, _: body.update(apiVersion="v1")))
    yield _Bad(3, "no apiVersion", changed(lambda body, _: body.pop("apiVersion")))
    yield _Bad(3, "no spec", changed(lambda body, _: body.pop("spec")))
    yield _Bad(2, "an empty addonList", changed(lambda body, _: body["spec"].update(addonList=[])))
    yield _Bad(3, "no clusterID", changed(lambda body, _: body["spec"].pop("clusterID")))
    elsewhere = changed(lambda body, _: body["spec"].update(clusterID=another))
    yield _Bad(2, "the clusterID of another cluster than the path's", elsewhere, frozenset({400, 403, 404}))
    yield _Bad(4, "a number as addonInstanceID", changed(lambda _, addon: addon.update(addonInstanceID=5)))
    yield _Bad(4, "an array as body", [good])
