"""``cce-precheck serve``: the simulated service, or the SDKs' corpus, until it is interrupted."""

from __future__ import annotations

import json
import os
import sys
import threading
from typing import TYPE_CHECKING, Final

from pytest_cce_precheck.errors import ConfigurationError
from pytest_cce_precheck.sdk.case import PROJECT_ID
from pytest_cce_precheck.sdk.corpus import Corpus, corpus_server
from pytest_cce_precheck.sdk.run import corpus_credentials
from pytest_cce_precheck.simulator.clock import RunningClock
from pytest_cce_precheck.simulator.server import SimulatorServer
from pytest_cce_precheck.simulator.service import Simulator

if TYPE_CHECKING:
    import argparse
    from collections.abc import Callable

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

_CORPUS_FOR_PEOPLE = """\
The corpus listens on {endpoint} (Ctrl-C ends it).

  project            {project_id}
  clusters           case-0001 to case-{cases:04d}, one a case; cce-precheck corpus export DIR says what each is

Call it from another shell, with any SDK:

  export HUAWEICLOUD_SDK_AK={access_key}
  export HUAWEICLOUD_SDK_SK={secret_key}
  export HUAWEICLOUD_SDK_SECURITY_TOKEN={security_token}
  export CCE_AUTH_TOKEN={token}
"""


def serve(options: argparse.Namespace) -> int:
    """Serve until interrupted; prints where, and what to call it with, once it listens."""
    return _serve_corpus(options) if options.corpus else _serve_simulator(options)


def _serve_simulator(options: argparse.Namespace) -> int:
    simulator = Simulator(
        seed=options.seed,
        tasks=options.tasks,
        faults=options.fault,
        variations=options.variation,
        clock=RunningClock(),
    )
    with _listening(lambda: SimulatorServer(simulator, port=options.port), options.port) as server:
        facts = {**simulator.describe(), "endpoint": server.endpoint}
        if options.json:
            sys.stdout.write(json.dumps(facts) + "\n")
        else:
            names = ", ".join((*facts["faults"], *facts["variations"])) or "none"
            sys.stdout.write(_FOR_PEOPLE.format(**{**facts, "faults": names}))
        sys.stdout.flush()
        threading.Event().wait()
    return 0


def _serve_corpus(options: argparse.Namespace) -> int:
    if options.fault or options.variation:
        raise ConfigurationError("--corpus serves every fault and variation as a case of its own: leave the names out")
    credentials = corpus_credentials()
    corpus = Corpus(credentials=credentials)
    with _listening(lambda: corpus_server(corpus, options.port), options.port) as server:
        facts = {
            "endpoint": server.endpoint,
            "project_id": PROJECT_ID,
            "cases": len(corpus.cases),
            **{name: getattr(credentials, name).reveal() for name in _SECRETS},
        }
        sys.stdout.write(json.dumps(facts) + "\n" if options.json else _CORPUS_FOR_PEOPLE.format(**facts))
        sys.stdout.flush()
        threading.Event().wait()
    return 0


def _listening(start: Callable[[], SimulatorServer], port: int) -> SimulatorServer:
    try:
        return start()
    except OSError as error:
        # socket.create_server adds what it was about to the text, not so the system's own words
        reason = os.strerror(error.errno) if error.errno else str(error)
        raise ConfigurationError(f"cannot listen on port {port}: {reason}") from None


_SECRETS: Final = ("token", "access_key", "secret_key", "security_token")
