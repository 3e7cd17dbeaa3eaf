"""What is known to fail in an SDK: cases by name, with a JUnit file for a CI system, or defects, in a baseline file."""

from __future__ import annotations

import json
from dataclasses import dataclass, replace
from enum import StrEnum
from fnmatch import fnmatchcase
from pathlib import Path
from typing import TYPE_CHECKING, Final
from xml.etree import ElementTree as ET

from pytest_cce_precheck import _files
from pytest_cce_precheck._text import did_you_mean
from pytest_cce_precheck.errors import ConfigurationError
from pytest_cce_precheck.report.text import headline, one_line
from pytest_cce_precheck.sdk.corpus import corpus_version
from pytest_cce_precheck.sdk.faults import SdkDefect, defect_identity, defects, why_unseen
from pytest_cce_precheck.sdk.reports import outcome, served
from pytest_cce_precheck.sdk.run import CaseVerdict
from pytest_cce_precheck.sdk.table import verdict_summary

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping, Sequence

    from pytest_cce_precheck.contract.findings import Finding
    from pytest_cce_precheck.sdk.case import Case
    from pytest_cce_precheck.sdk.run import CaseResult, SdkReport


class CaseState(StrEnum):
    """What a case's result means to the run."""

    PASSED = "passed"
    FAILED = "failed"
    KNOWN = "known to fail"
    FIXED = "known to fail, but it passes"
    FLAKY = "known to be flaky"
    NOT_OFFERED = "not offered"

    @property
    def fails(self) -> bool:
        """Whether it fails the run."""
        return self in (CaseState.FAILED, CaseState.FIXED)

    @property
    def is_known(self) -> bool:
        """Whether a list of known cases, or a baseline, made it what it is."""
        return self in (CaseState.KNOWN, CaseState.FIXED, CaseState.FLAKY)


@dataclass(frozen=True)
class KnownCases:
    """Patterns of the names of cases that fail (``failing``), and of those that sometimes fail (``flaky``)."""

    failing: tuple[str, ...] = ()
    flaky: tuple[str, ...] = ()

    def state_of(self, result: CaseResult) -> CaseState:
        """Return what a result means to the run."""
        name = result.case.name
        if result.verdict is CaseVerdict.ABSENT:
            return CaseState.NOT_OFFERED
        if _matches(name, self.flaky):
            return CaseState.FLAKY
        if _matches(name, self.failing):
            return CaseState.FIXED if result.right else CaseState.KNOWN
        return CaseState.PASSED if result.right else CaseState.FAILED

    def new_in(self, result: CaseResult) -> list[Finding]:
        """Return what is wrong in a case that fails: all of it, since cases are known by name."""
        return result.wrong


def read_known(failing: Sequence[str], flaky: Sequence[str], cases: Sequence[Case]) -> KnownCases:
    """Parse patterns such as ``error-429-*``, and files of them such as ``@known.txt`` with one on each line.

    Raises `ConfigurationError` if a file cannot be read, or if no case has a name that a pattern matches.
    """
    names = [case.name for case in cases]
    known = KnownCases(tuple(_patterns(failing, "--write-known-failing writes one")), tuple(_patterns(flaky)))
    for pattern in (*known.failing, *known.flaky):
        if not any(fnmatchcase(name, pattern) for name in names):
            raise ConfigurationError(f"no case matches the known {pattern!r}{did_you_mean(pattern, names)}")
    return known


def write_known_failing(path: Path, report: SdkReport, known: KnownCases) -> KnownCases:
    """Write the names of the cases that fail to a file for ``--known-failing @FILE``; return what is known with it.

    Flaky cases are left out. The same report gives the same bytes.
    """
    wrong = [result for result in report.results if known.state_of(result) is CaseState.FAILED]
    lines = [
        f"# The cases of corpus {corpus_version()} that fail in {one_line(report.introduction.name)}.",
        f"# cce-precheck sdk run --write-known-failing wrote them, and --known-failing @{path.name} reads them.",
        "# A case of this list that passes fails the run: remove its line then.",
        *(f"{result.case.name}  # {verdict_summary(result)}" for result in wrong),
    ]
    _files.write(path, "".join(f"{line}\n" for line in lines).encode(), f"the file of known cases {path}")
    return replace(known, failing=tuple(result.case.name for result in wrong))


def write_junit(path: Path, report: SdkReport, known: KnownCases | Baseline) -> None:
    """Write a JUnit file with a test case for each case; known failures, flaky and missing ones are skipped there."""
    states = [known.state_of(result) for result in report.results]
    sdk = report.introduction
    counts = {
        "errors": 0,
        "tests": len(states),
        "failures": sum(state.fails for state in states),
        "skipped": sum(state not in (CaseState.PASSED, CaseState.FAILED, CaseState.FIXED) for state in states),
    }
    root = ET.Element("testsuites")
    attributes = {"name": f"{sdk.name} ({sdk.language})", **{name: str(number) for name, number in counts.items()}}
    suite = ET.SubElement(root, "testsuite", attributes)
    for result, state in zip(report.results, states, strict=True):
        seconds = f"{result.timing.seconds:.3f}"
        case = ET.SubElement(suite, "testcase", classname=sdk.name, name=result.case.name, time=seconds)
        if state is CaseState.FIXED:
            ET.SubElement(case, "failure", message="it is known to fail, but it passes: remove it from the known cases")
        elif state is CaseState.FAILED:
            lines = [one_line(headline(each)) for each in known.new_in(result)]
            text = [*lines, "", "served:", served(result), "", "the SDK's result:", outcome(result)]
            ET.SubElement(case, "failure", message=lines[0]).text = "\n".join(_lines_of(text))
        elif state is not CaseState.PASSED:
            ET.SubElement(case, "skipped", message=state)
    ET.indent(root)
    data = ET.tostring(root, encoding="utf-8", xml_declaration=True) + b"\n"
    _files.write(path, data, f"the JUnit file {path}")


def _lines_of(texts: Iterable[str]) -> list[str]:
    # XML has no control characters, not even escaped ones
    return [one_line(line) for text in texts for line in text.split("\n")]


def _matches(name: str, patterns: Iterable[str]) -> bool:
    return any(fnmatchcase(name, pattern) for pattern in patterns)


def _patterns(texts: Iterable[str], way_out: str = "") -> list[str]:
    patterns = []
    for text in texts:
        if not text.startswith("@"):
            patterns.append(text)
            continue
        path = Path(text[1:])
        content = _files.read_bytes(path, f"the file of known cases {path}", way_out=way_out).decode("utf-8", "replace")
        lines = (line.partition("#")[0].strip() for line in content.splitlines())
        patterns += [line for line in lines if line]
    return patterns


FORMAT: Final = 1


@dataclass(frozen=True)
class Baseline:
    """The identities of the known defects of an SDK, each with a case that shows it, and the version that has them."""

    sdk: str
    version: str
    known: Mapping[tuple[str, ...], str]

    def state_of(self, result: CaseResult) -> CaseState:
        """Return what a result means to the run."""
        if result.verdict is CaseVerdict.ABSENT:
            return CaseState.NOT_OFFERED
        if result.right:
            return CaseState.PASSED
        return CaseState.FAILED if self.new_in(result) else CaseState.KNOWN

    def new_in(self, result: CaseResult) -> list[Finding]:
        """Return what is wrong in a case and not known."""
        return [each for each in result.wrong if defect_identity(each, result.case.conforming) not in self.known]


def read_baseline(path: Path) -> Baseline:
    """Read a baseline file; raise `ConfigurationError` if it is not one."""
    try:
        document = json.loads(_files.read_bytes(path, f"the baseline {path}", way_out="--update-baseline writes one"))
        if document["format"] != FORMAT:
            raise ConfigurationError(f"{path} has format {document['format']!r}; this version reads {FORMAT}")
        known = {tuple(map(str, entry["identity"])): str(entry["example"]) for entry in document["known"]}
        return Baseline(str(document["sdk"]), str(document["version"]), known)
    except (ValueError, KeyError, TypeError, RecursionError) as error:
        raise ConfigurationError(f"{path} is not a baseline: {error!r}; --update-baseline writes one") from None


def write_baseline(path: Path, report: SdkReport) -> Baseline:
    """Write every defect of a report to a baseline file and return it; the same report gives the same bytes."""
    known = sorted(defects(report), key=lambda defect: defect.identity)
    document = {
        "format": FORMAT,
        "sdk": report.introduction.sdk,
        "version": report.introduction.version,
        "known": [{"identity": list(defect.identity), "example": defect.sample.case.name} for defect in known],
    }
    _files.write(path, f"{json.dumps(document, indent=1)}\n".encode(), f"the baseline {path}")
    sdk = report.introduction
    return Baseline(sdk.sdk, sdk.version, {defect.identity: defect.sample.case.name for defect in known})


@dataclass(frozen=True)
class BaselineChange:
    """What differs from a baseline; ``unseen`` are known defects that cannot be seen, each with the reason."""

    new: tuple[SdkDefect, ...]
    gone: tuple[tuple[str, ...], ...]
    unseen: Mapping[tuple[str, ...], str]


def compare_with_baseline(baseline: Baseline, report: SdkReport) -> BaselineChange:
    """Return what differs from a baseline; raise `ConfigurationError` for another SDK's file."""
    if baseline.sdk != report.introduction.sdk:
        raise ConfigurationError(f"the baseline is of {baseline.sdk}, but the driver is of {report.introduction.sdk}")
    found = {defect.identity: defect for defect in defects(report)}
    results = {result.case.name: result for result in report.results}
    lacking = sorted(baseline.known.keys() - found.keys())
    reasons = {each: why_unseen(each, results.get(baseline.known[each])) for each in lacking}
    return BaselineChange(
        tuple(defect for identity, defect in found.items() if identity not in baseline.known),
        tuple(each for each in lacking if not reasons[each]),
        {each: why for each, why in reasons.items() if why},
    )
