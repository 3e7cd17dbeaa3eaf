"""``cce-precheck faults``: the faults and variations of the simulator."""

from __future__ import annotations

from typing import TYPE_CHECKING

from pytest_cce_precheck.cli.output import put_out
from pytest_cce_precheck.simulator.faults import FAULTS
from pytest_cce_precheck.simulator.variations import VARIATIONS

if TYPE_CHECKING:
    import argparse
    from collections.abc import Iterator


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Add the arguments of ``faults``."""
    parser.add_argument("--json", action="store_true", help="print them as JSON")
    parser.set_defaults(run=run)


def run(options: argparse.Namespace) -> int:
    """Print each fault with its codes, and each conforming variation."""
    names = ("name", "category", "codes", "subtle", "summary")
    faults = [{name: getattr(fault, name) for name in names} for fault in FAULTS.values()]
    variations = [{"name": each.name, "summary": each.summary} for each in VARIATIONS.values()]
    put_out(options, {"faults": faults, "variations": variations}, _lines())
    return 0


def _lines() -> Iterator[str]:
    width = max(len(name) for name in (*FAULTS, *VARIATIONS))
    for category in dict.fromkeys(fault.category for fault in FAULTS.values()):
        yield category
        for fault in FAULTS.values():
            if fault.category == category:
                yield f"  {fault.name:<{width}}  {'/'.join(fault.codes):<8}  {fault.summary}"
    yield "conforming variations"
    yield from (f"  {each.name:<{width}}  {'':<8}  {each.summary}" for each in VARIATIONS.values())
