"""Tasks, clusters and projects that are shown to the wrong reader."""

from __future__ import annotations

import re
from dataclasses import replace
from typing import TYPE_CHECKING, Final

from pytest_cce_precheck.simulator.hooks import (
    FINAL,
    INSTANCE,
    TASK_ID,
    TYPE,
    TaskCondition,
    any_task,
    ignore,
    nothing,
    only,
    when,
)
from pytest_cce_precheck.simulator.refusals import Refusal, not_found
from pytest_cce_precheck.simulator.routing import Route
from pytest_cce_precheck.simulator.selection import select

if TYPE_CHECKING:
    from collections.abc import Callable

    from pytest_cce_precheck.simulator.catalogue import HookTable
    from pytest_cce_precheck.simulator.pipeline import Call, Hook
    from pytest_cce_precheck.simulator.state import Task


def _ids_in_path(call: Call) -> tuple[str, str]:
    match = re.search(r"/projects/([^/]*)/clusters/([^/]*)", call.request.path)
    return (match[1], match[2]) if match else ("", "")


def _as_sent(_call: Call, project_id: str, cluster_id: str) -> tuple[str, str]:
    return project_id, cluster_id


def _main(call: Call, _project_id: str, _cluster_id: str) -> tuple[str, str]:
    return call.ids.project_id, call.ids.cluster_id


def _instead_of_refusal(
    reason: str,
    target: Callable[[Call, str, str], tuple[str, str]] = _as_sent,
    condition: Callable[[Call, str, str], bool] = lambda _call, _project_id, _cluster_id: True,
) -> Hook[Route | Refusal]:
    """Answer with the list of a target cluster if the project or cluster of the path is refused for this reason."""

    def hook(call: Call, route: Route | Refusal) -> Route | Refusal:
        sent = _ids_in_path(call)
        if isinstance(route, Route) or route.reason != reason or not condition(call, *sent):
            return route
        project_id, cluster_id = target(call, *sent)
        exists = cluster_id in call.state.clusters and call.request.method == "GET"
        return Route("list", project_id, cluster_id) if exists else not_found("cluster")

    return hook


def _main_for_like(same: Callable[[str, str], bool]) -> Hook[Route | Refusal]:
    """Take an id that is like the main cluster's for the main cluster."""
    return _instead_of_refusal(
        "cluster",
        lambda call, project_id, _: (project_id, call.ids.cluster_id),
        lambda call, _, cluster_id: same(cluster_id, call.ids.cluster_id),
    )


def _main_for_any(call: Call, route: Route | Refusal) -> Route | Refusal:
    return replace(route, cluster_id=call.ids.cluster_id) if isinstance(route, Route) else route


def _cluster_of_the_call_before(call: Call, route: Route | Refusal) -> Route | Refusal:
    """Read the cluster of the call before, as with one variable for all; on the first connection, all goes well."""
    if not isinstance(route, Route) or route.call != "list":
        return route
    before = call.memory.get(_cluster_of_the_call_before, route.cluster_id)
    call.memory[_cluster_of_the_call_before] = route.cluster_id
    first = call.memory.setdefault("first connection", call.caller)
    return route if call.caller == first else replace(route, cluster_id=before)


def _in_other_cluster(call: Call) -> list[Task]:
    """Return the tasks of the project's other cluster if the main one is asked for."""
    is_main = call.cluster.id == call.ids.cluster_id
    return call.state.tasks_of(call.ids.other_cluster_id, call.now) if is_main else []


def _also_elsewhere(call: Call, tasks: list[Task]) -> list[Task]:
    return [*tasks, *select(_in_other_cluster(call), call.query)]


def _elsewhere(call: Call) -> bool:
    return call.cluster.id == call.ids.other_cluster_id


def _main_created(call: Call, condition: TaskCondition) -> list[Task]:
    """Return the tasks that were created in the main cluster, if another one is asked for."""
    main = call.ids.cluster_id
    tasks = call.state.tasks_of(main, call.now) if call.cluster.id != main else []
    return [task for task in tasks if task.id in call.created_ids and condition(call, task)]


def _finished_moves(call: Call, tasks: list[Task]) -> list[Task]:
    kept = [task for task in tasks if not (task.id in call.created_ids and FINAL(call, task))]
    return [*kept, *_main_created(call, FINAL)]


def _list_of_the_cluster_before(call: Call, tasks: list[Task]) -> list[Task]:
    """Answer the main cluster's first unfiltered list after that of another cluster with the other's."""
    if call.query.params:
        return tasks
    if call.cluster.id != call.ids.cluster_id:
        call.memory["list"] = tasks
        return tasks
    other: list[Task] = call.memory.pop("list", tasks)
    return other


HOOKS: Final[HookTable] = {
    "route": {
        "cluster-ignored": _main_for_any,
        "unknown-cluster-answered": _instead_of_refusal("cluster", _main),
        "project-ignored": _instead_of_refusal("project"),
        "foreign-project-readable": _instead_of_refusal(
            "project", condition=lambda call, project_id, _: project_id == call.ids.foreign_project_id
        ),
        "foreign-cluster-readable": _instead_of_refusal("cluster"),
        "other-connections-read-the-cluster-before": _cluster_of_the_call_before,
        "cluster-id-in-any-case": _main_for_like(lambda sent, cluster_id: sent.lower() == cluster_id),
        "cluster-id-with-more": _main_for_like(lambda sent, cluster_id: sent.startswith(cluster_id)),
    },
    "observe": {
        "one-task-of-another-cluster": lambda call, tasks: [*tasks, *_in_other_cluster(call)[:1]],
        "created-tasks-in-every-cluster": lambda call, tasks: [*tasks, *_main_created(call, any_task)],
        "finished-task-moves-to-another-cluster": _finished_moves,
        "list-of-the-cluster-before": _list_of_the_cluster_before,
        "all-clusters-in-one-list": lambda call, tasks: [*tasks, *_in_other_cluster(call)],
    },
    "select": {
        "other-cluster-ignores-the-type": when(_elsewhere, ignore(TYPE)),
        "other-cluster-finds-no-instance": when(
            lambda call: _elsewhere(call) and INSTANCE in call.query.filters, nothing
        ),
        "type-filter-spans-clusters": when(only(TYPE), _also_elsewhere),
        "task-id-found-in-other-clusters": when(only(TASK_ID), _also_elsewhere),
        "instance-found-in-other-clusters": when(only(INSTANCE), _also_elsewhere),
    },
}
