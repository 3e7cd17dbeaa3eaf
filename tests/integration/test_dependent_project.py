"""A project of somebody else's with the built wheel installed, and nothing of this checkout in sight."""

from __future__ import annotations

import json
import os
import sys
import zipfile
from typing import TYPE_CHECKING, Final

from tests.integration.conftest import ROOT, execute

if TYPE_CHECKING:
    from pathlib import Path

PROJECT: Final = {
    "test_their_own.py": "def test_their_own_code():\n    assert 1 + 1 == 2\n",
    "test_prechecks.py": '''
"""As in the README."""

import pytest

from pytest_cce_precheck import ContractViolation


def test_the_upgrade_checks_can_be_listed(cce_client, cce_contract):
    exchange = cce_client.list_tasks(type="addonUpgrade")

    cce_contract.verify(exchange)

    assert exchange.status == 200
    assert {item["metadata"]["type"] for item in exchange.document["items"]} == {"addonUpgrade"}


@pytest.mark.cce(faults=["page-info-missing"])
def test_a_broken_service_is_noticed(cce_client, cce_contract):
    with pytest.raises(ContractViolation, match="pageInfo"):
        cce_contract.verify(cce_client.list_tasks())


def test_the_schemas_are_those_of_the_wheel():
    import json
    import pathlib

    import pytest_cce_precheck
    from pytest_cce_precheck.schema_files import load_schema

    package = pathlib.Path(pytest_cce_precheck.__file__).parent
    assert (package / "schemas" / "list_answer.json").is_file()
    assert load_schema("list_answer")["type"] == "object"
    assert load_schema("openapi")["openapi"].startswith("3.1")
    print(json.dumps(str(package)))
''',
    "pytest.ini": "[pytest]\naddopts = --strict-markers --strict-config\nfilterwarnings = error\n",
}


def test_the_wheel_holds_the_package_its_schemas_and_its_entry_points_alone(wheel: Path) -> None:
    with zipfile.ZipFile(wheel) as archive:
        names = archive.namelist()
        metadata = {name.rpartition("/")[2]: archive.read(name).decode() for name in names if ".dist-info/" in name}
    assert {name.partition("/")[0].partition("-")[0] for name in names} == {"pytest_cce_precheck"}
    for schema in sorted((ROOT / "schemas").glob("*.json")):
        assert f"pytest_cce_precheck/schemas/{schema.name}" in names
    for name in ("py.typed", "contract/rules.toml", "suite/test_contract.py", "suite/conftest.py"):
        assert f"pytest_cce_precheck/{name}" in names
    assert "cce_precheck = pytest_cce_precheck.plugin.hooks" in metadata["entry_points.txt"]
    assert "cce-precheck = pytest_cce_precheck.cli.main:main" in metadata["entry_points.txt"]
    assert "License-Expression: Apache-2.0" in metadata["METADATA"]


def test_a_dependent_projects_tests_run_with_the_wheel(site: Path, tmp_path: Path) -> None:
    for name, text in PROJECT.items():
        (tmp_path / name).write_text(text, encoding="utf-8")
    # before the checkout that an editable install puts on the path
    environment = {**os.environ, "PYTHONPATH": str(site)}
    words = [sys.executable, "-m", "pytest", "-p", "no:cacheprovider", "-p", "no:randomly", "-s"]
    done = execute(words, tmp_path, environment)
    assert done.returncode == 0, done.stdout + done.stderr
    assert "4 passed" in done.stdout
    assert json.dumps(str(site / "pytest_cce_precheck")) in done.stdout
    assert "no real service was contacted" in done.stdout
    ordinary = execute([*words, "test_their_own.py"], tmp_path, environment)
    assert ordinary.returncode == 0
    assert "1 passed" in ordinary.stdout
    assert "cce-precheck" not in ordinary.stdout.partition("collected")[2]


def test_suite_and_command_run_from_the_wheel(site: Path, tmp_path: Path) -> None:
    environment = {**os.environ, "PYTHONPATH": str(site)}
    words = [sys.executable, "-m", "pytest", "-p", "no:cacheprovider", "--pyargs", "pytest_cce_precheck.suite"]
    done = execute([*words, "--cce-budget=60", "-v"], tmp_path, environment)
    assert done.returncode == 0, done.stdout + done.stderr
    assert "the contract holds: " in done.stdout
    command = execute([str(site / "bin" / "cce-precheck"), "explain", "PRE401"], tmp_path, environment)
    assert (command.returncode, command.stdout[:6]) == (0, "PRE401"), command.stderr
