"""Which of the vendor's contradicting documents a service follows: how often each deviation was shown, and was not.

Every run reports a deviation as a finding. What is counted here tells when a service changes from one document to the
other, and when two targets of the same run follow different ones.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import date
from math import comb
from typing import Final, NamedTuple

from pytest_cce_precheck.contract.answer import Answer, AnsweredTask, Operation, items_of
from pytest_cce_precheck.contract.envelope import is_error_envelope
from pytest_cce_precheck.contract.invariants import created_type_is_the_one_asked_for, paired
from pytest_cce_precheck.contract.rules import rules
from pytest_cce_precheck.drift.traits import parsed, sample
from pytest_cce_precheck.wire.exchange import Exchange
from pytest_cce_precheck.wire.vocabulary import TaskState

UNLIKELY: Final = 0.001
"""What chance would do so rarely is taken for a change."""


class DeviationKey(NamedTuple):
    """A deviation of one call, by its code: the same document may be followed by one call and not by the other."""

    code: str
    call: str

    @property
    def name(self) -> str:
        """The deviation's name."""
        return rules()[self.code].name

    @property
    def least(self) -> int:
        """How many chances to show it say something; a run asks for few creates, the same every time."""
        return 1 if self.call == "create" else 3


@dataclass(frozen=True)
class DeviationCounts:
    """How many tasks showed a deviation, how many did not although they could, and how many did both."""

    shown: int
    plain: int
    both: int = 0

    @property
    def number(self) -> int:
        """All that could show it."""
        return self.shown + self.plain

    def differs(self, other: DeviationCounts, least: int) -> bool:
        """Whether one of the two shows what the other seems never to show; both need ``least`` chances."""
        one, none = (self, other) if self.shown else (other, self)
        if not one.shown or none.shown or min(one.number, none.number) < least:
            return False
        return not one.plain or by_chance([(one.shown, one.number, none.number)]) < UNLIKELY


@dataclass(frozen=True)
class DeviationRecord:
    """A deviation as it was last counted, with the first and the last day that it was shown, and was not."""

    counts: DeviationCounts
    shown: tuple[date, date] | None = None
    plain: tuple[date, date] | None = None


def by_chance(groups: Iterable[tuple[int, int, int]]) -> float:
    """Return how likely it is that nothing changed, if a second look saw none of what a first one saw.

    Of each group: how many had it at the first look, of how many, and how many were looked at again. (Fisher's exact
    test of the extreme table, over all groups.)

    >>> by_chance([(2, 2, 2)]), by_chance([(6, 6, 6)]) < 0.002
    (0.16666666666666666, True)
    """
    chance = 1.0
    for have, of, again in groups:
        chance *= comb(of, have) / comb(of + again, have)
    return chance


class DeviationCounter:
    """Counts in the answers of a run how often each deviation was shown and was not."""

    def __init__(self) -> None:
        self._shown: dict[DeviationKey, set[object]] = defaultdict(set)
        self._plain: dict[DeviationKey, set[object]] = defaultdict(set)

    def take(self, exchange: Exchange) -> None:
        """Count the deviations of one answer; only a success can show one."""
        _, document = parsed(exchange) or ("", None)
        if exchange.status < 300 and isinstance(document, dict) and not is_error_envelope(document):
            operation: Operation = "create" if exchange.request.method == "POST" else "list"
            for code, who, shown in _sights(Answer(exchange, operation, document)):
                (self._shown if shown else self._plain)[DeviationKey(code, operation)].add(who)

    @property
    def counts(self) -> dict[DeviationKey, DeviationCounts]:
        """What was counted so far."""
        seen = {key: (self._shown[key], self._plain[key]) for key in sorted({*self._shown, *self._plain})}
        return {
            key: DeviationCounts(len(shown), len(plain - shown), len(shown & plain))
            for key, (shown, plain) in seen.items()
        }


def merge_counts(
    one: Mapping[DeviationKey, DeviationCounts], other: Mapping[DeviationKey, DeviationCounts]
) -> dict[DeviationKey, DeviationCounts]:
    """Return the counts of two processes of the same run, which may have seen the same tasks."""
    nothing = DeviationCounts(0, 0)
    return {
        key: DeviationCounts(max(a.shown, b.shown), max(a.plain, b.plain), max(a.both, b.both))
        for key in sorted({*one, *other})
        for a, b in [(one.get(key, nothing), other.get(key, nothing))]
    }


def _sights(answer: Answer) -> Iterator[tuple[str, object, bool]]:
    """Yield the code of each deviation that could be shown, who could show it, and whether it was shown."""
    tasks, status = _tasks(answer), answer.document.get("status")
    # more than one task is an array in any case
    if answer.operation == "list" and len(tasks) == 1:
        yield "PRE210", answer.exchange.request.query, isinstance(answer.document["items"], dict)
    if answer.operation == "create":
        call = answer.exchange.request_id or repr(answer.document)
        if isinstance(status, dict) and status.keys() & {"items", "phase", "itemsStatus"}:
            yield "PRE214", call, "items" not in status
        if any(paired(answer)):
            yield "PRE323", call, any(created_type_is_the_one_asked_for(answer))
    for task in tasks:
        who = task.id or repr(task.raw)
        if times := task.metadata.keys() & {"createTimestamp", "createTimeStamp"}:
            yield "PRE211", who, "createTimeStamp" not in times
        if "riskList" in task.status or "riskList" in task.raw:
            yield "PRE212", who, "riskList" not in task.status
        if task.state is TaskState.INIT:
            yield "PRE213", who, "message" not in task.status
        if task.metadata and task.state and task.state.final:
            yield "PRE302", who, "expireTimeStamp" not in task.metadata


def _tasks(answer: Answer) -> Sequence[AnsweredTask]:
    _, items = items_of(answer.document, answer.operation)
    sampled = sample(items if isinstance(items, list) else [items])
    return [AnsweredTask("", each) for each in sampled if isinstance(each, dict)]
