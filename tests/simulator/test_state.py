"""The seeded state and its clock: what it holds, and how tasks change."""

from __future__ import annotations

from collections import Counter, defaultdict
from datetime import UTC, datetime, timedelta
from itertools import pairwise

import pytest

from pytest_cce_precheck.simulator.clock import START, ManualClock, RunningClock
from pytest_cce_precheck.simulator.population import Population, populate
from pytest_cce_precheck.simulator.state import Moment, Pace, Timetable
from pytest_cce_precheck.wire.vocabulary import TaskState, TaskType

TRANSITIONS = {
    TaskState.INIT: (TaskState.RUNNING,),
    TaskState.RUNNING: (TaskState.FAILED, TaskState.SUCCESS),
    TaskState.FAILED: (),
    TaskState.SUCCESS: (),
}


@pytest.fixture
def state_and_ids():
    return populate(0, Population(), START)


def test_a_manual_clock_stands_until_it_is_advanced():
    clock = ManualClock(datetime(2025, 1, 1, tzinfo=UTC))
    assert clock.now() == clock.now()
    clock.advance(1.5)
    assert clock.now() == datetime(2025, 1, 1, 0, 0, 1, 500_000, tzinfo=UTC)


def test_a_running_clock_is_the_real_time_and_what_it_was_advanced_by():
    clock = RunningClock()
    clock.advance(3600)
    ahead = clock.now() - datetime.now(UTC)
    assert timedelta(minutes=59) < ahead <= timedelta(hours=1)


def test_no_clock_goes_backwards_or_without_zone():
    with pytest.raises(ValueError, match="forward"):
        ManualClock().advance(-1)
    with pytest.raises(ValueError, match="time zone"):
        ManualClock(datetime(2025, 1, 1))  # noqa: DTZ001  the mistake that is tested


def test_the_main_cluster_has_every_type_and_state_on_several_instances(state_and_ids):
    state, ids = state_and_ids
    tasks = state.tasks_of(ids.cluster_id, START)
    assert len(tasks) == 12
    assert {(task.type, task.state(START)) for task in tasks} == {(t, s) for t in TaskType for s in TaskState}
    types = defaultdict(set)
    for task in tasks:
        types[task.instance.id].add(task.type)
    assert list(types.values()) == [set(TaskType)] * 4
    assert {task.instance.template for task in tasks} == {"coredns", "everest", "metrics-server", "npd"}


def test_the_other_clusters_share_nothing_with_the_main_one(state_and_ids):
    state, ids = state_and_ids
    tasks = state.everything(START)
    assert len({task.id for task in tasks}) == len(tasks) == 12 + 5 + 4
    clusters = [{i.id for i in cluster.instances} for cluster in state.clusters.values()]
    assert sum(map(len, clusters)) == len(set().union(*clusters))
    assert state.tasks_of(ids.empty_cluster_id, START) == []
    assert state.clusters[ids.foreign_cluster_id].project_id == ids.foreign_project_id


def test_ids_have_the_service_s_shape_and_letters(state_and_ids):
    state, _ = state_and_ids
    for task in state.everything(START):
        for text in (task.id, task.instance.id):
            assert [len(group) for group in text.split("-")] == [8, 4, 4, 4, 12]
            assert text != text.upper()


@pytest.mark.parametrize("tasks", [0, 1, 2, 13, 250, 2000])
def test_the_number_of_tasks_scales(tasks):
    state, ids = populate(7, Population(tasks), START)
    found = state.tasks_of(ids.cluster_id, START)
    assert len({task.id for task in found}) == tasks
    if tasks >= 250:
        assert min(Counter((task.instance.id, task.type) for task in found).values()) > 10


def test_only_upgrade_checks_have_a_target_version(state_and_ids):
    state, _ = state_and_ids
    for task in state.everything(START):
        assert (task.target_version is not None) == (task.type is TaskType.UPGRADE)


def test_a_seeded_task_was_created_before_it_began_and_expires_after_it_ended(state_and_ids):
    state, _ = state_and_ids
    for task in state.everything(START):
        assert task.created.at < task.timetable.begins < task.timetable.ends < task.expires.at
        assert START - timedelta(hours=8) < task.created.at < START
        if task.state(START).final:
            assert task.timetable.ends < START < task.expires.at


def test_unfinished_seeded_tasks_stay_as_they_are_for_an_hour(state_and_ids):
    state, _ = state_and_ids

    def shown(now):
        return [(t.id, t.state(now), [risk.state(now) for risk in t.risks]) for t in state.everything(now)]

    assert shown(START) == shown(START + timedelta(minutes=59))
    assert shown(START) != shown(START + timedelta(hours=20))


@pytest.mark.parametrize("hours", [0, 1.5, 2.2, 6, 13, 25, 37])
def test_risks_agree_with_their_task_at_any_time(state_and_ids, hours):
    state, _ = state_and_ids
    now = START + timedelta(hours=hours)
    for task in state.everything(now):
        states = {risk.state(now) for risk in task.risks}
        match task.state(now):
            case TaskState.INIT:
                assert states == {TaskState.INIT}
            case TaskState.RUNNING:
                assert TaskState.RUNNING in states
            case TaskState.FAILED:
                assert TaskState.FAILED in states
                assert states <= {TaskState.FAILED, TaskState.SUCCESS}
            case TaskState.SUCCESS:
                assert states == {TaskState.SUCCESS}


def test_a_task_goes_only_the_documented_way(state_and_ids):
    state, ids = state_and_ids
    instance = state.clusters[ids.cluster_id].instances[0]
    task = state.make(instance, TaskType.STATIC, None, START)
    states = [task.state(START + timedelta(seconds=second / 4)) for second in range(40)]
    assert states[0] is TaskState.INIT
    assert states[-1] is task.outcome
    for before, after in pairwise(states):
        assert after is before or after in TRANSITIONS[before]
    assert len(set(states)) == 3


def test_a_task_leaves_at_the_first_whole_second_after_its_expiry(state_and_ids):
    state, ids = state_and_ids
    instance = state.clusters[ids.cluster_id].instances[0]
    task = state.make(instance, TaskType.STATIC, None, START, Pace(waits=1, runs=1, kept=0.25))
    state.add(ids.cluster_id, task)
    expires = START + timedelta(seconds=2.25)
    assert task.expires.at == expires
    assert task in state.tasks_of(ids.cluster_id, START + timedelta(seconds=2.9))
    assert task not in state.tasks_of(ids.cluster_id, START + timedelta(seconds=3))


def test_an_expiry_on_the_second_counts_its_nanoseconds(state_and_ids):
    state, ids = state_and_ids
    instance = state.clusters[ids.cluster_id].instances[0]
    timetable = Timetable(START, START)
    task = state.schedule(instance, TaskType.STATIC, None, START, timetable, 10)
    assert task.expires.nanoseconds > 0
    assert task.leaves == START + timedelta(seconds=11)
    assert Moment(START).nanoseconds == 0


def test_a_steady_list_is_known_as_such(state_and_ids):
    state, ids = state_and_ids
    first = state.unchanged_since(ids.cluster_id, START)
    assert state.unchanged_since(ids.cluster_id, START + timedelta(minutes=30)) == first
    later = state.unchanged_since(ids.cluster_id, START + timedelta(hours=3))
    assert later != first
    instance = state.clusters[ids.cluster_id].instances[0]
    state.add(ids.cluster_id, state.make(instance, TaskType.STATIC, None, START))
    assert state.unchanged_since(ids.cluster_id, START + timedelta(hours=3)) != later


def test_sweeping_forgets_only_what_is_listed_no_more(state_and_ids):
    state, ids = state_and_ids
    late = START + timedelta(hours=20)
    listed = state.tasks_of(ids.cluster_id, late)
    state.sweep(late)
    assert state.clusters[ids.cluster_id].tasks == listed
