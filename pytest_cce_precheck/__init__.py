"""Contract tests for Huawei Cloud CCE's ListAddonPrecheckTasks: a pytest plugin, a harness and a simulated service.

The public names are imported when they are first used, so that a run without them costs nothing.
"""

from __future__ import annotations

from importlib import import_module
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from pytest_cce_precheck.cassette.mocks import add_recordings
    from pytest_cce_precheck.client import PrecheckClient
    from pytest_cce_precheck.contract.check import check
    from pytest_cce_precheck.contract.findings import Finding
    from pytest_cce_precheck.errors import CcePrecheckError, ConfigurationError
    from pytest_cce_precheck.explore import strategies
    from pytest_cce_precheck.report.text import ContractViolation
    from pytest_cce_precheck.sdk.pytest_support import assert_lossless
    from pytest_cce_precheck.simulator.server import SimulatorServer
    from pytest_cce_precheck.states import Simulator
    from pytest_cce_precheck.transport.live import HttpTransport
    from pytest_cce_precheck.transport.simulate import InProcessTransport, Interception
    from pytest_cce_precheck.wire.credentials import Credentials, Secret
    from pytest_cce_precheck.wire.exchange import Exchange, Headers, Request, Response, TransportError
    from pytest_cce_precheck.wire.vocabulary import Filter

__version__ = "0.1.0"

__all__ = [
    "CcePrecheckError",
    "ConfigurationError",
    "ContractViolation",
    "Credentials",
    "Exchange",
    "Filter",
    "Finding",
    "Headers",
    "HttpTransport",
    "InProcessTransport",
    "Interception",
    "PrecheckClient",
    "Request",
    "Response",
    "Secret",
    "Simulator",
    "SimulatorServer",
    "TransportError",
    "add_recordings",
    "assert_lossless",
    "check",
    "strategies",
]

_HOME = {
    "CcePrecheckError": "errors",
    "ConfigurationError": "errors",
    "ContractViolation": "report.text",
    "Credentials": "wire.credentials",
    "Exchange": "wire.exchange",
    "Filter": "wire.vocabulary",
    "Finding": "contract.findings",
    "Headers": "wire.exchange",
    "HttpTransport": "transport.live",
    "InProcessTransport": "transport.simulate",
    "Interception": "transport.simulate",
    "PrecheckClient": "client",
    "Request": "wire.exchange",
    "Response": "wire.exchange",
    "Secret": "wire.credentials",
    "Simulator": "states",
    "SimulatorServer": "simulator.server",
    "TransportError": "wire.exchange",
    "add_recordings": "cassette.mocks",
    "assert_lossless": "sdk.pytest_support",
    "check": "contract.check",
    "strategies": "explore.strategies",
}


def __getattr__(name: str) -> Any:
    if name not in _HOME:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    module = import_module(f"{__name__}.{_HOME[name]}")
    # `strategies` is a module itself; `contract.check` holds a function of its own name
    return getattr(module, name, module)


def __dir__() -> list[str]:
    return [*__all__, "__version__"]
