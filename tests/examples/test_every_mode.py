"""Test your own code in every mode: the fixtures provide the service, the cluster and the token."""

import requests


def failed_addons(endpoint, project_id, cluster_id, token):
    """Return the add-ons with a failed check; this is the code under test."""
    answer = requests.get(
        f"{endpoint}/api/v3/projects/{project_id}/clusters/{cluster_id}/addons/precheck/tasks",
        headers={"X-Auth-Token": token},
        timeout=10,
    )
    answer.raise_for_status()
    return {
        task["metadata"]["addonTemplateName"] for task in answer.json()["items"] if task["status"]["status"] == "Failed"
    }


def test_failed_addons_are_some_of_those_listed(cce_client, cce_credentials):
    token = cce_credentials.token.reveal()

    failed = failed_addons(cce_client.endpoint, cce_client.project_id, cce_client.cluster_id, token)

    listed = cce_client.list_tasks().document["items"]
    assert failed <= {task["metadata"]["addonTemplateName"] for task in listed}
