"""The line of the user's code that asked, and the library that it asked with; also if another thread answers."""

from __future__ import annotations

import asyncio
import sys
import sysconfig
import threading
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from types import FrameType
from typing import Any, Final

from pytest_cce_precheck._files import shown
from pytest_cce_precheck._text import listed

_OURS: Final = str(Path(__file__).resolve().parent.parent) + "/"
_COMMANDS: Final = f"{_OURS}cli/"
_PYTHON: Final = tuple({sysconfig.get_path(name) + "/" for name in ("stdlib", "platstdlib")})
_INSTALLED: Final = ("/site-packages/", "/dist-packages/")
_MOST: Final = 3


@dataclass(frozen=True)
class Caller:
    """A line of the user's code, and the installed library that it called, if any."""

    line: str
    library: str | None


def callers() -> list[Caller]:
    """Return who called: this thread's code, or if that is not the user's, where other threads and tasks wait."""
    own = _caller(_stack(sys._getframe(1)))
    if own is not None:
        return [own]
    found = []
    frames = sys._current_frames()
    for thread in threading.enumerate():
        frame = frames.get(thread.ident or 0)
        if frame is None or thread is threading.current_thread():
            continue
        stack = list(_stack(frame))
        # a task says more than the line that runs the event loop
        waiting = list(_tasks(stack)) or [stack]
        found += [caller for each in waiting if (caller := _caller(each)) is not None]
    return list(dict.fromkeys(found))


def asked_at() -> str | None:
    """Return the line, or the lines one of which it is, in words; None if nobody knows."""
    lines = list(dict.fromkeys(each.line for each in callers()))
    return ("one of " if len(lines) > 1 else "") + listed(lines, _MOST) if lines else None


def _stack(frame: FrameType | None) -> Iterator[FrameType]:
    while frame is not None:
        yield frame
        frame = frame.f_back


def _caller(stack: Any) -> Caller | None:
    """Return the innermost frame of the user's code in a stack that begins with the innermost."""
    library = None
    for frame in stack:
        name = frame.f_code.co_filename
        if name.startswith(_COMMANDS):
            # further out is only what has started the command
            return None
        if not name.startswith(_OURS) and any(place in name for place in _INSTALLED):
            library = str(frame.f_globals.get("__name__", "")).partition(".")[0]
            if library in ("pytest", "_pytest", "pluggy"):
                # what is further out has started the test
                return None
        elif not (name.startswith((_OURS, *_PYTHON, "<"))):
            return Caller(f"{shown(Path(name))}:{frame.f_lineno}, in {frame.f_code.co_name}", library)
    return None


def _tasks(stack: list[FrameType]) -> Iterator[list[FrameType]]:
    """Yield the stack of each task of the event loop that a thread runs, as its coroutines wait for each other."""
    loops = (frame.f_locals.get("self") for frame in stack if frame.f_code.co_name == "run_forever")
    for loop in loops:
        if isinstance(loop, asyncio.AbstractEventLoop):
            running = asyncio.current_task(loop)
            for task in asyncio.all_tasks(loop):
                yield stack if task is running else list(_awaiting(task.get_coro()))[::-1]


def _awaiting(coroutine: Any) -> Iterator[FrameType]:
    while coroutine is not None:
        frame = getattr(coroutine, "cr_frame", None) or getattr(coroutine, "gi_frame", None)
        if frame is not None:
            yield frame
        coroutine = getattr(coroutine, "cr_await", None) or getattr(coroutine, "gi_yieldfrom", None)
