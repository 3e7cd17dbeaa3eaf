"""Test code that calls the service with any client: the same test in every mode, over real HTTP."""

import json
import os
import subprocess
import sys
import urllib.request

import pytest


def failed_addons(url, project_id, cluster_id, headers):
    """Return the add-ons with a failed check; this is the code under test, with the client of its choice."""
    path = f"/api/v3/projects/{project_id}/clusters/{cluster_id}/addons/precheck/tasks"
    with urllib.request.urlopen(urllib.request.Request(url + path, headers=headers), timeout=10) as answer:
        tasks = json.load(answer)["items"]
    return {task["metadata"]["addonTemplateName"] for task in tasks if task["status"]["status"] == "Failed"}


def test_what_the_code_received_follows_the_contract(cce_service, cce_contract, cce_exchanges):
    failed = failed_addons(cce_service.url, cce_service.project_id, cce_service.cluster_id, cce_service.headers())

    cce_contract.verify(*cce_exchanges)
    listed = cce_exchanges[0].document["items"]
    assert failed <= {task["metadata"]["addonTemplateName"] for task in listed}


# replace this with your own program
PROGRAM = """
import os, urllib.request
url = "{CCE_ENDPOINT}/api/v3/projects/{CCE_PROJECT_ID}/clusters/{CCE_CLUSTER_ID}/addons/precheck/tasks"
request = urllib.request.Request(url.format(**os.environ), headers={"X-Auth-Token": os.environ["CCE_AUTH_TOKEN"]})
print(urllib.request.urlopen(request).status)
"""


def test_a_program_finds_the_service_in_its_environment(cce_service):
    words = [sys.executable, "-c", PROGRAM]

    ran = subprocess.run(words, env=cce_service.environment, capture_output=True, text=True, check=True)

    assert ran.stdout == "200" + os.linesep


@pytest.mark.cce(mode="simulate", tasks=[{"template": "coredns", "state": "Failed"}, {"template": "npd"}])
def test_only_the_failed_addon_is_reported(cce_service):
    where = cce_service.url, cce_service.project_id, cce_service.cluster_id

    assert failed_addons(*where, cce_service.headers()) == {"coredns"}
