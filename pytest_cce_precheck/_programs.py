"""Programs that are run for what they print: for a bounded time, at a bounded length, ended with all they started."""

from __future__ import annotations

import os
import signal
import subprocess
import threading
from contextlib import suppress
from dataclasses import dataclass
from time import monotonic
from typing import IO, TYPE_CHECKING, Final, Literal

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping, Sequence
    from pathlib import Path

_PIECE: Final = 65_536
_COMPLAINT: Final = 65_536
# seconds for what a program has printed to be read once it is gone
_GRACE: Final = 2.0


@dataclass(frozen=True, repr=False)
class Ended:
    """What became of a program; ``problem`` says why it was ended, empty if it ended by itself.

    Nothing of it is shown: what a program prints may be secret.
    """

    status: int | None
    output: str
    complaint: str
    problem: str


def run(
    words: Sequence[str],
    environment: Mapping[str, str],
    *,
    patience: float,
    limit: int = 65_536,
    folder: Path | None = None,
) -> Ended:
    """Run a program without a shell and without input, and end all that it has started when it ends.

    It may take ``patience`` seconds and print ``limit`` bytes; of its standard error the end is kept. It works in
    ``folder``, in the working directory if none is given. Raises `OSError` or `ValueError` if it cannot be started.
    """
    child = subprocess.Popen(  # noqa: S603  no shell reads the words
        words,
        stdin=subprocess.DEVNULL,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        bufsize=0,
        cwd=folder,
        env=dict(environment),
        # so that what it starts can be ended with it
        start_new_session=True,
    )
    output = _Reader(child.stdout, limit, lambda: signal_group(child, "SIGKILL"))
    complaint = _Reader(child.stderr, _COMPLAINT)
    problem = ""
    try:
        child.wait(patience)
    except subprocess.TimeoutExpired:
        problem = f"did not end within {patience:g} s"
    finally:
        signal_group(child, "SIGKILL")
        with suppress(subprocess.TimeoutExpired):
            child.wait(_GRACE)
        deadline = monotonic() + _GRACE
        # a pipe does not end while a program that has left the group holds it
        for reader in (output, complaint):
            reader.join(max(0.0, deadline - monotonic()))
    if output.flooded:
        problem = f"printed more than {limit:,} bytes"
    return Ended(child.returncode, output.text, complaint.text, problem)


def signal_group(child: subprocess.Popen[bytes], name: Literal["SIGTERM", "SIGKILL"]) -> None:
    """Send a signal to a program that leads a group, and to all that it has started in it."""
    if hasattr(os, "killpg"):
        with suppress(ProcessLookupError, PermissionError):
            os.killpg(child.pid, getattr(signal, name))
    else:
        child.terminate()


class _Reader(threading.Thread):
    """Reads a pipe to its end; at the limit it calls ``full`` and stops, or without that forgets the beginning."""

    def __init__(self, pipe: IO[bytes] | None, limit: int, full: Callable[[], None] | None = None) -> None:
        super().__init__(name="cce-program", daemon=True)
        self.flooded = False
        self._pipe = pipe
        self._limit = limit
        self._full = full
        self._data = bytearray()
        self.start()

    @property
    def text(self) -> str:
        return bytes(self._data).decode("utf-8", "replace")

    def run(self) -> None:
        assert self._pipe is not None
        with self._pipe:
            while piece := self._pipe.read(_PIECE):
                self._data += piece
                if len(self._data) > self._limit:
                    if self._full is not None:
                        self.flooded = True
                        return self._full()
                    del self._data[: -self._limit]
        return None
