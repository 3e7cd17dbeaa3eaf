"""``cce-precheck challenge``: what it says of good tests, of tests that assert little, and of wrong use."""

from __future__ import annotations

import json
import os
import re
import shutil
import signal
import subprocess
import sys
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest

from pytest_cce_precheck.challenge.plan import VARIABLE
from pytest_cce_precheck.cli.main import main
from pytest_cce_precheck.simulator.faults import FAULTS
from tests.toolchains import require_program

if TYPE_CHECKING:
    from collections.abc import Callable

    Challenge = Callable[..., tuple[int, str, str]]

pytestmark = pytest.mark.skipif(not hasattr(os, "fork"), reason="needs fork")

ROOT = Path(__file__).resolve().parents[2]
EXAMPLE = (ROOT / "tests/examples/test_upgrade_report.py").read_text("utf-8")
PAGE = (ROOT / "docs/how-to-challenge.md").read_text("utf-8")
PYTEST = ("--", sys.executable, "-m", "pytest", "-p", "no:randomly", "-p", "no:cacheprovider")
ASKS = """
import json, urllib.request

def ask(service, query=""):
    path = f"/api/v3/projects/{service.project_id}/clusters/{service.cluster_id}/addons/precheck/tasks{query}"
    request = urllib.request.Request(service.url + path, headers=service.headers())
    with urllib.request.urlopen(request, timeout=60) as answer:
        return json.load(answer)
"""
PROGRAM = """
import json, os, urllib.request
url = "{CCE_ENDPOINT}/api/v3/projects/{CCE_PROJECT_ID}/clusters/{CCE_CLUSTER_ID}/addons/precheck/tasks"
request = urllib.request.Request(url.format(**os.environ), headers={"X-Auth-Token": os.environ["CCE_AUTH_TOKEN"]})
assert json.load(urllib.request.urlopen(request, timeout=60))["kind"] == "AddonCheck"
"""


@pytest.fixture
def challenge(capsys: pytest.CaptureFixture[str], tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Challenge:
    """Return a function that runs the command in an empty folder: its status, its output, and its errors."""
    monkeypatch.chdir(tmp_path)

    def challenge(*words: str, test: str = "") -> tuple[int, str, str]:
        if test:
            Path("test_it.py").write_text(test, "utf-8")
        status = main(["challenge", *words])
        captured = capsys.readouterr()
        return status, captured.out, captured.err

    return challenge


def trials(output: str) -> dict[str, dict[str, Any]]:
    return {each["name"]: each for each in json.loads(output)["trials"]}


# ---- the page


def test_each_block_of_the_page_does_what_the_page_shows(challenge: Challenge, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("PYTEST_ADDOPTS", "-p no:randomly -p no:cacheprovider")
    monkeypatch.setenv("PATH", f"{Path(sys.executable).parent}{os.pathsep}{os.environ['PATH']}")
    for name in ("test_upgrade_report.py", "test_upgrade_messages.py"):
        shutil.copy(ROOT / "tests/examples" / name, name)
    pattern = r"```sh\ncce-precheck challenge ([^\n]*-- pytest [^\n]*)\n```\n\n```text\n(.*?)```"
    blocks = re.findall(pattern, PAGE, re.DOTALL)
    assert len(blocks) == 4
    for words, shown in blocks:
        status, output, errors = challenge(*words.replace("'", "").split())
        assert (status, errors) == (0, "")
        lines = set(map(without_numbers, output.splitlines()))
        missing = [line for line in shown.splitlines() if line != "…" and without_numbers(line) not in lines]
        assert (shown != "", missing) == (True, []), output


def test_the_page_names_each_kind_of_fault() -> None:
    kinds = {fault.category for fault in FAULTS.values()}
    assert {kind for kind in kinds if f"`{kind}`" not in PAGE} == set()


def without_numbers(line: str) -> str:
    # the catalogue of faults grows, and no run takes as long as another
    return re.sub(r" *\d+", " #", line)


# ---- good tests, and others


def test_a_suite_without_half_of_its_assertions_notices_clearly_less(challenge: Challenge) -> None:
    kinds = ("--faults=schema", "--faults=count", "--faults=errors", "--json")
    status, output, _ = challenge("--fail-under=70", *kinds, *PYTEST, test=EXAMPLE)
    good = json.loads(output)["score"]
    assert (status, good >= 75) == (0, True), good
    places = [match.start() for match in re.finditer(r"\b(assert|cce_contract\.verify)\b", EXAMPLE)]
    half = EXAMPLE
    for place in reversed(places[1::2]):
        # what is looked at is still asked for
        half = half[:place] + half[place:].replace("assert ", "bool() or ", 1).replace("cce_contract.verify", "len", 1)
    half = half.replace("len(*cce_exchanges)", "len(cce_exchanges)").replace("len(exchange)", "str(exchange)")
    status, output, _ = challenge("--fail-under=70", *kinds, *PYTEST, test=half)
    less = json.loads(output)["score"]
    assert (status, less < good - 20) == (1, True), (good, less)


def test_a_test_that_fails_on_a_conforming_variation_is_named(challenge: Challenge) -> None:
    test = f"""{ASKS}
def test_of_the_order(cce_service):
    names = [task["metadata"]["addonTemplateName"] for task in ask(cce_service)["items"]]
    assert names == ["coredns", "everest", "metrics-server", "npd"] * 3

def test_of_the_number(cce_service):
    assert len(ask(cce_service)["items"]) == 12
"""
    names = ("items-shuffled", "unknown-fields", "one-task")
    status, output, _ = challenge(*(f"--faults={name}" for name in names), "--json", *PYTEST, test=test)
    assert status == 0
    assert {name: (trial["verdict"], trial["noticed_by"]) for name, trial in trials(output).items()} == {
        "unknown-fields": ("tolerated", []),
        "items-shuffled": ("brittle", ["test_it.py::test_of_the_order"]),
        # all of them, and not only the first
        "one-task": ("brittle", ["test_it.py::test_of_the_order", "test_it.py::test_of_the_number"]),
    }


def test_what_each_fixture_asks_is_noted(challenge: Challenge) -> None:
    test = f"""{ASKS}
import pytest, requests

def test_with_the_client(cce_client):
    assert cce_client.list_tasks().document["kind"] == "AddonCheck"

def test_with_the_service(cce_service):
    assert ask(cce_service, "?type=addonUpgrade")["apiVersion"] == "v3"

def test_with_the_server(cce_server, cce_simulator):
    path = f"/api/v3/projects/{{cce_simulator.project_id}}/clusters/{{cce_simulator.cluster_id}}/addons/precheck/tasks"
    headers = {{"X-Auth-Token": cce_simulator.credentials.token.reveal()}}
    assert "pageInfo" in requests.get(cce_server.endpoint + path, headers=headers, timeout=5).json()

def test_with_an_intercepted_request(cce_simulator):
    path = f"/api/v3/projects/{{cce_simulator.project_id}}/clusters/{{cce_simulator.cluster_id}}/addons/precheck/tasks"
    answer = requests.get(cce_simulator.endpoint + path, timeout=5)
    assert answer.status_code == 401

def test_of_something_else():
    assert sorted([2, 1]) == [1, 2]
"""
    by_test = {
        "kind-missing": "test_with_the_client",
        "api-version-missing": "test_with_the_service",
        "page-info-missing": "test_with_the_server",
        "no-credentials-needed": "test_with_an_intercepted_request",
    }
    names = [f"--faults={name}" for name in (*by_test, "foreign-project-readable")]
    status, output, _ = challenge(*names, "--json", *PYTEST, test=test)
    assert status == 0
    killed = {name: each["noticed_by"] for name, each in trials(output).items() if each["verdict"] == "killed"}
    assert killed == {name: [f"test_it.py::{test}"] for name, test in by_test.items()}
    assert json.loads(output)["tests_that_ask"] == 4
    assert trials(output)["foreign-project-readable"]["verdict"] == "not applicable"


def test_a_test_begins_with_what_wider_fixtures_have_done_and_nothing_else(challenge: Challenge) -> None:
    test = """
import pytest

def create(client):
    entry = {"addonTemplateName": "coredns", "type": "addonStatic",
             "addonInstanceID": client.list_tasks().document["items"][0]["metadata"]["addonInstanceID"]}
    assert client.create_tasks([entry]).status == 201

@pytest.fixture(scope="module")
def created(cce_client):
    create(cce_client)

def test_one_more_is_listed(created, cce_client):
    assert len(cce_client.list_tasks().document["items"]) == 13

def test_another_is_created(created, cce_client):
    create(cce_client)
    assert len(cce_client.list_tasks().document["items"]) == 14

def test_still_one_more_is_listed(created, cce_client):
    assert len(cce_client.list_tasks().document["items"]) == 13
"""
    status, output, errors = challenge("--faults=created-task-not-listed", "--json", *PYTEST, test=test)
    assert (status, errors) == (0, "")
    assert trials(output)["created-task-not-listed"]["verdict"] == "killed"


def test_tests_that_hang_or_end_their_process_have_noticed_and_are_ended(challenge: Challenge) -> None:
    test = f"""{ASKS}
import os, time

def test_waits(cce_service):
    while ask(cce_service)["apiVersion"] != "v3":
        time.sleep(0.1)

def test_ends_the_process(cce_service):
    if "kind" not in ask(cce_service):
        os._exit(1)
"""
    names = ("--faults=kind-missing", "--faults=api-version-with-minor")
    status, output, _ = challenge(*names, "--json", "--fail-under=100", *PYTEST, test=test)
    assert status == 0
    assert {name: each["did_not_end"] for name, each in trials(output).items()} == {
        "kind-missing": "test_it.py::test_ends_the_process",
        "api-version-with-minor": "test_it.py::test_waits",
    }


def test_the_run_takes_no_part_in_what_pytest_writes_at_its_end(challenge: Challenge) -> None:
    Path("junit.xml").write_text("that of the last run")
    Path("pytest.ini").write_text("[pytest]\naddopts = -n 2 --junitxml=junit.xml --cce-report=report.json -x\n")
    test = "def test_it(cce_client):\n    assert cce_client.list_tasks().document['kind'] == 'AddonCheck'"
    status, output, errors = challenge("--faults=kind-*", "--fail-under=60", *PYTEST, test=test)
    assert (status, errors) == (0, ""), output
    assert Path("junit.xml").read_text() == "that of the last run"
    assert not Path("report.json").exists()


# ---- other commands


def test_the_environment_of_any_command_has_the_service(challenge: Challenge) -> None:
    words = ("--faults=kind-missing", "--faults=count-one-short", "--faults=foreign-project-readable")
    status, output, errors = challenge(*words, "--fail-under=51", "--", sys.executable, "-c", PROGRAM)
    assert (status, errors) == (1, "")
    lines = output.splitlines()
    assert "survived  count-one-short: `currentCount` is one less than there are items." in lines
    assert '    notice   assert document["pageInfo"]["currentCount"] == 12' in lines
    assert lines[-1] == "score         50 %: 1 of 2 faults that change an answer are killed"


def test_what_there_was_no_time_for_is_not_run_and_fails_whatever_the_score(challenge: Challenge) -> None:
    program = f"{PROGRAM}\nimport time; time.sleep(1)"
    words = ("--faults=schema", "--time=4s", "--jobs=1", "--fail-under=1")
    status, output, _ = challenge(*words, "--", sys.executable, "-c", program)
    assert status == 1
    assert re.search(r"^not run       \d+ faults: the time was over \(--time\)$", output, re.MULTILINE), output


def test_the_tests_of_a_program_in_go_are_challenged(challenge: Challenge, tmp_path: Path) -> None:
    go = require_program("go")
    Path("go.mod").write_text("module example.com/report\n\ngo 1.21\n")
    Path("report_test.go").write_text((ROOT / "tests/data/report_test.go").read_text("utf-8"))
    words = ("--faults=kind-missing", "--faults=message-cut-under-type", "--faults=type-filter-ignored", "--json")
    status, output, errors = challenge(*words, "--", go, "test", "-count=1", "./...")
    assert (status, errors) == (0, "")
    assert {name: each["verdict"] for name, each in trials(output).items()} == {
        "kind-missing": "killed",
        "type-filter-ignored": "killed",
        "message-cut-under-type": "survived",
    }


def test_the_command_gets_no_credentials_of_a_real_service(
    challenge: Challenge, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("CCE_AUTH_TOKEN", "the-token-of-a-real-service")
    monkeypatch.setenv("HUAWEICLOUD_SDK_SECURITY_TOKEN", "the-token-of-a-real-service")
    status, output, errors = challenge("--", "sh", "-c", "env; exit 1")
    assert (status, output) == (2, "")
    assert "CCE_ENDPOINT=http://127.0.0.1:" in errors
    assert "of-a-real-service" not in errors


@pytest.mark.parametrize(
    ("name", "status", "said"),
    [("SIGTERM", 143, b""), ("SIGINT", 130, b"cce-precheck: interrupted before any fault was tried\n")],
)
def test_all_that_was_started_ends_with_the_command(tmp_path: Path, name: str, status: int, said: bytes) -> None:
    alive = tmp_path / "alive"
    os.mkfifo(alive)
    test = f"""
import time

def test_waits(cce_client):
    with open({str(alive)!r}, "w") as alive:
        print("here", file=alive, flush=True)
        time.sleep(600)
"""
    (tmp_path / "test_it.py").write_text(test, "utf-8")
    words = [sys.executable, "-m", "pytest_cce_precheck.cli", "challenge", *PYTEST]
    with subprocess.Popen(words, cwd=tmp_path, stdout=subprocess.PIPE, stderr=subprocess.PIPE) as process:
        with alive.open() as held:
            assert held.readline() == "here\n"
            process.send_signal(getattr(signal, name))
            # until the process of the test has ended
            assert held.read() == ""
        output, errors = process.communicate(timeout=60)
    assert (process.returncode, output, errors) == (status, b"", said)


def test_ctrl_c_ends_what_is_running_and_shows_what_is_known(tmp_path: Path) -> None:
    alive = tmp_path / "alive"
    os.mkfifo(alive)
    program = f"""{PROGRAM}
if len(json.load(urllib.request.urlopen(request, timeout=60))["items"]) < 12:
    with open({str(alive)!r}, "w") as alive:
        print("here", file=alive, flush=True)
        __import__("time").sleep(600)
"""
    (tmp_path / "ask.py").write_text(program, "utf-8")
    names = ("kind-missing", "one-task", "count-one-short")
    words = [sys.executable, "-m", "pytest_cce_precheck.cli", "challenge", "--jobs=1", "--time=5m"]
    words += [*(f"--faults={name}" for name in names), "--", sys.executable, "ask.py"]
    with subprocess.Popen(words, cwd=tmp_path, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True) as process:
        with alive.open() as held:
            assert held.readline() == "here\n"
            process.send_signal(signal.SIGINT)
            assert held.read() == ""
        output, errors = process.communicate(timeout=60)
    assert (process.returncode, errors) == (130, "")
    assert "not run       1 fault: it was interrupted" in output
    assert "score         50 %: 1 of 2 faults that change an answer are killed" in output


# ---- wrong use

PASSES = "def test_it(cce_client):\n    cce_client.list_tasks()"


@pytest.mark.parametrize(
    ("words", "test", "message"),
    [
        ([], "", "there is no command: cce-precheck challenge -- pytest tests"),
        (["--faults=knd-missing", *PYTEST], "", "--faults 'knd-missing' is no fault, variation or kind of them; did "),
        (["--", "no-such-program"], "", "the command 'no-such-program' cannot be started: No such file or directory; "),
        (
            [*PYTEST],
            "def test_it(): pass",
            "no test uses a fixture of pytest-cce-precheck (1 collected): let them ask ",
        ),
        ([*PYTEST], "def test_it(cce_config): pass", "no test asked the simulator for anything: there is no answer "),
        ([*PYTEST], "x = 1", "no test was collected: give pytest the folder or the names of your tests"),
        ([*PYTEST], "import no_such_module", "the tests cannot be collected (1 errors): run pytest alone to see why"),
        ([*PYTEST, "--cce-mode=replay"], PASSES, "the tests run in mode replay (option), and only the simulator has "),
        ([*PYTEST, "--no-such-option"], PASSES, "pytest ended with status 4 before it ran the tests\n"),
        (
            [*PYTEST],
            f"{PASSES}\ndef test_fails(cce_client):\n    assert 1 == 2",
            "1 test fails without any fault, and only tests that pass can notice one (each test has a simulator of its",
        ),
        (
            [*PYTEST],
            """
done = []

def test_before(cce_client):
    done.append(cce_client.list_tasks())

def test_after(cce_client):
    assert cce_client.list_tasks() and done
""",
            "1 test fails without any fault if the tests run in the opposite order, and only tests that pass can ",
        ),
        (
            [*PYTEST],
            "import os\ndef test_it(cce_client):\n    os._exit(0)",
            "the run without a fault did not end: the process of the tests ended in test_it.py::test_it",
        ),
        (["--", "false"], "", "the command ended with status 1 without any fault, and only tests that pass can notice"),
        (["--", "true"], "", "the tests asked the simulator for nothing: let them call the service that the environ"),
        (
            ["--", "sh", "-c", f"{sys.executable} -m pytest; {sys.executable} -m pytest"],
            PASSES,
            "the command starts pytest more than once: challenge one run at a time",
        ),
    ],
)
def test_what_cannot_be_challenged_is_one_clear_message(
    challenge: Challenge, words: list[str], test: str, message: str
) -> None:
    few = words if "--faults=knd-missing" in words or not words else ["--faults=kind-missing", *words]
    status, output, errors = challenge(*few, test=test)
    assert (status, output) == (2, "")
    assert errors.startswith(f"cce-precheck: {message}"), errors


def test_pytest_does_not_run_by_itself_with_the_variable_of_the_command(tmp_path: Path) -> None:
    words = PYTEST[1:]
    environment = {**os.environ, VARIABLE: str(tmp_path / "missing")}
    ended = subprocess.run(words, cwd=tmp_path, env=environment, capture_output=True, text=True, check=False)
    assert ended.returncode == 4
    assert ended.stderr.startswith(f"ERROR: {VARIABLE} is for cce-precheck challenge, which sets it itself: unset it")


@pytest.mark.parametrize("words", [["--time=10"], ["--time=0m"], ["--jobs=0"], ["--fail-under=101"]], ids=" ".join)
def test_a_wrong_value_is_refused(challenge: Challenge, words: list[str], capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(SystemExit, match="2"):
        challenge(*words, "--", "true")
    assert f"argument {words[0].partition('=')[0]}: " in capsys.readouterr().err
