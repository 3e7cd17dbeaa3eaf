"""A test that receives very many bytes keeps the bodies of its latest answers."""

from __future__ import annotations

import pytest

from pytest_cce_precheck.errors import ReleasedBodyError
from pytest_cce_precheck.plugin import received
from pytest_cce_precheck.plugin.received import Received
from pytest_cce_precheck.wire.exchange import LARGE, Exchange
from tests.contract.answers import answered, listing, task


def of_size(size: int, *, lists: bool = True) -> Exchange:
    document = listing([task(1)] if lists else [])
    return answered({**document, "padding": "x" * size})


@pytest.fixture(autouse=True)
def _less(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(received, "MOST_BYTES", 3 * LARGE)


def test_the_first_large_bodies_are_released_and_the_latest_are_kept() -> None:
    kept = Received()
    exchanges = [of_size(LARGE) for _ in range(5)]
    for each in exchanges:
        kept.add(each)
    assert [bool(each.response.released) for each in kept] == [True, True, True, False, False]
    assert kept[3:] == exchanges[3:]
    with pytest.raises(ReleasedBodyError):
        _ = kept[0].document


def test_small_bodies_are_kept_however_many_there_are() -> None:
    kept = Received()
    small = of_size(1)
    for each in [small, *(of_size(LARGE) for _ in range(5)), small]:
        kept.add(each)
    assert kept[0] is small
    assert kept[-1] is small


def test_one_answer_is_kept_however_large_it_is() -> None:
    kept = Received()
    kept.add(of_size(4 * LARGE))
    assert not kept[0].response.released


@pytest.mark.parametrize(("lists", "listed"), [([True, False], True), ([False, False], False), ([False, True], True)])
def test_a_task_in_a_released_answer_still_counts_as_listed(lists: list[bool], listed: bool) -> None:
    kept = Received()
    for each in lists:
        kept.add(of_size(2 * LARGE, lists=each))
    assert kept[0].response.released
    assert kept.listed is listed


def test_no_huge_answer_is_parsed_if_a_small_one_lists_a_task(monkeypatch: pytest.MonkeyPatch) -> None:
    kept, parsed = Received(), list[int]()
    monkeypatch.setattr(received, "lists_a_task", lambda response: parsed.append(response.size) or True)
    for size in (LARGE, LARGE, 1, LARGE, LARGE):
        kept.add(of_size(size))
    assert kept.listed
    assert max(parsed) < LARGE


def test_the_next_test_starts_anew() -> None:
    kept = Received()
    for _ in range(5):
        kept.add(of_size(LARGE))
    kept.clear()
    kept.add(of_size(LARGE, lists=False))
    assert len(kept) == 1
    assert not kept[0].response.released


def test_once_a_task_was_listed_no_answer_of_a_later_test_is_parsed_to_know_it(monkeypatch: pytest.MonkeyPatch) -> None:
    kept = Received()
    kept.add(of_size(1))
    assert kept.listed
    kept.clear()
    kept.add(of_size(1, lists=False))
    monkeypatch.setattr(received, "lists_a_task", lambda _: pytest.fail("it is known"))
    assert kept.listed
