"""The fixtures. Their docstrings are what ``pytest --fixtures`` prints; everything heavy is imported inside them."""

from __future__ import annotations

import os
from contextlib import ExitStack, contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest

from pytest_cce_precheck.environment import Environment
from pytest_cce_precheck.errors import CcePrecheckError, ConfigurationError
from pytest_cce_precheck.plugin.run_log import record
from pytest_cce_precheck.plugin.settings import config_key, uses_the_plugin

if TYPE_CHECKING:
    from collections.abc import Iterator

    from pytest_cce_precheck.client import PrecheckClient
    from pytest_cce_precheck.config.options import Config
    from pytest_cce_precheck.config.targets import NamedTarget
    from pytest_cce_precheck.plugin.filters_fixture import Filters
    from pytest_cce_precheck.plugin.modes.base import Simulators, TestContext
    from pytest_cce_precheck.plugin.session import Contract, Harness
    from pytest_cce_precheck.proxy.service import Service
    from pytest_cce_precheck.sdk.driver import Driver
    from pytest_cce_precheck.simulator.server import SimulatorServer
    from pytest_cce_precheck.states import Simulator
    from pytest_cce_precheck.wire.credentials import Credentials
    from pytest_cce_precheck.wire.exchange import Exchange

context_key: pytest.StashKey[tuple[Harness, TestContext]] = pytest.StashKey()
harnesses_key: pytest.StashKey[list[Harness]] = pytest.StashKey()
"""The harness of each target that was tested so far."""
simulators_key: pytest.StashKey[Simulators] = pytest.StashKey()
"""What makes the simulators, if others than the usual ones are needed."""
returned_key: pytest.StashKey[list[Credentials]] = pytest.StashKey()
"""What fixtures that override `cce_credentials` returned so far, in a run against a real service."""


@contextmanager
def as_usage_error(config: pytest.Config | None = None) -> Iterator[None]:
    """Report misuse as pytest does at the start and at the end of a run: one message, exit status 4."""
    try:
        yield
    except ConfigurationError as error:
        raise pytest.UsageError(_in_language(str(error), config)) from None


def _in_language(message: str, config: pytest.Config | None) -> str:
    from pytest_cce_precheck.report.language import language_of, text_in

    # the settings may be what is wrong
    given = getattr(config and config.known_args_namespace, "cce_lang", None) or os.environ.get("CCE_LANG")
    return text_in(message, "zh" if given == "zh" else "en" if given == "en" else language_of(None, os.environ))


@contextmanager
def as_setup_error() -> Iterator[None]:
    """Report what stops a test as the error of that test: the message, without a traceback of ours."""
    try:
        yield
    except CcePrecheckError as error:
        raise pytest.fail.Exception(str(error), pytrace=False) from None


@pytest.fixture(scope="session")
def _cce_target(request: pytest.FixtureRequest) -> NamedTarget | None:
    # `over_targets` parametrizes it
    target: NamedTarget | None = getattr(request, "param", None)
    return target


@pytest.fixture(scope="session")
def cce_config(_cce_target: NamedTarget | None, pytestconfig: pytest.Config) -> Config:
    """The settings in force, each with its source (`pytest_cce_precheck.config.options.Config`)."""
    return pytestconfig.stash[config_key] if _cce_target is None else _cce_target.config


@pytest.fixture(scope="session")
def _cce_harness(cce_config: Config, _cce_target: NamedTarget | None, pytestconfig: pytest.Config) -> Iterator[Harness]:
    from pytest_cce_precheck.contract.ledger import known_failures
    from pytest_cce_precheck.plugin.request_budget import budgets_key
    from pytest_cce_precheck.plugin.session import Harness
    from pytest_cce_precheck.report.saved import baseline

    with as_setup_error():
        environment = Environment(os.environ if _cce_target is None else _cce_target.environment(os.environ))
        budgets = pytestconfig.stash.get(budgets_key, None)
        if budgets is None:
            harness = Harness(cce_config, environment, simulators=pytestconfig.stash.get(simulators_key, None))
        else:
            budgets.apply(cce_config, _cce_target)
            budget, guard = budgets.of(cce_config, _cce_target), budgets.guard_of(cce_config, _cce_target)
            harness = Harness(cce_config, environment, budget, guard, workers=budgets.workers(_cce_target))
        # those of a fixture that overrides ours, made before or after this
        harness.returned = pytestconfig.stash.setdefault(returned_key, [])
        harness.acceptances += known_failures(cce_config.ledger, pytestconfig.rootpath)
        if cce_config.baseline:
            name = _cce_target.name if _cce_target is not None else ""
            harness.acceptances += baseline(Path(cce_config.baseline), name)
    pytestconfig.stash.setdefault(harnesses_key, []).append(harness)
    with harness.session():
        yield harness


@pytest.fixture(scope="session")
def cce_credentials(_cce_harness: Harness, _cce_target: NamedTarget | None) -> Credentials:
    """What requests are authenticated with; override it to use credentials that are not in the environment."""
    with as_setup_error():
        if _cce_target is not None and _cce_harness.config.mode.is_real:
            _cce_target.refuse_unset(os.environ)
        return _cce_harness.mode.credentials()


@pytest.fixture(scope="session")
def cce_client(_cce_harness: Harness, cce_credentials: Credentials) -> PrecheckClient:
    """A client of the cluster under test in the run's mode; `list_tasks(...)`, `create_tasks(...)` return exchanges."""
    with as_setup_error():
        return _cce_harness.client(cce_credentials)


@pytest.fixture(scope="session")
def cce_contract(_cce_harness: Harness) -> Contract:
    """The contract: `verify(exchange, ...)` raises ContractViolation, `findings(exchange)` only returns findings."""
    from pytest_cce_precheck.plugin.session import Contract

    return Contract(_cce_harness)


@pytest.fixture(scope="session")
def cce_filters(_cce_harness: Harness, cce_client: PrecheckClient) -> Filters:
    """Strategies of filters, most of which list a task: `data.draw(cce_filters())` in a hypothesis test."""
    from pytest_cce_precheck.plugin.filters_fixture import Filters

    return Filters(_cce_harness, cce_client)


@pytest.fixture
def cce_simulator(_cce_harness: Harness, _cce_test: None) -> Simulator:
    """The simulator that answers in this test, with the test's faults: its ids, its clock, its credentials."""
    test, mode = _cce_harness.test, _cce_harness.mode
    if test is not None:
        test.on_simulator = not _cce_harness.config.mode.is_simulated
        if test.on_simulator or not test.is_alone:
            mode.simulator = mode.own_simulator(test)
            test.is_alone = True
            test.asked_before = 0
    return mode.simulator


@pytest.fixture(scope="session")
def cce_service(_cce_harness: Harness, cce_client: PrecheckClient) -> Iterator[Service]:
    """The service in the run's mode as a real HTTP server (`.url`), for every client: ids, headers(), environment."""
    from pytest_cce_precheck.plugin.service import service_of

    with service_of(_cce_harness, cce_client) as service:
        yield service


@pytest.fixture
def cce_server(cce_simulator: Simulator) -> Iterator[SimulatorServer]:
    """The simulator as a real HTTP server on loopback (`.endpoint`), for an SDK in any language."""
    from pytest_cce_precheck.simulator.server import SimulatorServer

    with SimulatorServer(cce_simulator) as server:
        yield server


@pytest.fixture
def cce_exchanges(_cce_harness: Harness, _cce_test: None) -> list[Exchange]:
    """The exchanges that this test has made through `cce_client` so far."""
    return _cce_harness.exchanges


@pytest.fixture(scope="session")
def cce_sdk(request: pytest.FixtureRequest) -> Iterator[Driver]:
    """A started driver of an SDK, one run for each --cce-driver; that of the Python SDK if there is none."""
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
    # every test of every dependent runs this: nothing is imported unless the test uses the plugin
    node = request.node
    if not uses_the_plugin(node):
        yield
        return
    from pytest_cce_precheck.plugin.context import test_context

    harness: Harness = request.getfixturevalue("_cce_harness")
    with as_setup_error():
        test = test_context(request, harness.config)
    # recorded here, since the reports that are summed up are made before any teardown
    record(node, "cce_mode", harness.config.mode.value)
    target: NamedTarget | None = request.getfixturevalue("_cce_target")
    if target is not None:
        record(node, "cce_target", target.name)
    node.stash[context_key] = (harness, test)
    with ExitStack() as stack:
        with as_setup_error():
            stack.enter_context(harness.running(test))
        if "cce_contract" in request.fixturenames:
            harness.report_allowed()
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
