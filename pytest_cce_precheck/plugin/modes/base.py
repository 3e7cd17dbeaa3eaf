"""What all modes share: the state of the running test, and what the harness asks of a mode."""

from __future__ import annotations

from abc import ABC, abstractmethod
from contextlib import contextmanager
from dataclasses import dataclass, field
from functools import cached_property
from typing import TYPE_CHECKING, Any, ClassVar, Final

from pytest_cce_precheck.proxy.service import local_credentials
from pytest_cce_precheck.states import Simulator, arranged_simulator
from pytest_cce_precheck.transport.network import Network
from pytest_cce_precheck.wire.credentials import secrets_in

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Mapping, Sequence
    from contextlib import AbstractContextManager
    from pathlib import Path

    from pytest_cce_precheck.cassette.format import Origin, Recording
    from pytest_cce_precheck.cassette.matching import Playback
    from pytest_cce_precheck.client import PrecheckClient
    from pytest_cce_precheck.config.options import Config
    from pytest_cce_precheck.contract.acceptance import Acceptance
    from pytest_cce_precheck.errors import CcePrecheckError, TransportReason
    from pytest_cce_precheck.plugin.examples import Examples
    from pytest_cce_precheck.plugin.run_log import Record
    from pytest_cce_precheck.transport.tokens import Tokens
    from pytest_cce_precheck.wire.credentials import Credentials
    from pytest_cce_precheck.wire.exchange import Request, Response
    from pytest_cce_precheck.wire.vocabulary import Filter


# the service sent something, but it was not a valid answer
_BROKEN: Final = frozenset({"truncated", "too-large", "not-http"})


@dataclass(frozen=True)
class ServiceTarget:
    """The service and the cluster of the client's requests."""

    endpoint: str
    project_id: str
    cluster_id: str


@dataclass
class Traffic:
    """How many calls were made, and how many of them were answered; a broken answer counts too."""

    sent: int = 0
    answered: int = 0

    def observe(self, reason: TransportReason | None = None) -> None:
        """Count a call, with the reason if it failed."""
        self.sent += 1
        self.answered += reason is None or reason in _BROKEN


@dataclass
class TestContext:
    """The state of one test.

    Known before it runs: ``tasks`` are those that its marker arranges, ``is_alone`` is set if it has a simulator of its
    own, so that no other test gets its tasks. ``cassette`` is its file, ``record_with`` returns the command that
    records it, ``repeats`` says whether each of its recordings may be used again and again, as they may if hypothesis
    repeats calls at random (``by_chance``); ``before_record`` is given each recording, redacted and original, and
    returns what is kept; ``allowed`` is what its markers accept,
    ``report`` takes each record of it, ``examples`` counts those of a hypothesis test.

    Learned while it runs: ``finished`` is set before the mode ends the test, and only then is its cassette written;
    ``kept`` says afterwards whether that was done. ``notes`` are stored in the cassette for the replay, ``credentials``
    are those of the session's client, ``classes`` are the filter value classes that its cassette covers.
    ``misses`` are the requests that were not answered, of which reports show ``misses_shown``.
    ``by_client`` counts the calls of ``cce_client``, ``by_requests`` all that reached a real service, ``judged`` the
    answers that were checked. ``on_simulator`` is set if it used the simulator's fixtures although another service
    answers, ``asked_before`` is how many requests the simulator had before the test.
    """

    __test__: ClassVar[bool] = False

    name: str
    faults: Sequence[str] = ()
    tasks: Sequence[Mapping[str, Any]] | None = None
    is_alone: bool = False
    record_with: Callable[[Origin | None], str] = lambda _: ""
    cassette: Path | None = None
    repeats: bool = False
    by_chance: bool = False
    before_record: Callable[[Recording, Recording], Recording] = lambda recording, _: recording
    finished: bool = False
    notes: dict[str, Any] = field(default_factory=dict)
    credentials: Credentials | None = None
    secrets: Sequence[str] = ()
    playback: Playback | None = None
    kept: bool | None = None
    classes: Sequence[str] = ()
    misses: list[CcePrecheckError] = field(default_factory=list)
    misses_shown: int = 0
    by_client: Traffic = field(default_factory=Traffic)
    by_requests: Traffic = field(default_factory=Traffic)
    judged: int = 0
    on_simulator: bool = False
    asked_before: int = 0
    allowed: Sequence[Acceptance] = ()
    report: Callable[[Record], None] = lambda _: None
    examples: Examples | None = None

    @property
    def sent(self) -> int:
        """How many calls it made, by whatever client."""
        return max(self.by_client.sent, self.by_requests.sent)

    def answered(self, request: Request, response: Response) -> None:
        """Look at an answer that the test received."""
        if self.examples is not None:
            self.examples.answered(request, response)

    @contextmanager
    def aside(self) -> Iterator[None]:
        """Ignore answers while the ``with`` block runs: the test itself did not ask for them."""
        examples, self.examples = self.examples, None
        try:
            yield
        finally:
            self.examples = examples


class Simulators:
    """Makes the simulators of a run: that of the session, and those of single tests."""

    def of_session(self, **settings: Any) -> Simulator:
        """Return the simulator that a session has."""
        return Simulator(**settings)

    def of_test(self, tasks: Sequence[Mapping[str, Any]] | None, **settings: Any) -> Simulator:
        """Return the simulator of a test that arranges its state or has faults."""
        return arranged_simulator(tasks, **settings)

    def shared(self, session: Simulator) -> Simulator:
        """Return the simulator of every other test."""
        return session


class BaseMode(ABC):
    """Where answers come from; each mode overrides what differs."""

    def __init__(
        self,
        config: Config,
        environment: Mapping[str, str],
        remaining: Callable[[], float | None] = lambda: None,
        simulators: Simulators | None = None,
    ) -> None:
        """``remaining`` returns how many seconds the run has left, None if there is no limit."""
        self.config = config
        self.environment = environment
        self._remaining = remaining
        # requests between tests that were not answered, which the next report of a test shows
        self.misses: list[CcePrecheckError] = []
        self.simulators = simulators or Simulators()

    @property
    @abstractmethod
    def target(self) -> ServiceTarget:
        """The service and the cluster; on replay, those of the running test's cassette."""

    @abstractmethod
    def credentials(self) -> Credentials:
        """Return what requests are authenticated with; raises `ConfigurationError` if it is missing."""

    @abstractmethod
    def wait(self, seconds: float) -> None:
        """Let time pass."""

    @abstractmethod
    def running(self, test: TestContext) -> AbstractContextManager[object]:
        """Return what surrounds a test."""

    @abstractmethod
    def outside_a_test(self) -> AbstractContextManager[object]:
        """Return what surrounds a call that a fixture makes between tests."""

    @abstractmethod
    def who_answered(self, test: TestContext) -> str | None:
        """Return who answered a test's calls, in words; None if it made none."""

    @cached_property
    def simulator(self) -> Simulator:
        """The simulator; unless the run is simulated, only the test that asks for it uses it."""
        return self.simulators.of_session(seed=self.config.seed, faults=self.config.fault)

    def own_simulator(self, test: TestContext) -> Simulator:
        """Return a new simulator for a test, with its faults and its tasks."""
        faults = (*self.config.fault, *test.faults)
        return self.simulators.of_test(test.tasks, seed=self.config.seed, faults=faults)

    @abstractmethod
    def answer(self, request: Request, client: PrecheckClient) -> Response:
        """Return the answer to a request of `cce_service`, which ``client`` may ask for; raises errors as `Answer`."""

    def network(self, services: Sequence[str], test: TestContext) -> Network:
        """Return what refuses connections to simulated or replayed services; those of `requests` never come so far."""
        return Network(services, block=self.config.block_network, refused=test.misses.append)

    @cached_property
    def service_credentials(self) -> Credentials:
        """What `cce_service` accepts."""
        return local_credentials()

    @property
    def tokens(self) -> Tokens | None:
        """What fetches and renews tokens, if anything does."""
        return None

    @property
    def secrets(self) -> tuple[str, ...]:
        """The secrets in the environment, and each token so far."""
        return (*secrets_in(self.environment), *(self.tokens.secrets if self.tokens else ()))

    def known_tasks(self) -> list[dict[Filter, str]] | None:
        """Return the filter values of the service's tasks; None if they are only known by asking it."""
        return None
