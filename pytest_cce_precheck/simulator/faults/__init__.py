"""The faults by name: each is one defect of a service that follows the contract.

A module has the hooks of two categories or more; names, codes and summaries are in ``catalogue.toml``.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Final

from pytest_cce_precheck.simulator.faults import access, combination, creating, documents, filters, http, tasks
from pytest_cce_precheck.simulator.pipeline import Fault, load_faults

TABLES: Final = tuple(module.HOOKS for module in (documents, filters, combination, tasks, access, http, creating))
"""The hooks of all faults."""

FAULTS: Final[Mapping[str, Fault]] = load_faults(TABLES)
"""Every fault by its name; the names are what ``--cce-fault`` takes."""
