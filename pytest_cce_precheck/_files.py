"""Every file that the tool reads or writes: regular and of a bounded size, and written whole or not at all.

No other module opens a file of the user; a test keeps it so.
"""

from __future__ import annotations

import errno
import os
import re
import secrets
import stat
from contextlib import suppress
from pathlib import Path
from typing import IO, TYPE_CHECKING, Final

from pytest_cce_precheck.errors import ConfigurationError, MissingFileError

if TYPE_CHECKING:
    from typing import BinaryIO

LARGEST: Final = 64 * 1024 * 1024
"""How many bytes a file may have if nothing else is said."""

_PIECE: Final = 1024 * 1024
_TRIES: Final = 5
# what whoever starts the process gives it to read: standard input, or `<(command)` of a shell
_GIVEN: Final = re.compile(r"/dev/stdin|(/dev|/proc/self)/fd/\d+")
_UNFINISHED: Final = re.compile(r"\.cce-[0-9a-f]{16}\.tmp")
_KINDS: Final = (
    (stat.S_ISDIR, "a directory"),
    (stat.S_ISFIFO, "a named pipe"),
    (stat.S_ISSOCK, "a socket"),
    (stat.S_ISCHR, "a device"),
    (stat.S_ISBLK, "a device"),
)


def shown(path: Path) -> str:
    """Return a path for a message: relative to the working directory if it lies below it."""
    return str(path).removeprefix(os.getcwd() + os.sep)


# ---- reading


def read_bytes(path: Path, name: str, *, limit: int = LARGEST, way_out: str = "") -> bytes:
    """Return the content of a regular file of at most ``limit`` bytes; never wait for a named pipe or a device.

    ``name`` is what messages call it. Raises `ConfigurationError` (`MissingFileError` if there is no such file), whose
    message ends with ``way_out``.
    """
    is_given = bool(_GIVEN.fullmatch(str(path)))
    try:
        # opening a device may already do something to it
        _refuse_odd(os.stat(path), limit, or_pipe=is_given)
        with open(path, "rb", opener=None if is_given else _without_waiting) as file:
            # it may be another file by now
            _refuse_odd(os.fstat(file.fileno()), limit, or_pipe=is_given)
            return _bounded(file, limit)
    except (OSError, ValueError) as error:
        raise _error(error, name, "read", way_out) from None


def read_text(path: Path, name: str, *, limit: int = LARGEST, way_out: str = "", encoding: str = "utf-8") -> str:
    """Return the text of a file, under the same conditions as `read_bytes`."""
    data = read_bytes(path, name, limit=limit, way_out=way_out)
    try:
        return data.decode(encoding)
    except UnicodeDecodeError as error:
        raise _error(ValueError(f"byte {error.start} is not UTF-8"), name, "read", way_out) from None


def read_stream(stream: IO[bytes], name: str, *, limit: int = LARGEST) -> bytes:
    """Return what comes from a stream; raises `ConfigurationError` if that is more than ``limit`` bytes."""
    try:
        return _bounded(stream, limit)
    except OSError as error:
        raise _error(error, name, "read") from None


def refuse_odd(path: Path, name: str) -> None:
    """Raise `ConfigurationError` if there is something at ``path`` that is not a regular file."""
    try:
        _status_of(path)
    except (OSError, ValueError) as error:
        raise _error(error, name, "used") from None


def _bounded(stream: IO[bytes], limit: int) -> bytes:
    data = bytearray()
    # a file under /proc has no size, and another may grow while it is read
    while piece := stream.read(_PIECE):
        data += piece
        if len(data) > limit:
            raise OSError(errno.EFBIG, f"it has more than {limit:,} bytes; expected no more")
    return bytes(data)


def _refuse_odd(found: os.stat_result, limit: int | None = None, *, or_pipe: bool = False) -> None:
    expected = "a regular file" + (f" of at most {limit:,} bytes" if limit is not None else "")
    if not stat.S_ISREG(found.st_mode) and not (or_pipe and stat.S_ISFIFO(found.st_mode)):
        what = next((words for is_kind, words in _KINDS if is_kind(found.st_mode)), "something else")
        raise OSError(errno.EINVAL, f"it is {what}; expected {expected}")
    if limit is not None and found.st_size > limit:
        raise OSError(errno.EFBIG, f"it has {found.st_size:,} bytes; expected {expected}")


def _status_of(path: Path) -> os.stat_result | None:
    """Return the status of a regular file, None if there is nothing."""
    try:
        found = os.stat(path)
    except FileNotFoundError:
        return None
    _refuse_odd(found)
    return found


def _without_waiting(path: str, flags: int) -> int:
    # opening a pipe would wait for its other end; Windows has neither flag, nor pipes among its files
    return os.open(path, flags | getattr(os, "O_NONBLOCK", 0) | getattr(os, "O_NOCTTY", 0), 0o666)


def _error(error: Exception, name: str, done: str, way_out: str = "") -> ConfigurationError:
    kind = MissingFileError if isinstance(error, FileNotFoundError) else ConfigurationError
    reason = getattr(error, "strerror", None) or error
    return kind(f"{name} cannot be {done}: {reason}" + (f"; {way_out}" if way_out else ""))


# ---- writing


def write(path: Path, data: bytes, name: str, *, make_folders: bool = False) -> None:
    """Put ``data`` in place of what is at ``path``, at once: who reads meanwhile or after a crash sees old or new.

    A link stays a link, and the file keeps its owner and permissions. Raises `ConfigurationError` if it cannot be
    written; the old file is then as it was, and nothing else is left.
    """
    try:
        for left in reversed(range(_TRIES)):
            try:
                return _replace(path, data, make_folders=make_folders)
            except FileNotFoundError:
                # somebody who tidied up took the unfinished file, or the empty folder, for something left behind
                if not left:
                    raise
    except (OSError, ValueError) as error:
        raise _error(error, name, "written") from None


def append(path: Path, data: bytes, name: str) -> None:
    """Add ``data`` to a file, all of it or nothing; raises `ConfigurationError`."""
    try:
        _status_of(path)
        with open(path, "ab", buffering=0, opener=_without_waiting) as file:
            found = os.fstat(file.fileno())
            _refuse_odd(found)
            left = memoryview(data)
            try:
                while left:
                    left = left[file.write(left) :]
            except OSError:
                file.truncate(found.st_size)
                raise
    except (OSError, ValueError) as error:
        raise _error(error, name, "written") from None


def prepare(path: Path, name: str) -> None:
    """Raise `ConfigurationError` if `write` could not put a file at ``path`` now; nothing is changed."""
    try:
        target, old = _place_of(path)
        unfinished = _unfinished(target)
        _write_whole(unfinished, b"", old)
        unfinished.unlink()
    except (OSError, ValueError) as error:
        raise _error(error, name, "written") from None


def _replace(path: Path, data: bytes, *, make_folders: bool) -> None:
    target, old = _place_of(path)
    if make_folders:
        target.parent.mkdir(parents=True, exist_ok=True)
    unfinished = _unfinished(target)
    try:
        _write_whole(unfinished, data, old)
        unfinished.replace(target)
    except BaseException:
        with suppress(OSError):
            unfinished.unlink()
        raise


def _place_of(path: Path) -> tuple[Path, os.stat_result | None]:
    """Return where a file is to be put, links followed, and the status of what is there."""
    old = _status_of(path)
    if old is not None and not os.access(path, os.W_OK, effective_ids=os.access in os.supports_effective_ids):
        # the folder would let it be replaced, but somebody protected the file
        raise PermissionError(errno.EACCES, os.strerror(errno.EACCES))
    return Path(os.path.realpath(path)), old


def _unfinished(target: Path) -> Path:
    return target.with_name(f".cce-{secrets.token_hex(8)}.tmp")


def _write_whole(path: Path, data: bytes, old: os.stat_result | None) -> None:
    """Make a file appear with all its content, or not at all."""
    try:
        _write_nameless(path, data, old)
    except (AttributeError, OSError):
        # no such system, or a file system that has no files without a name
        with path.open("xb") as file:
            _write_through(file, data, old)


def _write_nameless(path: Path, data: bytes, old: os.stat_result | None) -> None:
    """Write to a file that has no name until it is whole: a process that is killed leaves nothing."""
    descriptor = os.open(path.parent, os.O_TMPFILE | os.O_WRONLY, 0o666)
    with os.fdopen(descriptor, "wb") as file:
        _write_through(file, data, old)
        # the descriptor of a folder is what makes Python follow the link; an absolute path does not use it
        os.link(f"/proc/self/fd/{descriptor}", path, src_dir_fd=descriptor, follow_symlinks=True)


def _write_through(file: BinaryIO, data: bytes, old: os.stat_result | None) -> None:
    file.write(data)
    file.flush()
    if old is not None and hasattr(os, "fchown"):
        # only root may give a file to somebody else
        with suppress(PermissionError):
            os.fchown(file.fileno(), old.st_uid, old.st_gid)
        os.fchmod(file.fileno(), stat.S_IMODE(old.st_mode))
    os.fsync(file.fileno())


# ---- removing


def sweep(folder: Path) -> None:
    """Remove the unfinished files that killed processes left; `write` makes anew what is taken from it."""
    for place, _, names in os.walk(folder):
        for name in filter(_UNFINISHED.fullmatch, names):
            # another process may have removed it, or (on Windows) still have it open
            with suppress(OSError):
                os.unlink(os.path.join(place, name))


def remove(path: Path, seen: os.stat_result) -> bool:
    """Remove the file that was ``seen`` at ``path``; return False if another has been put there since, which stays.

    Raises `OSError`.
    """
    aside = _unfinished(path)
    try:
        # only what is out of the way can be looked at and removed without a gap in between
        path.rename(aside)
    except FileNotFoundError:
        return True
    if _identity(os.lstat(aside)) == _identity(seen):
        aside.unlink()
        return True
    with suppress(FileExistsError):
        os.link(aside, path)
    aside.unlink()
    return False


def _identity(found: os.stat_result) -> tuple[int, ...]:
    return found.st_dev, found.st_ino, found.st_size, found.st_mtime_ns
