"""What the tests of ``cce-precheck cassettes`` share."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

import pytest_cce_precheck.cli.cassettes.command
from pytest_cce_precheck.cli.main import main

if TYPE_CHECKING:
    from pathlib import Path

    from tests.cli.put_down import Cassettes, Ended

assert pytest_cce_precheck.cli.cassettes.command  # otherwise pytester drops it, and its exceptions


@pytest.fixture
def cassettes(capsys: pytest.CaptureFixture[str], tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Cassettes:
    """Return a function that runs the command in an empty folder: its status, its output, and its errors."""
    monkeypatch.chdir(tmp_path)

    def cassettes(*arguments: object) -> Ended:
        status = main(["cassettes", *map(str, arguments)])
        captured = capsys.readouterr()
        return status, captured.out, captured.err

    return cassettes
