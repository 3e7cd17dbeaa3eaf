"""The cassettes of a folder: those that can be read, and why the others cannot."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from pytest_cce_precheck.cassette import files
from pytest_cce_precheck.errors import CassetteError, ConfigurationError

if TYPE_CHECKING:
    from pathlib import Path

    from pytest_cce_precheck.cassette.format import Cassette


@dataclass(frozen=True)
class Found:
    """A file of a folder, by its path within it; either the cassette or what is wrong with it is there."""

    name: str
    path: Path
    cassette: Cassette | None
    problem: str = ""


def cassettes_in(folder: Path) -> list[Found]:
    """Read every cassette of a folder, sorted; raises `ConfigurationError` if there is no such folder."""
    refuse_no_folder(folder)
    return [_read(path, folder) for path in files.cassettes(folder)]


def readable(found: Found) -> Found:
    """Return what was found, and where one of its recordings cannot be read no cassette, but what is wrong with it."""
    try:
        # each recording is parsed when it is asked for
        for _ in found.cassette or ():
            pass
    except CassetteError as error:
        return Found(found.name, found.path, None, str(error))
    return found


def refuse_no_folder(folder: Path) -> None:
    """Raise `ConfigurationError` where there is no such folder."""
    if not folder.is_dir():
        what = "is no folder" if folder.exists() else "is not there"
        raise ConfigurationError(f"{folder} {what}; expected a folder of cassettes, as --cce-mode=record makes one")


def _read(path: Path, folder: Path) -> Found:
    name = path.relative_to(folder).as_posix()
    try:
        return Found(name, path, files.read(path))
    except CassetteError as error:
        return Found(name, path, None, str(error))
