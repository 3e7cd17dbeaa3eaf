"""The verdict on findings (accepted, failing, or only shown), and on a run: never more than the run proved."""

from __future__ import annotations

from dataclasses import dataclass, replace
from http import HTTPStatus
from typing import TYPE_CHECKING, Final

from pytest_cce_precheck._text import count_of
from pytest_cce_precheck.contract.rules import Kind, Severity
from pytest_cce_precheck.report.record import VERDICTS, RunRecord
from pytest_cce_precheck.report.saved import is_on

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence
    from datetime import date

    from pytest_cce_precheck.config.options import FailOn
    from pytest_cce_precheck.contract.acceptance import Acceptance
    from pytest_cce_precheck.contract.findings import Finding
    from pytest_cce_precheck.report.record import RunVerdict, ShippedCheck, TargetResult


@dataclass(frozen=True)
class Verdict:
    """Findings sorted by their effect: they fail, are only shown, or are accepted."""

    failing: tuple[Finding, ...]
    shown: tuple[Finding, ...]
    accepted: tuple[tuple[Finding, Acceptance], ...]


def sort_findings(
    findings: Sequence[Finding], *, fail_on: FailOn, acceptances: Sequence[Acceptance], today: date
) -> Verdict:
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


TITLES: Final[dict[RunVerdict, str]] = {
    "holds": "the contract holds",
    "does-not-hold": "the contract does not hold",
    "incomplete": "incomplete",
    "not-reachable": "not reachable",
    "not-let-in": "not let in",
}
# with other findings than these, the service did answer, or let us in
_NO_ANSWER: Final = frozenset({"PRE101"})
_REFUSED: Final = frozenset({"PRE102"})


def conclude(record: RunRecord, stopped: str, exit_status: int) -> RunRecord:
    """Return the record with its causes, its verdict, the reason for it, and the exit status of the run.

    ``stopped`` is why pytest did not run every selected test, empty if it did; ``exit_status`` is pytest's own,
    which is kept unless it is 0. Only a run of the shipped suite fails because something was not proved.
    """
    warnings = [finding for finding in record.of_verdict("shown") if finding["severity"] == "warning"]
    causes = record.causes_among(record.breaking)
    record = replace(record, causes=causes, warnings=record.causes_among(warnings))
    targets = {}
    for name, target in record.targets.items():
        verdict, reason = _of_target(record, name, target)
        targets[name] = replace(target, verdict=verdict, reason=reason)
    record = replace(record, targets=targets)
    verdict, reason = _of_run(record, stopped)
    complete = not stopped and not _not_judged(record.checks)
    forgiven = verdict == "does-not-hold" and record.fail_on == "never" and complete
    too_little = "; ".join(record.not_proved)
    if too_little and verdict == "holds":
        verdict, reason = "incomplete", f"too little was proved: {too_little}"
    elif too_little:
        reason = f"{reason}; too little was proved: {too_little}"
    if exit_status == 0 and (too_little or (record.suite and verdict != "holds" and not forgiven)):
        exit_status = 1
    reason = "; ".join([reason, *_notes(record, verdict, stopped, exit_status)])
    # a run of other tests has not checked the contract, and need not judge any answer
    titled = record.suite or verdict != "incomplete" or stopped
    headline = f"{TITLES[verdict]}: {reason}" if titled else reason
    return replace(record, verdict=verdict, reason=reason, headline=headline, exit_status=exit_status)


def _of_target(record: RunRecord, name: str, target: TargetResult) -> tuple[RunVerdict, str]:
    codes = {finding["code"] for finding in record.broken if is_on(finding, name)}
    tests = [test for test in record.tests if test.target == name]
    # a user's own test that passed may have expected no answer, or a refusal
    expected = not record.suite and not any(test.outcome in ("failed", "error") for test in tests)
    if target.tried and not target.answered and not expected and codes <= _NO_ANSWER:
        return "not-reachable", f"{target.service} answered none of {count_of(target.tried, 'request')}"
    if target.refused and not expected and codes <= _REFUSED:
        what = f"{target.service} answered the first list with {target.refused}"
        if target.refused != HTTPStatus.NOT_FOUND:
            return "not-let-in", what
        return "incomplete", f"{what}: there is no such project or cluster"
    if codes:
        return "does-not-hold", count_of(sum(name in targets for targets in _broken(record)), "cause")
    if record.suite:
        return _of_checks(record, target, [check for check in record.checks if check.target == name])
    judged = sum(test.answers_judged for test in tests)
    caught = sum(is_on(finding, name) for finding in record.of_verdict("caught"))
    if judged and caught:
        return "incomplete", f"{count_of(judged, 'answer')} judged, {count_of(caught, 'finding')} not counted"
    if judged:
        # a few answers of a service are not its contract
        return "incomplete", f"all judged answers meet the contract: {count_of(judged, 'answer')}{_accepted(record)}"
    return "incomplete", "no answer was judged against the contract (cce_contract.verify)"


def _of_checks(record: RunRecord, target: TargetResult, checks: Sequence[ShippedCheck]) -> tuple[RunVerdict, str]:
    missing = _not_judged(checks)
    if missing:
        more = f"; and {len(missing) - 1} more" if len(missing) > 1 else ""
        named = f"{missing[0].name}: {missing[0].why}{more}"
        return "incomplete", f"{len(missing)} of {count_of(len(checks), 'check')} not judged ({named})"
    judged = sum(check.state == "judged" for check in checks)
    if not judged:
        return "incomplete", "no check was judged"
    if not target.listed:
        return "incomplete", "no answer listed a task, so nothing is known about the filters"
    number = f"{judged} of {count_of(len(checks), 'check')}" if judged < len(checks) else count_of(judged, "check")
    left_out = f", {count_of(len(target.not_asked_for), 'part')} not asked for" if target.not_asked_for else ""
    return "holds", f"{number} judged{left_out}{_accepted(record)}"


def _of_run(record: RunRecord, stopped: str) -> tuple[RunVerdict, str]:
    """Return the worst verdict of the targets, unless something that is no target's own makes it worse."""
    worst = max((target.verdict for target in record.targets.values()), key=VERDICTS.index)
    if "" not in record.targets and any(is_on(finding, "") for finding in record.broken):
        worst = "does-not-hold"
    if worst == "does-not-hold":
        return worst, count_of(len(_broken(record)), "cause")
    own = record.targets[""].reason if "" in record.targets else ""
    if stopped and worst in ("holds", "incomplete"):
        return "incomplete", f"{stopped}; {own}" if own and worst == "incomplete" else stopped
    if own:
        return worst, own
    if worst == "holds":
        return worst, f"{count_of(len(record.targets), 'target')} judged{_accepted(record)}"
    named = [f"{name}: {target.reason}" for name, target in record.targets.items() if target.verdict == worst]
    others = len(record.targets) - len(named)
    return worst, "; ".join(named) + (f"; {count_of(others, 'target')} with another verdict" if others else "")


def _notes(record: RunRecord, verdict: RunVerdict, stopped: str, exit_status: int) -> Iterator[str]:
    missing = _not_judged(record.checks)
    if verdict in ("does-not-hold", "not-reachable", "not-let-in") and stopped:
        yield f"the run is incomplete: {stopped}"
    elif verdict == "does-not-hold" and missing:
        yield f"the run is incomplete: {count_of(len(missing), 'check')} not judged"
    if verdict == "does-not-hold" and record.fail_on == "never":
        yield "findings do not fail this run (--cce-fail-on=never)"
    if verdict == "holds" and record.inconclusive:
        yield f"{count_of(len(record.inconclusive), 'question')} inconclusive"
    observed = len(record.breaking) - len(record.broken)
    if observed and record.fail_on == "note":
        yield f"{count_of(observed, 'observation')} of what the contract leaves unspecified (--cce-fail-on=note)"
    elif verdict == "holds" and exit_status:
        yield f"the run fails for another reason (exit status {exit_status})"


def _broken(record: RunRecord) -> list[tuple[str, ...]]:
    """Return the targets of each cause that breaks the contract."""
    return [cause.targets for cause in record.causes if cause.finding["kind"] != Kind.OBSERVATION]


def _not_judged(checks: Sequence[ShippedCheck]) -> list[ShippedCheck]:
    return [check for check in checks if check.state == "not-judged"]


def _accepted(record: RunRecord) -> str:
    return ", except for what was accepted" if record.of_verdict("accepted") else ""
