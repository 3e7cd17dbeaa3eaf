"""Single filters that select what they should not, and values that select without being anyone's."""

from __future__ import annotations

import re
import unicodedata
from fnmatch import fnmatchcase
from functools import partial
from typing import TYPE_CHECKING, Final

from pytest_cce_precheck.simulator.faults.tools import (
    asked,
    asked_only,
    in_state,
    of_type,
    select_by,
    select_without,
    victim,
)
from pytest_cce_precheck.simulator.pipeline import Call, Fault, Hook
from pytest_cce_precheck.simulator.selection import field_of
from pytest_cce_precheck.wire.vocabulary import Filter, TaskState, TaskType

if TYPE_CHECKING:
    from pytest_cce_precheck.simulator.refusals import Refusal
    from pytest_cce_precheck.simulator.world import Task

_unsound = partial(Fault, category="soundness", codes=("PRE401",))
_unknown = partial(Fault, category="soundness", codes=("PRE406",))

# as fnmatch writes them, whose patterns take no longer with many wildcards
_GLOB: Final = str.maketrans({"[": "[[]"})
_LIKE: Final = str.maketrans({"[": "[[]", "*": "[*]", "?": "[?]", "%": "*", "_": "?"})
_TYPE: Final = Filter.TYPE
_ID: Final = Filter.TASK_ID
_INSTANCE: Final = Filter.ADDON_INSTANCE_ID
_IDS: Final = (_ID, _INSTANCE)


def _ignore(*filters: Filter) -> Hook[list[Task]]:
    return lambda call, _: select_without(call, *filters)


def _with_one_of_the_other_type(call: Call, tasks: list[Task]) -> list[Task]:
    stranger = victim(call, of_type(TaskType.STATIC), 3)
    wanted = asked_only(call, _TYPE) and call.question.values[_TYPE] == (TaskType.UPGRADE,)
    return [*tasks, stranger] if wanted and stranger is not None else tasks


def _with_the_next(call: Call, tasks: list[Task]) -> list[Task]:
    if not asked_only(call, _ID) or len(tasks) != 1:
        return tasks
    place = call.listed.index(tasks[0])
    return [*tasks, *call.listed[place + 1 : place + 2]]


def _whole_instance(call: Call, tasks: list[Task]) -> list[Task]:
    if not asked_only(call, _ID):
        return tasks
    instances = {task.instance.id for task in tasks}
    return [task for task in call.listed if task.instance.id in instances]


def _by_template(call: Call, tasks: list[Task]) -> list[Task]:
    mixed = {"coredns", "npd"}
    templates = {task.instance.template for task in tasks} & mixed
    if not asked_only(call, _INSTANCE) or not templates:
        return tasks
    return [task for task in call.listed if task in tasks or task.instance.template in mixed]


def _unknown_selects_all(name: Filter) -> Hook[list[Task]]:
    def hook(call: Call, tasks: list[Task]) -> list[Task]:
        known = {field_of(task, name) for task in call.listed}
        unknown = not known.intersection(call.question.values.get(name, ()))
        return select_without(call, name) if asked(call, name) and unknown else tasks

    return hook


def _let_types_pass(_call: Call, refusal: Refusal | None) -> Refusal | None:
    return None if refusal is not None and refusal.reason == "unknown-type" else refusal


def _let_these_types_pass(hook: Hook[list[Task]]) -> Hook[Refusal | None]:
    return lambda call, refusal: refusal if refusal is None or not hook(call, []) else None


def _type_in_any_case(call: Call, _tasks: list[Task]) -> list[Task]:
    return select_by(lambda asked, actual: asked.lower() == actual.lower(), _TYPE)(call, [])


def _like(asked: str, actual: str) -> bool:
    return fnmatchcase(actual, asked.translate(_LIKE))


def _glob(asked: str, actual: str) -> bool:
    return fnmatchcase(actual, asked.translate(_GLOB))


def _regex(asked: str, actual: str) -> bool:
    try:
        return re.fullmatch(asked, actual) is not None
    except (re.error, RecursionError, OverflowError):
        return False


def _quoted(call: Call, tasks: list[Task]) -> list[Task]:
    injected = any("'" in value for values in call.question.values.values() for value in values)
    return list(call.listed) if injected else tasks


FAULTS: Final = (
    _unsound(name="type-filter-ignored", summary="`type` selects nothing.", select=_ignore(_TYPE)),
    _unsound(name="task-id-filter-ignored", summary="`task_id` selects nothing.", select=_ignore(_ID)),
    _unsound(
        name="instance-filter-ignored",
        summary="`addon_instance_id` selects nothing.",
        select=_ignore(_INSTANCE),
    ),
    _unsound(
        name="upgrade-filter-ignored",
        subtle=True,
        summary="`type=addonUpgrade` gives both types; `addonStatic` works.",
        select=lambda call, tasks: (
            select_without(call, _TYPE) if TaskType.UPGRADE in call.question.values.get(_TYPE, ()) else tasks
        ),
    ),
    _unsound(
        name="type-filter-inverted",
        summary="`type` gives the tasks of the other type.",
        select=lambda call, tasks: (
            [t for t in select_without(call, _TYPE) if t not in tasks] if asked(call, _TYPE) else tasks
        ),
    ),
    _unsound(
        name="one-static-task-among-the-upgrades",
        subtle=True,
        summary="`type=addonUpgrade` shows one static task too.",
        select=_with_one_of_the_other_type,
    ),
    _unsound(
        name="task-id-shows-the-next-task-too",
        subtle=True,
        summary="`task_id` gives the task and the one after it (a range instead of a point).",
        select=_with_the_next,
    ),
    _unsound(
        name="task-id-selects-its-instance",
        summary="`task_id` gives all tasks of the task's instance.",
        select=_whole_instance,
    ),
    _unsound(
        name="two-templates-share-their-instances",
        subtle=True,
        summary="An instance of coredns or npd shows the other's tasks too.",
        select=_by_template,
    ),
    _unsound(
        name="running-tasks-pass-the-type-filter",
        subtle=True,
        summary="Running tasks are shown whatever type is asked for.",
        select=lambda call, tasks: (
            [t for t in call.listed if t in tasks or in_state(TaskState.RUNNING)(call, t)]
            if asked_only(call, _TYPE)
            else tasks
        ),
    ),
    _unknown(
        name="unknown-type-selects-all",
        summary="An unknown `type` is no filter.",
        check=_let_types_pass,
        select=_unknown_selects_all(_TYPE),
    ),
    _unknown(
        name="unknown-task-id-selects-all",
        summary="A `task_id` that no task has is no filter.",
        select=_unknown_selects_all(_ID),
    ),
    _unknown(
        name="unknown-instance-selects-all",
        summary="An `addon_instance_id` that no task has is no filter.",
        select=_unknown_selects_all(_INSTANCE),
    ),
    _unknown(
        name="type-in-any-case",
        subtle=True,
        summary="`type` is compared without regard to case.",
        check=_let_these_types_pass(_type_in_any_case),
        select=_type_in_any_case,
    ),
    _unknown(
        name="ids-in-any-case",
        subtle=True,
        summary="Ids are compared by a case-insensitive collation.",
        select=select_by(lambda asked, actual: asked.lower() == actual.lower(), *_IDS),
    ),
    _unknown(
        name="task-id-matched-by-prefix",
        subtle=True,
        summary="`task_id` matches every id that starts so.",
        select=select_by(lambda asked, actual: actual.startswith(asked), _ID),
    ),
    _unknown(
        name="instance-matched-by-prefix",
        subtle=True,
        summary="`addon_instance_id` matches every id that starts so.",
        select=select_by(lambda asked, actual: actual.startswith(asked), _INSTANCE),
    ),
    _unknown(
        name="ids-cut-at-36-characters",
        subtle=True,
        summary="What follows a full id in `task_id` or `addon_instance_id` is cut off.",
        select=select_by(lambda asked, actual: asked[:36] == actual, *_IDS),
    ),
    _unknown(
        name="ids-matched-with-like",
        subtle=True,
        summary="SQL's wildcards % and _ work in ids.",
        select=select_by(_like, *_IDS),
    ),
    _unknown(
        name="ids-matched-as-globs",
        subtle=True,
        summary="The wildcards * and ? work in ids.",
        select=select_by(_glob, *_IDS),
    ),
    _unknown(
        name="task-id-matched-as-regex",
        subtle=True,
        summary="`task_id` is a regular expression.",
        select=select_by(_regex, _ID),
    ),
    _unknown(
        name="blanks-around-ids-trimmed",
        subtle=True,
        summary="Blanks around an id are cut off (a padded comparison).",
        select=select_by(lambda asked, actual: asked.strip() == actual, *_IDS),
    ),
    _unknown(
        name="comma-list-of-ids",
        subtle=True,
        summary="An id with a comma is a list of ids.",
        select=select_by(lambda asked, actual: actual in asked.split(","), *_IDS),
    ),
    _unknown(
        name="quote-injects-sql",
        subtle=True,
        summary="A quote in a value ends the condition: everything is selected.",
        select=_quoted,
    ),
    _unknown(
        name="wide-letters-fold-to-ascii",
        subtle=True,
        summary="Full-width and accented letters in ids are folded to ASCII ones.",
        select=select_by(
            lambda asked, actual: unicodedata.normalize("NFKD", asked).encode("ascii", "ignore").decode() == actual,
            *_IDS,
        ),
    ),
    _unknown(
        name="very-long-id-selects-all",
        subtle=True,
        summary="An id of more than 255 characters is dropped, and everything is selected.",
        select=lambda call, tasks: (
            list(call.listed) if any(len(value) > 255 for _, value in call.question.given) else tasks
        ),
    ),
    _unknown(
        name="type-matched-by-prefix",
        subtle=True,
        summary="`type=addonS` selects the static tasks.",
        check=_let_these_types_pass(select_by(lambda asked, actual: actual.startswith(asked), _TYPE)),
        select=select_by(lambda asked, actual: actual.startswith(asked), _TYPE),
    ),
)
