"""What docs/sdk-table.md says of an SDK, compared with what is measured."""

from __future__ import annotations

import re
from pathlib import Path
from typing import TYPE_CHECKING, Final

import pytest

from pytest_cce_precheck.sdk.table import CALLS_HEADING, call_summary, verdict_summary

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator

    from pytest_cce_precheck.sdk.protocol import Introduction
    from pytest_cce_precheck.sdk.run import CaseResult

PAGE: Final = Path(__file__).resolve().parent.parent.parent / "docs" / "sdk-table.md"
COMMAND: Final = "python docs/sdk_table.py"


def rows(head: str, sdk: str) -> Iterator[tuple[str, str]]:
    """Yield each case's name with the column of an SDK, from the table whose first heading is ``head``."""
    table = next(part for part in PAGE.read_text(encoding="utf-8").split("\n\n") if part.startswith(f"| {head} |"))
    heads, _, *lines = [[text.strip() for text in line.strip("| ").split(" | ")] for line in table.strip().split("\n")]
    place = next(number for number, name in enumerate(heads) if name.startswith(f"{sdk} "))
    yield from ((line[0].strip("`"), line[place]) for line in lines)


def version(sdk: str) -> str:
    found = re.search(rf"\| {re.escape(sdk)} (\S+) \(", PAGE.read_text(encoding="utf-8"))
    assert found is not None, f"{PAGE.name} has no column of {sdk}"
    return found[1]


def differences(introduction: Introduction, results: Iterable[CaseResult]) -> list[str]:
    """Return where the page and ``results`` differ; skip the test if the page is of another version."""
    if version(introduction.sdk) != introduction.version:
        pytest.skip(f"{PAGE.name} is of {introduction.sdk} {version(introduction.sdk)}, not {introduction.version}")
    verdicts = dict(rows("case", introduction.sdk))
    calls = dict(rows(CALLS_HEADING, introduction.sdk))
    found = []
    for result in results:
        name = result.case.name
        verdict = verdict_summary(result) if name in verdicts or not result.right else None
        call = call_summary(result) if name in calls or result.timing.requests > 1 else None
        for written, measured in (
            (verdicts.get(name), verdict),
            (without_times(calls.get(name)), without_times(call)),
        ):
            if written != measured:
                found.append(f"{name}: {PAGE.name} says {written!r}, measured {measured!r}; run {COMMAND}")
    return found


def without_times(text: str | None) -> str | None:
    return text and re.sub(r"(,| after)( [\d.]+ s)+", "", text)
