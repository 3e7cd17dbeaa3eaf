"""Programs on the vendor's SDKs: where they are written to, how they are started, and with which environment."""

from __future__ import annotations

import os
import re
import shutil
import sys
from typing import TYPE_CHECKING

from pytest_cce_precheck.sdk.driver import INHERITED_VARIABLES
from tests.sdk.fakes import DRIVERS, require_programs
from tests.toolchains import require_module

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping
    from pathlib import Path


def _python(folder: Path, program: str) -> list[str]:
    require_module("huaweicloudsdkcce.v3")
    (folder / "program.py").write_text(program, encoding="utf-8")
    return [sys.executable, "program.py"]


def _go(folder: Path, program: str) -> list[str]:
    require_programs(("go", str(DRIVERS / "go" / "cce-driver")))
    (folder / "main.go").write_text(program, encoding="utf-8")
    for name in ("go.mod", "go.sum"):
        shutil.copy(DRIVERS / "go" / name, folder)
    return ["go", "run", "."]


def _java(folder: Path, program: str) -> list[str]:
    target = DRIVERS / "java" / "target"
    require_programs(("java", str(target / "cce-driver.jar")))
    found = re.search(r"^(?:public )?class (\w+)", program, re.MULTILINE)
    assert found is not None
    (folder / f"{found[1]}.java").write_text(program, encoding="utf-8")
    return ["java", "-cp", f"{target}/cce-driver.jar{os.pathsep}{target}/lib/*", f"{found[1]}.java"]


LANGUAGES: dict[str, Callable[[Path, str], list[str]]] = {"python": _python, "go": _go, "java": _java}
"""For each language, what writes a program to a folder and returns the command that runs it there."""


def environment(variables: Mapping[str, str]) -> dict[str, str]:
    """Return what a program gets: what a driver inherits, UTF-8, and ``variables``."""
    inherited = {name: text for name, text in os.environ.items() if name in INHERITED_VARIABLES}
    utf_8 = {"PYTHONUTF8": "1", "JAVA_TOOL_OPTIONS": "-Dfile.encoding=UTF-8 -Dstdout.encoding=UTF-8"}
    return {**inherited, **utf_8, **variables}
