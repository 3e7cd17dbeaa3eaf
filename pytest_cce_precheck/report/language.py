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


def language_of(chosen: Language | None, environment: Mapping[str, str]) -> Language:
    """Return the language that was chosen, else that of the environment (``LC_ALL``, ``LC_MESSAGES``, ``LANG``)."""
    return chosen or ("zh" if prefers_chinese(environment) else "en")


def in_language(rule: Rule, language: Language) -> Mapping[str, str]:
    """Return a rule's fact, source and what is expected, in English if there is no other text."""
    english = {"fact": rule.title, "source": rule.source, "expected": rule.remedy}
    return english if language == "en" else table("ticket_zh.toml").get(rule.code, english)


def reason_in(reason: str, language: Language) -> str:
    """Return the reason for a verdict, in English if a part of it has no Chinese text."""
    parts = re.split("(; |, )", reason)
    said = [_translated(part, "reasons_zh.toml") for part in parts[::2]]
    if language == "en" or None in said:
        return reason
    joints = ["\N{FULLWIDTH SEMICOLON}" if joint == "; " else "\N{FULLWIDTH COMMA}" for joint in parts[1::2]]
    return "".join(f"{part}{joint}" for part, joint in zip(said, [*joints, ""], strict=True))


def message_in(message: str, language: Language) -> str:
    """Return the message of a finding, in English if it has no Chinese text."""
    return message if language == "en" else _translated(message, "headlines_zh.toml") or message


def _translated(text: str, patterns: str) -> str | None:
    for pattern, said in table(patterns).items():
        found = re.fullmatch(pattern, text, re.DOTALL)
        if found:
            return str(said).format(*found.groups())
    return None


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
    kind = words["open" if rule.code == _OPEN_QUESTION else rule.kind].format(severity=rule.severity)
    lines = [
        f"{rule.code} {rule.name}",
        f"  {said['fact']}{words['stop']}",
        f"  {words['kind']} {kind}",
        f"  {words['contract']} {said['source']}",
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
