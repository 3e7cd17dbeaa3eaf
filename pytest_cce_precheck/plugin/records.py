"""What this plugin records of a test for the end of the run, apart from the properties that anybody may add."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any, Final

import pytest

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    Record = tuple[str, str]

mask_key: pytest.StashKey[Callable[[Any], Any]] = pytest.StashKey()
"""What returns data of JSON, or a text, without the credentials that the run knows; in live and record mode."""

environment_key: Final = pytest.StashKey[dict[str, str]]()
"""The environment as it was before anybody's conftest.py."""

_records_key: Final = pytest.StashKey[list[tuple[str, str]]]()


def record(item: pytest.Item, name: str, value: str) -> None:
    """Record something of a test; it becomes a property too, for JUnit's report."""
    mask = item.config.stash.get(mask_key, None)
    if mask is not None and value.startswith("{"):
        # other values are words of ours, and names that something is found by
        value = json.dumps(mask(json.loads(value)))
    item.stash.setdefault(_records_key, []).append((name, value))
    item.user_properties.append((name, value))


def records_of(item: pytest.Item) -> Sequence[Record]:
    """Return what was recorded of a test so far."""
    return item.stash.get(_records_key, ())


def report_records(report: pytest.TestReport, item: pytest.Item) -> None:
    """Put what was recorded of a test into its report, which may cross to another process."""
    vars(report)["cce_records"] = list(records_of(item))


def reported_records(report: object) -> Sequence[Record]:
    """Return what a report has of them; nothing if it is a subtest's, which repeats what is its test's."""
    records: Sequence[Record] = getattr(report, "cce_records", ())
    return () if hasattr(report, "context") else records
