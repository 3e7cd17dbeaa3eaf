"""The fixtures. Their docstrings are what ``pytest --fixtures`` prints; everything heavy is imported inside them."""

from __future__ import annotations

import inspect
import os
from contextlib import ExitStack, contextmanager
from typing import TYPE_CHECKING, Any, TypeVar

import pytest

from pytest_cce_precheck.config import Config
from pytest_cce_precheck.errors import ConfigurationError

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator
    from datetime import date

    from pytest_cce_precheck.client import PrecheckClient
    from pytest_cce_precheck.contract.acceptance import Acceptance
    from pytest_cce_precheck.harness import Contract, Harness
    from pytest_cce_precheck.simulator.server import SimulatorServer
    from pytest_cce_precheck.simulator.service import Simulator
    from pytest_cce_precheck.wire.credentials import Credentials
    from pytest_cce_precheck.wire.exchange import Exchange

T = TypeVar("T")

config_key = pytest.StashKey[Config]()


@contextmanager
def as_usage_error() -> Iterator[None]:
    """Show misuse as pytest shows it at start-up and at the end: one message, exit status 4."""
    try:
        yield
    except ConfigurationError as error:
        raise pytest.UsageError(str(error)) from None


@contextmanager
def as_setup_error() -> Iterator[None]:
    """Show misuse as the error of the test that it was found in: the message, no traceback of ours."""
    try:
        yield
    except ConfigurationError as error:
        raise pytest.fail.Exception(str(error), pytrace=False) from None


@pytest.fixture(scope="session")
def cce_config(pytestconfig: pytest.Config) -> Config:
    """The settings in force, each with its source (`pytest_cce_precheck.config.Config`)."""
    return pytestconfig.stash[config_key]


@pytest.fixture(scope="session")
def _cce_harness(cce_config: Config) -> Iterator[Harness]:
    from pytest_cce_precheck.harness import Harness

    with as_setup_error():
        harness = Harness(cce_config, os.environ)
    yield harness
    harness.close()


@pytest.fixture(scope="session")
def cce_credentials(_cce_harness: Harness) -> Credentials:
    """What requests are authenticated with; override it to take credentials from elsewhere than the environment."""
    with as_setup_error():
        return _cce_harness.credentials()


@pytest.fixture(scope="session")
def cce_client(_cce_harness: Harness, cce_credentials: Credentials) -> PrecheckClient:
    """A client of the cluster under test in the run's mode: `list_tasks(...)`, `create_tasks(...)` give exchanges."""
    with as_setup_error():
        return _cce_harness.client(cce_credentials)


@pytest.fixture
def cce_contract(request: pytest.FixtureRequest, _cce_harness: Harness) -> Contract:
    """The judge: `verify(exchange, ...)` raises ContractViolation, `findings(exchange)` only tells."""
    from pytest_cce_precheck.harness import Contract

    with as_setup_error():
        allowed = [allowance(marker) for marker in request.node.iter_markers("cce_allow")]
    return Contract(_cce_harness, allowed, request.node.user_properties.append)


@pytest.fixture
def cce_simulator(_cce_harness: Harness, _cce_test: None) -> Simulator:
    """The embedded service that answers in this test, with the test's faults: its ids, its clock, its credentials."""
    return _cce_harness.simulator


@pytest.fixture
def cce_server(cce_simulator: Simulator) -> Iterator[SimulatorServer]:
    """The embedded service as a real HTTP server on loopback (`.endpoint`), for an SDK in any language."""
    from pytest_cce_precheck.simulator.server import SimulatorServer

    with SimulatorServer(cce_simulator) as server:
        yield server


@pytest.fixture
def cce_exchanges(_cce_harness: Harness, _cce_test: None) -> list[Exchange]:
    """The exchanges that this test has made through `cce_client` so far."""
    return _cce_harness.exchanges


@pytest.fixture(autouse=True)
def _cce_test(request: pytest.FixtureRequest) -> Iterator[None]:
    # Every test of every dependent passes here: look first, import later.
    marker = request.node.get_closest_marker("cce")
    if marker is None and not any(name.startswith(("cce_", "_cce_h")) for name in request.fixturenames):
        yield
        return
    harness: Harness = request.getfixturevalue("_cce_harness")
    with as_setup_error():
        mode, faults = marked(marker) if marker else (None, ())
    if mode is not None and mode != harness.config.mode:
        pytest.skip(f"marked cce(mode={mode!r}), and this run is in mode {harness.config.mode}")
    # when=call reports alone are summed up, and they are made before any teardown
    request.node.user_properties.append(("cce_mode", harness.config.mode))
    with ExitStack() as stack:
        with as_setup_error():
            stack.enter_context(harness.running(faults))
        yield
    for exchange in harness.exchanges:
        request.config.hook.pytest_cce_exchange(exchange=exchange, item=request.node)


def marked(marker: pytest.Mark) -> tuple[str | None, tuple[str, ...]]:
    """Read ``@pytest.mark.cce(mode=None, faults=())``; raises `ConfigurationError`."""

    def cce(mode: str | None = None, faults: Any = ()) -> tuple[str | None, Any]:
        return mode, faults

    mode, faults = called(cce, marker, "mode=None, faults=()")
    if mode not in (None, "simulate", "live"):
        raise ConfigurationError(f"@pytest.mark.cce(mode={mode!r}): expected 'simulate' or 'live'")
    if not isinstance(faults, list | tuple | set) or not all(isinstance(name, str) for name in faults):
        raise ConfigurationError(f"@pytest.mark.cce(faults={faults!r}): expected a list of names")
    return mode, tuple(faults)


def allowance(marker: pytest.Mark) -> Acceptance:
    """Read ``@pytest.mark.cce_allow(code, reason=…, until=None)``; raises `ConfigurationError`."""
    from pytest_cce_precheck.contract.acceptance import Acceptance

    def cce_allow(code: str, *, reason: str, until: str | date | None = None) -> Acceptance:
        return Acceptance.of(code, reason, until)

    return called(cce_allow, marker, "code, reason=…, until=None")


def called(signature: Callable[..., T], marker: pytest.Mark, expected: str) -> T:
    """Call what has a marker's documented signature with what the marker was given."""
    try:
        inspect.signature(signature).bind(*marker.args, **marker.kwargs)
    except TypeError as error:
        raise ConfigurationError(f"@pytest.mark.{marker.name}: {error}; expected ({expected})") from None
    return signature(*marker.args, **marker.kwargs)
