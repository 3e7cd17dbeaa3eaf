"""Drivers that are small Python scripts: correct ones, hostile ones, ones with a single defect."""

from __future__ import annotations

import os
import sys
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

from pytest_cce_precheck.sdk.protocol import DriverCall
from pytest_cce_precheck.sdk.run import corpus_credentials
from tests.toolchains import require_program

if TYPE_CHECKING:
    from collections.abc import Sequence

DRIVERS = Path(__file__).resolve().parent.parent.parent / "drivers"
FAKE_SDK = Path(__file__).with_name("fake_sdk.py")
CREDENTIALS = corpus_credentials()
CALL = DriverCall("http://127.0.0.1:9", "p", "c")

_START = """
import json, os, sys

def say(message, **members):
    print(json.dumps({"protocol": 1, "id": message["id"], **members}), flush=True)

def hello(message, **members):
    introduction = {
        "language": "Fake 1", "sdk": {"name": "fake", "version": "1.0"},
        "operations": ["list", "create"], "authentication": ["ak/sk", "temporary"],
    }
    say(message, **{**introduction, **members})

"""


def script(folder: Path, body: str) -> tuple[str, ...]:
    """Write a driver that runs ``body``, which has `say` and `hello`; return its command."""
    path = folder / "driver.py"
    path.write_text(_START + body, encoding="utf-8")
    # without the site the interpreter starts in half the time
    return sys.executable, "-S", "-E", str(path)


def answering(folder: Path, body: str) -> tuple[str, ...]:
    """Write a driver that introduces itself, and then runs ``body`` for each ``message``."""
    lines = "".join(f"        {line}\n" for line in (body or "pass").splitlines())
    loop = "for line in sys.stdin:\n    message = json.loads(line)\n"
    return script(folder, f"{loop}    if message['do'] == 'hello':\n        hello(message)\n    else:\n{lines}")


def fake_sdk(defect: str = "none") -> tuple[str, ...]:
    """Return the command of an SDK that does everything right but for one defect."""
    return sys.executable, str(FAKE_SDK), defect


def require_programs(words: Sequence[str]) -> tuple[str, ...]:
    """Return a driver's command; if a part is missing, skip the test, or fail it if CCE_REQUIRE_TOOLCHAINS is 1."""
    missing = [word for word in words if "/" in word and not Path(word).exists()]
    if missing and os.environ.get("CCE_REQUIRE_TOOLCHAINS") == "1":
        pytest.fail(f"CCE_REQUIRE_TOOLCHAINS=1, but there is no {missing[0]}", pytrace=False)
    if missing:
        pytest.skip(f"needs {missing[0]}, which is not built: see drivers/README.md")
    require_program(words[0])
    return tuple(words)
