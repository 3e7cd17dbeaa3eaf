"""What counts as proved: a rule that had something to judge, a documented status, a documented field of a task."""

from __future__ import annotations

import json
from collections import Counter

import pytest

from pytest_cce_precheck.client import PrecheckClient
from pytest_cce_precheck.contract.proof import STATUSES, Proof, provable_fields, provable_rules
from pytest_cce_precheck.simulator.service import Simulator
from pytest_cce_precheck.suite.checks import inspect
from pytest_cce_precheck.suite.inspection import Inspection
from pytest_cce_precheck.suite.run_settings import Neighbours, Settings
from pytest_cce_precheck.transport.simulate import InProcessTransport
from pytest_cce_precheck.wire.exchange import Exchange, Headers, Request, Response
from pytest_cce_precheck.wire.vocabulary import list_path


def answered(status: int, document: object, method: str = "GET") -> Exchange:
    request = Request(method, "https://cce.example", list_path("p", "c"))
    body = json.dumps(document).encode()
    return Exchange(request, Response(status, Headers([("Content-Type", "application/json")]), body))


def task(state: str, risks: list[dict[str, str]] | None = None, **metadata: str) -> dict[str, object]:
    own = {"type": "addonStatic", "taskID": "t", "addonTemplateName": "a", "createTimeStamp": "2024-01-01T00:00:00Z"}
    status = {"status": state, "message": "m", **({"riskList": risks} if risks is not None else {})}
    return {"metadata": {**own, **metadata}, "status": status}


def listing(*tasks: dict[str, object]) -> dict[str, object]:
    return {"kind": "AddonCheck", "apiVersion": "v3", "pageInfo": {"currentCount": len(tasks)}, "items": list(tasks)}


def proof_of(*exchanges: Exchange) -> Proof:
    proof = Proof()
    for each in exchanges:
        proof.see(each)
    return proof


def test_a_rule_about_risks_has_nothing_to_judge_in_tasks_without_any() -> None:
    proof = proof_of(answered(200, listing(task("Failed"), task("Success", risks=[]))))
    assert {code: proof.rules[code] for code in ("PRE305", "PRE306", "PRE311")} == dict.fromkeys(
        ("PRE305", "PRE306", "PRE311"), 0
    )
    assert proof.rules["PRE302"] == 1
    risky = task("Failed", risks=[{"riskName": "r", "level": "Fatal", "status": "Failed"}])
    assert proof_of(answered(200, listing(risky))).rules["PRE305"] == 1


def test_a_rule_about_errors_has_nothing_to_judge_until_an_error_comes() -> None:
    proof = proof_of(answered(200, listing()))
    assert proof.rules["PRE107"] == 0
    assert "PRE107" in proof.rules
    refused = answered(404, {"errorCode": "CCE.01404001", "errorMessage": "no"})
    assert proof_of(refused).rules["PRE107"] == 1
    assert proof_of(refused).statuses == Counter({"list 404": 1})


def test_a_rule_that_no_answer_is_about_has_not_been_asked() -> None:
    asked = proof_of(answered(200, listing(task("Init")))).rules
    assert not {"PRE214", "PRE320", "PRE401", "PRE501", "PRE601", "PRE611"} & asked.keys()


def test_fields_count_by_type_and_state_of_their_task() -> None:
    expired = task("Success", expireTimeStamp="2024-01-02T00:00:00Z")
    counted = proof_of(answered(200, listing(task("Init"), task("Init"), expired))).fields
    assert counted["list $.items[*].metadata.taskID (addonStatic, Init)"] == 2
    assert counted["list $.items[*].metadata.expireTimeStamp (addonStatic, Success)"] == 1
    assert not any("addonUpgrade" in name for name in counted)
    unfinished = "list $.items[*].metadata.expireTimeStamp (addonStatic, Init)"
    assert unfinished not in provable_fields()
    assert set(counted) <= set(provable_fields())


@pytest.mark.parametrize("document", [[], None, "x", {"items": 5}, {"items": [5, None]}, {"items": {"metadata": []}}])
@pytest.mark.parametrize("status", [200, 204, 301, 400, 503])
def test_no_answer_is_too_odd_to_count(document: object, status: int) -> None:
    assert proof_of(answered(status, document)).rules.total() >= 0
    assert proof_of(answered(status, document, "POST")).rules.total() >= 0


def inspected(fault: str = "") -> Inspection:
    simulator = Simulator(faults=[fault] if fault else [])
    client = PrecheckClient(
        InProcessTransport(simulator),
        endpoint=simulator.endpoint,
        project_id=simulator.project_id,
        cluster_id=simulator.cluster_id,
        credentials=simulator.credentials,
    )
    near = Neighbours(simulator.other_cluster_id, simulator.foreign_project_id, simulator.foreign_cluster_id)
    settings = Settings(allow_writes=True, allow_destructive=True, neighbours=near, wait=simulator.clock.advance)
    return inspect(Inspection(client, settings))


def test_a_run_with_every_permission_judges_every_rule() -> None:
    proof = inspected().results.proof
    # the plain simulator never throttles, and answers no range and no HEAD
    assert [code for code in provable_rules() if not proof.rules[code]] == ["PRE110", "PRE121", "PRE122"]
    assert {"list 200", "list 401", "create 201", "create 400"} <= proof.statuses.keys() <= set(STATUSES)
    assert proof.fields.keys() <= set(provable_fields())


def test_a_rule_that_reports_something_had_something_to_judge() -> None:
    results = inspected("throttled-without-retry-after").results
    assert {finding.code for finding in results.findings} == {"PRE110"}
    assert results.proof.rules["PRE110"] > 1
