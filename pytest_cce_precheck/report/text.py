"""Findings as text: what a failed test prints, and what an unexpected refusal most likely means."""

from __future__ import annotations

import re
from contextlib import suppress
from itertools import count
from typing import TYPE_CHECKING, Any, Final

from pytest_cce_precheck._text import json_text, padded, shortened
from pytest_cce_precheck.contract.causes import causes
from pytest_cce_precheck.contract.clock import in_words
from pytest_cce_precheck.contract.rules import Kind
from pytest_cce_precheck.errors import BodyError, ReleasedBodyError
from pytest_cce_precheck.redaction.texts import curl
from pytest_cce_precheck.report.language import in_language, label_in, line_in, source_in, table
from pytest_cce_precheck.wire.signing import WINDOW

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping, Sequence

    from pytest_cce_precheck.config.options import Language
    from pytest_cce_precheck.contract.causes import Cause
    from pytest_cce_precheck.contract.findings import Finding
    from pytest_cce_precheck.redaction.texts import Redactor
    from pytest_cce_precheck.wire.credentials import AuthKind
    from pytest_cce_precheck.wire.exchange import Exchange

_SAMPLES: Final = 3
_CAUSES: Final = 10
_HEADER: Final = 100
# an unexpected status; the refusals of other findings were expected
_UNEXPECTED: Final = frozenset({"PRE102", "PRE103", "PRE113", "PRE124"})
# found with bad credentials or none: the same request with good ones would not show it
OTHER_CREDENTIALS: Final = frozenset({"PRE601", "PRE602", "PRE603", "PRE604", "PRE605", "PRE606", "PRE607"})

_GATEWAY: Final = re.compile(r"APIG(?:W)?\.(\d{4})")
# commands of GitHub Actions (also after blanks), Azure Pipelines and TeamCity: ::error::, ##[error], ##vso[…]
_COMMAND: Final = re.compile(r"(\A\s*):(?=:)|(?<=#)#(?=[A-Za-z]*\[)")


class ContractViolation(AssertionError):  # noqa: N818  the domain's word; pytest prints it as the failure's name
    """The service's answers break the contract; ``findings`` holds what was found."""

    # pytest prints the name with its module: this is the one to import it from, and a short one
    __module__ = "pytest_cce_precheck"

    def __init__(self, text: str, findings: Sequence[Finding]) -> None:
        super().__init__(text)
        self.findings = tuple(findings)


def describe(
    findings: Sequence[Finding],
    redactor: Redactor,
    *,
    kind: AuthKind | None,
    skew: float | None = None,
    language: Language = "en",
) -> str:
    """Return findings as text: the first line is the first cause's code and fact, then comes the evidence.

    ``kind`` is how requests were authenticated, for the curl lines; they contain no credentials. ``skew`` is by how
    many seconds the local clock is ahead of the service's, if that is known. ``language`` is that of
    all that has a text in it; what a service said, and commands, stay as they are.
    """
    groups = causes(findings)
    shown, rest = groups[:_CAUSES], groups[_CAUSES:]
    blocks = [
        "\n".join(one_line(line_in(line, language)) for line in _cause_lines(group, redactor, kind, skew, language))
        for group in shown
    ]
    if rest:
        codes = ", ".join(dict.fromkeys(group.finding.code for group in rest))
        blocks.append(line_in(f"… and {len(rest):,} more causes ({codes})", language))
    return redactor.text("\n\n".join(blocks))


def properties(findings: Sequence[Finding], *, skew: float | None = None) -> Iterator[tuple[str, str]]:
    """Yield the properties of each cause for a JUnit report: its code, request id and triage."""
    for cause in causes(findings):
        yield "cce_code", cause.finding.code
        for exchange in cause.finding.exchanges[:1]:
            if exchange.request_id:
                yield "cce_request_id", one_line(exchange.request_id)
        advice = _triage(cause.finding, skew)
        if advice:
            yield "cce_triage", advice


def headline(finding: Finding, language: Language = "en") -> str:
    """Return a finding's code and fact on one line, in English if the fact has no other text."""
    return one_line(f"{finding.code} {line_in(finding.message, language)}")


def one_line(text: str) -> str:
    """Return ``text``, which a service may have sent, as one harmless line for a terminal or a file.

    Characters that are not printable, such as control and bidi characters, are escaped, and so is the beginning of a
    command to the CI system that reads the line.
    """
    if not text.isprintable():
        text = "".join(char if char.isprintable() else char.encode("unicode_escape").decode("ascii") for char in text)
    return _COMMAND.sub(lambda match: f"{match[1] or ''}\\x{ord(match[0][-1]):02x}", text)


def as_json_text(document: Any) -> str:
    """Return a document as the JSON of a report file."""
    return json_text(document) + "\n"


def as_code(text: str) -> str:
    """Return ``text`` as Markdown code, for a cell of a table too: nothing in it is a link or a mention.

    >>> print(as_code("a|b"), as_code("@you ``"))
    `a`&#124;`b` ` @you `` `
    """
    # GitHub's tables and others disagree about how code holds a bar that follows a backslash
    return "&#124;".join(map(_code_span, one_line(text).split("|")))


def _code_span(text: str) -> str:
    if not text:
        return ""
    runs = set(map(len, re.findall("`+", text)))
    fence = "`" * next(length for length in count(1) if length not in runs)
    # Markdown takes away one blank at each end, unless there is nothing else
    blank = " " if text[0] == "`" or text[-1] == "`" or (text[0] == text[-1] == " " and text.strip()) else ""
    return f"{fence}{blank}{text}{blank}{fence}"


def _cause_lines(
    cause: Cause, redactor: Redactor, kind: AuthKind | None, skew: float | None, language: Language
) -> Iterator[str]:
    finding = cause.finding
    yield headline(finding, language)
    if language != "en":
        yield f"  {table('explain.toml')[language]['fact']} {in_language(finding.rule, language)['fact']}"
    if finding.exchanges:
        yield from _exchange_lines(finding.exchanges[0], redactor, None if finding.code in OTHER_CREDENTIALS else kind)
    advice = _triage(finding, skew)
    if advice:
        yield f"  triage    {advice}"
    if finding.path:
        yield f"  at        {finding.path}"
    yield from _places(finding)
    for label, text in finding.evidence:
        if text != finding.rule.source:
            yield f"  {padded(label_in(label, language), 9)} {line_in(text, language)}"
    yield from _contract_lines(finding, language, advice)
    if cause.consequences:
        yield f"  also seen, which follows from it ({len(cause.consequences)}):"
        for effect in cause.consequences[:_SAMPLES]:
            yield f"    {headline(effect, language)}"
        if len(cause.consequences) > _SAMPLES:
            yield f"    … and {len(cause.consequences) - _SAMPLES} more"
    yield f"  more      cce-precheck explain {finding.code}"


def _contract_lines(finding: Finding, language: Language, advice: str | None) -> Iterator[str]:
    said, words = in_language(finding.rule, language), table("explain.toml")[language]
    word = {Kind.DEVIATION: "deviation", Kind.OBSERVATION: "open     "}.get(finding.kind, "contract ")
    yield f"  {word if language == 'en' else words['contract']} {source_in(finding.rule, language)}"
    if not advice:
        yield f"  {words['remedy']} {said['expected']}"


def _triage(finding: Finding, skew: float | None) -> str | None:
    return triage(finding.exchanges[0], skew) if finding.exchanges and finding.code in _UNEXPECTED else None


def _places(finding: Finding) -> Iterator[str]:
    if finding.times > 1:
        yield f"  seen      {finding.times:,} times{', such as:' if finding.samples else ''}"
    yield from (f"    {each}" for each in finding.samples)
    rest = finding.times - len(finding.samples)
    if finding.samples and rest > 0:
        yield f"    … and {rest:,} more"


def _exchange_lines(exchange: Exchange, redactor: Redactor, kind: AuthKind | None) -> Iterator[str]:
    response = exchange.response
    yield f"  request   {exchange.request.method} {exchange.request.url}"
    content_type = shortened(response.headers.get("Content-Type", "no Content-Type"), _HEADER)
    size, milliseconds = f"{response.size} bytes", f"{response.elapsed * 1000:.0f} ms"
    yield f"  answer    {response.status}, {content_type}, {size} in {milliseconds}"
    yield f"  id        {exchange.request_id or 'the answer has no X-Request-Id'}"
    yield f"  repeat    {curl(exchange.request, redactor, kind=kind)}"


def triage(exchange: Exchange, skew: float | None) -> str | None:
    """Return what a 401, 403, 404, 429 or 5xx to a valid request means, and what to do; None for any other answer.

    ``skew`` is by how many seconds this machine's clock is ahead of the service's, None if too few to matter.
    """
    words, document = table("triage.toml"), None
    with suppress(BodyError, ReleasedBodyError):
        document = exchange.document
    document = document if isinstance(document, dict) else {}
    # either envelope: that of CCE, or that of the gateway
    code = document.get("error_code", document.get("errorCode", ""))
    message = str(document.get("error_msg", document.get("errorMessage", "")))
    match = _GATEWAY.fullmatch(code) if isinstance(code, str) else None
    gateway_code = match[1] if match else ""
    status, request = exchange.status, exchange.request
    said = None
    if status == 401:
        return _unauthorized(gateway_code, message, skew, signed="Authorization" in request.headers)
    if status == 403:
        said = words["forbidden"].get(gateway_code, words["create" if request.method == "POST" else "permission"])
    elif status == 404 and gateway_code not in words["nothing_behind"]:
        # an unknown id in a filter may be answered so too
        said = words["not_cce"] if not code else None if request.query else words["not_found"]
    elif status == 429:
        said = words["throttled"]
    elif status == 404 or status >= 500:
        unavailable = status in (502, 503, 504)
        alone = gateway_code in words["nothing_behind"] or (unavailable and not code)
        said = words["gateway" if alone else "unavailable" if unavailable else "failed"]
    return said


def _unauthorized(gateway_code: str, message: str, skew: float | None, *, signed: bool) -> str:
    words: Mapping[str, str] = table("triage.toml")
    if "reach the limit" in message:
        return words["locked"]
    if not signed:
        # 0307: the token must be updated
        return words["token_expired" if gateway_code == "0307" or "token expires" in message else "token"]
    if skew is not None and abs(skew) > WINDOW.total_seconds():
        return words["clock"].format(skew=in_words(skew))
    return words["key"] + (f"; also, {in_words(skew)}" if skew is not None else "")
