"""Measure reruns: each cause that a fault leads to, asked for again with the fault and without it.

``python benchmarks/rerun.py [NUMBER] [FAULT…]`` prints a line for each cause that was not STILL with the fault or not
FIXED without it, and the sums.
"""

from __future__ import annotations

import random
import sys
from collections import Counter
from pathlib import Path

from pytest_cce_precheck.simulator.faults import FAULTS
from pytest_cce_precheck.suite.rerun import rerun
from pytest_cce_precheck.suite.selftest import inspection_of

sys.path.insert(0, str(Path(__file__).resolve().parent.parent))
from tests.kept_causes import kept_causes


def main() -> None:
    number, names = int((sys.argv[1:] or ["40"])[0]), sys.argv[2:]
    chosen = names or sorted(random.Random(0).sample(sorted(FAULTS), number))
    counts: Counter[str] = Counter()
    requests = []
    for fault in chosen:
        found = kept_causes(fault)
        counts["faults"] += 1
        counts["faults without a cause"] += not found
        for number, each in enumerate(found):
            others = [other.finding for other in found if other is not each]
            with_it, without = rerun(inspection_of([fault]), each, others), rerun(inspection_of(), each, others)
            if each.why_not:
                counts["causes that need creates"] += 1
                continue
            counts["causes"] += 1
            counts[f"with the fault {with_it.outcome}"] += 1
            counts[f"without it {without.outcome}"] += 1
            if number == 0:
                counts[f"first cause, with the fault {with_it.outcome}"] += 1
                counts[f"first cause, without it {without.outcome}"] += 1
            requests += [with_it.requests, without.requests]
            if (with_it.outcome, without.outcome) != ("STILL", "FIXED"):
                print(
                    f"{fault}: {each.finding.code} by {each.check} ({len(each.queries)}): {each.finding.message[:140]}"
                )
                print(f"    with:    {with_it.outcome} {with_it.requests} {with_it.why[:160]}")
                print(f"    without: {without.outcome} {without.requests} {without.why[:160]}")
    for name, number in sorted(counts.items()):
        print(f"{number:5} {name}")
    print(f"requests: {min(requests)} to {max(requests)}, {sum(requests) / len(requests):.1f} on average")


if __name__ == "__main__":
    main()
