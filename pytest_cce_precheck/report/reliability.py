"""How far each check can be relied on, judged by its history: how often it gave a verdict, and how often the same."""

from __future__ import annotations

import json
from collections import Counter
from dataclasses import asdict, dataclass
from itertools import pairwise
from typing import TYPE_CHECKING, Any

from pytest_cce_precheck.report.history import CheckOutcome, latest
from pytest_cce_precheck.report.text import one_line

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence
    from pathlib import Path

_VERDICTS = ("passed", "failed")


@dataclass(frozen=True)
class Reliability:
    """What the history says of one check on one target.

    ``flips`` counts how often a verdict was another than the one before it; runs without a verdict lie between.
    ``decided`` is the share of runs with a verdict, ``agreeing`` the share of these that say what most do, and
    ``reliability`` both in one: the share of runs that say what most do. The last two are None without any verdict.
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
    """Judge each check on each target by its ``last`` runs, the least reliable first; a skipped run is none.

    Raises `ConfigurationError` if there is no history.
    """
    groups: dict[tuple[str, str, str, str], list[CheckOutcome]] = {}
    for outcome in latest(path, last):
        key = (outcome.test, outcome.mode, outcome.endpoint, outcome.cluster)
        groups.setdefault(key, []).append(outcome)
    judged = [_judged(group) for group in groups.values()]
    return tuple(sorted(judged, key=lambda each: (each.reliability or 0, -each.flips, each.test, each.mode)))


def as_table(judged: Sequence[Reliability]) -> Iterator[str]:
    """Write what was judged, target by target, a line for each check."""
    if not judged:
        yield "the history holds no run yet"
    for target in sorted({(each.mode, each.endpoint, each.cluster) for each in judged}):
        mode, endpoint, cluster = target
        yield one_line(f"{mode}: {endpoint}" + (f", cluster {cluster}" if cluster else ""))
        yield f"  {'runs':>5} {'failed':>7} {'inconcl.':>9} {'flips':>6} {'verdicts':>9} {'agree':>6}  last"
        for each in judged:
            if (each.mode, each.endpoint, each.cluster) == target:
                codes = f" ({', '.join(each.codes)})" if each.codes else ""
                yield one_line(
                    f"  {each.runs:>5} {each.failed:>7} {each.inconclusive:>9} {each.flips:>6}"
                    f" {_percent(each.decided):>9} {_percent(each.agreeing):>6}"
                    f"  {each.last:<12} {each.test}{codes}"
                )


def as_json(judged: Sequence[Reliability]) -> str:
    """Write what was judged for programs."""
    return json.dumps([_data(each) for each in judged], indent=2, ensure_ascii=False) + "\n"


def _data(each: Reliability) -> dict[str, Any]:
    return {**asdict(each), "codes": list(each.codes)}


def _judged(group: Sequence[CheckOutcome]) -> Reliability:
    verdicts = [outcome.result for outcome in group if outcome.result in _VERDICTS]
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
    # nearly all is not all
    return "-" if share is None else f"{min(round(share * 100), 99 if share < 1 else 100)}%"
