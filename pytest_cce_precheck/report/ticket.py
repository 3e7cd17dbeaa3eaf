"""A ticket to the vendor about a finding of a saved report, in English and in Chinese."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, Any, Final

from pytest_cce_precheck._text import shortened
from pytest_cce_precheck.config.options import Mode
from pytest_cce_precheck.contract.rules import Kind, Rule, find_rule
from pytest_cce_precheck.errors import ConfigurationError
from pytest_cce_precheck.redaction.texts import curl
from pytest_cce_precheck.report.language import in_language, label_in, line_in, table
from pytest_cce_precheck.report.text import OTHER_CREDENTIALS, one_line
from pytest_cce_precheck.wire.exchange import Headers, Request

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping, Sequence

    from pytest_cce_precheck.config.options import Language
    from pytest_cce_precheck.redaction.texts import Redactor
    from pytest_cce_precheck.report.saved import SavedReport

    Words = Mapping[str, Any]

# these are about this tool's own files, not about the service
_OWN: Final = frozenset({"PRE120"})
_UNKNOWN_ENDPOINT: Final = "https://cce.REGION.myhuaweicloud.com"
_ANSWERS: Final = 8
_LONGEST: Final = 400
# four blanks more than the list's own indentation are code in Markdown: a service may have sent the text
_CODE: Final = "    "


def ticket(report: SavedReport, code: str, language: Language, redactor: Redactor) -> str:
    """Return a ticket about a code's findings: the request, the answer, the contract, how often, what we ask for.

    Raises `ConfigurationError` if the report has no such finding, and if it is not one for the vendor.
    """
    found, rule = report.of_code(code), find_rule(code)
    if rule.kind is Kind.OBSERVATION:
        raise ConfigurationError(f"{rule.code} is an observation: the contract does not specify it, so no ticket")
    if rule.code in _OWN:
        raise ConfigurationError(f"{rule.code} is not about the service, so there is no ticket: {rule.remedy}")
    words, said = table("ticket.toml")[language], in_language(rule, language)
    first: Mapping[str, Any] = next(iter(found[0].get("exchanges", ())), {})
    sections = (
        (line_in(line, language) for line in _request_lines(report, rule, first, words, redactor)),
        _answer_lines(found, words, language),
        _contract_lines(rule, language),
        _frequency_lines(report, found, words),
        [said["expected"]],
    )
    creates = first.get("method") == "POST" and first["target"].partition("?")[0].endswith("/addons/precheck")
    call = "BatchCreateAddonPrecheck" if creates else "ListAddonPrecheckTasks"
    title = words["title"].format(call=call, fact=said["fact"], code=rule.code, name=rule.name)
    lines = [title, "", f"{_CODE}{_source(report, words)}"]
    for number, (heading, section) in enumerate(zip(words["headings"], sections, strict=True), 1):
        lines += ["", f"{number}. {heading}", "", *(f"   {_CODE}{line}" for line in section)]
    return redactor.text("".join(f"{one_line(line)}\n" for line in lines))


def _source(report: SavedReport, words: Words) -> str:
    if report.document.get("mode") in [mode for mode in Mode if mode.is_simulated]:
        return str(words["simulated"])
    recorded = [(each["recorded_at"], each["endpoint"]) for each in report.document.get("cassettes", ())]
    if not recorded:
        return str(words["service"].format(service=report.document.get("service", "")))
    at, endpoint = min(recorded)
    return str(words["replayed"].format(endpoint=endpoint, recorded_at=at))


def _request_lines(
    report: SavedReport, rule: Rule, first: Mapping[str, Any], words: Words, redactor: Redactor
) -> Iterator[str]:
    if not first:
        yield words["no_request"]
        return
    if "curl" in first:
        yield first["curl"]
    else:
        cassettes = report.document.get("cassettes", ())
        endpoints = [str(report.document.get("service", "")), *(each["endpoint"] for each in cassettes)]
        endpoint = next((each for each in endpoints if "://" in each), _UNKNOWN_ENDPOINT)
        path, _, query = first["target"].partition("?")
        headers = Headers([("Content-Type", "application/json")])
        request = Request(first["method"], endpoint, path, query, headers)
        yield curl(request, redactor, kind=None if rule.code in OTHER_CREDENTIALS else "token")
        yield words["rebuilt"]
    if rule.code in OTHER_CREDENTIALS:
        yield words["credentials"]


def _answer_lines(found: Sequence[Mapping[str, Any]], words: Words, language: Language) -> Iterator[str]:
    exchanges = [*found[0].get("exchanges", ()), *(each for other in found[1:] for each in other["exchanges"][:1])]
    for exchange in exchanges[:_ANSWERS]:
        date = exchange.get("date")
        yield words["answer"].format(
            method=exchange["method"],
            target=exchange["target"],
            status=exchange["status"],
            request_id=exchange["request_id"] or words["no_request_id"],
            date=words["date"].format(date=date) if date else words["no_date"],
        )
    yield words["said"].format(message=line_in(found[0]["message"], language))
    for label, text in found[0].get("evidence", ()):
        if text != find_rule(found[0]["code"]).source:
            said = shortened(line_in(text, language), _LONGEST)
            yield words["evidence"].format(label=label_in(label, language), text=said)
    if found[0].get("path"):
        yield words["path"].format(path=found[0]["path"])
    if len(found) > 1:
        yield words["others"].format(number=len(found) - 1)


def _contract_lines(rule: Rule, language: Language) -> Iterator[str]:
    yield in_language(rule, language)["source"]
    for letter, english, chinese in documents(rule):
        yield f"[{letter}] {chinese if language == 'zh' else english}"
    if rule.kind is Kind.DEVIATION:
        yield table("ticket.toml")[language]["contradiction"]


def _frequency_lines(report: SavedReport, found: Sequence[Mapping[str, Any]], words: Words) -> Iterator[str]:
    if all("times" in finding for finding in found):
        yield words["times"].format(number=sum(finding["times"] for finding in found))
    yield words["findings"].format(number=len(found))
    if report.document.get("requests"):
        yield words["requests"].format(number=report.document["requests"])


def documents(rule: Rule) -> Iterator[tuple[str, str, str]]:
    """Yield each document that a rule's source names: its letter, its title in English and in Chinese."""
    english, chinese = (table("ticket.toml")[language]["documents"] for language in ("en", "zh"))
    for letter, title in english.items():
        if re.search(rf"\b{letter}\b", rule.source):
            yield letter, title, chinese[letter]
