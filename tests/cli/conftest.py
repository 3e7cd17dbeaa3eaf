"""What the tests of ``cce-precheck cassettes`` share."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

import pytest_cce_precheck.cli.cassettes.command
from pytest_cce_precheck.cli.main import main

if TYPE_CHECKING:
    from pathlib import Path

    from tests.cli.put_down import Cassettes, Ended

assert pytest_cce_precheck.cli.cassettes.command  # pytester would forget it, and its errors would be others than ours


@pytest.fixture
def cassettes(capsys: pytest.CaptureFixture[str], tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Cassettes:
    """Run the command where nothing else is; give its status, what it printed, and what it complained of."""
    monkeypatch.chdir(tmp_path)

    def cassettes(*arguments: object) -> Ended:
        status = main(["cassettes", *map(str, arguments)])
        captured = capsys.readouterr()
        return status, captured.out, captured.err

    return cassettes
