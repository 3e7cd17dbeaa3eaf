"""The line of the user's code that asked, whoever answers and however it waits."""

from __future__ import annotations

import asyncio
import subprocess
import sys
import sysconfig
import threading
import types
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest

import pytest_cce_precheck
from pytest_cce_precheck.transport import callers as who_called
from pytest_cce_precheck.transport.callers import Caller, asked_at, callers

if TYPE_CHECKING:
    from collections.abc import Generator

HERE = "tests/transport/test_callers.py"
OURS = Path(pytest_cce_precheck.__file__).parent
INSTALLED = "/any/lib/python3/site-packages"


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
    # lines are named from there
    monkeypatch.chdir(Path(__file__).parents[2])


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


def test_a_task_that_does_not_wait_itself_is_named_by_the_line_it_runs() -> None:
    async def main() -> str | None:
        return elsewhere()

    assert asyncio.run(main()) == f"{HERE}:{elsewhere.__code__.co_firstlineno + 3}, in elsewhere"


@types.coroutine
def by_a_generator(event: asyncio.Event) -> Generator[Any, Any, None]:
    yield from event.wait().__await__()


def test_a_task_that_waits_in_a_generator_is_named_by_its_line() -> None:
    async def another(event: asyncio.Event) -> None:
        await by_a_generator(event)

    async def main() -> str | None:
        event = asyncio.Event()
        task = asyncio.create_task(another(event))
        await asyncio.sleep(0)
        found = elsewhere()
        event.set()
        await task
        return found

    # the first line of a function is that of its decorator
    assert f"{HERE}:{by_a_generator.__code__.co_firstlineno + 2}, in by_a_generator" in str(asyncio.run(main()))


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


def test_every_thread_that_waits_is_named() -> None:
    begun, goes_on = threading.Event(), threading.Event()

    def another() -> None:
        begun.set()
        goes_on.wait(10)

    with ThreadPoolExecutor(1) as pool:
        # so that the thread that asks is not the last
        pool.submit(int).result(10)
        thread = threading.Thread(target=another)
        thread.start()
        begun.wait(10)
        line = str(pool.submit(asked_at).result(10))
        goes_on.set()
        thread.join()
    assert line.startswith("one of ")
    assert "in test_every_thread_that_waits_is_named" in line
    assert line.endswith(", in another")


def test_a_program_without_code_of_the_users_names_nothing() -> None:
    code = "from pytest_cce_precheck.transport.callers import asked_at; print(asked_at())"
    ran = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert ran.stdout.strip() == "None"


# ---- what was called


def through(*frames: tuple[str, str]) -> list[Caller]:
    """Ask through functions of these files and modules, the outermost first."""
    ask: Any = callers
    for file, module in reversed(frames):
        names = {"ask": ask, "__name__": module}
        exec(compile("def through():\n    return ask()", file, "exec"), names)
        ask = names["through"]
    found: list[Caller] = ask()
    return found


MINE = f"{HERE}:{through.__code__.co_firstlineno + 7}, in through"


@pytest.mark.parametrize(
    ("frames", "library"),
    [
        ([], None),
        ([(f"{INSTALLED}/lib/inner.py", "lib.inner")], "lib"),
        ([("/usr/lib/python3/dist-packages/lib.py", "lib")], "lib"),
        # the one that the user knows
        ([(f"{INSTALLED}/outer.py", "outer"), (f"{INSTALLED}/inner.py", "inner.of.it")], "outer"),
        ([(f"{OURS}/client.py", "pytest_cce_precheck.client")], None),
        ([(f"{sysconfig.get_path('stdlib')}/json.py", "json")], None),
        ([("<string>", "made")], None),
    ],
)
def test_the_library_that_the_line_calls_is_named(frames: list[tuple[str, str]], library: str | None) -> None:
    assert through(*frames) == [Caller(MINE, library)]


@pytest.mark.parametrize(
    ("file", "module"),
    [
        (f"{INSTALLED}/_pytest/python.py", "_pytest.python"),
        (f"{INSTALLED}/pytest/__init__.py", "pytest"),
        (f"{INSTALLED}/pluggy/_callers.py", "pluggy._callers"),
        (f"{OURS}/cli/main.py", "pytest_cce_precheck.cli.main"),
    ],
)
def test_who_has_started_pytest_or_a_command_has_not_asked(file: str, module: str) -> None:
    assert through((file, module)) == []


def test_of_many_lines_three_are_named_and_each_but_once(monkeypatch: pytest.MonkeyPatch) -> None:
    found = [Caller(f"a.py:{line}, in x", library) for line in (1, 2, 3, 4, 5) for library in (None, "lib")]
    monkeypatch.setattr("pytest_cce_precheck.transport.callers.callers", lambda: found)
    assert asked_at() == "one of a.py:1, in x, a.py:2, in x, a.py:3, in x and 2 more"
    del found[2:]
    assert asked_at() == "a.py:1, in x"
    found.clear()
    assert asked_at() is None


def test_the_script_that_starts_a_command_has_not_asked_wherever_this_project_is_installed(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    def frame(name: str) -> types.SimpleNamespace:
        code = types.SimpleNamespace(co_filename=name, co_name="<module>")
        return types.SimpleNamespace(f_code=code, f_lineno=8, f_globals={"__name__": "pytest_cce_precheck.any"})

    monkeypatch.setattr(who_called, "_INSTALLED", (f"{OURS}/",))
    script = frame("/here/bin/cce-precheck")
    assert who_called._caller([frame(f"{OURS}/cli/main.py"), script]) is None
    assert who_called._caller([frame(f"{OURS}/client.py"), script]) == Caller(
        "/here/bin/cce-precheck:8, in <module>", None
    )
