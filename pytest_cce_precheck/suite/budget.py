"""How the requests of a run are shared out, and the count that no run exceeds."""

from __future__ import annotations

from contextlib import contextmanager
from dataclasses import dataclass
from typing import TYPE_CHECKING, Final

from pytest_cce_precheck.config.options import LEAST_BUDGET
from pytest_cce_precheck.errors import BudgetExhaustedError, ConfigurationError

if TYPE_CHECKING:
    from collections.abc import Iterator

    from pytest_cce_precheck.wire.credentials import Credentials

BAD_CREATIONS: Final = 17
"""The least share of creation that has room for bad create requests beside the life cycle."""
AMPLE: Final = 38
"""From this share on, created tasks are looked for in another cluster too, and everything is asked at each step."""
# with writes, smaller budgets leave out the bad create requests, and other methods
_BAD_CREATIONS_FROM, _METHODS_FROM = 80, 44
# from a few requests, nothing follows about the others
_BEGUN: Final = 12
# one draw costs two requests
_DRAWN_FROM: Final = 80
# so many requests ask every query that is planned
_WHOLE_PLAN: Final = 500
# the ways of bad credentials that `suite.authentication` tries: none and made-up ones; each kind's own, spoilt
_ALWAYS, _OF_A_TOKEN, _WITHOUT_KEYS, _OF_A_SIGNATURE, _OF_TEMPORARY_KEYS = 9, 4, 1, 16, 2
# what a smaller budget leaves out: rarer credentials, filters in other places, what HTTP itself requires
_SMALL: Final = 150


@dataclass
class Budget:
    """A hard number of requests; retries count too."""

    limit: int
    sent: int = 0
    retried: int = 0

    @property
    def left(self) -> int:
        """How many requests may still be sent."""
        return self.limit - self.sent

    def retries_beyond(self, share: int) -> int:
        """Return how many more retries than ``share`` a run has if it goes on as it began; 0 if it has just begun."""
        if self.sent < _BEGUN:
            return 0
        return _between(0, self.limit * self.retried // self.sent - share, self.limit // 4)

    def spend(self) -> None:
        """Count one request; raises `BudgetExhaustedError` instead of exceeding the limit."""
        if self.left <= 0:
            raise BudgetExhaustedError(f"all {self.limit} requests of the budget are sent")
        self.sent += 1

    @contextmanager
    def spending(self) -> Iterator[None]:
        """Count the request that is sent in the ``with`` block, unless the run refuses to send it."""
        self.spend()
        try:
            yield
        except BudgetExhaustedError as error:
            self.sent -= not error.was_sent
            raise


@dataclass(frozen=True)
class Shares:
    """How many requests each part of a run may plan; the rest of the budget is for brackets and retries."""

    questions: int
    authentication: int
    isolation: int
    methods: int
    creation: int
    exploration: int
    transport: int
    retries: int
    again: int

    @classmethod
    def of(cls, budget: int, *, writes: bool, probes: int = 25, rough: bool = False) -> Shares:
        """Share out a budget; what the fixed parts do not need goes to the questions about filters.

        ``probes`` is how many ways of bad credentials there are to try; where it is ``rough``, more is kept for what
        must be sent again, and for lists that are read once more.
        """
        if budget < LEAST_BUDGET:
            raise ConfigurationError(
                f"a budget of {budget} requests checks nothing: at least {LEAST_BUDGET} are needed"
            )
        authentication = _between(4, budget // 8, min(probes, 20)) + _beyond(budget, 12, min(max(probes - 20, 0), 9))
        isolation = _between(4, budget // 15, 14) + _beyond(budget, 6, 15)
        methods = 0 if writes and budget < _METHODS_FROM else _between(2, budget // 60, 4)
        fewest = BAD_CREATIONS if budget >= _BAD_CREATIONS_FROM else 8
        creation = _between(fewest, budget * 2 // 13, 64) if writes else 0
        # beyond what the plan needs, a larger budget is for draws, for queries at the same time, and for repetition
        more = max(budget - _WHOLE_PLAN, 0) // 4
        exploration = 2 + more if budget >= _DRAWN_FROM else 0
        transport = _between(0, budget // 16, 12) + _beyond(budget, 33, 3) + more
        brackets = (
            _between(5, 5 + budget // 14, max(24, budget // 20))
            + _beyond(budget, 15, 8)
            + (budget // 25 if rough else 0)
        )
        retries = budget // (8 if rough else 60)
        again = budget // 20 if rough else 0
        fixed = authentication + isolation + methods + creation + exploration + transport + brackets + retries + again
        return cls(
            max(budget - fixed, 4), authentication, isolation, methods, creation, exploration, transport, retries, again
        )

    @property
    def following(self) -> int:
        """The part of creation that is for following what was created; the rest is for bad create requests."""
        if self.creation < BAD_CREATIONS:
            return self.creation - 2
        return max(8, self.creation * 3 // 4 if self.creation >= AMPLE else self.creation // 2)

    def of_retries(self, questions: int) -> int:
        """Return how many of the retries that are reckoned with are for some of the questions."""
        return self.retries * questions // (self.questions + self.authentication + self.isolation + self.creation)


def _between(low: int, wanted: int, high: int) -> int:
    return max(low, min(wanted, high))


def _beyond(budget: int, step: int, most: int) -> int:
    return _between(0, (budget - _SMALL) // step, most)


def number_of_probes(credentials: Credentials) -> int:
    """Count the ways of bad credentials that can be tried: a token and a key can each be spoilt in their own ways."""
    signed = credentials.access_key is not None and credentials.secret_key is not None
    temporary = signed and credentials.security_token is not None
    of_keys = (_OF_A_SIGNATURE if signed else _WITHOUT_KEYS) + _OF_TEMPORARY_KEYS * temporary
    return _ALWAYS + (1 if credentials.token is None else _OF_A_TOKEN) + of_keys
