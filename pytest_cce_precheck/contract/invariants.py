"""What holds within one success answer, beyond its schema.

A rule is a generator ``(answer) -> findings`` listed in a table. It reports nothing about a field that the schema rules
have already found missing or wrong.
"""

from __future__ import annotations

import json
from collections import defaultdict
from collections.abc import Callable, Container, Iterator, Mapping
from itertools import chain, repeat
from typing import Any, Final

from pytest_cce_precheck._text import listed
from pytest_cce_precheck.contract.answer import Answer, AnsweredTask, state_of
from pytest_cce_precheck.contract.deviations import deviation
from pytest_cce_precheck.contract.findings import Finding
from pytest_cce_precheck.errors import BodyError
from pytest_cce_precheck.wire.body import parse_json
from pytest_cce_precheck.wire.vocabulary import TaskState

AnswerRule = Callable[[Answer], Iterator[Finding]]

# no server's clock is off by so much; a wrong zone is off by more
_FUTURE_TOLERANCE: Final = 3600
CLOCKS_APART: Final = 600
"""Seconds: more than two clocks of one service are apart, less than any two zones."""
# C: the fields of a create request's spec, and of each of its entries
_SPEC: Final = frozenset({"clusterID", "addonList"})
_ENTRY: Final = frozenset({"addonTemplateName", "addonInstanceID", "type", "targetVersion", "values"})


def only_final_tasks_expire(answer: Answer) -> Iterator[Finding]:
    """D: only tasks in a final state have expireTimeStamp."""
    for task in answer.tasks:
        if task.state and not task.state.final and "expireTimeStamp" in task.metadata:
            yield _about(task, "PRE301", f"is {task.state} and has an expireTimeStamp", ".metadata.expireTimeStamp")


def final_tasks_expire(answer: Answer) -> Iterator[Finding]:
    """D: final tasks have expireTimeStamp; D's example has none."""
    paths = [
        f"{task.path}.metadata.expireTimeStamp"
        for task in answer.tasks
        if task.state and task.state.final and task.metadata and "expireTimeStamp" not in task.metadata
    ]
    if paths:
        yield deviation("PRE302", paths)


def creation_precedes_expiry(answer: Answer) -> Iterator[Finding]:
    """D: created, then timed out."""
    for task in answer.tasks:
        if task.created and task.expires and not task.created < task.expires:
            fact = f"was created {task.metadata['createTimeStamp']} and expires {task.metadata['expireTimeStamp']}"
            yield _about(task, "PRE303", fact, ".metadata.expireTimeStamp")


def task_ids_are_unique(answer: Answer) -> Iterator[Finding]:
    """D: the id identifies the task."""
    paths: dict[str, list[str]] = defaultdict(list)
    for task in answer.tasks:
        if task.id:
            paths[task.id].append(task.path)
    for task_id, places in paths.items():
        if len(places) > 1:
            message = f"the task id {task_id} is listed {len(places)} times"
            yield Finding("PRE304", message, places[1], evidence=(("places", listed(places)),))


def verdict_follows_risks(answer: Answer) -> Iterator[Finding]:
    """D: Failed means risks found, Success none found, both finished; Init means not started."""
    for task in answer.tasks:
        if not task.risks or task.state not in _FITTING_RISKS:
            continue
        code, fitting = _FITTING_RISKS[task.state]
        states = list(map(state_of, task.risks))
        # a status that the schema refuses may mean any
        if task.state is TaskState.FAILED and TaskState.FAILED not in states and None not in states:
            fact = f"is Failed, and of its {len(task.risks)} listed risks none is"
            yield _about(task, "PRE305", fact, ".status.riskList")
            continue
        for risk, state in zip(task.risks, states, strict=True):
            if state not in fitting:
                fact = f"is {task.state}, and its risk {_name(risk)} is {state}"
                yield _about(task, code, fact, ".status.riskList")


# what the risks of a task in this state can be, besides what the schema refuses, and the code of those that cannot
_FITTING_RISKS: Final[Mapping[TaskState | None, tuple[str, frozenset[TaskState | None]]]] = {
    # a risk that was never looked at, because another one was fatal, may stay in Init
    TaskState.FAILED: ("PRE311", frozenset({TaskState.FAILED, TaskState.SUCCESS, TaskState.INIT, None})),
    TaskState.SUCCESS: ("PRE306", frozenset({TaskState.SUCCESS, None})),
    TaskState.INIT: ("PRE307", frozenset({TaskState.INIT, None})),
}


def creation_is_past(answer: Answer) -> Iterator[Finding]:
    """D: when the task was created."""
    now = answer_date(answer)
    if now is None:
        return
    for task in answer.tasks:
        if task.created and task.created.seconds > now + _FUTURE_TOLERANCE:
            fact = f"was created {task.metadata['createTimeStamp']}"
            fact += ", and the answer's Date is earlier by more than an hour"
            yield _about(task, "PRE308", fact, ".metadata.createTimeStamp")


def count_covers_items(answer: Answer) -> Iterator[Finding]:
    """D: the number of tasks: those that match, or all of the cluster, so never less than are listed."""
    if answer.count is None or not isinstance(answer.document.get("items"), list):
        return
    number = len(answer.tasks)
    unfiltered = not answer.exchange.request.query
    if answer.count < number or (unfiltered and answer.count != number):
        fact = f"currentCount is {answer.count}, and {number} tasks are listed"
        yield Finding("PRE309", fact, "$.pageInfo.currentCount")


LIST_RULES: Final[tuple[AnswerRule, ...]] = (
    only_final_tasks_expire,
    final_tasks_expire,
    creation_precedes_expiry,
    task_ids_are_unique,
    verdict_follows_risks,
    creation_is_past,
    count_covers_items,
)


def created_tasks_are_in_init(answer: Answer) -> Iterator[Finding]:
    """C: each in Init, its risks in Init and without message."""
    for task in answer.tasks:
        if task.state not in (TaskState.INIT, None):
            yield _about(task, "PRE321", f"was just created and is {task.state} already", ".status.status")
            continue
        for risk in task.risks:
            state = state_of(risk)
            other = state not in (TaskState.INIT, None)
            if other or risk.get("message") is not None:
                fact = f"was just created, and its risk {_name(risk)} {f'is {state}' if other else 'has a message'}"
                yield _about(task, "PRE321", fact, ".status.riskList")


def created_tasks_are_new(answer: Answer) -> Iterator[Finding]:
    """D: createTimeStamp is when the task was created, which is now if the answer is new.

    It is not among the rules: an answer that was captured may have any Date.
    """
    now = answer_date(answer)
    for task in answer.tasks:
        if now is not None and task.created and task.created.seconds < now - CLOCKS_APART:
            age = (now - task.created.seconds) // 60
            fact = f"was just created, and its createTimeStamp is {age} minutes before the answer's Date"
            yield _about(task, "PRE324", fact, ".metadata.createTimeStamp")


def spec_is_as_sent(answer: Answer) -> Iterator[Finding]:
    """C: the answer's spec is the request's; a type that differs is the deviation `create-type-mismatch`."""
    asked = requested(answer)
    if asked is None or not isinstance(answer.document.get("spec"), dict):
        return
    sent = _without_types(asked["spec"])
    received = _without_types(_as_documented(answer.document["spec"], asked["spec"]))
    if sent != received:
        names = sorted(name for name in {**sent, **received} if sent.get(name) != received.get(name))
        fact = f"the answer's spec differs from the request's in {', '.join(names)}"
        yield Finding("PRE320", fact, f"$.spec.{names[0]}")


def created_tasks_are_those_asked_for(answer: Answer) -> Iterator[Finding]:
    """C: a task for each entry of addonList."""
    asked = requested(answer)
    if asked is None or _has_other_status(answer):
        return
    entries = _entries(asked)
    if len(entries) != len(answer.tasks):
        fact = f"{len(entries)} checks were asked for, {len(answer.tasks)} tasks created"
        yield Finding("PRE322", fact, "$.status.items")
        return
    for entry, task in paired(answer):
        yield from created_as_asked(entry, task)


def created_type_is_the_one_asked_for(answer: Answer) -> Iterator[Finding]:
    """C: type is the kind of check; C's own example gets another."""
    other = [
        f"{task.path}.metadata.type"
        for entry, task in paired(answer)
        if task.metadata.get("type") is not None and entry.get("type") != task.metadata["type"]
    ]
    if other:
        yield deviation("PRE323", other)


CREATE_RULES: Final[tuple[AnswerRule, ...]] = (
    only_final_tasks_expire,
    task_ids_are_unique,
    creation_is_past,
    created_tasks_are_in_init,
    spec_is_as_sent,
    created_tasks_are_those_asked_for,
    created_type_is_the_one_asked_for,
)


def answer_date(answer: Answer) -> int | None:
    """Return the answer's own Date as UTC seconds, None if it has none that can be parsed."""
    date = answer.exchange.date
    return int(date.timestamp()) if date is not None else None


def service_time(*answers: Answer) -> int | None:
    """Estimate the service's clock: the latest Date, or the latest creation if later; None without a Date."""
    dates = [date for answer in answers if (date := answer_date(answer)) is not None]
    created = [task.created.seconds for answer in answers for task in answer.tasks if task.created]
    # the latest creation alone may be of last week, and everything since would seem to be in the future
    return max([*dates, *created]) if dates else None


def requested(answer: Answer) -> dict[str, Any] | None:
    """Return the create request that the answer belongs to, None if it was not kept or is not valid."""
    try:
        asked = parse_json(answer.exchange.request.body)
    except BodyError:
        return None
    return asked if isinstance(asked, dict) and isinstance(asked.get("spec"), dict) else None


def _has_other_status(answer: Answer) -> bool:
    # the document as it was sent: when normalised, the deviation `create-status-shape` looks like an empty list
    status = answer.exchange.document.get("status")
    return not isinstance(status, dict) or "items" not in status


def created_as_asked(entry: Mapping[str, Any], task: AnsweredTask) -> Iterator[Finding]:
    """Compare a task with the entry of addonList that it was created for."""
    for name in ("addonTemplateName", "addonInstanceID"):
        got = task.metadata.get(name)
        if got is not None and entry.get(name) != got:
            fact = f"has {name} {got!r}, asked for was {entry.get(name)!r}"
            yield _about(task, "PRE322", fact, f".metadata.{name}")
    target = task.spec.get("addonTargetVersion")
    if entry.get("targetVersion") and target is not None and target != entry["targetVersion"]:
        fact = f"has the target version {target!r}, asked for was {entry['targetVersion']!r}"
        yield _about(task, "PRE322", fact, ".spec.addonTargetVersion")


def paired(answer: Answer) -> Iterator[tuple[Mapping[str, Any], AnsweredTask]]:
    """Pair each check that was asked for with the created task that is most like it; none if the numbers differ."""
    entries = _entries(requested(answer))
    waiting = list(answer.tasks)
    for entry in entries if len(entries) == len(waiting) else ():
        task = max(waiting, key=lambda candidate: _likeness(entry, candidate))
        waiting.remove(task)
        yield entry, task


def _entries(asked: Mapping[str, Any] | None) -> list[Mapping[str, Any]]:
    listed = asked["spec"].get("addonList") if asked else None
    return [entry for entry in listed if isinstance(entry, dict)] if isinstance(listed, list) else []


def _likeness(entry: Mapping[str, Any], task: AnsweredTask) -> tuple[int, bool]:
    same = sum(entry.get(name) == task.metadata.get(name) for name in ("addonInstanceID", "addonTemplateName"))
    return same, entry.get("type") == task.metadata.get("type")


def _as_documented(received: Mapping[str, Any], sent: Mapping[str, Any]) -> dict[str, Any]:
    """Return a spec without the fields that no document names and nobody sent: the documents do not forbid them."""
    spec = {name: value for name, value in received.items() if name in {*_SPEC, *sent}}
    entries, asked = spec.get("addonList"), sent.get("addonList")
    if isinstance(entries, list) and isinstance(asked, list):
        known = {*_ENTRY, *(name for entry in asked if isinstance(entry, dict) for name in entry)}
        spec["addonList"] = [
            _entry_as_documented(entry, own, known) if isinstance(entry, dict) else entry
            for entry, own in zip(entries, chain(asked, repeat(None)), strict=False)
        ]
    return spec


def _entry_as_documented(entry: Mapping[str, Any], sent: Any, known: Container[str]) -> dict[str, Any]:
    # what was left out of an entry may come back empty
    own = sent if isinstance(sent, dict) else {}
    return {name: value for name, value in entry.items() if name in known and (name in own or value not in (None, {}))}


def _without_types(spec: Mapping[str, Any]) -> dict[str, str]:
    """Return the fields as JSON texts: unlike in Python, `true` differs from 1; but 1 and 1.0 are the same number."""
    plain: dict[str, Any] = json.loads(json.dumps(spec), parse_int=float)
    for entry in plain.get("addonList", []) if isinstance(plain.get("addonList"), list) else []:
        if isinstance(entry, dict):
            entry["type"] = "type" in entry
    return {name: json.dumps(value, sort_keys=True) for name, value in plain.items()}


def _name(risk: Mapping[str, Any]) -> str:
    return str(risk.get("riskName", "?"))


def _about(task: AnsweredTask, code: str, fact: str, below: str) -> Finding:
    return Finding(code, f"task {task.id} {fact}", task.path + below)
