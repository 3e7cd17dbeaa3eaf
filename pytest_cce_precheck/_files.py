"""Every file that the tool reads or writes: regular, of a bounded size, and written whole or not at all.

No other module opens a file of the user; a test checks that.
"""

from __future__ import annotations

import errno
import os
import re
import stat
import tomllib
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import IO, Any, BinaryIO, Final

from pytest_cce_precheck.errors import ConfigurationError, MissingFileError

LARGEST: Final = 64 * 1024 * 1024
"""How many bytes a file may have by default."""

_PIECE: Final = 1024 * 1024
_TRIES: Final = 5
# a pipe that the process was started with: standard input, or `<(command)` of a shell
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


# ---- what the package brings along


def packaged(name: str) -> str:
    """Return the text of a file of this package, by its path within it."""
    # importlib.resources would take longer than to read them all
    return (Path(__file__).parent / name).read_text("utf-8")


def packaged_table(name: str) -> dict[str, Any]:
    """Return the content of a TOML file of this package, by its path within it."""
    return tomllib.loads(packaged(name))


# ---- reading


def read_bytes(path: Path, name: str, *, limit: int = LARGEST, way_out: str = "") -> bytes:
    """Return the content of a regular file of at most ``limit`` bytes, without waiting for a named pipe or a device.

    Messages call it ``name``. Raises `ConfigurationError` (`MissingFileError` if there is no such file), whose message
    ends with ``way_out``.
    """
    is_given = bool(_GIVEN.fullmatch(str(path)))
    with _naming(name, "read", way_out):
        # to open a device may already have an effect
        _refuse_odd(os.stat(path), limit, or_pipe=is_given)
        with open(path, "rb", opener=None if is_given else _without_waiting) as file:
            # it may have been replaced since
            found = os.fstat(file.fileno())
            _refuse_odd(found, limit, or_pipe=is_given)
            return _bounded(file, limit, found.st_size)


def read_text(path: Path, name: str, *, limit: int = LARGEST, way_out: str = "", encoding: str = "utf-8") -> str:
    """Return the text of a file; otherwise as `read_bytes`."""
    data = read_bytes(path, name, limit=limit, way_out=way_out)
    with _naming(name, "read", way_out):
        try:
            return data.decode(encoding)
        except UnicodeDecodeError as error:
            raise ValueError(f"byte {error.start} is not UTF-8") from None


def read_stream(stream: IO[bytes], name: str) -> bytes:
    """Return the content of a stream; raises `ConfigurationError` if it has more than `LARGEST` bytes."""
    with _naming(name, "read"):
        return _bounded(stream, LARGEST)


def refuse_odd(path: Path, name: str) -> None:
    """Raise `ConfigurationError` if ``path`` exists and is not a regular file."""
    with _naming(name, "used"):
        _status_of(path)


def _bounded(stream: IO[bytes], limit: int, size: int = 0) -> bytes:
    pieces, length = [], 0
    # a file in /proc has no size, and another may grow while it is read
    while piece := stream.read(size + 1 if size else _PIECE):
        pieces.append(piece)
        length += len(piece)
        if length > limit:
            raise OSError(errno.EFBIG, f"it has more than {limit:,} bytes; expected no more")
    return b"".join(pieces)


def _refuse_odd(found: os.stat_result, limit: int | None = None, *, or_pipe: bool = False) -> None:
    expected = "a regular file" + (f" of at most {limit:,} bytes" if limit is not None else "")
    if not stat.S_ISREG(found.st_mode) and not (or_pipe and stat.S_ISFIFO(found.st_mode)):
        what = next((words for is_kind, words in _KINDS if is_kind(found.st_mode)), "something else")
        raise OSError(errno.EINVAL, f"it is {what}; expected {expected}")
    if limit is not None and found.st_size > limit:
        raise OSError(errno.EFBIG, f"it has {found.st_size:,} bytes; expected {expected}")


def _status_of(path: Path) -> os.stat_result | None:
    """Return the status of a regular file, None if it does not exist."""
    try:
        found = os.stat(path)
    except FileNotFoundError:
        return None
    _refuse_odd(found)
    return found


def _without_waiting(path: str, flags: int) -> int:
    # without the flags, opening a pipe waits for its other end; Windows has neither flags nor such pipes
    return os.open(path, flags | getattr(os, "O_NONBLOCK", 0) | getattr(os, "O_NOCTTY", 0), 0o666)


@contextmanager
def _naming(name: str, done: str, way_out: str = "") -> Iterator[None]:
    """Turn errors within into a `ConfigurationError` that names a file."""
    try:
        yield
    except (OSError, ValueError) as error:
        kind = MissingFileError if isinstance(error, FileNotFoundError) else ConfigurationError
        reason = getattr(error, "strerror", None) or error
        raise kind(f"{name} cannot be {done}: {reason}" + (f"; {way_out}" if way_out else "")) from None


# ---- writing


def write(path: Path, data: bytes, name: str, *, make_folders: bool = False) -> None:
    """Replace the file at ``path`` atomically: during the write and after a crash, it is the old or the new one.

    A link stays a link, and the file keeps its owner and permissions. Raises `ConfigurationError` if it cannot be
    written; the old file is then unchanged, and nothing else is left.
    """
    with _naming(name, "written"):
        for left in reversed(range(_TRIES)):
            try:
                _replace(path, data, make_folders=make_folders)
                break
            except FileNotFoundError:
                # `sweep` in another process, or a user, removed the unfinished file or the empty folder
                if not left:
                    raise


def append(path: Path, data: bytes, name: str) -> None:
    """Append all of ``data`` to a file or nothing; raises `ConfigurationError`."""
    with _naming(name, "written"):
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


def prepare(path: Path, name: str) -> None:
    """Raise `ConfigurationError` if `write` could not write to ``path`` now; nothing is changed."""
    with _naming(name, "written"):
        target, old = _place_of(path)
        unfinished = _unfinished(target)
        _write_whole(unfinished, b"", old)
        unfinished.unlink()


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
    """Return a path with its links followed, and the status of the file there."""
    old = _status_of(path)
    if old is not None and not os.access(path, os.W_OK, effective_ids=os.access in os.supports_effective_ids):
        # the permissions of the folder would let it be replaced, but the file is write-protected
        raise PermissionError(errno.EACCES, os.strerror(errno.EACCES))
    return Path(os.path.realpath(path)), old


def _unfinished(target: Path) -> Path:
    return target.with_name(f".cce-{os.urandom(8).hex()}.tmp")


def _write_whole(path: Path, data: bytes, old: os.stat_result | None) -> None:
    """Create a file with all its content, or not at all."""
    try:
        _write_nameless(path, data, old)
    except (AttributeError, OSError):
        # the system or the file system has no files without a name
        with path.open("xb") as file:
            _write_through(file, data, old)


def _write_nameless(path: Path, data: bytes, old: os.stat_result | None) -> None:
    """Write to a file that gets its name at the end, so that a process that is killed leaves nothing."""
    descriptor = os.open(path.parent, os.O_TMPFILE | os.O_WRONLY, 0o666)
    with os.fdopen(descriptor, "wb") as file:
        _write_through(file, data, old)
        # only with a folder's descriptor does Python follow the link; an absolute path does not use it
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
    """Remove the unfinished files that killed processes left; `write` tries again if it loses one."""
    for place, _, names in os.walk(folder):
        for name in filter(_UNFINISHED.fullmatch, names):
            # another process may have removed it, or (on Windows) still have it open
            with suppress(OSError):
                os.unlink(os.path.join(place, name))


def remove(path: Path, seen: os.stat_result) -> bool:
    """Remove the file that was ``seen`` at ``path``; return False if it was replaced since, and keep the new one.

    Raises `OSError`.
    """
    aside = _unfinished(path)
    try:
        # once it is renamed, nobody can replace it between the comparison and the removal
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
