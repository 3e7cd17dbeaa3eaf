"""An answer as the rules see it: the exchange, its normalised document, and tolerant views of the tasks in it."""

from __future__ import annotations

import json
import re
from dataclasses import dataclass
from functools import cached_property
from typing import TYPE_CHECKING, Any, Literal

from pytest_cce_precheck._text import shortened
from pytest_cce_precheck.wire.timestamps import Timestamp, parse_timestamp
from pytest_cce_precheck.wire.vocabulary import Filter, TaskState

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

    from pytest_cce_precheck.wire.exchange import Exchange

Operation = Literal["list", "create"]

_METADATA = (
    "type", "taskID", "addonTemplateName", "addonInstanceName", "addonInstanceID", "createTimeStamp", "expireTimeStamp",
)  # fmt: skip
_STATES = {str(state): state for state in TaskState}
_RISK = ("riskName", "level", "status", "message")
_LONGEST = 8000
_SURROGATE = re.compile("[\ud800-\udfff]")


@dataclass(frozen=True)
class Risk:
    """One entry of a task's ``riskList``; a field of the wrong type reads as None."""

    path: str
    raw: Mapping[str, Any]

    @property
    def state(self) -> TaskState | None:
        """The risk's ``status``."""
        return _state(self.raw.get("status"))

    @property
    def name(self) -> str:
        """The risk's name, for messages."""
        return str(self.raw.get("riskName", "?"))


@dataclass(frozen=True)
class AnsweredTask:
    """One listed or created task, after normalisation; a field of the wrong type reads as None."""

    path: str
    raw: Mapping[str, Any]

    @cached_property
    def metadata(self) -> Mapping[str, Any]:
        """The task's ``metadata``, empty where it is no object."""
        return _object(self.raw.get("metadata"))

    @cached_property
    def status(self) -> Mapping[str, Any]:
        """The task's ``status``, empty where it is no object."""
        return _object(self.raw.get("status"))

    @cached_property
    def id(self) -> str | None:
        """``metadata.taskID``."""
        return _text(self.metadata.get("taskID"))

    @cached_property
    def state(self) -> TaskState | None:
        """``status.status``, None where it is none of the documented four."""
        return _state(self.status.get("status"))

    @cached_property
    def created(self) -> Timestamp | None:
        """``metadata.createTimeStamp``."""
        return _timestamp(self.metadata.get("createTimeStamp"))

    @cached_property
    def expires(self) -> Timestamp | None:
        """``metadata.expireTimeStamp``."""
        return _timestamp(self.metadata.get("expireTimeStamp"))

    @cached_property
    def risks(self) -> tuple[Risk, ...]:
        """The risks listed, none where there is no list."""
        listed = self.status.get("riskList")
        if not isinstance(listed, list):
            return ()
        return tuple(
            Risk(f"{self.path}.status.riskList[{index}]", risk)
            for index, risk in enumerate(listed)
            if isinstance(risk, dict)
        )

    def value_of(self, name: Filter) -> str | None:
        """The value that a filter selects this task by; None if no URL can hold it.

        That is half of a surrogate pair, and a value longer than any server takes.
        """
        value = _text(self.metadata.get(name.field))
        return None if value is None or len(value) > _LONGEST or _SURROGATE.search(value) else value

    @cached_property
    def content(self) -> str:
        """Everything documented about the task, as text to compare; risks in any order, no unknown fields."""
        spec = _object(self.raw.get("spec"))
        known = {
            **{name: self.metadata.get(name) for name in _METADATA},
            "addonTargetVersion": spec.get("addonTargetVersion"),
            "status": self.status.get("status"),
            "message": self.status.get("message"),
            "risks": sorted(([risk.raw.get(name) for name in _RISK] for risk in self.risks), key=json.dumps),
        }
        return json.dumps(known, sort_keys=True)

    def differences(self, other: AnsweredTask) -> Iterator[str]:
        """Say in which documented fields this task differs from ``other``."""
        mine, theirs = json.loads(self.content), json.loads(other.content)
        for name in mine:
            if mine[name] != theirs[name]:
                yield f"{name}: {_shown(mine[name])} / {_shown(theirs[name])}"


@dataclass(frozen=True)
class Answer:
    """A success answer, parsed and normalised (`deviations.normalise`)."""

    exchange: Exchange
    operation: Operation
    document: Mapping[str, Any]

    @cached_property
    def tasks(self) -> tuple[AnsweredTask, ...]:
        """The tasks listed or created, in the order of the answer; what is no object is left to the schema."""
        path, items = "$.items", self.document.get("items")
        if self.operation == "create":
            path, items = "$.status.items", _object(self.document.get("status")).get("items")
        if not isinstance(items, list):
            return ()
        return tuple(
            AnsweredTask(f"{path}[{index}]", item) for index, item in enumerate(items) if isinstance(item, dict)
        )

    @property
    def comparable(self) -> bool:
        """Whether the tasks can be held against other answers': there is a list, and every entry has an id."""
        listed = self.document.get("items") if self.operation == "list" else None
        return isinstance(listed, list) and len(listed) == len(self.tasks) and all(task.id for task in self.tasks)

    @cached_property
    def by_id(self) -> Mapping[str, AnsweredTask]:
        """The tasks by their id; of an id that stands twice, the first."""
        found: dict[str, AnsweredTask] = {}
        for task in self.tasks:
            if task.id is not None:
                found.setdefault(task.id, task)
        return found

    @cached_property
    def count(self) -> int | None:
        """``pageInfo.currentCount``."""
        count = _object(self.document.get("pageInfo")).get("currentCount")
        return count if isinstance(count, int) and not isinstance(count, bool) else None


def _object(value: Any) -> Mapping[str, Any]:
    return value if isinstance(value, dict) else {}


def _text(value: Any) -> str | None:
    return value if isinstance(value, str) else None


def _state(value: Any) -> TaskState | None:
    return _STATES.get(value) if isinstance(value, str) else None


def _timestamp(value: Any) -> Timestamp | None:
    if not isinstance(value, str):
        return None
    try:
        return parse_timestamp(value)
    except ValueError:
        return None


def _shown(value: Any) -> str:
    return shortened(json.dumps(value, ensure_ascii=False), 80)
