"""Single defects, by name: each breaks one thing of a service that is otherwise right."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from pytest_cce_precheck.simulator.faults import (
    authentication,
    bodies,
    combination,
    completeness,
    creating,
    errors,
    http,
    invariants,
    isolation,
    lifecycle,
    robustness,
    schema,
    soundness,
    spellings,
)

if TYPE_CHECKING:
    from collections.abc import Mapping

    from pytest_cce_precheck.simulator.pipeline import Fault

_ALL: Final = (
    *schema.FAULTS,
    *soundness.FAULTS,
    *completeness.FAULTS,
    *combination.FAULTS,
    *spellings.FAULTS,
    *invariants.FAULTS,
    *isolation.FAULTS,
    *authentication.FAULTS,
    *errors.FAULTS,
    *http.FAULTS,
    *bodies.FAULTS,
    *lifecycle.FAULTS,
    *creating.FAULTS,
    *robustness.FAULTS,
)

FAULTS: Final[Mapping[str, Fault]] = {fault.name: fault for fault in _ALL}
"""Every fault by its name; the names are what ``--cce-fault`` takes."""
