"""Explain the finding codes, as text and as a page of the documentation, in English and Chinese."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Final

from pytest_cce_precheck.contract.rules import Kind, Rule, find_rule, rules
from pytest_cce_precheck.report.language import in_language, table

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping, Sequence

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
    fault = _fault(rule, shown_by)
    if fault:
        lines.append(f"  {words['see_it']} pytest --pyargs pytest_cce_precheck.suite --cce-fault={fault}")
    return "\n".join(lines) + "\n"


def page(shown_by: ShownBy, language: Language = "en", samples: Mapping[str, str] | None = None) -> str:
    """Return the documentation's page of all codes, as Markdown; ``samples`` is what a run prints, by code."""
    words = table("explain.toml")[language]
    parts, family = [words["page"].strip()], ""
    for rule in rules().values():
        if rule.code[3] != family:
            family = rule.code[3]
            parts += ["", words["heading"].format(family=family, title=words["families"][int(family) - 1])]
        parts += ["", *_rule_lines(rule, _fault(rule, shown_by), words, in_language(rule, language))]
        if samples and rule.code in samples:
            label = words["item"].format(label=words["labels"][4], text="").rstrip()
            parts += [label, "", *(f"  {line}" for line in ("```text", *samples[rule.code].splitlines(), "```"))]
    return "\n".join(parts) + "\n"


def _rule_lines(rule: Rule, fault: str | None, words: Mapping[str, Any], said: Mapping[str, str]) -> Iterator[str]:
    yield f"### {rule.code} {rule.name}"
    yield ""
    yield words["line"].format(title=said["fact"], kind=words["kinds"][rule.kind], severity=rule.severity)
    yield ""
    command = f"`pytest --pyargs pytest_cce_precheck.suite --cce-fault={fault}`" if fault else None
    texts = (said["source"], rule.excluded_by, said["expected"], command)
    for label, text in zip(words["labels"], texts, strict=False):
        if text:
            yield words["item"].format(label=label, text=text)


def _fault(rule: Rule, shown_by: ShownBy) -> str | None:
    first = next((name for name, codes in shown_by if codes and codes[0] == rule.code), None)
    return first or next((name for name, codes in shown_by if rule.code in codes), None)
