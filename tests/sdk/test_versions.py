"""Which versions are compared, and what a comparison says."""

from __future__ import annotations

import copy
import sys
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from pytest_cce_precheck import _programs
from pytest_cce_precheck._programs import ProgramResult
from pytest_cce_precheck.errors import ConfigurationError
from pytest_cce_precheck.sdk import versions
from pytest_cce_precheck.sdk.cases import find_case
from pytest_cce_precheck.sdk.protocol import DriverAnswer, SdkError
from pytest_cce_precheck.sdk.run import SdkReport, judge, run_sdks
from pytest_cce_precheck.sdk.versions import (
    available_versions,
    interpreter_with,
    resolve,
    version_changes,
    versions_of_python,
)
from tests.sdk.fakes import fake_sdk


def released() -> list[str]:
    return ["3.1.200", "3.1.99", "3.1.190", "3.1.195", "3.0.1rc1"]


def test_a_range_is_written_out_in_the_order_of_the_versions() -> None:
    assert resolve(["3.1.99..3.1.195"], released) == ("3.1.99", "3.1.190", "3.1.195")
    assert resolve(["3.1.200", "3.1.99"], released) == ("3.1.200", "3.1.99")


@pytest.mark.parametrize("wanted", [["3.1.1..3.1.2"], ["3.1.190..x"], ["..3"], ["3.1.190"]])
def test_fewer_than_two_versions_are_refused(wanted: list[str]) -> None:
    with pytest.raises(ConfigurationError, match=r"needs two versions or more|is not a version"):
        resolve(wanted, released)


def test_a_change_lists_the_defects_that_are_new_and_those_that_are_gone() -> None:
    cases = [find_case("every-field")]
    before, after = run_sdks([fake_sdk("field-lost"), fake_sdk("count-as-text")], cases)
    first, second = version_changes([before, after])
    assert first.text == "fake 1.0\n  offers the create call, without a fault\n  offers the list call, with 1 fault\n"
    assert second.text == (
        "fake 1.0 -> fake 1.0\n"
        "  now wrong: A value of another type in place of a text becomes a text, without an error"
        " (PRE711, 1 case: every-field)\n"
        "  no longer wrong: `spec` of the answer is lost (PRE710 at $.items[*].spec, 1 case: every-field)\n"
    )
    assert (first.new, len(second.new), len(second.gone)) == ((), 1, 1)
    assert second.to_dict()["gone"][0]["identity"][0] == "PRE710"
    assert next(version_changes([after])).before is None
    assert list(version_changes([after, after]))[1].text.endswith("  nothing changed\n")


def test_a_call_that_only_appeared_is_one_line_and_nothing_new() -> None:
    cases = [find_case("every-field"), find_case("create-one")]
    [whole] = run_sdks([fake_sdk("values-lost")], cases)
    lists_only = SdkReport(replace(whole.introduction, operations=("list",)), whole.results[:1])
    _, step = version_changes([lists_only, whole])
    assert step.text.splitlines()[1:] == ["  now offers the create call, with 1 fault"]
    assert step.new == ()
    _, back = version_changes([whole, lists_only])
    assert back.text.splitlines()[1:] == ["  no longer offers the create call"]


def test_what_a_crash_hides_is_not_seen_and_not_gone() -> None:
    case = find_case("every-field")
    [before] = run_sdks([fake_sdk("field-lost")], [case])
    crash = DriverAnswer(error=SdkError("KeyError", expected=False, panic=True, message="spec"))
    after = SdkReport(before.introduction, (judge(case, crash, ()),))
    _, step = version_changes([before, after])
    assert (len(step.new), step.gone) == (1, ())
    reason = "every-field has PRE715 Every field is there. The call ended in KeyError: spec"
    assert step.to_dict()["unseen"] == [
        {
            "identity": ["PRE710", "$.items[*].spec", "conforming"],
            "message": step.unseen[0][0].finding.message,
            "because": reason,
        }
    ]
    assert step.text.endswith(
        f"  not seen: `spec` of the answer is lost (PRE710 at $.items[*].spec, 1 case: every-field), because {reason}\n"
    )


def test_what_the_loss_of_its_parent_hides_is_not_seen() -> None:
    case = find_case("every-field")
    whole, changed = copy.deepcopy(case.document), copy.deepcopy(case.document)
    del whole["items"]
    changed["items"][0]["metadata"]["taskID"] = "other"
    [introduction] = {run_sdks([fake_sdk()], [case])[0].introduction}
    before, after = (
        SdkReport(introduction, (judge(case, DriverAnswer(value=value), ()),)) for value in (changed, whole)
    )
    _, step = version_changes([before, after])
    assert [defect.finding.path for defect, _ in step.unseen] == ["$.items[0].metadata.taskID"]
    assert step.gone == ()


def test_what_one_of_its_cases_could_still_show_is_gone() -> None:
    cases = [find_case("every-field"), find_case("twelve-tasks")]
    [before] = run_sdks([fake_sdk("field-lost")], cases)
    crash = DriverAnswer(error=SdkError("KeyError", expected=False, panic=True))
    results = (judge(cases[0], crash, ()), judge(cases[1], DriverAnswer(value=cases[1].document), ()))
    _, step = version_changes([before, SdkReport(before.introduction, results)])
    assert (len(step.gone), step.unseen) == (1, ())


Ran = list[list[str]]


@pytest.fixture
def ran(monkeypatch: pytest.MonkeyPatch) -> Ran:
    """What would be run to make an environment; pip fails for version 9."""
    commands: Ran = []

    def run(command: list[str], *_: Any, **__: Any) -> ProgramResult:
        commands.append(command)
        if "venv" in command:
            Path(command[-1]).mkdir()
        failed = command[-1].endswith("==9")
        return ProgramResult(int(failed), "", "ERROR: No matching distribution\n", "")

    monkeypatch.setattr(_programs, "run", run)
    return commands


def test_an_environment_is_made_once(tmp_path: Path, ran: Ran) -> None:
    environment = {"XDG_CACHE_HOME": str(tmp_path)}
    path = interpreter_with("3.1.190", environment)
    assert interpreter_with("3.1.190", environment) == path
    assert [command[1:3] for command in ran] == [["-m", "venv"], ["-m", "pip"]]
    assert ran[1][-1] == "huaweicloudsdkcce==3.1.190"
    [kept] = (tmp_path / "pytest-cce-precheck").iterdir()
    assert path.startswith(str(kept))
    assert kept.name == f"huaweicloudsdkcce-3.1.190-py{sys.version_info.major}.{sys.version_info.minor}"


def test_of_two_runs_that_make_the_same_environment_the_first_one_stays(
    tmp_path: Path, ran: Ran, monkeypatch: pytest.MonkeyPatch
) -> None:
    environment, others = {"XDG_CACHE_HOME": str(tmp_path)}, []
    rename = Path.rename

    def other_is_first(made: Path, place: Path) -> Path:
        place.mkdir()
        (place / "other").touch()
        others.append(place)
        return rename(made, place)

    monkeypatch.setattr(Path, "rename", other_is_first)
    assert interpreter_with("3.1.190", environment).startswith(str(others[0]))
    assert [file.name for file in (tmp_path / "pytest-cce-precheck").rglob("*") if file.is_file()] == ["other"]
    assert len(ran) == 2


def test_a_failed_installation_has_its_reason_and_leaves_nothing(tmp_path: Path, ran: Ran) -> None:
    with pytest.raises(ConfigurationError, match=r"version 9 could not be installed: ERROR: No matching"):
        interpreter_with("9", {"XDG_CACHE_HOME": str(tmp_path)})
    assert len(ran) == 2
    assert list((tmp_path / "pytest-cce-precheck").iterdir()) == []


def test_a_cache_that_cannot_be_written_is_named(tmp_path: Path) -> None:
    (tmp_path / "file").touch()
    with pytest.raises(ConfigurationError, match=r"no environment could be made in .*file.*: Not a directory"):
        interpreter_with("3.1.190", {"XDG_CACHE_HOME": str(tmp_path / "file")})


def test_a_version_that_cannot_be_installed_is_reported_before_any_is_run(
    tmp_path: Path, ran: Ran, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path))
    monkeypatch.setattr(versions, "run_sdks", lambda *_: pytest.fail("an SDK was run"))
    with pytest.raises(ConfigurationError, match="version 9 could not be installed"):
        versions_of_python(["3.1.190", "9"])
    assert len(ran) == 4


def test_the_released_versions_are_pips(monkeypatch: pytest.MonkeyPatch) -> None:
    def run(*_: Any, **__: Any) -> ProgramResult:
        out = "huaweicloudsdkcce (3.1.200)\nAvailable versions: 3.1.200, 3.1.199\n  LATEST: 3.1.200\n"
        return ProgramResult(0, out, "", "")

    monkeypatch.setattr(_programs, "run", run)
    assert available_versions() == ["3.1.200", "3.1.199"]


def test_a_pip_that_does_not_end_is_reported(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(_programs, "run", lambda *_, **__: ProgramResult(-9, "", "", "did not end within 600 s"))
    with pytest.raises(ConfigurationError, match=r": its versions could not be listed: did not end within 600 s$"):
        available_versions()
