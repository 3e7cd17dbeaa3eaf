"""Arrange what the simulator lists, and answer one question yourself."""

import pytest
import requests


@pytest.fixture
def states(cce_simulator, cce_service):
    """Return a function that lists the states of the tasks."""
    url = f"{cce_service.url}/api/v3/projects/{cce_service.project_id}/clusters/{cce_service.cluster_id}"

    def ask(**filters):
        answer = requests.get(f"{url}/addons/precheck/tasks", params=filters, headers=cce_service.headers(), timeout=10)
        answer.raise_for_status()
        return [task["status"]["status"] for task in answer.json()["items"]]

    return ask


@pytest.mark.cce(mode="simulate")
def test_a_check_goes_on_when_time_passes(cce_simulator, states):
    cce_simulator.clear()
    cce_simulator.add_task(state="Init", waits=2, runs=30, outcome="Failed", risks=[("AddonValidate", "Fatal")])
    assert states() == ["Init"]

    cce_simulator.advance(2)
    assert states() == ["Running"]

    cce_simulator.advance(30)
    assert states() == ["Failed"]


@pytest.mark.cce(mode="simulate")
def test_one_answer_is_not_the_simulators(cce_simulator, states):
    cce_simulator.answer(type="addonUpgrade", status=503)

    with pytest.raises(requests.HTTPError, match="503"):
        states(type="addonUpgrade")
    assert states(type="addonUpgrade")
    assert states(type="addonStatic")


@pytest.mark.cce(mode="simulate", tasks=[{"state": "Failed", "expires": None, "breaks": ["final-without-expiry"]}])
def test_a_task_without_its_expiry_is_listed_because_the_test_asks_for_it(states):
    assert states() == ["Failed"]
