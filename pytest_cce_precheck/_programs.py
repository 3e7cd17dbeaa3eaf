"""Programs that are run for their output: for a bounded time, of a bounded size, ended with all that they started."""

from __future__ import annotations

import os
import signal
import subprocess
import threading
from collections.abc import Callable, Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path
from time import monotonic
from typing import IO, Final, Literal, TypeAlias

Child: TypeAlias = subprocess.Popen[bytes]
"""A program that runs."""
_PIECE: Final = 65_536
_LONGEST_COMPLAINT: Final = 65_536
# seconds to read what a program has printed after it has ended
_GRACE: Final = 2.0


@dataclass(frozen=True, repr=False)
class ProgramResult:
    """What a program printed, and its exit status; ``problem`` says why it was stopped, empty if it ended by itself.

    It has no repr: what a program prints may be secret.
    """

    status: int | None
    output: str
    complaint: str
    problem: str


def run(
    words: Sequence[str],
    environment: Mapping[str, str],
    *,
    timeout: float,
    limit: int = 65_536,
    folder: Path | None = None,
    started: Callable[[Child], object] = lambda _: None,
) -> ProgramResult:
    """Run a program without a shell and without input, and end everything that it has started when it ends.

    It may take ``timeout`` seconds and print ``limit`` bytes; of its standard error the end is kept. Its working
    directory is ``folder``, or this process's. ``started`` is given the process, which another thread may end. Raises
    `OSError` or `ValueError` if it cannot be started.
    """
    child = _start(words, environment, folder)
    problem = ""
    readers: list[_Reader] = []
    # all that an interruption may cut short is inside, so that none leaves the program running
    try:
        started(child)
        readers.append(output := _Reader(child.stdout, limit, lambda: signal_group(child, "SIGKILL")))
        readers.append(complaint := _Reader(child.stderr, _LONGEST_COMPLAINT))
        child.wait(timeout)
    except subprocess.TimeoutExpired:
        problem = f"did not end within {timeout:g} s"
    finally:
        signal_group(child, "SIGKILL")
        with suppress(subprocess.TimeoutExpired):
            child.wait(_GRACE)
        deadline = monotonic() + _GRACE
        # a pipe does not end while a program that has left the group holds it
        for reader in readers:
            reader.join(max(0.0, deadline - monotonic()))
    if output.is_full:
        problem = f"printed more than {limit:,} bytes"
    return ProgramResult(child.returncode, output.text, complaint.text, problem)


def _start(words: Sequence[str], environment: Mapping[str, str], folder: Path | None) -> Child:
    return subprocess.Popen(  # noqa: S603  no shell reads the words
        words,
        stdin=subprocess.DEVNULL,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        bufsize=0,
        cwd=folder,
        env=dict(environment),
        # so that its children can be ended with it
        start_new_session=True,
    )


def signal_group(child: Child, name: Literal["SIGTERM", "SIGKILL"]) -> None:
    """Send a signal to a program that leads a process group, and to everything in its group."""
    if hasattr(os, "killpg"):
        with suppress(ProcessLookupError, PermissionError):
            os.killpg(child.pid, getattr(signal, name))
    else:
        child.terminate()


class _Reader(threading.Thread):
    """Reads a pipe to its end; at the limit it calls ``on_full`` and stops, or without that keeps the end alone."""

    def __init__(self, pipe: IO[bytes] | None, limit: int, on_full: Callable[[], None] | None = None) -> None:
        super().__init__(name="cce-program", daemon=True)
        assert pipe is not None
        self.is_full = False
        self._pipe = pipe
        self._limit = limit
        self._on_full = on_full
        self._data = bytearray()
        self.start()

    @property
    def text(self) -> str:
        return bytes(self._data).decode("utf-8", "replace")

    def run(self) -> None:
        with self._pipe:
            while not self.is_full and (piece := self._pipe.read(_PIECE)):
                self._data += piece
                if len(self._data) > self._limit:
                    if self._on_full is None:
                        del self._data[: -self._limit]
                    else:
                        self.is_full = True
                        self._on_full()
