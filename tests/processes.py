"""The command ``cce-precheck serve`` in a process of its own."""

from __future__ import annotations

import json
import os
import selectors
import subprocess
import sys
from contextlib import contextmanager
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from collections.abc import Iterator

READY = 30.0


def start(*arguments: str) -> subprocess.Popen[str]:
    words = [sys.executable, "-m", "pytest_cce_precheck.cli", "serve", *arguments]
    return subprocess.Popen(words, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True, env=dict(os.environ))


def first_line(process: subprocess.Popen[str]) -> str:
    """Wait, but not for ever, until the service says that it listens."""
    assert process.stdout is not None
    with selectors.DefaultSelector() as selector:
        selector.register(process.stdout, selectors.EVENT_READ)
        assert selector.select(READY), "the service said nothing"
    return process.stdout.readline()


@contextmanager
def service(*arguments: str) -> Iterator[dict[str, Any]]:
    """Run the service while the block runs; gives what it says of itself."""
    process = start("--json", *arguments)
    try:
        yield json.loads(first_line(process))
    finally:
        process.terminate()
        process.communicate(timeout=READY)
