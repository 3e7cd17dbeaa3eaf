"""An answer as the rules see it: the exchange, its normalised document, and tolerant views of its tasks."""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from functools import cached_property
from typing import Any, Literal

from pytest_cce_precheck._text import has_half_pair, shortened
from pytest_cce_precheck.contract.time_limit import stop_if_over
from pytest_cce_precheck.wire.exchange import Exchange
from pytest_cce_precheck.wire.timestamps import Timestamp, parse_timestamp
from pytest_cce_precheck.wire.vocabulary import Filter, TaskState

Operation = Literal["list", "create"]

_METADATA = ("type", "taskID", "addonTemplateName", "addonInstanceName", "addonInstanceID", "createTimeStamp")
# D: the tables; that a finished task has no expiry is a deviation, which is reported as such
_OPTIONAL = ("addonInstanceName", "addonInstanceID", "addonTargetVersion", "risks", "expireTimeStamp")
_STATES = {str(state): state for state in TaskState}
_RISK = ("riskName", "level", "status", "message")
_SORTED = json.JSONEncoder(sort_keys=True)
_LONGEST = 8000
_SHORTEST_ID = 8


class AnsweredTask:
    """One listed or created task, after normalisation.

    ``metadata``, ``status`` and ``spec`` are empty if they are not objects, ``id``, ``state`` (one of the documented
    four), ``created`` and ``expires`` None if they have another type or form; ``risks`` are those that are objects.
    """

    def __init__(self, path: str, raw: Mapping[str, Any]) -> None:
        # read once: each rule looks at each task of every answer
        self.path = path
        self.raw = raw
        self.metadata = part_of(raw, "metadata")
        self.status = part_of(raw, "status")
        self.spec = part_of(raw, "spec")
        self.id = _text(self.metadata.get("taskID"))
        self.state = state_of(self.status)
        self.created = _timestamp(self.metadata.get("createTimeStamp"))
        self.expires = _timestamp(self.metadata.get("expireTimeStamp"))
        risks = self.status.get("riskList")
        self.risks = [risk for risk in risks if isinstance(risk, dict)] if isinstance(risks, list) else []

    def value_of(self, name: Filter) -> str | None:
        """Return the value that a filter selects this task by; None if no URL can hold it."""
        return self.values.get(name)

    @cached_property
    def values(self) -> Mapping[Filter, str]:
        """The values that filters select this task by, as far as a URL can hold them.

        No URL can hold half of a surrogate pair, or a value that is longer than any server takes.
        """
        found = ((name, self.metadata.get(name.field)) for name in Filter)
        return {
            name: value
            for name, value in found
            if isinstance(value, str) and len(value) <= _LONGEST and not has_half_pair(value)
        }

    @cached_property
    def lasting(self) -> str:
        """Everything documented about the task but its expiry, as text to compare.

        Risks are in any order, there are no unknown fields, and the same moment at another offset is no difference.
        """
        documented = {
            **{name: self.metadata.get(name) for name in _METADATA},
            **({"createTimeStamp": self.created.instant} if self.created is not None else {}),
            "addonTargetVersion": self.spec.get("addonTargetVersion"),
            "status": self.status.get("status"),
            "message": self.status.get("message"),
            "risks": sorted(([risk.get(name) for name in _RISK] for risk in self.risks), key=repr),
        }
        return _SORTED.encode(documented)

    @property
    def identity(self) -> dict[str, Any]:
        """What is documented about the task but how far it has come."""
        progress = ("status", "message", "risks", "expireTimeStamp")
        return {name: value for name, value in self._documented.items() if name not in progress}

    @property
    def content(self) -> tuple[str, str | None]:
        """Everything documented about the task, to compare: what lasts, and the expiry."""
        expiry = self.expires.instant if self.expires is not None else self.metadata.get("expireTimeStamp")
        return self.lasting, expiry if expiry is None else str(expiry)

    @property
    def _documented(self) -> dict[str, Any]:
        return {**json.loads(self.lasting), "expireTimeStamp": self.content[1]}

    def differences(self, other: AnsweredTask, *, may_gain: bool = False) -> Iterator[str]:
        """Yield each documented field in which this task differs from ``other``, with both values.

        If it ``may_gain`` fields, those that ``other`` does not have are no difference.
        """
        if self.content == other.content:
            return
        mine, theirs = self._documented, other._documented
        for name in mine:
            if mine[name] != theirs[name] and not (may_gain and _has_gained(mine[name], theirs[name])):
                shown = (self.metadata.get(name, mine[name]), other.metadata.get(name, theirs[name]))
                texts = (json.dumps(each, ensure_ascii=False) for each in shown)
                yield f"{name}: {' / '.join(shortened(text, 80) for text in texts)}"

    def contradicts(self, other: AnsweredTask) -> bool:
        """Whether the two differ in more than optional fields that one of them does not have."""
        mine, theirs = self._documented, other._documented
        differing = [name for name in mine if mine[name] != theirs[name]]
        return any(
            name not in _OPTIONAL
            or not (self._lacks(name, mine[name], theirs[name]) or other._lacks(name, theirs[name], mine[name]))
            for name in differing
        )

    def _lacks(self, name: str, mine: Any, theirs: Any) -> bool:
        if name == "risks" and "riskList" in self.status:
            # an empty list says that there is none
            return bool(mine) and _has_gained(theirs, mine)
        return not mine


@dataclass(frozen=True)
class Answer:
    """A success answer, parsed and normalised (`deviations.normalise`)."""

    exchange: Exchange
    operation: Operation
    document: Mapping[str, Any]

    @property
    def tasks(self) -> tuple[AnsweredTask, ...]:
        """The tasks listed or created, in the order of the answer; what is not an object is left to the schema.

        Each rule asks for them once: raises `BudgetExhaustedError` if the time of the run is over.
        """
        stop_if_over()
        return self._tasks

    @cached_property
    def _tasks(self) -> tuple[AnsweredTask, ...]:
        return tuple(AnsweredTask(path, task) for path, task in tasks_in(self.document, self.operation))

    def share_tasks(self, earlier: Answer) -> None:
        """Hold the tasks of an earlier comparable list in place of equal ones: 20,000 of them take 100 MB."""
        if self.exchange.response.body == earlier.exchange.response.body:
            tasks = earlier.tasks
        else:
            tasks = tuple(self._same_in(earlier, task) for task in self._tasks)
        # the parsed document may be held for other readers
        self.document["items"][:] = [task.raw for task in tasks]
        self.__dict__["_tasks"] = tasks

    @staticmethod
    def _same_in(earlier: Answer, task: AnsweredTask) -> AnsweredTask:
        same = earlier.by_id.get(task.id or "", task)
        equal = (same.path, same.raw, same.content) == (task.path, task.raw, task.content)
        return same if equal else task

    @property
    def comparable(self) -> bool:
        """Whether the tasks can be compared with those of other answers: every entry of a list has an id."""
        listed = self.document.get("items") if self.operation == "list" else None
        return isinstance(listed, list) and len(listed) == len(self.tasks) and all(task.id for task in self.tasks)

    @cached_property
    def by_id(self) -> Mapping[str, AnsweredTask]:
        """The tasks by their id; the first one if an id is listed twice."""
        found: dict[str, AnsweredTask] = {}
        for task in self.tasks:
            if task.id is not None:
                found.setdefault(task.id, task)
        return found

    @cached_property
    def count(self) -> int | None:
        """``pageInfo.currentCount``."""
        count = part_of(self.document, "pageInfo").get("currentCount")
        return count if isinstance(count, int) and not isinstance(count, bool) else None


def holds_id(text: str, key: str) -> bool:
    """Whether a text holds a task's id; a short id may be a part of any word, and is looked for as a JSON string.

    >>> holds_id('{"error_msg": "a token"}', "a"), holds_id('{"taskID":"a"}', "a")
    (False, True)
    """
    return (key if len(key) >= _SHORTEST_ID else json.dumps(key, ensure_ascii=False)) in text


def state_of(status: Mapping[str, Any]) -> TaskState | None:
    """Return the ``status`` of a task's status or of a risk, None if it is none of the documented four."""
    state = status.get("status")
    return _STATES.get(state) if isinstance(state, str) else None


def items_of(document: Mapping[str, Any], operation: Operation) -> tuple[str, Any]:
    """Return the JSON path of the list of tasks, and what the document has there."""
    if operation == "list":
        return "$.items", document.get("items")
    return "$.status.items", part_of(document, "status").get("items")


def tasks_in(document: Mapping[str, Any], operation: Operation) -> Iterator[tuple[str, dict[str, Any]]]:
    """Yield the tasks of a document that are objects, each with its JSON path."""
    path, items = items_of(document, operation)
    for index, item in enumerate(items if isinstance(items, list) else ()):
        if isinstance(item, dict):
            yield f"{path}[{index}]", item


def _has_gained(now: Any, before: Any) -> bool:
    """Whether a field, or the messages of a list of risks, are there now and were not before."""
    if not isinstance(now, list) or not before:
        return before in (None, [])
    return len(now) == len(before) and all(
        all(b is None or a == b for a, b in zip(mine, theirs, strict=True))
        for mine, theirs in zip(now, before, strict=True)
    )


def part_of(document: Mapping[str, Any], name: str) -> Mapping[str, Any]:
    """Return an object within another one, empty if there is none."""
    part = document.get(name)
    return part if isinstance(part, dict) else {}


def _text(value: Any) -> str | None:
    return value if isinstance(value, str) else None


def _timestamp(value: Any) -> Timestamp | None:
    if not isinstance(value, str):
        return None
    try:
        return parse_timestamp(value)
    except ValueError:
        return None
