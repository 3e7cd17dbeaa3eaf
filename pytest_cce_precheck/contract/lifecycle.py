"""What holds over a series of answers: states move forward, finished tasks stay as they are, nothing leaves early."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Iterator
from collections.abc import Set as AbstractSet
from dataclasses import dataclass, field
from typing import Any, Final

from pytest_cce_precheck.contract.answer import Answer, AnsweredTask
from pytest_cce_precheck.contract.findings import Finding
from pytest_cce_precheck.contract.invariants import CLOCKS_APART, answer_date, service_time
from pytest_cce_precheck.wire.exchange import Exchange
from pytest_cce_precheck.wire.vocabulary import Filter, TaskState

_IDENTITY: Final = ("type", "addonTemplateName", "addonInstanceID", "createTimeStamp")
# fewer new tasks than this, one for each read, are a coincidence
_LEAST_CREATED: Final = 5
_LEAST_INTERVALS: Final = 3
# one task in so many reads cannot be told from other people's work
_RAREST: Final = 10


@dataclass
class _Interval:
    """What happened between two unfiltered lists: how often each filter was asked for, and what changed."""

    reads: Counter[str] = field(default_factory=Counter)
    values: set[str] = field(default_factory=set)
    came: int = 0
    other_changes: int = 0
    gone_unfinished: list[str] = field(default_factory=list)


class TaskHistory:
    """The tasks of a cluster as last seen; each answer that is observed is judged by those before it."""

    def __init__(self) -> None:
        # each task with the exchange that it was last seen in, and whether that had created it
        self._seen: dict[str, tuple[AnsweredTask, Exchange, bool]] = {}
        self._gone: dict[str, Exchange] = {}
        self._latest: Answer | None = None
        self._listed: set[str] = set()
        self._intervals: list[_Interval] = []
        self._interval = _Interval()
        self._reported_side_effect = False
        self._existing_values: set[str] = set()
        self._unknown_values: set[str] = set()

    def asked(self, exchange: Exchange) -> None:
        """Record a read, so that its side effects can be told from other people's changes."""
        names = {name for name, _ in exchange.request.params}
        values = {value for _, value in exchange.request.params}
        self._interval.reads.update({"any", *(names or {"unfiltered"})})
        self._interval.values |= values
        if exchange.status < 300:
            self._unknown_values |= values - self._existing_values

    def observe(
        self, answer: Answer, *, complete: bool = True, outdated: AbstractSet[str] = frozenset()
    ) -> list[Finding]:
        """Judge an answer by those before it, and record it; ``complete`` says that it lists all tasks of the cluster.

        Nothing is concluded from the tasks that are ``outdated`` in it (`replica_lag`).
        """
        findings, again = [], set()
        current = {key: task for key, task in answer.by_id.items() if key not in outdated}
        for key, task in current.items():
            if key in self._seen:
                earlier, seen_in, created = self._seen[key]
                if earlier.content != task.content:
                    self._interval.other_changes += 1
                    changes = _changes(earlier, task, created=created)
                    findings += [finding.seen_in(answer.exchange, seen_in) for finding in changes]
            if complete and key in self._gone:
                exchanges = answer.exchange, self._gone.pop(key)
                again.add(key)
                message = f"task {key} was missing from an unfiltered list and is there again"
                findings.append(Finding("PRE506", message, task.path).seen_in(*exchanges))
        if complete:
            findings += self._missing(answer, outdated)
            new = answer.by_id.keys() - self._seen.keys()
            findings += self._created_by_asking(answer, new)
            # one that a filter has shown in between was missing too
            findings += self._shown_late(answer, current.keys() - self._listed - again)
            findings += self._under_another_id(answer, new)
            if self._latest is not None:
                self._interval.came = len(new)
                self._intervals.append(self._interval)
            self._interval = _Interval()
            findings += self._side_effects(answer)
            self._latest = answer
            self._listed = (self._listed & outdated) | current.keys()
        self._existing_values |= {value for task in answer.tasks for value in task.values.values()}
        kept, created = answer.exchange.abridged(), answer.operation == "create"
        self._seen.update({key: (task, kept, created) for key, task in current.items()})
        return findings

    def _missing(self, answer: Answer, outdated: AbstractSet[str]) -> Iterator[Finding]:
        if self._latest is None:
            return
        now, kept = service_time(self._latest, answer), answer.exchange.abridged()
        for key in self._listed - answer.by_id.keys() - outdated:
            task, seen_in, _ = self._seen[key]
            self._gone[key] = kept
            if task.state and not task.state.final:
                self._interval.gone_unfinished.append(key)
                continue
            self._interval.other_changes += 1
            if task.expires is not None and now is not None and task.expires.seconds > now:
                message = f"task {key} left the list before its expiry ({task.metadata['expireTimeStamp']})"
                yield Finding("PRE505", message).seen_in(answer.exchange, seen_in)

    def _created_by_asking(self, answer: Answer, new: Iterable[str]) -> Iterator[Finding]:
        for key in new:
            task = answer.by_id[key]
            named = self._unknown_values.intersection(task.values.values())
            if named:
                message = f"task {key} was created after a query for {named.pop()!r}, which no task had until then"
                yield Finding("PRE509", message, task.path).seen_in(answer.exchange)

    def _shown_late(self, answer: Answer, new: Iterable[str]) -> Iterator[Finding]:
        # no index or replica that anybody works with is so late either
        date = answer_date(self._latest) if self._latest is not None else None
        if self._latest is None or date is None:
            return
        for key in new:
            task = answer.by_id[key]
            if task.created is not None and task.created.seconds < date - CLOCKS_APART:
                made = task.metadata["createTimeStamp"]
                message = f"task {key}, created at {made}, was missing from an unfiltered list, and the next one has it"
                yield Finding("PRE506", message, task.path).seen_in(answer.exchange, self._latest.exchange.abridged())

    def _under_another_id(self, answer: Answer, new: Iterable[str]) -> Iterator[Finding]:
        """Report a task that is gone unfinished while another has come that is as old, and about the same."""
        gone = {_born(self._seen[key][0]): self._seen[key] for key in self._interval.gone_unfinished}
        for key in new:
            task = answer.by_id[key]
            if task.created is not None and (was := gone.get(_born(task))) is not None:
                message = f"task {was[0].id} is gone, and task {key} has its type, instance and createTimeStamp"
                yield Finding("PRE504", message, task.path, ("taskID",)).seen_in(answer.exchange, was[1])

    def _side_effects(self, answer: Answer) -> Iterator[Finding]:
        # other people's changes are of all kinds; one kind of change only, and once per read, is the read's own
        intervals = self._intervals
        if self._reported_side_effect or any(each.other_changes for each in intervals):
            return
        came = sum(each.came for each in intervals)
        gone = [(key, each) for each in intervals for key in each.gone_unfinished]
        message = ""
        if not gone and came >= _LEAST_CREATED:
            if any(_is_once_per_read(intervals, name) for name in ("any", "unfiltered", *Filter)):
                message = f"{came} tasks were created, one per read, while nothing else in the cluster changed"
                yield Finding("PRE509", message).seen_in(answer.exchange)
        elif gone and not came and all(key in interval.values for key, interval in gone):
            message = f"task {gone[0][0]}, unfinished, left the list when it was asked for by id; nothing else changed"
            yield Finding("PRE505", message).seen_in(answer.exchange)
        self._reported_side_effect = bool(message)


def _is_once_per_read(intervals: list[_Interval], name: str) -> bool:
    """Return whether tasks came with every read of a kind, or with every nth, from the beginning."""
    reads = came = 0
    every = sum(each.reads[name] for each in intervals) / sum(each.came for each in intervals)
    if len(intervals) < _LEAST_INTERVALS or not 1 <= every <= _RAREST:
        return False
    for each in intervals:
        reads, came = reads + each.reads[name], came + each.came
        if abs(came - reads / every) > 1 + (every != 1):
            return False
    return True


def _identity_changes(earlier: AnsweredTask, later: AnsweredTask, *, created: bool) -> dict[str, tuple[Any, Any]]:
    """Return the immutable fields that differ, with both values.

    An optional one may appear later; the create call may show more of them than the list.
    """
    old, new = earlier.metadata, later.metadata
    changed: dict[str, tuple[Any, Any]] = {
        name: (old[name], new.get(name)) for name in _IDENTITY if name in old and old[name] != new.get(name)
    }
    before, after = (each.spec.get("addonTargetVersion") for each in (earlier, later))
    if None not in (before, after) and before != after:
        changed["addonTargetVersion"] = before, after
    if earlier.created and later.created and earlier.created.agrees_with(later.created):
        # with fewer digits, it is the same moment
        changed.pop("createTimeStamp", None)
    return {name: values for name, values in changed.items() if not (created and values[1] is None)}


def _born(task: AnsweredTask) -> str:
    # a service may send anything, also what cannot be a key
    return repr((*(task.metadata.get(name) for name in _IDENTITY), task.spec.get("addonTargetVersion")))


def moves_back(earlier: AnsweredTask, later: AnsweredTask) -> bool:
    """Return whether a task's state is one that cannot follow the earlier one.

    D: Init, Running, then Failed or Success. A poll may miss Running, but no state may be left for an earlier one.
    """
    before, after = earlier.state, later.state
    if before is None or after is None or before is after:
        return False
    return before.final or after is TaskState.INIT


def _changes(earlier: AnsweredTask, later: AnsweredTask, *, created: bool) -> Iterator[Finding]:
    key, path = later.id, later.path
    old, new = earlier.metadata, later.metadata
    changed = _identity_changes(earlier, later, created=created)
    if changed:
        detail = ", ".join(f"{name} {before!r} -> {after!r}" for name, (before, after) in changed.items())
        fact = f"task {key} changed {'immutable fields' if len(changed) > 1 else 'an immutable field'}: {detail}"
        yield Finding("PRE504", fact, f"{path}.metadata", subject=tuple(changed))
    if moves_back(earlier, later):
        yield Finding("PRE501", f"task {key} moved from {earlier.state} to {later.state}", f"{path}.status.status")
    elif earlier.state and earlier.state.final:
        if "expireTimeStamp" in old and earlier.content[1] != later.content[1]:
            moved = f"{old['expireTimeStamp']} -> {new.get('expireTimeStamp')}"
            fact = f"task {key} is {earlier.state}, and its expiry changed: {moved}"
            yield Finding("PRE503", fact, f"{path}.metadata")
        # an expiry that moves, which only warns, must not hide what else changed
        others = (each for each in later.differences(earlier, may_gain=True) if not each.startswith("expireTimeStamp:"))
        if not changed and (detail := "; ".join(others)):
            yield Finding("PRE502", f"task {key} is {earlier.state} and changed: {detail}", path)
