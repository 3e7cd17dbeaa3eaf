"""A release is prepared by a script, which sets the version everywhere and publishes nothing."""

from __future__ import annotations

import doctest
import re
import shutil
import subprocess
import sys
from pathlib import Path
from typing import TYPE_CHECKING, Final

import pytest

from tests.toolchains import require_module

if TYPE_CHECKING:
    from types import ModuleType

ROOT: Final = Path(__file__).resolve().parent.parent
FILES: Final = ("pyproject.toml", "pytest_cce_precheck/__init__.py", "CHANGELOG.md")


@pytest.fixture
def checkout(tmp_path: Path) -> Path:
    (tmp_path / "pytest_cce_precheck").mkdir()
    for name in FILES:
        shutil.copy(ROOT / name, tmp_path / name)
    return tmp_path


def release(checkout: Path, version: str) -> subprocess.CompletedProcess[str]:
    words = [sys.executable, str(ROOT / ".ci" / "release.py"), version, "--root", str(checkout)]
    return subprocess.run(words, capture_output=True, text=True, check=False)


def test_the_version_is_set_everywhere_and_the_changes_stand_below_it(checkout: Path) -> None:
    before = {name: (checkout / name).read_text("utf-8") for name in FILES}
    ran = release(checkout, "7.1.0")
    assert (ran.returncode, ran.stderr) == (0, "")
    after = {name: (checkout / name).read_text("utf-8") for name in FILES}
    assert 'version = "7.1.0"' in after["pyproject.toml"]
    assert '__version__ = "7.1.0"' in after["pytest_cce_precheck/__init__.py"]
    assert re.search(r"## \[Unreleased\]\n\n## \[7\.1\.0\] - \d{4}-\d\d-\d\d\n\n### ", after["CHANGELOG.md"])
    # nothing else is changed
    for name, text in after.items():
        new = [line for line in text.splitlines() if line not in before[name].splitlines()]
        assert len(new) == 1, name


@pytest.mark.parametrize(
    ("version", "expected"),
    [
        ("0.0.1", "0.0.1 does not follow"),
        ("next", "'next' is no version: expected MAJOR.MINOR.PATCH"),
        ("9.0", "9.0 does not follow"),
    ],
)
def test_a_version_that_does_not_follow_is_refused_and_nothing_is_written(
    checkout: Path, version: str, expected: str
) -> None:
    before = [(checkout / name).read_bytes() for name in FILES]
    ran = release(checkout, version)
    assert ran.returncode == 1
    assert expected in ran.stderr
    assert [(checkout / name).read_bytes() for name in FILES] == before


def test_without_changes_there_is_no_release(checkout: Path) -> None:
    assert release(checkout, "7.1.0").returncode == 0
    ran = release(checkout, "7.2.0")
    assert ran.returncode == 1
    assert "nothing below [Unreleased]" in ran.stderr


# ---- what an index shows


@pytest.fixture
def hatch_build(monkeypatch: pytest.MonkeyPatch) -> ModuleType:
    require_module("hatchling")
    monkeypatch.syspath_prepend(str(ROOT))
    return require_module("hatch_build")


def test_the_examples_of_its_docstrings_are_right(hatch_build: ModuleType) -> None:
    assert doctest.testmod(hatch_build) == doctest.TestResults(failed=0, attempted=2)


@pytest.mark.parametrize("base", ["", "https://host.example/us"])
def test_no_link_of_the_long_description_is_dead_on_an_index(base: str, hatch_build: ModuleType) -> None:
    shown = hatch_build.for_index((ROOT / "README.md").read_text("utf-8"), base, "v1.0.0")
    targets = re.findall(r"\]\(([^)]+)\)", shown)
    assert [each for each in targets if not each.startswith("https://")] == []
    assert bool(targets) is bool(base)
    assert ("![" in shown) is bool(base)


def test_the_address_of_the_repository_is_that_of_the_workflow_unless_one_is_given(hatch_build: ModuleType) -> None:
    github = {"GITHUB_SERVER_URL": "https://github.example", "GITHUB_REPOSITORY": "us/it"}
    assert hatch_build.repository(github) == "https://github.example/us/it"
    assert hatch_build.repository({**github, "CCE_REPOSITORY": "https://host.example/us/"}) == "https://host.example/us"
    assert hatch_build.repository({}) == ""


def test_the_workflow_builds_what_it_publishes_with_the_versions_of_ci() -> None:
    text = (ROOT / ".github" / "workflows" / "release.yml").read_text("utf-8")
    assert "--constraint .ci/constraints.txt" in text
    assert "id-token: write" in text
    assert "secrets." not in text
