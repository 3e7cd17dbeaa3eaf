"""Sort findings: accepted, failing, or only shown."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from pytest_cce_precheck.contract.rules import Severity

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence
    from datetime import date

    from pytest_cce_precheck.config.options import FailOn
    from pytest_cce_precheck.contract.acceptance import Acceptance
    from pytest_cce_precheck.contract.findings import Finding


@dataclass(frozen=True)
class Verdict:
    """Findings sorted by their effect: they fail, are only shown, or are accepted."""

    failing: tuple[Finding, ...]
    shown: tuple[Finding, ...]
    accepted: tuple[tuple[Finding, Acceptance], ...]


def verdict(findings: Sequence[Finding], *, fail_on: FailOn, acceptances: Sequence[Acceptance], today: date) -> Verdict:
    """Sort findings: an accepted one never fails, the others fail if they have at least the severity ``fail_on``.

    With ``new``, what is known from the baseline is accepted, and other errors fail.
    """
    least = None if fail_on == "never" else Severity.ERROR if fail_on == "new" else Severity(fail_on)
    failing, shown, accepted = [], [], []
    for finding in findings:
        acceptance = next((each for each in acceptances if each.covers(finding, today)), None)
        if acceptance is not None:
            accepted.append((finding, acceptance))
        elif least is not None and finding.severity.rank <= least.rank:
            failing.append(finding)
        else:
            shown.append(finding)
    return Verdict(tuple(failing), tuple(shown), tuple(accepted))


def useless(acceptances: Iterable[tuple[Acceptance, str, bool]], today: date) -> tuple[list[str], list[str]]:
    """Return the expired acceptances and the unused ones; each is given with its place and whether it was used."""
    expired, unused = [], []
    for acceptance, place, used in acceptances:
        text = f"{acceptance.code} ({acceptance.reason})"
        if acceptance.until is not None and today > acceptance.until:
            expired.append(f"{text} until {acceptance.until}{place}")
        elif not used:
            unused.append(text + place)
    return expired, unused
