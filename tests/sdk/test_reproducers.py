"""The programs in bug reports are run: each needs nothing but the SDK, and shows the fault that its report names."""

from __future__ import annotations

import json
import re
import subprocess
from dataclasses import replace
from typing import TYPE_CHECKING

import pytest

from pytest_cce_precheck.sdk.case import Case, CaseKind
from pytest_cce_precheck.sdk.cases import corpus_cases, find_case
from pytest_cce_precheck.sdk.corpus import ReceivedRequest
from pytest_cce_precheck.sdk.faults import SdkFault, defects, faults
from pytest_cce_precheck.sdk.protocol import DriverAnswer, Introduction
from pytest_cce_precheck.sdk.reports import bug_report, reproducer
from pytest_cce_precheck.sdk.request_fidelity import request_findings
from pytest_cce_precheck.sdk.run import SdkReport, judge, run_sdks
from pytest_cce_precheck.sdk.versions import python_driver
from pytest_cce_precheck.wire.exchange import Request
from tests.sdk.fakes import CREDENTIALS, DRIVERS, require_programs
from tests.sdk.programs import LANGUAGES, environment
from tests.toolchains import require_module

if TYPE_CHECKING:
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
DRIVER_COMMANDS = {
    "python": python_driver(),
    "go": (str(DRIVERS / "go" / "cce-driver"),),
    "java": ("java", "-jar", str(DRIVERS / "java" / "target" / "cce-driver.jar")),
}
# findings about the request that need its credentials, which a reproducer makes up
_OF_CREDENTIALS = {"PRE704", "PRE705", "PRE706"}


def introduction(language: str) -> Introduction:
    return Introduction(language, "huaweicloud-sdk", "1", ("list", "create"), ("ak/sk", "temporary"))


def run(language: str, program: str, folder: Path) -> str:
    """Run a program with no credentials and nothing else that this project would start."""
    command = LANGUAGES[language](folder, program)
    ran = subprocess.run(command, cwd=folder, env=environment({}), capture_output=True, check=False, timeout=120)
    assert ran.returncode == 0, ran.stderr
    # the Go SDK passes on bytes that are not UTF-8
    return ran.stdout.decode(errors="backslashreplace")


def request_in(printed: str, case: Case) -> Request:
    """Return the first request that the program's own server received."""
    found = re.search(r"^request: (\S+) (\S+) HTTP/1\.1 (.*)$", printed, re.MULTILINE)
    assert found is not None, printed
    path, _, query = found[2].partition("?")
    return Request(found[1], case.call("http://h").endpoint, path, query, body=found[3].strip().encode())


def sent_wrong(printed: str, case: Case) -> list[str]:
    received = [ReceivedRequest(1, 0.0, request_in(printed, case))]
    found = request_findings(case.call("http://h"), received, case.answer, CREDENTIALS)
    return [finding.code for finding in found if finding.code not in _OF_CREDENTIALS]


@pytest.mark.parametrize("call", CASES)
@pytest.mark.parametrize("language", LANGUAGES)
def test_a_reproducer_asks_what_its_case_asks_and_prints_what_the_sdk_makes_of_it(
    language: str, call: str, tmp_path: Path
) -> None:
    case, held = CASES[call]
    marked, program = reproducer(introduction(language.title()), case)
    assert marked == language
    printed = run(language, program, tmp_path)
    assert sent_wrong(printed, case) == []
    assert held in printed


# --- every fault that is found


@pytest.fixture(scope="module", params=LANGUAGES)
def report(request: pytest.FixtureRequest) -> SdkReport:
    language = str(request.param)
    if language == "python":
        require_module("huaweicloudsdkcce.v3")
    return run_sdks([require_programs(DRIVER_COMMANDS[language])], corpus_cases())[0]


def test_every_reproducer_shows_the_fault_that_its_report_names(report: SdkReport, tmp_path: Path) -> None:
    """All of one language in one test, so that Go compiles the SDK once."""
    language = report.introduction.language.partition(" ")[0].lower()
    found = faults(defects(report))
    assert len(found) >= 7
    silent = []
    for number, fault in enumerate(found):
        text = bug_report(report.introduction, fault)
        program = re.search(rf"^```{language}\n(.*?)^```$", text, re.MULTILINE | re.DOTALL)
        assert program is not None
        folder = tmp_path / str(number)
        folder.mkdir()
        printed = run(language, program[1], folder)
        if not shows(printed, fault):
            silent.append(f"{fault.title()}: {printed}")
    assert silent == []


def shows(printed: str, fault: SdkFault) -> bool:
    case, finding = fault.sample.sample.case, fault.sample.finding
    if finding.code < "PRE710":
        return finding.code in sent_wrong(printed, case)
    _, failed, error = printed.partition("error: ")
    if finding.code in ("PRE713", "PRE715", "PRE730"):
        # the types are written with their packages in Go and Java
        return bool(failed) and finding.subject[0].rpartition(".")[2] in error.split(":")[0].split("{")[0]
    if finding.code == "PRE714":
        expect = case.expect
        wanted = {"code": expect.code, "message": expect.message, "request_id": expect.request_ids[0]}
        return bool(failed) and all(str(wanted[name]) not in error for name in fault.facts["names"].split(", "))
    _, _, held = printed.partition("object: ")
    value = without_nulls(json.loads(held[held.index("{") :]))
    judged = judge(case, DriverAnswer(value=value), ())
    return finding.identity in [each.identity for each in judged.findings]


def without_nulls(value: object) -> object:
    """Java writes what is absent as null."""
    if isinstance(value, dict):
        return {name: without_nulls(part) for name, part in value.items() if part is not None}
    return [without_nulls(part) for part in value] if isinstance(value, list) else value


def test_a_fault_is_not_shown_by_an_sdk_that_does_not_have_it() -> None:
    [report] = run_sdks([require_programs(DRIVER_COMMANDS["python"])], [find_case("page-info-current-count-is-text-1")])
    [fault] = faults(defects(report))
    body = json.dumps(find_case("page-info-current-count-is-text-1").document)
    assert not shows(f"request: GET / HTTP/1.1\nobject: {body}\n", fault)
    assert shows("object: " + body.replace('"currentCount": "1"', '"currentCount": 1'), fault)


@pytest.mark.parametrize("language", LANGUAGES)
def test_every_case_has_a_program_without_an_open_end(language: str) -> None:
    def program(case: Case) -> str:
        return reproducer(introduction(language.title()), case)[1]

    assert [case.name for case in corpus_cases() if case.cluster_id not in program(case)] == []
    if language == "python":
        for case in corpus_cases():
            compile(program(case), case.name, "exec")


@pytest.mark.parametrize(
    "own", [introduction("Rust 1.90"), replace(introduction("Go 1.26"), sdk="an-sdk-of-ones-own")], ids=["Rust", "Go"]
)
def test_for_an_unknown_language_or_sdk_the_drivers_message_repeats_the_case(own: Introduction) -> None:
    language, text = reproducer(own, find_case("list-never-answered"))
    assert language == "json"
    assert '"timeout":1.0' in text
    assert '"cluster_id":"case-' in text
