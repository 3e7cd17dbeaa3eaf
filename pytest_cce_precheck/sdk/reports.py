"""Each defect of an SDK, as the text of a bug report."""

from __future__ import annotations

import json
from dataclasses import dataclass
from typing import TYPE_CHECKING, Final

from pytest_cce_precheck._text import listed
from pytest_cce_precheck.contract.rules import Severity
from pytest_cce_precheck.report.text import headline, one_line
from pytest_cce_precheck.sdk.reproducer import reproducer
from pytest_cce_precheck.sdk.table import call_summary
from pytest_cce_precheck.wire.exchange import Response

if TYPE_CHECKING:
    from collections.abc import Iterator

    from pytest_cce_precheck.contract.findings import Finding
    from pytest_cce_precheck.sdk.judgement import CaseResult
    from pytest_cce_precheck.sdk.run import SdkReport

_SHOWN_CHARACTERS: Final = 800
_SHOWN_CASES: Final = 4
_HEADING_CHARACTERS: Final = 160


@dataclass(frozen=True)
class SdkDefect:
    """One defect of an SDK, with the result of every case that shows it.

    ``conforming`` says whether those cases' answers follow the contract; ``sample`` is the one with the shortest
    answer, and ``finding`` is from there.
    """

    finding: Finding
    conforming: bool
    results: tuple[CaseResult, ...]
    sample: CaseResult

    @property
    def identity(self) -> tuple[str, ...]:
        """What identifies the defect in another run."""
        return (*self.finding.identity, "conforming" if self.conforming else "broken")


def defects(report: SdkReport) -> tuple[SdkDefect, ...]:
    """Return every defect in a report once, in the order of the codes; notes are not defects."""
    found: dict[tuple[str, ...], list[tuple[Finding, CaseResult]]] = {}
    for result in report.results:
        for finding in result.findings:
            if finding.severity is not Severity.NOTE:
                found.setdefault((*finding.identity, str(result.case.conforming)), []).append((finding, result))
    each_once = []
    for pairs in found.values():
        finding, sample = min(pairs, key=lambda pair: _answer_length(pair[1]))
        each_once.append(SdkDefect(finding, sample.case.conforming, tuple(result for _, result in pairs), sample))
    return tuple(sorted(each_once, key=lambda defect: (defect.finding.code, not defect.conforming, defect.identity)))


def _answer_length(result: CaseResult) -> int:
    answer = result.case.answer
    return len(answer.body if isinstance(answer, Response) else answer.raw)


def bug_reports(report: SdkReport) -> str:
    """Return a bug report in Markdown for every defect."""
    return "\n".join(line for defect in defects(report) for line in (*_lines(report, defect), ""))


def _lines(report: SdkReport, defect: SdkDefect) -> Iterator[str]:
    rule, result, introduction = defect.finding.rule, defect.sample, report.introduction
    case = result.case
    cases = [f"`{each.case.name}`" for each in (result, *(each for each in defect.results if each is not result))]
    yield f"### {headline(defect.finding)[:_HEADING_CHARACTERS]}"
    yield ""
    yield f"- SDK: {introduction.name}, {introduction.language}"
    yield f"- Rule: {rule.title}"
    yield f"- Contract: {rule.source}"
    yield f"- What to do: {rule.remedy}"
    follows = "follows" if case.conforming else "breaks"
    yield f"- Shown by: {listed(cases, _SHOWN_CASES)}; the answer {follows} the contract"
    if result.timing.requests > 1:
        yield f"- The call: {call_summary(result)}"
    yield ""
    yield "What was served:"
    yield from _fenced("http" if isinstance(case.answer, Response) else "text", _served(result))
    if _answer_length(result) > _SHOWN_CHARACTERS:
        yield f"(`cce-precheck corpus export DIR` writes it whole, as case {case.number}.)"
        yield ""
    yield "What came out:"
    yield from _fenced("json", _outcome(result))
    yield "To repeat it:"
    yield from _fenced(*reproducer(introduction, case))


def _served(result: CaseResult) -> str:
    answer = result.case.answer
    if not isinstance(answer, Response):
        ends = "is closed" if answer.connection == "closes" else "is held without another byte"
        return f"{_shortened(answer.raw.decode('latin-1')) or 'nothing'}\n(and then the connection {ends})"
    head = [f"HTTP/1.1 {answer.status}", *(f"{name}: {value}" for name, value in answer.headers.pairs)]
    return "\n".join([*map(one_line, head), "", _shortened(answer.body.decode("utf-8", "backslashreplace"))])


def _outcome(result: CaseResult) -> str:
    if result.answer is None:
        return '"the driver ended"'
    error = result.answer.error
    if error is None:
        return _shortened(json.dumps(result.answer.value))
    fields = {"class": error.type, "message": error.message, "status": error.status, "code": error.code}
    return _shortened(json.dumps({**fields, "request_id": error.request_id}))


def _shortened(text: str) -> str:
    text = "\n".join(map(one_line, text.splitlines()))
    return text if len(text) <= _SHOWN_CHARACTERS else text[: _SHOWN_CHARACTERS - 1] + "…"


def _fenced(language: str, text: str) -> Iterator[str]:
    yield from ("", f"```{language}", text.replace("```", "'''"), "```", "")
