"""The stages that a request goes through, and the hooks by which faults and variations change one of them.

A hook is a small callable ``(call, value) -> value``: it sees what its stage made and gives what counts.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable
from dataclasses import dataclass, field
from functools import cached_property
from random import Random
from typing import TYPE_CHECKING, Any, Final, TypeVar

from pytest_cce_precheck.errors import BodyError

if TYPE_CHECKING:
    from datetime import datetime

    from pytest_cce_precheck.errors import TransportReason
    from pytest_cce_precheck.simulator.clock import Clock
    from pytest_cce_precheck.simulator.population import Places, Population
    from pytest_cce_precheck.simulator.refusals import Refusal
    from pytest_cce_precheck.simulator.routing import Route
    from pytest_cce_precheck.simulator.selection import ListQuery
    from pytest_cce_precheck.simulator.world import Task, World
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
    """The connection or thread that the request came by."""
    number: int
    now: datetime
    clock: Clock
    world: World
    places: Places
    credentials: Credentials
    seed: int
    memory: dict[str, Any]
    """What hooks keep between requests, under their own names."""
    posted: set[str]
    """The ids of the tasks that the create call made."""
    question: ListQuery
    route: Route | None = None
    listed: list[Task] = field(default_factory=list)
    """The tasks of the route's cluster as they are now, oldest first."""

    @cached_property
    def rng(self) -> Random:
        """Randomness that depends on the seed and the request's number alone."""
        return Random(f"{self.seed}:{self.number}")  # noqa: S311  test data, no secret

    def first(self, where: Callable[[Task], bool] = lambda _: True, place: int = 0) -> Task | None:
        """Return the oldest listed task of which ``where`` holds (or the next ones, by ``place``)."""
        found = [task for task in self.listed if where(task)]
        return found[place] if len(found) > place else None

    def count(self, name: str) -> int:
        """Count up, and give how often ``name`` was counted."""
        self.memory[name] = int(self.memory.get(name, 0)) + 1
        return int(self.memory[name])


Hook = Callable[[Call, T], T]


@dataclass(frozen=True, kw_only=True)
class Behaviour:
    """A way in which the service differs from the plain simulator, as hooks at its stages.

    ==============  ======================================================================================
    ``population``  how the main cluster starts; called once, without a call
    ``before``      an answer in place of the whole pipeline, None to go through it
    ``authorize``   the refusal of the credentials, None where they are accepted
    ``route``       the call that the path names, or its refusal
    ``observe``     the cluster's tasks
    ``check``       the refusal of the query, None where it is answered
    ``select``      the tasks that are answered
    ``document``    the document of a list answer
    ``validate``    the refusal of a create request, None where it is carried out
    ``created``     the document of a create answer
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
    document: Hook[Document] | None = None
    validate: Hook[Refusal | None] | None = None
    created: Hook[Document] | None = None
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


def hooks_of(behaviours: Iterable[Behaviour], stage: str) -> tuple[Callable[[Call, Any], Any], ...]:
    """Return the hooks that the behaviours have at a stage, in order."""
    hooks = (getattr(behaviour, stage) for behaviour in behaviours)
    return tuple(hook for hook in hooks if hook is not None)


def through(hooks: tuple[Hook[T], ...], call: Call, value: T) -> T:
    """Lead ``value`` through the hooks of a stage.

    Of several hooks, one that finds its place broken by another changes nothing: defects may be combined.
    """
    for hook in hooks:
        try:
            value = hook(call, value)
        except (LookupError, TypeError, ValueError, AttributeError, BodyError):
            if len(hooks) == 1:
                raise
    return value
