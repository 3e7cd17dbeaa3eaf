"""The pytest plugin: options, ini names, markers, header and summary. Wiring only; it imports nothing heavy."""

from __future__ import annotations

import os
from typing import TYPE_CHECKING, Any, Literal

from pytest_cce_precheck import hookspecs
from pytest_cce_precheck.config import OPTIONS, Config, Option, resolve
from pytest_cce_precheck.fixtures import (
    _cce_harness,
    _cce_test,
    as_usage_error,
    cce_client,
    cce_config,
    cce_contract,
    cce_credentials,
    cce_exchanges,
    cce_server,
    cce_simulator,
    config_key,
)

if TYPE_CHECKING:
    import pytest
    from _pytest.terminal import TerminalReporter

# pytest finds fixtures as attributes of the plugin
__all__ = [
    "_cce_harness",
    "_cce_test",
    "cce_client",
    "cce_config",
    "cce_contract",
    "cce_credentials",
    "cce_exchanges",
    "cce_server",
    "cce_simulator",
]

MARKERS = (
    "cce(mode=None, faults=()): run only in this mode ('simulate' or 'live'); simulate these defects in this test",
    "cce_allow(code, reason=..., until=None): accept a finding code (or a rule's name) in this test, until YYYY-MM-DD",
)
SUITE = "pytest_cce_precheck.suite"
PROPERTIES = ("cce_finding", "cce_accepted", "cce_run")


def pytest_addhooks(pluginmanager: pytest.PytestPluginManager) -> None:
    """Register our hook specifications."""
    pluginmanager.add_hookspecs(hookspecs)


def pytest_addoption(parser: pytest.Parser) -> None:
    """Add an option and an ini name for every setting."""
    group = parser.getgroup("cce-precheck", "contract tests of CCE's ListAddonPrecheckTasks (pytest-cce-precheck)")
    for option in OPTIONS:
        extra: dict[str, Any] = {"metavar": option.metavar} if option.metavar else {}
        action = {"flag": "store_true", "list": "append"}.get(option.kind, "store")
        if option.choices:
            extra["metavar"] = "{" + ",".join(option.choices) + "}"
        group.addoption(option.flag, dest=option.ini, action=action, default=None, help=option.help, **extra)
        parser.addini(option.ini, f"as {option.flag}", type=_ini_type(option), default=None)


def _ini_type(option: Option) -> Literal["linelist", "string"]:
    return "linelist" if option.kind == "list" else "string"


def pytest_configure(config: pytest.Config) -> None:
    """Settle the settings before anything is collected; what cannot be used stops the run here."""
    for marker in MARKERS:
        config.addinivalue_line("markers", marker)
    with as_usage_error():
        settled = resolve(
            lambda option: config.getoption(option.ini), os.environ, lambda option: config.getini(option.ini) or None
        )
        _refuse_the_unusable(settled)
    config.stash[config_key] = settled


def _refuse_the_unusable(settled: Config) -> None:
    # heavy imports only for those who set something that has to be looked up
    if settled.fault or settled.accept or settled.mode == "live" or settled.report:
        from pytest_cce_precheck.startup import refuse_the_unusable

        refuse_the_unusable(settled, os.environ)


def pytest_report_header(config: pytest.Config) -> list[str]:
    """Say the mode, and each setting with its source, in the runs that have to do with us."""
    settled = config.stash[config_key]
    if not settled.settled and not any(SUITE in str(argument) for argument in config.args):
        return []
    settings = "; ".join(f"{flag} {value}" for flag, value in settled.settled.items())
    return [f"cce-precheck: mode {settled.mode} ({settled.source('mode')})" + (f"; {settings}" if settings else "")]


def pytest_terminal_summary(terminalreporter: TerminalReporter, config: pytest.Config) -> None:
    """Sum up what the tests recorded; only where a test has recorded something."""
    recorded = [
        (report.nodeid, name, value)
        for reports in terminalreporter.stats.values()
        for report in reports
        if getattr(report, "when", None) == "call"
        for name, value in report.user_properties
        if name in PROPERTIES
    ]
    if recorded:
        from pytest_cce_precheck.report.summary import summarise

        with as_usage_error():
            summarise(recorded, config.stash[config_key], terminalreporter)
