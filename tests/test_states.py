"""States that a test arranges, and answers of its own: they work, and wrong use is one clear line."""

from __future__ import annotations

import json
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Any

import pytest
import requests
from jsonschema import Draft202012Validator
from referencing import Registry, Resource

from pytest_cce_precheck import InProcessTransport, PrecheckClient, Simulator, SimulatorServer, check
from pytest_cce_precheck.errors import CcePrecheckError, ConfigurationError
from pytest_cce_precheck.schema_files import load_schema
from pytest_cce_precheck.transport.simulate import Interception
from pytest_cce_precheck.wire.exchange import TransportError

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path


def client_of(simulator: Simulator) -> PrecheckClient:
    return PrecheckClient(
        InProcessTransport(simulator),
        endpoint=simulator.endpoint,
        project_id=simulator.project_id,
        cluster_id=simulator.cluster_id,
        credentials=simulator.credentials,
    )


@pytest.fixture
def simulator() -> Simulator:
    simulator = Simulator()
    simulator.clear()
    return simulator


def listed(simulator: Simulator, **filters: str) -> list[Any]:
    """Return the tasks of a list, which follows the contract."""
    exchange = client_of(simulator).list_tasks(**filters)
    assert check(exchange) == []
    items: list[Any] = exchange.document["items"]
    return items


# ---- tasks


def test_a_task_of_a_few_words_has_sensible_values_for_the_rest(simulator: Simulator) -> None:
    made = simulator.add_task(template="coredns", state="Failed", risks=[("AddonValidate", "Fatal")])
    assert listed(simulator) == [made]
    assert made["status"]["riskList"] == [
        {
            "riskName": "AddonValidate",
            "level": "Fatal",
            "status": "Failed",
            "message": "the recorded values of the add-on are not valid",
        }
    ]
    assert listed(simulator, type="addonStatic", task_id=made["metadata"]["taskID"]) == [made]
    assert listed(simulator, type="addonUpgrade") == []


@pytest.mark.parametrize("state", ["Init", "Running", "Failed", "Success"])
@pytest.mark.parametrize("type", ["addonStatic", "addonUpgrade"])
def test_every_state_of_every_type_follows_the_contract(simulator: Simulator, state: str, type: str) -> None:
    simulator.add_task(state=state, type=type, template="no-such-addon")
    [task] = listed(simulator)
    assert (task["status"]["status"], task["metadata"]["type"]) == (state, type)
    assert ("expireTimeStamp" in task["metadata"]) == (state in ("Failed", "Success"))


@pytest.mark.parametrize("outcome", ["Failed", "Success"])
def test_a_task_goes_on_when_the_clock_is_advanced(simulator: Simulator, outcome: str) -> None:
    simulator.add_task(state="Init", waits=10, runs=20, outcome=outcome, risks=[("AddonStatus", "Warning")])
    seen = []
    for seconds in (0, 9, 1, 19, 1):
        simulator.advance(seconds)
        [task] = listed(simulator)
        seen.append((task["status"]["status"], task["status"]["riskList"][0]["status"]))
    assert seen == [("Init", "Init")] * 2 + [("Running", "Running")] * 2 + [(outcome, outcome)]
    simulator.advance(25 * 3600)
    assert listed(simulator) == []


def test_what_is_none_is_left_out(simulator: Simulator) -> None:
    made = simulator.add_task(instance_id=None, instance_name=None, risks=None)
    assert sorted(made["metadata"]) == ["addonTemplateName", "createTimeStamp", "expireTimeStamp", "taskID", "type"]
    assert "riskList" not in made["status"]
    assert listed(simulator) == [made]


def test_given_values_are_listed_as_they_are(simulator: Simulator) -> None:
    made = simulator.add_task(
        id="task-1", instance_id="i-1", instance_name="mine", target_version="9.9", message="words",
        created=datetime(2025, 8, 1, tzinfo=UTC), expires="2025-09-01T00:00:00.123456789+02:00",
    )  # fmt: skip
    assert made["metadata"] == {
        "type": "addonUpgrade",
        "taskID": "task-1",
        "addonTemplateName": "coredns",
        "addonInstanceName": "mine",
        "addonInstanceID": "i-1",
        "createTimeStamp": "2025-08-01T08:00:00+08:00",
        "expireTimeStamp": "2025-09-01T00:00:00.123456789+02:00",
    }
    assert (made["spec"], made["status"]["message"]) == ({"addonTargetVersion": "9.9"}, "words")
    assert listed(simulator, addon_instance_id="i-1") == [made]


@pytest.mark.parametrize(
    ("said", "told"),
    [
        ({"state": "Faild"}, "the state 'Faild' is unknown: expected Init, Running, Failed, Success; did you mean Fai"),
        ({"type": "upgrade"}, "the type 'upgrade' is unknown: expected addonStatic, addonUpgrade"),
        ({"risks": ["AddonValidate"]}, "the risk 'AddonValidate' has no level: expected (name, level), such as ("),
        ({"risks": [{"riskName": "a"}]}, "the risk 'a' has no level"),
        ({"risks": [("a", "Fatal", "Failed", "m", "n")]}, "the risk ('a', 'Fatal', 'Failed', 'm', 'n') has no name"),
        ({"risks": [{"name": "a"}]}, "a risk has no field 'name': expected riskName, level, status, message"),
        ({"risks": "AddonValidate"}, "risks='AddonValidate': expected a list of (name, level)"),
        ({"stat": "Failed"}, "a task has no 'stat'; did you mean state?"),
        ({"outcome": "Running"}, "the outcome 'Running' is unknown: expected Failed or Success"),
        ({"waits": -1}, "waits=-1: expected a number of seconds"),
        ({"breaks": "PRE305"}, "breaks='PRE305': expected a list of codes, such as ['PRE305']"),
        ({"breaks": ["PRE999"]}, "unknown finding code 'PRE999'"),
        ({"breaks": ["PRE305"]}, "breaks=['PRE305']: nothing here breaks PRE305"),
        ({"message": object()}, "a task cannot be written as JSON"),
    ],
)
def test_wrong_use_is_one_clear_line(simulator: Simulator, said: dict[str, Any], told: str) -> None:
    with pytest.raises(ConfigurationError) as raised:
        simulator.add_task(**said)
    assert told in str(raised.value)
    assert "\n" not in str(raised.value)
    assert listed(simulator) == []


BROKEN: list[tuple[str, dict[str, Any]]] = [
    ("PRE203", {"state": "Done"}),
    ("PRE203", {"risks": [("a", "Fatl")]}),
    ("PRE204", {"created": "yesterday"}),
    ("PRE302", {"state": "Failed", "expires": None}),
    ("PRE301", {"state": "Running", "expires": "2030-01-01T00:00:00Z"}),
    ("PRE303", {"expires": "2001-01-01T00:00:00Z"}),
    ("PRE305", {"state": "Failed", "risks": [("a", "Fatal", "Success")]}),
    ("PRE306", {"state": "Success", "risks": [("a", "Fatal", "Failed")]}),
    ("PRE307", {"state": "Init", "risks": [("a", "Fatal", "Running")]}),
    ("PRE308", {"created": "2030-01-01T00:00:00Z"}),
    ("PRE201", {"message": None}),
]


@pytest.mark.parametrize(("code", "said"), BROKEN)
def test_what_breaks_the_contract_is_refused_with_its_code_unless_it_is_asked_for(
    simulator: Simulator, code: str, said: dict[str, Any]
) -> None:
    if code != "PRE203" or "state" not in said:
        with pytest.raises(ConfigurationError, match=f"^add_task: {code} .*; to list it all the same: breaks="):
            simulator.add_task(**said)
    made = simulator.add_task(**said, breaks=[code])
    exchange = client_of(simulator).list_tasks()
    assert exchange.document["items"] == [made]
    assert {finding.code for finding in check(exchange)} == {code}


def test_two_tasks_of_one_id_are_refused(simulator: Simulator) -> None:
    simulator.add_task(id="x")
    with pytest.raises(ConfigurationError, match="PRE304 task-id-twice"):
        simulator.add_task(id="x")
    simulator.add_task(id="x", breaks=["task-id-twice"])
    assert len(client_of(simulator).list_tasks().document["items"]) == 2


# ---- files


def test_a_captured_answer_is_a_state_and_is_listed_as_it_was(simulator: Simulator) -> None:
    for captured in load_schema("list_answer")["examples"]:
        simulator.load(captured)
        assert client_of(simulator).list_tasks().document == captured
        assert listed(simulator) == captured["items"]


def test_a_list_of_any_seed_is_a_state() -> None:
    for seed in range(5):
        captured = client_of(Simulator(seed=seed)).list_tasks().document
        simulator = Simulator()
        simulator.load(captured)
        assert listed(simulator) == captured["items"]


def test_a_file_may_leave_out_all_that_has_a_sensible_value(simulator: Simulator, tmp_path: Path) -> None:
    path = tmp_path / "state.json"
    path.write_text(json.dumps(load_schema("state")["examples"][1]))
    simulator.load(path)
    first, second = listed(simulator)
    assert (first["metadata"]["addonTemplateName"], first["status"]["status"]) == ("coredns", "Failed")
    assert second["status"]["status"] == "Running"


def test_what_is_a_state_by_its_schema_can_be_loaded(simulator: Simulator) -> None:
    names = ("check_task_spec", "check_task_risk")
    resources = [(f"https://pytest-cce-precheck.example/schemas/{n}.json", load_schema(n)) for n in names]
    registry = Registry().with_resources([(uri, Resource.from_contents(schema)) for uri, schema in resources])
    validator = Draft202012Validator(load_schema("state"), registry=registry)
    for state in load_schema("state")["examples"]:
        validator.validate(state)
        simulator.load(state)
    assert not validator.is_valid({"items": [{"status": {"status": "Faild"}}]})
    assert not validator.is_valid({})


@pytest.mark.parametrize(
    ("text", "told"),
    [
        ("{", "is not valid JSON: "),
        ("", "is not valid JSON: the body is empty"),
        ("[]", "is not a JSON object: expected the form of a list answer"),
        ("{}", "has no array items"),
        ('{"items": {}}', "has no array items"),
        ('{"items": [1]}', "items[0] is not a JSON object: expected an AddonCheckTask"),
        ('{"items": [{"status": "Failed"}]}', "items[0].status is not a JSON object"),
        ('{"items": [{"status": {"status": "Faild"}}]}', "PRE203 undocumented-value"),
        ('{"items": [{"metadata": {"taskID": "x"}}, {"metadata": {"taskID": "x"}}]}', "PRE304 task-id-twice"),
    ],
)
def test_a_file_that_is_no_state_is_one_clear_line(simulator: Simulator, tmp_path: Path, text: str, told: str) -> None:
    path = tmp_path / "state.json"
    path.write_text(text)
    with pytest.raises(ConfigurationError) as raised:
        simulator.load(path)
    assert str(raised.value).startswith(f"the state file {path}")
    assert told in str(raised.value)
    assert "\n" not in str(raised.value)


def test_a_file_that_is_not_there_is_named(simulator: Simulator, tmp_path: Path) -> None:
    with pytest.raises(ConfigurationError, match=r"the state file .*none\.json cannot be read"):
        simulator.load(tmp_path / "none.json")


# ---- answers of one's own


def test_one_question_gets_one_answer_and_the_rest_is_the_simulators(simulator: Simulator, tmp_path: Path) -> None:
    made = simulator.add_task(type="addonUpgrade")
    body = tmp_path / "captured.json"
    body.write_text('{"kind":"AddonCheck","captured":true}')
    simulator.answer(type="addonUpgrade", status=429, headers={"Retry-After": "1"})
    simulator.answer(type="addonUpgrade", body=body)
    client = client_of(simulator)
    assert client.list_tasks().document["items"] == [made]
    answers = [client.list_tasks(type="addonUpgrade") for _ in range(3)]
    assert [answer.status for answer in answers] == [429, 200, 200]
    assert answers[0].response.headers["Retry-After"] == "1"
    assert check(answers[0]) == []
    assert answers[1].response.body == body.read_bytes()
    assert answers[2].document["items"] == [made]
    assert simulator.unused_answers == []


@pytest.mark.parametrize("lost", ["connection-lost", "timeout"])
def test_a_connection_can_be_lost(simulator: Simulator, lost: Any) -> None:
    simulator.answer(lost=lost, times=None)
    for _ in range(2):
        with pytest.raises(TransportError) as raised:
            client_of(simulator).list_tasks()
        assert raised.value.reason == lost
    simulator.answer(method="POST", body={"own": 1}, status=201)
    assert client_of(simulator).create_tasks([]).document == {"own": 1}


def asking(endpoint: str, simulator: Simulator, **more: Any) -> requests.Response:
    path = f"/api/v3/projects/{simulator.project_id}/clusters/{simulator.cluster_id}/addons/precheck/tasks"
    token = simulator.credentials.token
    assert token is not None
    return requests.get(endpoint + path, headers={"X-Auth-Token": token.reveal()}, **more)


@pytest.mark.parametrize("real", [True, False], ids=["over HTTP", "in this process"])
def test_an_answer_can_be_late_for_every_client(simulator: Simulator, real: bool) -> None:
    simulator.answer(delay=0.3, times=2)
    with SimulatorServer(simulator) if real else Interception(simulator) as answering:
        endpoint = answering.endpoint if isinstance(answering, SimulatorServer) else simulator.endpoint
        with pytest.raises(requests.ReadTimeout):
            asking(endpoint, simulator, timeout=0.1)
        assert asking(endpoint, simulator, timeout=5).elapsed.total_seconds() < 5


@pytest.mark.parametrize(
    ("give", "told"),
    [
        (lambda it: it.answer(status=99), "status=99: expected a number from 200 to 599"),
        (lambda it: it.answer(delay=-1), "delay=-1: expected a number of seconds from 0 to 600"),
        (lambda it: it.answer(lost="eaten"), "lost='eaten': expected 'connection-lost' or 'timeout'"),
        (lambda it: it.answer(times=0), "times=0: expected a number from 1, or None for each time"),
        (lambda it: it.answer(method="PUT"), "method='PUT': expected GET"),
        (lambda it: it.answer(method="POST", type="x"), "the create call (POST) has no filters"),
        (lambda it: it.answer(type=1), "type=1: expected a text"),
        (lambda it: it.answer(body={1, 2}), "the body cannot be written as JSON"),
    ],
)
def test_an_answer_that_cannot_be_given_is_one_clear_line(
    simulator: Simulator, give: Callable[[Simulator], None], told: str
) -> None:
    with pytest.raises(CcePrecheckError) as raised:
        give(simulator)
    assert told in str(raised.value)
    assert "\n" not in str(raised.value)


def test_an_answer_for_a_question_that_nobody_asks_is_named(simulator: Simulator) -> None:
    simulator.answer(type="addonUpgrad", status=503)
    client_of(simulator).list_tasks(type="addonUpgrade")
    assert simulator.unused_answers == [
        "an answer was given for GET type=addonUpgrad, and nobody asked that; asked since then: GET type=addonUpgrade"
    ]
