"""What became of every case in every SDK: as a table for people, as JSON, as Markdown."""

from __future__ import annotations

from collections import Counter
from typing import TYPE_CHECKING, Any, Final

from pytest_cce_precheck.contract.rules import Severity
from pytest_cce_precheck.report.text import one_line
from pytest_cce_precheck.sdk.case import CaseKind
from pytest_cce_precheck.sdk.judgement import CellVerdict

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from pytest_cce_precheck.sdk.judgement import Cell
    from pytest_cce_precheck.sdk.run import SdkReport

FORMAT: Final = 1
COURSES: Final = "refused, failing or slow"

_REFUSED: Final = frozenset({CaseKind.ERROR, CaseKind.TRANSPORT})
# what a machine under load takes for a call that nothing holds up
_LONG_SECONDS: Final = 0.5


def as_text(reports: Sequence[SdkReport]) -> str:
    """Write the table for a terminal: the sums, then every case that one of the SDKs gets wrong."""
    heads = [report.introduction.name for report in reports]
    sums = [[verdict, *(str(count) for count in counts)] for verdict, counts in _sums(reports)]
    lines = _columns([["", *heads], *sums])
    wrong = [[cells[0].case.name, *map(said, cells)] for cells in _wrong(reports)]
    if wrong:
        lines += ["", *_columns([["case", *heads], *wrong])]
    lines += ["", _rest(reports, len(wrong))]
    courses = [[cells[0].case.name, *map(went, cells)] for cells in _eventful(reports)]
    if courses:
        lines += ["", *_columns([[COURSES, *heads], *courses])]
    return "\n".join(lines) + "\n"


def as_markdown(reports: Sequence[SdkReport]) -> str:
    """Write the same as Markdown."""
    heads = [f"{report.introduction.name} ({report.introduction.language})" for report in reports]
    lines = [_row(["verdict", *heads]), _row(["---"] * (len(heads) + 1))]
    lines += [_row([verdict, *map(str, counts)]) for verdict, counts in _sums(reports)]
    wrong = list(_wrong(reports))
    if wrong:
        lines += ["", _row(["case", "what was served", *heads]), _row(["---"] * (len(heads) + 2))]
    for cells in wrong:
        case = cells[0].case
        lines.append(_row([f"`{case.name}`", _title(cells[0]), *map(said, cells)]))
    lines += ["", _rest(reports, len(wrong))]
    eventful = list(_eventful(reports))
    if eventful:
        lines += ["", _row([COURSES, "what was served", *heads]), _row(["---"] * (len(heads) + 2))]
    lines += [_row([f"`{cells[0].case.name}`", _title(cells[0]), *map(went, cells)]) for cells in eventful]
    return "\n".join(lines) + "\n"


def as_document(reports: Sequence[SdkReport]) -> dict[str, Any]:
    """Return everything for programs."""
    sdks = [
        {
            "sdk": report.introduction.sdk,
            "version": report.introduction.version,
            "language": report.introduction.language,
        }
        for report in reports
    ]
    return {"format": FORMAT, "sdks": sdks, "cases": [_case_document(cells) for cells in _rows(reports)]}


def _case_document(cells: Sequence[Cell]) -> dict[str, Any]:
    case = cells[0].case
    return {
        "number": case.number,
        "name": case.name,
        "kind": case.kind,
        "title": case.title,
        "conforming": case.conforming,
        "cells": [
            {
                "verdict": cell.verdict,
                "right": cell.right,
                "findings": [
                    {"code": f.code, "message": f.message, "path": f.path, "subject": list(f.subject)}
                    for f in cell.findings
                ],
                "dropped": list(cell.dropped),
                "requests": cell.course.requests,
                "waits": [round(seconds, 3) for seconds in cell.course.waits],
                "seconds": round(cell.course.seconds, 3),
            }
            for cell in cells
        ],
    }


def _rows(reports: Sequence[SdkReport]) -> Iterator[tuple[Cell, ...]]:
    yield from zip(*(report.cells for report in reports), strict=True)


def _wrong(reports: Sequence[SdkReport]) -> Iterator[tuple[Cell, ...]]:
    return (cells for cells in _rows(reports) if not all(cell.right for cell in cells))


def _eventful(reports: Sequence[SdkReport]) -> Iterator[tuple[Cell, ...]]:
    """Return what is worth following: refusals, failing connections, and whatever was asked for more than once."""
    for cells in _rows(reports):
        if cells[0].case.kind in _REFUSED or any(cell.course.requests > 1 for cell in cells):
            yield cells


def went(cell: Cell) -> str:
    """Say how a case's call went: the verdict, how many requests, how far apart, how long where that is long."""
    course = cell.course
    if course.requests == 0:
        return cell.verdict if cell.verdict is CellVerdict.ABSENT else f"{said(cell)}, nothing sent"
    asked = "1 request" if course.requests == 1 else f"{course.requests} requests"
    if course.waits:
        asked += f" after {', '.join(f'{seconds:.1f} s' for seconds in course.waits)}"
    return f"{said(cell)}, {asked}" + (f", {course.seconds:.0f} s" if course.seconds >= _LONG_SECONDS else "")


def _sums(reports: Sequence[SdkReport]) -> Iterator[tuple[str, list[int]]]:
    counts = [Counter(cell.verdict for cell in report.cells) for report in reports]
    for verdict in CellVerdict:
        if any(count[verdict] for count in counts):
            yield verdict, [count[verdict] for count in counts]
    yield "wrong", [sum(not cell.right for cell in report.cells) for report in reports]


def said(cell: Cell) -> str:
    """Say what became of a case: the verdict and the codes of what is wrong."""
    codes = sorted({finding.code for finding in cell.findings if finding.severity is not Severity.NOTE})
    return " ".join([cell.verdict, *codes])


def _rest(reports: Sequence[SdkReport], wrong: int) -> str:
    total = len(reports[0].cells)
    return (
        f"{total} cases; {total - wrong} are not shown: every SDK reads the answer whole, refuses it with an error of"
        " its own, takes a broken one without losing anything, or does not offer what is asked."
    )


def _title(cell: Cell) -> str:
    return one_line(cell.case.title).replace("|", "\\|")


def _row(parts: Sequence[str]) -> str:
    return f"| {' | '.join(parts)} |"


def _columns(rows: Sequence[Sequence[str]]) -> list[str]:
    widths = [max(len(row[place]) for row in rows) for place in range(len(rows[0]))]
    return ["  ".join(part.ljust(width) for part, width in zip(row, widths, strict=True)).rstrip() for row in rows]
