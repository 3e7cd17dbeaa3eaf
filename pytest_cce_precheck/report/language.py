"""The texts about rules in the language of the reader: English, or Chinese as far as there is a text."""

from __future__ import annotations

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


@cache
def table(name: str) -> Mapping[str, Any]:
    """Return a file of words of this folder."""
    return packaged_table(f"report/{name}")
