"""The files in docs/ci/sdk: their command runs as a job runs it, and does what they say."""

from __future__ import annotations

import os
import shlex
import subprocess
import sys
from pathlib import Path
from typing import Any, Final
from xml.etree import ElementTree as ET

import pytest
import yaml

from pytest_cce_precheck.sdk.cases import corpus_cases
from pytest_cce_precheck.sdk.versions import python_driver
from tests.toolchains import require_module, require_program

FOLDER: Final = Path(__file__).resolve().parents[2] / "docs" / "ci" / "sdk"


def read(name: str) -> Any:
    return yaml.safe_load((FOLDER / name).read_text("utf-8"))


def command_of(name: str) -> str:
    if name == "gitlab-ci.yml":
        [command] = read(name)["cce-precheck-corpus"]["script"]
        return str(command)
    steps = read(name)["jobs"]["corpus"]["steps"]
    [command] = [step["run"] for step in steps if step.get("run", "").startswith("cce-precheck")]
    return str(command)


def test_both_systems_run_the_same_command() -> None:
    assert command_of("github.yml") == command_of("gitlab-ci.yml")


@pytest.mark.parametrize(("flaky", "status"), [("", 1), ("*", 0)])
def test_the_command_fails_on_what_is_not_known_and_leaves_its_files(tmp_path: Path, flaky: str, status: int) -> None:
    require_module("huaweicloudsdkcce.v3")
    (tmp_path / "known-failing.txt").write_text("example-create  # status.items\n")
    (tmp_path / "known-flaky.txt").write_text(flaky)
    environment = {**os.environ, "DRIVER": shlex.join(python_driver())}
    environment["PATH"] = f"{Path(sys.executable).parent}{os.pathsep}{environment['PATH']}"
    ran = subprocess.run(
        ["bash", "-e", "-c", command_of("github.yml")],
        cwd=tmp_path,
        env=environment,
        capture_output=True,
        text=True,
        check=False,
        timeout=120,
    )
    assert ran.returncode == status, ran.stderr
    suite = ET.parse(tmp_path / "junit.xml").getroot()[0]
    assert int(suite.get("tests", "")) == len(corpus_cases())
    assert (int(suite.get("failures", "")) > 0) == (status == 1)
    assert any(tmp_path.glob("sdk-faults/01-PRE7*.md")) == (status == 1)


def test_zizmor_finds_no_weakness() -> None:
    program = require_program("zizmor")
    path = str(FOLDER / "github.yml")
    audit = subprocess.run([program, "--offline", "--quiet", path], capture_output=True, text=True, check=False)
    assert (audit.returncode, "No findings to report" in audit.stdout) == (0, True), audit.stdout
