"""Wrong answers to queries of several filters, to other spellings of a query, and after what was asked before."""

from __future__ import annotations

import copy
import re
from collections.abc import Callable, Hashable
from dataclasses import replace
from functools import partial
from typing import Final

from pytest_cce_precheck.simulator.hooks import (
    INSTANCE,
    RUNNING,
    SUCCESS,
    TASK_ID,
    TYPE,
    Condition,
    alter,
    by_call,
    every,
    everything,
    filtered,
    from_the,
    hide,
    ignore,
    in_document,
    keep,
    nothing,
    of_type,
    only,
    select_by_pairs,
    several_filters,
    unfiltered,
    when,
)
from pytest_cce_precheck.simulator.pipeline import Call, Document, Edit, HookTable
from pytest_cce_precheck.simulator.refusals import Refusal, bad_request
from pytest_cce_precheck.simulator.selection import field_of
from pytest_cce_precheck.simulator.state import Task
from pytest_cce_precheck.wire.vocabulary import Filter, TaskType

_LOWER_DIGITS: Final = re.compile(r"%(?:[0-9][a-f]|[a-f][0-9a-f])")
_ENCODED_LETTER: Final = re.compile(r"%(?:3[0-9]|[46][1-9A-Fa-f]|[57][0-9Aa])")
_NAMES: Final = frozenset(str(name) for name in Filter)


def _cached_by(key_of: Callable[[Call], Hashable]) -> Edit:
    """Answer from a cache that keeps the first answer for ever."""

    def hook(call: Call, document: Document) -> Document:
        key = (hook, key_of(call))
        return copy.deepcopy(call.memory.setdefault(key, copy.deepcopy(document)))

    return hook


def _cached_without(ignored: Filter) -> Edit:
    """Answer combinations from a cache whose key lacks a filter."""
    return when(
        several_filters,
        _cached_by(lambda call: (call.cluster.id, *(pair for pair in call.query.params if pair[0] != ignored))),
    )


def _repeated(call: Call) -> bool:
    return len(set(call.query.asked)) < len(call.query.asked)


def _names(call: Call) -> list[Filter]:
    return [name for name, _ in call.query.asked]


def _unknown_parameters(call: Call) -> dict[str, str]:
    return {name: value for name, value in call.query.params if name.lower() not in _NAMES}


def _by_first(call: Call, _tasks: list[Task]) -> list[Task]:
    return select_by_pairs(call, call.query.asked[:1])


def _number_in(call: Call, *names: str) -> int | None:
    text = next((value for name, value in _unknown_parameters(call).items() if name in names), "")
    return int(text) if text.isascii() and text.isdigit() else None


def _raw_values(call: Call) -> list[str]:
    return [pair.partition("=")[2] for pair in call.request.query.split("&")]


def _other_case(call: Call) -> dict[str, str]:
    """Return the filters whose names are written in another case."""
    return {n.lower(): v for n, v in call.query.params if n not in _NAMES and n.lower() in _NAMES}


def _empty(name: Filter) -> Condition:
    return lambda call: (name, "") in call.query.given and name not in call.query.filters


def _until_an_empty_part(call: Call, tasks: list[Task]) -> list[Task]:
    read, separator, _ = call.request.query.lstrip("&").partition("&&")
    return select_by_pairs(call, replace(call.request, query=read).params) if separator else tasks


def _new_connection(call: Call) -> bool:
    """Return whether the request came by another connection (or thread) than the one before it."""
    return bool(call.previous(_new_connection, call.caller) != call.caller)


def _fifth(call: Call) -> bool:
    return call.count(_fifth) % 5 == 0


def _previous_answer(condition: Condition) -> Edit:
    """Answer calls that meet a condition with the document of the call before."""

    def hook(call: Call, document: Document) -> Document:
        previous = call.previous(hook, copy.deepcopy(document))
        return copy.deepcopy(previous) if condition(call) else document

    return hook


def _lose_last_item(_call: Call, document: Document) -> None:
    document["items"] = document["items"][:-1]
    document["pageInfo"]["currentCount"] = len(document["items"])


def _accept_what_was_answered(call: Call, refusal: Refusal | None) -> Refusal | None:
    answered: set[str] = call.memory.setdefault(_accept_what_was_answered, set())
    if refusal is None:
        answered.add(call.request.target)
    return None if call.request.target in answered else refusal


def _refuse_once(call: Call, refusal: Refusal | None) -> Refusal | None:
    return refusal if refusal is not None and call.count(_refuse_once) == 1 else None


def _short_each(number: int, call: Call, tasks: list[Task]) -> list[Task]:
    """Leave out the last task each ``number``-th time that a query is asked."""
    return tasks if call.count((_short_each, number, call.request.query)) % number else tasks[:-1]


def _end_the_running(call: Call, tasks: list[Task]) -> list[Task]:
    for task in tasks:
        if RUNNING(call, task):
            call.state.remove(call.cluster.id, task.id)
    return tasks


HOOKS: Final[HookTable] = {
    "authorize": {
        "cached-answers-need-no-credentials": _accept_what_was_answered,
        "second-bad-request-accepted": _refuse_once,
    },
    "check": {
        "type-and-instance-refused": when(
            only(TYPE, INSTANCE), lambda _call, _refusal: bad_request("pair", "too many query parameters.")
        )
    },
    "select": {
        "or-for-and": when(
            filtered,
            lambda call, _: [
                task for task in call.listed if any(field_of(task, n) in some for n, some in call.query.values.items())
            ],
        ),
        "last-filter-wins": lambda call, _: select_by_pairs(call, call.query.asked[-1:]),
        "first-filter-only": _by_first,
        "task-id-overrides-type": when(only(TYPE, TASK_ID), ignore(TYPE)),
        "task-id-overrides-instance": when(only(INSTANCE, TASK_ID), ignore(INSTANCE)),
        "instance-overrides-type": when(only(TYPE, INSTANCE), ignore(TYPE)),
        "type-overrides-instance": when(only(TYPE, INSTANCE), ignore(INSTANCE)),
        "three-filters-drop-type": when(only(*Filter), ignore(TYPE)),
        "three-filters-drop-instance": when(only(*Filter), ignore(INSTANCE)),
        "three-filters-select-nothing": when(only(*Filter), nothing),
        "type-and-task-id-select-nothing": when(only(TYPE, TASK_ID), nothing),
        "one-task-lost-under-type-and-instance": when(only(TYPE, INSTANCE), lambda _, tasks: tasks[1:]),
        "upgrades-not-found-under-task-id-and-instance": when(only(TASK_ID, INSTANCE), keep(of_type(TaskType.STATIC))),
        "finished-tasks-lost-under-upgrade-and-instance": when(
            lambda call: only(TYPE, INSTANCE)(call) and TaskType.UPGRADE in call.query.values[TYPE], hide(SUCCESS)
        ),
        "type-counts-only-when-first": when(
            lambda call: TYPE in _names(call)[1:] and _names(call)[0] != TYPE, ignore(TYPE)
        ),
        "parameters-must-be-sorted": when(lambda call: _names(call) != sorted(_names(call)), _by_first),
        "repeated-parameter-is-dropped": when(_repeated, everything),
        "limit-honoured": lambda call, tasks: tasks[: _number_in(call, "limit", "page_size", "size")],
        "offset-honoured": lambda call, tasks: tasks[_number_in(call, "offset", "marker", "page") :],
        "unknown-parameter-selects-nothing": when(lambda call: bool(_unknown_parameters(call)), nothing),
        "unknown-parameter-drops-the-filters": when(lambda call: bool(_unknown_parameters(call)), everything),
        "encoded-letters-not-decoded": when(lambda call: any(map(_ENCODED_LETTER.search, _raw_values(call))), nothing),
        "lower-case-digits-not-decoded": when(lambda call: any(map(_LOWER_DIGITS.search, _raw_values(call))), nothing),
        "values-decoded-twice": lambda call, tasks: (
            list(call.listed) if tasks and any("%" in raw for raw in _raw_values(call)) else tasks
        ),
        "empty-part-ends-the-query": _until_an_empty_part,
        "new-connection-loses-its-filters": when(_new_connection, everything),
        "second-of-equal-questions-differs": when(filtered, partial(_short_each, 2)),
        "third-of-equal-questions-differs": when(filtered, partial(_short_each, 3)),
        "read-by-id-ends-a-task": when(only(TASK_ID), _end_the_running),
        "empty-value-selects-the-first": when(_empty(TASK_ID), lambda _, tasks: tasks[:1]),
        "blank-instance-is-no-filter": when(
            lambda call: call.query.values.get(INSTANCE, ("x",))[0].isspace(), ignore(INSTANCE)
        ),
        "empty-type-drops-the-filters": when(_empty(TYPE), everything),
        "empty-type-means-static": when(_empty(TYPE), keep(of_type(TaskType.STATIC))),
        "other-case-of-a-name-inverts": when(
            lambda call: "type" in _other_case(call), hide(lambda call, task: task.type == _other_case(call)["type"])
        ),
        "other-case-of-a-name-selects-one": when(lambda call: bool(_other_case(call)), lambda _, tasks: tasks[-1:]),
    },
    "document": {
        "cache-key-without-instance": _cached_without(INSTANCE),
        "cache-key-without-task-id": _cached_without(TASK_ID),
        "new-connection-gets-the-previous-answer": _previous_answer(
            lambda call: _new_connection(call) and filtered(call)
        ),
        "fifth-answer-is-the-previous-one": _previous_answer(lambda call: filtered(call) and _fifth(call)),
        "fifth-answer-lacks-a-task": every(5, _lose_last_item),
        "answers-shrink-after-twenty": from_the(20, _lose_last_item),
        "cache-key-without-cluster": when(filtered, _cached_by(lambda call: call.request.query)),
        "unfiltered-list-cached-for-ever": when(unfiltered, _cached_by(lambda call: call.cluster.id)),
        "filtered-answers-cached-for-ever": when(
            filtered, _cached_by(lambda call: (call.cluster.id, call.request.query))
        ),
        "count-of-the-previous-answer": by_call(
            lambda call: in_document(alter("pageInfo.currentCount", lambda count: call.previous("count", count)))
        ),
    },
}
