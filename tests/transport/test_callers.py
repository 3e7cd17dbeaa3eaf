"""The line of the user's code that asked, whoever answers and however it waits."""

from __future__ import annotations

import asyncio
import subprocess
import sys
import threading
from concurrent.futures import ThreadPoolExecutor

import pytest

from pytest_cce_precheck.transport.callers import asked_at

HERE = "tests/transport/test_callers.py"


def elsewhere() -> str | None:
    """Ask in a thread that has no code of the user's but this."""
    with ThreadPoolExecutor(1) as pool:
        return pool.submit(asked_at).result(10)


def innermost() -> str | None:
    return asked_at()


@pytest.fixture(autouse=True)
def _no_other_threads(monkeypatch: pytest.MonkeyPatch) -> None:
    """Hide threads that another test has left, such as that of a server which still serves a client."""
    others, every = set(threading.enumerate()) - {threading.current_thread()}, threading.enumerate
    monkeypatch.setattr(threading, "enumerate", lambda: [each for each in every() if each not in others])


def test_the_line_is_the_innermost_of_the_users_code() -> None:
    assert innermost() == f"{HERE}:{innermost.__code__.co_firstlineno + 1}, in innermost"


def test_another_thread_sees_where_this_one_waits() -> None:
    assert elsewhere() == f"{HERE}:{elsewhere.__code__.co_firstlineno + 3}, in elsewhere"


async def asking(pool: ThreadPoolExecutor) -> str | None:
    return await asyncio.wrap_future(pool.submit(asked_at))


async def waiting(event: asyncio.Event) -> None:
    await event.wait()


def test_a_task_of_asyncio_is_named_by_the_line_at_which_it_waits() -> None:
    async def main() -> str | None:
        return await asking(pool)

    with ThreadPoolExecutor(1) as pool:
        assert asyncio.run(main()) == f"{HERE}:{asking.__code__.co_firstlineno + 1}, in asking"


def test_several_tasks_are_all_named() -> None:
    async def main() -> str | None:
        event = asyncio.Event()
        other = asyncio.create_task(waiting(event))
        await asyncio.sleep(0)
        found = await asking(pool)
        event.set()
        await other
        return found

    with ThreadPoolExecutor(1) as pool:
        line = asyncio.run(main())
    assert line is not None
    lines = [f"{HERE}:{each.__code__.co_firstlineno + 1}, in {each.__name__}" for each in (asking, waiting)]
    assert sorted(line.removeprefix("one of ").replace(", tests", "\ntests").splitlines()) == sorted(lines)
    assert line.startswith("one of ")


def test_a_program_without_code_of_the_users_names_nothing() -> None:
    code = "from pytest_cce_precheck.transport.callers import asked_at; print(asked_at())"
    ran = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert ran.stdout.strip() == "None"
