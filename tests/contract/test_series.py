"""Series of answers: legal histories are silent, each illegal step is named."""

from __future__ import annotations

import copy
from dataclasses import replace
from typing import TYPE_CHECKING, Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from pytest_cce_precheck.contract.check import judge
from pytest_cce_precheck.contract.lifecycle import TaskHistory
from pytest_cce_precheck.wire.timestamps import format_timestamp, parse_timestamp
from tests.contract.answers import Document, answer_to, created, creation, judge_series, listing, task

if TYPE_CHECKING:
    from collections.abc import Callable

STATES = ("Init", "Running", "Failed")


def codes_of(*lists: list[Document]) -> list[str]:
    return [finding.code for finding in judge_series(answer_to(listing(each)) for each in lists)]


def moved(document: Document, change: Callable[[Document], Any]) -> Document:
    other = copy.deepcopy(document)
    change(other)
    return other


def just_made(number: int, state: str = "Init") -> Document:
    """Return a task that no earlier list can have had: it was made at the answers' Date."""
    return moved(task(number, state), lambda d: d["metadata"].update(createTimeStamp="2026-11-23T10:00:00Z"))


def test_a_task_that_goes_its_way_is_silent() -> None:
    assert codes_of(*([task(1, state)] for state in STATES)) == []
    assert codes_of([task(1, "Init")], [task(1, "Success")]) == []


@pytest.mark.parametrize(
    ("earlier", "later"),
    [("Running", "Init"), ("Failed", "Running"), ("Success", "Failed"), ("Failed", "Success"), ("Success", "Init")],
)
def test_a_task_does_not_move_back_or_sideways(earlier: str, later: str) -> None:
    assert codes_of([task(1, earlier)], [task(1, later)]) == ["PRE501"]


def test_a_finished_task_stays_as_it_is() -> None:
    done = task(1, "Success")
    assert codes_of([done], [moved(done, lambda d: d["status"].update(message="other"))]) == ["PRE502"]
    later = moved(done, lambda d: d["metadata"].update(expireTimeStamp="2026-11-26T00:00:00Z"))
    assert codes_of([done], [later]) == ["PRE503"]
    both = moved(later, lambda d: d["status"].update(message="other"))
    assert codes_of([done], [both]) == ["PRE503", "PRE502"]
    expires = parse_timestamp(done["metadata"]["expireTimeStamp"])
    same = format_timestamp(replace(expires, offset_minutes=expires.offset_minutes + 60))
    assert codes_of([done], [moved(done, lambda d: d["metadata"].update(expireTimeStamp=same))]) == []


@pytest.mark.parametrize("field", ["type", "addonTemplateName", "addonInstanceID"])
def test_what_a_task_is_does_not_change(field: str) -> None:
    running = task(1, "Running", "addonUpgrade")
    value = "addonStatic" if field == "type" else "other"
    assert codes_of([running], [moved(running, lambda d: d["metadata"].update({field: value}))]) == ["PRE504"]


def test_a_creation_time_may_be_cut_but_not_changed() -> None:
    made = task(1, "Init")
    cut = moved(made, lambda d: d["metadata"].update(createTimeStamp="2026-11-22T18:00:00.123+08:00"))
    other = moved(made, lambda d: d["metadata"].update(createTimeStamp="2026-11-22T18:00:00.124+08:00"))
    assert codes_of([made], [cut]) == []
    assert codes_of([made], [other]) == ["PRE504"]


def test_the_create_call_may_show_an_optional_field_that_the_list_leaves_out() -> None:
    asked, document = creation()
    answer, _ = judge(created(document, asked))
    assert answer is not None
    listed = copy.deepcopy(document["status"]["items"])
    for item in listed:
        del item["metadata"]["addonInstanceName"]
    history = TaskHistory()
    assert history.observe(answer, complete=False) == []
    assert history.observe(answer_to(listing(listed))) == []
    listed[0]["metadata"]["addonInstanceID"] = "another"
    assert [finding.code for finding in history.observe(answer_to(listing(listed)))] == ["PRE504"]


def test_an_optional_field_may_appear_later() -> None:
    later = task(1, "Success")
    bare = moved(later, lambda d: (d["metadata"].pop("addonInstanceName", None), d["status"].pop("riskList", None)))
    undated = moved(bare, lambda d: (d["metadata"].pop("expireTimeStamp"), d["metadata"].pop("addonInstanceID", None)))
    assert codes_of([undated], [bare], [later]) == []
    assert codes_of([later], [bare]) == ["PRE502"]


def test_a_task_keeps_the_target_that_it_has() -> None:
    one = moved(task(1, "Running"), lambda d: d.update(spec={"addonTargetVersion": "1.0.1"}))
    other = moved(one, lambda d: d.update(spec={"addonTargetVersion": "1.0.2"}))
    assert codes_of([one], [other]) == ["PRE504"]
    assert codes_of([moved(one, lambda d: d.pop("spec"))], [one]) == []


def test_a_finished_task_stays_until_its_expiry_and_may_leave_after_it() -> None:
    early = task(1, "Success")
    due = moved(early, lambda d: d["metadata"].update(expireTimeStamp="2026-11-23T09:59:59Z"))
    assert codes_of([early, task(2)], [task(2)]) == ["PRE505"]
    assert codes_of([due, task(2)], [task(2)]) == []


def test_a_task_does_not_come_back() -> None:
    due = moved(task(1), lambda d: d["metadata"].update(expireTimeStamp="2026-11-23T09:00:00Z"))
    assert codes_of([due], [], [due]) == ["PRE506"]


def test_a_task_that_was_made_long_ago_is_in_every_unfiltered_list() -> None:
    old, other = task(1), task(2)
    assert codes_of([], [old]) == ["PRE506"]
    assert codes_of([other], [other, old]) == ["PRE506"]
    # the clock of the gateway may be minutes ahead of that which dates the tasks
    recent = moved(old, lambda d: d["metadata"].update(createTimeStamp="2026-11-23T09:51:00Z"))
    assert codes_of([], [recent]) == []


def test_a_task_does_not_go_on_under_another_id() -> None:
    running = moved(just_made(1, "Running"), lambda d: d["metadata"].update(createTimeStamp="2026-11-23T09:59:59.123Z"))
    renamed = moved(running, lambda d: d["metadata"].update(taskID=task(9)["metadata"]["taskID"]))
    assert codes_of([running], [renamed]) == ["PRE504"]
    younger = moved(renamed, lambda d: d["metadata"].update(createTimeStamp="2026-11-23T09:59:59.124Z"))
    assert codes_of([running], [younger]) == codes_of([running], [running, renamed]) == []


def test_an_unfinished_task_that_is_gone_proves_nothing_by_itself() -> None:
    assert codes_of([task(1, "Running"), task(2)], [task(2)]) == []


def test_reads_that_add_a_task_each_are_found_and_other_peoples_tasks_are_not() -> None:
    def series(steps: list[int], asked: list[int]) -> list[str]:
        history, listed, found = TaskHistory(), 0, []
        for step, questions in zip(steps, asked, strict=True):
            listed += step
            answer = answer_to(listing([just_made(number) for number in range(listed)]))
            for _ in range(questions):
                history.asked(answer.exchange)
            found += [finding.code for finding in history.observe(answer)]
        return found

    assert series([1, 4, 1, 3, 2], [1, 4, 1, 3, 2]) == ["PRE509"]
    assert series([1, 0, 4, 0, 2], [1, 4, 1, 3, 2]) == []


@given(
    st.lists(
        st.tuples(st.integers(0, 4), st.integers(0, 3), st.integers(1, 6)),
        min_size=1,
        max_size=8,
    )
)
def test_legal_histories_of_any_shape_are_silent(plans: list[tuple[int, int, int]]) -> None:
    """Each task is made at some step, moves on every few steps, and leaves some time after its expiry has come."""
    lists = []
    for step in range(12):
        shown = []
        for number, (made, pace, stays) in enumerate(plans):
            state = STATES[min((step - made) // (pace + 1), 2)] if step >= made else None
            done = made + 2 * (pace + 1)
            if state is not None and step < done + stays:
                document = just_made(number, state)
                if state == "Failed":
                    document["metadata"]["expireTimeStamp"] = "2026-11-23T09:30:00Z"
                shown.append(document)
        lists.append(shown)
    assert codes_of(*lists) == []


def a_read(query: str) -> Any:
    return answer_to(listing([]), query).exchange


class Cluster:
    """A cluster read again and again: before each unfiltered list there are questions, and tasks that come or go."""

    def __init__(self) -> None:
        self.history = TaskHistory()
        self.listed: list[Document] = []

    def read(self, *queries: str, come: int = 0, state: str = "Init") -> list[str]:
        self.listed += [just_made(len(self.listed) + number, state) for number in range(come)]
        for query in queries:
            self.history.asked(a_read(query))
        return [each.code for each in self.history.observe(answer_to(listing(self.listed)))]


KINDS = ("type=addonUpgrade", "task_id=t", "addon_instance_id=i")


def test_tasks_that_come_with_every_read_of_whatever_kind_are_found() -> None:
    cluster = Cluster()
    cluster.read()
    found = [cluster.read(*[KINDS[step]] * (step + 1), come=step + 1) for step in range(3)]
    assert found == [[], [], ["PRE509"]]


def test_tasks_that_come_with_every_unfiltered_read_are_found_among_other_reads() -> None:
    cluster = Cluster()
    cluster.read()
    others = [[KINDS[0]] * 10, [], []]
    found = [cluster.read(*others[step], *[""] * (step + 1), come=step + 1) for step in range(3)]
    assert found == [[], [], ["PRE509"]]


def test_tasks_that_come_with_every_second_read_are_found() -> None:
    cluster = Cluster()
    cluster.read()
    assert ["PRE509"] in [cluster.read("", come=step % 2) for step in range(10)]


def test_an_unfinished_task_that_leaves_when_it_is_asked_for_by_its_id_is_found() -> None:
    cluster = Cluster()
    cluster.read(come=2, state="Running")
    gone = cluster.listed.pop()
    assert cluster.read(f"task_id={gone['metadata']['taskID']}") == ["PRE505"]


def test_a_value_that_some_task_had_was_not_asked_for_in_vain() -> None:
    cluster = Cluster()
    cluster.read(come=1)
    assert cluster.read("type=addonStatic", come=1) == []


def test_a_task_that_comes_into_being_when_it_was_asked_for_is_told_with_what_was_asked() -> None:
    history = TaskHistory()
    history.observe(answer_to(listing([])))
    history.asked(a_read(f"task_id={task(1)['metadata']['taskID']}"))
    [finding] = history.observe(answer_to(listing([just_made(1)])))
    assert (finding.code, finding.path) == ("PRE509", "$.items[0]")
    assert f"was created after a query for {task(1)['metadata']['taskID']!r}, which no task had" in finding.message


def test_a_step_that_is_illegal_is_told_with_both_sides_and_in_both_answers() -> None:
    done = task(1, "Success")
    name, expiry = done["metadata"]["taskID"], done["metadata"]["expireTimeStamp"]

    def step(other: list[Document]) -> Any:
        answers = [answer_to(listing([done, task(2)])), answer_to(listing(other))]
        [finding] = judge_series(answers)
        assert finding.exchanges == (answers[1].exchange, answers[0].exchange)
        return finding

    assert step([task(2)]).message == f"task {name} left the list before its expiry ({expiry})"
    later = step([moved(done, lambda d: d["metadata"].update(expireTimeStamp="2026-11-26T00:00:00Z")), task(2)])
    assert later.message == f"task {name} is Success, and its expiry changed: {expiry} -> 2026-11-26T00:00:00Z"
    assert later.path == "$.items[0].metadata"
    other = step([moved(done, lambda d: d["metadata"].update(addonTemplateName="x", addonInstanceID="y")), task(2)])
    assert other.message.startswith(f"task {name} changed immutable fields: addonTemplateName 'coredns' -> 'x', ")
    assert other.subject == ("addonTemplateName", "addonInstanceID")


def test_a_field_that_the_create_call_showed_otherwise_is_a_change() -> None:
    asked, made = creation()
    answer, _ = judge(created(made, asked))
    assert answer is not None
    listed = copy.deepcopy(made["status"]["items"])
    listed[0]["metadata"]["addonTemplateName"] = "other"
    assert [each.code for each in judge_series([answer, answer_to(listing(listed))])] == ["PRE504"]
