"""A report that an earlier run has written (``--cce-report=….json``), read back, as a baseline too."""

from __future__ import annotations

import json
import math
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Final

from pytest_cce_precheck._files import read_bytes
from pytest_cce_precheck.contract.acceptance import Acceptance
from pytest_cce_precheck.contract.findings import Finding
from pytest_cce_precheck.contract.rules import find_rule, rules
from pytest_cce_precheck.contract.schema import breach
from pytest_cce_precheck.errors import ConfigurationError
from pytest_cce_precheck.schema_files import REPORT

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping, Sequence
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
        """Read a report; raises `ConfigurationError` if the file is not one, by ``schemas/report.json``."""
        wanted = f"expected what --cce-report={path.stem}.json writes"
        try:
            text = read_bytes(path, f"the report {path}", limit=_LARGEST, way_out=wanted)
            document = json.loads(text, parse_int=_number, parse_float=_number, parse_constant=_number)
        except (ValueError, RecursionError):
            raise ConfigurationError(f"{path} is not a JSON report; {wanted}") from None
        if not isinstance(document, dict) or document.get("tool") != TOOL:
            raise ConfigurationError(f"{path} is not a report of {TOOL}; {wanted}")
        if wrong := breach(document, REPORT):
            raise ConfigurationError(f"{path} is not a report of {TOOL}: {wrong}; {wanted}")
        for finding in document["findings"]:
            if finding["code"] not in rules():
                raise ConfigurationError(f"{path} has a finding of the unknown code {finding['code']!r}; {wanted}")
        return cls(str(path), document)

    @property
    def findings(self) -> Sequence[Mapping[str, Any]]:
        """All findings, whatever their verdict."""
        return tuple(self.document["findings"])

    def of_code(self, code_or_name: str) -> Sequence[Mapping[str, Any]]:
        """Return the findings of a code, the failing first; raises `ConfigurationError` if there are none."""
        code = find_rule(code_or_name).code
        found = [finding for finding in self.findings if finding["code"] == code]
        if not found:
            there = ", ".join(sorted({finding["code"] for finding in self.findings})) or "no finding at all"
            raise ConfigurationError(f"{self.name} has no {code}; it has {there}")
        return found


def _number(text: str) -> float:
    if not math.isfinite(float(text)):
        raise ValueError(f"{text[:20]} is no number that a report holds")
    return float(text) if set(text) & set(".eE") else int(text)


def is_on(finding: Mapping[str, Any], target: str) -> bool:
    """Return whether a finding was made on a target; one without targets belongs to the target without a name."""
    return target in (finding.get("targets") or [""])


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


_KNOWN: Final = ("failing", "accepted")


@dataclass(frozen=True)
class InBaseline(Acceptance):
    """One finding that an earlier report has."""

    identity: tuple[str, ...] = ()

    def matches(self, finding: Finding) -> bool:
        """Whether this is the same fact."""
        return finding.identity == self.identity


def known_findings(report: SavedReport) -> Sequence[Mapping[str, Any]]:
    """Return the findings of a report that failed its run, or were accepted there."""
    return [data for data in report.findings if data.get("verdict") in _KNOWN]


def baseline(path: Path, target: str = "") -> tuple[InBaseline, ...]:
    """Return what a report has of a target; raises `ConfigurationError` if it is not a report."""
    report = SavedReport.read(path)
    found = [as_finding(data) for data in known_findings(report) if is_on(data, target)]
    return tuple(InBaseline(each.code, f"known from {path}", None, each.identity) for each in found)


def difference(old: SavedReport, new: SavedReport) -> dict[str, list[Mapping[str, Any]]]:
    """Return the findings that are *new*, *still* there and *fixed* in a report, by their facts and targets.

    What the old one has and the new one could not see is not *fixed*, but *unknown*: its check was not judged, or no
    answer had anything that its rule is about.
    """
    before, after = _by_fact(known_findings(old)), _by_fact(known_findings(new))
    gone = [data for key, data in before.items() if key not in after]
    judged = {(check["name"], check["target"]) for check in new.document["checks"] if check["state"] == "judged"}
    proved = new.document["proved"].get("rules", {"times": ()})["times"]
    fixed = [data for data in gone if data["code"] in proved and _places(data) <= judged]
    return {
        "new": [data for key, data in after.items() if key not in before],
        "still": [data for key, data in after.items() if key in before],
        "fixed": fixed,
        "unknown": [data for data in gone if data not in fixed],
    }


def _by_fact(findings: Iterable[Mapping[str, Any]]) -> dict[tuple[Any, ...], Mapping[str, Any]]:
    return {(as_finding(data).identity, target): data for data in findings for target in data.get("targets", [""])}


def _places(data: Mapping[str, Any]) -> set[tuple[str, str]]:
    """Return the check that made a finding, on each of its targets."""
    name = str(data["test"]).rpartition("::")[2].partition("[")[0]
    return {(name, target) for target in data.get("targets", [""])}
