"""What all modes share: the running test as they see it, and what the harness asks of them."""

from __future__ import annotations

from contextlib import contextmanager
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any, Final, Protocol

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Sequence
    from contextlib import AbstractContextManager
    from pathlib import Path

    from pytest_cce_precheck.cassette.format import Recording
    from pytest_cce_precheck.cassette.matching import Playback
    from pytest_cce_precheck.contract.acceptance import Acceptance
    from pytest_cce_precheck.errors import CassetteError, TransportReason
    from pytest_cce_precheck.plugin.examples import Examples
    from pytest_cce_precheck.plugin.records import Record
    from pytest_cce_precheck.wire.credentials import Credentials
    from pytest_cce_precheck.wire.exchange import Request, Response
    from pytest_cce_precheck.wire.vocabulary import Filter


# something came back, and was no answer
_BROKEN: Final = frozenset({"truncated", "too-large", "not-http"})


@dataclass(frozen=True)
class ServiceTarget:
    """The service and the cluster that the client speaks to."""

    endpoint: str
    project_id: str
    cluster_id: str


@dataclass
class Traffic:
    """How many calls were made, and how many of them were answered; one whose answer was broken was answered."""

    sent: int = 0
    answered: int = 0

    def observe(self, reason: TransportReason | None = None) -> None:
        """Count a call, with the reason if it failed."""
        self.sent += 1
        self.answered += reason is None or reason in _BROKEN


def _kept(recording: Recording, _: Recording) -> Recording:
    return recording


def _unreported(_: Record) -> None:
    pass


@dataclass
class TestContext:
    """One test as its mode sees it.

    ``cassette`` is where its recordings are or shall be, ``repeats`` whether each may be given again and again, as they
    may where the test asks ``by_chance``,
    ``before_record`` is given each recording, redacted and as it was, and gives what is kept. ``finished`` is told
    before the mode lets go: only then is anything kept. ``notes`` is what the test wants to know again on replay,
    ``credentials`` what the session's client authenticates with, where it has any, ``classes`` those of filter values
    that its cassette covers, where the test drew from it; ``kept`` is told after a recording: whether it was kept.
    ``allowed`` is what its markers accept, ``report`` takes what is reported of it, ``examples`` are those of a
    hypothesis test. ``by_client`` counts the calls of ``cce_client``, ``by_requests`` all that reached a real service;
    ``judged`` counts the answers that the test held against the contract, ``on_simulator`` is set if it used the
    simulator's fixtures in a run that is not simulated, ``asked_before`` is how many requests the simulator of a
    simulated run had before.
    """

    name: str
    faults: Sequence[str] = ()
    cassette: Path | None = None
    repeats: bool = False
    by_chance: bool = False
    before_record: Callable[[Recording, Recording], Recording] = _kept
    finished: bool = False
    notes: dict[str, Any] = field(default_factory=dict)
    credentials: Credentials | None = None
    playback: Playback | None = None
    kept: bool | None = None
    classes: Sequence[str] = ()
    misses: list[CassetteError] = field(default_factory=list)
    by_client: Traffic = field(default_factory=Traffic)
    by_requests: Traffic = field(default_factory=Traffic)
    judged: int = 0
    on_simulator: bool = False
    asked_before: int = 0
    allowed: Sequence[Acceptance] = ()
    report: Callable[[Record], None] = _unreported
    examples: Examples | None = None

    def answered(self, request: Request, response: Response) -> None:
        """Look at an answer that the test was given."""
        if self.examples is not None:
            self.examples.answered(request, response)

    @contextmanager
    def aside(self) -> Iterator[None]:
        """Do not look at answers while the ``with`` block runs: they are not to questions of the test's own."""
        examples, self.examples = self.examples, None
        try:
            yield
        finally:
            self.examples = examples


class Mode(Protocol):
    """What the harness asks of a mode."""

    @property
    def target(self) -> ServiceTarget:
        """The service and the cluster; on replay, those of the running test's cassette."""

    def credentials(self) -> Credentials:
        """Return what requests are authenticated with; raises `ConfigurationError` if it lacks."""

    def wait(self, seconds: float) -> None:
        """Let time pass."""

    def known_tasks(self) -> list[dict[Filter, str]] | None:
        """Return the filter values of the service's tasks; None if it must be asked for them."""

    def outside_a_test(self) -> AbstractContextManager[object]:
        """Stand by while a fixture of a wider scope than a test makes a call."""

    def running(self, test: TestContext) -> AbstractContextManager[object]:
        """Stand by while a test runs."""
