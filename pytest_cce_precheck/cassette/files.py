"""Where cassettes lie: one file a test, under one folder; written whole or not at all."""

from __future__ import annotations

import errno
import hashlib
import os
import re
import secrets
import stat
from pathlib import Path
from typing import TYPE_CHECKING, BinaryIO, Final

from pytest_cce_precheck.cassette.format import MAX_CASSETTE, Cassette, loads
from pytest_cce_precheck.errors import CassetteCorruptError, CassetteMissingError, ConfigurationError

if TYPE_CHECKING:
    from collections.abc import Iterator

SUFFIX: Final = ".json"
# leaves room for the hash, the suffix and the name of a file that is being written, within 255 bytes
_LONGEST: Final = 120
_ODD: Final = re.compile(r"[^A-Za-z0-9._\[\]=,+-]+")
# what Windows keeps for devices
_RESERVED: Final = re.compile(r"(con|prn|aux|nul|com\d|lpt\d)(\..*)?", re.IGNORECASE)
_WRITING: Final = re.compile(r"\.cce-[0-9a-f]{16}\.tmp")


def file_name(module: str, test: str) -> str:
    """Name the cassette of a test: the module's path as folders, the test with its parameters as the file.

    A long or odd name is shortened, and told from others by a hash of the whole.

    >>> file_name("tests/api/test_tasks.py", "TestList::test_types[addonStatic]")
    'tests/api/test_tasks/TestList.test_types[addonStatic].json'
    >>> file_name("test_a.py", "test_b[../x y]")
    'test_a/test_b[..-x-y]-c20bda61.json'
    """
    folders = [
        _plain(part) for part in module.removesuffix(".py").replace("\\", "/").split("/") if part not in ("", ".", "..")
    ]
    # the parameters' ids may hold two colons too
    function, bracket, parameters = test.partition("[")
    return "/".join([*folders, _plain(function.replace("::", ".") + bracket + parameters) + SUFFIX])


def _plain(name: str) -> str:
    plain = _ODD.sub("-", name)
    if plain == name and len(plain) <= _LONGEST and not _RESERVED.fullmatch(plain) and not plain.startswith("."):
        return plain
    return f"{plain[:_LONGEST].lstrip('.')}-{hashlib.sha256(name.encode('utf-8', 'surrogatepass')).hexdigest()[:8]}"


def place(folder: Path, name: str) -> Path:
    """Give the path of a cassette; raises `ConfigurationError` where that would lie outside ``folder``."""
    wanted = Path(name)
    if wanted.is_absolute() or ".." in wanted.parts or not wanted.name or "\x00" in name:
        raise ConfigurationError(
            f"the cassette {name!r} is not usable: expected a name within {shown(folder)}, without '..' and not"
            " absolute"
        )
    path = folder / wanted.with_name(wanted.name if wanted.suffix == SUFFIX else wanted.name + SUFFIX)
    try:
        os.fsencode(path)
        # a link in the folder may lead anywhere
        if not any(map(os.path.islink, _below(folder, path))):
            return path
        target = path.resolve()
        within = target.is_relative_to(folder.resolve())
    except (OSError, RuntimeError, ValueError) as error:
        # RuntimeError before Python 3.13: a symbolic link leads in a circle; ValueError: half a surrogate pair
        raise ConfigurationError(f"the cassette {shown(path)} is not usable: {error}") from None
    if not within:
        raise ConfigurationError(
            f"the cassette {shown(path)} is not usable: a symbolic link leads out of {shown(folder)}, to {target}"
        )
    return path


def _below(folder: Path, path: Path) -> Iterator[Path]:
    while path != folder:
        yield path
        path = path.parent


def shown(path: Path) -> str:
    """Give a path for a message: from the working directory, where it lies below."""
    return str(path).removeprefix(os.getcwd() + os.sep)


def read(path: Path, *, record_with: str | None = None) -> Cassette:
    """Read a cassette; raises `CassetteMissingError` where there is none, `CassetteCorruptError` where it is none.

    ``record_with`` is the command that would record it.
    """
    name = shown(path)
    way_out = f"; record it: {record_with}" if record_with else ""
    try:
        found = path.stat()
        if not stat.S_ISREG(found.st_mode):
            what = "a directory" if path.is_dir() else "no regular file"
            raise CassetteCorruptError(f"{name} is {what}; expected a cassette (JSON): move it away")
        size = found.st_size
        if size > MAX_CASSETTE:
            raise CassetteCorruptError(
                f"{name} has {size:,} bytes; a cassette has at most {MAX_CASSETTE:,}: split the test, or record less"
            )
        text = path.read_bytes().decode()
    except FileNotFoundError:
        raise CassetteMissingError(f"there is no cassette {name}{way_out}") from None
    except OSError as error:
        raise CassetteCorruptError(f"{name} cannot be read: {error.strerror}; check its permissions") from None
    except UnicodeDecodeError as error:
        raise CassetteCorruptError(f"{name} is no cassette: byte {error.start} is not UTF-8; record it again") from None
    return loads(text, name)


def write(path: Path, text: str, *, what: str = "cassette") -> None:
    """Put ``text`` in place of what is at ``path``, at once: whoever reads, or comes after a crash, sees old or new.

    Raises `ConfigurationError` where that cannot be; the old file is then as it was. ``what`` it is, is for messages.
    """
    try:
        if path.is_dir():
            raise IsADirectoryError(errno.EISDIR, "it is a directory")
        path.parent.mkdir(parents=True, exist_ok=True)
        finished = path.with_name(f".cce-{secrets.token_hex(8)}.tmp")
        try:
            _write_whole(finished, text.encode())
            finished.replace(path)
        except BaseException:
            finished.unlink(missing_ok=True)
            raise
    except OSError as error:
        raise ConfigurationError(f"the {what} {shown(path)} cannot be written: {error.strerror}") from None


def _write_whole(path: Path, data: bytes) -> None:
    """Make a file appear with all its content, or not at all."""
    try:
        _write_nameless(path, data)
    except (AttributeError, OSError):
        # no such system, or a file system that has no files without a name
        with path.open("xb") as file:
            _write_through(file, data)


def _write_nameless(path: Path, data: bytes) -> None:
    """Write to a file that has no name until it is whole: a process that is killed leaves nothing."""
    descriptor = os.open(path.parent, os.O_TMPFILE | os.O_WRONLY, 0o644)
    with os.fdopen(descriptor, "wb") as file:
        _write_through(file, data)
        # the descriptor of a folder is what makes Python follow the link; an absolute path does not use it
        os.link(f"/proc/self/fd/{descriptor}", path, src_dir_fd=descriptor, follow_symlinks=True)


def _write_through(file: BinaryIO, data: bytes) -> None:
    file.write(data)
    file.flush()
    os.fsync(file.fileno())


def cassettes(folder: Path) -> Iterator[Path]:
    """Give every cassette under a folder, sorted."""
    yield from sorted(path for path in folder.rglob(f"*{SUFFIX}") if not path.name.startswith("."))


def sweep(folder: Path) -> None:
    """Remove what a process that was killed between two steps left behind: whole files, never put in place."""
    for path in folder.rglob(".cce-*.tmp"):
        if _WRITING.fullmatch(path.name):
            path.unlink(missing_ok=True)
