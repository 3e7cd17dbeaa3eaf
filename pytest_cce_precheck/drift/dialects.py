"""Which of the vendor's contradicting documents a service follows: each deviation shown, or not although it could be.

A deviation is a finding of every run. Here is told when a service changes from one document to the other, and when two
places of the same service follow different ones.
"""

from __future__ import annotations

from collections import defaultdict
from dataclasses import dataclass
from math import comb
from typing import TYPE_CHECKING, Any, Final

from pytest_cce_precheck.contract.answer import Answer, Operation
from pytest_cce_precheck.contract.envelope import is_error_envelope
from pytest_cce_precheck.contract.invariants import created_type_is_the_one_asked_for, paired
from pytest_cce_precheck.drift.traits import sample
from pytest_cce_precheck.errors import BodyError
from pytest_cce_precheck.wire.vocabulary import TaskState

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
    from datetime import date

    from pytest_cce_precheck.wire.exchange import Exchange

    Sight = tuple[object, bool]

_LEAST: Final[Mapping[str, int]] = {"list": 3, "create": 1}
UNLIKELY: Final = 0.001
"""What would be chance so rarely is taken for a change."""


@dataclass(frozen=True)
class DeviationCounts:
    """How many tasks showed a deviation, how many did not although they could, and how many did both."""

    shown: int
    plain: int
    both: int = 0

    @property
    def number(self) -> int:
        """All that could."""
        return self.shown + self.plain

    def differs(self, other: DeviationCounts, least: int) -> bool:
        """Whether one of the two shows what the other, by all appearances, never does; each in ``least`` chances."""
        one, none = (self, other) if self.shown else (other, self)
        if not one.shown or none.shown or min(one.number, none.number) < least:
            return False
        return not one.plain or by_chance([(one.shown, one.number, none.number)]) < UNLIKELY


@dataclass(frozen=True)
class DeviationRecord:
    """A deviation as it was last heard, with the first and the last day that it was shown, and was not."""

    spoken: DeviationCounts
    shown: tuple[date, date] | None = None
    plain: tuple[date, date] | None = None


def by_chance(groups: Iterable[tuple[int, int, int]]) -> float:
    """Return how likely it is that nothing changed, where a second look saw none of what a first one saw.

    Of each group: how many had it at the first look, of how many, and how many were looked at again. (Fisher's exact
    test of the extreme table, over all groups.)

    >>> by_chance([(2, 2, 2)]), by_chance([(6, 6, 6)]) < 0.002
    (0.16666666666666666, True)
    """
    chance = 1.0
    for have, of, again in groups:
        chance *= comb(of, have) / comb(of + again, have)
    return chance


def least_of(key: str) -> int:
    """Return how many chances to show a deviation say something; a run asks for few creates, the same every time."""
    return _LEAST[key.partition(" ")[2]]


class DeviationCounter:
    """Takes in the answers of a run, and gives how often each deviation was shown and not."""

    def __init__(self) -> None:
        self._shown: dict[str, set[object]] = defaultdict(set)
        self._plain: dict[str, set[object]] = defaultdict(set)

    def take(self, exchange: Exchange) -> None:
        """Take in one answer; only a success can show a deviation."""
        try:
            document = exchange.document
        except BodyError:
            return
        if exchange.status >= 300 or not isinstance(document, dict) or is_error_envelope(document):
            return
        operation: Operation = "create" if exchange.request.method == "POST" else "list"
        answer = Answer(exchange, operation, document)
        tasks = _tasks(document, operation)
        for code, sights in _SIGHTS.items():
            for who, shown in sights(answer, tasks):
                # the same document may rule one call and not the other
                (self._shown if shown else self._plain)[f"{code} {operation}"].add(who)

    @property
    def spoken(self) -> dict[str, DeviationCounts]:
        """What was heard, by code and call."""
        heard = {key: (self._shown[key], self._plain[key]) for key in sorted({*self._shown, *self._plain})}
        return {
            key: DeviationCounts(len(shown), len(plain - shown), len(shown & plain))
            for key, (shown, plain) in heard.items()
        }


def merge_counts(
    one: Mapping[str, DeviationCounts], other: Mapping[str, DeviationCounts]
) -> dict[str, DeviationCounts]:
    """Return what two processes heard in the same run, perhaps of the same tasks."""
    nothing = DeviationCounts(0, 0)
    return {
        key: DeviationCounts(max(a.shown, b.shown), max(a.plain, b.plain), max(a.both, b.both))
        for key in sorted({*one, *other})
        for a, b in [(one.get(key, nothing), other.get(key, nothing))]
    }


# ---- one function a deviation: who showed it, and who could have


def _tasks(document: Mapping[str, Any], operation: Operation) -> list[dict[str, Any]]:
    status = document.get("status")
    items = document.get("items") if operation == "list" else status.get("items") if isinstance(status, dict) else None
    return [each for each in sample(items if isinstance(items, list) else [items]) if isinstance(each, dict)]


def _part(task: Mapping[str, Any], name: str) -> dict[str, Any]:
    part = task.get(name)
    return part if isinstance(part, dict) else {}


def _who(task: Mapping[str, Any]) -> object:
    name = _part(task, "metadata").get("taskID")
    return name if isinstance(name, str) else repr(task)


def _items_object(answer: Answer, tasks: Sequence[Mapping[str, Any]]) -> Iterator[Sight]:
    # more than one task is an array in any case
    if answer.operation == "list" and len(tasks) == 1:
        yield answer.exchange.request.query, isinstance(answer.document["items"], dict)


def _create_status_shape(answer: Answer, _: Sequence[Mapping[str, Any]]) -> Iterator[Sight]:
    status = answer.document.get("status")
    if answer.operation == "create" and isinstance(status, dict) and status.keys() & {"items", "phase", "itemsStatus"}:
        yield answer.exchange.request_id or repr(status), "items" not in status


def _create_timestamp_spelling(_: Answer, tasks: Sequence[Mapping[str, Any]]) -> Iterator[Sight]:
    for task in tasks:
        names = _part(task, "metadata").keys() & {"createTimestamp", "createTimeStamp"}
        if names:
            yield _who(task), "createTimeStamp" not in names


def _risk_list_beside_status(_: Answer, tasks: Sequence[Mapping[str, Any]]) -> Iterator[Sight]:
    for task in tasks:
        within = "riskList" in _part(task, "status")
        if within or "riskList" in task:
            yield _who(task), not within


def _status_without_message(_: Answer, tasks: Sequence[Mapping[str, Any]]) -> Iterator[Sight]:
    for task in tasks:
        status = _part(task, "status")
        if status.get("status") == TaskState.INIT:
            yield _who(task), "message" not in status


def _final_without_expiry(_: Answer, tasks: Sequence[Mapping[str, Any]]) -> Iterator[Sight]:
    for task in tasks:
        metadata = _part(task, "metadata")
        if metadata and _part(task, "status").get("status") in (TaskState.FAILED, TaskState.SUCCESS):
            yield _who(task), "expireTimeStamp" not in metadata


def _create_type_mismatch(answer: Answer, _: Sequence[Mapping[str, Any]]) -> Iterator[Sight]:
    if answer.operation == "create" and any(paired(answer)):
        shown = any(created_type_is_the_one_asked_for(answer))
        yield answer.exchange.request_id or repr(answer.document), shown


_SIGHTS: Final[Mapping[str, Callable[[Answer, Sequence[Mapping[str, Any]]], Iterator[Sight]]]] = {
    "PRE210": _items_object,
    "PRE211": _create_timestamp_spelling,
    "PRE212": _risk_list_beside_status,
    "PRE213": _status_without_message,
    "PRE214": _create_status_shape,
    "PRE302": _final_without_expiry,
    "PRE323": _create_type_mismatch,
}
