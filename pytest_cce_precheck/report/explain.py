"""Explain the finding codes, in English and Chinese."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from pytest_cce_precheck.contract.rules import Kind, Rule, find_rule, rules
from pytest_cce_precheck.report.language import in_language, table

if TYPE_CHECKING:
    from collections.abc import Sequence

    from pytest_cce_precheck.config.options import Language

    ShownBy = Sequence[tuple[str, Sequence[str]]]

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
