"""``cce-precheck completion``, with a shell that runs the script."""

from __future__ import annotations

import re
import shlex
import subprocess
from typing import TYPE_CHECKING

import pytest

from pytest_cce_precheck.cli.main import COMMANDS, main
from pytest_cce_precheck.contract.rules import rules
from tests.toolchains import require_program

if TYPE_CHECKING:
    from pathlib import Path


@pytest.fixture(scope="module")
def script(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A file with the script for bash."""
    path = tmp_path_factory.mktemp("shell") / "cce-precheck"
    with pytest.MonkeyPatch.context() as patch:
        printed: list[str] = []
        patch.setattr("pytest_cce_precheck.cli.completion.print_text", printed.append)
        assert main(["completion", "bash"]) == 0
    path.write_text("".join(printed), "utf-8")
    return path


@pytest.mark.parametrize(
    ("words", "expected"),
    [
        (["se"], "selftest serve"),
        (["run", "--mo"], "--mode"),
        (["run", "--mode", "l"], "live"),
        (["run", "--mode", "=", "l"], "live"),
        (["run", "--mode", "="], "live record replay simulate"),
        (["run", "--rate=5", "--fault", "count-one-s"], "count-one-short"),
        (["ledger", "pr"], "prune"),
        (["ledger", "ticket", "--language", ""], "both en zh"),
        (["ledger", "add", "--cons"], "--consequences"),
        (["explain", "PRE309", "PRE31"], " ".join(code for code in rules() if code.startswith("PRE31"))),
        (["check", "answer.js"], ""),
    ],
)
def test_bash_completes_commands_actions_options_and_their_values(
    script: Path, words: list[str], expected: str
) -> None:
    bash = require_program("bash")
    line = shlex.join(["cce-precheck", *words])
    program = (
        f"source {shlex.quote(str(script))}; COMP_WORDS=({line}); COMP_CWORD={len(words)};"
        " _cce_precheck; printf '%s\\n' \"${COMPREPLY[@]}\"; complete -p cce-precheck"
    )
    ran = subprocess.run([bash, "-c", program], capture_output=True, text=True, check=True)
    *found, last = ran.stdout.splitlines()
    assert last == "complete -o default -F _cce_precheck cce-precheck"
    assert " ".join(sorted(found)) == expected


@pytest.mark.parametrize("shell", ["zsh", "fish"])
def test_other_shells_have_all_commands_too(capsys: pytest.CaptureFixture[str], shell: str) -> None:
    assert main(["completion", shell]) == 0
    printed = capsys.readouterr().out
    assert all(re.search(rf"\b{command}\b", printed) for command in COMMANDS)
