"""Where cassettes lie: names that fit every file system, nothing outside of the folder, files whole or not at all."""

from __future__ import annotations

import os
import re
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from pytest_cce_precheck.cassette import files
from pytest_cce_precheck.cassette.files import cassettes, file_name, place, read, write
from pytest_cce_precheck.cassette.format import dumps
from pytest_cce_precheck.errors import CassetteCorruptError, CassetteMissingError, ConfigurationError
from tests.recordings import answered, files_in, origin

if TYPE_CHECKING:
    from collections.abc import Iterator

NOBODY = 65534
WHOLE = dumps(origin(), [answered()])


def refusal(name: str, folder: Path) -> str:
    with pytest.raises(ConfigurationError) as raised:
        place(folder, name)
    return str(raised.value)


def corruption(path: Path) -> str:
    with pytest.raises(CassetteCorruptError) as raised:
        read(path)
    return str(raised.value)


@contextmanager
def unprivileged(folder: Path) -> Iterator[None]:
    """Let nothing below ``folder`` be reached; root, who may do anything, becomes nobody for that time."""
    folder.chmod(0)
    is_root = os.geteuid() == 0
    try:
        if is_root:
            os.seteuid(NOBODY)
        yield
    finally:
        if is_root:
            os.seteuid(0)
        folder.chmod(0o755)


# ---- names


@pytest.mark.parametrize(
    ("module", "test", "expected"),
    [
        ("test_a.py", "test_b", "test_a/test_b.json"),
        ("tests/api/test_a.py", "TestList::test_b", "tests/api/test_a/TestList.test_b.json"),
        ("tests.api.test_a", "test_b", "tests.api.test_a/test_b.json"),
        ("test_a.py", "test_b[addonStatic-1.5]", "test_a/test_b[addonStatic-1.5].json"),
        ("test_a.py", "test_b[a=1,b=+2]", "test_a/test_b[a=1,b=+2].json"),
        ("tests\\test_a.py", "test_b", "tests/test_a/test_b.json"),
        ("../test_a.py", "test_b", "test_a/test_b.json"),
    ],
)
def test_a_cassette_is_named_after_module_and_test_with_its_parameters(module: str, test: str, expected: str) -> None:
    assert file_name(module, test) == expected


@pytest.mark.parametrize(
    ("test", "begins"),
    [
        ("test_b[a b]", "test_b[a-b]-"),
        ("test_b[../../etc/passwd]", "test_b[..-..-etc-passwd]-"),
        ("test_b[a::b]", "test_b[a-b]-"),
        ("test_b[été]", "test_b[-t-]-"),
        ("test_b[\ud800]", "test_b[-]-"),
        ("test_b[" + "x" * 300 + "]", "test_b[xxxxxxxxx"),
        (".hidden", "hidden-"),
        ("con", "con-"),
        ("NUL.txt", "NUL.txt-"),
    ],
)
def test_an_odd_or_long_name_is_shortened_and_told_from_others_by_a_hash(test: str, begins: str) -> None:
    module, _, name = file_name("test_a.py", test).partition("/")
    assert module == "test_a"
    assert re.fullmatch(re.escape(begins) + r".*[0-9a-f]{8}\.json", name)
    assert len(name) <= 140
    assert file_name("test_a.py", test) == file_name("test_a.py", test)


parameters = st.text(st.sampled_from("ab:./\\ []-é\x00\ud800"), max_size=6) | st.text(min_size=1) | st.just("x" * 400)


@given(one=parameters, other=parameters)
@example(one="a::b", other="a.b")
@example(one="x" * 400, other="x" * 401)
@example(one="a b", other="a/b")
def test_two_parameters_never_share_a_name(one: str, other: str) -> None:
    same = file_name("test_a.py", f"test_b[{one}]") == file_name("test_a.py", f"test_b[{other}]")
    assert same == (one == other)


@given(st.text(), parameters.filter(bool))
def test_every_name_is_one_that_every_file_system_takes(module: str, test: str) -> None:
    name = file_name(module, test)
    for part in name.split("/"):
        assert re.fullmatch(r"[A-Za-z0-9._\[\]=,+-]{1,140}", part)
        assert not part.startswith(".")
    folder = Path("/nowhere")
    assert place(folder, name) == folder / name


@pytest.mark.parametrize("name", ["tasks", "tasks.json", "a/b/tasks", "v1.2", "été", "a b", "...json"])
def test_a_name_that_is_chosen_lies_within_the_folder(tmp_path: Path, name: str) -> None:
    path = place(tmp_path, name)
    assert path.is_relative_to(tmp_path)
    assert str(path.relative_to(tmp_path)) == (name if name.endswith(".json") else f"{name}.json")


@pytest.mark.parametrize(
    "name", ["/etc/tasks", "../tasks", "a/../../tasks", "a/../tasks", "..", ".", "", "/", "a\x00b", "../../etc/passwd"]
)
def test_a_name_that_leads_elsewhere_is_refused(tmp_path: Path, name: str) -> None:
    told = refusal(name, tmp_path)
    assert told == (
        f"the cassette {name!r} is not usable: expected a name within {tmp_path}, without '..' and not absolute"
    )


def test_a_name_that_no_file_system_has_is_refused(tmp_path: Path) -> None:
    assert "is not usable: " in refusal("\ud800", tmp_path)


def test_a_link_out_of_the_folder_is_refused_and_one_within_it_is_not(tmp_path: Path) -> None:
    folder, outside = tmp_path / "cassettes", tmp_path / "outside"
    folder.mkdir()
    outside.mkdir()
    (folder / "file.json").symlink_to(outside / "tasks.json")
    (folder / "folder").symlink_to(outside)
    (folder / "within.json").symlink_to(folder / "tasks.json")
    for name in ("file", "folder/tasks"):
        assert f"a symbolic link leads out of {folder}, to {outside}/tasks.json" in refusal(name, folder)
    assert place(folder, "within") == folder / "within.json"


def test_a_folder_that_is_a_link_itself_is_where_it_leads(tmp_path: Path) -> None:
    (tmp_path / "real").mkdir()
    (tmp_path / "link").symlink_to(tmp_path / "real")
    assert place(tmp_path / "link", "tasks") == tmp_path / "link" / "tasks.json"


def test_links_in_a_circle_are_refused_or_cannot_be_read(tmp_path: Path) -> None:
    (tmp_path / "a.json").symlink_to(tmp_path / "b.json")
    (tmp_path / "b.json").symlink_to(tmp_path / "a.json")
    with pytest.raises((ConfigurationError, CassetteCorruptError), match=r"a\.json (is not usable|cannot be read): "):
        read(place(tmp_path, "a"))


# ---- reading


def test_what_is_written_is_read(tmp_path: Path) -> None:
    path = tmp_path / "a" / "b" / "tasks.json"
    write(path, WHOLE)
    assert [each.request for each in read(path)] == [answered().request]
    assert read(path).name == str(path)


def test_a_missing_cassette_is_told_with_the_command_that_records_it(tmp_path: Path) -> None:
    path = tmp_path / "tasks.json"
    with pytest.raises(CassetteMissingError) as raised:
        read(path, record_with=lambda _: "pytest --cce-mode=record 'test_a.py::test_b'")
    assert str(raised.value) == f"there is no cassette {path}; record it: pytest --cce-mode=record 'test_a.py::test_b'"
    with pytest.raises(CassetteMissingError, match=r"tasks\.json$"):
        read(path)


def test_a_link_to_nothing_is_a_missing_cassette(tmp_path: Path) -> None:
    (tmp_path / "tasks.json").symlink_to(tmp_path / "gone.json")
    with pytest.raises(CassetteMissingError):
        read(place(tmp_path, "tasks"))


def test_what_is_no_file_is_no_cassette(tmp_path: Path) -> None:
    (tmp_path / "folder.json").mkdir()
    assert "folder.json cannot be read: it is a directory; expected a regular file of at " in corruption(
        tmp_path / "folder.json"
    )
    (tmp_path / "file").write_text("")
    assert "cannot be read: Not a directory" in corruption(tmp_path / "file" / "tasks.json")


@pytest.mark.parametrize(
    ("data", "told"),
    [
        (b"", "is not a cassette: "),
        (WHOLE.encode()[:-20], "is not a cassette: "),
        (b"\x1f\x8b\x08", "cannot be read: byte 1 is not UTF-8; move it away"),
        (WHOLE.encode("utf-16"), "cannot be read: byte 0 is not UTF-8; move it away"),
        (b"\xef\xbb\xbf" + WHOLE.encode(), "is not a cassette: "),
        (b"cassette: 1\n", "is not a cassette: "),
        (WHOLE.replace('"cassette":1', '"cassette":2').encode(), "is a cassette of version 2"),
    ],
)
def test_a_file_that_is_no_cassette_is_named_with_what_is_wrong(tmp_path: Path, data: bytes, told: str) -> None:
    path = tmp_path / "tasks.json"
    path.write_bytes(data)
    assert f"{path} {told}" in corruption(path)


def test_a_file_that_may_not_be_read_says_so(tmp_path: Path) -> None:
    folder = tmp_path / "cassettes"
    write(folder / "tasks.json", WHOLE)
    with unprivileged(folder):
        assert corruption(folder / "tasks.json").endswith(
            "cannot be read: Permission denied; move it away, and record it again or in several tests"
        )


def test_a_file_that_is_too_large_is_not_read(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    write(tmp_path / "tasks.json", WHOLE)
    monkeypatch.setattr(files, "MAX_CASSETTE", len(WHOLE.encode()))
    read(tmp_path / "tasks.json")
    monkeypatch.setattr(files, "MAX_CASSETTE", len(WHOLE.encode()) - 1)
    told = f"it has {len(WHOLE.encode()):,} bytes; expected a regular file of at most {len(WHOLE.encode()) - 1:,} bytes"
    assert told in corruption(tmp_path / "tasks.json")


# ---- writing


def test_where_it_cannot_be_written_the_reason_is_said(tmp_path: Path) -> None:
    (tmp_path / "folder.json").mkdir()
    (tmp_path / "file").write_text("somebody's")
    for path, reason in {
        tmp_path / "folder.json": "it is a directory; expected a regular file",
        tmp_path / "file" / "tasks.json": "Not a directory|File exists",
        tmp_path / ("x" * 300) / "tasks.json": "File name too long",
    }.items():
        with pytest.raises(ConfigurationError, match=f"the cassette {path} cannot be written: ({reason})$"):
            write(path, WHOLE)
    assert files_in(tmp_path) == {"file": b"somebody's"}


def test_a_folder_that_may_not_be_written_to_says_so(tmp_path: Path) -> None:
    folder = tmp_path / "cassettes"
    write(folder / "tasks.json", "old")
    with unprivileged(folder), pytest.raises(ConfigurationError, match=r"cannot be written: Permission denied$"):
        write(folder / "tasks.json", WHOLE)
    assert files_in(folder) == {"tasks.json": b"old"}


# ---- the folder


def test_the_cassettes_of_a_folder_are_its_json_files_sorted(tmp_path: Path) -> None:
    for name in ("b.json", "a/c.json", "a/b.json", "a/.hidden.json", "notes.txt"):
        write(tmp_path / name, WHOLE)
    assert [str(path.relative_to(tmp_path)) for path in cassettes(tmp_path)] == ["a/b.json", "a/c.json", "b.json"]
    assert list(cassettes(tmp_path / "nowhere")) == []
