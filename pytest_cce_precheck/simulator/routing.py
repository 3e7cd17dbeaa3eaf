"""Which call a path names, and whether its project and cluster may be read."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Final, Literal
from urllib.parse import unquote

from pytest_cce_precheck.simulator.refusals import Refusal, forbidden, method_not_allowed, not_found
from pytest_cce_precheck.wire.vocabulary import PROJECT_HEADER, list_path

if TYPE_CHECKING:
    from pytest_cce_precheck.simulator.population import SeededIds
    from pytest_cce_precheck.simulator.state import SimulatorState
    from pytest_cce_precheck.wire.exchange import Request

_LIST: Final = list_path("*", "*").replace("%2A", "*").split("/")
_PROJECT, _CLUSTER = (place for place, part in enumerate(_LIST) if part == "*")


@dataclass(frozen=True, slots=True)
class Route:
    """A call of the API with its path parameters, decoded."""

    call: Literal["list", "create"]
    project_id: str
    cluster_id: str


def find_route(request: Request) -> Route | Refusal:
    """Read the path strictly: no other segment, no other case, no slash at the end."""
    parts = request.path.split("/")
    pattern = _LIST if len(parts) == len(_LIST) else _LIST[:-1]
    if len(parts) != len(pattern):
        return not_found("path")
    if "%" in request.path:
        parts = [unquote(part, errors="replace") for part in parts]
    for place, part in enumerate(parts):
        if pattern[place] not in ("*", part) or (place and not part):
            return not_found("path")
    lists = pattern is _LIST
    allowed = "GET" if lists else "POST"
    if request.method != allowed:
        return method_not_allowed(allowed)
    return Route("list" if lists else "create", parts[_PROJECT], parts[_CLUSTER])


def admit(route: Route, request: Request, state: SimulatorState, ids: SeededIds) -> Route | Refusal:
    """Refuse another account's project, and a cluster that the project does not have."""
    named = request.headers.get(PROJECT_HEADER)
    if route.project_id != ids.project_id or named not in (None, ids.project_id):
        return forbidden("project", "The project is not one of the account's.")
    cluster = state.clusters.get(route.cluster_id)
    if cluster is None or cluster.project_id != route.project_id:
        return not_found("cluster", "The cluster does not exist.")
    return route
