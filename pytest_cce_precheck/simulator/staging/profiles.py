"""The staging profiles in numbers. Seconds are those of the simulator's clock."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Final

from pytest_cce_precheck._text import did_you_mean
from pytest_cce_precheck.errors import ConfigurationError


@dataclass(frozen=True)
class Throttle:
    """A bucket of ``burst`` requests that refills at ``rate`` a second; some are throttled by chance as well."""

    rate: float = 20.0
    burst: int = 30
    at_random: float = 0.03


@dataclass(frozen=True)
class Outages:
    """The service behind the gateway is unavailable: by ``chance`` from a request on, for at most ``longest`` seconds.

    The next outage begins at least ``apart`` seconds after the last.
    """

    chance: float = 0.03
    longest: float = 1.5
    apart: float = 3.0


@dataclass(frozen=True)
class Connections:
    """Chances that there is no answer, half of one, a late one, or one whose body is sent in small parts.

    A connection that is kept alive is closed after ``idle`` seconds without a request.
    """

    dropped: float = 0.02
    reset: float = 0.02
    slow: float = 0.03
    dripping: float = 0.03
    longest: float = 1.5
    idle: float = 0.5


@dataclass(frozen=True)
class TokenLife:
    """A token expires after this number of seconds or of requests, whichever comes first."""

    seconds: float = 30.0
    requests: int = 100


@dataclass(frozen=True)
class Lock:
    """More than ``failures`` refusals in a row lock an access key for ``seconds``, as the vendor's gateway does."""

    failures: int = 5
    seconds: float = 300.0


@dataclass(frozen=True, kw_only=True)
class Profile:
    """One way in which a service that follows the contract is hard to test; None or 0 switches a part off.

    ``traffic`` is the number of tasks that other clients create in a second; ``replicas`` has for each replica the
    seconds after which it catches up; ``skew`` is by how many seconds the service's clock is ahead.
    """

    name: str
    summary: str
    gateway: bool = True
    traffic: float = 0.0
    replicas: tuple[float, ...] = ()
    throttle: Throttle | None = None
    outages: Outages | None = None
    connections: Connections | None = None
    tokens: TokenLife | None = None
    lock: Lock | None = None
    skew: float = 0.0

    @property
    def idle(self) -> float | None:
        """The seconds after which a server closes a connection without a request."""
        return self.connections.idle if self.connections else None


_TRAFFIC: Final = 0.7
_REPLICAS: Final = (0.0, 0.9, 2.3, 4.0)
_SKEW: Final = 412.0

_ALL: Final = (
    Profile(name="calm", summary="The plain simulator, with a clock that runs.", gateway=False),
    Profile(
        name="busy",
        summary="Other clients create tasks all the time; these start, finish and expire meanwhile.",
        traffic=_TRAFFIC,
    ),
    Profile(
        name="lagging",
        summary="Lists come from replicas that are up to 4 s behind; other clients create fewer tasks.",
        traffic=_TRAFFIC / 3,
        replicas=_REPLICAS,
    ),
    Profile(
        name="throttled",
        summary="429 in both envelopes, from a bucket of 30 requests that refills at 20 a second, and by chance.",
        throttle=Throttle(at_random=0.05),
    ),
    Profile(
        name="flaky",
        summary="Bursts of 502, 503 and 504; late answers, answers in small parts; dropped and reset connections.",
        outages=Outages(),
        connections=Connections(),
    ),
    Profile(
        name="expiring",
        summary="A token lasts 100 requests or 30 s; POST /v3/auth/tokens gives a new one.",
        tokens=TokenLife(),
    ),
    Profile(name="skewed", summary="The service's clock is 412 s ahead.", skew=_SKEW),
    Profile(
        name="locking",
        summary="More than five bad signatures in a row lock the access key for five minutes.",
        lock=Lock(),
    ),
    Profile(
        name="hostile",
        summary="All of this together, except the lock.",
        traffic=_TRAFFIC,
        replicas=_REPLICAS,
        throttle=Throttle(),
        outages=Outages(),
        connections=Connections(),
        tokens=TokenLife(),
        skew=_SKEW,
    ),
)

PROFILES: Final[Mapping[str, Profile]] = {profile.name: profile for profile in _ALL}
"""Every profile by its name."""


def find_profile(name: str) -> Profile:
    """Return a profile by its name, or raise `ConfigurationError`."""
    if name not in PROFILES:
        near = did_you_mean(name, PROFILES) or f"; there are {', '.join(PROFILES)}"
        raise ConfigurationError(f"there is no staging profile {name!r}{near}")
    return PROFILES[name]
