"""What is known to be wrong with a version of an SDK, as a file: what is new fails, what is gone is told."""

from __future__ import annotations

import json
from dataclasses import dataclass
from typing import TYPE_CHECKING, Final

from pytest_cce_precheck._files import read_bytes, write
from pytest_cce_precheck.errors import ConfigurationError
from pytest_cce_precheck.sdk.reports import SdkDefect, defects

if TYPE_CHECKING:
    from pathlib import Path

    from pytest_cce_precheck.sdk.run import SdkReport

FORMAT: Final = 1


@dataclass(frozen=True)
class Baseline:
    """The identities of what is known, and of which SDK."""

    sdk: str
    version: str
    known: frozenset[tuple[str, ...]]


@dataclass(frozen=True)
class BaselineComparison:
    """A report against a baseline, which is of ``version`` of the SDK."""

    version: str
    new: tuple[SdkDefect, ...]
    gone: tuple[tuple[str, ...], ...]


def read_baseline(path: Path) -> Baseline:
    """Read a baseline file; raises `ConfigurationError` if it is none."""
    try:
        document = json.loads(read_bytes(path, f"the baseline {path}", way_out="--update-baseline writes one"))
        if document["format"] != FORMAT:
            raise ConfigurationError(f"{path} has format {document['format']!r}; this version reads {FORMAT}")
        known = frozenset(tuple(map(str, entry["identity"])) for entry in document["known"])
        return Baseline(str(document["sdk"]), str(document["version"]), known)
    except (ValueError, KeyError, TypeError, RecursionError) as error:
        raise ConfigurationError(f"{path} is no baseline: {error!r}; --update-baseline writes one") from None


def write_baseline(path: Path, report: SdkReport) -> None:
    """Write down everything that is wrong now, the same bytes for the same report."""
    known = [{"identity": list(defect.identity), "example": defect.sample.case.name} for defect in defects(report)]
    document = {"format": FORMAT, "sdk": report.introduction.sdk, "version": report.introduction.version}
    text = json.dumps({**document, "known": sorted(known, key=lambda entry: entry["identity"])}, indent=1)
    write(path, f"{text}\n".encode(), f"the baseline {path}")


def compare_with_baseline(baseline: Baseline, report: SdkReport) -> BaselineComparison:
    """Return what is wrong now and not known, and what is known and no longer wrong; raises for another SDK's file."""
    if baseline.sdk != report.introduction.sdk:
        raise ConfigurationError(
            f"the baseline is of {baseline.sdk}, and the driver speaks for {report.introduction.sdk}"
        )
    now = {defect.identity: defect for defect in defects(report)}
    new = tuple(defect for identity, defect in now.items() if identity not in baseline.known)
    return BaselineComparison(baseline.version, new, tuple(sorted(baseline.known - now.keys())))
