"""How a budget is shared out: which part of a run may plan how many requests, and that no run sends more."""

from __future__ import annotations

from dataclasses import astuple

import pytest
from hypothesis import given
from hypothesis import strategies as st

from pytest_cce_precheck.config.options import DEFAULT_BUDGET, LEAST_BUDGET, Config
from pytest_cce_precheck.errors import BudgetExhaustedError, ConfigurationError
from pytest_cce_precheck.suite.budget import Budget, Shares
from pytest_cce_precheck.suite.run_settings import Settings

budgets = st.integers(min_value=LEAST_BUDGET, max_value=5000)
ways = st.fixed_dictionaries({"writes": st.booleans(), "rough": st.booleans(), "probes": st.integers(0, 25)})


# in the order of the fields: questions, authentication, isolation, methods, creation, exploration, transport, retries,
# and what is asked again; each is a part of the budget between its least and its most
@pytest.mark.parametrize(
    ("budget", "shares"),
    [
        (30, (6, 4, 4, 0, 8, 0, 1, 0, 0)),
        (41, (15, 5, 4, 0, 8, 0, 2, 0, 0)),
        (42, (15, 5, 4, 0, 8, 0, 2, 0, 0)),
        (59, (25, 7, 4, 2, 9, 0, 3, 0, 0)),
        (60, (25, 7, 4, 2, 9, 0, 3, 1, 0)),
        (70, (31, 8, 4, 2, 10, 0, 4, 1, 0)),
        (75, (33, 9, 5, 2, 11, 0, 4, 1, 0)),
        (78, (35, 9, 5, 2, 12, 0, 4, 1, 0)),
        (79, (36, 9, 5, 2, 12, 0, 4, 1, 0)),
        (80, (28, 10, 5, 2, 17, 2, 5, 1, 0)),
        (120, (53, 15, 8, 2, 18, 2, 7, 2, 0)),
        (177, (78, 22, 15, 2, 27, 2, 11, 2, 0)),
        (180, (76, 22, 17, 3, 27, 2, 11, 3, 0)),
        (250, (105, 25, 29, 4, 38, 2, 15, 4, 0)),
        (1000, (537, 25, 29, 4, 64, 127, 140, 16, 0)),
    ],
)
def test_each_part_of_a_run_has_its_share(budget: int, shares: tuple[int, ...]) -> None:
    assert astuple(Shares.of(budget, writes=True)) == shares


@pytest.mark.parametrize(
    ("budget", "shares"),
    [
        (30, (4, 4, 4, 0, 8, 0, 1, 3, 1)),
        (60, (14, 7, 4, 2, 9, 0, 3, 7, 3)),
        (250, (56, 25, 29, 4, 38, 2, 15, 31, 12)),
        (1000, (338, 25, 29, 4, 64, 127, 140, 125, 50)),
    ],
)
def test_on_a_rough_service_more_is_kept_for_what_is_sent_again(budget: int, shares: tuple[int, ...]) -> None:
    assert astuple(Shares.of(budget, writes=True, rough=True)) == shares


def test_what_is_not_created_and_not_spoilt_goes_to_the_questions() -> None:
    whole, reads, few = Shares.of(250, writes=True), Shares.of(250, writes=False), Shares.of(250, writes=True, probes=6)
    assert (reads.creation, reads.questions) == (0, whole.questions + whole.creation)
    assert (few.authentication, few.questions) == (6, whole.questions + whole.authentication - 6)


def test_bad_credentials_have_no_more_than_their_share_however_many_ways_there_are() -> None:
    assert [Shares.of(1000, writes=True, probes=n).authentication for n in (0, 4, 5, 19, 20, 21, 25, 30)] == [
        4,
        4,
        5,
        19,
        20,
        21,
        25,
        29,
    ]


@given(budgets, ways)
def test_every_part_has_something_and_all_together_leave_room_for_brackets(budget: int, how: dict[str, int]) -> None:
    shares = Shares.of(budget, **how)  # type: ignore[arg-type]
    assert min(shares.questions, shares.authentication, shares.isolation) >= 4
    # with writes, the smallest budgets leave other methods out
    assert shares.methods >= (2 if budget >= 42 or not how["writes"] else 0)
    # the smallest budgets have no room for all, and their brackets come from what others leave
    assert sum(astuple(shares)) < budget


@given(budgets, ways)
def test_a_larger_budget_takes_nothing_from_any_part_but_the_questions(budget: int, how: dict[str, int]) -> None:
    less, more = Shares.of(budget, **how), Shares.of(budget + 1, **how)  # type: ignore[arg-type]
    assert all(a <= b for a, b in zip(astuple(less)[1:], astuple(more)[1:], strict=True))


@pytest.mark.parametrize("budget", [0, 1, LEAST_BUDGET - 1])
def test_too_small_a_budget_is_refused(budget: int) -> None:
    told = f"a budget of {budget} requests checks nothing: at least 30 are needed"
    with pytest.raises(ConfigurationError, match=told):
        Shares.of(budget, writes=True)


@pytest.mark.parametrize(("budget", "rough", "retries"), [(250, False, [0, 0, 2, 2]), (250, True, [0, 2, 20, 27])])
def test_questions_have_their_part_of_the_retries(budget: int, retries: list[int], *, rough: bool) -> None:
    shares = Shares.of(budget, writes=True, rough=rough)
    of_questions = [shares.of_retries(number) for number in (0, 10, 100, 130)]
    assert of_questions == retries


def test_a_full_check_is_the_default() -> None:
    assert DEFAULT_BUDGET == Settings().budget == Config().budget == 250


def test_a_budget_counts_each_request_and_refuses_the_one_too_many() -> None:
    budget = Budget(2)
    assert (budget.left, budget.sent, budget.retried) == (2, 0, 0)
    budget.spend()
    assert (budget.left, budget.sent) == (1, 1)
    budget.spend()
    with pytest.raises(BudgetExhaustedError, match="all 2 requests of the budget are sent"):
        budget.spend()
    assert (budget.left, budget.sent) == (0, 2)


@pytest.mark.parametrize(("was_sent", "sent"), [(False, 0), (True, 1)])
def test_a_request_that_the_run_refuses_to_send_does_not_count(was_sent: bool, sent: int) -> None:
    budget = Budget(2)
    refused = BudgetExhaustedError("the run is over")
    refused.was_sent = was_sent
    with pytest.raises(BudgetExhaustedError), budget.spending():
        raise refused
    assert budget.sent == sent
