"""The fixtures. Their docstrings are what ``pytest --fixtures`` prints; everything heavy is imported inside them."""

from __future__ import annotations

import os
from contextlib import ExitStack, contextmanager
from typing import TYPE_CHECKING, Any

import pytest

from pytest_cce_precheck.environment import Environment
from pytest_cce_precheck.errors import CcePrecheckError, ConfigurationError
from pytest_cce_precheck.plugin.records import record
from pytest_cce_precheck.plugin.settings import config_key

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    from pytest_cce_precheck.client import PrecheckClient
    from pytest_cce_precheck.config.options import Config
    from pytest_cce_precheck.config.targets import NamedTarget
    from pytest_cce_precheck.plugin.filters_fixture import Filters
    from pytest_cce_precheck.plugin.modes.base import TestContext
    from pytest_cce_precheck.plugin.session import Contract, Harness
    from pytest_cce_precheck.sdk.driver import Driver
    from pytest_cce_precheck.simulator.server import SimulatorServer
    from pytest_cce_precheck.simulator.service import Simulator
    from pytest_cce_precheck.wire.credentials import Credentials
    from pytest_cce_precheck.wire.exchange import Exchange

targets_key = pytest.StashKey["tuple[NamedTarget, ...]"]()
context_key: pytest.StashKey[tuple[Harness, TestContext]] = pytest.StashKey()
reported_key: pytest.StashKey[list[tuple[str, str, str]]] = pytest.StashKey()
"""What the end of a run found that no test did, as the summary takes it."""
harnesses_key: pytest.StashKey[list[Harness]] = pytest.StashKey()
"""The harness of each target that has been asked so far."""


@contextmanager
def as_usage_error() -> Iterator[None]:
    """Show misuse as pytest shows it at start-up and at the end: one message, exit status 4."""
    try:
        yield
    except ConfigurationError as error:
        raise pytest.UsageError(str(error)) from None


@contextmanager
def as_setup_error() -> Iterator[None]:
    """Show what stops a test as the error of that test: the message, no traceback of ours."""
    try:
        yield
    except CcePrecheckError as error:
        raise pytest.fail.Exception(str(error), pytrace=False) from None


@pytest.fixture(scope="session")
def _cce_target(request: pytest.FixtureRequest) -> NamedTarget | None:
    # a parameter of every test of ours where there is a file of targets
    target: NamedTarget | None = getattr(request, "param", None)
    return target


@pytest.fixture(scope="session")
def cce_config(_cce_target: NamedTarget | None, pytestconfig: pytest.Config) -> Config:
    """The settings in force, each with its source (`pytest_cce_precheck.config.options.Config`)."""
    return pytestconfig.stash[config_key] if _cce_target is None else _cce_target.config


@pytest.fixture(scope="session")
def _cce_harness(cce_config: Config, _cce_target: NamedTarget | None, pytestconfig: pytest.Config) -> Iterator[Harness]:
    from pytest_cce_precheck.contract.ledger import known_failures
    from pytest_cce_precheck.plugin.request_budget import bounds_of, workers_of
    from pytest_cce_precheck.plugin.session import Harness

    with as_setup_error():
        meter, guard = bounds_of(cce_config, pytestconfig, _cce_target)
        environment = Environment(os.environ if _cce_target is None else _cce_target.environment(os.environ))
        harness = Harness(cce_config, environment, meter, guard, workers=workers_of(pytestconfig, _cce_target))
        harness.acceptances += known_failures(cce_config.ledger, pytestconfig.rootpath)
    pytestconfig.stash.setdefault(harnesses_key, []).append(harness)
    with harness.standing():
        yield harness


@pytest.fixture(scope="session")
def cce_credentials(_cce_harness: Harness, _cce_target: NamedTarget | None) -> Credentials:
    """What requests are authenticated with; override it to take credentials from elsewhere than the environment."""
    with as_setup_error():
        if _cce_target is not None and _cce_harness.config.mode in ("live", "record"):
            _cce_target.refuse_unset(os.environ)
        return _cce_harness.credentials()


@pytest.fixture(scope="session")
def cce_client(_cce_harness: Harness, cce_credentials: Credentials) -> PrecheckClient:
    """A client of the cluster under test in the run's mode: `list_tasks(...)`, `create_tasks(...)` give exchanges."""
    with as_setup_error():
        return _cce_harness.client(cce_credentials)


@pytest.fixture(scope="session")
def cce_contract(_cce_harness: Harness) -> Contract:
    """The judge: `verify(exchange, ...)` raises ContractViolation, `findings(exchange)` only tells."""
    from pytest_cce_precheck.plugin.session import Contract

    return Contract(_cce_harness)


@pytest.fixture(scope="session")
def cce_filters(_cce_harness: Harness, cce_client: PrecheckClient) -> Filters:
    """Strategies of filters, most of which list a task: `data.draw(cce_filters())` in a hypothesis test."""
    from pytest_cce_precheck.plugin.filters_fixture import Filters

    return Filters(_cce_harness, cce_client)


@pytest.fixture
def cce_simulator(_cce_harness: Harness, _cce_test: None) -> Simulator:
    """The embedded service that answers in this test, with the test's faults: its ids, its clock, its credentials."""
    if _cce_harness.test is not None:
        _cce_harness.test.on_simulator = _cce_harness.config.mode != "simulate"
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


@pytest.fixture(scope="session")
def cce_sdk(request: pytest.FixtureRequest) -> Iterator[Driver]:
    """A started driver of an SDK, one run for each --cce-driver; the Python SDK's where none is named."""
    from pytest_cce_precheck.sdk.pytest_support import sdk_driver

    with as_setup_error(), sdk_driver(request.param) as driver:
        yield driver


@pytest.fixture
def cce_sdk_client(cce_client: PrecheckClient) -> Any:
    """The vendor's Python client (extra [sdk]) of the service and cluster of `cce_client`, in the run's mode."""
    from pytest_cce_precheck.sdk.vendor import vendor_client

    with as_setup_error():
        return vendor_client(cce_client.endpoint, cce_client.project_id, cce_client.credentials)


@pytest.fixture(scope="session")
def cce_cassette_dir(cce_config: Config, pytestconfig: pytest.Config) -> Path:
    """The folder of the cassettes (--cce-cassette-dir, from pytest's root); override it to choose another in code."""
    return pytestconfig.rootpath / cce_config.cassette_dir


@pytest.fixture(autouse=True)
def _cce_test(request: pytest.FixtureRequest) -> Iterator[None]:
    # Every test of every dependent passes here: look first, import later.
    node = request.node
    if node.get_closest_marker("cce") is None and not any(
        name.startswith(("cce_", "_cce_h")) for name in request.fixturenames
    ):
        yield
        return
    from pytest_cce_precheck.plugin.context import test_context

    harness: Harness = request.getfixturevalue("_cce_harness")
    with as_setup_error():
        test = test_context(request, harness.config)
    # when=call reports alone are summed up, and they are made before any teardown
    record(node, "cce_mode", harness.config.mode)
    target: NamedTarget | None = request.getfixturevalue("_cce_target")
    if target is not None:
        record(node, "cce_target", target.name)
    node.stash[context_key] = (harness, test)
    with ExitStack() as stack:
        with as_setup_error():
            stack.enter_context(harness.running(test))
        if "cce_contract" in request.fixturenames:
            harness.note_allowed()
        if test.by_chance:
            from pytest_cce_precheck.plugin.examples import watched

            test.examples = stack.enter_context(watched(node.obj, test.report))
        yield
        with as_setup_error():
            stack.close()
    if test.kept is not None:
        record(node, "cce_recorded", "kept" if test.kept else "left")
    for exchange in harness.exchanges:
        request.config.hook.pytest_cce_exchange(exchange=exchange, item=node)
