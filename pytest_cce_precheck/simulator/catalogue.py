"""Read the catalogue of faults and variations, ``catalogue.toml``, and join it with their hooks."""

from __future__ import annotations

from functools import cache
from typing import TYPE_CHECKING, Any, TypedDict, cast

from pytest_cce_precheck._files import packaged_table
from pytest_cce_precheck.simulator.pipeline import Edit, Fault, Hook, Variation

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Mapping

    from pytest_cce_precheck.simulator.population import Population
    from pytest_cce_precheck.simulator.refusals import Refusal
    from pytest_cce_precheck.simulator.routing import Route
    from pytest_cce_precheck.simulator.state import Task
    from pytest_cce_precheck.wire.exchange import Response


class HookTable(TypedDict, total=False):
    """Hooks by stage, and then by the name of the fault or variation; the stages are those of `Behaviour`."""

    population: Mapping[str, Callable[[Population], Population]]
    before: Mapping[str, Hook[Response | None]]
    authorize: Mapping[str, Hook[Refusal | None]]
    route: Mapping[str, Hook[Route | Refusal]]
    observe: Mapping[str, Hook[list[Task]]]
    check: Mapping[str, Hook[Refusal | None]]
    select: Mapping[str, Hook[list[Task]]]
    document: Mapping[str, Edit]
    validate: Mapping[str, Hook[Refusal | None]]
    created: Mapping[str, Edit]
    respond: Mapping[str, Hook[Response]]
    encode: Mapping[str, Hook[Response]]


def load_faults(tables: Iterable[HookTable]) -> dict[str, Fault]:
    """Return the faults by name, in the order of the catalogue."""
    hooks = hooks_by_name(tables)
    return {
        name: Fault(name=name, category=category, **entry | {"codes": tuple(entry["codes"])}, **hooks.get(name, {}))
        for category, entries in _catalogue()["faults"].items()
        for name, entry in entries.items()
    }


def load_variations(table: HookTable) -> dict[str, Variation]:
    """Return the variations by name, in the order of the catalogue."""
    hooks = hooks_by_name([table])
    entries = _catalogue()["variations"]
    return {name: Variation(name=name, summary=text, **hooks.get(name, {})) for name, text in entries.items()}


def hooks_by_name(tables: Iterable[HookTable]) -> dict[str, dict[str, Any]]:
    """Return the hooks of each fault or variation by stage."""
    hooks: dict[str, dict[str, Any]] = {}
    for table in tables:
        for stage, by_name in cast("Mapping[str, Mapping[str, Any]]", table).items():
            for name, hook in by_name.items():
                hooks.setdefault(name, {})[stage] = hook
    return hooks


@cache
def _catalogue() -> dict[str, Any]:
    return packaged_table("simulator/catalogue.toml")
