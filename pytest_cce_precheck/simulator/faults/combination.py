"""Filters that are right alone and wrong together."""

from __future__ import annotations

import copy
from functools import partial
from typing import TYPE_CHECKING, Final

from pytest_cce_precheck.simulator.faults.tools import (
    asked_only,
    select_only,
    select_without,
)
from pytest_cce_precheck.simulator.pipeline import Call, Document, Fault, Hook
from pytest_cce_precheck.simulator.refusals import Refusal, bad_request
from pytest_cce_precheck.simulator.selection import field_of
from pytest_cce_precheck.wire.vocabulary import Filter, TaskState, TaskType

if TYPE_CHECKING:
    from pytest_cce_precheck.simulator.world import Task


_fault = partial(Fault, category="combination", codes=("PRE404",))

_TYPE: Final = Filter.TYPE

_ID: Final = Filter.TASK_ID

_INSTANCE: Final = Filter.ADDON_INSTANCE_ID


def _valued(call: Call) -> list[tuple[Filter, str]]:
    return [(name, value) for name, value in call.question.given if value]


def _any_of(call: Call, tasks: list[Task]) -> list[Task]:
    values = call.question.values.items()
    return [t for t in call.listed if any(field_of(t, n) in some for n, some in values)] if values else tasks


def _ignore_with(ignored: Filter, *others: Filter) -> Hook[list[Task]]:
    return lambda call, tasks: select_without(call, ignored) if asked_only(call, ignored, *others) else tasks


def _empty_with(*filters: Filter) -> Hook[list[Task]]:
    return lambda call, tasks: [] if asked_only(call, *filters) else tasks


def _lose_one_with(*filters: Filter) -> Hook[list[Task]]:
    return lambda call, tasks: tasks[1:] if asked_only(call, *filters) else tasks


def _cached_without(ignored: Filter) -> Hook[Document]:
    def hook(call: Call, document: Document) -> Document:
        cache = call.memory.setdefault(f"cache without {ignored}", {})
        key = tuple(pair for pair in call.question.params if pair[0] != ignored)
        key = (("cluster", call.route.cluster_id if call.route else ""), *key)
        if len(call.question.filters) < 2:
            return document
        return copy.deepcopy(cache.setdefault(key, copy.deepcopy(document)))

    return hook


def _refuse_pair(*filters: Filter) -> Hook[Refusal | None]:
    return lambda call, refusal: (
        bad_request("pair", "Request is invalid: too many query parameters.") if asked_only(call, *filters) else refusal
    )


FAULTS: Final = (
    _fault(name="or-for-and", summary="Filters are joined with OR.", select=_any_of),
    _fault(
        name="last-filter-wins",
        summary="Of several filters only the last counts.",
        select=lambda call, _: select_only(call, _valued(call)[-1:]),
    ),
    _fault(
        name="first-filter-only",
        summary="Of several filters only the first counts.",
        select=lambda call, _: select_only(call, _valued(call)[:1]),
    ),
    _fault(
        name="task-id-overrides-type",
        subtle=True,
        summary="`type` is ignored beside `task_id`.",
        select=_ignore_with(_TYPE, _ID),
    ),
    _fault(
        name="task-id-overrides-instance",
        subtle=True,
        summary="`addon_instance_id` is ignored beside `task_id`.",
        select=_ignore_with(_INSTANCE, _ID),
    ),
    _fault(
        name="instance-overrides-type",
        subtle=True,
        summary="`type` is ignored beside `addon_instance_id`.",
        select=_ignore_with(_TYPE, _INSTANCE),
    ),
    _fault(
        name="type-overrides-instance",
        subtle=True,
        summary="`addon_instance_id` is ignored beside `type`.",
        select=_ignore_with(_INSTANCE, _TYPE),
    ),
    _fault(
        name="three-filters-drop-type",
        subtle=True,
        summary="`type` is ignored where all three filters are given.",
        select=_ignore_with(_TYPE, _ID, _INSTANCE),
    ),
    _fault(
        name="three-filters-drop-instance",
        subtle=True,
        summary="`addon_instance_id` is ignored where all three filters are given.",
        select=_ignore_with(_INSTANCE, _ID, _TYPE),
    ),
    _fault(
        name="three-filters-select-nothing",
        subtle=True,
        summary="All three filters together find nothing.",
        select=_empty_with(_TYPE, _ID, _INSTANCE),
    ),
    _fault(
        name="type-and-task-id-select-nothing",
        subtle=True,
        summary="`type` and `task_id` together find nothing.",
        select=_empty_with(_TYPE, _ID),
    ),
    _fault(
        name="one-task-lost-under-type-and-instance",
        subtle=True,
        summary="`type` and `addon_instance_id` together leave out the first match.",
        select=_lose_one_with(_TYPE, _INSTANCE),
    ),
    _fault(
        name="upgrades-not-found-under-task-id-and-instance",
        subtle=True,
        summary="`task_id` and `addon_instance_id` together find static tasks only.",
        select=lambda call, tasks: (
            [t for t in tasks if t.type is TaskType.STATIC] if asked_only(call, _ID, _INSTANCE) else tasks
        ),
    ),
    _fault(
        name="finished-tasks-lost-under-upgrade-and-instance",
        subtle=True,
        summary="`type=addonUpgrade` and an instance together leave out the successful tasks.",
        select=lambda call, tasks: (
            [t for t in tasks if t.state(call.now) is not TaskState.SUCCESS]
            if asked_only(call, _TYPE, _INSTANCE) and TaskType.UPGRADE in call.question.values[_TYPE]
            else tasks
        ),
    ),
    _fault(
        name="type-and-instance-refused",
        codes=("PRE102", "PRE404"),
        subtle=True,
        summary="`type` and `addon_instance_id` together are refused with 400.",
        check=_refuse_pair(_TYPE, _INSTANCE),
    ),
    _fault(
        name="cache-key-without-instance",
        codes=("PRE404", "PRE401"),
        subtle=True,
        summary="Combinations are cached, and the instance is missing in the cache's key.",
        document=_cached_without(_INSTANCE),
    ),
    _fault(
        name="cache-key-without-task-id",
        codes=("PRE404", "PRE401"),
        subtle=True,
        summary="Combinations are cached, and the task id is missing in the cache's key.",
        document=_cached_without(_ID),
    ),
)
