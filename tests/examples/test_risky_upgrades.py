"""Test your own code against a correct service, and against services with faults."""

import pytest
import requests


def risky_upgrades(endpoint, project_id, cluster_id, token):
    """Return the add-ons whose upgrade check found a risk; this is the code under test."""
    answer = requests.get(
        f"{endpoint}/api/v3/projects/{project_id}/clusters/{cluster_id}/addons/precheck/tasks",
        params={"type": "addonUpgrade"},
        headers={"X-Auth-Token": token},
        timeout=10,
    )
    answer.raise_for_status()
    return {
        task["metadata"]["addonTemplateName"]
        for task in answer.json()["items"]
        for risk in task["status"].get("riskList", task.get("riskList", []))
        if risk["status"] == "Failed"
    }


@pytest.fixture
def arguments(cce_simulator):
    token = cce_simulator.credentials.token.reveal()
    return cce_simulator.endpoint, cce_simulator.project_id, cce_simulator.cluster_id, token


@pytest.mark.cce(mode="simulate")
def test_the_risks_of_upgrades_are_found(arguments):
    assert risky_upgrades(*arguments) == {"everest"}


@pytest.mark.cce(mode="simulate", faults=["risk-list-beside-status"])
def test_risks_beside_the_status_count_too(arguments):
    assert risky_upgrades(*arguments) == {"everest"}


@pytest.mark.cce(mode="simulate", faults=["always-throttled"])
def test_throttling_is_not_an_empty_list(arguments):
    with pytest.raises(requests.HTTPError, match="429"):
        risky_upgrades(*arguments)
