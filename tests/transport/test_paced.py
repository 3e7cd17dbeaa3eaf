"""A run's requests are counted and spaced, whichever process sends them."""

from __future__ import annotations

import multiprocessing
import os
import signal
import time
from concurrent.futures import ThreadPoolExecutor
from contextlib import suppress
from typing import TYPE_CHECKING

import pytest
from hypothesis import given
from hypothesis import strategies as st

from pytest_cce_precheck.errors import BudgetExhaustedError, ConfigurationError
from pytest_cce_precheck.transport.paced import Meter

if TYPE_CHECKING:
    from pathlib import Path


class Clock:
    """A clock that waiting moves on."""

    def __init__(self) -> None:
        self.now = 1000.0
        self.waits: list[float] = []

    def wait(self, seconds: float) -> None:
        self.waits.append(seconds)
        self.now += seconds


def meter(clock: Clock | None = None, path: str = ":memory:", **bounds: float | int) -> Meter:
    clock = clock or Clock()
    return Meter(path, now=lambda: clock.now, wait=clock.wait, **bounds)  # type: ignore[arg-type]


def test_the_limit_is_reached_and_never_exceeded() -> None:
    three = meter(limit=3)
    for _ in range(3):
        three.take()
    with pytest.raises(BudgetExhaustedError, match="all 3 requests of the budget are sent"):
        three.take()
    assert three.sent == 3


def test_requests_are_spaced_by_the_rate_and_the_first_does_not_wait() -> None:
    clock = Clock()
    paced = meter(clock, rate=4)
    for _ in range(4):
        paced.take()
    assert clock.waits == pytest.approx([1.05 / 4] * 3)


@given(
    rate=st.integers(1, 50),
    events=st.lists(st.tuples(st.floats(0, 0.4), st.floats(0, 0.4)), min_size=1, max_size=150),
)
def test_no_second_has_more_requests_than_the_rate_however_late_each_goes(
    rate: int, events: list[tuple[float, float]]
) -> None:
    clock, sent = Clock(), []
    paced = Meter(rate=rate, now=lambda: clock.now, wait=lambda seconds: clock.wait(seconds + oversleep))
    for idle, oversleep in events:  # noqa: B007  the wait above reads it
        clock.now += idle
        paced.take()
        sent.append(clock.now)
    paced.close()
    for first, beyond in zip(sent, sent[rate:], strict=False):
        assert beyond - first > 1.0


def test_a_clock_that_somebody_sets_back_lengthens_no_wait_and_no_run(monkeypatch: pytest.MonkeyPatch) -> None:
    waits: list[float] = []
    paced = Meter(rate=4, seconds=60, wait=waits.append)
    paced.take()
    real = time.time
    monkeypatch.setattr(time, "time", lambda: real() - 3600)
    with suppress(BudgetExhaustedError):
        assert paced.remaining is not None
        assert paced.remaining <= 60
        paced.take()
    assert max(waits, default=0.0) < 1
    paced.close()


def test_time_that_passes_anyway_is_not_waited_for_again() -> None:
    clock = Clock()
    paced = meter(clock, rate=4)
    paced.take()
    clock.now += 10
    paced.take()
    assert clock.waits == []


def test_nothing_is_sent_once_the_time_of_the_run_is_over() -> None:
    clock = Clock()
    bounded = meter(clock, seconds=60)
    bounded.take()
    clock.now += 61
    with pytest.raises(BudgetExhaustedError, match="the 60 seconds of the run are over"):
        bounded.take()


def test_a_request_whose_turn_would_come_too_late_is_not_waited_for() -> None:
    clock = Clock()
    bounded = meter(clock, rate=0.01, seconds=60)
    bounded.take()
    with pytest.raises(BudgetExhaustedError, match="are over"):
        bounded.take()
    assert clock.waits == []


def test_a_run_that_another_process_began_is_joined(tmp_path: Path) -> None:
    clock, path = Clock(), str(tmp_path / "run.sqlite")
    first = meter(clock, path, limit=3, rate=4, seconds=60)
    first.take()
    clock.now += 50
    second = meter(clock, path, limit=3, rate=4, seconds=60)
    second.take()
    assert second.sent == first.sent == 2
    clock.now += 11
    with pytest.raises(BudgetExhaustedError, match="are over"):
        second.take()


def test_threads_share_a_limit_to_the_request() -> None:
    shared = meter(limit=50)

    def tried(_: int) -> bool:
        try:
            shared.take()
        except BudgetExhaustedError:
            return False
        return True

    with ThreadPoolExecutor(8) as pool:
        assert sum(pool.map(tried, range(200))) == 50


def take_all(path: str, limit: int, taken: multiprocessing.Queue[int]) -> None:
    own, number = Meter(path, limit=limit), 0
    try:
        while True:
            own.take()
            number += 1
    except BudgetExhaustedError:
        taken.put(number)


def take_and_die(path: str) -> None:
    own = Meter(path, limit=1000)
    own.take()
    # in the middle of a count
    own._file.execute("BEGIN IMMEDIATE")
    own._file.execute("UPDATE run SET sent = 999")
    os.kill(os.getpid(), signal.SIGKILL)


def test_processes_share_a_limit_to_the_request_though_one_is_killed_while_it_counts(tmp_path: Path) -> None:
    path = str(tmp_path / "run.sqlite")
    spawn = multiprocessing.get_context("spawn")
    killed = spawn.Process(target=take_and_die, args=(path,))
    killed.start()
    killed.join(30)
    assert killed.exitcode == -signal.SIGKILL
    taken = spawn.Queue()
    workers = [spawn.Process(target=take_all, args=(path, 101, taken)) for _ in range(2)]
    for worker in workers:
        worker.start()
    numbers = [taken.get(timeout=30) for _ in workers]
    for worker in workers:
        worker.join(30)
    assert sum(numbers) == 100


def test_a_count_that_cannot_be_kept_is_said_at_once(tmp_path: Path) -> None:
    with pytest.raises(ConfigurationError, match=r"cannot be counted in .*: unable to open database file"):
        Meter(str(tmp_path / "nowhere" / "run.sqlite"))
    (tmp_path / "text").write_text("this is no database, however long it is" * 100)
    with pytest.raises(ConfigurationError, match=r"cannot be counted in .*: file is not a database"):
        Meter(str(tmp_path / "text"))


def test_a_run_that_began_earlier_ends_earlier() -> None:
    meter = Meter(seconds=60, began=40.0, now=lambda: 99.0, wait=lambda _: None)
    meter.take()
    assert meter.remaining == 1.0
    late = Meter(seconds=60, began=40.0, now=lambda: 101.0, wait=lambda _: None)
    with pytest.raises(BudgetExhaustedError, match="the 60 seconds of the run are over"):
        late.take()
