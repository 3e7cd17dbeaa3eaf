"""The profiles: what each makes of the service, in numbers. A second is one of the simulator's clock."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Final

from pytest_cce_precheck._text import did_you_mean
from pytest_cce_precheck.errors import ConfigurationError

if TYPE_CHECKING:
    from collections.abc import Mapping


@dataclass(frozen=True)
class Throttle:
    """A bucket of ``burst`` requests that refills at ``rate`` a second; some are turned away by chance as well."""

    rate: float = 20.0
    burst: int = 30
    at_random: float = 0.03


@dataclass(frozen=True)
class Outages:
    """The service behind the gateway is gone: from a request on, by ``chance``, for ``longest`` seconds at most.

    For ``apart`` seconds after an outage there is no other.
    """

    chance: float = 0.03
    longest: float = 1.5
    apart: float = 3.0


@dataclass(frozen=True)
class Connections:
    """What goes wrong on the way, by chance: no answer, half an answer, a late one, one whose body drips.

    A connection that is kept alive is closed after ``idle`` seconds in which nothing is asked.
    """

    dropped: float = 0.02
    reset: float = 0.02
    slow: float = 0.03
    dripping: float = 0.03
    longest: float = 1.5
    idle: float = 0.5


@dataclass(frozen=True)
class TokenLife:
    """A token is good for so many seconds and so many requests, whichever ends first."""

    seconds: float = 30.0
    requests: int = 100


@dataclass(frozen=True)
class Lock:
    """More than ``failures`` refusals in a row lock an access key for ``seconds``, as the vendor's gateway does."""

    failures: int = 5
    seconds: float = 300.0


@dataclass(frozen=True, kw_only=True)
class Profile:
    """One way in which a service that follows the contract is hard to test; what is None or 0 it has not.

    ``traffic`` is how many tasks others create in a second; ``replicas`` says for each replica after how many
    seconds it catches up; ``skew`` is how far the service's clock is ahead, in seconds.
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
        """After how many seconds a server closes a connection on which nothing is asked."""
        return self.connections.idle if self.connections else None


_TRAFFIC: Final = 0.7
_REPLICAS: Final = (0.0, 0.9, 2.3, 4.0)
_SKEW: Final = 412.0

_ALL: Final = (
    Profile(name="calm", summary="Nothing: the simulated service as it is, by a clock that runs.", gateway=False),
    Profile(
        name="busy",
        summary="Others create tasks all the time; these start, finish and expire while one asks.",
        traffic=_TRAFFIC,
    ),
    Profile(
        name="lagging",
        summary="Lists come from replicas that are up to 4 s behind; others work at a lower rate.",
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
        summary="Bursts of 502, 503 and 504; answers that are slow or drip; connections that are dropped or reset.",
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
        summary="All of this together, but for the lock.",
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
