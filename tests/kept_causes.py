"""The causes that a run of the suite keeps for a rerun."""

from __future__ import annotations

from pytest_cce_precheck.contract.causes import causes
from pytest_cce_precheck.contract.rules import Severity
from pytest_cce_precheck.suite.checks import CHECKS
from pytest_cce_precheck.suite.rerun import KeptCause, keep
from pytest_cce_precheck.suite.selftest import inspection_of


def kept_causes(*faults: str) -> list[KeptCause]:
    """Run the whole suite on a simulator with these faults; return its causes, the first that explains most first."""
    run = inspection_of(faults)
    kept = {}
    for check in CHECKS:
        for finding in run.run(check):
            kept[finding.identity] = keep(run, finding, check.__name__)
    errors = [finding for finding in run.results.findings if finding.severity is Severity.ERROR]
    return [kept[cause.finding.identity] for cause in causes(errors)]
