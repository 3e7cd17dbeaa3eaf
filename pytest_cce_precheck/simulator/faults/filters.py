"""Single filters that select too much or too little, and answers to them that show other content."""

from __future__ import annotations

import re
import unicodedata
from collections.abc import Callable
from datetime import timedelta
from fnmatch import fnmatchcase
from typing import Final
from urllib.parse import unquote

from pytest_cce_precheck.simulator.hooks import (
    FAILED,
    FINAL,
    INIT,
    INSTANCE,
    RUNNING,
    TASK_ID,
    TYPE,
    Condition,
    accept,
    alter,
    drop,
    everything,
    filtered,
    given,
    hide,
    hide_one,
    ignore,
    in_each,
    in_one,
    keep,
    lose,
    nothing,
    of_type,
    only,
    pick,
    put,
    select_by,
    select_by_pairs,
    select_without,
    unfiltered,
    when,
)
from pytest_cce_precheck.simulator.pipeline import Call, Document, Hook, HookTable
from pytest_cce_precheck.simulator.refusals import Refusal
from pytest_cce_precheck.simulator.rendering import task_document
from pytest_cce_precheck.simulator.selection import field_of
from pytest_cce_precheck.simulator.state import Task
from pytest_cce_precheck.wire.vocabulary import Filter, TaskType

# in fnmatch's syntax, whose patterns stay fast with many wildcards
_GLOB: Final = str.maketrans({"[": "[[]"})
_LIKE: Final = str.maketrans({"[": "[[]", "*": "[*]", "?": "[?]", "%": "*", "_": "?"})


def _with_a_static_task(call: Call, tasks: list[Task]) -> list[Task]:
    added = pick(call, of_type(TaskType.STATIC), 3)
    wanted = call.query.values == {TYPE: (TaskType.UPGRADE,)}
    return [*tasks, added] if wanted and added is not None else tasks


def _with_the_next(call: Call, tasks: list[Task]) -> list[Task]:
    if len(tasks) != 1 or tasks[0] not in call.listed:
        return tasks
    place = call.listed.index(tasks[0])
    return [*tasks, *call.listed[place + 1 : place + 2]]


def _whole_instance(call: Call, tasks: list[Task]) -> list[Task]:
    instances = {task.instance.id for task in tasks}
    return [task for task in call.listed if task.instance.id in instances]


def _by_template(call: Call, tasks: list[Task]) -> list[Task]:
    mixed = {"coredns", "npd"}
    if mixed.isdisjoint(task.instance.template for task in tasks):
        return tasks
    return [task for task in call.listed if task in tasks or task.instance.template in mixed]


def _unknown_selects_all(name: Filter) -> Hook[list[Task]]:
    def hook(call: Call, tasks: list[Task]) -> list[Task]:
        known = {field_of(task, name) for task in call.listed}
        return select_without(call, name) if known.isdisjoint(call.query.values[name]) else tasks

    return when(given(name), hook)


def _accept_selecting(select: Hook[list[Task]]) -> Hook[Refusal | None]:
    """Accept a value that selects a task after all."""
    return lambda call, refusal: refusal if refusal is None or not select(call, []) else None


def _lose_match(place: int) -> Hook[list[Task]]:
    """Leave out one of several matches."""
    return lambda _, tasks: lose(tasks[place], tasks) if len(tasks) > 1 else tasks


def _any_value(condition: Callable[[str], bool]) -> Condition:
    return lambda call: any(condition(value) for _, value in call.query.given)


def _by_id(read: Callable[[str], str]) -> Hook[list[Task]]:
    """Match the ids that are sent as a function reads them."""
    return select_by(lambda sent, actual: read(sent) == actual, TASK_ID, INSTANCE)


def _regex(sent: str, actual: str) -> bool:
    try:
        return re.fullmatch(sent, actual) is not None
    except (re.error, RecursionError, OverflowError):
        return False


def _without_accents(sent: str) -> str:
    letters = unicodedata.normalize("NFD", sent)
    return unicodedata.normalize("NFC", "".join(each for each in letters if not unicodedata.combining(each)))


def _prefix(sent: str, actual: str) -> bool:
    return actual.startswith(sent)


def _same_uuid(sent: str, actual: str) -> bool:
    return bool(sent) and sent.strip("{}").replace("-", "") == actual.replace("-", "") and sent != sent.swapcase()


def _first_of(separators: str) -> Callable[[str, str], bool]:
    return lambda sent, actual: re.split(f"[{separators}]", sent, maxsplit=1)[0] == actual


def _null_means_all(call: Call, tasks: list[Task]) -> list[Task]:
    meant = [name for name, values in call.query.values.items() if {"null", "0"} & set(values)]
    return select_without(call, *meant) if meant else tasks


def _as_constant(sent: str, actual: str) -> bool:
    return sent == "".join(f"_{letter}" if letter.isupper() else letter for letter in actual).upper()


def _as_hours_ago(call: Call, document: Document) -> None:
    shown = {task.id: task for task in call.listed}
    ids = [item["metadata"]["taskID"] for item in document["items"]]
    then = call.now - timedelta(hours=5)
    document["items"] = [task_document(shown[task_id], then) for task_id in ids if task_id in shown]


def _shift_messages(_call: Call, document: Document) -> None:
    texts = [item["status"]["message"] for item in document["items"]]
    for item, text in zip(document["items"], texts[1:] + texts[:1], strict=True):
        item["status"]["message"] = text


_LOOSE_TYPES: Final = {
    "type-in-any-case": select_by(lambda sent, actual: sent.lower() == actual.lower(), TYPE),
    "type-matched-by-prefix": select_by(_prefix, TYPE),
    "type-as-an-enum-constant": select_by(_as_constant, TYPE),
}
_like: Final = select_by(lambda sent, actual: fnmatchcase(actual, sent.translate(_LIKE)), INSTANCE)

HOOKS: Final[HookTable] = {
    "check": {
        "unknown-type-selects-all": accept("unknown-type"),
        **{name: _accept_selecting(select) for name, select in _LOOSE_TYPES.items()},
    },
    "select": {
        **_LOOSE_TYPES,
        "last-character-of-ids-ignored": select_by(
            lambda sent, actual: len(sent) == len(actual) and sent[:-1] == actual[:-1], TASK_ID, INSTANCE
        ),
        "type-filter-ignored": ignore(TYPE),
        "task-id-filter-ignored": ignore(TASK_ID),
        "instance-filter-ignored": ignore(INSTANCE),
        "upgrade-filter-ignored": when(lambda call: TaskType.UPGRADE in call.query.values.get(TYPE, ()), ignore(TYPE)),
        "type-filter-inverted": when(
            given(TYPE), lambda call, tasks: [task for task in select_without(call, TYPE) if task not in tasks]
        ),
        "one-static-task-among-the-upgrades": _with_a_static_task,
        "task-id-shows-the-next-task-too": when(only(TASK_ID), _with_the_next),
        "task-id-selects-its-instance": when(only(TASK_ID), _whole_instance),
        "two-templates-share-their-instances": when(only(INSTANCE), _by_template),
        "running-tasks-pass-the-type-filter": when(
            only(TYPE), lambda call, tasks: [task for task in call.listed if task in tasks or RUNNING(call, task)]
        ),
        "unknown-type-selects-all": _unknown_selects_all(TYPE),
        "unknown-task-id-selects-all": _unknown_selects_all(TASK_ID),
        "unknown-task-id-ignored-beside-type": when(only(TYPE, TASK_ID), _unknown_selects_all(TASK_ID)),
        "unknown-instance-selects-all": _unknown_selects_all(INSTANCE),
        "ids-in-any-case": select_by(lambda sent, actual: sent.lower() == actual.lower(), TASK_ID, INSTANCE),
        "task-id-matched-by-prefix": select_by(_prefix, TASK_ID),
        "instance-matched-by-prefix": select_by(_prefix, INSTANCE),
        "ids-cut-at-36-characters": _by_id(lambda sent: sent[:36]),
        "ids-matched-with-like": select_by(
            lambda sent, actual: fnmatchcase(actual, sent.translate(_LIKE)), TASK_ID, INSTANCE
        ),
        "ids-matched-as-globs": select_by(
            lambda sent, actual: fnmatchcase(actual, sent.translate(_GLOB)), TASK_ID, INSTANCE
        ),
        "task-id-matched-as-regex": select_by(_regex, TASK_ID),
        "blanks-around-ids-trimmed": _by_id(str.strip),
        "comma-list-of-ids": select_by(lambda sent, actual: actual in sent.split(","), TASK_ID, INSTANCE),
        "quote-injects-sql": when(_any_value(lambda value: "'" in value), everything),
        "wide-letters-fold-to-ascii": _by_id(
            lambda sent: unicodedata.normalize("NFKD", sent).encode("ascii", "ignore").decode()
        ),
        "very-long-id-selects-all": when(_any_value(lambda value: len(value) > 255), everything),
        "accents-in-ids-ignored": _by_id(_without_accents),
        "instance-as-any-uuid-spelling": select_by(_same_uuid, INSTANCE),
        "quotes-around-ids-stripped": _by_id(lambda sent: sent.strip("\"'")),
        "task-id-ends-at-a-delimiter": select_by(_first_of("&;"), TASK_ID),
        "null-byte-ends-an-instance": select_by(_first_of("\x00"), INSTANCE),
        "invisible-letters-in-task-id-ignored": select_by(
            lambda sent, actual: sent.replace("\u200b", "") == actual, TASK_ID
        ),
        "dots-and-slashes-after-ids-ignored": _by_id(lambda sent: sent.rstrip("./")),
        "zeros-before-ids-ignored": select_by(
            lambda sent, actual: sent.lstrip("0") == actual.lstrip("0"), TASK_ID, INSTANCE
        ),
        "instance-decoded-again": select_by(lambda sent, actual: unquote(sent) == actual, INSTANCE),
        "null-means-no-filter": _null_means_all,
        "task-id-also-selects-by-instance": lambda call, tasks: (
            tasks or select_by_pairs(call, [(INSTANCE if n == TASK_ID else n, value) for n, value in call.query.params])
        ),
        "one-instance-alone-matched-with-like": when(lambda call: len(call.query.values.get(INSTANCE, ())) == 1, _like),
        "one-task-lost-under-type": when(only(TYPE), _lose_match(1)),
        "newest-task-lost-under-instance": when(only(INSTANCE), _lose_match(-1)),
        "failed-tasks-lost-under-type": when(given(TYPE), hide(FAILED)),
        "unfinished-tasks-lost-under-instance": when(given(INSTANCE), keep(FINAL)),
        "running-task-not-found-by-id": when(given(TASK_ID), hide(RUNNING)),
        "static-task-not-found-by-id": when(given(TASK_ID), keep(of_type(TaskType.UPGRADE))),
        "one-task-not-found-by-id": when(only(TASK_ID), hide_one(place=6)),
        "page-of-five-under-a-filter": when(filtered, lambda _, tasks: tasks[:5]),
        "first-match-only": when(filtered, lambda _, tasks: tasks[:1]),
        "instance-filter-empties": when(given(INSTANCE), nothing),
        "one-instance-not-found": when(only(INSTANCE), hide(lambda _, task: task.instance.template == "everest")),
        "one-task-missing-from-the-unfiltered-list": when(unfiltered, hide_one(place=4)),
        "unfiltered-list-shows-ten": when(unfiltered, lambda _, tasks: tasks[-10:]),
        "unfiltered-list-shows-thirteen": when(unfiltered, lambda _, tasks: tasks[-13:]),
        "task-listed-twice-under-instance": when(only(INSTANCE), lambda _, tasks: [*tasks, *tasks[-1:]]),
        "unfiltered-list-hides-init": when(unfiltered, hide(INIT)),
    },
    "document": {
        "filtered-view-is-hours-old": when(filtered, _as_hours_ago),
        "messages-shifted-under-instance": when(only(INSTANCE), _shift_messages),
        "expiry-in-another-zone-under-task-id": when(
            only(TASK_ID), in_each(alter("metadata.expireTimeStamp", lambda text: text.replace("+08:", "+09:")))
        ),
        "message-cut-under-type": when(only(TYPE), in_each(alter("status.message", lambda text: text[:10]))),
        "risks-missing-under-task-id": when(only(TASK_ID), in_each(drop("status.riskList"))),
        "expiry-missing-under-type": when(only(TYPE), in_each(drop("metadata.expireTimeStamp"))),
        "target-version-missing-under-instance": when(only(INSTANCE), in_each(drop("spec"))),
        "one-instance-name-differs-under-instance": when(
            only(INSTANCE), in_one(put("metadata.addonInstanceName", "cceaddon-other"), FINAL, 1)
        ),
    },
}
