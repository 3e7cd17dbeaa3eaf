"""What the tests need beyond the package: missing, it skips a test on a laptop and fails it in CI."""

from __future__ import annotations

import importlib
import os
import shutil
from typing import TYPE_CHECKING

import pytest

if TYPE_CHECKING:
    from types import ModuleType


def require_module(name: str) -> ModuleType:
    """Import ``name``; where it is missing, skip, or fail if ``CCE_REQUIRE_TOOLCHAINS`` is 1."""
    try:
        return importlib.import_module(name)
    except ImportError as error:
        if os.environ.get("CCE_REQUIRE_TOOLCHAINS") == "1":
            pytest.fail(f"CCE_REQUIRE_TOOLCHAINS=1, but {name} cannot be imported: {error}", pytrace=False)
        pytest.skip(f"needs {name}, which is not installed: {error}", allow_module_level=True)


def require_program(name: str) -> str:
    """Find the program ``name``; where it is missing, skip, or fail if ``CCE_REQUIRE_TOOLCHAINS`` is 1."""
    found = shutil.which(name)
    if found is None and os.environ.get("CCE_REQUIRE_TOOLCHAINS") == "1":
        pytest.fail(f"CCE_REQUIRE_TOOLCHAINS=1, but there is no program {name}", pytrace=False)
    return found or pytest.skip(f"needs the program {name}, which is not installed", allow_module_level=True)
