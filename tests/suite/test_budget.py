"""The requests of a run: how they are shared out, and that no more are sent."""

from __future__ import annotations

from dataclasses import astuple

import pytest

from pytest_cce_precheck.errors import BudgetExhaustedError, ConfigurationError
from pytest_cce_precheck.suite.budget import FULL, LEAST, Budget, Shares, number_of_probes
from pytest_cce_precheck.wire.credentials import Credentials, Secret


def test_a_budget_is_spent_to_its_last_request_and_no_further() -> None:
    budget = Budget(2)
    budget.spend()
    assert budget.left == 1
    budget.spend()
    assert (budget.left, budget.sent) == (0, 2)
    with pytest.raises(BudgetExhaustedError, match="all 2 requests of the budget are sent"):
        budget.spend()
    assert budget.sent == 2


def test_the_least_budget_is_enough_and_one_request_less_is_refused() -> None:
    assert (LEAST, FULL) == (30, 250)
    assert Shares.of(30, writes=False).questions > 0
    with pytest.raises(ConfigurationError, match="a budget of 29 requests checks nothing: at least 30 are needed"):
        Shares.of(29, writes=False)


# questions, authentication, isolation, methods, creation, exploration, transport, retries, again
SHARES = [
    (30, False, False, (13, 4, 4, 2, 0, 0, 1, 1, 0)),
    (30, True, False, (5, 4, 4, 2, 8, 0, 1, 1, 0)),
    (59, False, False, (36, 7, 4, 2, 0, 0, 3, 2, 0)),
    (60, False, False, (36, 7, 4, 2, 0, 1, 3, 2, 0)),
    (75, False, False, (46, 9, 5, 2, 0, 1, 4, 3, 0)),
    (200, False, False, (125, 20, 13, 3, 0, 5, 12, 8, 0)),
    (250, False, False, (166, 20, 14, 4, 0, 6, 13, 10, 0)),
    (250, True, False, (131, 20, 14, 4, 35, 6, 13, 10, 0)),
    (250, True, True, (88, 20, 14, 4, 35, 6, 13, 31, 12)),
    (2000, True, False, (1759, 20, 14, 4, 36, 50, 13, 80, 0)),
    (2000, True, True, (1409, 20, 14, 4, 36, 50, 13, 250, 100)),
]


@pytest.mark.parametrize(("budget", "writes", "rough", "shares"), SHARES)
def test_a_budget_is_shared_out_like_this(budget: int, writes: bool, rough: bool, shares: tuple[int, ...]) -> None:
    assert astuple(Shares.of(budget, writes=writes, rough=rough)) == shares


@pytest.mark.parametrize("rough", [False, True])
@pytest.mark.parametrize("writes", [False, True])
def test_the_shares_of_any_budget_leave_requests_for_the_lists_read_around_the_questions(
    writes: bool, rough: bool
) -> None:
    for budget in range(LEAST, 3 * FULL):
        shares = Shares.of(budget, writes=writes, rough=rough)
        assert sum(astuple(shares)) <= budget - 5 or shares.questions == 4, budget
        assert min(astuple(shares)) >= 0


def test_ways_of_bad_credentials_that_do_not_exist_are_given_to_the_questions() -> None:
    few, many = (Shares.of(250, writes=False, probes=probes) for probes in (6, 21))
    assert (few.authentication, many.authentication) == (6, 20)
    assert few.questions == many.questions + 14
    assert Shares.of(250, writes=False, probes=1).authentication == 4


def test_retries_are_for_the_parts_by_the_number_of_their_questions() -> None:
    shares = Shares(
        questions=40, authentication=20, isolation=10, methods=2, creation=30, exploration=5, transport=5, retries=10,
        again=0,
    )  # fmt: skip
    assert [shares.of_retries(questions) for questions in (0, 9, 10, 20, 100)] == [0, 0, 1, 2, 10]


@pytest.mark.parametrize(
    ("names", "number"),
    [
        ((), 6),
        (("token",), 10),
        (("access_key", "secret_key"), 17),
        (("token", "access_key", "secret_key"), 21),
        (("access_key",), 6),
        (("secret_key",), 6),
    ],
)
def test_each_kind_of_credentials_can_be_spoilt_in_its_own_ways(names: tuple[str, ...], number: int) -> None:
    assert number_of_probes(Credentials(**{name: Secret("x") for name in names})) == number
