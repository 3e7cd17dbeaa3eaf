"""Tasks, clusters and projects that are shown to the wrong reader."""

from __future__ import annotations

import re
from dataclasses import replace
from functools import partial
from typing import TYPE_CHECKING, Final

from pytest_cce_precheck.simulator.faults.tools import asked_only
from pytest_cce_precheck.simulator.pipeline import Call, Fault, Hook
from pytest_cce_precheck.simulator.refusals import Refusal, not_found
from pytest_cce_precheck.simulator.routing import Route
from pytest_cce_precheck.simulator.selection import matches
from pytest_cce_precheck.wire.vocabulary import Filter

if TYPE_CHECKING:
    from collections.abc import Callable

    from pytest_cce_precheck.simulator.world import Task

_isolation = partial(Fault, category="isolation")


def _list_of(call: Call, project_id: str, cluster_id: str) -> Route | Refusal:
    known = cluster_id in call.world.clusters and call.request.method == "GET"
    return Route("list", project_id, cluster_id) if known else not_found("cluster")


def _ids(call: Call) -> tuple[str, str]:
    match = re.search(r"/projects/([^/]*)/clusters/([^/]*)", call.request.path)
    return (match[1], match[2]) if match else ("", "")


def _main_for_unknown(call: Call, route: Route | Refusal) -> Route | Refusal:
    if isinstance(route, Refusal) and route.reason == "cluster":
        return _list_of(call, call.places.project_id, call.places.cluster_id)
    return route


def _any_project(call: Call, route: Route | Refusal) -> Route | Refusal:
    if isinstance(route, Refusal) and route.reason == "project":
        return _list_of(call, *_ids(call))
    return route


def _foreign_project(call: Call, route: Route | Refusal) -> Route | Refusal:
    foreign = _ids(call)[0] == call.places.foreign_project_id
    return _any_project(call, route) if foreign else route


def _foreign_cluster(call: Call, route: Route | Refusal) -> Route | Refusal:
    if isinstance(route, Refusal) and route.reason == "cluster":
        return _list_of(call, *_ids(call))
    return route


def _cluster_like(same: Callable[[str, str], bool]) -> Hook[Route | Refusal]:
    def hook(call: Call, route: Route | Refusal) -> Route | Refusal:
        project_id, cluster_id = _ids(call)
        if isinstance(route, Refusal) and route.reason == "cluster" and same(cluster_id, call.places.cluster_id):
            return _list_of(call, project_id, call.places.cluster_id)
        return route

    return hook


def _of_other_cluster(call: Call) -> list[Task]:
    here = call.route is not None and call.route.cluster_id == call.places.cluster_id
    return call.world.tasks_of(call.places.other_cluster_id, call.now) if here else []


def _also_elsewhere(*filters: Filter) -> Hook[list[Task]]:
    def hook(call: Call, tasks: list[Task]) -> list[Task]:
        found = [task for task in _of_other_cluster(call) if matches(task, call.question)]
        return [*tasks, *found] if asked_only(call, *filters) else tasks

    return hook


def _main_for_any(call: Call, route: Route | Refusal) -> Route | Refusal:
    if isinstance(route, Route):
        return replace(route, cluster_id=call.places.cluster_id)
    return route


FAULTS: Final = (
    _isolation(
        name="one-task-of-another-cluster",
        codes=("PRE610",),
        subtle=True,
        summary="One task of the project's other cluster is listed, and found by every filter.",
        observe=lambda call, tasks: [*tasks, *_of_other_cluster(call)[:1]],
    ),
    _isolation(
        name="all-clusters-in-one-list",
        codes=("PRE610",),
        summary="The tasks of the project's other cluster are listed too.",
        observe=lambda call, tasks: [*tasks, *_of_other_cluster(call)],
    ),
    _isolation(
        name="type-filter-spans-clusters",
        codes=("PRE405", "PRE610"),
        subtle=True,
        summary="`type` selects from the project's other cluster too.",
        select=_also_elsewhere(Filter.TYPE),
    ),
    _isolation(
        name="task-id-found-in-other-clusters",
        codes=("PRE610",),
        subtle=True,
        summary="`task_id` finds a task of the project's other cluster.",
        select=_also_elsewhere(Filter.TASK_ID),
    ),
    _isolation(
        name="instance-found-in-other-clusters",
        codes=("PRE610",),
        subtle=True,
        summary="`addon_instance_id` finds the tasks of an instance in the other cluster.",
        select=_also_elsewhere(Filter.ADDON_INSTANCE_ID),
    ),
    _isolation(
        name="cluster-ignored",
        codes=("PRE610",),
        summary="Every cluster of the project is answered with the tasks of one.",
        route=_main_for_any,
    ),
    _isolation(
        name="unknown-cluster-answered",
        codes=("PRE611",),
        summary="A cluster that does not exist is answered with the main cluster's list.",
        route=_main_for_unknown,
    ),
    _isolation(
        name="project-ignored",
        codes=("PRE611",),
        summary="The project in the path is not looked at.",
        route=_any_project,
    ),
    _isolation(
        name="foreign-project-readable",
        codes=("PRE611",),
        subtle=True,
        summary="Another account's project can be read.",
        route=_foreign_project,
    ),
    _isolation(
        name="foreign-cluster-readable",
        codes=("PRE611",),
        subtle=True,
        summary="Another account's cluster can be read under the own project.",
        route=_foreign_cluster,
    ),
    _isolation(
        name="cluster-id-in-any-case",
        codes=("PRE611",),
        subtle=True,
        summary="The cluster id in upper case is that cluster.",
        route=_cluster_like(lambda sent, cluster_id: sent.lower() == cluster_id),
    ),
    _isolation(
        name="cluster-id-with-more",
        codes=("PRE611",),
        subtle=True,
        summary="A cluster's id with something after it is that cluster.",
        route=_cluster_like(lambda sent, cluster_id: sent.startswith(cluster_id)),
    ),
)
