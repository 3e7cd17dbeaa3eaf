"""The relations between a filtered answer and the unfiltered lists read before and after it.

Nothing here selects as a service would: a task of the unfiltered list has the given values in its own fields or has
not, and only tasks that are the same in both lists (`Bracket.stable`) are compared with the answer. What the contract
leaves unspecified is a `Query` with several acceptable meanings.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Container, Iterable, Iterator, Mapping
from dataclasses import dataclass, field
from functools import cached_property
from typing import Final

from pytest_cce_precheck.contract.answer import Answer, AnsweredTask
from pytest_cce_precheck.contract.findings import Finding
from pytest_cce_precheck.contract.replica_lag import ReplicaLag
from pytest_cce_precheck.wire.exchange import Request
from pytest_cce_precheck.wire.vocabulary import Filter, TaskType

Conjunction = tuple[tuple[Filter, str], ...]
Selection = tuple[Conjunction, ...]
"""Tasks that satisfy one of these conjunctions."""

EVERYTHING: Final[Selection] = ((),)
NOTHING: Final[Selection] = ()


@dataclass(frozen=True)
class Query:
    """One query to the list call, and what it may mean by the contract.

    ``query`` is the text on the wire. ``meanings`` are the acceptable selections, the documented one first;
    ``statuses`` the acceptable refusals. ``code`` is the rule that an answer outside them breaks, unless it is plain
    soundness or completeness. ``classes`` are the classes of each filter's values that it covers (`explore.classes`).
    """

    query: str
    meanings: tuple[Selection, ...]
    statuses: frozenset[int] = frozenset()
    code: str | None = None
    about: tuple[str, ...] = ()
    classes: tuple[tuple[Filter, str], ...] = ()

    @property
    def title(self) -> str:
        """The query as messages show it."""
        return f"?{self.query}" if self.query else "the unfiltered list"


@dataclass(frozen=True)
class SelectionVerdict:
    """The verdict on one answer; ``open_ids`` are tasks that could not be judged because they changed meanwhile."""

    findings: tuple[Finding, ...] = ()
    open_ids: frozenset[str] = frozenset()


@dataclass(frozen=True)
class Bracket:
    """Two unfiltered lists with queries between them.

    ``within_lag`` are tasks that changed so recently that a replica may not know it yet (`replica_lag`),
    ``came_or_went`` those of them that are new or gone.
    """

    before: Answer
    after: Answer
    within_lag: frozenset[str] = frozenset()
    came_or_went: frozenset[str] = frozenset()

    @cached_property
    def present(self) -> Mapping[str, AnsweredTask]:
        """The tasks that were there all the time with the values that filters select by, whatever else changed."""
        later = self.after.by_id
        return {
            key: task
            for key, task in self.before.by_id.items()
            if key in later and key not in self.came_or_went and task.values == later[key].values
        }

    def selected(self, selection: Selection) -> Mapping[str, AnsweredTask]:
        """The tasks of `present` that satisfy a selection, in their order."""
        if not all(selection):
            return self.present
        # of 20,000 tasks, most queries select a few: only those that have one of the values are looked at
        found = {
            key
            for conjunction in selection
            for key in min((self._with_value.get(pair, []) for pair in conjunction), key=len)
            if satisfies(self.present[key], (conjunction,))
        }
        return {key: task for key, task in self.present.items() if key in found} if found else {}

    @cached_property
    def _with_value(self) -> Mapping[tuple[Filter, str], list[str]]:
        keys: defaultdict[tuple[Filter, str], list[str]] = defaultdict(list)
        for key, task in self.present.items():
            for pair in task.values.items():
                keys[pair].append(key)
        return keys

    @cached_property
    def stable(self) -> Mapping[str, AnsweredTask]:
        """The tasks that both lists show with the same content; only the expiry may have moved."""
        later = self.after.by_id
        return {
            key: task
            for key, task in self.before.by_id.items()
            if key in later and later[key].lasting == task.lasting and key not in self.within_lag
        }

    @cached_property
    def changing(self) -> Mapping[str, AnsweredTask]:
        """The tasks that came, went or changed between the two lists."""
        both = {**self.before.by_id, **self.after.by_id}
        return {key: task for key, task in both.items() if key not in self.stable}

    @property
    def quiet(self) -> bool:
        """Whether nothing changed."""
        return not self.changing and not self.within_lag


def satisfies(task: AnsweredTask, selection: Selection) -> bool:
    """Whether the task's own fields have the values of one of the conjunctions."""
    values = task.values
    return any(all(values.get(name) == value for name, value in conjunction) for conjunction in selection)


def unsound(answer: Answer) -> Iterator[Finding]:
    """D: each task shown has the value of every filter that was given; this needs no second answer.

    A filter that is empty, or given twice, may mean several things and is not judged here.
    """
    params = answer.exchange.request.params
    given = [name for name, _ in params]
    for name, value in params:
        if given.count(name) > 1 or not value or name not in set(Filter):
            continue
        wrong = [task for task in answer.tasks if task.values.get(Filter(name)) != value]
        if wrong:
            code = "PRE406" if name == Filter.TYPE and value not in set(TaskType) else "PRE401"
            fact = f"?{name}={value} wrongly shows {_named(tuple(wrong))} ({_values(wrong[0], [name])})"
            yield Finding(code, fact, wrong[0].path, subject=(name,))


def acceptable_statuses(query: Query, bracket: Bracket) -> frozenset[int]:
    """Return the statuses that the answer to this query may have by the contract.

    An id that no task has may be a 404; no source says whether an id that exists, but not with the other filters, may
    be one too.
    """
    names = {name for selection in query.meanings for conjunction in selection for name, _ in conjunction}
    # a query before a task came or after it went is about one that the service does not know
    known = bracket.selected(query.meanings[0])
    missing = {404} if names - {Filter.TYPE} and not known else set()
    return frozenset({200} | query.statuses | missing)


def judge_selection(query: Query, answer: Answer, bracket: Bracket) -> SelectionVerdict:
    """Compare the tasks that an answer shows with those that it must show by the bracket."""
    shown = answer.by_id
    comparisons = [_Comparison.of(selection, shown, bracket) for selection in query.meanings]
    nearest = min(comparisons, key=lambda comparison: comparison.size)
    findings = [*_selection_findings(query, nearest, bracket), *_content_findings(query, shown, bracket)]
    open_ids = {
        key
        for key, task in bracket.changing.items()
        if key not in shown
        and key not in bracket.present
        and any(satisfies(task, selection) for selection in query.meanings)
    }
    unlisted = [task for key, task in shown.items() if key not in bracket.stable and key not in bracket.changing]
    if bracket.quiet and not findings:
        findings += [_unlisted(query, task) for task in unlisted]
    else:
        open_ids |= {task.id for task in unlisted if task.id is not None}
    exchanges = (answer.exchange, bracket.before.exchange, bracket.after.exchange)
    return SelectionVerdict(tuple(finding.seen_in(*exchanges) for finding in findings), frozenset(open_ids))


@dataclass(frozen=True)
class _Comparison:
    """An answer compared with one meaning: the tasks that it must not show, and those that it leaves out."""

    selection: Selection
    extra: tuple[AnsweredTask, ...]
    missing: tuple[AnsweredTask, ...]

    @classmethod
    def of(cls, selection: Selection, shown: Mapping[str, AnsweredTask], bracket: Bracket) -> _Comparison:
        # a task's own fields decide; if the answer shows others than both lists, the lists decide
        extra = (task for key, task in shown.items() if not satisfies(bracket.present.get(key, task), selection))
        missing = (task for key, task in bracket.selected(selection).items() if key not in shown)
        return cls(selection, tuple(extra), tuple(missing))

    @property
    def size(self) -> int:
        return len(self.extra) + len(self.missing)


def _selection_findings(query: Query, comparison: _Comparison, bracket: Bracket) -> Iterable[Finding]:
    filters: set[str] = {name for conjunction in comparison.selection for name, _ in conjunction} or set(query.about)
    expected = len(bracket.selected(comparison.selection))
    several = len(query.about) > 1
    for tasks, code, verb in ((comparison.extra, "PRE401", "shows"), (comparison.missing, "PRE402", "leaves out")):
        if tasks:
            fact = f"{query.title} wrongly {verb} {_named(tasks)}"
            values = "; ".join(dict.fromkeys(filter(None, (_values(task, sorted(filters)) for task in tasks[:3]))))
            yield Finding(
                query.code or ("PRE404" if several else code),
                f"{fact} ({values})" if values else fact,
                path=tasks[0].path if tasks is comparison.extra else "",
                subject=query.about,
                evidence=(
                    ("question", query.title),
                    ("must select", f"{expected} of the {len(bracket.present)} tasks that both unfiltered lists show"),
                    (verb, ", ".join(str(task.id) for task in tasks[:5])),
                ),
            )


def _content_findings(query: Query, shown: Mapping[str, AnsweredTask], bracket: Bracket) -> Iterable[Finding]:
    for key, task in shown.items():
        listed = bracket.stable.get(key)
        if listed is None or listed.content == task.content:
            continue
        # that an expiry stays, no source says: what moves between the two lists is not compared
        if listed.lasting != task.lasting or listed.content == bracket.after.by_id[key].content:
            differences = "; ".join(task.differences(listed))
            is_wrong = task.contradicts(listed)
            content = "another content than" if is_wrong else "other optional fields than"
            yield Finding(
                "PRE403" if is_wrong else "PRE416",
                f"{query.title} shows task {key} with {content} the unfiltered list ({differences})",
                path=task.path,
                subject=query.about,
                evidence=(("filtered / unfiltered", differences),),
            )


def _unlisted(query: Query, task: AnsweredTask) -> Finding:
    message = f"{query.title} shows task {task.id}, which the unfiltered lists before and after do not"
    return Finding("PRE405", message, path=task.path, subject=query.about)


@dataclass
class Unlisted:
    """Tasks that filtered answers showed and the unfiltered lists did not, over a whole run.

    One bracket proves nothing in a busy cluster: the task may have come and gone within it. If it is seen again later,
    it was there all the time, and an unfiltered list in between left it out.
    """

    # by the request that opened the bracket
    seen: dict[str, tuple[Request, float]] = field(default_factory=dict)

    def judge(
        self,
        query: Query,
        answer: Answer,
        bracket: Bracket,
        replicas: ReplicaLag | None = None,
        but: Container[str | None] = (),
    ) -> list[Finding]:
        """Judge one more answer, ``but`` for some tasks; ``replicas`` are needed if they lag."""
        findings, opened_by = [], bracket.before.exchange.request
        lagging = replicas if replicas is not None and replicas.lag else None
        for key, task in answer.by_id.items():
            if key in bracket.before.by_id or key in bracket.after.by_id or key in bracket.within_lag or key in but:
                continue
            earlier, since = self.seen.setdefault(key, (opened_by, lagging.now() if lagging else 0.0))
            if earlier is not opened_by and (lagging is None or lagging.left_out(key, since, bracket.before)):
                seen_in = (answer.exchange, bracket.before.exchange)
                findings.append(_unlisted(query, task).seen_in(*seen_in))
        return findings


@dataclass
class CountMeaning:
    """The meanings of ``currentCount`` that agree with all answers so far; the contract does not specify one."""

    possible: set[str] = field(default_factory=lambda: {"matching", "all"})

    def judge(self, answer: Answer, bracket: Bracket) -> list[Finding]:
        """Judge one more answer; nothing is found if too little is known of the number of all tasks."""
        listed = len(answer.tasks)
        least, most = len(bracket.present), len(bracket.stable.keys() | bracket.changing.keys() | bracket.came_or_went)
        if answer.count is None or answer.count < listed or (least < most and least <= listed <= most):
            return []
        agreeing = {"matching"} if listed == answer.count else set()
        agreeing |= {"all"} if least <= answer.count <= most else set()
        if agreeing & self.possible:
            self.possible &= agreeing
            return []
        if agreeing:
            before, now = next(iter(self.possible)), next(iter(agreeing))
            fact = f"currentCount counts {now} tasks here, but {before} tasks in other answers of this run"
        else:
            total = f"all {least}" if least == most else f"all of the {least} to {most}"
            fact = f"currentCount is {answer.count}: neither the {listed} that match nor {total} tasks of the cluster"
        exchanges = (answer.exchange, bracket.before.exchange)
        return [Finding("PRE310", fact, "$.pageInfo.currentCount", exchanges=exchanges)]


def _named(tasks: tuple[AnsweredTask, ...]) -> str:
    return f"task {tasks[0].id}" if len(tasks) == 1 else f"{len(tasks)} tasks, {tasks[0].id} first"


def _values(task: AnsweredTask, names: Iterable[str]) -> str:
    return ", ".join(f"{Filter(name).field} {task.value_of(Filter(name))}" for name in names if name in set(Filter))
