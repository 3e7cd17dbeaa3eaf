"""The table of finding codes: what each means, its source in the contract, what to do.

The texts are data, in ``rules.toml`` beside this module; codes are permanent and never reused.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from enum import StrEnum
from functools import cache
from types import MappingProxyType

from pytest_cce_precheck._files import packaged_table
from pytest_cce_precheck._text import did_you_mean
from pytest_cce_precheck.errors import ConfigurationError


class Severity(StrEnum):
    """How much a finding matters to the run; the vendor's own words Fatal, Warning and Failed mean something else."""

    ERROR = "error"
    WARNING = "warning"
    NOTE = "note"

    @property
    def rank(self) -> int:
        """0 for the most severe."""
        return list(Severity).index(self)


class Kind(StrEnum):
    """What a finding says about the contract."""

    VIOLATION = "violation"
    DEVIATION = "deviation"
    OBSERVATION = "observation"


@dataclass(frozen=True)
class Rule:
    """One code's entry; ``name`` is the fact in kebab-case, and identifies a deviation.

    ``excluded_by`` is the sentence that excludes what the rule flags; an observation has none.
    """

    code: str
    name: str
    title: str
    source: str
    remedy: str
    excluded_by: str = ""
    kind: Kind = Kind.VIOLATION
    severity: Severity = Severity.ERROR


@cache
def rules() -> Mapping[str, Rule]:
    """Return every rule by its code, in the order of the codes."""
    table = packaged_table("contract/rules.toml")
    found = {}
    for code, entry in sorted(table.items()):
        kind = Kind(entry.pop("kind", Kind.VIOLATION))
        default = Severity.NOTE if kind is Kind.OBSERVATION else Severity.ERROR
        found[code] = Rule(code, kind=kind, severity=Severity(entry.pop("severity", default)), **entry)
    return MappingProxyType(found)


def find_rule(code_or_name: str) -> Rule:
    """Return the rule of a code (any case) or of a name; raises `ConfigurationError` with near matches."""
    for rule in rules().values():
        if rule.code == code_or_name.upper() or rule.name == code_or_name.lower():
            return rule
    known = [*rules(), *(rule.name for rule in rules().values())]
    near = did_you_mean(code_or_name, known) or "; cce-precheck explain lists all"
    raise ConfigurationError(f"unknown finding code {code_or_name!r}{near}")
