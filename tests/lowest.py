"""The lowest versions that pyproject.toml declares, as constraints for pip: ``python tests/lowest.py >lowest.txt``."""

from __future__ import annotations

import tomllib
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final

from packaging.requirements import Requirement
from packaging.utils import canonicalize_name

if TYPE_CHECKING:
    from collections.abc import Iterator

PROJECT: Final[dict[str, Any]] = tomllib.loads(
    (Path(__file__).resolve().parents[1] / "pyproject.toml").read_text("utf-8")
)["project"]


def requirements(*extras: str) -> Iterator[Requirement]:
    """Yield what the package requires, and what each of the extras does."""
    for each in (PROJECT["dependencies"], *map(PROJECT["optional-dependencies"].get, extras)):
        yield from map(Requirement, each)


def lowest_version(requirement: Requirement) -> str | None:
    """Return the version that a requirement begins with; None if any version will do."""
    return next((each.version for each in requirement.specifier if each.operator == ">="), None)


if __name__ == "__main__":
    minima = {canonicalize_name(each.name): lowest_version(each) for each in requirements("fast", "sdk", "test")}
    print("\n".join(f"{name}=={version}" for name, version in sorted(minima.items()) if version))
