"""A file of the known defects of an SDK: a defect that is not in it is new, and fails the run."""

from __future__ import annotations

import json
from dataclasses import dataclass
from typing import TYPE_CHECKING, Final

from pytest_cce_precheck._files import read_bytes, write
from pytest_cce_precheck.errors import ConfigurationError
from pytest_cce_precheck.sdk.faults import SdkDefect, defects

if TYPE_CHECKING:
    from pathlib import Path

    from pytest_cce_precheck.sdk.run import SdkReport

FORMAT: Final = 1


@dataclass(frozen=True)
class Baseline:
    """The identities of the known defects of an SDK, and the version that has them."""

    sdk: str
    version: str
    known: frozenset[tuple[str, ...]]


@dataclass(frozen=True)
class BaselineComparison:
    """A report compared with a baseline, which is of ``version`` of the SDK."""

    version: str
    new: tuple[SdkDefect, ...]
    gone: tuple[tuple[str, ...], ...]


def read_baseline(path: Path) -> Baseline:
    """Read a baseline file; raise `ConfigurationError` if it is not one."""
    try:
        document = json.loads(read_bytes(path, f"the baseline {path}", way_out="--update-baseline writes one"))
        if document["format"] != FORMAT:
            raise ConfigurationError(f"{path} has format {document['format']!r}; this version reads {FORMAT}")
        known = frozenset(tuple(map(str, entry["identity"])) for entry in document["known"])
        return Baseline(str(document["sdk"]), str(document["version"]), known)
    except (ValueError, KeyError, TypeError, RecursionError) as error:
        raise ConfigurationError(f"{path} is not a baseline: {error!r}; --update-baseline writes one") from None


def write_baseline(path: Path, report: SdkReport) -> None:
    """Write every defect of a report to a baseline file; the same report gives the same bytes."""
    known = sorted(defects(report), key=lambda defect: defect.identity)
    document = {
        "format": FORMAT,
        "sdk": report.introduction.sdk,
        "version": report.introduction.version,
        "known": [{"identity": list(defect.identity), "example": defect.sample.case.name} for defect in known],
    }
    write(path, f"{json.dumps(document, indent=1)}\n".encode(), f"the baseline {path}")


def compare_with_baseline(baseline: Baseline, report: SdkReport) -> BaselineComparison:
    """Return the new defects and the known ones that are gone; raise `ConfigurationError` for another SDK's file."""
    if baseline.sdk != report.introduction.sdk:
        raise ConfigurationError(f"the baseline is of {baseline.sdk}, but the driver is of {report.introduction.sdk}")
    found = {defect.identity: defect for defect in defects(report)}
    new = tuple(defect for identity, defect in found.items() if identity not in baseline.known)
    return BaselineComparison(baseline.version, new, tuple(sorted(baseline.known - found.keys())))
