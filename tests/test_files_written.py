"""Files of the user are written whole or not at all, whatever happens beside."""

from __future__ import annotations

import errno
import os
import stat
import threading
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final

import pytest

from pytest_cce_precheck import _files
from pytest_cce_precheck._files import (
    append,
    prepare,
    remove,
    sweep,
    write,
)
from pytest_cce_precheck.cassette import files as cassette_files
from pytest_cce_precheck.drift import snapshot
from pytest_cce_precheck.errors import ConfigurationError
from pytest_cce_precheck.report.collect import write_report
from pytest_cce_precheck.report.files import write_to_github
from pytest_cce_precheck.report.record import RunRecord, TargetResult
from pytest_cce_precheck.sdk.cases import corpus_cases
from pytest_cce_precheck.sdk.corpus import export
from tests.odd_files import NOT_FILES, outcome, put, refusal
from tests.recordings import files_in

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from tests.conftest import Run

NOBODY: Final = 65534


# ---- written whole or not at all


def without_nameless_files(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delattr(os, "O_TMPFILE", raising=False)


@contextmanager
def no_room() -> Iterator[None]:
    """Let no file grow beyond one byte."""
    resource = pytest.importorskip("resource")
    before = resource.getrlimit(resource.RLIMIT_FSIZE)
    resource.setrlimit(resource.RLIMIT_FSIZE, (1, before[1]))
    try:
        yield
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, before)


NEW_REPORT: Final = RunRecord("live", {"": TargetResult("https://cce.example")})
WRITERS: Final[dict[str, Callable[[Path], Any]]] = {
    "a file": lambda path: write(path, b"new" * 100_000, "the file"),
    "a report": lambda path: write_report(path, NEW_REPORT),
    "a cassette": lambda path: cassette_files.write(path, "new"),
    "a snapshot": lambda path: snapshot.write(path, "new"),
}


@pytest.mark.parametrize("nameless", [True, False])
@pytest.mark.parametrize("writer", WRITERS)
def test_a_file_for_which_there_is_no_room_leaves_the_old_one_and_nothing_else(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, writer: str, *, nameless: bool
) -> None:
    path = tmp_path / "it.json"
    path.write_text("old")
    if not nameless:
        without_nameless_files(monkeypatch)
    with no_room():
        error = outcome(lambda: WRITERS[writer](path))
    assert isinstance(error, ConfigurationError)
    assert str(error).endswith(" cannot be written: File too large")
    assert files_in(tmp_path) == {"it.json": b"old"}


@pytest.mark.skipif(not os.path.exists("/dev/full"), reason="there is no device that is always full")
def test_a_full_disk_leaves_the_old_file_and_nothing_else(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    path = tmp_path / "it"
    path.write_text("old")
    with monkeypatch.context() as full:
        without_nameless_files(full)
        full.setattr(Path, "open", lambda *_, **__: os.fdopen(os.open("/dev/full", os.O_WRONLY), "wb"))
        assert refusal(write, path, b"new", "the file") == "the file cannot be written: No space left on device"
    assert files_in(tmp_path) == {"it": b"old"}


@pytest.mark.parametrize("nameless", [True, False])
@pytest.mark.parametrize("call", ["fsync", "replace"])
@pytest.mark.parametrize("interruption", [OSError(errno.ENOSPC, os.strerror(errno.ENOSPC)), KeyboardInterrupt()])
def test_what_goes_wrong_while_writing_leaves_the_old_file_and_nothing_else(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, interruption: BaseException, call: str, *, nameless: bool
) -> None:
    def interrupted(*_: object, **__: object) -> None:
        raise interruption

    path = tmp_path / "it"
    path.write_text("old")
    if not nameless:
        without_nameless_files(monkeypatch)
    monkeypatch.setattr(Path if call == "replace" else os, call, interrupted)
    expected = ConfigurationError if isinstance(interruption, OSError) else KeyboardInterrupt
    with pytest.raises(expected) as raised:
        write(path, b"new", "the file")
    if isinstance(interruption, OSError):
        assert str(raised.value) == "the file cannot be written: No space left on device"
    assert files_in(tmp_path) == {"it": b"old"}


@pytest.mark.parametrize("nameless", [True, False])
def test_a_new_file_takes_the_place_of_the_old_one_and_leaves_nothing_else(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, *, nameless: bool
) -> None:
    if not nameless:
        without_nameless_files(monkeypatch)
    for data in (b"old", b"new"):
        write(tmp_path / "it", data, "the file")
    assert files_in(tmp_path) == {"it": b"new"}


@pytest.mark.parametrize("nameless", [True, False])
def test_the_permissions_and_the_owner_of_the_old_file_stay(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, *, nameless: bool
) -> None:
    path = tmp_path / "it"
    if not nameless:
        without_nameless_files(monkeypatch)
    path.write_text("old")
    path.chmod(0o640)
    if os.geteuid() == 0:
        os.chown(path, NOBODY, NOBODY)
    before = path.stat()
    write(path, b"new", "the file")
    after = path.stat()
    assert path.read_bytes() == b"new"
    assert (after.st_mode, after.st_uid, after.st_gid) == (before.st_mode, before.st_uid, before.st_gid)


def test_a_new_file_has_the_permissions_that_the_umask_leaves(tmp_path: Path) -> None:
    before = os.umask(0o027)
    try:
        write(tmp_path / "it", b"new", "the file")
    finally:
        os.umask(before)
    assert stat.S_IMODE((tmp_path / "it").stat().st_mode) == 0o640


@pytest.mark.parametrize("there", [True, False])
def test_a_link_stays_a_link_and_the_file_that_it_leads_to_is_written(tmp_path: Path, *, there: bool) -> None:
    (tmp_path / "folder").mkdir()
    file, link = tmp_path / "folder" / "it", tmp_path / "link"
    if there:
        file.write_text("old")
    link.symlink_to(file)
    write(link, b"new", "the file")
    assert link.is_symlink()
    assert not file.is_symlink()
    assert files_in(tmp_path) == {"folder/it": b"new", "link": b"new"}


def test_links_in_a_circle_are_not_written_to(tmp_path: Path) -> None:
    (tmp_path / "a").symlink_to("b")
    (tmp_path / "b").symlink_to("a")
    told = refusal(write, tmp_path / "a", b"new", "the file")
    assert told == f"the file cannot be written: {os.strerror(errno.ELOOP)}"
    assert sorted(path.name for path in tmp_path.iterdir()) == ["a", "b"]


@pytest.mark.parametrize("what", [each for each in NOT_FILES if each != "a file of absurd size"])
def test_what_is_not_a_file_is_not_replaced(tmp_path: Path, what: str) -> None:
    path = put(what, tmp_path / "it")
    before = path.lstat()
    for call in (
        lambda: write(path, b"new", "the file"),
        lambda: append(path, b"new", "the file"),
        lambda: prepare(path, "the file"),
    ):
        error = outcome(call)
        assert str(error) == f"the file cannot be written: {NOT_FILES[what]}; expected a regular file"
    assert path.lstat() == before
    assert [each.name for each in tmp_path.iterdir()] == ["it"]


@pytest.mark.parametrize("protected", ["folder", "file"])
def test_what_is_protected_is_not_written_and_is_said_so_before_the_run(tmp_path: Path, protected: str) -> None:
    folder = tmp_path / "folder"
    folder.mkdir()
    (folder / "it").write_text("old")
    for path in (tmp_path, *tmp_path.parents[:2]):
        path.chmod(0o755)
    (folder if protected == "folder" else folder / "it").chmod(0o555)
    if protected == "file" and os.geteuid() == 0:
        os.chown(folder, NOBODY, NOBODY)
    identity = os.geteuid()
    try:
        if identity == 0:
            os.seteuid(NOBODY)
        for call in (lambda: prepare(folder / "it", "the file"), lambda: write(folder / "it", b"new", "the file")):
            assert refusal(call) == "the file cannot be written: Permission denied"
    finally:
        os.seteuid(identity)
    assert files_in(tmp_path) == {"folder/it": b"old"}


def test_a_run_that_could_not_write_its_report_does_not_start(
    pytester: pytest.Pytester, run: Run, monkeypatch: pytest.MonkeyPatch
) -> None:
    pytester.makepyfile("def test_it(): pass")

    def read_only(*_: object) -> None:
        raise OSError(errno.EROFS, os.strerror(errno.EROFS))

    monkeypatch.setattr(_files, "_write_whole", read_only)
    result = run("--cce-report=report.json")
    assert result.ret == 4
    assert result.stderr.str().strip() == "ERROR: --cce-report=report.json cannot be written: Read-only file system"


def test_looking_whether_a_file_can_be_written_changes_nothing(tmp_path: Path) -> None:
    (tmp_path / "it").write_text("old")
    before = (tmp_path / "it").stat()
    prepare(tmp_path / "it", "the file")
    prepare(tmp_path / "new", "the file")
    assert (tmp_path / "it").stat() == before
    assert files_in(tmp_path) == {"it": b"old"}
    assert "No such file or directory" in refusal(prepare, tmp_path / "nowhere" / "it", "the file")


# ---- appended all of it or nothing


def test_what_is_appended_stands_below_the_rest(tmp_path: Path) -> None:
    for data in (b"one\n", b"two\n"):
        append(tmp_path / "it", data, "the file")
    assert (tmp_path / "it").read_bytes() == b"one\ntwo\n"


def test_what_does_not_fit_is_not_appended_in_part(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (tmp_path / "it").write_bytes(b"old\n")
    opened = open

    def nearly_full(*arguments: Any, **named: Any) -> Any:
        file = opened(*arguments, **named)
        pieces = iter([3])

        class Short:
            def __enter__(self) -> Any:
                return self

            def __exit__(self, *_: object) -> None:
                file.close()

            def write(self, data: Any) -> int:
                for size in pieces:
                    return int(file.write(data[:size]))
                raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))

            def __getattr__(self, name: str) -> Any:
                return getattr(file, name)

        return Short()

    monkeypatch.setattr(_files, "open", nearly_full, raising=False)
    told = refusal(append, tmp_path / "it", b"new data", "the file")
    assert told == "the file cannot be written: No space left on device"
    assert (tmp_path / "it").read_bytes() == b"old\n"


def test_the_summary_of_a_job_that_is_a_pipe_is_a_warning_and_no_hang(tmp_path: Path) -> None:
    os.mkfifo(tmp_path / "summary")
    variables = {"GITHUB_ACTIONS": "true", "GITHUB_STEP_SUMMARY": str(tmp_path / "summary")}
    lines = outcome(lambda: write_to_github(NEW_REPORT, variables))
    told = "GITHUB_STEP_SUMMARY cannot be written: it is a named pipe; expected a regular file"
    assert lines == [f"::warning title=cce-precheck::{told}"]


# ---- somebody tidies up meanwhile


@pytest.mark.parametrize("taken", ["the unfinished file", "the folder"])
def test_what_is_cleared_away_while_a_file_is_written_is_made_anew(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, taken: str
) -> None:
    path = tmp_path / "folder" / "it"
    replaced, times = Path.replace, []

    def tidied_up(unfinished: Path, target: Path) -> Path:
        times.append(1)
        if len(times) == 1:
            sweep(tmp_path)
            if taken == "the folder":
                path.parent.rmdir()
        return replaced(unfinished, target)

    monkeypatch.setattr(Path, "replace", tidied_up)
    write(path, b"new", "the file", make_folders=True)
    assert len(times) == 2
    assert files_in(tmp_path) == {"folder/it": b"new"}


def test_a_folder_that_is_not_there_and_not_to_be_made_is_told(tmp_path: Path) -> None:
    told = refusal(write, tmp_path / "nowhere" / "it", b"new", "the file")
    assert told == "the file cannot be written: No such file or directory"
    assert files_in(tmp_path) == {}


def test_what_a_killed_process_left_is_swept_and_nothing_else(tmp_path: Path) -> None:
    left = tmp_path / "a" / ".cce-0123456789abcdef.tmp"
    others = [tmp_path / "it", tmp_path / ".cce-notes.tmp", tmp_path / "cce-0123456789abcdef.tmp"]
    for path in (left, *others):
        write(path, b"", "the file", make_folders=True)
    sweep(tmp_path)
    assert set(files_in(tmp_path)) == {str(path.relative_to(tmp_path)) for path in others}
    sweep(tmp_path / "nowhere")


def test_a_file_is_removed_only_if_it_is_still_the_one_that_was_seen(tmp_path: Path) -> None:
    path = tmp_path / "it"
    write(path, b"old", "the file")
    seen = path.lstat()
    write(path, b"new", "the file")
    assert not remove(path, seen)
    assert files_in(tmp_path) == {"it": b"new"}
    assert remove(path, path.lstat())
    assert files_in(tmp_path) == {}
    assert remove(path, seen)


def test_a_file_that_is_put_in_place_while_another_is_looked_at_stays(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    path = tmp_path / "it"
    write(path, b"old", "the file")
    seen = path.lstat()
    write(path, b"new", "the file")
    looked = os.lstat

    def overtaken(place: Any) -> os.stat_result:
        monkeypatch.undo()
        write(path, b"newest", "the file")
        return looked(place)

    monkeypatch.setattr(_files.os, "lstat", overtaken)
    assert not remove(path, seen)
    assert files_in(tmp_path) == {"it": b"newest"}


def test_whoever_reads_meanwhile_sees_the_old_or_the_new_file_whole(tmp_path: Path) -> None:
    path = tmp_path / "it"
    versions = [b"%d" % number * 100_000 for number in range(2)]
    write(path, versions[0], "the file")
    done = threading.Event()
    seen = set()

    def reading() -> None:
        while not done.is_set():
            seen.add(path.read_bytes())

    def writing() -> None:
        for data in versions * 10:
            write(path, data, "the file")

    reader = threading.Thread(target=reading)
    reader.start()
    writers = [threading.Thread(target=writing) for _ in range(2)]
    for thread in writers:
        thread.start()
    for thread in writers:
        thread.join()
    done.set()
    reader.join()
    assert seen
    assert seen <= set(versions)
    assert list(files_in(tmp_path)) == ["it"]


# ---- the corpus


def test_a_corpus_that_cannot_be_exported_anew_leaves_the_old_one(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    cases = list(corpus_cases())[:3]
    export(tmp_path, cases[:2])
    before = files_in(tmp_path)
    number = iter(range(10))

    def full(path: Path, data: bytes, name: str, **_: Any) -> None:
        if next(number) == 1:
            raise ConfigurationError(f"{name} cannot be written: No space left on device")
        write(path, data, name)

    monkeypatch.setattr(_files, "write", full)
    assert "cannot be written: No space left on device" in refusal(export, tmp_path, cases[1:])
    assert before.items() <= files_in(tmp_path).items()
    monkeypatch.undo()
    assert export(tmp_path, cases[2:]) == 1
    assert [name for name in files_in(tmp_path) if name[0].isdigit()] == [f"{cases[2].number:04d}-{cases[2].name}.json"]
