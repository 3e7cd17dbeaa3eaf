"""The files in docs/ci are what the CI systems take, and their commands do what they say, run as a job runs them."""

from __future__ import annotations

import os
import re
import subprocess
import sys
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final

import pytest
import yaml

from pytest_cce_precheck.config.options import OPTIONS
from pytest_cce_precheck.simulator.clock import RunningClock
from pytest_cce_precheck.simulator.server import SimulatorServer
from pytest_cce_precheck.simulator.service import Simulator
from pytest_cce_precheck.transport.tokens import PASSWORD
from tests.toolchains import require_module, require_program

if TYPE_CHECKING:
    from collections.abc import Iterator

FOLDER: Final = Path(__file__).resolve().parents[2] / "docs" / "ci"
WORKFLOWS: Final = sorted(FOLDER.glob("github/*.yml"))
OWN_WORKFLOWS: Final = sorted((FOLDER.parents[1] / ".github" / "workflows").glob("*.yml"))
GITLAB: Final = FOLDER / "gitlab-ci.yml"
COMPONENT: Final = FOLDER / "gitlab-component.yml"
CODEARTS: Final = FOLDER / "codearts-build.yml"
ACTION: Final = FOLDER.parents[1] / "action.yml"
CONTAINER: Final = FOLDER.parents[1] / "Containerfile"
JENKINS: Final = FOLDER / "Jenkinsfile"
OURS: Final = ("CCE_", "HUAWEICLOUD_SDK_", "CLOUD_SDK_", "PYTEST_", "GITHUB_", "CI")
CREDENTIALS: Final = {"CCE_AUTH_TOKEN", "HUAWEICLOUD_SDK_AK", "HUAWEICLOUD_SDK_SK", PASSWORD}
VERIFIES: Final = """
def test_tasks_can_be_listed(cce_client, cce_contract):
    cce_contract.verify(cce_client.list_tasks(type="addonStatic"))
"""


@dataclass(frozen=True)
class Job:
    """What one job runs, and the variables that its file sets."""

    name: str
    commands: tuple[str, ...]
    variables: dict[str, str]

    @property
    def live(self) -> bool:
        return "--cce-mode=live" in self.commands[0]


def github_jobs() -> Iterator[Job]:
    for path in WORKFLOWS:
        for job in read(path)["jobs"].values():
            steps = [step for step in job["steps"] if "run" in step and "pip install" not in step["run"]]
            variables = {name: str(text) for step in steps for name, text in step.get("env", {}).items()}
            yield Job(path.stem, tuple(step["run"] for step in steps), variables)


def gitlab_jobs() -> Iterator[Job]:
    for name, job in read(GITLAB).items():
        if not name.startswith("."):
            commands = (*job["script"], *job.get("after_script", ()))
            yield Job(f"gitlab {name}", commands, job.get("variables", {}))


def jenkins_jobs() -> Iterator[Job]:
    text = JENKINS.read_text("utf-8")
    variables = dict(re.findall(r"^ +([A-Z_]+) = '(.*)'$", text, re.MULTILINE))
    stages = re.findall(r"stage\('(\w+)'\)(.*?)(?=stage\('|\n    \}\n)", text, re.DOTALL)
    for name, stage in stages:
        commands = [three or one for three, one in re.findall(r"\bsh (?:'''(.*?)'''|'(.*?)'\n)", stage, re.DOTALL)]
        if name != "Install":
            # Groovy's, of which only the shell's own shall be left
            plain = tuple(command.replace(".venv/bin/", "") for command in commands)
            yield Job(f"jenkins {name}", plain, variables)


def action_jobs() -> Iterator[Job]:
    steps = read(ACTION)["runs"]["steps"]
    defaults = {name: each["default"] for name, each in read(ACTION)["inputs"].items()}
    (check,) = [step for step in steps if step.get("name") == "Check the contract"]
    names = {name: re.sub(r"\$\{\{ inputs\.([\w-]+) \}\}", r"\1", text) for name, text in check["env"].items()}
    for mode in ("live", "replay"):
        given = {**defaults, "mode": mode, "tests": defaults["tests"] if mode == "live" else "."}
        yield Job(f"action {mode}", (check["run"],), {name: given[each] for name, each in names.items()})


def component_jobs() -> Iterator[Job]:
    spec, jobs = yaml.safe_load_all(COMPONENT.read_text("utf-8"))
    inputs = spec["spec"]["inputs"]
    for name, job in yaml.safe_load(_filled(yaml.safe_dump(jobs, width=10_000), inputs)).items():
        yield Job(f"component {name}", tuple(job["script"]), {})


def _filled(text: str, inputs: dict[str, Any]) -> str:
    return re.sub(r"\$\[\[ inputs\.(\w+) \]\]", lambda found: str(inputs[found[1]].get("default", "none")), text)


def codearts_jobs() -> Iterator[Job]:
    for step in read(CODEARTS)["steps"]["BUILD"]:
        if "python" in step:
            lines = step["python"]["inputs"]["command"].splitlines()
            # the task's own parameters are put in place of what is exported
            kept = [
                line for line in lines if not line.startswith(("#", "pip ", "export CCE_ENDPOINT", "export HUAWEI"))
            ]
            yield Job("codearts", ("\n".join(kept),), {})


def read(path: Path) -> Any:
    return yaml.safe_load(path.read_text("utf-8"))


JOBS: Final = (*github_jobs(), *gitlab_jobs(), *jenkins_jobs())
LIVE: Final = [job for job in JOBS if job.live]
ONE_LINE: Final = (*action_jobs(), *component_jobs(), *codearts_jobs())


@pytest.mark.parametrize(
    "path", [*WORKFLOWS, GITLAB, COMPONENT, CODEARTS, JENKINS], ids=lambda path: str(path.relative_to(FOLDER))
)
def test_a_file_installs_what_its_reports_need_and_collects_no_test_of_this_project(path: Path) -> None:
    text = path.read_text("utf-8")
    if ".html" in text:
        assert "[fast,report]" in text
    # the checkout that is installed lies in the folder in which pytest looks for tests
    for line in text.splitlines():
        if "pytest --" in line and "--pyargs" not in line and "--cce-mode=replay" in line:
            assert "--ignore=pytest-cce-precheck" in line


@pytest.fixture(scope="module")
def server() -> Iterator[SimulatorServer]:
    with SimulatorServer(Simulator(clock=RunningClock())) as running:
        yield running


def facts(server: SimulatorServer) -> dict[str, str]:
    """Return what a person sets in the CI system's settings."""
    service, keys = server.simulator, server.simulator.credentials
    assert keys.access_key is not None
    assert keys.secret_key is not None
    return {
        "CCE_ENDPOINT": server.endpoint,
        "CCE_PROJECT_ID": service.project_id,
        "CCE_CLUSTER_ID": service.cluster_id,
        "HUAWEICLOUD_SDK_AK": keys.access_key.reveal(),
        "HUAWEICLOUD_SDK_SK": keys.secret_key.reveal(),
    }


def environment_of(job: Job, given: dict[str, str], folder: Path) -> dict[str, str]:
    environment = {name: text for name, text in os.environ.items() if not name.startswith(OURS)}
    environment["PATH"] = f"{Path(sys.executable).parent}{os.pathsep}{environment['PATH']}"
    environment |= {"CI": "true", "GITHUB_STEP_SUMMARY": str(folder / "summary.md")}
    if job.name.startswith(("nightly", "pull")):
        environment["GITHUB_ACTIONS"] = "true"
        # what is not set there is empty
        given = {name: given.get(name, "") if "${{" in text else text for name, text in job.variables.items()}
    # the simulated service needs no sparing
    return {**environment, **job.variables, **given, "CCE_RATE": "0"}


def run(command: str, environment: dict[str, str], folder: Path) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        ["bash", "-e", "-c", command],
        cwd=folder,
        env=environment,
        capture_output=True,
        text=True,
        stdin=subprocess.DEVNULL,
        timeout=120,
        check=False,
    )


# ---- the files


@pytest.mark.parametrize("path", [*WORKFLOWS, *OWN_WORKFLOWS, ACTION], ids=lambda path: path.stem)
def test_zizmor_finds_no_weakness(path: Path) -> None:
    program = require_program("zizmor")
    audit = subprocess.run([program, "--offline", "--quiet", str(path)], capture_output=True, text=True, check=False)
    assert (audit.returncode, "No findings to report" in audit.stdout) == (0, True), audit.stdout


@pytest.mark.parametrize("path", [*WORKFLOWS, *OWN_WORKFLOWS], ids=lambda path: path.stem)
def test_actionlint_has_nothing_to_say(path: Path) -> None:
    program = require_program("actionlint")
    told = subprocess.run([program, str(path)], capture_output=True, text=True, check=False)
    assert (told.returncode, told.stdout) == (0, "")


@pytest.mark.parametrize(
    ("schema", "path"),
    [
        *(("github-workflows", each) for each in (*WORKFLOWS, *OWN_WORKFLOWS)),
        ("github-actions", ACTION),
        ("gitlab-ci", GITLAB),
    ],
    ids=str,
)
def test_the_ci_systems_schema_is_met(schema: str, path: Path) -> None:
    require_module("check_jsonschema")
    words = [sys.executable, "-m", "check_jsonschema", "--builtin-schema", f"vendor.{schema}", str(path)]
    told = subprocess.run(words, capture_output=True, text=True, check=False)
    assert told.returncode == 0, told.stdout


def test_there_is_a_live_and_a_replaying_job_for_each_system() -> None:
    for system in ("gitlab", "jenkins", ""):
        jobs = [job.live for job in JOBS if job.name.startswith(system)]
        assert set(jobs) == {True, False}, system


@pytest.mark.parametrize("job", JOBS, ids=lambda job: job.name)
def test_the_variables_that_are_set_are_read_by_the_tool(job: Job) -> None:
    known = {name for option in OPTIONS for name in option.variables} | CREDENTIALS
    assert set(job.variables) - known == set()


@pytest.mark.parametrize("path", [*WORKFLOWS, GITLAB, JENKINS], ids=lambda path: path.stem)
def test_credentials_are_given_to_the_step_that_needs_them_alone(path: Path) -> None:
    if path == JENKINS:
        [bound] = re.findall(r"withCredentials\(.*?\) \{(.*?)\n +\}", path.read_text("utf-8"), re.DOTALL)
        assert "--cce-mode=live" in bound
        assert "sh '''" in bound
    elif path == GITLAB:
        assert set(re.findall(r"^ +(\w+):", path.read_text("utf-8"), re.MULTILINE)).isdisjoint(CREDENTIALS)
    else:
        for job in read(path)["jobs"].values():
            assert "env" not in job
            given = [step for step in job["steps"] if "secrets." in str(step)]
            assert all("--cce-mode=live" in step["run"] for step in given)


def test_a_component_filled_in_is_a_file_that_gitlab_takes(tmp_path: Path) -> None:
    require_module("check_jsonschema")
    spec, jobs = yaml.safe_load_all(COMPONENT.read_text("utf-8"))
    asked = set(re.findall(r"inputs\.(\w+)", COMPONENT.read_text("utf-8")))
    assert asked == set(spec["spec"]["inputs"])
    file = tmp_path / "component.yml"
    file.write_text(_filled(yaml.safe_dump(jobs, width=10_000), spec["spec"]["inputs"]))
    words = [sys.executable, "-m", "check_jsonschema", "--builtin-schema", "vendor.gitlab-ci", str(file)]
    told = subprocess.run(words, capture_output=True, text=True, check=False)
    assert told.returncode == 0, told.stdout


def test_every_action_of_others_is_named_by_its_commit() -> None:
    paths = [*WORKFLOWS, *OWN_WORKFLOWS, ACTION]
    used = [each for path in paths for each in re.findall(r"uses: (\S+)(.*)", path.read_text("utf-8"))]
    assert len(used) > 10
    assert [name for name, rest in used if not re.search(r"@[0-9a-f]{40}$", name) or "# v" not in rest] == []


def test_the_steps_for_codearts_are_those_of_its_pages() -> None:
    document = read(CODEARTS)
    assert document["version"] == 2.0
    assert set(document["steps"]) == {"PRE_BUILD", "BUILD"}
    steps = [name for part in document["steps"].values() for step in part for name in step]
    assert steps == ["checkout", "python", "upload_artifact"]


def test_the_container_runs_as_somebody_without_rights_and_holds_what_it_names() -> None:
    text = CONTAINER.read_text("utf-8")
    assert text.rindex("\nUSER 10001\n") < text.index("\nCMD ")
    assert "latest" not in text
    copied = [name for names in re.findall(r"^COPY (?!--)(.*) \S+$", text, re.MULTILINE) for name in names.split()]
    kept = set(re.findall(r"^!(.*)$", (CONTAINER.parent / ".dockerignore").read_text("utf-8"), re.MULTILINE))
    assert set(copied) == kept
    assert [name for name in copied if not (CONTAINER.parent / name).exists()] == []


def test_hadolint_finds_nothing_in_the_container() -> None:
    program = require_program("hadolint")
    told = subprocess.run([program, str(CONTAINER)], capture_output=True, text=True, check=False)
    assert (told.returncode, told.stdout) == (0, "")


# ---- the commands


@pytest.mark.parametrize("job", ONE_LINE, ids=lambda job: job.name)
def test_a_pipeline_of_one_line_checks_what_it_says(job: Job, server: SimulatorServer, tmp_path: Path) -> None:
    (tmp_path / "test_mine.py").write_text(VERIFIES)
    given = facts(server)
    if "replay" in job.name:
        recording = environment_of(LIVE[-1], given, tmp_path)
        assert run("pytest --cce-mode=record --cce-record-in-ci", recording, tmp_path).returncode == 0
        given = dict.fromkeys(given, "")
    environment = environment_of(job, given, tmp_path)
    (command,) = job.commands
    done = run(command, environment, tmp_path)
    assert done.returncode == 0, done.stdout + done.stderr
    assert list(tmp_path.glob("*findings*")), done.stdout


@pytest.mark.parametrize("job", ONE_LINE, ids=lambda job: job.name)
def test_a_pipeline_of_one_line_fails_if_nobody_is_let_in(job: Job, server: SimulatorServer, tmp_path: Path) -> None:
    given = {**facts(server), "HUAWEICLOUD_SDK_SK": "wrong"}
    (command,) = job.commands
    done = run(command, environment_of(job, given, tmp_path), tmp_path)
    assert done.returncode != 0, done.stdout
    assert "replay" in job.name or "not let in" in done.stdout


@pytest.mark.parametrize("job", LIVE, ids=lambda job: job.name)
def test_a_nightly_job_checks_the_contract(job: Job, server: SimulatorServer, tmp_path: Path) -> None:
    environment = environment_of(job, facts(server), tmp_path)
    for command in job.commands:
        done = run(command, environment, tmp_path)
        assert done.returncode == 0, done.stdout + done.stderr
    names = {path.name for path in tmp_path.iterdir()}
    assert names >= {"findings.html", "junit.xml", "history.sqlite", "snapshot.json"}
    assert ("summary.md" in names) == job.name.startswith("nightly")


def test_a_nightly_job_on_github_fails_and_says_why(tmp_path: Path) -> None:
    [job] = [job for job in LIVE if job.name == "nightly"]
    with SimulatorServer(Simulator(faults=["final-without-expiry"], clock=RunningClock())) as broken:
        environment = environment_of(job, facts(broken), tmp_path)
        checked, history = [run(command, environment, tmp_path) for command in job.commands]
    assert (checked.returncode, history.returncode) == (1, 0)
    assert [line for line in checked.stdout.splitlines() if line.startswith("::error title=PRE302::")]
    told = (tmp_path / "summary.md").read_text("utf-8")
    assert "| failing | PRE302 |" in told
    assert re.search(r"^```\n(.*\n)+```\n", told, re.MULTILINE)


@pytest.mark.parametrize("job", [job for job in JOBS if not job.live], ids=lambda job: job.name)
def test_a_job_for_changes_runs_on_what_was_recorded(job: Job, server: SimulatorServer, tmp_path: Path) -> None:
    (tmp_path / "test_mine.py").write_text(VERIFIES)
    recording = environment_of(LIVE[-1], facts(server), tmp_path)
    assert run("pytest --cce-mode=record --cce-record-in-ci", recording, tmp_path).returncode == 0
    # neither credentials nor a service
    nothing = dict.fromkeys(facts(server), "")
    environment = {**environment_of(job, nothing, tmp_path), **nothing, "https_proxy": "http://127.0.0.1:9"}
    for command in job.commands:
        done = run(command, environment, tmp_path)
        assert done.returncode == 0, done.stdout + done.stderr
    assert (tmp_path / "junit.xml").is_file()


def test_a_nightly_job_may_keep_what_it_was_answered(server: SimulatorServer, tmp_path: Path) -> None:
    wanted = "--cce-mode=record --cce-record-in-ci"
    assert f"`{wanted}` in place of `--cce-mode=live`" in (FOLDER / "README.md").read_text("utf-8")
    command = LIVE[0].commands[0].replace("--cce-mode=live", wanted)
    environment = environment_of(LIVE[0], facts(server), tmp_path)
    assert run(command, environment, tmp_path).returncode == 0
    assert len(list((tmp_path / "cce-cassettes").rglob("*.json"))) > 5


def test_a_nightly_job_may_go_over_many_targets(server: SimulatorServer, tmp_path: Path) -> None:
    require_module("xdist")
    added = "--cce-targets=cce-targets.toml -n 4 --dist loadgroup"
    assert f"add `{added}`" in (FOLDER / "README.md").read_text("utf-8")
    told = facts(server)
    place = {name: told.pop(name) for name in ("CCE_ENDPOINT", "CCE_PROJECT_ID", "CCE_CLUSTER_ID")}
    (tmp_path / "cce-targets.toml").write_text(
        f"""
        [[target]]
        name = "staging"
        endpoint = "{place["CCE_ENDPOINT"]}"
        project_id = "{place["CCE_PROJECT_ID"]}"
        clusters = {{ one = "{place["CCE_CLUSTER_ID"]}", other = "{server.simulator.other_cluster_id}" }}
        budget = 60
        """
    )
    environment = environment_of(LIVE[-1], {**told, **dict.fromkeys(place, "")}, tmp_path)
    done = run(f"{LIVE[-1].commands[0].strip()} {added}", environment, tmp_path)
    assert done.returncode == 0, done.stdout + done.stderr
    assert "mode live: 2 targets" in done.stdout
