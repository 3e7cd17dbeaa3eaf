"""Close a bracket: judge what was asked since its opening, and once more before anything is held against a replica."""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from pytest_cce_precheck.contract.answer import Answer
    from pytest_cce_precheck.contract.filters import Bracket, SelectionVerdict
    from pytest_cce_precheck.suite.inspection import Inspection

    Judge = Callable[[Bracket], SelectionVerdict]


def close_bracket(
    run: Inspection, before: Answer, judges: Sequence[Judge]
) -> tuple[Bracket, list[SelectionVerdict]] | None:
    """Read the unfiltered list and judge each question; None if that list cannot be read.

    Where replicas lag, the list may be older than the answers: what would be a new finding is judged by a list that was
    asked for when all replicas had caught up with them. Nothing is reported here.
    """
    answered = run.settings.now()
    after = run.unfiltered()
    if after is None:
        return None
    bracket = run.bracket(before, after)
    verdicts = [judge(bracket) for judge in judges]
    if not run.settling.lag or all(run.times(finding) for each in verdicts for finding in each.findings):
        return bracket, verdicts
    run.wait_until(answered + run.settling.lag)
    after = run.unfiltered()
    if after is None:
        return None
    bracket = run.bracket(before, after)
    return bracket, [
        judge(bracket) if verdict.findings else verdict for judge, verdict in zip(judges, verdicts, strict=True)
    ]
