"""What holds over a series of answers: states move forward, finished tasks stay as they are, nothing leaves early."""

from __future__ import annotations

from collections import Counter
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Final

from pytest_cce_precheck.contract.findings import Finding
from pytest_cce_precheck.contract.invariants import world_time
from pytest_cce_precheck.wire.vocabulary import Filter, TaskState

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator
    from collections.abc import Set as AbstractSet

    from pytest_cce_precheck.contract.answer import Answer, AnsweredTask
    from pytest_cce_precheck.wire.exchange import Exchange

# D: Init, Running, then Failed or Success. A poll may miss Running; what counts is that nothing moves back.
_LATER: Final = {
    TaskState.INIT: {TaskState.RUNNING, TaskState.FAILED, TaskState.SUCCESS},
    TaskState.RUNNING: {TaskState.FAILED, TaskState.SUCCESS},
    TaskState.FAILED: set[TaskState](),
    TaskState.SUCCESS: set[TaskState](),
}
_IDENTITY: Final = ("type", "addonTemplateName", "addonInstanceName", "addonInstanceID", "createTimeStamp")
# below this many, one new task for each read is a coincidence
_SIDE_EFFECTS: Final = 5
_GAPS: Final = 3
# one task in so many reads is too rare to be told from other people's work
_RAREST: Final = 10


def judge_series(answers: Iterable[Answer]) -> list[Finding]:
    """Judge unfiltered lists of one cluster, in the order in which they were read."""
    history = TaskHistory()
    return [finding for answer in answers for finding in history.observe(answer)]


@dataclass
class _Seen:
    task: AnsweredTask
    answer: Answer


@dataclass
class _Gap:
    """What happened between two unfiltered lists: how often each parameter was asked for, and what changed."""

    asked: Counter[str] = field(default_factory=Counter)
    asked_ids: set[str] = field(default_factory=set)
    came: int = 0
    other_changes: int = 0
    gone_unfinished: list[str] = field(default_factory=list)


class TaskHistory:
    """The tasks as last seen, fed answer by answer; each `observe` gives what the new answer contradicts."""

    def __init__(self) -> None:
        self._seen: dict[str, _Seen] = {}
        self._gone: dict[str, Answer] = {}
        self._latest: Answer | None = None
        self._listed: set[str] = set()
        self._gaps: list[_Gap] = []
        self._gap = _Gap()
        self._reported_side_effect = False
        self._known: set[str] = set()
        self._asked_in_vain: set[str] = set()

    def asked(self, exchange: Exchange) -> None:
        """Note a read, so that its side effects can be told from other people's changes."""
        self._gap.asked["any"] += 1
        names = {name for name, _ in exchange.request.params}
        self._gap.asked.update(names or {"unfiltered"})
        values = {value for _, value in exchange.request.params}
        self._gap.asked_ids |= values
        if exchange.status < 300:
            self._asked_in_vain |= values - self._known

    def observe(
        self, answer: Answer, *, complete: bool = True, outdated: AbstractSet[str] = frozenset()
    ) -> list[Finding]:
        """Take an answer into account; ``complete`` says that it lists all tasks of the cluster.

        Of the tasks that are ``outdated`` in it (`settling`), nothing is concluded.
        """
        findings = []
        told = {key: task for key, task in answer.by_id.items() if key not in outdated}
        for key, task in told.items():
            earlier = self._seen.get(key)
            if earlier is not None:
                findings += [
                    finding.seen_in(answer.exchange, earlier.answer.exchange)
                    for finding in _changes(earlier.task, task, created=earlier.answer.operation == "create")
                ]
                self._gap.other_changes += earlier.task.content != task.content
            if complete and key in self._gone:
                findings.append(self._came_back(key, answer))
        if complete:
            findings += self._missing(answer, outdated)
            findings += self._conjured(answer)
            self._close_gap(answer)
            findings += self._side_effects(answer)
            self._latest = answer
            self._listed = (self._listed & outdated) | told.keys()
        self._known |= {value for task in answer.tasks for name in Filter if (value := task.value_of(name))}
        self._seen.update({key: _Seen(task, answer) for key, task in told.items()})
        return findings

    def _came_back(self, key: str, answer: Answer) -> Finding:
        missing_from = self._gone.pop(key)
        message = f"task {key} was missing from an unfiltered list and is there again"
        return Finding("PRE506", message, answer.by_id[key].path).seen_in(answer.exchange, missing_from.exchange)

    def _missing(self, answer: Answer, outdated: AbstractSet[str]) -> Iterator[Finding]:
        if self._latest is None:
            return
        now = world_time((self._latest, answer))
        for key in self._listed - answer.by_id.keys() - outdated:
            seen = self._seen[key]
            self._gone[key] = answer
            if seen.task.state and not seen.task.state.final:
                self._gap.gone_unfinished.append(key)
                continue
            self._gap.other_changes += 1
            if seen.task.expires is not None and now is not None and seen.task.expires.seconds > now:
                expiry = seen.task.metadata["expireTimeStamp"]
                message = f"task {key} left the list before its expiry ({expiry})"
                yield Finding("PRE505", message).seen_in(answer.exchange, seen.answer.exchange)

    def _conjured(self, answer: Answer) -> Iterator[Finding]:
        for key in answer.by_id.keys() - self._seen.keys():
            task = answer.by_id[key]
            named = {value for name in Filter if (value := task.value_of(name))} & self._asked_in_vain
            if named:
                message = (
                    f"task {key} came into being after {named.pop()!r} was asked for, which nothing had until then"
                )
                yield Finding("PRE509", message, task.path).seen_in(answer.exchange)

    def _close_gap(self, answer: Answer) -> None:
        if self._latest is not None:
            self._gap.came = len(answer.by_id.keys() - self._seen.keys())
            self._gaps.append(self._gap)
        self._gap = _Gap()

    def _side_effects(self, answer: Answer) -> Iterator[Finding]:
        # Other people's changes come in all kinds; only one kind of change, in step with our reads, is ours.
        gaps = self._gaps
        if self._reported_side_effect or not gaps or any(gap.other_changes for gap in gaps):
            return
        came = sum(gap.came for gap in gaps)
        gone = [key for gap in gaps for key in gap.gone_unfinished]
        if not gone and came >= _SIDE_EFFECTS and any(_in_step(gaps, name) for name in ("any", "unfiltered", *Filter)):
            self._reported_side_effect = True
            message = f"{came} tasks came into being in step with the reads, while nothing else in the cluster changed"
            yield Finding("PRE509", message).seen_in(answer.exchange)
        elif gone and not came and all(key in gap.asked_ids for gap in gaps for key in gap.gone_unfinished):
            self._reported_side_effect = True
            message = f"task {gone[0]}, unfinished, left the list when it was asked for by its id; nothing else changed"
            yield Finding("PRE505", message).seen_in(answer.exchange)


def _in_step(gaps: list[_Gap], name: str) -> bool:
    """Whether tasks came with every read of a kind, or with every nth, all along."""
    asked = came = 0
    every = sum(gap.asked[name] for gap in gaps) / sum(gap.came for gap in gaps)
    if len(gaps) < _GAPS or not 1 <= every <= _RAREST:
        return False
    for gap in gaps:
        asked, came = asked + gap.asked[name], came + gap.came
        if abs(came - asked / every) > 1 + (every != 1):
            return False
    return True


def _identity_changes(earlier: AnsweredTask, later: AnsweredTask, *, created: bool) -> list[str]:
    """Name the fields that say what a task is and differ; the create call may know more of it than the list shows."""
    changed = [name for name in _IDENTITY if earlier.metadata.get(name) != later.metadata.get(name)]
    if earlier.created and later.created and earlier.created.agrees_with(later.created):
        # cut to fewer digits, it is the same moment
        changed = [name for name in changed if name != "createTimeStamp"]
    return [name for name in changed if not (created and name not in later.metadata)]


def moves_back(earlier: AnsweredTask, later: AnsweredTask) -> bool:
    """Whether a task's state is one that cannot follow the earlier one."""
    before, after = earlier.state, later.state
    return bool(before and after and after is not before and after not in _LATER[before])


def _changes(earlier: AnsweredTask, later: AnsweredTask, *, created: bool) -> Iterator[Finding]:
    key, path = later.id, later.path
    changed = _identity_changes(earlier, later, created=created)
    if changed:
        detail = ", ".join(f"{name} {earlier.metadata.get(name)!r} -> {later.metadata.get(name)!r}" for name in changed)
        yield Finding("PRE504", f"task {key} changed what it is: {detail}", f"{path}.metadata", subject=tuple(changed))
    if moves_back(earlier, later):
        yield Finding("PRE501", f"task {key} moved from {earlier.state} to {later.state}", f"{path}.status.status")
    elif earlier.state and earlier.state.final:
        if earlier.metadata.get("expireTimeStamp") != later.metadata.get("expireTimeStamp"):
            moved = f"{earlier.metadata.get('expireTimeStamp')} -> {later.metadata.get('expireTimeStamp')}"
            yield Finding(
                "PRE503", f"task {key} is {earlier.state}, and its expiry changed: {moved}", f"{path}.metadata"
            )
        elif not changed and earlier.content != later.content:
            detail = "; ".join(later.differences(earlier))
            yield Finding("PRE502", f"task {key} is {earlier.state} and changed: {detail}", path)
