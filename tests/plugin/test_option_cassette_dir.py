from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from tests.plugin.projects import VERIFIES
from tests.recordings import files_in, recording_from

if TYPE_CHECKING:
    from pathlib import Path

    from pytest_cce_precheck.simulator.server import SimulatorServer
    from tests.conftest import Run

NAME = "test_it/test_upgrade_checks_meet_the_contract.json"


@pytest.fixture
def without_folder(service: SimulatorServer) -> tuple[str, ...]:
    return tuple(option for option in recording_from(service) if not option.startswith("--cce-cassette-dir"))


@pytest.mark.parametrize("place", ["option", "environment", "ini"])
def test_the_folder_counts_from_wherever_it_is_given(
    pytester: pytest.Pytester,
    run: Run,
    without_folder: tuple[str, ...],
    monkeypatch: pytest.MonkeyPatch,
    place: str,
) -> None:
    pytester.makepyfile(test_it=VERIFIES)
    if place == "environment":
        monkeypatch.setenv("CCE_CASSETTE_DIR", "kept/here")
    if place == "ini":
        pytester.makeini("[pytest]\ncce_cassette_dir = kept/here")
    option = ["--cce-cassette-dir=kept/here"] if place == "option" else []
    run(*without_folder, *option).assert_outcomes(passed=1)
    assert list(files_in(pytester.path / "kept" / "here")) == [NAME]
    run("--cce-mode=replay", *option).assert_outcomes(passed=1)


def test_without_it_the_folder_lies_in_pytests_root_wherever_pytest_runs(
    pytester: pytest.Pytester, run: Run, without_folder: tuple[str, ...], monkeypatch: pytest.MonkeyPatch
) -> None:
    pytester.makeini("[pytest]")
    (pytester.mkdir("tests") / "test_it.py").write_text(VERIFIES)
    monkeypatch.chdir(pytester.path / "tests")
    run(*without_folder).assert_outcomes(passed=1)
    assert list(files_in(pytester.path / "cce-cassettes")) == [NAME]


def test_a_folder_anywhere_may_be_given_outright(
    pytester: pytest.Pytester, run: Run, without_folder: tuple[str, ...], tmp_path_factory: pytest.TempPathFactory
) -> None:
    pytester.makepyfile(test_it=VERIFIES)
    elsewhere: Path = tmp_path_factory.mktemp("elsewhere")
    run(*without_folder, f"--cce-cassette-dir={elsewhere}").assert_outcomes(passed=1)
    assert list(files_in(elsewhere)) == [NAME]


def test_a_project_may_choose_it_in_code(pytester: pytest.Pytester, run: Run, without_folder: tuple[str, ...]) -> None:
    pytester.makeconftest(
        """
        import pytest

        @pytest.fixture(scope="session")
        def cce_cassette_dir(pytestconfig):
            return pytestconfig.rootpath / "mine"
        """
    )
    pytester.makepyfile(test_it=VERIFIES)
    run(*without_folder).assert_outcomes(passed=1)
    assert list(files_in(pytester.path / "mine")) == [NAME]
    run("--cce-mode=replay").assert_outcomes(passed=1)
