"""How reliable each check is, by its history: how often it had a verdict, and how often the same."""

from __future__ import annotations

from collections import Counter
from dataclasses import dataclass
from itertools import groupby, pairwise
from typing import TYPE_CHECKING

from pytest_cce_precheck.report.history import CheckOutcome, latest
from pytest_cce_precheck.report.text import one_line

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence
    from pathlib import Path


@dataclass(frozen=True)
class Reliability:
    """What the history shows of one check on one target.

    ``flips`` counts how often a verdict differed from the one before it; runs without a verdict in between do not
    count. ``decided`` is the share of runs with a verdict, ``agreeing`` the share of these with the most frequent
    verdict, and ``reliability`` the share of all runs with that verdict. The last two are None without any verdict.
    """

    test: str
    mode: str
    endpoint: str
    cluster: str
    runs: int
    failed: int
    inconclusive: int
    flips: int
    decided: float
    agreeing: float | None
    reliability: float | None
    last: str
    last_at: str
    codes: tuple[str, ...]


def reliability(path: Path, *, last: int = 50) -> tuple[Reliability, ...]:
    """Judge each check on each target by its ``last`` runs, the least reliable first; skipped runs do not count.

    Raises `ConfigurationError` if there is no history.
    """
    groups: dict[tuple[str, str, str, str], list[CheckOutcome]] = {}
    for outcome in latest(path, last):
        groups.setdefault((outcome.test, *_target(outcome)), []).append(outcome)
    judged = map(_judged, groups.values())
    return tuple(sorted(judged, key=lambda each: (each.reliability or 0, -each.flips, each.test, each.mode)))


def as_table(judged: Sequence[Reliability]) -> Iterator[str]:
    """Yield the lines of a table for each target, with a row for each check."""
    if not judged:
        yield "the history holds no run yet"
    for (mode, endpoint, cluster), rows in groupby(sorted(judged, key=_target), key=_target):
        yield one_line(f"{mode}: {endpoint}" + (f", cluster {cluster}" if cluster else ""))
        yield f"  {'runs':>5} {'failed':>7} {'inconcl.':>9} {'flips':>6} {'verdicts':>9} {'agree':>6}  last"
        for row in rows:
            codes = f" ({', '.join(row.codes)})" if row.codes else ""
            yield one_line(
                f"  {row.runs:>5} {row.failed:>7} {row.inconclusive:>9} {row.flips:>6}"
                f" {_percent(row.decided):>9} {_percent(row.agreeing):>6}  {row.last:<12} {row.test}{codes}"
            )


def _target(each: CheckOutcome | Reliability) -> tuple[str, str, str]:
    return each.mode, each.endpoint, each.cluster


def _judged(group: Sequence[CheckOutcome]) -> Reliability:
    verdicts = [outcome.result for outcome in group if outcome.result in ("passed", "failed")]
    majority = max(Counter(verdicts).values(), default=0)
    newest = group[-1]
    return Reliability(
        test=newest.test,
        mode=newest.mode,
        endpoint=newest.endpoint,
        cluster=newest.cluster,
        runs=len(group),
        failed=verdicts.count("failed"),
        inconclusive=sum(outcome.result == "inconclusive" for outcome in group),
        flips=sum(one != other for one, other in pairwise(verdicts)),
        decided=len(verdicts) / len(group),
        agreeing=majority / len(verdicts) if verdicts else None,
        reliability=majority / len(group) if verdicts else None,
        last=newest.result,
        last_at=newest.at,
        codes=tuple(sorted({code for outcome in group for code in outcome.codes.split()})),
    )


def _percent(share: float | None) -> str:
    # 99.9 % is not shown as 100 %
    return "-" if share is None else f"{min(round(share * 100), 99 if share < 1 else 100)}%"
