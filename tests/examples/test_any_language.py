"""Test a program in any language against the simulator: over real HTTP, with a URL, ids and credentials."""

import os
import subprocess
import sys

# replace this with your own program
PROGRAM = """
import os, urllib.request
url = "{CCE_ENDPOINT}/api/v3/projects/{CCE_PROJECT_ID}/clusters/{CCE_CLUSTER_ID}/addons/precheck/tasks"
request = urllib.request.Request(url.format(**os.environ), headers={"X-Auth-Token": os.environ["CCE_AUTH_TOKEN"]})
print(urllib.request.urlopen(request).read().decode())
"""


def test_the_program_prints_the_tasks(cce_server, cce_simulator):
    environment = {
        **os.environ,
        "CCE_ENDPOINT": cce_server.endpoint,
        "CCE_PROJECT_ID": cce_simulator.project_id,
        "CCE_CLUSTER_ID": cce_simulator.cluster_id,
        "CCE_AUTH_TOKEN": cce_simulator.credentials.token.reveal(),
    }

    ran = subprocess.run([sys.executable, "-c", PROGRAM], env=environment, capture_output=True, text=True, check=True)

    assert '"kind":"AddonCheck"' in ran.stdout.replace(" ", "")
