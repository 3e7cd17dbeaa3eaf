"""A handful of cases, an SDK that does all of them right, and one that loses a field."""

from __future__ import annotations

import shlex
from typing import TYPE_CHECKING

from pytest_cce_precheck.cli import corpus, sdk
from pytest_cce_precheck.sdk.cases import find_case
from tests.sdk.fakes import fake_sdk

if TYPE_CHECKING:
    import pytest

NAMES = ("every-field", "twelve-tasks", "kind-is-text-cluster", "create-one", "error-403-cce", "list-closed")
RIGHT = shlex.join(fake_sdk())
LOSING = shlex.join(fake_sdk("field-lost"))


def choose(monkeypatch: pytest.MonkeyPatch) -> None:
    """Let the commands have these cases alone."""
    for command in (sdk, corpus):
        monkeypatch.setattr(command, "corpus_cases", lambda: tuple(map(find_case, NAMES)))
