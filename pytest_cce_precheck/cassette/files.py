"""The files of cassettes: one for each test, in one folder; written whole or not at all."""

from __future__ import annotations

import hashlib
import os
import re
from itertools import chain, takewhile
from pathlib import Path
from typing import TYPE_CHECKING, Final

from pytest_cce_precheck import _files
from pytest_cce_precheck._files import shown
from pytest_cce_precheck.cassette.format import MAX_CASSETTE, Cassette, loads
from pytest_cce_precheck.errors import CassetteCorruptError, CassetteMissingError, ConfigurationError, MissingFileError

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from pytest_cce_precheck.cassette.format import Origin

SUFFIX: Final = ".json"
# leaves room for the hash and the suffix within 255 bytes
_LONGEST: Final = 120
_ODD: Final = re.compile(r"[^A-Za-z0-9._\[\]=,+-]+")
# what Windows keeps for devices
_RESERVED: Final = re.compile(r"(con|prn|aux|nul|com\d|lpt\d)(\..*)?", re.IGNORECASE)


def file_name(module: str, test: str) -> str:
    """Return the name of a test's cassette: the module's path as folders, the test with its parameters as the file.

    A long or odd name is shortened, and a hash of the whole makes it unique.

    >>> file_name("tests/api/test_tasks.py", "TestList::test_types[addonStatic]")
    'tests/api/test_tasks/TestList.test_types[addonStatic].json'
    >>> file_name("test_a.py", "test_b[../x y]")
    'test_a/test_b[..-x-y]-c20bda61.json'
    """
    folders = [
        _plain(part) for part in module.removesuffix(".py").replace("\\", "/").split("/") if part not in ("", ".", "..")
    ]
    # the parameters' ids may have two colons too
    function, bracket, parameters = test.partition("[")
    return "/".join([*folders, _plain(function.replace("::", ".") + bracket + parameters) + SUFFIX])


def _plain(name: str) -> str:
    plain = _ODD.sub("-", name)
    if plain == name and len(plain) <= _LONGEST and not _RESERVED.fullmatch(plain) and not plain.startswith("."):
        return plain
    return f"{plain[:_LONGEST].lstrip('.')}-{hashlib.sha256(name.encode('utf-8', 'surrogatepass')).hexdigest()[:8]}"


def is_usable(name: str) -> bool:
    """Whether a cassette can have this name: a file can have it, and it does not lead out of its folder.

    >>> is_usable("api/tasks"), is_usable("../tasks")
    (True, False)
    """
    path = Path(name)
    try:
        os.fsencode(name)
    except ValueError:
        # half of a surrogate pair
        return False
    return bool(path.name) and not path.is_absolute() and ".." not in path.parts and "\x00" not in name


def place(folder: Path, name: str) -> Path:
    """Return the path of a cassette; raises `ConfigurationError` if that would lie outside ``folder``."""
    if not is_usable(name):
        raise ConfigurationError(
            f"the cassette {name!r} is not usable: expected a name within {shown(folder)}, without '..' and not"
            " absolute"
        )
    wanted = Path(name)
    path = folder / wanted.with_name(wanted.name if wanted.suffix == SUFFIX else wanted.name + SUFFIX)
    try:
        os.fsencode(path)
        # a link below the folder may lead anywhere
        if not any(map(os.path.islink, takewhile(folder.__ne__, chain([path], path.parents)))):
            return path
        target = path.resolve()
        if not target.is_relative_to(folder.resolve()):
            raise ValueError(f"a symbolic link leads out of {shown(folder)}, to {target}")
    except (OSError, RuntimeError, ValueError) as error:
        # RuntimeError before Python 3.13: a circle of symbolic links; ValueError: half of a surrogate pair
        raise ConfigurationError(f"the cassette {shown(path)} is not usable: {error}") from None
    return path


def read(path: Path, *, record_with: Callable[[Origin | None], str | None] = lambda _: None) -> Cassette:
    """Read a cassette; raises `CassetteMissingError` or `CassetteCorruptError`.

    ``record_with`` returns the command that would record it.
    """
    name = shown(path)
    try:
        return loads(bytes_of(path), name)
    except MissingFileError:
        command = record_with(None)
        way_out = f"; record it: {command}" if command else ""
        raise CassetteMissingError(f"there is no cassette {name}{way_out}") from None


def bytes_of(path: Path) -> bytes:
    """Return a cassette's file, which is UTF-8; raises `MissingFileError` or `CassetteCorruptError`."""
    name, way_out = f"the cassette {shown(path)}", "move it away, and record it again or in several tests"
    try:
        data = _files.read_bytes(path, name, limit=MAX_CASSETTE, way_out=way_out)
        # to decode takes ten times as long
        if not data.isascii():
            data.decode()
        return data
    except MissingFileError:
        # a ConfigurationError too, but nothing is corrupt
        raise
    except UnicodeDecodeError as error:
        raise CassetteCorruptError(f"{name} cannot be read: byte {error.start} is not UTF-8; {way_out}") from None
    except ConfigurationError as error:
        raise CassetteCorruptError(str(error)) from None


def write(path: Path, text: str) -> None:
    """Replace a cassette, whole or not at all; raises `ConfigurationError`."""
    _files.write(path, text.encode(), f"the cassette {shown(path)}", make_folders=True)


def cassettes(folder: Path) -> Iterator[Path]:
    """Yield every cassette in a folder and its subfolders, sorted; no link to a folder is followed."""
    found = (Path(each, name) for each, _, names in os.walk(folder) for name in names)
    yield from sorted(path for path in found if path.suffix == SUFFIX and not path.name.startswith("."))
