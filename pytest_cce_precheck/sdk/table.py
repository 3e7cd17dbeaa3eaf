"""The results of every case in every SDK, side by side: as text for a terminal, as Markdown, as JSON."""

from __future__ import annotations

import re
from collections import Counter
from typing import TYPE_CHECKING, Any, Final

from pytest_cce_precheck._text import columns_of, count_of, padded
from pytest_cce_precheck.report.language import line_in, text_in
from pytest_cce_precheck.report.text import one_line
from pytest_cce_precheck.sdk.case import FACTS, CaseKind
from pytest_cce_precheck.sdk.faults import defects, faults, words
from pytest_cce_precheck.sdk.run import CaseVerdict

if TYPE_CHECKING:
    from collections.abc import Callable, Collection, Sequence

    from pytest_cce_precheck.config.options import Language
    from pytest_cce_precheck.sdk.faults import SdkFault
    from pytest_cce_precheck.sdk.run import CaseResult, SdkReport

    Row = tuple[CaseResult, ...]

FORMAT: Final = 1
CALLS_HEADING: Final = "refused, failing or slow"

# shorter calls may only have waited for a busy machine
_LONG_SECONDS: Final = 0.5


def as_text(reports: Sequence[SdkReport], language: Language = "en", new: Collection[str] | None = None) -> str:
    """Return the table for a terminal: the sums, then every case that one of the SDKs gets wrong, then the calls.

    If something is known to be wrong, ``new`` are the names of the cases with something else: only these are shown.
    """
    heads = [report.introduction.name for report in reports]

    def columns(rows: Sequence[Sequence[str]]) -> str:
        return _columns([[_cell_in(cell, language) for cell in row] for row in rows])

    return text_in(_written(reports, ["", *heads], columns, new, titled=False), language)


def as_markdown(reports: Sequence[SdkReport], new: Collection[str] | None = None) -> str:
    """Return the same as Markdown, with the titles of the cases."""
    heads = [f"{report.introduction.name} ({report.introduction.language})" for report in reports]
    return _written(reports, ["verdict", *heads], _pipes, new, titled=True)


def as_document(reports: Sequence[SdkReport]) -> dict[str, Any]:
    """Return every result for programs."""
    introductions = [report.introduction for report in reports]
    sdks = [{"sdk": each.sdk, "version": each.version, "language": each.language} for each in introductions]
    cases = [
        {
            **{name: getattr(row[0].case, name) for name in FACTS},
            "cells": [_result_document(result) for result in row],
        }
        for row in _rows(reports)
    ]
    found = [[_fault_document(fault) for fault in faults(defects(report))] for report in reports]
    return {"format": FORMAT, "sdks": sdks, "cases": cases, "faults": found}


def _fault_document(fault: SdkFault) -> dict[str, Any]:
    return {
        "kind": fault.kind,
        "about": fault.about,
        "severity": fault.severity,
        "title": fault.title(),
        "title_zh": fault.title("zh"),
        "codes": sorted({defect.finding.code for defect in fault.defects}),
        "places": list(fault.places),
        "cases": list(fault.cases),
    }


def _result_document(result: CaseResult) -> dict[str, Any]:
    return {
        "verdict": result.verdict,
        "right": result.right,
        "findings": [
            {"code": f.code, "message": f.message, "path": f.path, "subject": list(f.subject)} for f in result.findings
        ],
        "dropped": list(result.dropped),
        "requests": result.timing.requests,
        "waits": [round(seconds, 3) for seconds in result.timing.waits],
        "seconds": round(result.timing.seconds, 3),
    }


def verdict_summary(result: CaseResult) -> str:
    """Return the verdict and the codes of what is wrong."""
    return " ".join([result.verdict, *sorted({finding.code for finding in result.wrong})])


def call_summary(result: CaseResult) -> str:
    """Return the verdict, how many requests were sent, how far apart, and how long a long call took."""
    timing = result.timing
    if timing.requests == 0:
        return result.verdict if result.verdict is CaseVerdict.ABSENT else f"{verdict_summary(result)}, nothing sent"
    waits = f" after {', '.join(f'{seconds:.1f} s' for seconds in timing.waits)}" if timing.waits else ""
    long = f", {timing.seconds:.0f} s" if timing.seconds >= _LONG_SECONDS else ""
    return f"{verdict_summary(result)}, {count_of(timing.requests, 'request')}{waits}{long}"


def _rows(reports: Sequence[SdkReport]) -> list[Row]:
    return list(zip(*(report.results for report in reports), strict=True))


def _sums(reports: Sequence[SdkReport]) -> list[list[str]]:
    counts = [Counter(result.verdict for result in report.results) for report in reports]
    verdicts = [verdict for verdict in CaseVerdict if any(count[verdict] for count in counts)]
    wrong = [sum(not result.right for result in report.results) for report in reports]
    distinct = [len(faults(defects(report))) for report in reports]
    sums = [*((verdict, [count[verdict] for count in counts]) for verdict in verdicts), ("wrong", wrong)]
    sums.append(("distinct faults", distinct))
    return [[name, *map(str, numbers)] for name, numbers in sums]


def _written(
    reports: Sequence[SdkReport],
    heads: list[str],
    layout: Callable[[Sequence[Sequence[str]]], str],
    new: Collection[str] | None,
    *,
    titled: bool,
) -> str:
    def table(first: str, rows: Sequence[Row], summary: Callable[[CaseResult], str]) -> str:
        lines = [[first, *(["what was served"] if titled else []), *heads[1:]]]
        for row in rows:
            case = row[0].case
            names = [f"`{case.name}`", one_line(case.title).replace("|", "\\|")] if titled else [case.name]
            lines.append([*names, *map(summary, row)])
        return layout(lines)

    rows, failing = _rows(reports), (CaseKind.ERROR, CaseKind.TRANSPORT)
    total = len(rows)
    if new is not None:
        rows = [row for row in rows if row[0].case.name in new]
    wrong = [row for row in rows if not all(result.right for result in row)]
    # the refusals, the failing connections, and each call for which an SDK sent several requests
    calls = [row for row in rows if row[0].case.kind in failing or any(r.timing.requests > 1 for r in row)]
    blocks = [layout([heads, *_sums(reports)])]
    if wrong:
        blocks.append(table("case", wrong, verdict_summary))
    right = (
        "every SDK reads the answer whole, refuses it with an error of its own, takes a broken one without losing"
        " anything, or does not offer what is asked."
    )
    why = right if new is None else "they are right, or wrong only as is known."
    blocks.append(f"{count_of(total, 'case')}; {total - len(wrong)} are not shown: {why}")
    if calls:
        blocks.append(table(CALLS_HEADING, calls, call_summary))
    return "\n\n".join(blocks) + "\n"


def _pipes(rows: Sequence[Sequence[str]]) -> str:
    head, *body = [f"| {' | '.join(row)} |" for row in rows]
    return "\n".join([head, f"|{' --- |' * len(rows[0])}", *body])


def _cell_in(cell: str, language: Language) -> str:
    if language == "en":
        return cell
    verdict = next((each for each in CaseVerdict if re.match(rf"{each}(?![\w-])", cell)), "")
    codes, comma, more = cell.removeprefix(verdict).partition(", ")
    if not verdict:
        return line_in(cell, language)
    calls = f"\N{FULLWIDTH COMMA}{line_in(more, language)}" if comma else ""
    return f"{words()['verdicts'][verdict]}{codes}{calls}"


def _columns(rows: Sequence[Sequence[str]]) -> str:
    widths = [max(map(columns_of, column)) for column in zip(*rows, strict=True)]
    return "\n".join("  ".join(map(padded, row, widths)).rstrip() for row in rows)
