"""``cce-precheck faults``: the faults and variations of the simulator."""

from __future__ import annotations

import json
import sys
from typing import TYPE_CHECKING

from pytest_cce_precheck.simulator.faults import FAULTS
from pytest_cce_precheck.simulator.variations import VARIATIONS

if TYPE_CHECKING:
    import argparse


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Add the arguments of ``faults``."""
    parser.add_argument("--json", action="store_true", help="print them as JSON")


def run(options: argparse.Namespace) -> int:
    """Print each fault with its codes, and each conforming variation."""
    if options.json:
        listed = {
            "faults": [
                {
                    "name": f.name,
                    "category": f.category,
                    "codes": list(f.codes),
                    "subtle": f.subtle,
                    "summary": f.summary,
                }
                for f in FAULTS.values()
            ],
            "variations": [{"name": v.name, "summary": v.summary} for v in VARIATIONS.values()],
        }
        sys.stdout.write(json.dumps(listed, indent=2, ensure_ascii=False) + "\n")
        return 0
    width = max(len(name) for name in (*FAULTS, *VARIATIONS))
    for category in dict.fromkeys(fault.category for fault in FAULTS.values()):
        sys.stdout.write(f"{category}\n")
        for fault in FAULTS.values():
            if fault.category == category:
                sys.stdout.write(f"  {fault.name:<{width}}  {'/'.join(fault.codes):<8}  {fault.summary}\n")
    sys.stdout.write("conforming variations\n")
    for variation in VARIATIONS.values():
        sys.stdout.write(f"  {variation.name:<{width}}  {'':<8}  {variation.summary}\n")
    return 0
