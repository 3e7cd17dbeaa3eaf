"""``cce-precheck cassettes prune``: deletes unused cassettes, and nothing if it cannot be known what is used."""

from __future__ import annotations

import json
import shutil
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final

import pytest

from pytest_cce_precheck.cassette.files import write
from pytest_cce_precheck.cli.main import main
from tests.cli.put_down import one_line, put_down
from tests.recordings import files_in

if TYPE_CHECKING:
    from collections.abc import Callable

    from tests.cli.put_down import Ended


@pytest.fixture
def project(pytester: pytest.Pytester, capsys: pytest.CaptureFixture[str]) -> Callable[..., Ended]:
    """Return a function that runs the command in a project with tests."""
    pytester.makepyfile(
        test_pruned="""
        import pytest

        def test_kept(cce_client): pass

        @pytest.mark.parametrize("kind", ["addonStatic", "Other"])
        def test_each(cce_client, kind): pass

        @pytest.mark.cce(cassette="shared/By_name")
        def test_named(): pass

        def test_ordinary(): pass
        """
    )

    def prune(*arguments: str) -> Ended:
        capsys.readouterr()
        status = main(["cassettes", "prune", *arguments])
        captured = capsys.readouterr()
        return status, captured.out, captured.err

    return prune


USED: Final = (
    *("test_pruned/test_kept.json", "test_pruned/test_each[addonStatic].json", "test_pruned/test_each[Other].json"),
    "shared/by_name.json",
)
UNUSED: Final = ("test_pruned/test_gone.json", "test_gone/test_a.json", "test_gone/deep/test_b.json")


def pruned_folder(folder: Path) -> Path:
    for name in (*USED, *UNUSED):
        put_down(folder / name)
    return folder


def test_unused_cassettes_are_listed_and_deleted_with_yes_only(
    project: Callable[..., Ended], pytester: pytest.Pytester
) -> None:
    folder = pruned_folder(pytester.path / "cce-cassettes")
    status, out, err = project()
    assert (status, err) == (0, "")
    assert out.splitlines() == [
        *(f"cce-cassettes/{name}" for name in sorted(UNUSED)),
        "4 of 7 cassettes are used by 5 tests; 3 unused cassettes would be deleted with --yes",
    ]
    status, out, err = project("--json")
    unused = [f"cce-cassettes/{name}" for name in sorted(UNUSED)]
    assert (status, json.loads(out)) == (0, {"unused": unused, "deleted": False, "used": 4, "tests": 5})
    assert len(files_in(folder)) == 7
    # what a recording leaves that is killed between two steps
    leftover = folder / "test_gone" / f".cce-{'0' * 16}.tmp"
    leftover.write_text("whole, but never put in place")
    status, out, _ = project("--yes")
    assert (status, out.splitlines()[-1]) == (
        0,
        "4 of 7 cassettes are used by 5 tests; 3 unused cassettes deleted",
    )
    assert sorted(files_in(folder)) == sorted(USED)
    assert not (folder / "test_gone").exists()
    assert project("--yes") == (0, "4 of 4 cassettes are used by 5 tests; all are used\n", "")


def test_a_test_that_is_deselected_keeps_its_cassette(project: Callable[..., Ended], pytester: pytest.Pytester) -> None:
    pytester.makeini("[pytest]\naddopts = -k nothing\nfilterwarnings = error\ncce_mode = live\n")
    pruned_folder(pytester.path / "elsewhere")
    status, out, _ = project("elsewhere", "--", "-m", "nothing")
    assert status == 0
    assert out.endswith("4 of 7 cassettes are used by 5 tests; 3 unused cassettes would be deleted with --yes\n")


@pytest.mark.parametrize(
    ("more", "arguments", "said"),
    [
        (
            "import nothing_of_this_name",
            [],
            "the tests cannot be collected, so the cassettes that they use are not known: ERROR ",
        ),
        (
            "",
            ["--", "--no-such-option"],
            "the tests cannot be collected, so the cassettes that they use are not known: pytest.main(): error: ",
        ),
        ("", ["--", "nowhere"], "the tests cannot be collected, so the cassettes that they use are not known: ERROR: "),
        ("", ["--", "test_more.py"], "pytest collects no test here, so every cassette would be unused: "),
        (
            "def test_a(): pass",
            ["--", "test_more.py"],
            "pytest collects 1 tests, none of which uses a cassette, so every",
        ),
        (
            "import pytest\npytest.skip('x', allow_module_level=True)",
            [],
            "test_more.py is skipped as a whole, so the",
        ),
        (
            "from test_pruned import test_named as test_too",
            [],
            "two tests would record the cassette shared/By_name.json: ",
        ),
    ],
    ids=["does not import", "unknown option", "no such file", "no tests", "no tests of ours", "skipped", "used twice"],
)
def test_if_it_cannot_be_known_what_is_used_nothing_is_deleted(
    project: Callable[..., Ended], pytester: pytest.Pytester, more: str, arguments: list[str], said: str
) -> None:
    folder = pruned_folder(pytester.path / "cce-cassettes")
    pytester.makepyfile(test_more=more)
    status, out, err = project("--yes", *arguments)
    assert (status, out) == (2, "")
    assert one_line(err).startswith(said)
    assert len(files_in(folder)) == 7


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        (
            ["test_pruned.py"],
            "folder/test_other.py is not collected, so the cassettes that are used there are not known: ",
        ),
        (["test_pruned.py", "folder/test_other.py::test_it"], "not every test of folder/test_other.py::test_it is"),
        (["--ignore=folder"], "folder/test_other.py is not collected, so the "),
        (["--ignore-glob=*other*"], "folder/test_other.py is not collected, so the "),
        (["-n", "2", "test_pruned.py"], "folder/test_other.py is not collected, so the "),
        (["test_pruned.py", "-o", "python_files=*.py"], "conftest.py and 1 more files of tests are not collected, so "),
    ],
)
def test_of_a_part_of_the_tests_nothing_is_concluded(
    project: Callable[..., Ended], pytester: pytest.Pytester, arguments: list[str], said: str
) -> None:
    folder = pruned_folder(pytester.path / "cce-cassettes")
    (pytester.mkdir("folder") / "test_other.py").write_text("def test_it(cce_client): pass\n")
    pytester.makeconftest("")
    # pytest does not look into these either
    for place in (pytester.mkdir("node_modules"), pytester.mkdir("my-environment")):
        (place / "test_somebody_elses.py").write_text("def test_it(): pass\n")
    (pytester.path / "my-environment" / "pyvenv.cfg").touch()
    status, out, err = project("--yes", "--", *arguments)
    assert (status, out) == (2, "")
    assert one_line(err).startswith(said)
    assert len(files_in(folder)) == 7
    assert project("--", "folder", "test_pruned.py")[0] == 0


@pytest.mark.parametrize("more", [["-x"], ["-k", "nothing"], ["-m", "nothing"], ["-n", "2"]])
def test_what_is_not_run_is_not_unused(
    project: Callable[..., Ended], pytester: pytest.Pytester, more: list[str]
) -> None:
    pruned_folder(pytester.path / "cce-cassettes")
    status, out, err = project("--", *more)
    assert (status, err) == (0, "")
    assert out.splitlines()[:-1] == [f"cce-cassettes/{name}" for name in sorted(UNUSED)]


def test_a_project_that_says_where_its_tests_are_needs_no_others(
    project: Callable[..., Ended], pytester: pytest.Pytester
) -> None:
    pytester.makeini("[pytest]\ntestpaths = test_pr*.py tests\n")
    pytester.makepyfile(test_not_one_of_them="def test_it(cce_client): pass\n")
    (pytester.mkdir("tests") / "test_other.py").write_text("def test_it(cce_client): pass\n")
    pruned_folder(pytester.path / "cce-cassettes")
    assert project()[0] == 0
    assert project("--", "test_pruned.py")[0] == 2


def test_a_folder_of_which_no_cassette_is_used_is_somebody_elses(
    project: Callable[..., Ended], pytester: pytest.Pytester
) -> None:
    evidence = put_down(pytester.path / "evidence" / "test_contract" / "test_it.json")
    status, out, err = project("--yes", "evidence")
    assert (status, out) == (2, "")
    assert one_line(err).startswith("the 5 tests that pytest collects use none of the cassettes of evidence, so ")
    assert evidence.exists()


def test_only_cassettes_are_deleted_and_no_link_is_followed(
    project: Callable[..., Ended], pytester: pytest.Pytester, tmp_path_factory: pytest.TempPathFactory
) -> None:
    folder, outside = pruned_folder(pytester.path / "cce-cassettes"), tmp_path_factory.mktemp("outside")
    other = put_down(outside / "other.json")
    (folder / "link.json").symlink_to(other)
    (folder / "linked").symlink_to(outside)
    (folder / "test_gone" / "notes.txt").write_text("mine")
    (folder / "settings.json").write_text("{}")
    status, out, err = project("--yes")
    assert status == 0
    assert other.exists()
    assert (folder / "link.json").is_symlink()
    assert "test_gone/notes.txt" in files_in(folder)
    assert "settings.json" in files_in(folder)
    assert not (folder / "test_gone" / "test_a.json").exists()
    complaints = err.splitlines()
    assert complaints[0] == "cce-precheck: left alone: cce-cassettes/link.json is a link"
    assert complaints[1].startswith("cce-precheck: left alone: cce-cassettes/settings.json is not a cassette: ")
    assert out.splitlines()[-1].endswith("3 unused cassettes deleted")


# ---- beside a recording


@pytest.fixture
def meanwhile(monkeypatch: pytest.MonkeyPatch) -> Callable[[Callable[[], object]], None]:
    """Let something happen between the moment that pytest collected and the deletion."""

    def meanwhile(act: Callable[[], object]) -> None:
        collect = pytest.main

        def collected(*arguments: Any, **named: Any) -> Any:
            status = collect(*arguments, **named)
            act()
            return status

        monkeypatch.setattr(pytest, "main", collected)

    return meanwhile


def test_what_is_recorded_while_it_is_pruned_stays(
    project: Callable[..., Ended], pytester: pytest.Pytester, meanwhile: Callable[..., None]
) -> None:
    folder = pruned_folder(pytester.path / "cce-cassettes")
    text = (folder / USED[0]).read_text() + " "

    def record() -> None:
        # of tests that were written after the collection
        write(folder / UNUSED[0], text)
        write(folder / "test_new" / "test_a.json", text)

    meanwhile(record)
    status, out, err = project("--yes")
    assert status == 0
    assert sorted(files_in(folder)) == sorted([*USED, UNUSED[0], "test_new/test_a.json"])
    assert files_in(folder)[UNUSED[0]] == text.encode()
    assert err == f"cce-precheck: left alone: cce-cassettes/{UNUSED[0]} was recorded meanwhile\n"
    assert out.splitlines()[-1].endswith("; 2 unused cassettes deleted")


def test_another_prune_at_the_same_time_is_no_error(
    project: Callable[..., Ended], pytester: pytest.Pytester, meanwhile: Callable[..., None]
) -> None:
    folder = pruned_folder(pytester.path / "cce-cassettes")
    meanwhile(lambda: shutil.rmtree(folder / "test_gone"))
    status, _, err = project("--yes")
    assert (status, err) == (0, "")
    assert sorted(files_in(folder)) == sorted(USED)


def test_a_recording_goes_on_where_its_folder_and_its_unfinished_file_are_cleared_away(
    project: Callable[..., Ended], pytester: pytest.Pytester, monkeypatch: pytest.MonkeyPatch
) -> None:
    folder = pruned_folder(pytester.path / "cce-cassettes")
    text = (folder / USED[0]).read_text()
    put_in_place, ended = Path.replace, []

    def at_the_worst_moment(unfinished: Path, target: Path) -> Path:
        if not ended:
            ended.append(project("--yes"))
        return put_in_place(unfinished, target)

    monkeypatch.setattr(Path, "replace", at_the_worst_moment)
    write(folder / "test_gone" / "test_new.json", text)
    assert [status for status, _, _ in ended] == [0]
    assert sorted(files_in(folder)) == sorted([*USED, "test_gone/test_new.json"])


def test_a_cassette_is_not_deleted_if_the_file_of_the_test_that_recorded_it_is_not_collected(
    project: Callable[..., Ended], pytester: pytest.Pytester
) -> None:
    folder = pruned_folder(pytester.path / "cce-cassettes")
    pytester.makeini("[pytest]\ntestpaths = test_pruned.py")
    other = pytester.mkdir("contract") / "test_more.py"
    other.write_text("def test_it(cce_client): pass")
    put_down(folder / "test_more/test_it.json", test="contract/test_more.py::test_it")
    status, _, error = project("--yes")
    assert status == 2
    assert "was recorded by a test of contract/test_more.py, which is not collected" in one_line(error)
    assert (folder / "test_more/test_it.json").exists()
    other.unlink()
    assert project("--yes")[0] == 0
    assert not (folder / "test_more/test_it.json").exists()
