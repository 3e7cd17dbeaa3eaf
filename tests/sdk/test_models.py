"""The models of an SDK compared with the documented fields, without a call."""

from __future__ import annotations

import json
import shlex
from typing import TYPE_CHECKING

import pytest

from pytest_cce_precheck.cli.main import main
from pytest_cce_precheck.sdk.driver import Driver, DriverError
from pytest_cce_precheck.sdk.faults import DOCUMENTS, documented_fields, model_differences
from pytest_cce_precheck.sdk.versions import python_driver
from tests.sdk.fakes import CREDENTIALS, DRIVERS, answering, require_programs
from tests.toolchains import require_module

if TYPE_CHECKING:
    from pathlib import Path

Capture = pytest.CaptureFixture[str]
DRIVER_COMMANDS = {
    "python": python_driver(),
    "go": (str(DRIVERS / "go" / "cce-driver"),),
    "java": ("java", "-jar", str(DRIVERS / "java" / "target" / "cce-driver.jar")),
}


def facts(**models: dict[str, str]) -> list[str]:
    return [difference.fact for difference in model_differences(models)]


def test_the_documented_fields_have_paths_and_types() -> None:
    listed = documented_fields("list_answer")
    assert listed["$.pageInfo.currentCount"] == "integer"
    assert listed["$.items"] == "array"
    assert listed["$.items[*].status.riskList[*].level"] == "string"
    assert documented_fields("create_answer")["$.status.items[*].metadata.taskID"] == "string"


@pytest.mark.parametrize("document", DOCUMENTS)
def test_models_as_documented_do_not_differ(document: str) -> None:
    assert facts(**{document: documented_fields(document)}) == []


def test_a_part_that_is_missing_is_reported_once() -> None:
    fields = {path: kind for path, kind in documented_fields("list_answer").items() if ".status" not in path}
    assert facts(list_answer=fields) == [
        "list_answer $.items[*].status (object) is documented, and the model does not have it"
    ]


def test_another_type_and_an_unknown_field_are_reported() -> None:
    fields = {**documented_fields("list_answer"), "$.pageInfo.currentCount": "string", "$.nextMarker": "string"}
    assert facts(list_answer=fields) == [
        "list_answer $.pageInfo.currentCount is documented as integer, and the model has string",
        "list_answer $.nextMarker (string) is in the model, and in no document",
    ]


def test_what_the_documents_leave_free_has_no_extra_fields() -> None:
    fields = {**documented_fields("create_answer"), "$.spec.clusterID": "string"}
    assert facts(create_answer=fields) == []


@pytest.mark.parametrize("language", DRIVER_COMMANDS)
def test_in_each_sdk_only_the_status_of_the_create_answer_differs(language: str) -> None:
    if language == "python":
        require_module("huaweicloudsdkcce.v3")
    with Driver(require_programs(DRIVER_COMMANDS[language]), CREDENTIALS) as driver:
        models = driver.models()
    assert models is not None
    assert models.keys() == set(DOCUMENTS)
    found = {(difference.kind, difference.document, difference.path) for difference in model_differences(models)}
    assert found == {
        ("missing", "create_answer", "$.status.items"),
        ("extra", "create_answer", "$.status.phase"),
        ("extra", "create_answer", "$.status.itemsStatus"),
    }


# ---- the command


def describing(tmp_path: Path, models: dict[str, dict[str, str]]) -> str:
    return shlex.join(answering(tmp_path, f"say(message, models={models!r})"))


def test_the_command_exits_with_1_if_a_field_is_missing_and_with_0_if_not(tmp_path: Path, capsys: Capture) -> None:
    fields = documented_fields("list_answer")
    assert main(["sdk", "models", "--driver", describing(tmp_path, {"list_answer": fields})]) == 0
    assert capsys.readouterr().out == "fake 1.0: 0 documented fields missing or of another type\n"
    del fields["$.kind"]
    assert main(["sdk", "models", "--driver", describing(tmp_path, {"list_answer": fields}), "--json"]) == 1
    [difference] = json.loads(capsys.readouterr().out)["differences"]
    assert (difference["kind"], difference["path"]) == ("missing", "$.kind")


def test_a_driver_that_cannot_describe_its_models_exits_with_2(tmp_path: Path, capsys: Capture) -> None:
    body = "say(message, outcome='error', error={'class': 'ProtocolError', 'expected': False})"
    assert main(["sdk", "models", "--driver", shlex.join(answering(tmp_path, body))]) == 2
    assert "the driver of fake 1.0 cannot describe its models: see docs/how-to-driver.md" in capsys.readouterr().err


def test_a_description_that_is_none_is_an_error_of_the_driver(tmp_path: Path) -> None:
    command = answering(tmp_path, "say(message, models={'list_answer': {'$.kind': 'text'}})")
    with Driver(command, CREDENTIALS) as driver, pytest.raises(DriverError, match=r"\$\.kind has the type 'text'"):
        driver.models()


def test_a_driver_that_answers_a_call_instead_is_an_error(tmp_path: Path) -> None:
    command = answering(tmp_path, "say(message, outcome='value', value={})")
    with Driver(command, CREDENTIALS) as driver, pytest.raises(DriverError):
        driver.models()
