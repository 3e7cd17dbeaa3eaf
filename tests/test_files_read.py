"""Files of the user are read if they are regular ones of a bounded size, and refused at once if not."""

from __future__ import annotations

import ast
import os
import stat
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final

import pytest

from pytest_cce_precheck import _files
from pytest_cce_precheck._files import (
    read_bytes,
    read_stream,
    read_text,
    refuse_odd,
)
from pytest_cce_precheck.cassette import files as cassette_files
from pytest_cce_precheck.cli.main import main
from pytest_cce_precheck.config.targets import text_of
from pytest_cce_precheck.contract.ledger import Ledger, find_ledger
from pytest_cce_precheck.drift import snapshot
from pytest_cce_precheck.errors import CcePrecheckError, MissingFileError
from pytest_cce_precheck.report.saved import SavedReport
from pytest_cce_precheck.sdk.known import read_baseline
from tests.odd_files import NOT_FILES, outcome, put, refusal
from tests.source import TREES

if TYPE_CHECKING:
    from collections.abc import Callable

    from tests.conftest import Run

NOBODY: Final = 65534


# ---- nothing but a regular file is read

READERS: Final[dict[str, Callable[[Path], Any]]] = {
    "ledger": Ledger.read,
    "targets": text_of,
    "cassette": cassette_files.read,
    "report": SavedReport.read,
    "snapshot": snapshot.read,
    "baseline": read_baseline,
}


@pytest.mark.parametrize("what", NOT_FILES)
@pytest.mark.parametrize("reader", READERS)
def test_what_is_not_a_file_of_a_fair_size_is_refused_at_once(tmp_path: Path, reader: str, what: str) -> None:
    path = put(what, tmp_path / "it")
    error = outcome(lambda: READERS[reader](path))
    assert isinstance(error, CcePrecheckError)
    assert f"{path} cannot be read: {NOT_FILES[what]}; expected a regular file of at most " in str(error)
    assert str(error).count("\n") == 0


COMMANDS: Final[dict[str, tuple[str, ...]]] = {
    "check": ("check", "it"),
    "check, the request": ("check", "--request", "it", "body"),
    "a cassette shown": ("cassettes", "show", "it"),
    "a cassette verified": ("cassettes", "verify", "it"),
    "a cassette compared": ("cassettes", "diff", "it", "it"),
    "a recording imported": ("cassettes", "import", "it", "--out", "new.json"),
    "a cassette exported": ("cassettes", "export", "it", "--har", "new.har"),
    "a snapshot shown": ("snapshot", "show", "it"),
    "a snapshot accepted": ("snapshot", "accept", "it"),
    "snapshots compared": ("snapshot", "diff", "it", "it"),
    "a ledger listed": ("ledger", "list", "--file", "it"),
    "a ticket": ("ledger", "ticket", "it", "--code", "PRE302"),
    "a history": ("history", "it"),
}


@pytest.mark.parametrize("what", [each for each in NOT_FILES if each != "a directory"])
@pytest.mark.parametrize("command", COMMANDS)
def test_a_command_names_what_is_not_a_file_and_ends(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str], command: str, what: str
) -> None:
    monkeypatch.chdir(tmp_path)
    (tmp_path / "body").write_text("{}")
    put(what, tmp_path / "it")
    assert outcome(lambda: main(list(COMMANDS[command]))) == 2
    said = capsys.readouterr().err
    assert said.count("\n") == 1
    if command == "a history" and what == "a file of absurd size":
        # SQLite reads no file as a whole
        assert "it is not a history" in said
    else:
        assert f"it cannot be {'used' if command == 'a history' else 'read'}: {NOT_FILES[what]}; expected a" in said
    assert sorted(path.name for path in tmp_path.iterdir()) == ["body", "it"]


SETTINGS: Final = {
    "targets": ("--cce-mode=live", "--cce-targets=it"),
    "ledger": ("--cce-ledger=it", "--cce-mode=simulate"),
    "snapshot": ("--cce-snapshot=it",),
    "history": ("--cce-history=it",),
    "report": ("--cce-report=it.json",),
}


@pytest.mark.parametrize("what", ["a named pipe", "a device", "a directory"])
@pytest.mark.parametrize("setting", SETTINGS)
def test_a_run_refuses_to_start_with_what_is_not_a_file(
    pytester: pytest.Pytester, run: Run, setting: str, what: str
) -> None:
    name = "it.json" if setting == "report" else "it"
    put(what, pytester.path / name)
    pytester.makepyfile("def test_it(): pass")
    result = outcome(lambda: run(*SETTINGS[setting]))
    assert result.ret == 4
    [line] = result.stderr.str().strip().splitlines()
    assert line.startswith("ERROR: ")
    assert f"{name} cannot be " in line
    assert f": {NOT_FILES[what]}; expected a regular file" in line


@pytest.mark.parametrize("what", ["a named pipe", "a directory", "a link to nothing"])
def test_a_ledger_of_the_usual_name_that_cannot_be_read_is_not_passed_over(
    pytester: pytest.Pytester, run: Run, what: str
) -> None:
    path = pytester.path / "cce-known.toml"
    if what == "a link to nothing":
        path.symlink_to("nowhere")
    else:
        put(what, path)
    pytester.makepyfile("def test_it(): pass")
    assert find_ledger(None, pytester.path) == path
    result = outcome(run)
    assert result.ret == 4
    assert "cce-known.toml cannot be read: " in result.stderr.str()


def test_a_file_that_becomes_a_pipe_before_it_is_opened_does_not_hang(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    path = tmp_path / "it"
    path.write_text("a file")
    looked = os.stat

    def exchanged(place: Any, **options: Any) -> os.stat_result:
        found = looked(place, **options)
        if place == path and stat.S_ISREG(found.st_mode):
            path.unlink()
            os.mkfifo(path)
        return found

    monkeypatch.setattr(_files.os, "stat", exchanged)
    error = outcome(lambda: read_bytes(path, "the file"))
    assert str(error).startswith("the file cannot be read: it is a named pipe; expected a regular file")


def test_without_the_flags_of_posix_a_file_is_read_all_the_same(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    for name in ("O_NONBLOCK", "O_NOCTTY"):
        monkeypatch.delattr(os, name)
    (tmp_path / "it").write_bytes(b"data")
    assert read_bytes(tmp_path / "it", "the file") == b"data"


def test_a_file_of_exactly_the_limit_is_read_and_one_byte_more_is_not(tmp_path: Path) -> None:
    path = tmp_path / "it"
    path.write_bytes(b"12345")
    assert read_bytes(path, "the file", limit=5) == b"12345"
    told = refusal(read_bytes, path, "the file", limit=4, way_out="split it")
    assert told == "the file cannot be read: it has 5 bytes; expected a regular file of at most 4 bytes; split it"


def test_a_file_that_does_not_say_how_long_it_is_is_read_to_the_limit() -> None:
    path = Path("/proc/self/status")
    if not path.exists():
        pytest.skip("there is no /proc here")
    assert read_text(path, "the file").startswith("Name:")
    told = refusal(read_bytes, path, "the file", limit=10)
    assert told == "the file cannot be read: it has more than 10 bytes; expected no more"


def test_a_stream_without_end_is_read_to_the_limit() -> None:
    class Endless:
        def read(self, size: int) -> bytes:
            return b"x" * size

    endless: Any = Endless()
    told = refusal(read_stream, endless, "standard input")
    assert told == "standard input cannot be read: it has more than 67,108,864 bytes; expected no more"


def test_a_missing_file_a_name_that_cannot_be_and_a_text_that_is_none_are_told_apart(tmp_path: Path) -> None:
    (tmp_path / "it").write_bytes(b"ab\xff")
    with pytest.raises(MissingFileError, match=r"^the file cannot be read: No such file or directory; make one$"):
        read_bytes(tmp_path / "nowhere", "the file", way_out="make one")
    # what follows is Python's
    assert refusal(read_bytes, Path("a\0b"), "the file").startswith("the file cannot be read: ")
    assert refusal(read_text, tmp_path / "it", "the file") == "the file cannot be read: byte 2 is not UTF-8"
    refuse_odd(tmp_path / "it", "the file")
    refuse_odd(tmp_path / "nowhere", "the file")


# ---- one home

OPENS: Final = {
    *("open", "read_text", "read_bytes", "write_text", "write_bytes", "fdopen", "touch"),
    *("mkstemp", "NamedTemporaryFile", "TemporaryFile", "copy", "copyfile", "move"),
}
# what the package itself brings along, and a folder that this process has just made for itself
OWN: Final = {
    "_files",
    "cli.printing",
    "plugin.challenge",
    "schema_files",
    "simulator.tls",
}


@pytest.mark.parametrize("name", [name for name in TREES if name.removeprefix("pytest_cce_precheck.") not in OWN])
def test_a_file_of_the_user_is_opened_in_one_module_alone(name: str) -> None:
    nodes = list(ast.walk(TREES[name]))
    ours = {
        alias.name
        for node in nodes
        if isinstance(node, ast.ImportFrom) and node.module == "pytest_cce_precheck._files"
        for alias in node.names
    }
    called = [ast.unparse(node.func) for node in nodes if isinstance(node, ast.Call)]
    opening = [each for each in called if each.rpartition(".")[2] in OPENS and not each.startswith("_files.")]
    assert set(opening) - ours == set()
