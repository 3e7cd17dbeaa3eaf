"""``cce-precheck serve``: the simulated service until it is interrupted."""

from __future__ import annotations

import json
import os
import sys
import threading
from typing import TYPE_CHECKING

from pytest_cce_precheck.errors import ConfigurationError
from pytest_cce_precheck.simulator.clock import RunningClock
from pytest_cce_precheck.simulator.server import SimulatorServer
from pytest_cce_precheck.simulator.service import Simulator

if TYPE_CHECKING:
    import argparse

_FOR_PEOPLE = """\
The simulated service listens on {endpoint} (Ctrl-C ends it).

  project            {project_id}
  cluster            {cluster_id}
  other cluster      {other_cluster_id}
  foreign project    {foreign_project_id}
  foreign cluster    {foreign_cluster_id}
  faults             {faults}

Check it from another shell:

  export CCE_AUTH_TOKEN={token}
  pytest --pyargs pytest_cce_precheck.suite --cce-mode=live --cce-endpoint={endpoint} \\
      --cce-project-id={project_id} --cce-cluster-id={cluster_id} \\
      --cce-other-cluster-id={other_cluster_id} --cce-foreign-project-id={foreign_project_id} \\
      --cce-foreign-cluster-id={foreign_cluster_id} --cce-allow-writes

or with AK/SK in place of the token:

  export HUAWEICLOUD_SDK_AK={access_key}
  export HUAWEICLOUD_SDK_SK={secret_key}
"""


def serve(options: argparse.Namespace) -> int:
    """Serve until interrupted; prints where, and what to call it with, once it listens."""
    simulator = Simulator(
        seed=options.seed,
        tasks=options.tasks,
        faults=options.fault,
        variations=options.variation,
        clock=RunningClock(),
    )
    try:
        server = SimulatorServer(simulator, port=options.port)
    except OSError as error:
        # socket.create_server adds what it was about to the text, not so the system's own words
        reason = os.strerror(error.errno) if error.errno else str(error)
        raise ConfigurationError(f"cannot listen on port {options.port}: {reason}") from None
    with server:
        facts = {**simulator.describe(), "endpoint": server.endpoint}
        if options.json:
            sys.stdout.write(json.dumps(facts) + "\n")
        else:
            names = ", ".join((*facts["faults"], *facts["variations"])) or "none"
            sys.stdout.write(_FOR_PEOPLE.format(**{**facts, "faults": names}))
        sys.stdout.flush()
        threading.Event().wait()
    return 0
