"""The documentation says what the code does: nothing undocumented, nothing that is not there, every example runs."""

from __future__ import annotations

import importlib.util
import json
import os
import re
import shlex
import subprocess
import sys
import tomllib
from datetime import date
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

import pytest_cce_precheck
from pytest_cce_precheck import Simulator, SimulatorServer
from pytest_cce_precheck.cli.main import main, parser_of
from pytest_cce_precheck.config.options import OPTIONS
from pytest_cce_precheck.contract.rules import Kind, rules
from pytest_cce_precheck.plugin import fixtures, hooks, hookspecs
from pytest_cce_precheck.simulator.faults import FAULTS
from pytest_cce_precheck.simulator.variations import VARIATIONS
from pytest_cce_precheck.wire.credentials import Credentials
from tests.servers import free_port
from tests.toolchains import require_program

if TYPE_CHECKING:
    from collections.abc import Iterator

ROOT = Path(__file__).resolve().parent.parent
SET_UP = "python3 -m venv .venv && . .venv/bin/activate && pip install -e . && "
PAGES = {
    str(path.relative_to(ROOT)): path.read_text(encoding="utf-8")
    for path in [*sorted(ROOT.glob("*.md")), *sorted((ROOT / "docs").rglob("*.md"))]
}
README = PAGES["README.md"]
REFERENCE = PAGES["docs/reference.md"]
EVERYTHING = "\n".join(PAGES.values())
EXAMPLES = sorted(path for path in (ROOT / "tests" / "examples").glob("*.py") if path.name != "conftest.py")
REGENERATE = "out of date; run: python docs/generate.py"


def load(name: str = "generate"):
    spec = importlib.util.spec_from_file_location(name, ROOT / "docs" / f"{name}.py")
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


def blocks(language: str) -> Iterator[tuple[str, str, str]]:
    """Return the code blocks of a language: page, what stands beside the language, text."""
    for name, text in PAGES.items():
        for match in re.finditer(rf"^```{language}\b *([^\n]*)\n(.*?)^```$", text, re.MULTILINE | re.DOTALL):
            yield name, match[1], match[2]


def help_of(capsys: pytest.CaptureFixture[str], *arguments: str) -> str:
    with pytest.raises(SystemExit):
        main([*arguments, "--help"])
    return capsys.readouterr().out


# ---- everything is documented


@pytest.mark.parametrize("option", OPTIONS, ids=lambda option: option.name)
def test_every_option_is_documented_with_its_ini_name_and_its_variables(option):
    row = next((line for line in REFERENCE.splitlines() if re.match(rf"\| `{option.flag}[`=]", line)), "")
    elsewhere = [] if option.command_line_only else [option.ini, *option.variables]
    missing = [name for name in elsewhere if f"`{name}`" not in row]
    assert ("command line only" in row) == option.command_line_only
    assert row, f"{option.flag}: {REGENERATE}"
    assert missing == [], f"{option.flag}: {REGENERATE}"


def test_every_variable_that_credentials_are_read_from_is_documented():
    asked = set()

    class Environment(dict):
        def get(self, name, default=None):
            asked.add(name)
            return default

        def __getitem__(self, name):
            return self.get(name)

    Credentials.from_environment(Environment())
    assert asked
    assert {name for name in asked if f"`{name}`" not in README} == set()


def test_every_marker_is_documented_with_its_signature():
    signatures = [marker.partition("): ")[0] + ")" for marker in hooks.MARKERS]
    assert [each for each in signatures if f"`@pytest.mark.{each}`" not in REFERENCE] == []


def test_every_fixture_is_documented():
    names = [name for name in vars(fixtures) if name.startswith("cce_")]
    assert names
    assert [name for name in names if f"\n| `{name}` |" not in REFERENCE] == []


def test_every_hook_is_documented():
    hooks = [name for name in vars(hookspecs) if name.startswith("pytest_cce_")]
    assert hooks
    assert [name for name in hooks if f"`{name}(" not in EVERYTHING] == []


def test_every_code_is_documented():
    entries = set(re.findall(r"^### (PRE\d{3}) ", PAGES["docs/findings.md"], re.MULTILINE))
    assert entries == set(rules()), REGENERATE


def test_every_fault_and_variation_is_documented():
    rows = set(re.findall(r"^\| `([a-z0-9-]+)` \|", PAGES["docs/faults.md"], re.MULTILINE))
    assert rows == {*FAULTS, *VARIATIONS}, REGENERATE


def test_every_deviation_is_documented_by_code_and_name():
    known = {(rule.code, rule.name) for rule in rules().values() if rule.kind is Kind.DEVIATION}
    rows = re.findall(r"^\| (PRE\d{3}) \| `([a-z-]+)` \|", PAGES["docs/deviations.md"], re.MULTILINE)
    assert set(rows) == known


def test_every_subcommand_is_documented_with_exactly_its_flags(capsys):
    commands = re.findall(r"^    ([a-z]+)\b", help_of(capsys), re.MULTILINE)
    sections = re.findall(r"^### `cce-precheck ([a-z]+)`$(.*?)(?=^### |^<!-- )", REFERENCE, re.MULTILINE | re.DOTALL)
    assert [name for name, _ in sections] == commands
    for command, section in sections:
        flags = set(re.findall(r"--[a-z-]+", help_of(capsys, command))) - {"--help"}
        assert set(re.findall(r"--[a-z][a-z-]+", section)) == flags, command


# ---- nothing is documented that is not there


def test_every_option_that_is_mentioned_exists():
    mentioned = set(re.findall(r"--(cce-[a-z-]+[a-z])", EVERYTHING))
    assert mentioned - {option.flag.removeprefix("--") for option in OPTIONS} == set()


def test_every_ini_name_in_an_example_exists():
    names = {name for _, _, text in blocks("ini") for name in re.findall(r"^(cce_\w+)", text, re.MULTILINE)}
    assert names
    assert names - {option.ini for option in OPTIONS} == set()


def test_every_code_that_is_mentioned_exists():
    assert set(re.findall(r"PRE\d{3}", EVERYTHING)) - set(rules()) == set()


def test_every_fault_that_is_mentioned_exists():
    mentioned = set(re.findall(r"--(?:cce-)?fault=([a-z0-9-]+)", EVERYTHING))
    for path in EXAMPLES:
        mentioned |= {
            name for names in re.findall(r"faults=\[(.*?)\]", path.read_text()) for name in names.split('"')[1::2]
        }
    assert mentioned
    assert mentioned - set(FAULTS) == set()


def test_every_check_of_the_suite_that_is_mentioned_exists_and_one_alone_is_an_incomplete_run(tmp_path):
    mentioned = set(re.findall(r"pytest_cce_precheck\.suite\.test_contract::(\w+)", EVERYTHING))
    assert mentioned
    for name in mentioned:
        ran = shell(f"pytest --pyargs pytest_cce_precheck.suite.test_contract::{name}", tmp_path)
        assert (ran.returncode, " 1 passed in " in ran.stdout) == (1, True), ran.stdout
        assert "\nincomplete: 13 of 14 checks not judged" in ran.stdout


def test_every_page_is_in_the_list_of_pages():
    # the site is built from this list
    listed = {(ROOT / "docs" / target).resolve() for target in re.findall(r"\]\(([^)#]+)\)", PAGES["docs/index.md"])}
    missing = [name for name in PAGES if (ROOT / name).resolve() not in listed and name != "docs/index.md"]
    # these are for who opens the folder on the repository's page
    assert set(missing) - {".github/PULL_REQUEST_TEMPLATE.md"} == set(), "add them to docs/index.md"


def test_the_page_for_language_models_links_to_pages_that_are_there():
    text = (ROOT / "llms.txt").read_text("utf-8")
    targets = re.findall(r"\]\(([^)]+)\)", text)
    assert len(targets) > 10
    assert [each for each in targets if not (ROOT / each).is_file()] == []


@pytest.mark.parametrize("command", re.findall(r"`(cce-precheck [^`]+|pytest [^`]+)`", PAGES["SKILL.md"]))
def test_each_command_for_assistants_has_arguments_that_exist(command, capsys):
    words = command.split()
    known = {option.flag for option in OPTIONS} | {"--pyargs"}
    if words[0] == "cce-precheck":
        action = [word for word in words[1:3] if word.isalpha() and word.islower()]
        known = set(re.findall(r"--[a-z-]+", help_of(capsys, *action)))
    assert {word.partition("=")[0] for word in words if word.startswith("--")} - known == set()


def test_every_link_between_pages_leads_somewhere():
    broken = [
        (name, target)
        for name, text in PAGES.items()
        for target in re.findall(r"\]\(([^)#]+)[^)]*\)", text)
        if "://" not in target and not (ROOT / name).parent.joinpath(target).exists()
    ]
    assert broken == []


def commands_of(text: str) -> Iterator[list[str]]:
    """Return the words of each `cce-precheck` command of a shell block."""
    for line in text.replace("\\\n", " ").splitlines():
        for part in re.split(r"&&|\||>|&|;", line.partition(" #")[0]):
            if part.strip().startswith("cce-precheck "):
                yield shlex.split(part)


SHOWN = sorted({(name, *words) for name, _, text in blocks("sh") for words in commands_of(text)})


def test_many_commands_are_shown():
    assert len({words[1] for _, *words in SHOWN}) >= 8


@pytest.mark.parametrize("shown", SHOWN, ids=lambda shown: " ".join(shown))
def test_each_command_of_a_page_is_one_that_its_parser_takes(shown):
    _, _, *arguments = shown
    if "--help" not in arguments:
        assert parser_of(arguments).parse_args(arguments)


@pytest.mark.parametrize("code", ["PRE305", "PRE401", "PRE602"])
def test_what_the_page_of_codes_shows_is_what_a_run_prints_today(code):
    stored = json.loads((ROOT / "docs" / "samples.json").read_text("utf-8"))
    assert load("samples").sample(code) == stored[code], "run: python docs/samples.py && python docs/generate.py"


# ---- what is written from the code is up to date


def test_a_sample_of_each_code_that_a_fault_shows_is_on_the_page():
    samples = json.loads((ROOT / "docs" / "samples.json").read_text("utf-8"))
    assert [code for code, said in samples.items() for text in said.values() if not text.startswith(f"{code} ")] == []
    # no suite judges SDKs, recordings or earlier runs
    shown = {fault.codes[0] for fault in FAULTS.values()}
    assert shown - set(samples) == set(), "run: python docs/samples.py"


@pytest.mark.parametrize("name", load().DOCUMENTS)
def test_a_written_page_is_up_to_date(name):
    assert load().DOCUMENTS[name](PAGES[name]) == PAGES[name], REGENERATE


def test_each_figure_names_a_command_of_the_project():
    figures = tomllib.loads((ROOT / "docs" / "trust.toml").read_text())["figure"]
    files = [file for each in figures for file in re.findall(r"\S+\.py", each["command"])]
    assert len(files) > 8
    assert [file for file in files if not (ROOT / file).is_file()] == []


# ---- the examples run


def test_every_python_block_is_a_file_of_the_examples():
    shown = {}
    for name, info, text in blocks("python"):
        assert info.startswith("file=tests/examples/"), f"{name} has a block of its own:\n{text}"
        path = ROOT / info.removeprefix("file=")
        assert path.read_text(encoding="utf-8") == text, REGENERATE
        shown[path] = name
    assert [path.name for path in EXAMPLES if path not in shown] == []


def test_the_example_tests_are_collected_with_the_tests():
    settings = tomllib.loads((ROOT / "pyproject.toml").read_text())["tool"]["pytest"]["ini_options"]
    assert settings["testpaths"] == ["tests"]
    assert [path.name for path in EXAMPLES if not path.name.startswith("test_")] == ["without_pytest.py"]


def test_the_script_without_pytest_prints_what_it_finds(tmp_path):
    ran = shell(f"{sys.executable} {ROOT}/tests/examples/without_pytest.py", tmp_path)
    assert (ran.returncode, ran.stdout) == (0, "PRE309 currentCount is 11, and 12 tasks are listed\n"), ran.stderr


# pages in two languages have the same blocks
COMMANDS = [
    (name, text)
    for text, name in {text: name for name, _, text in [*blocks("sh")][::-1]}.items()
    if "pytest --pyargs" in text and name not in ("CONTRIBUTING.md", "docs/tutorial.md")
][::-1]


@pytest.fixture(scope="module")
def server():
    with SimulatorServer(Simulator()) as running:
        yield running


@pytest.mark.parametrize(("name", "text"), COMMANDS, ids=[f"{name}-{n}" for n, (name, _) in enumerate(COMMANDS)])
def test_a_shell_block_does_what_it_says(name, text, server, tmp_path):
    keys = server.simulator.credentials
    # setting up anew would change the environment that the tests run in
    script = text.replace(SET_UP, "")
    # there are no other machines here
    script = filled(re.sub(r"ssh=\S+", "popen", script), server)
    write_targets(server, tmp_path / "cce-targets.toml")
    ran = shell(
        script, tmp_path, EU_TOKEN=keys.token.reveal(), CN_AK=keys.access_key.reveal(), CN_SK=keys.secret_key.reveal()
    )
    broken = "--cce-fault" in script and "--cce-accept" not in script
    assert ran.returncode == int(broken), ran.stdout + ran.stderr
    assert ("the contract does not hold" if broken else "the contract holds") in ran.stdout
    assert ("(no real service was contacted)" in ran.stdout) is ("--cce-mode=live" not in script)


def test_the_example_for_every_mode_runs_unchanged_in_each(server, tmp_path):
    (text,) = (text for name, _, text in blocks("sh") if name == "docs/how-to-dependents.md" and "unset" in text)
    (tmp_path / "test_own.py").write_bytes((ROOT / "tests" / "examples" / "test_every_mode.py").read_bytes())
    before = server.simulator.handled
    ran = shell(filled(text, server), tmp_path)
    assert ran.returncode == 0, ran.stdout + ran.stderr
    assert re.findall(r"^=+ (.*) in ", ran.stdout, re.MULTILINE) == ["1 passed"] * 3
    # of the three runs, only the one that records asks the service
    assert server.simulator.handled == before + 2


def test_the_blocks_about_the_proxy_record_replay_and_judge(server, tmp_path):
    service, shown = server.simulator, []
    texts = [text for name, _, text in blocks("sh") if name == "docs/how-to-proxy.md"]
    for text in texts:
        port = re.search(r"--port (\d+)", text)[1]
        text = text.replace(port, str(free_port()))
        for placeholder, value in {"PROJECT_ID": service.project_id, "CLUSTER_ID": service.cluster_id}.items():
            text = re.sub(rf"(?<=/){placeholder}(?=/)", value, text)
        ran = shell(filled(text, server), tmp_path)
        assert ran.returncode == 0, ran.stdout + ran.stderr
        shown.append(ran.stdout)
    recording, replay, judge = shown
    assert "2 tests, 2 calls, 2 cassettes written" in recording
    assert '"type":"addonUpgrade"' in replay
    assert "all judged answers meet the contract: 4 answers" in judge
    assert sorted(path.name for path in tmp_path.rglob("*.*")) == ["all.json", "run.html", "run.json", "upgrades.json"]


def test_the_go_block_is_a_test_that_runs_from_its_cassette():
    go = require_program("go")
    offline = {**os.environ, "GOPROXY": "off", "CCE_PRECHECK": f"{sys.executable} -m pytest_cce_precheck.cli"}
    ran = subprocess.run(
        [go, "test", "-count=1", "./ccetest"], cwd=ROOT / "drivers" / "go", env=offline, capture_output=True, text=True,
        timeout=240, check=False,
    )  # fmt: skip
    assert ran.returncode == 0, ran.stdout + ran.stderr


def test_the_readme_has_one_command_for_the_suite_and_one_for_the_tests():
    commands = [text.strip() for name, _, text in blocks("sh") if name == "README.md"]
    assert commands[:2] == [
        f"{SET_UP}pytest --pyargs pytest_cce_precheck.suite",
        'pip install --upgrade pip && pip install -e ".[all]" --group test && python -m pytest -n 2',
    ]


def filled(script: str, server: SimulatorServer) -> str:
    """Put what is here in place of a script's placeholders."""
    service, keys = server.simulator, server.simulator.credentials
    for placeholder, value in {
        "https://cce.staging.example.com": server.endpoint,
        "PROJECT_ID": service.project_id,
        "CLUSTER_ID": service.cluster_id,
        "YOUR_TOKEN": keys.token.reveal(),
        "YOUR_ACCESS_KEY": keys.access_key.reveal(),
        "YOUR_SECRET_KEY": keys.secret_key.reveal(),
    }.items():
        script = re.sub(rf"(?<=[=\s]){re.escape(placeholder)}(?=\s)", value, script)
    return script


def write_targets(server: SimulatorServer, path: Path) -> None:
    """Write the file of targets that the how-to shows, with what is here in place of what is there."""
    service = server.simulator
    ((_, _, text),) = (block for block in blocks("toml") if block[0] == "docs/how-to-targets.md")
    for shown, here in (
        ("https://cce.eu.staging.example.com", server.endpoint),
        ("cce.eu.staging.example.com", "127.0.0.1"),
        ('region = "cn-north-4"', f'endpoint = "{server.endpoint}"'),
        ("PROJECT_ID", service.project_id),
        ('green = "CLUSTER_ID"', f'green = "{service.other_cluster_id}"'),
        ("CLUSTER_ID", service.cluster_id),
        # to create is to wait for what was created, as a lag is waited for
        ("lag = 5", "budget = 60"),
        ("allow_writes = true", "allow_writes = false"),
    ):
        assert shown in text
        text = text.replace(shown, here)
    path.write_text(text, encoding="utf-8")


def shell(script: str, folder: Path, **variables: str) -> subprocess.CompletedProcess[str]:
    # CI would refuse to record
    ours = ("CCE_", "HUAWEICLOUD_SDK_", "CLOUD_SDK_", "PYTEST_", "CI")
    environment = {name: value for name, value in os.environ.items() if not name.startswith(ours)}
    environment |= variables
    environment["PATH"] = f"{Path(sys.executable).parent}{os.pathsep}{environment['PATH']}"
    return subprocess.run(
        ["sh", "-euc", script], cwd=folder, env=environment, capture_output=True, text=True, stdin=subprocess.DEVNULL,
        timeout=120, check=False,
    )  # fmt: skip


# ---- the version


def test_the_version_is_the_same_everywhere():
    changes = re.findall(r"^## \[(\d+\.\d+\.\d+)\] - (\d{4}-\d{2}-\d{2})$", PAGES["CHANGELOG.md"], re.MULTILINE)
    project = tomllib.loads((ROOT / "pyproject.toml").read_text())["project"]
    assert project["version"] == pytest_cce_precheck.__version__ == changes[0][0]


def test_the_changelog_is_in_order():
    changes = re.findall(r"^## \[([\d.]+)\] - (\S+)$", PAGES["CHANGELOG.md"], re.MULTILINE)
    keys = [(date.fromisoformat(day), tuple(map(int, version.split(".")))) for version, day in changes]
    assert keys == sorted(keys, reverse=True)


@pytest.mark.parametrize("page", ["docs/design.md", "CONTRIBUTING.md"])
def test_every_file_that_a_page_for_contributors_names_is_there(page: str) -> None:
    named = re.findall(r"`((?:[a-z_]+/)+[a-z_0-9]+\.(?:py|toml|md))`", (ROOT / page).read_text("utf-8"))
    assert [
        name for name in named if not any((base / name).exists() for base in (ROOT, ROOT / "pytest_cce_precheck"))
    ] == []
