"""Answers that depend on what was asked before: caches, the second or third time."""

from __future__ import annotations

import copy
from typing import TYPE_CHECKING, Final

from pytest_cce_precheck.simulator.hooks import RUNNING, TASK_ID, filtered, only, unfiltered, when

if TYPE_CHECKING:
    from collections.abc import Callable, Hashable

    from pytest_cce_precheck.simulator.catalogue import HookTable
    from pytest_cce_precheck.simulator.pipeline import Call, Document, Hook
    from pytest_cce_precheck.simulator.refusals import Refusal
    from pytest_cce_precheck.simulator.state import Task


def _cached_by(key_of: Callable[[Call], Hashable]) -> Hook[Document]:
    """Answer from a cache that keeps the first answer for ever."""

    def hook(call: Call, document: Document) -> Document:
        return copy.deepcopy(call.memory.setdefault((hook, key_of(call)), copy.deepcopy(document)))

    return hook


def _accept_what_was_answered(call: Call, refusal: Refusal | None) -> Refusal | None:
    answered: set[str] = call.memory.setdefault(_accept_what_was_answered, set())
    if refusal is None:
        answered.add(call.request.target)
    return None if call.request.target in answered else refusal


def _refuse_once(call: Call, refusal: Refusal | None) -> Refusal | None:
    return refusal if refusal is not None and call.count(_refuse_once) == 1 else None


def _third_is_short(call: Call, tasks: list[Task]) -> list[Task]:
    return tasks[:-1] if call.count((_third_is_short, call.request.query)) % 3 == 0 else tasks


def _count_of_the_previous(call: Call, document: Document) -> Document:
    own = document["pageInfo"]["currentCount"]
    document["pageInfo"]["currentCount"] = call.memory.get(_count_of_the_previous, own)
    call.memory[_count_of_the_previous] = own
    return document


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
    "select": {
        "third-of-equal-questions-differs": when(filtered, _third_is_short),
        "read-by-id-ends-a-task": when(only(TASK_ID), _end_the_running),
    },
    "document": {
        "cache-key-without-cluster": when(filtered, _cached_by(lambda call: call.request.query)),
        "unfiltered-list-cached-for-ever": when(unfiltered, _cached_by(lambda call: call.cluster.id)),
        "filtered-answers-cached-for-ever": when(
            filtered, _cached_by(lambda call: (call.cluster.id, call.request.query))
        ),
        "count-of-the-previous-answer": _count_of_the_previous,
    },
}
