"""From what a run found and did to its verdict, the reason, and the exit status: never more than it proved."""

from __future__ import annotations

from dataclasses import replace
from http import HTTPStatus
from typing import TYPE_CHECKING, Final

from pytest_cce_precheck.contract.rules import Kind
from pytest_cce_precheck.report.record import VERDICTS, RunRecord, is_on, number_of

if TYPE_CHECKING:
    from collections.abc import Sequence

    from pytest_cce_precheck.report.record import Place, RunVerdict, ShippedCheck

TITLES: Final[dict[RunVerdict, str]] = {
    "holds": "the contract holds",
    "does-not-hold": "the contract does not hold",
    "incomplete": "incomplete",
    "not-reachable": "not reachable",
    "not-let-in": "not let in",
}
# what one cannot judge before one is answered, and let in
_NO_ANSWER: Final = frozenset({"PRE101"})
_REFUSED: Final = frozenset({"PRE102"})
_OK: Final = 0
_FAILED: Final = 1
_NAMED: Final = 1


def conclude(record: RunRecord, stopped: str, exit_status: int) -> RunRecord:
    """Return the record with its verdict, the reason for it, and the exit status of the run.

    ``stopped`` is why pytest did not run all that it had selected, empty if it did; ``exit_status`` is pytest's own,
    which is kept if it is not 0. Only a run of the shipped suite fails for what it did not prove.
    """
    places = {name: _judged(record, name, place) for name, place in record.places.items()}
    record = replace(record, places=places)
    verdict, reason = _of_run(record, stopped)
    complete = not stopped and not _missing(record.checks)
    forgiven = verdict == "does-not-hold" and record.fail_on == "never" and complete
    if exit_status == _OK and record.suite and verdict != "holds" and not forgiven:
        exit_status = _FAILED
    notes = list(_notes(record, verdict, stopped, exit_status))
    reason = "; ".join([reason, *notes])
    headline = _headline(record, verdict, reason, stopped)
    return replace(record, verdict=verdict, reason=reason, headline=headline, exit_status=exit_status)


def _judged(record: RunRecord, name: str, place: Place) -> Place:
    verdict, reason = _of_place(record, name, place)
    return replace(place, verdict=verdict, reason=reason)


def _of_place(record: RunRecord, name: str, place: Place) -> tuple[RunVerdict, str]:
    codes = {finding["code"] for finding in record.broken if is_on(finding, name)}
    tests = [test for test in record.tests if test.target == name]
    # a test of one's own may want no answer, or a refusal
    wanted = not record.suite and not any(test.outcome in ("failed", "error") for test in tests)
    if place.tried and not place.answered and not wanted and codes <= _NO_ANSWER:
        return "not-reachable", f"{place.service} answered none of {number_of(place.tried, 'request')}"
    if place.refused and not wanted and codes <= _REFUSED:
        what = f"{place.service} answered the first list with {place.refused}"
        if place.refused != HTTPStatus.NOT_FOUND:
            return "not-let-in", what
        return "incomplete", f"{what}: it knows no such project or cluster"
    if codes:
        return "does-not-hold", number_of(sum(name in at for at in _broken(record)), "cause")
    if record.suite:
        return _of_checks(record, place, [check for check in record.checks if check.target == name])
    judged = sum(test.judged for test in tests)
    caught = sum(is_on(finding, name) for finding in record.of_verdict("caught"))
    if judged and caught:
        return "incomplete", f"{number_of(judged, 'answer')} judged, {number_of(caught, 'finding')} not counted"
    if judged:
        # who judges a few answers of a service has not checked its contract
        return "incomplete", f"what was judged meets the contract: {number_of(judged, 'answer')}{_accepted(record)}"
    return "incomplete", "no answer was judged against the contract (cce_contract.verify)"


def _of_checks(record: RunRecord, place: Place, checks: Sequence[ShippedCheck]) -> tuple[RunVerdict, str]:
    missing = _missing(checks)
    if missing:
        named = "; ".join(f"{each.name}: {each.why}" for each in missing[:_NAMED])
        more = f"; and {len(missing) - _NAMED} more" if len(missing) > _NAMED else ""
        return "incomplete", f"{len(missing)} of {number_of(len(checks), 'check')} not judged ({named}{more})"
    judged = sum(check.state == "judged" for check in checks)
    if not judged:
        return "incomplete", "no check was judged"
    unasked = f", {len(checks) - judged} not asked for" if judged < len(checks) else ""
    if not place.listed:
        return "incomplete", "no answer listed a task, so nothing is known of what the filters select"
    return "holds", f"{number_of(judged, 'check')} judged{unasked}{_accepted(record)}"


def _of_run(record: RunRecord, stopped: str) -> tuple[RunVerdict, str]:
    """Return the worst verdict of the places, but for what is no place's own."""
    worst = max((place.verdict for place in record.places.values()), key=VERDICTS.index)
    if "" not in record.places and any(is_on(finding, "") for finding in record.broken):
        worst = "does-not-hold"
    if worst == "does-not-hold":
        return worst, number_of(len(_broken(record)), "cause")
    own = record.places[""].reason if "" in record.places else ""
    if stopped and worst in ("holds", "incomplete"):
        return "incomplete", f"{stopped}; {own}" if own and worst == "incomplete" else stopped
    if own:
        return worst, own
    if worst == "holds":
        return worst, f"{number_of(len(record.places), 'target')} judged{_accepted(record)}"
    named = [f"{name}: {place.reason}" for name, place in record.places.items() if place.verdict == worst]
    others = len(record.places) - len(named)
    return worst, "; ".join(named) + (f"; {number_of(others, 'target')} judged otherwise" if others else "")


def _notes(record: RunRecord, verdict: RunVerdict, stopped: str, exit_status: int) -> list[str]:
    notes = []
    missing = _missing(record.checks)
    if verdict in ("does-not-hold", "not-reachable", "not-let-in") and stopped:
        notes.append(f"the run is incomplete: {stopped}")
    elif verdict == "does-not-hold" and missing:
        notes.append(f"the run is incomplete: {number_of(len(missing), 'check')} not judged")
    if verdict == "does-not-hold" and record.fail_on == "never":
        notes.append("findings do not fail this run (--cce-fail-on=never)")
    if verdict == "holds" and record.inconclusive:
        notes.append(f"{number_of(len(record.inconclusive), 'question')} inconclusive")
    observed = len(record.breaking) - len(record.broken)
    if observed and record.fail_on == "note":
        notes.append(f"{number_of(observed, 'observation')} of what the contract leaves open (--cce-fail-on=note)")
    elif verdict == "holds" and exit_status != _OK:
        notes.append(f"the run fails for another reason (exit status {exit_status})")
    return notes


def _broken(record: RunRecord) -> list[list[str]]:
    """Return the targets of each cause that breaks the contract."""
    return [at for cause, at in record.causes if cause.finding.kind != Kind.OBSERVATION]


def _missing(checks: Sequence[ShippedCheck]) -> list[ShippedCheck]:
    return [check for check in checks if check.state == "not-judged"]


def _accepted(record: RunRecord) -> str:
    return ", but for what was accepted" if record.of_verdict("accepted") else ""


def _headline(record: RunRecord, verdict: RunVerdict, reason: str, stopped: str) -> str:
    if record.suite or verdict != "incomplete" or stopped:
        return f"{TITLES[verdict]}: {reason}"
    # a run of other tests has not checked the contract, and need not judge any answer
    return reason
