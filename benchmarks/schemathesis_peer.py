"""schemathesis as an expert would set it up for this endpoint, from the project's own strict OpenAPI document.

Everything that its documentation offers for real data is used: examples in the document, constants where the
service takes one value only, dictionaries for path and query parameters. All checks and all phases are on. No
custom check is written: what is compared is what each tool brings.
"""

from __future__ import annotations

import json
import subprocess
import sys
import tempfile
import time
import venv
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

from pytest_cce_precheck.schema_files import OPENAPI, load_schema
from pytest_cce_precheck.wire.vocabulary import API_VERSION, KIND, TaskType, create_path, list_path

if TYPE_CHECKING:
    from pytest_cce_precheck.simulator.service import Simulator

TURNED_OFF = """\
What was changed so that the conforming service passes: `addonList` has at least one entry, `targetVersion` may be null,
and is not empty where an upgrade is asked for; cases with `type=` are left out, since no source says what an empty
value means. No check is turned off. Shrinking is off, which saves the peer requests and loses no finding."""

LONGEST_SECONDS = 240
# its default
EXAMPLES = 100

_SETTINGS = """\
seed = 1
hooks = "hooks.py"
request-timeout = {timeout}
rate-limit = "auto"

[generation]
max-examples = {examples}
no-shrink = true
database = "none"

[phases.stateful.generation]
max-examples = {scenarios}

[auth.openapi]
token = {{ api_key = {token} }}

[dictionaries]
projects = {{ values = {projects} }}
clusters = {{ values = {clusters} }}
tasks = {{ values = {tasks} }}
instances = {{ values = {instances} }}

[parameters]
"path.project_id" = {{ dictionary = "projects", probability = 0.9 }}
"path.cluster_id" = {{ dictionary = "clusters", probability = 0.9 }}
"query.task_id" = {{ dictionary = "tasks", probability = 0.7 }}
"query.addon_instance_id" = {{ dictionary = "instances", probability = 0.7 }}

[reports.json]
enabled = true
path = "report.json"
"""

_HOOKS = """\
import schemathesis


@schemathesis.hook
def filter_case(context, case):
    return (case.query or {}).get("type") != ""
"""


@dataclass(frozen=True)
class PeerRun:
    """What one run of the command said: the codes and titles of its failures and errors, and its seconds."""

    failures: tuple[str, ...]
    seconds: float


def install(folder: Path) -> Path:
    """Make a virtual environment with the newest schemathesis and give the command's path."""
    venv.create(folder, with_pip=True)
    pip = [str(folder / "bin" / "python"), "-m", "pip", "--disable-pip-version-check", "install", "--quiet"]
    subprocess.run([*pip, "schemathesis"], check=True, timeout=600)
    return folder / "bin" / "schemathesis"


def version(command: Path) -> str:
    """Ask the command for its version."""
    told = subprocess.run([str(command), "--version"], check=True, capture_output=True, text=True, timeout=60)
    return told.stdout.split()[-1]


def run(command: Path, simulator: Simulator, endpoint: str, timeout: float, examples: int) -> PeerRun:
    """Let schemathesis test the simulator that answers at ``endpoint``; a tenth as many scenarios as examples."""
    with tempfile.TemporaryDirectory(prefix="detection-") as name:
        folder = Path(name)
        (folder / "openapi.json").write_text(json.dumps(adapted(load_schema(OPENAPI), simulator)), encoding="utf-8")
        (folder / "schemathesis.toml").write_text(settings(simulator, timeout, examples), encoding="utf-8")
        (folder / "hooks.py").write_text(_HOOKS, encoding="utf-8")
        arguments = ["--config-file", "schemathesis.toml", "run", "openapi.json", "--url", endpoint, "--no-color"]
        started = time.perf_counter()
        try:
            done = subprocess.run(
                [str(command), *arguments], cwd=folder, capture_output=True, text=True, timeout=LONGEST_SECONDS
            )
        except subprocess.TimeoutExpired:
            return PeerRun((f"stopped after {LONGEST_SECONDS} s",), float(LONGEST_SECONDS))
        seconds = time.perf_counter() - started
        report = folder / "report.json"
        if done.returncode not in (0, 1) or not report.exists():
            sys.exit(f"schemathesis could not run (exit status {done.returncode}):\n{done.stdout}{done.stderr}")
        return PeerRun(_failures(json.loads(report.read_text(encoding="utf-8")), done.returncode), seconds)


def _failures(report: dict[str, Any], status: int) -> tuple[str, ...]:
    told = [f"{each['code']} {each['title']}" for each in report["failures"]]
    told += [f"error: {each.get('title', each)}" for each in report["errors"]]
    return tuple(told) or (("exit status 1",) if status else ())


def settings(simulator: Simulator, timeout: float, examples: int = EXAMPLES) -> str:
    """Write schemathesis.toml: the token, and the real ids by the probability with which they are used."""
    tasks = simulator.state.tasks_of(simulator.cluster_id, simulator.clock.now())
    token = simulator.credentials.token
    return _SETTINGS.format(
        timeout=timeout,
        examples=examples,
        scenarios=examples // 10,
        token=json.dumps(token.reveal() if token else ""),
        projects=json.dumps([simulator.project_id]),
        clusters=json.dumps([simulator.cluster_id]),
        tasks=json.dumps([task.id for task in tasks[:50]] or ["none"]),
        instances=json.dumps([each.id for each in simulator.state.clusters[simulator.cluster_id].instances]),
    )


def adapted(document: dict[str, Any], simulator: Simulator) -> dict[str, Any]:
    """Put this cluster's real values into the OpenAPI document, and what the document leaves out."""
    cluster = simulator.state.clusters[simulator.cluster_id]
    tasks = simulator.state.tasks_of(cluster.id, simulator.clock.now())
    instance = cluster.instances[0]
    shared = document["components"]["parameters"]
    shared["ProjectId"]["example"] = simulator.project_id
    shared["ClusterId"]["example"] = cluster.id
    examples = {"type": TaskType.STATIC.value, "addon_instance_id": instance.id}
    if tasks:
        examples["task_id"] = tasks[0].id
    for parameter in document["paths"][_template(list_path)]["get"]["parameters"]:
        if parameter["name"] in examples:
            parameter["example"] = examples[parameter["name"]]
    request = document["components"]["schemas"]["CreateRequest"]
    request["properties"]["spec"]["properties"]["clusterID"]["const"] = cluster.id
    addons = request["properties"]["spec"]["properties"]["addonList"]
    addons["minItems"] = 1
    entry = addons["items"]
    entry["properties"]["addonTemplateName"]["const"] = instance.template
    entry["properties"]["addonInstanceID"]["const"] = instance.id
    entry["properties"]["targetVersion"]["type"] = ["string", "null"]
    entry["then"]["properties"] = {"targetVersion": {"type": "string", "minLength": 1}}
    static = {"addonTemplateName": instance.template, "addonInstanceID": instance.id, "type": TaskType.STATIC.value}
    upgrade = {**static, "type": TaskType.UPGRADE.value, "targetVersion": instance.versions[-1]}
    request["examples"] = [
        {"kind": KIND, "apiVersion": API_VERSION, "spec": {"clusterID": cluster.id, "addonList": [addon]}}
        for addon in (static, upgrade)
    ]
    assert _template(create_path) in document["paths"]
    return document


def _template(path: Any) -> str:
    return str(path("PROJECT", "CLUSTER")).replace("PROJECT", "{project_id}").replace("CLUSTER", "{cluster_id}")
