"""What the tests of replay share: a test that asks, and its cassette."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from pytest_cce_precheck.cassette.files import write
from pytest_cce_precheck.cassette.format import dumps
from tests.recordings import origin

if TYPE_CHECKING:
    from pathlib import Path

    import pytest

    from pytest_cce_precheck.cassette.format import Recording

ASKS = "def test_it(cce_client):\n    assert cce_client.list_tasks(type='x').status == 200\n"


def keep(pytester: pytest.Pytester, *recordings: Recording, test: str = "test_it", **changes: Any) -> Path:
    """Keep recordings of a project ``p`` and a cluster ``c`` for a test of the module ``test_it``."""
    path = pytester.path / "cassettes" / "test_it" / f"{test}.json"
    known = {"project_id": "p", "cluster_id": "c", "credentials": ("token",), "test": f"test_it.py::{test}"}
    write(path, dumps(origin(**{**known, **changes}), recordings, redacted=True))
    return path
