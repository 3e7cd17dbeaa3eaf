from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from pytest_cce_precheck.cassette.files import read
from tests.recordings import files_in

if TYPE_CHECKING:
    from pytest_cce_precheck.simulator.server import SimulatorServer
    from tests.conftest import Run

ASKS = """
import pytest, requests

@pytest.fixture
def tasks(cce_client):
    return cce_client.list_tasks().document["items"]

def test_by_id(cce_client, cce_contract, tasks):
    for task in tasks[:3]:
        exchange = cce_client.list_tasks(task_id=task["metadata"]["taskID"])
        cce_contract.verify(exchange)
        assert exchange.document["items"] == [task]

def test_by_instance(cce_client, tasks):
    instance = tasks[0]["metadata"]["addonInstanceID"]
    found = cce_client.list_tasks(addon_instance_id=instance).document["items"]
    assert found == [task for task in tasks if task["metadata"]["addonInstanceID"] == instance]

def test_created(cce_client, tasks):
    addon = {"addonTemplateName": "coredns", "addonInstanceID": tasks[0]["metadata"]["addonInstanceID"],
             "type": "addonStatic"}
    created = cce_client.create_tasks([addon]).document["status"]["items"][0]["metadata"]["taskID"]
    assert cce_client.list_tasks(task_id=created).document["items"][0]["metadata"]["taskID"] == created

def test_others(cce_client):
    request = cce_client.authenticated(cce_client.list_request())
    assert requests.get(request.url, headers=dict(request.headers.pairs), timeout=5).json()["kind"] == "AddonCheck"
"""


@pytest.mark.parametrize("place", ["option", "environment", "ini"])
def test_stand_ins_are_kept_in_place_of_ids_and_the_tests_replay(
    pytester: pytest.Pytester,
    record: Run,
    replay: Run,
    service: SimulatorServer,
    monkeypatch: pytest.MonkeyPatch,
    place: str,
) -> None:
    pytester.makepyfile(test_it=ASKS)
    if place == "environment":
        monkeypatch.setenv("CCE_PSEUDONYMS", "yes")
    if place == "ini":
        pytester.makeini("[pytest]\ncce_pseudonyms = true")
    record("--cce-allow-writes", *(["--cce-pseudonyms"] if place == "option" else [])).assert_outcomes(passed=4)
    contents = b"".join(files_in(pytester.path / "cassettes").values())
    for real in (service.simulator.project_id, service.simulator.cluster_id):
        assert real.encode() not in contents
    assert contents.count(b'"pseudonyms":true') == 4
    replay().assert_outcomes(passed=4)


def test_without_it_ids_are_kept_as_they_are(pytester: pytest.Pytester, record: Run, service: SimulatorServer) -> None:
    pytester.makepyfile(test_it=ASKS)
    record("-k", "by_id").assert_outcomes(passed=1)
    [content] = files_in(pytester.path / "cassettes").values()
    assert service.simulator.project_id.encode() in content
    assert b'"pseudonyms":true' not in content


def test_the_same_id_has_the_same_stand_in_in_every_cassette(pytester: pytest.Pytester, record: Run) -> None:
    pytester.makepyfile(test_it=ASKS)
    record("--cce-allow-writes", "--cce-pseudonyms").assert_outcomes(passed=4)
    folder = pytester.path / "cassettes"
    origins = [read(folder / name).origin for name in files_in(folder)]
    assert len({(origin.project_id, origin.cluster_id) for origin in origins}) == 1


def test_who_knows_the_real_ids_may_replay_with_them(
    pytester: pytest.Pytester, record: Run, replay: Run, service: SimulatorServer
) -> None:
    pytester.makepyfile(test_it=ASKS)
    record("--cce-pseudonyms")
    simulator = service.simulator
    real = (f"--cce-project-id={simulator.project_id}", f"--cce-cluster-id={simulator.cluster_id}")
    replay(*real, "-k", "others or by_instance").assert_outcomes(passed=2, deselected=2)
