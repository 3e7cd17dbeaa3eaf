"""A report that an earlier run has written (``--cce-report=….json``), read back."""

from __future__ import annotations

import json
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Final

from pytest_cce_precheck._files import read_bytes
from pytest_cce_precheck.contract.findings import Finding
from pytest_cce_precheck.contract.rules import find_rule, rules
from pytest_cce_precheck.errors import ConfigurationError

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence
    from pathlib import Path

TOOL: Final = "pytest-cce-precheck"
# each finding holds the exchanges that show it
_LARGEST: Final = 512 * 1024 * 1024


@dataclass(frozen=True)
class SavedReport:
    """A report; ``document`` is the whole, each finding with what the run kept of its exchanges."""

    name: str
    document: Mapping[str, Any]

    @classmethod
    def read(cls, path: Path) -> SavedReport:
        """Read a report; raises `ConfigurationError` if the file is not one."""
        wanted = f"expected what --cce-report={path.stem}.json writes"
        try:
            document = json.loads(read_bytes(path, f"the report {path}", limit=_LARGEST, way_out=wanted))
        except (ValueError, RecursionError):
            raise ConfigurationError(f"{path} is not a JSON report; {wanted}") from None
        if not isinstance(document, dict) or document.get("tool") != TOOL:
            raise ConfigurationError(f"{path} is not a report of {TOOL}; {wanted}")
        for finding in document.get("findings", ()):
            if not isinstance(finding, dict) or not finding.keys() >= {"code", "message", "exchanges"}:
                raise ConfigurationError(f"{path} has a finding without code, message or exchanges; {wanted}")
            if finding["code"] not in rules():
                raise ConfigurationError(f"{path} has a finding of the unknown code {finding['code']!r}; {wanted}")
        return cls(str(path), document)

    @property
    def findings(self) -> Sequence[Mapping[str, Any]]:
        """All findings, whatever their verdict."""
        return tuple(self.document.get("findings", ()))

    def of_code(self, code_or_name: str) -> Sequence[Mapping[str, Any]]:
        """Return the findings of a code, the failing first; raises `ConfigurationError` if there are none."""
        code = find_rule(code_or_name).code
        found = [finding for finding in self.findings if finding["code"] == code]
        if not found:
            there = ", ".join(sorted({finding["code"] for finding in self.findings})) or "no finding at all"
            raise ConfigurationError(f"{self.name} has no {code}; it has {there}")
        return found


def as_finding(data: Mapping[str, Any]) -> Finding:
    """Return a recorded finding, without its exchanges."""
    return Finding(
        data["code"],
        data["message"],
        data.get("path", ""),
        tuple(data.get("subject", ())),
        times=data.get("times", 1),
        samples=tuple(data.get("samples", ())),
    )
