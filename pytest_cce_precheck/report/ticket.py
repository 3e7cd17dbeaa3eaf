"""A finding of a saved report as a ticket to the vendor, in English and in Chinese."""

from __future__ import annotations

import re
import tomllib
from dataclasses import dataclass
from functools import cache
from importlib.resources import files
from typing import TYPE_CHECKING, Any, Final, Literal

from pytest_cce_precheck.config.options import Mode
from pytest_cce_precheck.contract.rules import Kind, Rule, find_rule
from pytest_cce_precheck.errors import ConfigurationError
from pytest_cce_precheck.redaction.texts import curl
from pytest_cce_precheck.report.text import OTHER_CREDENTIALS, one_line
from pytest_cce_precheck.wire.exchange import Headers, Request

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping, Sequence

    from pytest_cce_precheck.redaction.texts import Redactor
    from pytest_cce_precheck.report.saved import SavedReport
    from pytest_cce_precheck.wire.credentials import AuthKind

Language = Literal["en", "zh"]

LIST_CALL, CREATE_CALL = "ListAddonPrecheckTasks", "BatchCreateAddonPrecheck"
# about this tool's own files, no matter of the vendor
_OURS: Final = frozenset({"PRE120"})
_SOMEWHERE: Final = "https://cce.REGION.myhuaweicloud.com"
_ANSWERS: Final = 8
_LONGEST: Final = 400
# where a ticket is read as Markdown, what stands so far in is shown as it is: a service may have sent it
_AS_CODE: Final = "    "


@dataclass(frozen=True)
class _Said:
    """A rule in one language."""

    fact: str
    source: str
    expected: str


def ticket(report: SavedReport, code: str, language: Language, redactor: Redactor) -> str:
    """Write what the vendor needs to know of a code's findings in a report: asked, came, says, how often, expected.

    Raises `ConfigurationError` if the report has none, and where there is nothing to ask of the vendor.
    """
    found, rule = report.of_code(code), find_rule(code)
    if rule.kind is Kind.OBSERVATION:
        raise ConfigurationError(f"{rule.code} is an observation: the contract leaves it open, so there is no ticket")
    if rule.code in _OURS:
        raise ConfigurationError(f"{rule.code} says nothing of the service, so there is no ticket: {rule.remedy}")
    words, said = _words()[language], _said(rule, language)
    first: Mapping[str, Any] = next(iter(found[0].get("exchanges", ())), {})
    call = CREATE_CALL if first.get("method") == "POST" and _is_create(first) else LIST_CALL
    sections = (
        _asked(report, rule, first, words, redactor),
        _came(found, words),
        _contract(rule, said, words),
        _often(report, found, words),
        [said.expected],
    )
    title = words["title"].format(call=call, fact=said.fact, code=rule.code, name=rule.name)
    lines = [title, "", *(f"{_AS_CODE}{line}" for line in _where_from(report, words))]
    for number, (heading, section) in enumerate(zip(words["headings"], sections, strict=True), 1):
        lines += ["", f"{number}. {heading}", "", *(f"   {_AS_CODE}{line}" for line in section)]
    return redactor.text("".join(f"{one_line(line)}\n" for line in lines))


def _where_from(report: SavedReport, words: Mapping[str, Any]) -> Iterator[str]:
    document = report.document
    recorded = [(each["recorded_at"], each["endpoint"]) for each in document.get("cassettes", ())]
    if document.get("mode") in [mode for mode in Mode if mode.is_simulated]:
        yield words["simulated"]
    elif recorded:
        at, endpoint = min(recorded)
        yield words["replayed"].format(endpoint=endpoint, recorded_at=at)
    else:
        yield words["service"].format(service=document.get("service", ""))


def _asked(
    report: SavedReport, rule: Rule, first: Mapping[str, Any], words: Mapping[str, Any], redactor: Redactor
) -> Iterator[str]:
    if not first:
        yield words["no_request"]
        return
    if "curl" in first:
        yield first["curl"]
    else:
        kind: AuthKind | None = None if rule.code in OTHER_CREDENTIALS else "token"
        yield curl(_request(report, first), redactor, kind=kind)
        yield words["rebuilt"]
    if rule.code in OTHER_CREDENTIALS:
        yield words["credentials"]


def _request(report: SavedReport, exchange: Mapping[str, Any]) -> Request:
    endpoints = [
        str(report.document.get("service", "")),
        *(c["endpoint"] for c in report.document.get("cassettes", ())),
    ]
    endpoint = next((each for each in endpoints if "://" in each), _SOMEWHERE)
    path, _, query = exchange["target"].partition("?")
    return Request(exchange["method"], endpoint, path, query, Headers([("Content-Type", "application/json")]))


def _came(found: Sequence[Mapping[str, Any]], words: Mapping[str, Any]) -> Iterator[str]:
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
    yield words["said"].format(message=found[0]["message"])
    for label, text in found[0].get("evidence", ()):
        if text != find_rule(found[0]["code"]).source:
            yield f"- {label}: {text if len(text) <= _LONGEST else text[: _LONGEST - 1] + '…'}"
    if found[0].get("path"):
        yield words["path"].format(path=found[0]["path"])
    if len(found) > 1:
        yield words["others"].format(number=len(found) - 1)


def _contract(rule: Rule, said: _Said, words: Mapping[str, Any]) -> Iterator[str]:
    yield said.source
    for letter, document in words["documents"].items():
        if re.search(rf"\b{letter}\b", rule.source):
            yield f"[{letter}] {document}"
    if rule.kind is Kind.DEVIATION:
        yield words["contradiction"]


def _often(report: SavedReport, found: Sequence[Mapping[str, Any]], words: Mapping[str, Any]) -> Iterator[str]:
    if all("times" in finding for finding in found):
        yield words["times"].format(number=sum(finding["times"] for finding in found))
    yield words["findings"].format(number=len(found))
    if report.document.get("requests"):
        yield words["requests"].format(number=report.document["requests"])


def _is_create(exchange: Mapping[str, Any]) -> bool:
    return str(exchange.get("target", "")).partition("?")[0].endswith("/addons/precheck")


def _said(rule: Rule, language: Language) -> _Said:
    if language == "zh" and rule.code in _chinese():
        return _Said(**_chinese()[rule.code])
    return _Said(rule.title, rule.source, rule.remedy)


@cache
def _words() -> Mapping[str, Mapping[str, Any]]:
    return _table("ticket.toml")


@cache
def _chinese() -> Mapping[str, Mapping[str, str]]:
    return _table("ticket_zh.toml")


def _table(name: str) -> Mapping[str, Any]:
    return tomllib.loads(files("pytest_cce_precheck.report").joinpath(name).read_text("utf-8"))
