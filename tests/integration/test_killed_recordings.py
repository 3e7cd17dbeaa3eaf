"""A recording that is killed at any moment loses no cassette and leaves no file that is not whole."""

from __future__ import annotations

import os
import random
import re
import signal
import subprocess
import sys
import threading
import time
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING

from pytest_cce_precheck._files import sweep
from pytest_cce_precheck.cassette.format import dumps, loads
from tests.integration import endless_recorder
from tests.integration.endless_recorder import SIZES, record
from tests.recordings import files_in

if TYPE_CHECKING:
    from collections.abc import Iterator

# KILLED_RECORDINGS=200 takes a minute
KILLS = int(os.environ.get("KILLED_RECORDINGS", "30"))

CASSETTES = {f"{name}.json" for name in SIZES}


@contextmanager
def recorder(folder: Path) -> Iterator[subprocess.Popen[str]]:
    words = [sys.executable, str(Path(endless_recorder.__file__)), str(folder)]
    with subprocess.Popen(words, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True) as process:
        yield process
        assert process.stdin is not None
        process.stdin.close()
    assert process.returncode == 0


def kill_after(process: subprocess.Popen[str], seconds: float, name: str) -> None:
    """Let a child record for that long, and kill it."""
    assert process.stdin is not None
    assert process.stdout is not None
    process.stdin.write(f"{name}\n")
    process.stdin.flush()
    child = int(process.stdout.readline())
    threading.Event().wait(seconds)
    os.kill(child, signal.SIGKILL)
    assert process.stdout.readline() == "dead\n"


def recording_in(content: bytes) -> str:
    """Return the name of the recording that a file holds, which is whole."""
    text = content.decode()
    cassette = loads(text, "")
    assert dumps(cassette.origin, list(cassette), redacted=True) == text
    assert len(cassette) in SIZES.values()
    return str(cassette.origin.test)


def test_whenever_it_is_killed_every_cassette_is_there_and_every_file_is_whole(tmp_path: Path) -> None:
    for name in ("the first", "the second"):
        started = time.monotonic()
        for cassette, calls in SIZES.items():
            record(tmp_path / f"{cassette}.json", name, calls)
    longest = time.monotonic() - started
    # the same moments every time, as far as a machine has the same moments
    moments, seen, left = random.Random(0), set[str](), set[str]()
    with recorder(tmp_path) as process:
        for number in range(KILLS):
            kill_after(process, moments.uniform(0, longest), str(number))
            files = files_in(tmp_path)
            assert files.keys() >= CASSETTES
            seen |= {recording_in(content) for content in files.values()}
            left |= files.keys() - CASSETTES
    assert all(re.fullmatch(r"(folder/)?\.cce-[0-9a-f]{16}\.tmp", name) for name in left)
    # they were not all killed before their first recording was done
    assert len(seen) > len(SIZES)
    sweep(tmp_path)
    assert files_in(tmp_path).keys() == CASSETTES
