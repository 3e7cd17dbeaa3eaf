"""The package as it is written: each module's file and syntax tree, by its dotted name."""

from __future__ import annotations

import ast
from pathlib import Path
from typing import Final

import pytest_cce_precheck

PACKAGE: Final = Path(pytest_cce_precheck.__file__).parent
MODULES: Final = {
    ".".join(path.relative_to(PACKAGE.parent).with_suffix("").parts).removesuffix(".__init__"): path
    for path in sorted(PACKAGE.rglob("*.py"))
}
TREES: Final = {name: ast.parse(path.read_text("utf-8")) for name, path in MODULES.items()}


def part_of(module: str) -> str:
    """Return what stands right below the package: ``wire`` for ``pytest_cce_precheck.wire.body``."""
    return module.removeprefix("pytest_cce_precheck").removeprefix(".").partition(".")[0]
