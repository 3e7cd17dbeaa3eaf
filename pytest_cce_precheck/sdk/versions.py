"""Compare SDKs, or versions of the Python SDK, each of them in a virtual environment of its own."""

from __future__ import annotations

import os
import re
import sys
import tempfile
from dataclasses import dataclass
from importlib.util import find_spec
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final

from pytest_cce_precheck import _programs
from pytest_cce_precheck._text import count_of, listed
from pytest_cce_precheck.environment import NETWORK, environment_of_child
from pytest_cce_precheck.errors import ConfigurationError
from pytest_cce_precheck.sdk.cases import corpus_cases
from pytest_cce_precheck.sdk.faults import SdkDefect, SdkFault, defects, faults, why_unseen
from pytest_cce_precheck.sdk.run import SdkReport, run_sdks

if TYPE_CHECKING:
    from collections.abc import Callable, Collection, Iterable, Iterator, Mapping, Sequence

    from pytest_cce_precheck.sdk.run import CaseResult

DISTRIBUTION: Final = "huaweicloudsdkcce"
DRIVER_FILE: Final = Path(__file__).with_name("python_driver.py")
ASYNCHRONOUS: Final = "async"
"""The argument with which the Python driver uses the SDK's asynchronous client."""
_INSTALL_SECONDS: Final = 600
_MAX_OUTPUT: Final = 1024 * 1024
_VERSION: Final = re.compile(r"\d+(\.\d+)*", re.ASCII)


@dataclass(frozen=True)
class VersionChange:
    """What changed from one version, or SDK, to the next.

    ``new``, ``gone`` and ``unseen`` have nothing of the calls that ``appeared`` or ``vanished``. Of the first
    version nothing is new. ``unseen`` is what may still be wrong, with what keeps its cases from showing it.
    """

    before: str | None
    after: SdkReport
    appeared: tuple[str, ...]
    vanished: tuple[str, ...]
    new: tuple[SdkDefect, ...]
    gone: tuple[SdkDefect, ...]
    unseen: tuple[tuple[SdkDefect, str], ...] = ()

    @property
    def text(self) -> str:
        """The change in words."""
        before, offers = ("", "offers") if self.before is None else (f"{self.before} -> ", "now offers")
        why = {defect.identity: reason for defect, reason in self.unseen}
        changes = [
            *(f"{offers} the {name} call, {_wrong_with(name, self.after)}" for name in self.appeared),
            *(f"no longer offers the {name} call" for name in self.vanished),
            *(f"now wrong: {_fault_text(fault)}" for fault in faults(self.new)),
            *(f"no longer wrong: {_fault_text(fault)}" for fault in faults(self.gone)),
            *(
                f"not seen: {_fault_text(fault)}, because {why[fault.sample.identity]}"
                for fault in faults(defect for defect, _ in self.unseen)
            ),
        ]
        nothing = "nothing changed" if self.after.introduction.operations else "has neither call"
        lines = (f"  {change}\n" for change in changes or [nothing])
        return f"{before}{self.after.introduction.name}\n{''.join(lines)}"

    def to_dict(self) -> dict[str, Any]:
        """Return the change for programs."""
        return {
            "before": self.before,
            "after": self.after.introduction.name,
            "appeared": list(self.appeared),
            "vanished": list(self.vanished),
            "new": [{"identity": list(defect.identity), "message": defect.finding.message} for defect in self.new],
            "gone": [{"identity": list(defect.identity), "message": defect.finding.message} for defect in self.gone],
            "unseen": [
                {"identity": list(defect.identity), "message": defect.finding.message, "because": reason}
                for defect, reason in self.unseen
            ],
        }


def _wrong_with(operation: str, report: SdkReport) -> str:
    found = tuple(result for result in report.results if result.case.operation == operation)
    number = len(faults(defects(SdkReport(report.introduction, found))))
    return f"with {count_of(number, 'fault')}" if number else "without a fault"


def _fault_text(fault: SdkFault) -> str:
    codes = ", ".join(sorted({defect.finding.code for defect in fault.defects}))
    # the same field may still be lost elsewhere
    places = f" at {listed(fault.places, 4)}" if fault.about and fault.places else ""
    return f"{fault.title()} ({codes}{places}, {count_of(len(fault.cases), 'case')}: {fault.cases[0]})"


def python_driver(interpreter: str = sys.executable) -> tuple[str, ...]:
    """Return the command of the Python driver; the interpreter is any that has the SDK."""
    # -P keeps the driver's own folder off the module path
    return interpreter, "-P", str(DRIVER_FILE)


def installed_driver() -> tuple[str, ...]:
    """Return the command of the Python driver; raise `ConfigurationError` if the SDK is not installed here."""
    if find_spec(DISTRIBUTION) is None:
        raise ConfigurationError('the vendor\'s Python SDK is not installed: pip install "pytest-cce-precheck[sdk]"')
    return python_driver()


def versions_of_python(wanted: Sequence[str]) -> tuple[tuple[str, ...], ...]:
    """Return the driver's command for every wanted version of the Python SDK, each installed."""
    return tuple(python_driver(interpreter_with(version)) for version in resolve(wanted, available_versions))


def compare_sdks(commands: Sequence[Sequence[str]]) -> tuple[VersionChange, ...]:
    """Run every driver, and return what changed from each to the next."""
    return tuple(version_changes(run_sdks([command], corpus_cases())[0] for command in commands))


def version_changes(reports: Iterable[SdkReport]) -> Iterator[VersionChange]:
    """Yield what changed from each report to the next."""
    before: SdkReport | None = None
    for report in reports:
        had = set(before.introduction.operations) if before else set()
        has = set(report.introduction.operations)
        old = {defect.identity: defect for defect in defects(before)} if before else {}
        now = {defect.identity: defect for defect in defects(report)}
        # what a call that appeared gets wrong is not a regression, and that of one that vanished is not fixed
        both = had & has
        results = {result.case.name: result for result in report.results}
        missing = (defect for identity, defect in old.items() if identity not in now and _shows_in(defect, both))
        lacking = [(defect, _why(defect, results)) for defect in missing]
        yield VersionChange(
            before.introduction.name if before else None,
            report,
            tuple(sorted(has - had)),
            tuple(sorted(had - has)),
            tuple(defect for identity, defect in now.items() if identity not in old and _shows_in(defect, both)),
            tuple(defect for defect, why in lacking if not why),
            tuple((defect, why) for defect, why in lacking if why),
        )
        before = report


def _why(defect: SdkDefect, results: Mapping[str, CaseResult]) -> str:
    """Return why none of a defect's cases can show it now; empty if one of them could."""
    reasons = [why_unseen(defect.identity, results.get(result.case.name)) for result in defect.results]
    return reasons[0] if all(reasons) else ""


def _shows_in(defect: SdkDefect, operations: Collection[str]) -> bool:
    return any(result.case.operation in operations for result in defect.results)


def resolve(wanted: Sequence[str], available: Callable[[], Iterable[str]]) -> tuple[str, ...]:
    """Return the wanted versions with each range (``A..B``) expanded to those of ``available()``."""
    versions: list[str] = []
    for text in wanted:
        first, between, last = text.partition("..")
        for version in (first, last) if between else (first,):
            if not _VERSION.fullmatch(version):
                raise ConfigurationError(
                    f"{version!r} is not a version: expected one like 3.1.219, or a range 3.1.190..3.1.219"
                )
        if between:
            versions += [v for v in sorted(available(), key=_key) if _key(first) <= _key(v) <= _key(last)]
        else:
            versions.append(first)
    versions = list(dict.fromkeys(versions))
    if len(versions) < 2:
        found = f"found {', '.join(versions)}" if versions else "found none"
        raise ConfigurationError(f"a comparison needs two versions or more: {found} in {' '.join(wanted)}")
    return tuple(versions)


def available_versions() -> list[str]:
    """Return every released version, as pip lists them."""
    text = _run([sys.executable, "-m", "pip", "index", "versions", DISTRIBUTION], "its versions could not be listed")
    listed = re.search(r"^Available versions: (.*)$", text, re.MULTILINE)
    if listed is None:
        raise ConfigurationError(f"pip lists no versions of {DISTRIBUTION}: {text.strip()[:200]}")
    return [version.strip() for version in listed[1].split(",")]


def interpreter_with(version: str, environment: Mapping[str, str] = os.environ) -> str:
    """Return the interpreter of a virtual environment that has this version; it is made once and kept.

    It is made under another name and renamed when it is complete, so that no other run uses an incomplete one, not even
    after this run is killed.
    """
    cache = Path(environment.get("XDG_CACHE_HOME") or Path.home() / ".cache") / "pytest-cce-precheck"
    folder = cache / f"{DISTRIBUTION}-{version}-py{sys.version_info.major}.{sys.version_info.minor}"
    program = "Scripts/python.exe" if os.name == "nt" else "bin/python"
    if not folder.is_dir():
        try:
            cache.mkdir(parents=True, exist_ok=True)
            with tempfile.TemporaryDirectory(prefix="making-", dir=cache, ignore_cleanup_errors=True) as making:
                made = Path(making) / folder.name
                _run([sys.executable, "-m", "venv", str(made)], f"no environment could be made in {making}")
                install = [str(made / program), "-m", "pip", "install", "--quiet", "--disable-pip-version-check"]
                _run([*install, f"{DISTRIBUTION}=={version}"], f"version {version} could not be installed")
                made.rename(folder)
        except OSError as error:
            if folder.is_dir():
                # another run was faster, and its environment is as good
                return str(folder / program)
            raise ConfigurationError(f"no environment could be made in {cache}: {error.strerror or error}") from None
    return str(folder / program)


def _run(command: Sequence[str], failure: str) -> str:
    # a package may run code of its own when it is installed, so it sees few variables
    environment = environment_of_child(os.environ, NETWORK, prefixes=("PIP_", "XDG_"))
    ended = _programs.run(command, environment, timeout=_INSTALL_SECONDS, limit=_MAX_OUTPUT)
    if ended.problem or ended.status != 0:
        reason = ended.problem or (ended.complaint or ended.output).strip() or "no reason was given"
        raise ConfigurationError(f"{DISTRIBUTION}: {failure}: {reason.splitlines()[-1]}")
    return ended.output


def _key(version: str) -> tuple[int, ...]:
    # other versions that pip lists, such as release candidates, sort first and are in no range
    return tuple(map(int, version.split("."))) if _VERSION.fullmatch(version) else ()
