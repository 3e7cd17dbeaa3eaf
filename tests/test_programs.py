"""Programs that are run for what they print: neither they nor what they start can hold up the run."""

from __future__ import annotations

import ast
import os
import select
import subprocess
import sys
import threading
import traceback
from typing import TYPE_CHECKING, Any

import pytest

from pytest_cce_precheck import _programs
from pytest_cce_precheck._programs import ProgramResult, run
from pytest_cce_precheck.transport.tokens import Issued, TokenCommand, TokenError
from pytest_cce_precheck.wire.credentials import Secret
from tests.odd_files import outcome
from tests.source import TREES

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

# a program that holds the pipe ``lifeline``, as all that it starts do
HOLDS = "import os, sys, time; held = os.open({lifeline!r}, os.O_WRONLY); os.write(held, b'here'); "
STARTS = HOLDS + "child = os.fork(); child or time.sleep(60); "
# the other one has left the group before the program ends
LOSES = (
    "import os, sys; reads, writes = os.pipe()\n"
    "if not os.fork(): os.setsid(); os.write(writes, b'x'); open({lifeline!r}).read(); os._exit(0)\n"
    "os.read(reads, 1); "
)


@pytest.fixture
def lifeline(tmp_path: Path) -> Iterator[Lifeline]:
    with Lifeline(tmp_path / "lifeline") as lifeline:
        yield lifeline


class Lifeline:
    """A named pipe that ends when all who hold it are gone."""

    def __init__(self, path: Path) -> None:
        self.path = str(path)

    def __enter__(self) -> Lifeline:
        os.mkfifo(self.path)
        self._reads = os.open(self.path, os.O_RDONLY | os.O_NONBLOCK)
        return self

    def __exit__(self, *_: object) -> None:
        os.close(self._reads)

    def has_ended(self) -> bool:
        """Whether somebody held it, and nobody does within some seconds."""
        read = b""
        while select.select([self._reads], [], [], 20)[0]:
            piece = os.read(self._reads, 100)
            if not piece:
                return read == b"here"
            read += piece
        return False


def program(code: str, *, timeout: float = 30, limit: int = 1000) -> ProgramResult:
    ended = outcome(lambda: run((sys.executable, "-S", "-c", code), os.environ, timeout=timeout, limit=limit))
    assert isinstance(ended, ProgramResult), ended
    return ended


def token(code: str, **options: Any) -> Any:
    return outcome(TokenCommand((sys.executable, "-S", "-c", code), os.environ, **options))


def test_status_and_both_outputs_are_given_and_nothing_of_them_is_shown() -> None:
    ended = program("import sys; print('PLANTED'); sys.stderr.write('complaint'); sys.exit(3)")
    assert (ended.status, ended.output, ended.complaint, ended.problem) == (3, "PLANTED\n", "complaint", "")
    assert "PLANTED" not in repr(ended)


def test_there_is_nothing_to_read_for_it() -> None:
    assert program("import sys; print(sys.stdin.read() == '')").output == "True\n"


@pytest.mark.parametrize(("printed", "problem"), [(1000, ""), (1001, "printed more than 1,000 bytes")])
def test_only_so_much_is_taken(printed: int, problem: str) -> None:
    assert program(f"print('x' * {printed}, end='')").problem == problem


def test_a_program_that_prints_without_end_is_ended() -> None:
    ended = program("while True: print('x' * 1000)", timeout=15)
    assert (ended.problem, ended.status) == ("printed more than 1,000 bytes", -9)


def test_of_a_complaint_without_end_the_end_is_kept() -> None:
    code = "import sys; sys.stderr.write('x' * 1_000_000 + 'last words'); print('T')"
    ended = program(code)
    assert (ended.output, ended.problem) == ("T\n", "")
    assert ended.complaint.endswith("xlast words")
    assert len(ended.complaint) <= 65_536 * 2
    endless = program("import sys\nwhile True: sys.stderr.write('x' * 1000)", timeout=0.5)
    assert endless.problem == "did not end within 0.5 s"


def test_what_a_program_leaves_running_is_ended_with_it(lifeline: Lifeline) -> None:
    issued = token(STARTS.format(lifeline=lifeline.path) + "print('T')", timeout=15)
    assert issued == Issued(Secret("T"))
    assert lifeline.has_ended()


def test_a_program_that_takes_too_long_is_ended_with_all_that_it_started(lifeline: Lifeline) -> None:
    error = token(STARTS.format(lifeline=lifeline.path) + "print('T', flush=True); time.sleep(60)", timeout=1)
    assert isinstance(error, TokenError)
    assert str(error).endswith(" did not end within 1 s")
    assert lifeline.has_ended()


def test_a_token_of_absurd_length_is_refused(lifeline: Lifeline) -> None:
    error = token(HOLDS.format(lifeline=lifeline.path) + "\nwhile True: print('T' * 1000)", timeout=15)
    assert isinstance(error, TokenError)
    assert str(error).endswith(" printed more than 65,536 bytes")
    assert lifeline.has_ended()


def test_an_interrupted_program_is_ended_with_all_that_it_started(
    lifeline: Lifeline, monkeypatch: pytest.MonkeyPatch
) -> None:
    wait = subprocess.Popen.wait

    def interrupted(child: subprocess.Popen[bytes], timeout: float | None = None) -> int:
        monkeypatch.undo()
        # it has begun
        assert select.select([lifeline._reads], [], [], 20)[0]
        raise KeyboardInterrupt

    monkeypatch.setattr(subprocess.Popen, "wait", interrupted)
    error = outcome(
        lambda: run(
            (sys.executable, "-S", "-c", STARTS.format(lifeline=lifeline.path) + "time.sleep(60)"),
            os.environ,
            timeout=60,
            limit=1000,
        )
    )
    assert isinstance(error, KeyboardInterrupt)
    assert subprocess.Popen.wait is wait
    assert lifeline.has_ended()


def test_an_interruption_shows_neither_the_words_nor_the_environment_nor_what_was_printed(
    lifeline: Lifeline, monkeypatch: pytest.MonkeyPatch
) -> None:
    def interrupted(*_: object) -> int:
        monkeypatch.undo()
        raise KeyboardInterrupt

    monkeypatch.setattr(subprocess.Popen, "wait", interrupted)
    words = (sys.executable, "-S", "-c", "print('PLANTED')", "--password=PLANTED")
    error = outcome(TokenCommand(words, {"VAULT_TOKEN": "PLANTED"}))
    assert isinstance(error, KeyboardInterrupt)
    shown = "".join(traceback.TracebackException.from_exception(error, capture_locals=True).format())
    [_, below] = shown.split("in __call__")
    assert "environment = <Environment>" in below
    assert "PLANTED" not in below


def test_what_has_left_the_group_and_holds_the_pipes_does_not_hold_up_the_run(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(_programs, "_GRACE", 0.3)
    os.mkfifo(tmp_path / "pipe")
    held = os.open(tmp_path / "pipe", os.O_RDWR)
    try:
        ended = program(LOSES.format(lifeline=str(tmp_path / "pipe")) + "print('T')")
    finally:
        os.close(held)
    assert (ended.status, ended.output, ended.problem) == (0, "T\n", "")
    for thread in threading.enumerate():
        if thread.name == "cce-program":
            thread.join(20)
            assert not thread.is_alive()


def test_where_there_are_no_groups_the_program_itself_is_ended(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delattr(os, "killpg")
    assert program("import time; time.sleep(60)", timeout=0.3).problem == "did not end within 0.3 s"


@pytest.mark.parametrize("name", [name for name in TREES if name.rpartition(".")[2] not in {"_programs", "driver"}])
def test_programs_are_started_in_one_module_and_that_of_drivers(name: str) -> None:
    imported = [ast.unparse(node) for node in ast.walk(TREES[name]) if isinstance(node, ast.Import | ast.ImportFrom)]
    assert "import subprocess" not in imported
