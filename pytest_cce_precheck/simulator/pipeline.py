"""The stages that a request goes through, and the hooks by which faults and variations change one of them.

A hook is a small callable ``(call, value) -> value``: it gets the result of its stage and returns the one to use.
"""

from __future__ import annotations

from collections.abc import Callable, Hashable, Iterable, Mapping
from contextlib import suppress
from dataclasses import dataclass, field
from datetime import datetime
from functools import cache, cached_property
from random import Random
from typing import Any, Final, TypedDict, TypeVar, cast

from pytest_cce_precheck._files import packaged_table
from pytest_cce_precheck.errors import BodyError, TransportReason
from pytest_cce_precheck.simulator.clock import Clock
from pytest_cce_precheck.simulator.population import Population, SeededIds
from pytest_cce_precheck.simulator.refusals import Refusal
from pytest_cce_precheck.simulator.routing import Route
from pytest_cce_precheck.simulator.selection import ListQuery
from pytest_cce_precheck.simulator.state import Cluster, SimulatorState, Task
from pytest_cce_precheck.wire.credentials import Credentials
from pytest_cce_precheck.wire.exchange import Request, Response

T = TypeVar("T")
Document = dict[str, Any]


class NoAnswer(Exception):  # noqa: N818  not an error of the simulator: the fault that was asked for
    """No HTTP answer comes back; ``partial`` is what arrives before the connection fails, as raw HTTP."""

    def __init__(self, reason: TransportReason, partial: bytes = b"") -> None:
        super().__init__(f"no answer: {reason}")
        self.reason: TransportReason = reason
        self.partial = partial


@dataclass
class Call:
    """One request on its way, with everything that a stage or a hook may look at."""

    request: Request
    caller: int
    """The connection or thread that sent the request."""
    number: int
    now: datetime
    clock: Clock
    state: SimulatorState
    ids: SeededIds
    credentials: Credentials
    seed: int
    memory: dict[Hashable, Any]
    """What hooks keep between requests."""
    created_ids: set[str]
    """The ids of the tasks that the create call made."""
    query: ListQuery
    route: Route | None = None
    listed: list[Task] = field(default_factory=list)
    """The tasks of the route's cluster as they are now, oldest first."""

    @cached_property
    def rng(self) -> Random:
        """Randomness that depends on the seed and the request's number alone."""
        return Random(f"{self.seed}:{self.number}")  # noqa: S311  test data, no secret

    @property
    def cluster(self) -> Cluster:
        """The cluster of the route; only after routing."""
        assert self.route is not None
        return self.state.clusters[self.route.cluster_id]

    def count(self, key: Hashable) -> int:
        """Count up for ``key``, and return the count."""
        self.memory[key] = int(self.memory.get(key, 0)) + 1
        return int(self.memory[key])

    def previous(self, key: Hashable, value: Any) -> Any:
        """Return what was kept for ``key`` before, ``value`` if nothing was, and keep ``value``."""
        before = self.memory.get(key, value)
        self.memory[key] = value
        return before


Hook = Callable[[Call, T], T]
Edit = Callable[[Call, Document], Document | None]
"""A hook that changes a document in place, or returns another."""


@dataclass(frozen=True, kw_only=True)
class Behaviour:
    """A way in which the service differs from the plain simulator, as hooks at its stages.

    ==============  ======================================================================================
    ``population``  how the main cluster starts; called once, without a call
    ``before``      an answer in place of the whole pipeline, None to go through it
    ``authorize``   the refusal of the credentials, None if they are accepted
    ``route``       the call that the path names, or its refusal
    ``observe``     the cluster's tasks
    ``check``       the refusal of the query, None if it is answered
    ``select``      the tasks that are answered
    ``document``    the document of a list answer: changed in place, or another
    ``validate``    the refusal of a create request, None if it is carried out
    ``created``     the document of a create answer, likewise
    ``respond``     any answer, errors too; may raise `NoAnswer`
    ``encode``      any answer, after all other hooks: compression, header spelling
    ==============  ======================================================================================
    """

    name: str
    summary: str
    population: Callable[[Population], Population] | None = None
    before: Hook[Response | None] | None = None
    authorize: Hook[Refusal | None] | None = None
    route: Hook[Route | Refusal] | None = None
    observe: Hook[list[Task]] | None = None
    check: Hook[Refusal | None] | None = None
    select: Hook[list[Task]] | None = None
    document: Edit | None = None
    validate: Hook[Refusal | None] | None = None
    created: Edit | None = None
    respond: Hook[Response] | None = None
    encode: Hook[Response] | None = None


@dataclass(frozen=True, kw_only=True)
class Fault(Behaviour):
    """A single defect; ``codes`` are the findings that name its cause, the best one first.

    A subtle fault shows in one task, one combination, one kind of input, or from some later call on.
    """

    category: str
    codes: tuple[str, ...]
    subtle: bool = False


@dataclass(frozen=True, kw_only=True)
class Variation(Behaviour):
    """Another way to follow the contract, which no check may complain of."""


LIST_STAGES: Final = ("observe", "check", "select", "document")
_STAGES: Final = ("before", "authorize", "route", *LIST_STAGES, "validate", "created", "respond", "encode")
# at these stages a hook gets what an earlier fault or a test may have broken: a document or a response
_DOCUMENTS: Final = ("document", "created")
_BREAKABLE: Final = (*_DOCUMENTS, "respond")
_BROKEN: Final = (
    LookupError,  # a field, a list item or a header is missing
    TypeError,  # null, or a value of another type
    AttributeError,  # as above
    ValueError,  # a timestamp that cannot be parsed, a body in another encoding
    BodyError,  # a body that is not JSON
)


class Hooks:
    """The hooks of several behaviours by stage; they are applied in order."""

    def __init__(self, behaviours: Iterable[Behaviour]) -> None:
        given = tuple(behaviours)
        self._of: dict[str, tuple[Hook[Any], ...]] = {
            stage: tuple(hook for behaviour in given if (hook := getattr(behaviour, stage)) is not None)
            for stage in _STAGES
        }

    def any_at(self, *stages: str) -> bool:
        """Return whether a behaviour changes one of these stages."""
        return any(self._of[stage] for stage in stages)

    def apply(self, stage: str, call: Call, value: T) -> T:
        """Return ``value`` as the hooks of a stage change it.

        A hook that cannot be applied to a document or a response changes nothing: another fault, or a test that
        arranges tasks or answers, may have left out what it looks at. At other stages an error is one of the hook.
        """
        for hook in self._of[stage]:
            with suppress(*(_BROKEN if stage in _BREAKABLE else ())):
                changed = hook(call, value)
                value = value if changed is None and stage in _DOCUMENTS else changed
        return value


# ---- the catalogue


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
