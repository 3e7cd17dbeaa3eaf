"""Each thing that an SDK gets wrong as the text of a bug report."""

from __future__ import annotations

import json
from dataclasses import dataclass
from typing import TYPE_CHECKING, Final

from pytest_cce_precheck.contract.rules import Severity
from pytest_cce_precheck.report.text import headline, one_line
from pytest_cce_precheck.sdk.reproducer import reproducer
from pytest_cce_precheck.sdk.table import call_summary
from pytest_cce_precheck.wire.exchange import Response

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from pytest_cce_precheck.contract.findings import Finding
    from pytest_cce_precheck.sdk.case import CaseFailure
    from pytest_cce_precheck.sdk.judgement import CaseResult
    from pytest_cce_precheck.sdk.run import SdkReport

_SHOWN: Final = 800
_SAMPLES: Final = 4
_HEADING: Final = 160


@dataclass(frozen=True)
class SdkDefect:
    """One thing that is wrong with an SDK: what it is known by, and every case that shows it.

    ``conforming`` tells whether it shows on an answer that follows the contract; ``sample`` is the shortest case, and
    ``finding`` what is found there.
    """

    finding: Finding
    conforming: bool
    results: tuple[CaseResult, ...]
    sample: CaseResult

    @property
    def identity(self) -> tuple[str, ...]:
        """What it is known by from one run to another."""
        return (*self.finding.identity, "conforming" if self.conforming else "broken")


def defects(report: SdkReport) -> tuple[SdkDefect, ...]:
    """Return everything that is wrong in a report, each once, in the order of the codes; notes are left out."""
    found: dict[tuple[str, ...], list[tuple[Finding, CaseResult]]] = {}
    for result in report.results:
        for finding in result.findings:
            if finding.severity is not Severity.NOTE:
                found.setdefault((*finding.identity, str(result.case.conforming)), []).append((finding, result))
    listed = map(_defect, found.values())
    return tuple(sorted(listed, key=lambda defect: (defect.finding.code, not defect.conforming, defect.identity)))


def _defect(shown: Sequence[tuple[Finding, CaseResult]]) -> SdkDefect:
    finding, sample = min(shown, key=lambda pair: _length(pair[1].case.answer))
    return SdkDefect(finding, sample.case.conforming, tuple(result for _, result in shown), sample)


def _length(answer: Response | CaseFailure) -> int:
    return len(answer.body if isinstance(answer, Response) else answer.raw)


def bug_reports(report: SdkReport) -> str:
    """Write a report, as Markdown, for everything that is wrong."""
    return "\n".join(line for defect in defects(report) for line in (*_lines(report, defect), ""))


def _lines(report: SdkReport, defect: SdkDefect) -> Iterator[str]:
    rule, result = defect.finding.rule, defect.sample
    introduction, case = report.introduction, result.case
    yield f"### {headline(defect.finding)[:_HEADING]}"
    yield ""
    yield f"- SDK: {introduction.name}, {introduction.language}"
    yield f"- Rule: {rule.title}"
    yield f"- Contract: {rule.source}"
    yield f"- What to do: {rule.remedy}"
    follows = "follows" if case.conforming else "breaks"
    yield f"- Shown by: {_cases(defect)}; the answer {follows} the contract"
    if result.timing.requests > 1:
        yield f"- The call: {call_summary(result)}"
    yield ""
    yield "What was served:"
    yield from _fenced("http" if isinstance(case.answer, Response) else "text", _served(result))
    if _length(case.answer) > _SHOWN:
        yield f"(`cce-precheck corpus export DIR` writes it whole, as case {case.number}.)"
        yield ""
    yield "What came out:"
    yield from _fenced("json", _came(result))
    yield "To repeat it:"
    language, text = reproducer(introduction, case)
    yield from _fenced(language, text)


def _cases(defect: SdkDefect) -> str:
    others = [result for result in defect.results if result is not defect.sample]
    names = [f"`{result.case.name}`" for result in (defect.sample, *others)]
    more = f" and {len(names) - _SAMPLES} more" if len(names) > _SAMPLES else ""
    return ", ".join(names[:_SAMPLES]) + more


def _served(result: CaseResult) -> str:
    answer = result.case.answer
    if not isinstance(answer, Response):
        ends = "is closed" if answer.connection == "closes" else "is held without another byte"
        return f"{_cut(answer.raw.decode('latin-1')) or 'nothing'}\n(and then the connection {ends})"
    head = [f"HTTP/1.1 {answer.status}", *(f"{name}: {value}" for name, value in answer.headers.pairs)]
    return "\n".join([*map(one_line, head), "", _cut(answer.body.decode("utf-8", "backslashreplace"))])


def _came(result: CaseResult) -> str:
    if result.answer is None:
        return '"the driver did not survive it"'
    if result.answer.error is None:
        return _cut(json.dumps(result.answer.value))
    error = result.answer.error
    told = {"class": error.type, "message": error.message, "status": error.status, "code": error.code}
    return _cut(json.dumps({**told, "request_id": error.request_id}))


def _cut(text: str) -> str:
    text = "\n".join(map(one_line, text.splitlines()))
    return text if len(text) <= _SHOWN else text[: _SHOWN - 1] + "…"


def _fenced(language: str, text: str) -> Iterator[str]:
    yield from ("", f"```{language}", text.replace("```", "'''"), "```", "")
