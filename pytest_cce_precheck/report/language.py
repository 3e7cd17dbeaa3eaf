"""The texts about rules in the language of the reader: English, or Chinese as far as there is a text."""

from __future__ import annotations

import re
from functools import cache
from typing import TYPE_CHECKING, Any

from pytest_cce_precheck._files import packaged_table
from pytest_cce_precheck.environment import prefers_chinese

if TYPE_CHECKING:
    from collections.abc import Mapping

    from pytest_cce_precheck.config.options import Language
    from pytest_cce_precheck.contract.rules import Rule


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
