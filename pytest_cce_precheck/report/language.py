"""The texts about rules in the language of the reader: English, or Chinese as far as there is a text.

It also explains the codes.
"""

from __future__ import annotations

import re
from functools import cache
from typing import TYPE_CHECKING, Any, Final

from pytest_cce_precheck._files import packaged_table
from pytest_cce_precheck.contract.rules import Kind, Rule, find_rule, rules
from pytest_cce_precheck.environment import prefers_chinese

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from pytest_cce_precheck.config.options import Language

    ShownBy = Sequence[tuple[str, Sequence[str]]]


# a part of a reason, with all that it has in parentheses, and what joins it to the next
_PARTS: Final = re.compile(r"((?:\((?:[^()]|\([^()]*\))*\)|(?!; |, ).)+)(; |, |\Z)", re.DOTALL)
# the documents that a source names at its beginning
_LETTERS: Final = re.compile(r"[CDEGJP](?:、[CDEGJP])*(?=：)")
_JOINTS: Final = {"; ": "\N{FULLWIDTH SEMICOLON}", ", ": "\N{FULLWIDTH COMMA}", "": ""}


def language_of(chosen: Language | None, environment: Mapping[str, str]) -> Language:
    """Return the language that was chosen, else that of the environment (``LC_ALL``, ``LC_MESSAGES``, ``LANG``)."""
    return chosen or ("zh" if prefers_chinese(environment) else "en")


def in_language(rule: Rule, language: Language) -> Mapping[str, str]:
    """Return a rule's fact, source and what is expected, in English if there is no other text."""
    english = {"fact": rule.title, "source": rule.source, "expected": rule.remedy}
    return english if language == "en" else table("ticket_zh.toml").get(rule.code, english)


def source_in(rule: Rule, language: Language) -> str:
    """Return a rule's source; in Chinese with the name of each document in place of the letter before the colon."""
    said, names = in_language(rule, language)["source"], table("explain.toml")[language].get("sources", {})
    letters = _LETTERS.match(said) if names else None
    return said if letters is None else _name_of_each(letters[0], names) + said[letters.end() :]


def _name_of_each(letters: str, names: Mapping[str, str]) -> str:
    return re.sub("[A-Z]", lambda letter: names[letter[0]], letters)


def reason_in(reason: str, language: Language) -> str:
    """Return the reason for a verdict, in English if a part of it has no Chinese text."""
    parts = [(_in_chinese(part), _JOINTS[joint]) for part, joint in _PARTS.findall(reason)]
    if language == "en" or any(part is None for part, _ in parts):
        return reason
    return "".join(f"{part}{joint}" for part, joint in parts)


def line_in(line: str, language: Language) -> str:
    """Return a line that this project prints, or what was found, in English if it has no Chinese text."""
    bare = line.lstrip()
    said = None if language == "en" else _in_chinese(line) or _in_chinese(bare)
    return line if said is None else said if said[:1].isspace() else f"{line[: len(line) - len(bare)]}{said}"


def text_in(text: str, language: Language) -> str:
    """Return a text of several lines, each of them like `line_in`."""
    return "\n".join(line_in(line, language) for line in text.split("\n"))


def label_in(label: str, language: Language) -> str:
    """Return the label of a finding's evidence."""
    return label if language == "en" else table("page/words.toml")["labels"].get(label, label)


class _Part(str):
    """A part of a text, which is formatted in Chinese: as ``zh``, ``reason``, or with a comma, a colon or parentheses.

    A ``value`` has a blank before it, unless it begins in Chinese.

    A part that is not there is empty, and then has neither.
    """

    def __format__(self, form: str) -> str:
        if form == "reason":
            return reason_in(self, "zh")
        said = line_in(self, "zh") if form else str(self)
        if form == "value":
            return f" {said}" if said[:1].isascii() else said
        around = {
            "then": "\N{FULLWIDTH COMMA}{}",
            "colon": "\N{FULLWIDTH COLON}{}",
            "aside": "\N{FULLWIDTH LEFT PARENTHESIS}{}\N{FULLWIDTH RIGHT PARENTHESIS}",
        }
        return around.get(form, "{}").format(said) if said else ""


def _in_chinese(text: str) -> str | None:
    if text in _whole():
        return _whole()[text]
    for pattern, said in _patterns():
        found = pattern.fullmatch(text)
        if found:
            return said.format(*(_Part(each or "") for each in found.groups()))
    return None


@cache
def _whole() -> Mapping[str, str]:
    said = [(rule, in_language(rule, "zh")) for rule in rules().values()]
    facts = {rule.title: each["fact"] for rule, each in said}
    return {**facts, **{rule.source: each["source"] for rule, each in said}, **table("summaries_zh.toml")}


@cache
def _patterns() -> tuple[tuple[re.Pattern[str], str], ...]:
    sections = table("texts_zh.toml").values()
    return tuple((re.compile(each, re.DOTALL), said) for section in sections for each, said in section.items())


@cache
def table(name: str) -> Mapping[str, Any]:
    """Return a file of words of this folder."""
    return packaged_table(f"report/{name}")


# every endpoint answers these questions in some way: to fail for it would fail each run
_OPEN_QUESTION: Final = "PRE490"


def overview(language: Language = "en") -> str:
    """Return a line for every code with its title."""
    return "".join(f"{rule.code}  {in_language(rule, language)['fact']}\n" for rule in rules().values())


def entry(code: str, shown_by: ShownBy, language: Language = "en") -> str:
    """Return what a code means; raises `ConfigurationError` if it is unknown. ``shown_by`` has each fault's codes."""
    rule, words = find_rule(code), table("explain.toml")[language]
    said = in_language(rule, language)
    kind = words["open" if rule.code == _OPEN_QUESTION else rule.kind].format(severity=line_in(rule.severity, language))
    lines = [
        f"{rule.code} {rule.name}",
        f"  {said['fact']}{words['stop']}",
        f"  {words['kind']} {kind}",
        f"  {words['contract']} {source_in(rule, language)}",
        *([f"  {words['excluded']} {words['by']}{rule.excluded_by}"] if rule.excluded_by else []),
        f"  {words['remedy']} {said['expected']}",
    ]
    if rule.kind is not Kind.OBSERVATION:
        lines.append(f'  {words["accept"]} @pytest.mark.cce_allow("{rule.code}", reason="…", until="YYYY-MM-DD")')
        lines.append(f'            --cce-accept="{rule.code}: {words["reason"]} until YYYY-MM-DD"')
    fault = fault_that_shows(rule, shown_by)
    if fault:
        lines.append(f"  {words['see_it']} pytest --pyargs pytest_cce_precheck.suite --cce-fault={fault}")
    return "\n".join(lines) + "\n"


def fault_that_shows(rule: Rule, shown_by: ShownBy) -> str | None:
    """Return the fault that a rule finds, one whose first code it is if possible."""
    first = next((name for name, codes in shown_by if codes and codes[0] == rule.code), None)
    return first or next((name for name, codes in shown_by if rule.code in codes), None)
