"""Explain the finding codes, as text and as a page of the documentation."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Final

from pytest_cce_precheck.contract.rules import Kind, Rule, find_rule, rules

ShownBy = Sequence[tuple[str, Sequence[str]]]

_KINDS: Final = {
    Kind.VIOLATION: "a violation: it breaks the contract",
    Kind.DEVIATION: "a deviation: it follows one of the vendor's contradicting documents; it fails unless accepted",
    Kind.OBSERVATION: "an observation: the contract does not specify it; it fails nothing unless --cce-fail-on=note",
}
# every endpoint answers these questions in some way: to fail for it would fail each run
_OPEN_QUESTION: Final = "PRE490"
FAMILIES: Final = {
    "1": "Transport, envelope, headers",
    "2": "Schema",
    "3": "Invariants of one answer",
    "4": "Filters",
    "5": "Sequences and life cycle",
    "6": "Authentication, isolation, safety",
    "7": "SDK fidelity",
}


def overview() -> str:
    """Return a line for every code with its title."""
    return "".join(f"{rule.code}  {rule.title}\n" for rule in rules().values())


def entry(code: str, shown_by: ShownBy) -> str:
    """Return what a code means; raises `ConfigurationError` if it is unknown. ``shown_by`` has each fault's codes."""
    rule = find_rule(code)
    kind = f"{_KINDS[rule.kind]}; severity {rule.severity}"
    if rule.code == _OPEN_QUESTION:
        kind = "an observation: the contract leaves it open; it fails nothing, whatever --cce-fail-on says"
    lines = [
        f"{rule.code} {rule.name}",
        f"  {rule.title}.",
        f"  kind      {kind}",
        f"  contract  {rule.source}",
        *([f"  excluded  by {rule.excluded_by}"] if rule.excluded_by else []),
        f"  remedy    {rule.remedy}",
    ]
    if rule.kind is not Kind.OBSERVATION:
        lines.append(f'  accept    @pytest.mark.cce_allow("{rule.code}", reason="…", until="YYYY-MM-DD")')
        lines.append(f'            --cce-accept="{rule.code}: reason until YYYY-MM-DD"')
    fault = _fault(rule, shown_by)
    if fault:
        lines.append(f"  see it    pytest --pyargs pytest_cce_precheck.suite --cce-fault={fault}")
    return "\n".join(lines) + "\n"


def page(shown_by: ShownBy) -> str:
    """Return the documentation's page of all codes, as Markdown."""
    parts = [
        "# Finding codes",
        "",
        "Every code is permanent; `cce-precheck explain CODE` prints the same. The letters name the source:",
        "D the vendor's page of the list call, C of the create call, E its error-code appendix, P, G and J its",
        "Python, Go and Java SDKs.",
        "",
        "What no source excludes is not a violation: *excluded by* quotes the sentence that excludes what the code",
        "reports. An observation has none.",
        "",
        'To accept one: `@pytest.mark.cce_allow("PRE302", reason="…", until="2027-01-31")` on a test of yours, or',
        '`--cce-accept="PRE302: reason until 2027-01-31"` for a run (ini: `cce_accept`, one a line).',
    ]
    family = ""
    for rule in rules().values():
        if rule.code[3] != family:
            family = rule.code[3]
            parts += ["", f"## PRE{family}xx: {FAMILIES[family]}"]
        parts += ["", f"### {rule.code} {rule.name}", "", f"{rule.title}. ({rule.kind}, {rule.severity})", ""]
        parts.append(f"- Contract: {rule.source}")
        parts += [f"- Excluded by: {rule.excluded_by}"] if rule.excluded_by else []
        parts.append(f"- What to do: {rule.remedy}")
        fault = _fault(rule, shown_by)
        if fault:
            parts.append(f"- See it: `pytest --pyargs pytest_cce_precheck.suite --cce-fault={fault}`")
    return "\n".join(parts) + "\n"


def _fault(rule: Rule, shown_by: ShownBy) -> str | None:
    first = next((name for name, codes in shown_by if codes and codes[0] == rule.code), None)
    return first or next((name for name, codes in shown_by if rule.code in codes), None)
