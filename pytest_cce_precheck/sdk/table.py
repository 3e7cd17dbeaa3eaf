"""What became of every case in every SDK: as a table for people, as JSON, as Markdown."""

from __future__ import annotations

from collections import Counter
from typing import TYPE_CHECKING, Any, Final

from pytest_cce_precheck.contract.rules import Severity
from pytest_cce_precheck.report.text import one_line
from pytest_cce_precheck.sdk.case import CaseKind
from pytest_cce_precheck.sdk.judgement import CaseVerdict

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from pytest_cce_precheck.sdk.judgement import CaseResult
    from pytest_cce_precheck.sdk.run import SdkReport

FORMAT: Final = 1
CALLS_HEADING: Final = "refused, failing or slow"

_REFUSED: Final = frozenset({CaseKind.ERROR, CaseKind.TRANSPORT})
# what a machine under load takes for a call that nothing holds up
_LONG_SECONDS: Final = 0.5


def as_text(reports: Sequence[SdkReport]) -> str:
    """Write the table for a terminal: the sums, then every case that one of the SDKs gets wrong."""
    heads = [report.introduction.name for report in reports]
    sums = [[verdict, *(str(count) for count in counts)] for verdict, counts in _sums(reports)]
    lines = _columns([["", *heads], *sums])
    wrong = [[results[0].case.name, *map(verdict_summary, results)] for results in _wrong(reports)]
    if wrong:
        lines += ["", *_columns([["case", *heads], *wrong])]
    lines += ["", _rest(reports, len(wrong))]
    calls = [[results[0].case.name, *map(call_summary, results)] for results in _eventful(reports)]
    if calls:
        lines += ["", *_columns([[CALLS_HEADING, *heads], *calls])]
    return "\n".join(lines) + "\n"


def as_markdown(reports: Sequence[SdkReport]) -> str:
    """Write the same as Markdown."""
    heads = [f"{report.introduction.name} ({report.introduction.language})" for report in reports]
    lines = [_row(["verdict", *heads]), _row(["---"] * (len(heads) + 1))]
    lines += [_row([verdict, *map(str, counts)]) for verdict, counts in _sums(reports)]
    wrong = list(_wrong(reports))
    if wrong:
        lines += ["", _row(["case", "what was served", *heads]), _row(["---"] * (len(heads) + 2))]
    for results in wrong:
        case = results[0].case
        lines.append(_row([f"`{case.name}`", _title(results[0]), *map(verdict_summary, results)]))
    lines += ["", _rest(reports, len(wrong))]
    eventful = list(_eventful(reports))
    if eventful:
        lines += ["", _row([CALLS_HEADING, "what was served", *heads]), _row(["---"] * (len(heads) + 2))]
    lines += [
        _row([f"`{results[0].case.name}`", _title(results[0]), *map(call_summary, results)]) for results in eventful
    ]
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
    return {"format": FORMAT, "sdks": sdks, "cases": [_case_document(results) for results in _rows(reports)]}


def _case_document(results: Sequence[CaseResult]) -> dict[str, Any]:
    case = results[0].case
    return {
        "number": case.number,
        "name": case.name,
        "kind": case.kind,
        "title": case.title,
        "conforming": case.conforming,
        "cells": [
            {
                "verdict": result.verdict,
                "right": result.right,
                "findings": [
                    {"code": f.code, "message": f.message, "path": f.path, "subject": list(f.subject)}
                    for f in result.findings
                ],
                "dropped": list(result.dropped),
                "requests": result.timing.requests,
                "waits": [round(seconds, 3) for seconds in result.timing.waits],
                "seconds": round(result.timing.seconds, 3),
            }
            for result in results
        ],
    }


def _rows(reports: Sequence[SdkReport]) -> Iterator[tuple[CaseResult, ...]]:
    yield from zip(*(report.results for report in reports), strict=True)


def _wrong(reports: Sequence[SdkReport]) -> Iterator[tuple[CaseResult, ...]]:
    return (results for results in _rows(reports) if not all(result.right for result in results))


def _eventful(reports: Sequence[SdkReport]) -> Iterator[tuple[CaseResult, ...]]:
    """Return what is worth following: refusals, failing connections, and whatever was asked for more than once."""
    for results in _rows(reports):
        if results[0].case.kind in _REFUSED or any(result.timing.requests > 1 for result in results):
            yield results


def call_summary(result: CaseResult) -> str:
    """Say how a case's call went: the verdict, how many requests, how far apart, how long where that is long."""
    timing = result.timing
    if timing.requests == 0:
        return result.verdict if result.verdict is CaseVerdict.ABSENT else f"{verdict_summary(result)}, nothing sent"
    asked = "1 request" if timing.requests == 1 else f"{timing.requests} requests"
    if timing.waits:
        asked += f" after {', '.join(f'{seconds:.1f} s' for seconds in timing.waits)}"
    return f"{verdict_summary(result)}, {asked}" + (
        f", {timing.seconds:.0f} s" if timing.seconds >= _LONG_SECONDS else ""
    )


def _sums(reports: Sequence[SdkReport]) -> Iterator[tuple[str, list[int]]]:
    counts = [Counter(result.verdict for result in report.results) for report in reports]
    for verdict in CaseVerdict:
        if any(count[verdict] for count in counts):
            yield verdict, [count[verdict] for count in counts]
    yield "wrong", [sum(not result.right for result in report.results) for report in reports]


def verdict_summary(result: CaseResult) -> str:
    """Say what became of a case: the verdict and the codes of what is wrong."""
    codes = sorted({finding.code for finding in result.findings if finding.severity is not Severity.NOTE})
    return " ".join([result.verdict, *codes])


def _rest(reports: Sequence[SdkReport], wrong: int) -> str:
    total = len(reports[0].results)
    return (
        f"{total} cases; {total - wrong} are not shown: every SDK reads the answer whole, refuses it with an error of"
        " its own, takes a broken one without losing anything, or does not offer what is asked."
    )


def _title(result: CaseResult) -> str:
    return one_line(result.case.title).replace("|", "\\|")


def _row(parts: Sequence[str]) -> str:
    return f"| {' | '.join(parts)} |"


def _columns(rows: Sequence[Sequence[str]]) -> list[str]:
    widths = [max(len(row[place]) for row in rows) for place in range(len(rows[0]))]
    return ["  ".join(part.ljust(width) for part, width in zip(row, widths, strict=True)).rstrip() for row in rows]
