"""Check at start-up what can only be checked with the heavier modules: names of faults and codes, live settings."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

from pytest_cce_precheck.client import checked_endpoint
from pytest_cce_precheck.contract.acceptance import Acceptance
from pytest_cce_precheck.errors import ConfigurationError
from pytest_cce_precheck.report.files import writer_for
from pytest_cce_precheck.simulator.service import Simulator
from pytest_cce_precheck.suite.budget import Shares
from pytest_cce_precheck.wire.credentials import Credentials

if TYPE_CHECKING:
    from collections.abc import Mapping

    from pytest_cce_precheck.config import Config


def refuse_the_unusable(config: Config, environment: Mapping[str, str]) -> None:
    """Raise `ConfigurationError` for the first setting that no test could use."""
    Simulator(faults=config.fault)
    for text in config.accept:
        Acceptance.parse(text)
    Shares.of(config.budget, writes=config.allow_writes)
    if config.report is not None:
        writer_for(Path(config.report))
    if config.mode == "live":
        if config.fault:
            raise ConfigurationError(
                "--cce-fault works on the embedded service alone: leave it out, or use --cce-mode=simulate"
            )
        if config.service is not None:
            checked_endpoint(config.service, Credentials.from_environment(environment))
