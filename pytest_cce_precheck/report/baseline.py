"""An earlier report as a baseline: what it has is known, and only what is new fails."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Final

from pytest_cce_precheck.contract.acceptance import Acceptance
from pytest_cce_precheck.report.record import is_on
from pytest_cce_precheck.report.saved import SavedReport, as_finding

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping, Sequence
    from pathlib import Path

    from pytest_cce_precheck.contract.findings import Finding

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


@dataclass(frozen=True)
class Difference:
    """What two reports have in common and what not: findings by their facts and targets."""

    new: tuple[Mapping[str, Any], ...]
    still: tuple[Mapping[str, Any], ...]
    fixed: tuple[Mapping[str, Any], ...]
    unknown: tuple[Mapping[str, Any], ...]


def difference(old: SavedReport, new: SavedReport) -> Difference:
    """Compare two reports: what the old one has and the new one could not see is not *fixed*, but *unknown*."""
    before, after = _by_fact(known_findings(old)), _by_fact(known_findings(new))
    gone = [data for key, data in before.items() if key not in after]
    judged = {
        (check["name"], check["target"]) for check in new.document.get("checks", ()) if check["state"] == "judged"
    }
    fixed = [data for data in gone if _places(data) <= judged]
    return Difference(
        new=tuple(data for key, data in after.items() if key not in before),
        still=tuple(data for key, data in after.items() if key in before),
        fixed=tuple(fixed),
        unknown=tuple(data for data in gone if data not in fixed),
    )


def _by_fact(findings: Iterable[Mapping[str, Any]]) -> dict[tuple[Any, ...], Mapping[str, Any]]:
    return {(as_finding(data).identity, target): data for data in findings for target in data.get("targets", [""])}


def _places(data: Mapping[str, Any]) -> set[tuple[str, str]]:
    """Return the check that made a finding, on each of its targets."""
    name = str(data["test"]).rpartition("::")[2].partition("[")[0]
    return {(name, target) for target in data.get("targets", [""])}
