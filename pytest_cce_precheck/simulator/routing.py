"""Find the call that a path names, and check its project and cluster."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal
from urllib.parse import unquote

from pytest_cce_precheck.simulator.population import SeededIds
from pytest_cce_precheck.simulator.refusals import Refusal, method_not_allowed, not_found
from pytest_cce_precheck.simulator.state import SimulatorState
from pytest_cce_precheck.wire.exchange import Request
from pytest_cce_precheck.wire.vocabulary import PROJECT_HEADER


@dataclass(frozen=True, slots=True)
class Route:
    """A call of the API with its path parameters, decoded."""

    call: Literal["list", "create"]
    project_id: str
    cluster_id: str


def find_route(request: Request) -> Route | Refusal:
    """Match the path strictly: no other segment, no other case, no slash at the end."""
    match [unquote(part, errors="replace") for part in request.path.split("/")]:
        case ["", "api", "v3", "projects", project_id, "clusters", cluster_id, "addons", "precheck", *rest] if (
            project_id and cluster_id and rest in ([], ["tasks"])
        ):
            allowed = "GET" if rest else "POST"
            if request.method != allowed:
                return method_not_allowed(allowed)
            return Route("list" if rest else "create", project_id, cluster_id)
    return not_found("path")


def admit(route: Route, request: Request, state: SimulatorState, ids: SeededIds) -> Route | Refusal:
    """Refuse another account's project, and a cluster that is not in the project."""
    named = request.headers.get(PROJECT_HEADER)
    if route.project_id != ids.project_id or named not in (None, ids.project_id):
        return Refusal("project", 403, "CCE.01403001", "The project is not one of the account's.")
    cluster = state.clusters.get(route.cluster_id)
    if cluster is None or cluster.project_id != route.project_id:
        return not_found("cluster", "The cluster does not exist.")
    return route
