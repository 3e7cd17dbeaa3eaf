"""What several modules of this folder use."""

from __future__ import annotations

import pytest

from pytest_cce_precheck.redaction.recordings import (
    Redaction,
)
from tests.redaction.redacted import CREDENTIALS


@pytest.fixture(scope="module")
def redaction() -> Redaction:
    return Redaction(CREDENTIALS)
