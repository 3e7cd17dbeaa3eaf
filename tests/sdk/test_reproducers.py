"""The programs in bug reports are run: each sends what its case asks for, and prints what the SDK made of it."""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
from typing import TYPE_CHECKING

import pytest

from pytest_cce_precheck.sdk.case import Case, CaseKind
from pytest_cce_precheck.sdk.cases import corpus_cases, find_case
from pytest_cce_precheck.sdk.corpus import Corpus, corpus_server
from pytest_cce_precheck.sdk.driver import INHERITED_VARIABLES
from pytest_cce_precheck.sdk.protocol import Introduction
from pytest_cce_precheck.sdk.reproducer import ENDPOINT, reproducer
from pytest_cce_precheck.sdk.request_fidelity import request_findings
from tests.sdk.fakes import CREDENTIALS, DRIVERS, require_programs
from tests.toolchains import require_module

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

EVERYTHING = Case(
    "everything",
    CaseKind.REQUEST,
    "Every filter with what has to be escaped, temporary keys, another timeout.",
    find_case("every-field").answer,
    filters={"type": "addonUpgrade", "task_id": "存é👩 a+b%41", "addon_instance_id": "'\"`<>\\\r\n$"},
    authentication="temporary",
    timeout=5.0,
    number=1,
)
CASES = {"list": (EVERYTHING, "Addon task check finish"), "create": (find_case("create-temporary-keys"), "10.247.3.10")}


def python(folder: Path, program: str) -> list[str]:
    require_module("huaweicloudsdkcce.v3")
    (folder / "reproducer.py").write_text(program, encoding="utf-8")
    return [sys.executable, "reproducer.py"]


def go(folder: Path, program: str) -> list[str]:
    require_programs(("go", str(DRIVERS / "go" / "cce-driver")))
    (folder / "main.go").write_text(program, encoding="utf-8")
    for name in ("go.mod", "go.sum"):
        shutil.copy(DRIVERS / "go" / name, folder)
    return ["go", "run", "."]


def java(folder: Path, program: str) -> list[str]:
    target = DRIVERS / "java" / "target"
    require_programs(("java", str(target / "cce-driver.jar")))
    (folder / "Reproducer.java").write_text(program, encoding="utf-8")
    return ["java", "-cp", f"{target}/cce-driver.jar{os.pathsep}{target}/lib/*", "Reproducer.java"]


LANGUAGES: dict[str, Callable[[Path, str], list[str]]] = {"Python 3": python, "Go 1": go, "Java 17": java}


def introduction(language: str) -> Introduction:
    return Introduction(language, "sdk", "1", ("list", "create"), ("ak/sk", "temporary"))


def run(command: list[str], folder: Path) -> str:
    keys = {
        "HUAWEICLOUD_SDK_AK": CREDENTIALS.access_key,
        "HUAWEICLOUD_SDK_SK": CREDENTIALS.secret_key,
        "HUAWEICLOUD_SDK_SECURITY_TOKEN": CREDENTIALS.security_token,
    }
    environment = {name: text for name, text in os.environ.items() if name in INHERITED_VARIABLES}
    environment |= {name: secret.reveal() for name, secret in keys.items() if secret}
    ran = subprocess.run(command, cwd=folder, env=environment, capture_output=True, text=True, check=False, timeout=120)
    return ran.stdout + ran.stderr


@pytest.mark.parametrize("call", CASES)
@pytest.mark.parametrize("language", LANGUAGES)
def test_a_reproducer_asks_what_its_case_asks_and_prints_what_the_sdk_makes_of_it(
    language: str, call: str, tmp_path: Path
) -> None:
    case, held = CASES[call]
    marked, program = reproducer(introduction(language), case)
    assert marked == language.partition(" ")[0].lower()
    corpus = Corpus([case], CREDENTIALS)
    with corpus_server(corpus) as server:
        command = LANGUAGES[language](tmp_path, program.replace(ENDPOINT, server.endpoint))
        printed = run(command, tmp_path)
        wanted = case.call(server.endpoint)
    assert corpus.count == 1, printed
    assert list(request_findings(wanted, corpus.since(0), case.answer, CREDENTIALS)) == []
    assert held in printed


def test_what_is_lost_is_not_printed(tmp_path: Path) -> None:
    case = find_case("example-create")
    _, program = reproducer(introduction("Python 3"), case)
    with corpus_server(Corpus([case], CREDENTIALS)) as server:
        printed = run(python(tmp_path, program.replace(ENDPOINT, server.endpoint)), tmp_path)
    assert case.document["status"]["items"][0]["metadata"]["taskID"] not in printed
    assert "addonTemplateName" in printed


@pytest.mark.parametrize("language", LANGUAGES)
def test_every_case_has_a_program_without_an_open_end(language: str) -> None:
    def program(case: Case) -> str:
        return reproducer(introduction(language), case)[1]

    assert [case.name for case in corpus_cases() if case.cluster_id not in program(case)] == []
    if language.startswith("Python"):
        for case in corpus_cases():
            compile(program(case), case.name, "exec")


def test_for_an_unknown_language_the_drivers_message_repeats_the_case() -> None:
    language, text = reproducer(introduction("Rust 1.90"), find_case("list-never-answered"))
    assert language == "json"
    assert '"timeout":1.0' in text
    assert '"cluster_id":"case-' in text
