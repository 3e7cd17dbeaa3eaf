"""Single filters that select too much, and values that select tasks although no task has them."""

from __future__ import annotations

import re
import unicodedata
from fnmatch import fnmatchcase
from typing import TYPE_CHECKING, Final
from urllib.parse import unquote

from pytest_cce_precheck.simulator.hooks import (
    INSTANCE,
    RUNNING,
    TASK_ID,
    TYPE,
    accept,
    everything,
    given,
    ignore,
    of_type,
    only,
    pick,
    select_by,
    select_by_pairs,
    select_without,
    when,
)
from pytest_cce_precheck.simulator.selection import field_of
from pytest_cce_precheck.wire.vocabulary import Filter, TaskType

if TYPE_CHECKING:
    from collections.abc import Callable

    from pytest_cce_precheck.simulator.catalogue import HookTable
    from pytest_cce_precheck.simulator.pipeline import Call, Hook
    from pytest_cce_precheck.simulator.refusals import Refusal
    from pytest_cce_precheck.simulator.state import Task

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


def _any_case(sent: str, actual: str) -> bool:
    return sent.lower() == actual.lower()


def _prefix(sent: str, actual: str) -> bool:
    return actual.startswith(sent)


def _regex(sent: str, actual: str) -> bool:
    try:
        return re.fullmatch(sent, actual) is not None
    except (re.error, RecursionError, OverflowError):
        return False


def _folded(sent: str, actual: str) -> bool:
    return unicodedata.normalize("NFKD", sent).encode("ascii", "ignore").decode() == actual


def _without_accents(sent: str) -> str:
    letters = unicodedata.normalize("NFD", sent)
    return unicodedata.normalize("NFC", "".join(each for each in letters if not unicodedata.combining(each)))


def _same_uuid(sent: str, actual: str) -> bool:
    return bool(sent) and sent.strip("{}").replace("-", "") == actual.replace("-", "") and sent != sent.swapcase()


def _first_of(separators: str) -> Callable[[str, str], bool]:
    return lambda sent, actual: re.split(f"[{separators}]", sent, maxsplit=1)[0] == actual


def _word_means_all(*words: str) -> Hook[list[Task]]:
    def hook(call: Call, tasks: list[Task]) -> list[Task]:
        meant = [name for name, values in call.query.values.items() if set(values) & set(words)]
        return select_without(call, *meant) if meant else tasks

    return hook


def _as_constant(sent: str, actual: str) -> bool:
    return sent == "".join(f"_{letter}" if letter.isupper() else letter for letter in actual).upper()


_type_by_constant: Final = select_by(_as_constant, TYPE)
_like: Final = select_by(lambda sent, actual: fnmatchcase(actual, sent.translate(_LIKE)), INSTANCE)


HOOKS: Final[HookTable] = {
    "check": {
        "unknown-type-selects-all": accept("unknown-type"),
        "type-in-any-case": _accept_selecting(select_by(_any_case, TYPE)),
        "type-matched-by-prefix": _accept_selecting(select_by(_prefix, TYPE)),
        "type-as-an-enum-constant": _accept_selecting(_type_by_constant),
    },
    "select": {
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
        "unknown-instance-selects-all": _unknown_selects_all(INSTANCE),
        "type-in-any-case": select_by(_any_case, TYPE),
        "ids-in-any-case": select_by(_any_case, TASK_ID, INSTANCE),
        "task-id-matched-by-prefix": select_by(_prefix, TASK_ID),
        "instance-matched-by-prefix": select_by(_prefix, INSTANCE),
        "ids-cut-at-36-characters": select_by(lambda sent, actual: sent[:36] == actual, TASK_ID, INSTANCE),
        "ids-matched-with-like": select_by(
            lambda sent, actual: fnmatchcase(actual, sent.translate(_LIKE)), TASK_ID, INSTANCE
        ),
        "ids-matched-as-globs": select_by(
            lambda sent, actual: fnmatchcase(actual, sent.translate(_GLOB)), TASK_ID, INSTANCE
        ),
        "task-id-matched-as-regex": select_by(_regex, TASK_ID),
        "blanks-around-ids-trimmed": select_by(lambda sent, actual: sent.strip() == actual, TASK_ID, INSTANCE),
        "comma-list-of-ids": select_by(lambda sent, actual: actual in sent.split(","), TASK_ID, INSTANCE),
        "quote-injects-sql": when(lambda call: any("'" in value for _, value in call.query.given), everything),
        "wide-letters-fold-to-ascii": select_by(_folded, TASK_ID, INSTANCE),
        "very-long-id-selects-all": when(
            lambda call: any(len(value) > 255 for _, value in call.query.given), everything
        ),
        "type-matched-by-prefix": select_by(_prefix, TYPE),
        "type-as-an-enum-constant": _type_by_constant,
        "accents-in-ids-ignored": select_by(lambda sent, actual: _without_accents(sent) == actual, TASK_ID, INSTANCE),
        "instance-as-any-uuid-spelling": select_by(_same_uuid, INSTANCE),
        "quotes-around-ids-stripped": select_by(lambda sent, actual: sent.strip("\"'") == actual, TASK_ID, INSTANCE),
        "task-id-ends-at-a-delimiter": select_by(_first_of("&;"), TASK_ID),
        "null-byte-ends-an-instance": select_by(_first_of("\x00"), INSTANCE),
        "invisible-letters-in-task-id-ignored": select_by(
            lambda sent, actual: sent.replace("\u200b", "") == actual, TASK_ID
        ),
        "dots-and-slashes-after-ids-ignored": select_by(
            lambda sent, actual: sent.rstrip("./") == actual, TASK_ID, INSTANCE
        ),
        "zeros-before-ids-ignored": select_by(
            lambda sent, actual: sent.lstrip("0") == actual.lstrip("0"), TASK_ID, INSTANCE
        ),
        "instance-decoded-again": select_by(lambda sent, actual: unquote(sent) == actual, INSTANCE),
        "null-means-no-filter": _word_means_all("null", "0"),
        "task-id-also-selects-by-instance": lambda call, tasks: (
            tasks or select_by_pairs(call, [(INSTANCE if n == TASK_ID else n, value) for n, value in call.query.params])
        ),
        "one-instance-alone-matched-with-like": when(lambda call: len(call.query.values.get(INSTANCE, ())) == 1, _like),
    },
}
