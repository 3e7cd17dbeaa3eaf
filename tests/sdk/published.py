"""What docs/sdk-table.md says of an SDK, held to what is measured."""

from __future__ import annotations

import re
from pathlib import Path
from typing import TYPE_CHECKING, Final

import pytest

from pytest_cce_precheck.sdk.table import COURSES, said, went

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator

    from pytest_cce_precheck.sdk.judgement import Cell
    from pytest_cce_precheck.sdk.protocol import Introduction

PAGE: Final = Path(__file__).resolve().parent.parent.parent / "docs" / "sdk-table.md"
COMMAND: Final = "python docs/sdk_table.py"


def rows(head: str, sdk: str) -> Iterator[tuple[str, str]]:
    """Return each case's name and what stands in the column of an SDK, of the table that begins with ``head``."""
    table = next(part for part in PAGE.read_text(encoding="utf-8").split("\n\n") if part.startswith(f"| {head} |"))
    heads, _, *lines = [[cell.strip() for cell in line.strip("| ").split(" | ")] for line in table.strip().split("\n")]
    place = next(number for number, name in enumerate(heads) if name.startswith(f"{sdk} "))
    yield from ((line[0].strip("`"), line[place]) for line in lines)


def version(sdk: str) -> str:
    found = re.search(rf"\| {re.escape(sdk)} (\S+) \(", PAGE.read_text(encoding="utf-8"))
    assert found is not None, f"{PAGE.name} has no column of {sdk}"
    return found[1]


def differences(introduction: Introduction, cells: Iterable[Cell]) -> list[str]:
    """Return what the page says otherwise than ``cells``; skips where the page is of another version."""
    if version(introduction.sdk) != introduction.version:
        pytest.skip(f"{PAGE.name} is of {introduction.sdk} {version(introduction.sdk)}, not {introduction.version}")
    wrong = dict(rows("case", introduction.sdk))
    courses = dict(rows(COURSES, introduction.sdk))
    return [
        f"{cell.case.name}: {PAGE.name} says {written!r}, measured {measured!r}; run {COMMAND}"
        for cell in cells
        for written, measured in (
            (wrong.get(cell.case.name), said(cell) if cell.case.name in wrong or not cell.right else None),
            (
                without_times(courses.get(cell.case.name)),
                without_times(went(cell)) if cell.case.name in courses or cell.course.requests > 1 else None,
            ),
        )
        if written != measured
    ]


def without_times(text: str | None) -> str | None:
    return text and re.sub(r"(,| after)( [\d.]+ s)+", "", text)
