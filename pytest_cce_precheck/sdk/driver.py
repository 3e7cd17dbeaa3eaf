"""A driver as a process: started once, asked line by line within time limits, ended with the ``with`` block."""

from __future__ import annotations

import contextlib
import os
import queue
import shlex
import subprocess
import threading
from collections import deque
from time import monotonic
from typing import IO, TYPE_CHECKING, Final, Literal, TypeVar

from pytest_cce_precheck._programs import signal_group
from pytest_cce_precheck.environment import PROGRAMS, environment_of_child
from pytest_cce_precheck.errors import CcePrecheckError, ConfigurationError
from pytest_cce_precheck.redaction.texts import Redactor
from pytest_cce_precheck.sdk.protocol import ProtocolError, encode, read_answer, read_introduction, read_models
from pytest_cce_precheck.wire.body import MAX_BYTES

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping, Sequence

    from pytest_cce_precheck.sdk.protocol import DriverAnswer, DriverCall, Introduction
    from pytest_cce_precheck.wire.credentials import Credentials

T = TypeVar("T")
_Line = bytes | Literal["end", "floods"]
DriverReason = Literal["not-found", "hangs", "rubbish", "died", "floods", "out-of-order", "version"]

INHERITED_VARIABLES: Final = PROGRAMS | frozenset(
    ("JAVA_HOME", "GOCACHE", "GOPATH", "GOROOT", "GOMODCACHE", "GOFLAGS", "GOPROXY", "DOTNET_ROOT")
)
"""The variables that a driver inherits; beside them, its environment has its credentials only."""

GRACE_SECONDS: Final = 20.0
"""The seconds that a driver may take for an answer, beyond the timeouts of its call."""

_UNREAD_LINES: Final = 4
_EXIT_SECONDS: Final = 2.0
_POLL_SECONDS: Final = 0.25
_SHOWN_CHARACTERS: Final = 200
_REDACTED_BYTES: Final = 8 * 1024
_LOG_LINES: Final = 20
_LOG_LINE: Final = 500
_REMEDIES: Final[Mapping[DriverReason, str]] = {
    "not-found": "build the driver, or give its path",
    "hangs": "find out where it waits; if it is only slow, give it more time with --patience",
    "rubbish": "write each answer as one line of JSON, and all else, such as logs of the SDK, to standard error",
    "died": "see its standard error; answer the errors of the SDK, do not exit with them",
    "floods": "answer each message once, with one line",
    "out-of-order": "answer the messages in their order, each with its own id",
    "version": "build the driver for this version of the protocol",
}


class DriverError(CcePrecheckError):
    """A driver broke the protocol; ``reason`` is for programs, the text says what happened and what to do."""

    def __init__(self, reason: DriverReason, fact: str, text: str) -> None:
        super().__init__(text)
        self.reason: DriverReason = reason
        self.fact = fact


class Driver:
    """Runs ``command`` for the length of a ``with`` block, and sends it one message at a time.

    Its environment is ``credentials`` and the `INHERITED_VARIABLES` of ``environment``. The first answer may take
    ``grace`` seconds, any other ``tries`` times the call's own timeout and ``grace`` more. A `DriverError` ends the
    process and what it started; `start` starts it again.
    """

    def __init__(
        self,
        command: Sequence[str],
        credentials: Credentials,
        *,
        environment: Mapping[str, str] = os.environ,
        grace: float = GRACE_SECONDS,
        tries: int = 4,
    ) -> None:
        self.command = tuple(command)
        self._environment = {**environment_of_child(environment, INHERITED_VARIABLES), **_variables(credentials)}
        self._redactor = Redactor(credentials.secrets)
        self._grace = grace
        self._tries = tries
        self._number = -1
        self._lock = threading.Lock()
        self._cancelled = False
        self._process: _Process | None = None

    def __enter__(self) -> Driver:
        self.start()
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    def start(self) -> Introduction:
        """Start the program, after ending one that runs, and return how it introduces itself."""
        self.close()
        self._number = -1
        with self._lock:
            if self._cancelled:
                raise self._error("died", "was cancelled")
            try:
                self._process = _Process(self.command, self._environment)
            except OSError as error:
                raise self._error("not-found", f"could not be started: {error.strerror or error}") from None
        self.introduction = self._ask({"do": "hello"}, self._grace, read_introduction)
        return self.introduction

    def call(self, call: DriverCall) -> DriverAnswer:
        """Make a call through the SDK and return its result; raise `DriverError` if the driver fails."""
        return self._ask(call.message(), call.timeout * self._tries + self._grace, read_answer)

    def models(self) -> dict[str, dict[str, str]] | None:
        """Return the fields of the SDK's models with their types; None if the driver cannot describe them."""
        return self._ask({"do": "models"}, self._grace, read_models)

    def close(self) -> None:
        """End the program, by closing its input or else by force; may be called twice."""
        if self._process is not None:
            self._process.end()
            self._process = None

    def cancel(self) -> None:
        """End the program for good, while another thread may wait for it: that thread gets a `DriverError`."""
        with self._lock:
            self._cancelled = True
            process = self._process
        if process is not None:
            process.end()

    def _ask(self, message: Mapping[str, object], seconds: float, read: Callable[[bytes, int], T]) -> T:
        process = self._process
        if process is None:
            raise self._error("died", "has ended before this message")
        self._number += 1
        process.send(encode(self._number, message))
        try:
            line = process.next_line(seconds)
        except queue.Empty:
            raise self._error("hangs", f"gave no answer to message {self._number} within {seconds:g} s") from None
        if line == "floods":
            raise self._error("floods", f"sent more lines than expected, or one of more than {MAX_BYTES:,} bytes")
        if line == "end":
            status = process.status()
            ended = "closed its standard output" if status is None else f"ended with exit status {status}"
            raise self._error("died", f"{ended} before it answered message {self._number}")
        try:
            return read(line.rstrip(b"\r\n"), self._number)
        except ProtocolError as error:
            # half of a secret would not be recognised, so what is shown is cut last
            begins = line[:_REDACTED_BYTES].decode("utf-8", "replace").rstrip("\r\n")
            shown = self._redactor.text(begins)[:_SHOWN_CHARACTERS]
            raise self._error(error.reason, f"sent an invalid answer: {error}; it sent {shown!r}") from None

    def _error(self, reason: DriverReason, fact: str) -> DriverError:
        log = self._process.log if self._process else ()
        self.close()
        lines = [f"the driver `{shlex.join(self.command)}` {fact}"]
        if log:
            lines += ["  its standard error ends with", *(f"    {self._redactor.text(line)}" for line in log)]
        return DriverError(reason, f"the driver {fact}", "\n".join([*lines, f"  what to do: {_REMEDIES[reason]}"]))


class _Process:
    """The child with its three pipes, each served by a thread, since any of them may block for ever."""

    def __init__(self, command: Sequence[str], environment: Mapping[str, str]) -> None:
        self._child = subprocess.Popen(  # noqa: S603  the command is the user's own
            list(command),
            env=dict(environment),
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            # so that the programs that it starts can be ended with it
            start_new_session=True,
        )
        self._lines: queue.Queue[_Line] = queue.Queue()
        self.log: deque[str] = deque(maxlen=_LOG_LINES)
        self._to_send: queue.SimpleQueue[bytes | None] = queue.SimpleQueue()
        self._threads = [
            threading.Thread(target=work, args=(pipe,), name="cce-sdk-driver", daemon=True)
            for work, pipe in (
                (self._write, self._child.stdin),
                (self._read, self._child.stdout),
                (self._read_log, self._child.stderr),
            )
        ]
        for thread in self._threads:
            thread.start()

    def send(self, line: bytes) -> None:
        self._to_send.put(line)

    def next_line(self, seconds: float) -> _Line:
        """Return the next line, or "end" if the child is gone; raise `queue.Empty` after ``seconds``."""
        deadline = monotonic() + seconds
        while True:
            gone = self._child.poll() is not None
            left = deadline - monotonic()
            try:
                return self._lines.get(timeout=max(0.0, min(left, _EXIT_SECONDS if gone else _POLL_SECONDS)))
            except queue.Empty:
                # the pipe stays open as long as a grandchild holds it
                if gone:
                    return "end"
                if left <= 0:
                    raise

    def status(self) -> int | None:
        """Return the exit status of a child that is about to end, None if it goes on."""
        with contextlib.suppress(subprocess.TimeoutExpired):
            return self._child.wait(_EXIT_SECONDS)
        return None

    def end(self) -> None:
        self._to_send.put(None)
        if self.status() is None:
            signal_group(self._child, "SIGTERM")
        if self.status() is None:
            signal_group(self._child, "SIGKILL")
            self._child.wait()
        self._join()
        if any(thread.is_alive() for thread in self._threads):
            # a program that the child started still holds its pipes
            signal_group(self._child, "SIGKILL")
            self._join()

    def _join(self) -> None:
        for thread in self._threads:
            thread.join(_EXIT_SECONDS)

    def _write(self, pipe: IO[bytes]) -> None:
        # if the child is gone, the wait for its answer says so
        with contextlib.suppress(OSError), pipe:
            while (line := self._to_send.get()) is not None:
                pipe.write(line)
                pipe.flush()

    def _read(self, pipe: IO[bytes]) -> None:
        with pipe:
            while line := pipe.readline(MAX_BYTES + 1):
                if len(line) > MAX_BYTES or self._lines.qsize() >= _UNREAD_LINES:
                    self._lines.put("floods")
                    return
                self._lines.put(line)
        self._lines.put("end")

    def _read_log(self, pipe: IO[bytes]) -> None:
        with pipe:
            while line := pipe.readline(_LOG_LINE):
                self.log.append(line.decode("utf-8", "replace").rstrip("\r\n"))


def _variables(credentials: Credentials) -> dict[str, str]:
    named = {
        "access_key": "HUAWEICLOUD_SDK_AK",
        "secret_key": "HUAWEICLOUD_SDK_SK",
        "security_token": "HUAWEICLOUD_SDK_SECURITY_TOKEN",
        "token": "CCE_AUTH_TOKEN",
    }
    return {named[name]: text for name, text in credentials.revealed().items() if text}


def driver_command(text: str) -> tuple[str, ...]:
    """Split the command of a driver as a shell would; raise `ConfigurationError` if it is empty or malformed."""
    try:
        words = tuple(shlex.split(text))
    except ValueError as error:
        raise ConfigurationError(f"the driver's command {text!r} cannot be read: {error}") from None
    if not words:
        raise ConfigurationError("the driver's command is empty: give the program to start")
    return words
