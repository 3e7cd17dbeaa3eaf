"""Write to standard output; that this fails is one clear line, and not a traceback."""

from __future__ import annotations

import os
import sys
import threading
from contextlib import suppress
from queue import SimpleQueue
from typing import TYPE_CHECKING, Final

from pytest_cce_precheck.errors import CcePrecheckError

if TYPE_CHECKING:
    from collections.abc import Callable

_MOST_WAITING: Final = 4_000_000
_PATIENCE: Final = 3.0


class OutputError(CcePrecheckError):
    """Standard output cannot be written to."""


def print_text(text: str) -> None:
    """Print a text at once; raises `OutputError` if that fails for another reason than that nobody reads it."""
    try:
        sys.stdout.write(text)
        sys.stdout.flush()
    except BrokenPipeError:
        raise
    except OSError as error:
        with suppress(OSError, ValueError):
            # what is left is written once more when Python ends, and would fail again
            os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        raise OutputError(f"the output cannot be written: {error.strerror or error}") from None


class LineWriter:
    """Prints lines in a thread of its own, so that a reader who does not read keeps nobody waiting.

    At most ``most`` characters wait to be read; lines beyond that are lost and counted, and ``said`` makes of their
    number a line that is printed in their place. At the end, a reader has three seconds.
    """

    def __init__(self, said: Callable[[int], str], most: int = _MOST_WAITING) -> None:
        self._said = said
        self._most = most
        self._lines: SimpleQueue[str | None] = SimpleQueue()
        self._lock = threading.Lock()
        self._waiting = self._lost = 0
        # a daemon: nobody can end a write that a full pipe blocks
        self._thread = threading.Thread(target=self._run, name="cce-precheck prints", daemon=True)
        self._thread.start()

    def put(self, line: str, *, always: bool = False) -> None:
        """Print a line soon; ``always`` says that it must not be lost."""
        with self._lock:
            if self._waiting + len(line) > self._most and not always:
                self._lost += 1
                return
            for each in ([self._said(self._lost)] if self._lost else []) + [line]:
                self._waiting += len(each)
                self._lines.put(each)
            self._lost = 0

    def close(self) -> None:
        """Print what waits, unless nobody reads it."""
        self._lines.put(None)
        self._thread.join(_PATIENCE)

    def _run(self) -> None:
        while (line := self._lines.get()) is not None:
            # not through sys.stdout, for whose lock Python's end would wait
            with suppress(OSError, ValueError):
                data = f"{line}\n".encode(sys.stdout.encoding or "utf-8", "backslashreplace")
                while data:
                    data = data[os.write(sys.stdout.fileno(), data) :]
            with self._lock:
                self._waiting -= len(line)
