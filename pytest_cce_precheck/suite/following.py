"""Follow the tasks that a run created, as a client does: by id, by instance, by type and in the full list."""

from __future__ import annotations

from dataclasses import dataclass, field
from http import HTTPStatus
from typing import TYPE_CHECKING, Final

from pytest_cce_precheck.contract.invariants import created_as_asked, paired
from pytest_cce_precheck.contract.lifecycle import moves_back
from pytest_cce_precheck.explore.classes import MATCHING
from pytest_cce_precheck.explore.queries import FilterValue, select
from pytest_cce_precheck.suite.brackets import AskedQuery, JudgedQuery, close_bracket
from pytest_cce_precheck.wire.vocabulary import Filter

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping, Sequence

    from pytest_cce_precheck.contract.answer import Answer, AnsweredTask
    from pytest_cce_precheck.contract.filters import Query
    from pytest_cce_precheck.contract.findings import Finding
    from pytest_cce_precheck.suite.inspection import Inspection
    from pytest_cce_precheck.wire.exchange import Exchange

    Apart = dict[tuple[str, str], tuple[str, float]]

UNFILTERED: Final = ""
# how soon a created task is shown, no source says; whoever has waited for a minute takes it for lost
_PATIENCE: Final = 60.0
# most checks end within seconds, and what happens just after the end is seen by who has seen it end
_WAITS: Final = (0.5, 1.0, 1.5, 1.5, 2.0, 4.0)
_LONGEST_WAIT: Final = 8.0
# seconds: replicas that are so far behind are ordinary
_CAUGHT_UP: Final = 1.0
# seconds: a finished task must stay as it is, soon after its end and later
_AFTER_THE_END: Final = (1.0, 2.0)


@dataclass
class Following:
    """Created tasks on their way to the end.

    ``queries`` are those that find them, ``between`` those that are asked while they change. ``unseen`` are the pairs
    of a query and a task that no answer to it has shown yet, ``latest`` the last exchange of each query, ``states`` the
    tasks as last listed, ``waited`` the seconds since they were created.
    """

    run: Inspection
    created: Answer
    queries: Mapping[str, Query] = field(init=False)
    between: Sequence[str] = field(init=False)
    unseen: set[tuple[str, str]] = field(init=False)
    latest: dict[str, Exchange] = field(default_factory=dict)
    states: dict[str, AnsweredTask] = field(default_factory=dict)
    waited: float = 0.0
    # when a list first showed a task's state; the content that a query showed and the lists did not, and since when
    since: dict[str, float] = field(default_factory=dict)
    apart: Apart = field(default_factory=dict)

    def __post_init__(self) -> None:
        ids = {task.id: task for task in self.created.tasks if task.id}
        values = [(name, value) for task in ids.values() for name in Filter if (value := task.value_of(name))]
        share = self.run.shares.following
        # a small share is for the filters of one task
        chosen = list(dict.fromkeys(values))[: max(1, share // 3)]
        found = [(select([FilterValue(name, value, MATCHING)]), name, value) for name, value in chosen]
        self.queries = {query.query: query for query, _, _ in found}
        # between the first look and the last, one value of each filter stands for the others
        self.between = list({name: query.query for query, name, _ in reversed(found)}.values())
        self.unseen = {(UNFILTERED, key) for key in ids}
        for query, name, value in found:
            self.unseen |= {(query.query, key) for key, task in ids.items() if task.value_of(name) == value}
        self._entries = {task.id: entry for entry, task in paired(self.created)}
        self._end = self.run.budget.sent + share

    def to_the_end(self) -> None:
        """Ask at once, after each change and after the end; report what no answer has shown."""
        step = len(self.queries) + 2
        if self._read() is None or not self._look():
            return
        waits, said = iter(_WAITS), self._said()
        while not self._finished() and self._left() > 0:
            if self.waited >= _PATIENCE and not self.states:
                # no list shows one of them: there is no end to wait for
                break
            self._wait(next(waits, _LONGEST_WAIT))
            if self._read() is None:
                return
            # the last step, some time after the end, has its share first
            if said != self._said() and self._left() >= step + len(self.between):
                self._look(self.between)
            elif (again := self._to_ask_again()) and self._left() >= step + len(again):
                self._look(again)
            said = self._said()
        if self._finished() and self._left() > 0:
            soon, later = _AFTER_THE_END
            self._wait(soon)
            self._read()
            self._wait(later)
            if self._finished() and self._left() >= step - 2:
                self._look()
            elif self._left() > 0:
                self._read()
        self._wait_for_what_is_unseen()
        self._report_the_lost()

    def _left(self) -> int:
        return self._end - self.run.budget.sent

    def _said(self) -> list[object]:
        return [task.state for task in self.states.values()]

    def _finished(self) -> bool:
        shown = {key for query, key in self.unseen if query == UNFILTERED}
        return not shown and all(task.state is None or task.state.final for task in self.states.values())

    def _wait(self, seconds: float) -> None:
        self.run.sender.wait(seconds)
        self.waited += seconds
        # the next request opens a connection, which another machine of the service may answer
        self.run.client.close()

    def _read(self) -> Answer | None:
        answer = self.run.lists.read()
        if answer is not None:
            self._saw(UNFILTERED, answer.exchange, answer)
        return answer

    def _look(self, only: Iterable[str] = ()) -> bool:
        """Ask each query, or ``only`` some, between two lists; return whether the list can be read."""
        run = self.run
        before = run.lists.latest or self._read()
        if before is None:
            return False
        asked = []
        for text in only or self.queries:
            exchange = run.sender.ask(run.client.list_request(text))
            if run.lists.answered(exchange):
                asked.append(AskedQuery(self.queries[text], exchange))
        closed = close_bracket(run, before, asked)
        if closed is None:
            return False
        for judged in closed[1]:
            self._judge(judged)
            if judged.answer is not None and not judged.compared:
                # created tasks may be listed a little later, others may not be left out of the list for them
                query = judged.asked.query
                found = run.unlisted.judge(query, judged.answer, closed[0], run.lag, but=self._entries)
                run.results.report(*found)
        after = closed[0].after
        self._saw(UNFILTERED, after.exchange, after)
        return True

    def _judge(self, judged: JudgedQuery) -> None:
        text, exchange = judged.asked.query.query, judged.asked.exchange
        self._saw(text, exchange, judged.answer)
        if judged.answer is None and exchange.status == HTTPStatus.OK:
            # no list of tasks, which is reported: what it shows cannot be waited for
            self.unseen = {(query, key) for query, key in self.unseen if query != text}
        if not any(query == text for query, _ in self.unseen):
            apart = {place: self.apart.pop(place) for place in [*self.apart] if place[0] == text}
            self.run.results.report(
                *(each for each in judged.findings if not self._may_be_of_a_replica(judged, each, apart))
            )
        elif judged.answer is not None or exchange.status != 404:
            # what it does not show may only be late: that is reported in the end
            self.run.results.report(*judged.alone)

    def _saw(self, text: str, exchange: Exchange, answer: Answer | None) -> None:
        self.latest[text] = exchange.abridged()
        for key, entry in self._entries.items():
            task = answer.by_id.get(key or "") if answer is not None else None
            if task is not None and key is not None:
                self.unseen.discard((text, key))
                self.run.results.report(*(each.seen_in(exchange) for each in created_as_asked(entry, task)))
                if text == UNFILTERED and key not in self.run.lists.outdated:
                    if key not in self.states or self.states[key].state is not task.state:
                        self.since[key] = self.waited
                    self.states[key] = task

    def _to_ask_again(self) -> list[str]:
        """Return the queries whose answers were a state apart from the lists, when all replicas have caught up."""
        return list({text: None for (text, _), (_, at) in self.apart.items() if self.waited - at >= _CAUGHT_UP})

    def _may_be_of_a_replica(self, judged: JudgedQuery, finding: Finding, apart: Apart) -> bool:
        """Whether a finding is that an unfinished task has come less far, or farther, than the lists show just now."""
        shown = judged.answer.tasks if judged.answer is not None and finding.code == "PRE403" else ()
        task = next((task for task in shown if task.path == finding.path), None)
        listed = self.states.get(task.id or "") if task is not None else None
        if (
            task is None
            or listed is None
            or task.identity != listed.identity
            or (_is_final(task) and _is_final(listed))
        ):
            return False
        key = task.id or ""
        place = judged.asked.query.query, key
        content, first = apart.get(place, ("", self.waited))
        if content != task.lasting:
            first = self.waited
        if self.waited - (self.since[key] if moves_back(listed, task) else first) >= _CAUGHT_UP:
            return False
        self.apart[place] = task.lasting, first
        return True

    def _wait_for_what_is_unseen(self) -> None:
        """Ask again for what no answer has shown, until a minute is over; then report it."""
        pause = 4.0
        while self.unseen and self.waited < _PATIENCE:
            self._wait(min(pause, _PATIENCE - self.waited))
            pause *= 3
            texts = [text for text in self.queries if any(query == text for query, _ in self.unseen)]
            if not (self._look(texts) if texts else self._read()):
                return
        for text, key in sorted(self.unseen):
            gone = text and self._is_gone(key)
            if not gone:
                name = text.partition("=")[0] or "unfiltered"
                shown = f"?{text} does" if text else "the unfiltered list does"
                message = f"{shown} not show task {key}, created {self.waited:.0f} s ago"
                self.run.results.found("PRE507", message, self.latest[text], self.created.exchange, subject=name)

    def _is_gone(self, key: str) -> bool:
        """Whether a task has left the list after its end, as it may."""
        listed = self.run.lists.latest
        task = self.states.get(key)
        return listed is not None and key not in listed.by_id and task is not None and task.state is not None

    def _report_the_lost(self) -> None:
        listed = self.run.lists.latest
        unfinished = [key for key, task in self.states.items() if task.state and not task.state.final]
        for key in unfinished if listed is not None else ():
            if listed is not None and key not in listed.by_id:
                # it may have finished since it was seen last, and then it may leave
                message = f"task {key}, created by this run, left the list, {self.states[key].state} when last seen"
                self.run.results.found("PRE505", message, listed.exchange, self.created.exchange, subject="created")
        waiting = len(self._entries) - len(self.states) + len(unfinished)
        if waiting:
            self.run.results.give_up(f"{waiting} created tasks were not finished when the last poll was made")


def _is_final(task: AnsweredTask) -> bool:
    return task.state is not None and task.state.final


def look_in_the_other_cluster(run: Inspection, created: Answer) -> None:
    """Look for created tasks in the list of the project's other cluster, without a filter and with each."""
    other = run.settings.neighbours.other_cluster_id
    if other is None:
        return
    ids = {task.id for task in created.tasks}
    last = created.tasks[-1]
    # by type, the check of both clusters asks
    values = [(name, value) for name in (Filter.TASK_ID, Filter.ADDON_INSTANCE_ID) if (value := last.value_of(name))]
    texts = [UNFILTERED, *(select([FilterValue(name, value, MATCHING)]).query for name, value in values)]
    for text in texts:
        exchange = run.sender.ask(run.client.list_request(text, cluster_id=other))
        answer = run.lists.judged(exchange, {200, 404})
        foreign = [task for task in answer.tasks if task.id in ids] if answer is not None else []
        if foreign:
            shown = f"?{text}" if text else "the unfiltered list"
            message = f"{shown} in cluster {other} shows task {foreign[0].id}, which was created in this cluster"
            name = text.partition("=")[0] or "list"
            run.results.found("PRE610", message, exchange, created.exchange, subject=name, path=foreign[0].path)
