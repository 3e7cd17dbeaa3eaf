"""The three filters of the list call, as the service applies them."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from functools import cached_property
from typing import Final

from pytest_cce_precheck.simulator.refusals import Refusal, bad_request
from pytest_cce_precheck.simulator.state import Task
from pytest_cce_precheck.wire.vocabulary import Filter, TaskType

_NAMES: Final[Mapping[str, Filter]] = {str(member): member for member in Filter}
_TYPES: Final = frozenset(TaskType)


@dataclass(frozen=True)
class ListQuery:
    """The query of a list call: its pairs in order, decoded."""

    params: tuple[tuple[str, str], ...]

    @cached_property
    def given(self) -> tuple[tuple[Filter, str], ...]:
        """The filters and their values in order; names are case-sensitive, and unknown names are ignored."""
        return tuple((_NAMES[name], value) for name, value in self.params if name in _NAMES)

    @property
    def asked(self) -> tuple[tuple[Filter, str], ...]:
        """The filters that have a value, in order; an empty value does not filter."""
        return tuple(pair for pair in self.given if pair[1])

    @cached_property
    def values(self) -> Mapping[Filter, tuple[str, ...]]:
        """The values of each filter that has one."""
        values: dict[Filter, tuple[str, ...]] = {}
        for name, value in self.asked:
            values[name] = (*values.get(name, ()), value)
        return values

    @cached_property
    def filters(self) -> frozenset[Filter]:
        """The filters that have a value."""
        return frozenset(self.values)


def field_of(task: Task, filter: Filter) -> str:
    """Return the value of a task that a filter compares."""
    if filter is Filter.TYPE:
        return task.type
    return task.id if filter is Filter.TASK_ID else task.instance.id


def select(tasks: Iterable[Task], query: ListQuery) -> list[Task]:
    """Return the tasks that match every filter, in their order; a filter with several values matches each of them."""
    values = query.values.items()
    return [task for task in tasks if all(field_of(task, name) in some for name, some in values)]


def check_query(query: ListQuery) -> Refusal | None:
    """Refuse a type that is not documented."""
    for value in query.values.get(Filter.TYPE, ()):
        if value not in _TYPES:
            return bad_request("unknown-type", "the type must be addonStatic or addonUpgrade.")
    return None
