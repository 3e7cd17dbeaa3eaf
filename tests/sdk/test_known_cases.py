"""``cce-precheck sdk run`` in a maintainer's CI: known cases, and a JUnit file."""

from __future__ import annotations

import shlex
from typing import TYPE_CHECKING
from xml.etree import ElementTree as ET

import pytest

from pytest_cce_precheck.cli import sdk
from pytest_cce_precheck.cli.main import main
from pytest_cce_precheck.sdk.cases import corpus_cases, find_case
from pytest_cce_precheck.sdk.corpus import corpus_version
from pytest_cce_precheck.sdk.known import read_known
from tests.sdk.fakes import fake_sdk

if TYPE_CHECKING:
    from pathlib import Path

NAMES = ("every-field", "twelve-tasks", "create-one", "error-403-cce", "token")
RIGHT = ["sdk", "run", "--driver", shlex.join(fake_sdk())]
LOSING = ["sdk", "run", "--driver", shlex.join(fake_sdk("field-lost"))]
Capture = pytest.CaptureFixture[str]


@pytest.fixture(autouse=True)
def _few_cases(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(sdk, "corpus_cases", lambda: tuple(map(find_case, NAMES)))


def test_known_failures_do_not_fail(capsys: Capture) -> None:
    assert main([*LOSING, "--known-failing", "every-field", "--known-failing", "twelve-*"]) == 0
    out = capsys.readouterr().out
    assert out.endswith("2 cases known to fail\n")
    assert "is lost" not in out


def test_another_failure_fails_and_is_shown_alone(capsys: Capture) -> None:
    assert main([*LOSING, "--known-failing", "every-field"]) == 1
    assert "[twelve-tasks, conforming]" in capsys.readouterr().out


def test_a_known_failure_that_passes_fails(capsys: Capture) -> None:
    assert main([*RIGHT, "--known-failing", "every-field"]) == 1
    said = "every-field is known to fail, but it passes: remove it from the known cases\n"
    assert capsys.readouterr().out.endswith(said)


@pytest.mark.parametrize("command", [RIGHT, LOSING])
def test_a_flaky_case_may_pass_and_fail(command: list[str], capsys: Capture) -> None:
    assert main([*command, "--known-flaky", "*"]) == 0
    assert capsys.readouterr().out.endswith("5 cases known to be flaky\n")


def test_known_cases_are_read_from_a_file(tmp_path: Path) -> None:
    file = tmp_path / "known.txt"
    file.write_text("# lost in 1.0, ticket 12\n\nevery-field  # the spec\ntwelve-*\n")
    assert main([*LOSING, "--known-failing", f"@{file}"]) == 0


def test_the_first_list_of_known_failures_is_written_and_read(tmp_path: Path, capsys: Capture) -> None:
    file, junit = tmp_path / "known failing.txt", tmp_path / "junit.xml"
    words = [*LOSING, "--known-flaky", "twelve-*", "--junit", str(junit)]
    assert main([*words, "--write-known-failing", str(file)]) == 0
    assert capsys.readouterr().out.endswith(
        f"\n{file} names the cases that fail (1): --known-failing @{file} reads it\n"
    )
    head, *others, line = file.read_text().splitlines()
    assert head == f"# The cases of corpus {corpus_version()} that fail in fake 1.0."
    assert all(other.startswith("# ") for other in others)
    assert line == "every-field  # silent loss PRE710"
    assert ET.parse(junit).getroot()[0].get("failures") == "0"
    assert main([*words, "--known-failing", f"@{file}"]) == 0
    written = file.read_bytes()
    main([*words, "--write-known-failing", str(file)])
    assert file.read_bytes() == written


def test_a_list_without_a_failure_can_be_read(tmp_path: Path) -> None:
    file = tmp_path / "known.txt"
    assert main([*RIGHT, "--write-known-failing", str(file)]) == 0
    assert main([*RIGHT, "--known-failing", f"@{file}"]) == 0


def test_every_name_is_a_pattern_of_itself_alone(tmp_path: Path) -> None:
    names = [case.name for case in corpus_cases()]
    (tmp_path / "known.txt").write_text("".join(f"{name}  # why\n" for name in names))
    known = read_known([f"@{tmp_path / 'known.txt'}"], (), corpus_cases())
    assert list(known.failing) == names
    assert not any(set(name) & set("*?[#@") for name in names)


@pytest.mark.parametrize(
    ("words", "said"),
    [
        (["--known-failing", "every-feild"], "no case matches the known 'every-feild'; did you mean every-field?"),
        (["--known-flaky", "@no-such.txt"], "the file of known cases no-such.txt cannot be read: No such file"),
        (["--known-failing", "@no-such.txt"], "No such file or directory; --write-known-failing writes one"),
        (["--write-known-failing", "k.txt", "--known-failing", "token"], "give it without --known-failing"),
        (["--write-known-failing", "k.txt", "--baseline", "b.json"], "give the baseline without them"),
        (["--write-known-failing", "k.txt", "--case", "token"], "--case names some: give one of them"),
        (["--write-known-failing", "no-such-folder/k.txt"], "known cases no-such-folder/k.txt cannot be written"),
        (["--known-flaky", "token", "--baseline", "b.json"], "give the baseline without them"),
        (["--case", "token", "--baseline", "b.json"], "--case names some: give one of them"),
        (["--case", "tokem"], "there is no case 'tokem'; did you mean token?"),
        (["--junit", "no-such-folder/junit.xml"], "the JUnit file no-such-folder/junit.xml cannot be written"),
    ],
)
def test_invalid_arguments_exit_with_2(capsys: Capture, words: list[str], said: str) -> None:
    assert main([*RIGHT, *words]) == 2
    assert said in capsys.readouterr().err


def test_only_the_named_cases_are_run(capsys: Capture) -> None:
    assert main([*LOSING, "--case", "every-field", "--case", "no-items"]) == 1
    assert "2 cases; 1 are not shown" in capsys.readouterr().out


def test_the_junit_file_has_a_test_case_for_each_case(tmp_path: Path) -> None:
    file = tmp_path / "junit.xml"
    main([*LOSING, "--junit", str(file), "--known-failing", "every-field", "--known-failing", "create-one"])
    suite = ET.parse(file).getroot()[0]
    assert suite.attrib == {"name": "fake 1.0 (Fake 1)", "errors": "0", "tests": "5", "failures": "2", "skipped": "1"}
    found = {case.get("name"): case for case in suite}
    assert list(found) == list(NAMES)
    assert found["error-403-cce"].find("*") is None
    assert {case.get("classname") for case in suite} == {"fake 1.0"}
    [skipped] = found["every-field"]
    assert (skipped.tag, skipped.get("message")) == ("skipped", "known to fail")
    [failure] = found["twelve-tasks"]
    assert failure.get("message", "").startswith("PRE710 $.items[4].spec was sent as")
    assert "HTTP/1.1 200" in (failure.text or "")
    [fixed] = found["create-one"]
    assert fixed.get("message") == "it is known to fail, but it passes: remove it from the known cases"


def test_the_help_has_the_exit_statuses(capsys: Capture) -> None:
    with pytest.raises(SystemExit):
        main(["sdk", "run", "--help"])
    assert "Exit status: 0 if nothing is wrong that is not known" in capsys.readouterr().out
