"""A line on standard error that shows a person how far a command is; programs, pipes and CI do not see it."""

from __future__ import annotations

import os
import sys
import threading
from contextlib import suppress
from time import monotonic
from typing import TYPE_CHECKING, Final

if TYPE_CHECKING:
    from typing import Self

_AFTER: Final = 2.0
_EVERY: Final = 0.5
_COLUMNS: Final = 80


class ProgressLine:
    """Shows what a command is doing, and for how long, once that is more than ``after`` seconds; then it is erased.

    It uses no colour, and no other escape sequence.
    """

    def __init__(self, after: float = _AFTER) -> None:
        self._after = after
        self._began = monotonic()
        self._text = ""
        self._ended = threading.Event()
        self._thread: threading.Thread | None = None
        # pytest replaces the descriptor while a test runs
        self._terminal = os.dup(sys.stderr.fileno()) if is_watched() else None

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self.end()

    def show(self, text: str) -> None:
        """Show this text from now on."""
        self._text = text
        # the thread begins as late as possible: processes that were forked before have nothing to do with it
        if self._terminal is not None and self._thread is None:
            self._thread = threading.Thread(target=self._draw, name="cce-progress", daemon=True)
            self._thread.start()

    def end(self) -> None:
        """Erase the line; what is shown later is not seen."""
        self._ended.set()
        if self._thread is not None:
            self._thread.join()
        if self._terminal is not None:
            os.close(self._terminal)
            self._terminal = None

    def _draw(self) -> None:
        assert self._terminal is not None
        shown = ""
        # a terminal that is closed meanwhile is nobody's loss
        with suppress(OSError):
            pause = self._after - (monotonic() - self._began)
            while not self._ended.wait(max(0.0, pause)):
                line = f"{self._text}, {monotonic() - self._began:.0f} s"
                # some terminals do not say how wide they are
                line = line[: (os.get_terminal_size(self._terminal).columns or _COLUMNS) - 1]
                os.write(self._terminal, f"\r{line:<{len(shown)}}".encode())
                shown, pause = line, _EVERY
            if shown:
                os.write(self._terminal, f"\r{' ' * len(shown)}\r".encode())


def is_watched() -> bool:
    """Whether a person sees standard error while the command runs."""
    return sys.stderr.isatty() and not os.environ.get("CI") and os.environ.get("TERM") != "dumb"
