"""A credential is masked at the very start of a run and at its very end, when pytest's own hooks are not there."""

from __future__ import annotations

import sys
import threading
import warnings
from typing import TYPE_CHECKING

import pytest

from tests.plugin.projects import LIVE

if TYPE_CHECKING:
    from tests.conftest import Run

IN_A_THREAD = """
import threading, warnings

def fail(): raise RuntimeError(f"reason {TOKEN}")

def in_a_thread():
    thread = threading.Thread(target=fail, name=f"named {TOKEN}")
    thread.start()
    thread.join()

class Broken:
    def __del__(self): raise RuntimeError(f"reason {TOKEN}")
    def __repr__(self): return f"object {TOKEN}"

def show_all():
    warnings.warn(f"warning {TOKEN}")
    in_a_thread()
    Broken()
"""
WHERE = {
    "at the import": "show_all()",
    "at configure": "def pytest_configure(): show_all()",
    "in a session hook": "def pytest_sessionstart(): show_all()",
    "in the last session hook": "@pytest.hookimpl(trylast=True)\ndef pytest_sessionfinish(): show_all()",
    "at unconfigure": "def pytest_unconfigure(): show_all()",
    "at the last cleanup": "def pytest_configure(config): config.add_cleanup(lambda: show_all())",
}


@pytest.mark.parametrize("where", WHERE.values(), ids=WHERE)
def test_what_nobody_catches_is_masked(watched: Run, where: str) -> None:
    # what a conftest.py writes when it is imported is captured, and shown if that fails
    shown = "" if where == "show_all()" else "***"
    watched("def test_it(): pass", conftest=IN_A_THREAD + where, shown=shown, apart=True)


@pytest.mark.parametrize("more", [(), ("-p", "no:threadexception"), ("-n", "1")], ids=["", "alone", "workers"])
def test_the_name_of_a_thread_is_masked(watched: Run, more: tuple[str, ...]) -> None:
    watched(IN_A_THREAD + "def test_it(): in_a_thread()", "-rP", *more, apart=True)


def test_the_hooks_of_python_are_given_back(pytester: pytest.Pytester) -> None:
    before = warnings.showwarning, threading.excepthook, sys.unraisablehook
    pytester.makepyfile("def test_it(): pass")
    result = pytester.runpytest_inprocess(*LIVE, "--cce-endpoint=http://127.0.0.1:9")
    assert result.ret == 0
    assert (warnings.showwarning, threading.excepthook, sys.unraisablehook) == before


def test_a_simulated_run_leaves_the_hooks_of_python_alone(pytester: pytest.Pytester) -> None:
    pytester.makeconftest("import warnings\n\ndef pytest_configure(): print(f'is {warnings.showwarning.__module__}')")
    result = pytester.runpytest_inprocess()
    result.stdout.fnmatch_lines(["*is warnings"])
