"""Keep each cause of a run of the suite, to be asked for again (``cce-precheck rerun``), and remove what is fixed."""

from __future__ import annotations

import json
from dataclasses import replace
from importlib.metadata import version
from typing import TYPE_CHECKING, Any

from pytest_cce_precheck.contract.proof import provable_rules
from pytest_cce_precheck.contract.rules import Severity
from pytest_cce_precheck.errors import CcePrecheckError
from pytest_cce_precheck.plugin.settings import time_of_writing
from pytest_cce_precheck.report.saved import TOOL, as_finding, is_on
from pytest_cce_precheck.suite.kept_failures import as_text, kept_failures, write
from pytest_cce_precheck.suite.rerun import cause_id, keep

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence
    from pathlib import Path

    from pytest_cce_precheck.contract.findings import Finding
    from pytest_cce_precheck.plugin.run_log import RunLog
    from pytest_cce_precheck.plugin.session import Harness
    from pytest_cce_precheck.report.record import RecordedFinding, RunRecord
    from pytest_cce_precheck.suite.inspection import Inspection

    Place = tuple[str, str, str]


def recorded(harness: Harness, run: Inspection, findings: Sequence[Finding], check: str) -> str:
    """Return what a test of the suite records: where it asked, and of each error that it found the text of its file."""
    mode, client = harness.config.mode, run.client
    place = (client.endpoint, client.project_id, client.cluster_id)
    kept: dict[str, str | None] = {}
    for finding in findings:
        if finding.severity is Severity.ERROR and not mode.replays:
            kept[cause_id(finding.code, finding.identity, "\0".join(place))] = as_text(
                keep(run, finding, check),
                run,
                found_by=check,
                mode=mode,
                faults=harness.config.fault,
                secrets=harness.secrets,
                now=time_of_writing(harness.mode.environment),
                tool=f"{TOOL} {version(TOOL)}",
            )
    return json.dumps({"place": place, "budget": run.settings.budget, "kept": kept})


def keep_causes(folder: Path, record: RunRecord, log: RunLog) -> tuple[RunRecord, list[str]]:
    """Write the file of each cause, and remove those that this run shows to be fixed; return the lines to print.

    The findings of the record get the names that they are kept under (``rerun``).
    """
    places: dict[str, Place] = {}
    texts: dict[str, str | None] = {}
    budget = 0
    for test in log.tests:
        for data in test.data("cce_kept"):
            places[(test.recorded("cce_target") or [""])[0]] = tuple(data["place"])
            texts = {**data["kept"], **texts}
            budget = data["budget"]
    if not places or record.verdict in ("not-reachable", "not-let-in"):
        # a wrong address or token is no cause, and no later run of the right one would remove it
        return record, []
    try:
        written = _write(folder, record, places, texts)
        _remove_fixed(folder, record, places, budget)
    except (CcePrecheckError, OSError) as error:
        return record, [f"WARNING: the causes cannot be kept for cce-precheck rerun: {error}"]
    findings = tuple(
        {**data, "rerun": written[key]} if (key := _key(data)) in written else data for data in record.findings
    )
    record = replace(record, findings=findings)
    return replace(record, causes=record.causes_among(record.breaking)), []


def _key(data: RecordedFinding) -> tuple[str, ...]:
    return as_finding(data).identity


def _name(data: RecordedFinding, place: Place) -> str:
    return cause_id(data["code"], _key(data), "\0".join(place))


def _write(
    folder: Path, record: RunRecord, places: Mapping[str, Place], texts: Mapping[str, str | None]
) -> dict[tuple[str, ...], str]:
    """Write each cause for each target that shows it; return the name of each, on its first target."""
    written: dict[tuple[str, ...], str] = {}
    for cause in record.causes:
        for target in cause.targets:
            name = _name(cause.finding, places[target]) if target in places else ""
            text = texts.get(name)
            if text:
                write(folder, name, text)
                written.setdefault(_key(cause.finding), name)
    return written


def _remove_fixed(folder: Path, record: RunRecord, places: Mapping[str, Place], budget: int) -> None:
    """Remove each cause whose check was judged, by as many requests, and did not find it."""
    targets: dict[Any, str] = {place: target for target, place in places.items()}
    judged = {(check.name, check.target) for check in record.checks if check.state == "judged"}
    proved = record.proved["rules"].times if record.proved else {}
    for kept in kept_failures(folder):
        code = kept.cause.finding.code
        if kept.place not in targets or (code in provable_rules() and code not in proved):
            continue
        target = targets[kept.place]
        found = {_name(data, kept.place) for data in record.findings if is_on(data, target)}
        if (kept.origin.test, target) in judged and kept.name not in found and budget >= kept.settings["budget"]:
            kept.path.unlink(missing_ok=True)
