"""The three filters of the list call, as the service applies them."""

from __future__ import annotations

from dataclasses import dataclass
from functools import cached_property
from typing import TYPE_CHECKING, Final

from pytest_cce_precheck.simulator.refusals import Refusal, bad_request
from pytest_cce_precheck.wire.vocabulary import Filter, TaskType

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from pytest_cce_precheck.simulator.world import Task

_NAMES: Final[Mapping[str, Filter]] = {str(member): member for member in Filter}
_TYPES: Final = frozenset(TaskType)


@dataclass(frozen=True)
class ListQuery:
    """What a query asks for: its pairs in order, decoded."""

    params: tuple[tuple[str, str], ...]

    @cached_property
    def given(self) -> tuple[tuple[Filter, str], ...]:
        """The filters and their values in order; names are case-sensitive, others are no filters."""
        return tuple((_NAMES[name], value) for name, value in self.params if name in _NAMES)

    @cached_property
    def values(self) -> Mapping[Filter, tuple[str, ...]]:
        """The values that each filter asks for; an empty value asks for nothing."""
        values: dict[Filter, tuple[str, ...]] = {}
        for name, value in self.given:
            if value:
                values[name] = (*values.get(name, ()), value)
        return values

    @cached_property
    def filters(self) -> frozenset[Filter]:
        """The filters that have a value."""
        return frozenset(self.values)


def field_of(task: Task, filter: Filter) -> str:
    """Return the value of a task that a filter looks at."""
    if filter is Filter.TYPE:
        return task.type
    return task.id if filter is Filter.TASK_ID else task.instance.id


def matches(task: Task, question: ListQuery) -> bool:
    """Whether every filter names the task; one that is given several times names several."""
    return all(field_of(task, name) in values for name, values in question.values.items())


def select(tasks: Sequence[Task], question: ListQuery) -> list[Task]:
    """Return the tasks that match, in their order."""
    return [task for task in tasks if matches(task, question)]


def check_query(question: ListQuery) -> Refusal | None:
    """Refuse a type that is not documented."""
    for value in question.values.get(Filter.TYPE, ()):
        if value not in _TYPES:
            return bad_request("unknown-type", "Request is invalid: the type must be addonStatic or addonUpgrade.")
    return None
