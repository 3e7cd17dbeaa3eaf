"""The relations between a filtered answer and the unfiltered lists read before and after it.

Nothing here selects as a service would: a task of the unfiltered list either has the asked values in its own fields or
it has not, and only tasks that are the same in both lists (`Bracket.stable`) are held against the answer. What the
contract leaves open is a `Query` with several acceptable meanings.
"""

from __future__ import annotations

from collections import Counter
from dataclasses import dataclass, field
from functools import cached_property
from typing import TYPE_CHECKING, Final

from pytest_cce_precheck.contract.findings import Finding
from pytest_cce_precheck.wire.vocabulary import Filter, TaskType

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Mapping

    from pytest_cce_precheck.contract.answer import Answer, AnsweredTask
    from pytest_cce_precheck.contract.replica_lag import ReplicaLag

Conjunction = tuple[tuple[Filter, str], ...]
Selection = tuple[Conjunction, ...]
"""Tasks that satisfy one of these conjunctions."""

EVERYTHING: Final[Selection] = ((),)
NOTHING: Final[Selection] = ()


@dataclass(frozen=True)
class Query:
    """One question to the list call, and what the contract lets it mean.

    ``query`` is the text on the wire. ``meanings`` are the acceptable selections, the documented one first;
    ``statuses`` the acceptable refusals. ``code`` names the rule that an answer outside them breaks, where it is not
    plain soundness or completeness. ``classes`` says which class of each filter's values it covers (`explore.classes`).
    """

    query: str
    meanings: tuple[Selection, ...]
    statuses: frozenset[int] = frozenset()
    code: str | None = None
    about: tuple[str, ...] = ()
    classes: tuple[tuple[Filter, str], ...] = ()

    @property
    def title(self) -> str:
        """The question for people."""
        return f"?{self.query}" if self.query else "the unfiltered list"


@dataclass(frozen=True)
class SelectionVerdict:
    """What an answer showed; ``open_ids`` are tasks that could not be judged because they changed meanwhile."""

    findings: tuple[Finding, ...] = ()
    open_ids: frozenset[str] = frozenset()

    @property
    def conclusive(self) -> bool:
        """Whether every task that matters to the question was judged."""
        return not self.open_ids


@dataclass(frozen=True)
class Bracket:
    """Two unfiltered lists with questions between them.

    ``fresh`` are tasks that changed so shortly before that an answer need not know it yet (`settling`), ``newcomers``
    those of them that came or went.
    """

    before: Answer
    after: Answer
    fresh: frozenset[str] = frozenset()
    newcomers: frozenset[str] = frozenset()

    @cached_property
    def present(self) -> Mapping[str, AnsweredTask]:
        """The tasks that were there all the time with the values that filters select by, whatever else changed."""
        later = self.after.by_id
        return {
            key: task
            for key, task in self.before.by_id.items()
            if key in later
            and key not in self.newcomers
            and all(task.value_of(name) == later[key].value_of(name) for name in Filter)
        }

    @cached_property
    def stable(self) -> Mapping[str, AnsweredTask]:
        """The tasks that both lists show with the same content."""
        later = self.after.by_id
        return {
            key: task
            for key, task in self.before.by_id.items()
            if key in later and later[key].content == task.content and key not in self.fresh
        }

    @cached_property
    def unsettled(self) -> Mapping[str, AnsweredTask]:
        """The tasks that came, went or changed between the two lists."""
        both = {**self.before.by_id, **self.after.by_id}
        return {key: task for key, task in both.items() if key not in self.stable}

    @property
    def quiet(self) -> bool:
        """Whether nothing changed."""
        return not self.unsettled and not self.fresh


def satisfies(task: AnsweredTask, selection: Selection) -> bool:
    """Whether the task's own fields have the values of one of the conjunctions."""
    return any(all(task.value_of(name) == value for name, value in conjunction) for conjunction in selection)


def unsound(answer: Answer) -> Iterator[Finding]:
    """D: each task shown has the value of every filter that was asked for; this needs no second answer.

    A filter that is empty, or given twice, may mean several things and is not judged here.
    """
    given = Counter(name for name, _ in answer.exchange.request.params)
    for name, value in answer.exchange.request.params:
        if given[name] > 1 or not value or name not in set(Filter):
            continue
        wrong = [task for task in answer.tasks if task.value_of(Filter(name)) != value]
        if wrong:
            code = "PRE406" if name == Filter.TYPE and value not in set(TaskType) else "PRE401"
            fact = f"?{name}={value} shows {_named(tuple(wrong))} ({_values(wrong[0], [name])})"
            yield Finding(code, fact, wrong[0].path, subject=(name,))


def acceptable_statuses(question: Query, bracket: Bracket) -> frozenset[int]:
    """Return the statuses that the contract lets this question have.

    An id that nothing has may be a 404; whether that also goes for an id that exists but not with the other filters,
    no source says.
    """
    names = {name for selection in question.meanings for conjunction in selection for name, _ in conjunction}
    # asked before it came or after it went, a task is one that the service does not know
    known = any(satisfies(task, question.meanings[0]) for task in bracket.present.values())
    missing = {404} if names - {Filter.TYPE} and not known else set()
    return frozenset({200} | question.statuses | missing)


def judge_selection(question: Query, answer: Answer, bracket: Bracket) -> SelectionVerdict:
    """Hold the tasks that an answer shows against those that the bracket says it must show."""
    shown = answer.by_id
    readings = [_Reading.of(selection, shown, bracket) for selection in question.meanings]
    nearest = min(readings, key=lambda reading: reading.size)
    findings = [*_selection_findings(question, nearest, bracket), *_content_findings(question, shown, bracket)]
    open_ids = {
        key
        for key, task in bracket.unsettled.items()
        if key not in shown
        and key not in bracket.present
        and any(satisfies(task, selection) for selection in question.meanings)
    }
    unlisted = [task for key, task in shown.items() if key not in bracket.stable and key not in bracket.unsettled]
    if bracket.quiet and not findings:
        findings += [_unlisted(question, task) for task in unlisted]
    else:
        open_ids |= {task.id for task in unlisted if task.id is not None}
    exchanges = (answer.exchange, bracket.before.exchange, bracket.after.exchange)
    return SelectionVerdict(tuple(finding.seen_in(*exchanges) for finding in findings), frozenset(open_ids))


@dataclass(frozen=True)
class _Reading:
    """An answer held against one meaning: what it shows too much, and what it leaves out."""

    selection: Selection
    extra: tuple[AnsweredTask, ...]
    missing: tuple[AnsweredTask, ...]

    @classmethod
    def of(cls, selection: Selection, shown: Mapping[str, AnsweredTask], bracket: Bracket) -> _Reading:
        # a task's own fields decide; where the answer shows them differently from both lists, the lists do
        extra = (task for key, task in shown.items() if not satisfies(bracket.present.get(key, task), selection))
        missing = (task for key, task in bracket.present.items() if key not in shown and satisfies(task, selection))
        return cls(selection, tuple(extra), tuple(missing))

    @property
    def size(self) -> int:
        return len(self.extra) + len(self.missing)


def _selection_findings(question: Query, reading: _Reading, bracket: Bracket) -> Iterable[Finding]:
    filters: set[str] = {name for conjunction in reading.selection for name, _ in conjunction} or set(question.about)
    expected = sum(satisfies(task, reading.selection) for task in bracket.present.values())
    several = len(question.about) > 1
    for tasks, code, verb in ((reading.extra, "PRE401", "shows"), (reading.missing, "PRE402", "leaves out")):
        if tasks:
            fact = f"{question.title} {verb} {_named(tasks)}"
            values = "; ".join(_values(task, sorted(filters)) for task in tasks[:3])
            yield Finding(
                question.code or ("PRE404" if several else code),
                f"{fact} ({values})" if values else fact,
                path=tasks[0].path if tasks is reading.extra else "",
                subject=question.about,
                evidence=(
                    ("question", question.title),
                    ("must select", f"{expected} of the {len(bracket.present)} tasks that both unfiltered lists show"),
                    (verb, ", ".join(str(task.id) for task in tasks[:5])),
                ),
            )


def _content_findings(question: Query, shown: Mapping[str, AnsweredTask], bracket: Bracket) -> Iterable[Finding]:
    for key, task in shown.items():
        listed = bracket.stable.get(key)
        if listed is not None and listed.content != task.content:
            differences = "; ".join(task.differences(listed))
            yield Finding(
                "PRE403",
                f"{question.title} shows task {key} otherwise than the unfiltered list does ({differences})",
                path=task.path,
                subject=question.about,
                evidence=(("filtered / unfiltered", differences),),
            )


def _unlisted(question: Query, task: AnsweredTask) -> Finding:
    message = f"{question.title} shows task {task.id}, which the unfiltered lists before and after do not"
    return Finding("PRE405", message, path=task.path, subject=question.about)


@dataclass
class Unlisted:
    """Tasks that filters showed while the unfiltered lists did not, over a whole run.

    One bracket proves nothing in a busy cluster: the task may have come and gone within it. Seen again later, it was
    there all the time in between, when an unfiltered list left it out.
    """

    seen: dict[str, tuple[Bracket, float]] = field(default_factory=dict)

    def judge(
        self, question: Query, answer: Answer, bracket: Bracket, settling: ReplicaLag | None = None
    ) -> list[Finding]:
        """Take one more answer into account; ``settling`` is needed where replicas lag."""
        findings = []
        lagging = settling if settling is not None and settling.lag else None
        for key, task in answer.by_id.items():
            if key in bracket.before.by_id or key in bracket.after.by_id or key in bracket.fresh:
                continue
            earlier, since = self.seen.setdefault(key, (bracket, lagging.now if lagging else 0.0))
            if earlier is not bracket and (lagging is None or lagging.left_out(key, since, bracket.before)):
                seen_in = (answer.exchange, bracket.before.exchange)
                findings.append(_unlisted(question, task).seen_in(*seen_in))
        return findings


@dataclass
class CountMeaning:
    """The meanings of ``currentCount`` that all answers so far agree with: the contract leaves open which it has."""

    possible: set[str] = field(default_factory=lambda: {"matching", "all"})

    def judge(self, answer: Answer, bracket: Bracket) -> list[Finding]:
        """Take one more answer into account; silent where too little is known of the number of all tasks."""
        listed = len(answer.tasks)
        least, most = len(bracket.present), len(bracket.stable.keys() | bracket.unsettled.keys() | bracket.newcomers)
        if answer.count is None or answer.count < listed or (least < most and least <= listed <= most):
            return []
        agreeing = {"matching"} if listed == answer.count else set()
        agreeing |= {"all"} if least <= answer.count <= most else set()
        path = "$.pageInfo.currentCount"
        seen = (answer.exchange, bracket.before.exchange)
        if not agreeing:
            total = f"all {least}" if least == most else f"all of the {least} to {most}"
            message = (
                f"currentCount is {answer.count}: neither the {listed} that match nor {total} tasks of the cluster"
            )
            return [Finding("PRE310", message, path, exchanges=seen)]
        if not agreeing & self.possible:
            before, now = next(iter(self.possible)), next(iter(agreeing))
            message = f"currentCount counts the {now} tasks here, and the {before} ones in other answers of this run"
            return [Finding("PRE310", message, path, exchanges=seen)]
        self.possible &= agreeing
        return []


def _named(tasks: tuple[AnsweredTask, ...]) -> str:
    return f"task {tasks[0].id}" if len(tasks) == 1 else f"{len(tasks)} tasks, {tasks[0].id} first"


def _values(task: AnsweredTask, names: Iterable[str]) -> str:
    return ", ".join(f"{Filter(name).field} {task.value_of(Filter(name))}" for name in names if name in set(Filter))
