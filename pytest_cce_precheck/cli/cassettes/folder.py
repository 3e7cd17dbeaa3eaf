"""The cassettes of a folder: those that can be read, and why the others cannot."""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import TYPE_CHECKING

from pytest_cce_precheck.cassette import files
from pytest_cce_precheck.errors import CassetteError, ConfigurationError

if TYPE_CHECKING:
    from pathlib import Path

    from pytest_cce_precheck.cassette.format import Cassette


@dataclass(frozen=True)
class CassetteFile:
    """A file of a folder, by its path within it: either its cassette, or the problem with it."""

    name: str
    path: Path
    cassette: Cassette | None = None
    problem: str = ""


def cassettes_in(folder: Path) -> list[CassetteFile]:
    """Read every cassette of a folder, sorted; raises `ConfigurationError` if there is no such folder."""
    if not folder.is_dir():
        what = "is not a folder" if folder.exists() else "does not exist"
        raise ConfigurationError(f"{folder} {what}; expected a folder of cassettes, as --cce-mode=record makes one")
    return [_read(CassetteFile(path.relative_to(folder).as_posix(), path)) for path in files.cassettes(folder)]


def readable(file: CassetteFile) -> CassetteFile:
    """Return a file with the problem in place of its cassette if one of the recordings cannot be read."""
    try:
        # a recording is parsed when it is used
        for _ in file.cassette or ():
            pass
    except CassetteError as error:
        return replace(file, cassette=None, problem=str(error))
    return file


def _read(file: CassetteFile) -> CassetteFile:
    try:
        return replace(file, cassette=files.read(file.path))
    except CassetteError as error:
        return replace(file, problem=str(error))
