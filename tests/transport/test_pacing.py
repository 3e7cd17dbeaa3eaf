"""A run's requests are counted and spaced, whichever process sends them."""

from __future__ import annotations

import multiprocessing
import os
import signal
import sqlite3
import time
from concurrent.futures import ThreadPoolExecutor
from tempfile import TemporaryDirectory
from typing import TYPE_CHECKING, Any

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from pytest_cce_precheck.errors import BudgetExhaustedError, ConfigurationError
from pytest_cce_precheck.transport.pacing import SharedBudget

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path


@pytest.fixture(autouse=True)
def opened(monkeypatch: pytest.MonkeyPatch) -> Iterator[list[sqlite3.Connection]]:
    """All connections that a test opens, which are closed at its end."""
    opened: list[sqlite3.Connection] = []
    connect = sqlite3.connect

    def kept(*where: Any, **how: Any) -> sqlite3.Connection:
        opened.append(connect(*where, **how))
        return opened[-1]

    monkeypatch.setattr(sqlite3, "connect", kept)
    yield opened
    for each in opened:
        each.close()


class Clock:
    """A clock that waiting moves on."""

    def __init__(self) -> None:
        self.now = 1000.0
        self.waits: list[float] = []

    def wait(self, seconds: float) -> None:
        self.waits.append(seconds)
        self.now += seconds


def meter(clock: Clock | None = None, path: str = ":memory:", **bounds: float | int) -> SharedBudget:
    clock = clock or Clock()
    return SharedBudget(path, now=lambda: clock.now, wait=clock.wait, **bounds)  # type: ignore[arg-type]


# ---- how many


def test_the_limit_is_reached_and_never_exceeded() -> None:
    three = meter(limit=3)
    for _ in range(3):
        three.take()
    with pytest.raises(BudgetExhaustedError, match=r"all 3 requests of the budget are sent \(--cce-budget\)"):
        three.take()
    assert three.sent == 3


def test_requests_are_spaced_by_the_rate_and_the_first_does_not_wait() -> None:
    clock = Clock()
    paced = meter(clock, rate=4)
    for _ in range(4):
        paced.take()
    assert clock.waits == [0.25, 0.25, 0.25]


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
    with pytest.raises(BudgetExhaustedError, match=r"the 60 seconds of the run are over \(--cce-run-time\)"):
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
    own, number = SharedBudget(path, limit=limit), 0
    try:
        while True:
            own.take()
            number += 1
    except BudgetExhaustedError:
        taken.put(number)
        own.close()


def take_and_die(path: str) -> None:
    own = SharedBudget(path, limit=1000)
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


def test_a_count_that_cannot_be_kept_is_said_at_once(tmp_path: Path, opened: list[sqlite3.Connection]) -> None:
    with pytest.raises(ConfigurationError, match=r"cannot be counted in .*: unable to open database file"):
        SharedBudget(str(tmp_path / "nowhere" / "run.sqlite"))
    (tmp_path / "text").write_text("this is no database, however long it is" * 100)
    with pytest.raises(ConfigurationError, match=r"cannot be counted in .*: file is not a database"):
        SharedBudget(str(tmp_path / "text"))
    # nothing stays open
    with pytest.raises(sqlite3.ProgrammingError, match="closed"):
        opened[-1].execute("SELECT 1")


# ---- how often


class Schedule:
    """Requests of several processes that share a meter, with every delay that there may be, on one clock."""

    def __init__(self, path: str, rate: float, processes: int) -> None:
        self.clock = Clock()
        self.overshoots: list[float] = []
        self.meters = [
            SharedBudget(path, rate=rate, now=lambda: self.clock.now, wait=self.wait) for _ in range(processes)
        ]
        self.met: list[float] = []
        self.on_their_way: list[tuple[float, SharedBudget, int | None]] = []

    def wait(self, seconds: float) -> None:
        # no sleep ends when it should
        self.clock.now += seconds + (self.overshoots.pop() if self.overshoots else 0.0)
        self.answer()

    def send(self, process: int, way: float, back: float) -> None:
        meter = self.meters[process % len(self.meters)]
        number = meter.take()
        self.met.append(self.clock.now + way)
        self.on_their_way.append((self.clock.now + way + back, meter, number))

    def answer(self) -> None:
        for each in [each for each in self.on_their_way if each[0] <= self.clock.now]:
            self.on_their_way.remove(each)
            each[1].arrived(each[2])

    def most_in_a_second(self) -> int:
        self.met.sort()
        return max(sum(first <= each < first + 1 for each in self.met) for first in self.met)


delays = st.floats(0, 2, exclude_max=True) | st.sampled_from([0.0, 1e-9, 0.25, 0.999, 1.0])
steps = st.tuples(st.integers(0, 2), delays, st.floats(0, 1), st.floats(0, 1))


@given(st.integers(1, 12), st.integers(1, 3), st.lists(steps, min_size=1, max_size=60), st.lists(st.floats(0, 0.5)))
@example(20, 1, [(0, 0.0, 0.4, 0.0)] + [(0, 0.0, 0.0, 0.0)] * 40, [])
@example(4, 1, [(0, 0.0, 0.0, 0.0)] * 9, [0.05])
def test_no_second_of_any_schedule_meets_more_requests_than_the_rate(
    rate: int, processes: int, plan: list[tuple[int, float, float, float]], overshoots: list[float]
) -> None:
    with TemporaryDirectory() as folder:
        schedule = Schedule(f"{folder}/run.sqlite", rate, processes)
        schedule.overshoots = overshoots
        for process, pause, way, back in plan:
            schedule.clock.now += pause
            schedule.answer()
            schedule.send(process, way, back)
        assert schedule.most_in_a_second() <= rate
        for each in schedule.meters:
            each.close()


def test_a_rate_is_used_up_where_the_service_is_quick() -> None:
    clock = Clock()
    paced = meter(clock, rate=20)
    for _ in range(100):
        paced.arrived(paced.take())
    assert clock.now - 1000 < 5.1


def test_a_request_that_never_comes_back_does_not_stop_the_others_for_ever() -> None:
    clock = Clock()
    paced = meter(clock, rate=1)
    paced.take()
    paced.take()
    # it may travel for five seconds, and then it is within a second of the next
    assert 6 < clock.now - 1000 < 7


def test_an_answer_after_the_end_of_the_count_is_no_error() -> None:
    paced = meter(rate=1)
    number = paced.take()
    paced.close()
    paced.arrived(number)


def test_threads_wait_for_each_other_and_none_is_forgotten() -> None:
    clock = Clock()
    paced = meter(clock, rate=50, limit=100)
    with ThreadPoolExecutor(8) as pool:
        list(pool.map(lambda _: paced.arrived(paced.take()), range(100)))
    assert paced.sent == 100


# ---- how long


def test_a_clock_that_is_set_back_changes_nothing(monkeypatch: pytest.MonkeyPatch) -> None:
    slept: list[float] = []
    paced = SharedBudget(rate=1000, seconds=60, wait=slept.append)
    paced.arrived(paced.take())
    monkeypatch.setattr(time, "time", lambda: 0.0)
    left = paced.remaining
    assert left is not None
    assert 0 < left <= 60
    # what it would wait for is no hour
    for _ in range(3):
        paced.arrived(paced.take())
    assert all(each <= 0.001 for each in slept)


def test_a_run_that_began_earlier_ends_earlier() -> None:
    meter = SharedBudget(seconds=60, began=40.0, now=lambda: 99.0, wait=lambda _: None)
    meter.take()
    assert meter.remaining == 1.0
    late = SharedBudget(seconds=60, began=40.0, now=lambda: 101.0, wait=lambda _: None)
    with pytest.raises(BudgetExhaustedError, match="the 60 seconds of the run are over"):
        late.take()


def test_a_run_without_an_end_has_any_time() -> None:
    counting = meter()
    assert (counting.remaining, counting.is_over) == (None, False)


@pytest.mark.parametrize(
    ("now", "left", "is_over"), [(1000, 60, False), (1059, 1, False), (1060, 0, True), (1061, -1, True)]
)
def test_a_run_is_over_from_its_very_end(now: float, left: float, *, is_over: bool) -> None:
    clock = Clock()
    counting = meter(clock, seconds=60)
    clock.now = now
    assert (counting.remaining, counting.is_over) == (left, is_over)
    if is_over:
        with pytest.raises(BudgetExhaustedError):
            counting.take()
    else:
        counting.take()
    assert counting.sent == (0 if is_over else 1)


def test_a_request_that_the_end_of_the_run_cut_off_was_sent() -> None:
    error = meter(seconds=0.5).over()
    assert (str(error), error.was_sent) == ("the 0.5 seconds of the run are over (--cce-run-time)", True)


def test_a_count_has_answered_nobody_before_its_first_answer() -> None:
    assert meter().has_answered is False


def test_a_budget_of_no_requests_permits_none() -> None:
    with pytest.raises(BudgetExhaustedError, match="all 0 requests"):
        meter(limit=0).take()


def test_without_a_rate_nobody_waits_however_young_the_machine_is() -> None:
    clock = Clock()
    clock.now = 0.0
    counting = meter(clock)
    for _ in range(3):
        counting.take()
    assert clock.waits == []


def test_a_rate_below_one_a_second_keeps_its_requests_apart() -> None:
    clock = Clock()
    paced = meter(clock, rate=0.5)
    for _ in range(3):
        paced.arrived(paced.take())
    assert clock.waits == [2.0, 2.0]


def test_a_request_without_a_rate_has_no_number_to_report() -> None:
    counting = meter()
    assert counting.take() is None
    counting.arrived(None)
    assert counting.sent == 1


def test_a_request_that_was_refused_for_lack_of_time_was_not_sent() -> None:
    clock = Clock()
    counting = meter(clock, seconds=10)
    clock.now += 11
    with pytest.raises(BudgetExhaustedError) as refused:
        counting.take()
    assert refused.value.was_sent is False


def test_the_requests_of_seconds_ago_are_forgotten() -> None:
    counting = meter(Clock(), rate=50)
    for _ in range(500):
        counting.arrived(counting.take())
    # those of the last second, and some that are on their way
    assert counting._file.execute("SELECT count(*) FROM recent").fetchone()[0] <= 101
