"""The lowest versions that pyproject.toml declares, as constraints for pip: ``python tests/lowest.py >lowest.txt``."""

from __future__ import annotations

import tomllib
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final

from packaging.requirements import Requirement
from packaging.utils import canonicalize_name

if TYPE_CHECKING:
    from collections.abc import Iterator

PYPROJECT: Final[dict[str, Any]] = tomllib.loads(
    (Path(__file__).resolve().parents[1] / "pyproject.toml").read_text("utf-8")
)


def requirements(*extras: str) -> Iterator[Requirement]:
    """Yield what the package requires, and what each of the extras does."""
    project = PYPROJECT["project"]
    for each in (project["dependencies"], *map(project["optional-dependencies"].get, extras)):
        yield from map(Requirement, each)


def developers_requirements() -> Iterator[Requirement]:
    """Yield what the tests require."""
    groups = PYPROJECT["dependency-groups"]
    included = [name["include-group"] for name in groups["test"] if isinstance(name, dict)]
    for each in (groups["test"], *map(groups.get, included)):
        yield from (Requirement(text) for text in each if isinstance(text, str))


def lowest_version(requirement: Requirement) -> str | None:
    """Return the version that a requirement begins with; None if any version will do."""
    return next((each.version for each in requirement.specifier if each.operator == ">="), None)


if __name__ == "__main__":
    every = (*requirements("fast", "report", "sdk"), *developers_requirements())
    minima = {canonicalize_name(each.name): lowest_version(each) for each in every}
    print("\n".join(f"{name}=={version}" for name, version in sorted(minima.items()) if version))
