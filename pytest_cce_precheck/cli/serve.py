"""``cce-precheck serve``: serve the simulator, or the SDKs' corpus, until it is interrupted."""

from __future__ import annotations

import json
import os
import signal
import sys
from contextlib import closing, nullcontext
from functools import partial
from math import ceil
from typing import TYPE_CHECKING, Any, Final

from pytest_cce_precheck.cli.arguments import chosen_language, positive, whole
from pytest_cce_precheck.cli.printing import print_text
from pytest_cce_precheck.errors import ConfigurationError
from pytest_cce_precheck.report.language import text_in
from pytest_cce_precheck.sdk.case import PROJECT_ID
from pytest_cce_precheck.sdk.corpus import Corpus, corpus_server
from pytest_cce_precheck.sdk.run import corpus_credentials
from pytest_cce_precheck.simulator.clock import RunningClock
from pytest_cce_precheck.simulator.creation import MOST_TASKS
from pytest_cce_precheck.simulator.server import SimulatorServer
from pytest_cce_precheck.simulator.staging.service import Staging
from pytest_cce_precheck.simulator.tls import private_ca
from pytest_cce_precheck.states import Simulator

if TYPE_CHECKING:
    import argparse
    from collections.abc import Callable, Mapping

    from pytest_cce_precheck.simulator import service

_TEXT: Final = """\
The simulated service listens on {endpoint} (Ctrl-C ends it).

  project            {project_id}
  cluster            {cluster_id}
  other cluster      {other_cluster_id}
  foreign project    {foreign_project_id}
  foreign cluster    {foreign_cluster_id}
  faults             {faults}

Check it from another shell:

  {exports}
  pytest --pyargs pytest_cce_precheck.suite --cce-mode=live{lag} --cce-endpoint={endpoint} \\
      --cce-project-id={project_id} --cce-cluster-id={cluster_id} \\
      --cce-other-cluster-id={other_cluster_id} --cce-foreign-project-id={foreign_project_id} \\
      --cce-foreign-cluster-id={foreign_cluster_id} --cce-allow-writes

or with AK/SK in place of the token:

  export HUAWEICLOUD_SDK_AK={access_key}
  export HUAWEICLOUD_SDK_SK={secret_key}
{region}"""

_REGION: Final = """
The vendor's SDKs read the endpoint of a region from a variable. With it, a program that names a region calls this:

  export HUAWEICLOUD_SDK_REGION_CCE_CN_NORTH_4={endpoint}
"""

_STAGING_TEXT: Final = "\nIt is staging, profile {staging}: {summary}\n"
_IAM_TEXT: Final = "Its tokens expire; POST {endpoint}{iam_path} returns another for the user above.\n"

_EXPORT: Final = "export CCE_AUTH_TOKEN={token}"
_ACCOUNT: Final = """\
export CCE_IAM_USER={iam_user} CCE_IAM_DOMAIN={iam_domain}
  export CCE_IAM_PASSWORD={iam_password} CCE_IAM_ENDPOINT={endpoint}"""

_TLS_TEXT: Final = """\

Its certificate is signed by a CA that was made for it. Clients built on requests, and curl, trust it after

  export REQUESTS_CA_BUNDLE={ca_file} CURL_CA_BUNDLE={ca_file}
"""

_CORPUS_TEXT: Final = """\
The corpus listens on {endpoint} (Ctrl-C ends it).

  project            {project_id}
  clusters           case-0001 to case-{cases:04d}, one for each case; cce-precheck corpus export DIR describes them

Call it from another shell, with any SDK:

  export HUAWEICLOUD_SDK_AK={access_key}
  export HUAWEICLOUD_SDK_SK={secret_key}
  export HUAWEICLOUD_SDK_SECURITY_TOKEN={security_token}
  export CCE_AUTH_TOKEN={token}
{region}"""


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Add the arguments of ``serve``."""
    parser.epilog = (
        "Ctrl-C (SIGINT) or SIGTERM ends it. Use SIGTERM (kill PID) if a script has started it with &,"
        " because shells make such a process ignore SIGINT."
    )
    parser.set_defaults(interrupted=0, run=run)
    add = parser.add_argument
    add("--port", type=whole("a port", most=65535), default=0, metavar="N", help="the port; default: 0, any free one")
    add("--fault", action="append", default=[], metavar="NAME", help="a fault to inject (repeatable)")
    add("--variation", action="append", default=[], metavar="NAME", help="a conforming variation (repeatable)")
    add(
        "--staging",
        metavar="PROFILE",
        help="be as hard to test as a shared service:"
        " calm, busy, lagging, throttled, flaky, expiring, skewed, locking, hostile",
    )
    add(
        "--time-scale",
        type=positive("a factor", 1e6),
        default=1.0,
        metavar="F",
        help="other users of staging work F times as fast",
    )
    add("--tls", action="store_true", help="speak HTTPS, with a CA made for it; needs openssl")
    add("--seed", type=whole("a seed", most=2**63), default=0, metavar="N", help="the seed of ids and tasks")
    tasks = whole("a number of tasks", most=MOST_TASKS)
    add("--tasks", type=tasks, default=12, metavar="N", help="number of tasks in the main cluster")
    add("--state", metavar="FILE", help="list the tasks of this file, in the form of a list answer, in place of others")
    add(
        "--breaks",
        action="append",
        default=[],
        metavar="CODE",
        help="a rule that the state may break, else it is refused (repeatable)",
    )
    add("--corpus", action="store_true", help="serve the cases that SDKs are tested with, one cluster for each case")
    add("--json", action="store_true", help="print one line of JSON, for programs")


def run(options: argparse.Namespace) -> int:
    """Serve until interrupted; print the address and the settings to call it with, once it listens."""
    return _serve_corpus(options) if options.corpus else _serve_simulator(options)


def _serve_simulator(options: argparse.Namespace) -> int:
    simulator = _simulator(options)
    idle = simulator.profile.idle if isinstance(simulator, Staging) else None
    with private_ca() if options.tls else nullcontext() as ca:
        if ca is not None:
            # without a handler, SIGTERM would leave the CA's file behind
            signal.signal(signal.SIGTERM, lambda *_: sys.exit())
        tls = ca.context if ca else None
        start = partial(SimulatorServer, simulator, options.port, tls=tls, idle=idle)
        more = {"ca_file": str(ca.file)} if ca else {}
        return _serve(start, options, {**simulator.describe(), **more}, partial(_text, simulator))


def _simulator(options: argparse.Namespace) -> service.Simulator:
    settings: dict[str, Any] = {
        "seed": options.seed,
        "tasks": options.tasks,
        "faults": options.fault,
        "variations": options.variation,
        "clock": RunningClock(),
    }
    if options.breaks and options.state is None:
        raise ConfigurationError("--breaks permits a state to break a rule: name the state with --state FILE")
    if options.staging is None:
        if options.time_scale != 1:
            raise ConfigurationError("--time-scale is for the other users of staging: give a --staging profile too")
        simulator = Simulator(**settings)
        if options.state is not None:
            simulator.load(options.state, breaks=options.breaks)
        return simulator
    if options.state is not None:
        raise ConfigurationError("--state is for the simulator alone, whose tasks nobody changes: leave --staging out")
    return Staging(options.staging, **settings, time_scale=options.time_scale)


def _text(simulator: service.Simulator, facts: Mapping[str, Any]) -> str:
    names = ", ".join((*facts["faults"], *facts["variations"])) or "none"
    exports = (_ACCOUNT if "iam_path" in facts else _EXPORT).format(**facts)
    replicas = simulator.profile.replicas if isinstance(simulator, Staging) else ()
    lag = f" --cce-lag={ceil(max(replicas)) + 1}" if replicas else ""
    text = _TEXT.format(**{**facts, "faults": names, "exports": exports, "lag": lag, "region": _REGION.format(**facts)})
    if isinstance(simulator, Staging):
        text += _STAGING_TEXT.format(summary=simulator.profile.summary, **facts)
    if "iam_path" in facts:
        text += _IAM_TEXT.format(**facts)
    return text + (_TLS_TEXT.format(**facts) if "ca_file" in facts else "")


def _serve_corpus(options: argparse.Namespace) -> int:
    if options.fault or options.variation:
        raise ConfigurationError("--corpus has a case for each fault and variation: leave --fault and --variation out")
    if options.state or options.breaks:
        raise ConfigurationError("--corpus has answers of its own: leave --state and --breaks out")
    if options.staging or options.tls:
        raise ConfigurationError("--corpus is served without staging, over plain HTTP: leave --staging and --tls out")
    credentials = corpus_credentials()
    corpus = Corpus(credentials=credentials)
    facts = {"project_id": PROJECT_ID, "cases": len(corpus.cases), **credentials.revealed()}
    start = partial(corpus_server, corpus, options.port)
    return _serve(start, options, facts, lambda facts: _CORPUS_TEXT.format(region=_REGION.format(**facts), **facts))


def _serve(
    start: Callable[[], SimulatorServer],
    options: argparse.Namespace,
    facts: Mapping[str, Any],
    text_of: Callable[[Mapping[str, Any]], str],
) -> int:
    try:
        server = start()
    except OSError as error:
        # socket.create_server adds the address to the message; the system's own message has none
        reason = os.strerror(error.errno) if error.errno else str(error)
        raise ConfigurationError(f"cannot listen on port {options.port}: {reason}") from None
    with closing(server):
        facts = {**facts, "endpoint": server.endpoint}
        print_text(json.dumps(facts) + "\n" if options.json else text_in(text_of(facts), chosen_language(options)))
        server.serve()
    return 0
