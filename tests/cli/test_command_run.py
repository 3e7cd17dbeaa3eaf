"""``cce-precheck run``: the suite with options of its own and statuses that tell its verdicts apart."""

from __future__ import annotations

import json
import os
import shlex
import signal
import subprocess
import sys
import threading
import time
from typing import TYPE_CHECKING, Final

import pytest

from pytest_cce_precheck.cli.main import COMMANDS, main, parser_of
from pytest_cce_precheck.config.options import OPTIONS
from tests.servers import always, serving

if TYPE_CHECKING:
    from pathlib import Path

    from tests.conftest import Captured

LIVE: Final = ("--mode=live", "--project-id=p", "--cluster-id=c")
REFUSAL: Final = b'{"error_code":"APIGW.0302","error_msg":"no permission","request_id":"r"}'


@pytest.fixture(autouse=True)
def _in_an_empty_folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)


@pytest.mark.parametrize(
    ("arguments", "status", "first"),
    [
        (["--budget=40"], 0, "the contract holds: "),
        (["--budget=40", "--fault=count-one-short"], 1, "the contract does not hold: 1 cause"),
        (["--budget=40", "--fault=count-one-short", "--fail-on=never"], 0, "the contract does not hold: 1 cause"),
        (["-k", "unfiltered"], 3, "incomplete: 13 of 14 checks not judged"),
    ],
    ids=["holds", "does not hold", "forgiven", "incomplete"],
)
def test_each_verdict_has_a_status_of_its_own(capsys: Captured, arguments: list[str], status: int, first: str) -> None:
    assert main(["run", *arguments]) == status
    section = capsys.readouterr().out.partition("= cce-precheck =")[2]
    assert section.splitlines()[1].startswith(first)


@pytest.mark.parametrize("answer", ["nobody", "refused"])
def test_nobody_there_and_nobody_let_in_have_one_status(monkeypatch: pytest.MonkeyPatch, answer: str) -> None:
    monkeypatch.setenv("CCE_AUTH_TOKEN", "a-token-for-tests")
    with serving(always(403, REFUSAL)) as server:
        endpoint = server.endpoint if answer == "refused" else "http://127.0.0.1:9"
        assert main(["run", *LIVE, f"--endpoint={endpoint}"]) == 4


def test_the_record_is_printed_as_json_and_nothing_else(capsys: Captured) -> None:
    assert main(["run", "--budget=40", "--json"]) == 0
    printed = capsys.readouterr()
    document = json.loads(printed.out)
    assert (document["tool"], document["verdict"]) == ("pytest-cce-precheck", "holds")
    assert "the contract holds" in printed.err


@pytest.mark.parametrize(
    ("arguments", "expected"),
    [
        (["--mode=live"], "--mode=live still needs: --endpoint (or --region); --project-id; --cluster-id; credentials"),
        (["--fault=count-one-shot"], "unknown fault 'count-one-shot'; did you mean count-one-short"),
        (["--budget=3"], "--budget (from option) is '3': expected a whole number from 30 to 1000000"),
        (["--endpoint=https://cce.example"], "--endpoint names a real service"),
        (["--fail-on=new"], "--baseline and --fail-on=new belong together"),
        (["--pytest='"], "--pytest is not a valid command line: no closing quotation"),
    ],
)
def test_a_wrong_setting_is_named_as_the_command_has_it(capsys: Captured, arguments: list[str], expected: str) -> None:
    assert main(["run", *arguments]) == 2
    said = capsys.readouterr().err.replace("there is no fault", "unknown fault")
    assert expected in said
    assert "--cce-" not in said


def test_what_is_printed_and_reported_names_options_as_the_command_has_them(capsys: Captured, tmp_path: Path) -> None:
    names = ("r.html", "r.md", "r.sarif", "r.json")
    main(["run", "--budget=40", "--fault=count-one-short", *(f"--report={name}" for name in names)])
    printed = capsys.readouterr()
    assert "--budget is too small for it" in printed.out
    written = {name: (tmp_path / name).read_text("utf-8") for name in names}
    # programs read the names of the settings
    record = json.loads(written.pop("r.json"))
    assert set(record["settings"]) >= {"--cce-budget", "--cce-fault"}
    shown = [printed.out, printed.err, *written.values(), json.dumps({**record, "settings": {}})]
    assert [text for text in shown if "--cce-" in text] == []


def test_every_option_of_a_run_is_there_without_its_prefix() -> None:
    flags = {option.flag.replace("--cce-", "--") for option in OPTIONS}
    parser = parser_of(["run"])
    [commands] = [action for action in parser._actions if isinstance(action.choices, dict)]
    assert flags <= commands.choices["run"]._option_string_actions.keys()


@pytest.mark.parametrize("command", COMMANDS)
def test_the_help_of_each_command_has_an_example_that_can_be_typed(capsys: Captured, command: str) -> None:
    example = COMMANDS[command].example
    words = shlex.split(example)
    assert words[0] == "cce-precheck"
    assert parser_of(words[1:]).parse_args(words[1:]).run is not None
    with pytest.raises(SystemExit):
        main([command, "--help"])
    shown = " ".join(capsys.readouterr().out.split())
    assert f"Example: {example}" in shown.replace("- ", "-") or words[1] in shown


@pytest.mark.parametrize(
    ("words", "expected"),
    [
        (["rerum"], "did you mean rerun?"),
        (["run", "--endpont=x"], "did you mean --endpoint"),
        (["ledger", "prun"], "did you mean prune?"),
        (["report", "dif", "a", "b"], "did you mean diff?"),
        (["sdk", "run", "--drivr", "x"], "--drivr is unknown; did you mean --driver?"),
    ],
    ids=["command", "option", "action", "report", "a required option"],
)
def test_a_mistyped_word_gets_its_near_matches(capsys: Captured, words: list[str], expected: str) -> None:
    with pytest.raises(SystemExit) as ended:
        main(words)
    assert ended.value.code == 2
    assert expected in capsys.readouterr().err


def test_the_command_says_its_version(capsys: Captured) -> None:
    with pytest.raises(SystemExit) as ended:
        main(["--version"])
    assert ended.value.code == 0
    assert capsys.readouterr().out.startswith("cce-precheck 0.")


def test_ctrl_c_ends_at_once_with_what_is_known() -> None:
    over = threading.Event()
    with serving(lambda _: over.wait(60) and None) as server:
        words = [sys.executable, "-m", "pytest_cce_precheck.cli", "run", *LIVE, f"--endpoint={server.endpoint}"]
        environment = {**os.environ, "CCE_AUTH_TOKEN": "a-token-for-tests"}
        with subprocess.Popen(words, stdout=subprocess.PIPE, text=True, env=environment) as process:
            while not server.seen:
                assert process.poll() is None
                time.sleep(0.05)
            began = time.monotonic()
            process.send_signal(signal.SIGINT)
            out, _ = process.communicate(timeout=30)
            took = time.monotonic() - began
        over.set()
    assert process.returncode == 130
    assert "incomplete: it was interrupted" in out
    # within a second, unless the machine does other things
    assert took < 6
