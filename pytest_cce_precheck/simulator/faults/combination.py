"""Filters that are right alone and wrong together."""

from __future__ import annotations

import copy
from typing import TYPE_CHECKING, Final

from pytest_cce_precheck.simulator.hooks import (
    INSTANCE,
    SUCCESS,
    TASK_ID,
    TYPE,
    filtered,
    hide,
    ignore,
    keep,
    nothing,
    of_type,
    only,
    select_by_pairs,
    when,
)
from pytest_cce_precheck.simulator.refusals import bad_request
from pytest_cce_precheck.simulator.selection import field_of
from pytest_cce_precheck.wire.vocabulary import Filter, TaskType

if TYPE_CHECKING:
    from pytest_cce_precheck.simulator.catalogue import HookTable
    from pytest_cce_precheck.simulator.pipeline import Call, Document, Hook
    from pytest_cce_precheck.simulator.state import Task


def _any_of(call: Call, _tasks: list[Task]) -> list[Task]:
    values = call.query.values.items()
    return [task for task in call.listed if any(field_of(task, name) in some for name, some in values)]


def _cached_without(ignored: Filter) -> Hook[Document]:
    """Answer combinations from a cache whose key lacks a filter."""

    def hook(call: Call, document: Document) -> Document:
        pairs = tuple(pair for pair in call.query.params if pair[0] != ignored)
        key = (hook, call.cluster.id, pairs)
        return copy.deepcopy(call.memory.setdefault(key, copy.deepcopy(document)))

    return when(lambda call: len(call.query.filters) > 1, hook)


HOOKS: Final[HookTable] = {
    "check": {
        "type-and-instance-refused": when(
            only(TYPE, INSTANCE),
            lambda _call, _refusal: bad_request("pair", "Request is invalid: too many query parameters."),
        ),
    },
    "select": {
        "or-for-and": when(filtered, _any_of),
        "last-filter-wins": lambda call, _: select_by_pairs(call, call.query.asked[-1:]),
        "first-filter-only": lambda call, _: select_by_pairs(call, call.query.asked[:1]),
        "task-id-overrides-type": when(only(TYPE, TASK_ID), ignore(TYPE)),
        "task-id-overrides-instance": when(only(INSTANCE, TASK_ID), ignore(INSTANCE)),
        "instance-overrides-type": when(only(TYPE, INSTANCE), ignore(TYPE)),
        "type-overrides-instance": when(only(TYPE, INSTANCE), ignore(INSTANCE)),
        "three-filters-drop-type": when(only(*Filter), ignore(TYPE)),
        "three-filters-drop-instance": when(only(*Filter), ignore(INSTANCE)),
        "three-filters-select-nothing": when(only(*Filter), nothing),
        "type-and-task-id-select-nothing": when(only(TYPE, TASK_ID), nothing),
        "one-task-lost-under-type-and-instance": when(only(TYPE, INSTANCE), lambda _, tasks: tasks[1:]),
        "upgrades-not-found-under-task-id-and-instance": when(
            only(TASK_ID, INSTANCE),
            keep(of_type(TaskType.STATIC)),
        ),
        "finished-tasks-lost-under-upgrade-and-instance": when(
            lambda call: only(TYPE, INSTANCE)(call) and TaskType.UPGRADE in call.query.values[TYPE],
            hide(SUCCESS),
        ),
    },
    "document": {
        "cache-key-without-instance": _cached_without(INSTANCE),
        "cache-key-without-task-id": _cached_without(TASK_ID),
    },
}
