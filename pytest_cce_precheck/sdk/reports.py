"""Each distinct fault of an SDK as a bug report in Markdown, with a program that repeats it."""

from __future__ import annotations

import json
import re
from http import HTTPStatus
from typing import TYPE_CHECKING, Any, Final

from pytest_cce_precheck import _files
from pytest_cce_precheck._files import packaged, packaged_table
from pytest_cce_precheck.contract.findings import everywhere
from pytest_cce_precheck.report.language import in_language
from pytest_cce_precheck.report.text import as_code, headline, one_line
from pytest_cce_precheck.report.ticket import documents
from pytest_cce_precheck.sdk.case import PROJECT_ID, CaseFailure
from pytest_cce_precheck.sdk.faults import answer_length, description_of, words
from pytest_cce_precheck.sdk.protocol import encode
from pytest_cce_precheck.sdk.table import call_summary
from pytest_cce_precheck.wire.exchange import Response

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Mapping
    from pathlib import Path

    from pytest_cce_precheck.config.options import Language
    from pytest_cce_precheck.sdk.faults import SdkDefect, SdkFault
    from pytest_cce_precheck.sdk.protocol import Introduction
    from pytest_cce_precheck.sdk.run import CaseResult
    from pytest_cce_precheck.wire.exchange import Request

    Words = Mapping[str, Any]
    from collections.abc import Mapping

    from pytest_cce_precheck.sdk.case import Case

_SHOWN_CHARACTERS: Final = 1200
_SHOWN_CASES: Final = 4
_SHOWN_DEFECTS: Final = 8
_SHOWN_HEADERS: Final = ("Content-Type", "X-Project-Id")
"""The headers of a request that a report shows: none has a secret, and none identifies the machine."""


def bug_reports(introduction: Introduction, found: Iterable[SdkFault]) -> str:
    """Return a bug report in Markdown and English for every fault."""
    return "\n".join(bug_report(introduction, fault) for fault in found)


def write_reports(folder: Path, introduction: Introduction, found: Iterable[SdkFault]) -> int:
    """Write the reports to files, one for each fault and language, the most severe first; return how many faults.

    Files of an earlier run are replaced, and those of faults that are gone are deleted.
    """
    written = set()
    number = 0
    suffixes: dict[Language, str] = {"en": "", "zh": ".zh"}
    for number, fault in enumerate(found, 1):
        slug = re.sub(r"[^a-z0-9]+", "-", f"{fault.kind} {fault.about}".lower()).strip("-")[:60]
        for language, suffix in suffixes.items():
            name = f"{number:02d}-{fault.sample.finding.code}-{slug}{suffix}.md"
            text = bug_report(introduction, fault, language)
            _files.write(folder / name, text.encode(), f"the report {folder / name}", make_folders=True)
            written.add(name)
    for path in folder.glob("[0-9][0-9]-PRE7*.md"):
        if path.name not in written:
            path.unlink()
    return number


def bug_report(introduction: Introduction, fault: SdkFault, language: Language = "en") -> str:
    """Return a bug report in Markdown: what was expected, what happened, what the documents say, how to repeat it."""
    return "\n".join([*_lines(introduction, fault, language), ""])


def _lines(introduction: Introduction, fault: SdkFault, language: Language) -> Iterator[str]:
    said, rule = words()["words"][language], fault.sample.finding.rule
    severity = words()["severities"][fault.severity] if language == "zh" else fault.severity
    more = ["…"] if len(fault.cases) > _SHOWN_CASES else []
    names = ", ".join([*(f"`{name}`" for name in fault.cases[:_SHOWN_CASES]), *more])
    yield from (f"### {fault.title(language)}", "")
    yield f"- {said['sdk']}{said['colon']}{introduction.name}, {introduction.language}"
    yield f"- {said['severity']}{said['colon']}{severity}"
    yield f"- {said['code']}{said['colon']}{rule.code} ({rule.name})"
    yield f"- {said['seen']}{said['colon']}{said['cases'].format(names=names, count=len(fault.cases))}"
    if fault.sample.sample.timing.requests > 1:
        yield f"- {said['calls']}{said['colon']}{call_summary(fault.sample.sample)}"
    yield from ("", f"#### {said['expected']}", "", words()["kinds"][fault.kind][f"expected_{language}"], "")
    yield said["conforming" if fault.sample.conforming else "broken"]
    yield from ("", f"#### {said['actual']}", "")
    yield from _facts(fault, said, language)
    yield from _request_lines(fault, said)
    yield from _answer_lines(fault.sample.sample, said)
    yield from (f"#### {said['documents']}", "", in_language(rule, language)["source"], "")
    document = "create_request" if rule.code == "PRE707" else fault.sample.sample.case.schema
    if described := description_of(document, everywhere(fault.sample.finding.path)):
        yield from (described, "")
    yield from (
        f"- [{letter}] {chinese if language == 'zh' else english}" for letter, english, chinese in documents(rule)
    )
    code_language, program = reproducer(introduction, fault.sample.sample.case)
    note = said["message" if code_language == "json" else "program"]
    yield from ("", f"#### {said['repeat']}", "", note)
    yield from _fenced(code_language, program)


def _facts(fault: SdkFault, said: Words, language: Language) -> Iterator[str]:
    """Yield a table of what was sent and held if that is known, else the findings as sentences."""
    shown = [fault.sample, *(defect for defect in fault.defects if defect is not fault.sample)][:_SHOWN_DEFECTS]
    rows = [_difference(defect) for defect in shown]
    if all(rows):
        yield f"| {said['place']} | {said['sent']} | {said['held']} |"
        yield "|---|---|---|"
        yield from (f"| {' | '.join(map(as_code, row))} |" for row in rows if row)
    else:
        yield from (f"- {headline(defect.finding, language)}" for defect in shown)
    yield ""


def _difference(defect: SdkDefect) -> tuple[str, str, str] | None:
    evidence = dict(defect.finding.evidence)
    return (defect.finding.path, evidence["sent"], evidence["held"]) if "held" in evidence else None


def _request_lines(fault: SdkFault, said: Words) -> Iterator[str]:
    """Yield the request that was sent and the one that was wanted if the fault is in the request."""
    if fault.sample.finding.code > "PRE708":
        return
    result = fault.sample.sample
    yield f"#### {said['received']}"
    if result.received:
        yield from _fenced("http", shown_request(result.received[0]))
    else:
        yield from ("", said["nothing_sent"], "")
    yield f"#### {said['wanted']}"
    yield from _fenced("http", shown_request(result.case.call("http://127.0.0.1").request))


def shown_request(request: Request) -> str:
    """Return a request without its credentials."""
    headers = [f"{name}: {request.headers[name]}" for name in _SHOWN_HEADERS if name in request.headers]
    body = request.body.decode("utf-8", "backslashreplace")
    return "\n".join([*map(one_line, [f"{request.method} {request.target} HTTP/1.1", *headers]), "", _shortened(body)])


def _answer_lines(result: CaseResult, said: Words) -> Iterator[str]:
    yield f"#### {said['served']}"
    yield from _fenced("http" if isinstance(result.case.answer, Response) else "text", served(result))
    if answer_length(result) > _SHOWN_CHARACTERS:
        yield from (said["whole"].format(number=result.case.number), "")
    yield f"#### {said['result']}"
    yield from _fenced("json", outcome(result))


def served(result: CaseResult) -> str:
    """Return what was served, shortened."""
    answer = result.case.answer
    if not isinstance(answer, Response):
        ends = "is closed" if answer.connection == "closes" else "is held without another byte"
        return f"{_shortened(answer.raw.decode('latin-1')) or 'nothing'}\n(and then the connection {ends})"
    head = [f"HTTP/1.1 {answer.status}", *(f"{name}: {value}" for name, value in answer.headers.pairs)]
    return "\n".join([*map(one_line, head), "", _shortened(answer.body.decode("utf-8", "backslashreplace"))])


def outcome(result: CaseResult) -> str:
    """Return what the SDK made of it as JSON, shortened: the object, or the error."""
    if result.answer is None:
        return json.dumps(result.findings[-1].message, ensure_ascii=False)
    error = result.answer.error
    if error is None:
        return _shortened(json.dumps(result.answer.value, ensure_ascii=False))
    fields = {"class": error.type, "message": error.message, "status": error.status, "code": error.code}
    return _shortened(json.dumps({**fields, "request_id": error.request_id}, ensure_ascii=False))


def _shortened(text: str) -> str:
    text = "\n".join(map(one_line, text.splitlines()))
    return text if len(text) <= _SHOWN_CHARACTERS else text[: _SHOWN_CHARACTERS - 1] + "…"


def _fenced(language: str, text: str) -> Iterator[str]:
    yield from ("", f"```{language}", text.replace("```", "'''"), "```", "")


_ENDPOINT: Final = "http://127.0.0.1:4711"
"""Where `cce-precheck serve --corpus --port 4711` answers the message of a driver in an unknown language."""


# how the names of the vendor's SDKs begin: the programs call those
_VENDORS: Final = "huaweicloud"


def reproducer(introduction: Introduction, case: Case) -> tuple[str, str]:
    """Return a program that repeats a case and needs nothing but the SDK, and its language as Markdown names it.

    For an unknown language, or an SDK that is not the vendor's, it is the driver's own message.
    """
    language = introduction.language.partition(" ")[0].lower()
    parts: Words | None = packaged_table("sdk/data/reproducer.toml").get(language)
    if parts is None or not introduction.sdk.startswith(_VENDORS):
        return "json", encode(1, case.call(_ENDPOINT).message()).decode().rstrip()
    written = parts[case.operation].format(
        cluster=case.cluster_id,
        filters="".join(
            parts["filters"][name].format(text=_literal(language, text)) for name, text in case.filters.items()
        ),
        addons=_addons(language, case, parts),
    )
    *prepare, call = written.split("\n")
    holds_open = isinstance(case.answer, CaseFailure) and case.answer.connection == "holds"
    program = packaged(f"sdk/data/reproducer.{parts['ending']}.txt").format(
        project=PROJECT_ID,
        answer=_answer_literal(case, parts, octal=language == "java"),
        end=parts["holds" if holds_open else "closes"],
        token=parts["token"] if case.authentication == "temporary" else "",
        seconds=case.timeout,
        milliseconds=round(case.timeout * 1000),
        whole_seconds=max(1, round(case.timeout)),
        # Go refuses an import that is not used
        json='\t"encoding/json"\n' if case.operation == "create" else "",
        prepare="".join(f"{parts['indentation']}{line}\n" for line in prepare),
        call=call,
    )
    return language, program


def _literal(language: str, text: str) -> str:
    if language == "python":
        return repr(text)
    if language == "go" and text.isprintable() and '"' in text and "`" not in text:
        return f"`{text}`"
    # the escapes of Go and Java are those of JSON, except for surrogates in Go
    return json.dumps(text, ensure_ascii=language == "java")


def _addons(language: str, case: Case, parts: Words) -> str:
    if language != "python":
        return _literal(language, json.dumps([*map(dict, case.addons)], ensure_ascii=False))
    arguments = (
        [f"{parts['addon'].get(name, name)}={value!r}" for name, value in each.items()] for each in case.addons
    )
    return ", ".join(f"AddonInfo({', '.join(each)})" for each in arguments)


def _answer_literal(case: Case, parts: Words, *, octal: bool) -> str:
    """Return what is on the wire, as a literal of the language, with a line of the source for each line of the head."""
    head, gap, body = _on_the_wire(case).partition(b"\r\n\r\n")
    lines = [line + b"\r\n" for line in (head + gap).split(b"\r\n")[:-1]] if gap else [head]
    literals = [_escaped(line, octal=octal) for line in (*lines, body) if line] or [""]
    return str(parts["joint"].join(map(parts["literal"].format, literals)))


def _on_the_wire(case: Case) -> bytes:
    answer = case.answer
    if isinstance(answer, CaseFailure):
        return answer.raw
    # the body of a case is not compressed
    headers = answer.headers.without("Content-Encoding").without("Content-Length").pairs
    lines = [
        f"HTTP/1.1 {answer.status} {HTTPStatus(answer.status).phrase}",
        *(f"{name}: {text}" for name, text in headers),
    ]
    if answer.status != HTTPStatus.NO_CONTENT:
        lines.append(f"Content-Length: {len(answer.body)}")
    return "\r\n".join([*lines, "Connection: close", "", ""]).encode("latin-1") + answer.body


def _escaped(data: bytes, *, octal: bool) -> str:
    named = {ord('"'): '\\"', ord("\\"): "\\\\", ord("\r"): "\\r", ord("\n"): "\\n"}
    # Java has no \x, and reads \u before anything else
    other = "\\{:03o}" if octal else "\\x{:02x}"
    return "".join(named.get(byte) or (chr(byte) if 32 <= byte < 127 else other.format(byte)) for byte in data)
