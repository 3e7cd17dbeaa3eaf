"""The pytest plugin: options, ini names, markers, header and summary. Wiring only; it imports nothing heavy."""

from __future__ import annotations

import os
from typing import TYPE_CHECKING, Any, Literal

from pytest_cce_precheck import hookspecs
from pytest_cce_precheck.config import OPTIONS, Option, resolve
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
PROPERTIES = ("cce_mode", "cce_finding", "cce_allowed", "cce_accepted", "cce_run")
# what is set here can be wrong in ways that only the heavier modules know
LOOKED_UP = frozenset({"fault", "accept", "report", "budget", "timeout"})


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
        if settled.mode == "live" or not LOOKED_UP.isdisjoint(settled.sources):
            from pytest_cce_precheck.startup import refuse_the_unusable

            refuse_the_unusable(settled, os.environ, of_the_suite=_runs_the_suite(config))
    config.stash[config_key] = settled


def _runs_the_suite(config: pytest.Config) -> bool:
    return any(SUITE in str(argument) for argument in config.args)


def pytest_report_header(config: pytest.Config) -> list[str]:
    """Say the mode, and each setting with its source, in the runs that have to do with us."""
    settled = config.stash[config_key]
    if not settled.settled and not _runs_the_suite(config):
        return []
    settings = "; ".join(f"{flag} {value}" for flag, value in settled.settled.items() if flag != "--cce-mode")
    return [f"cce-precheck: mode {settled.mode} ({settled.source('mode')})" + (f"; {settings}" if settings else "")]


def pytest_terminal_summary(terminalreporter: TerminalReporter, config: pytest.Config) -> None:
    """Sum up what the tests recorded; only where one of them has to do with us, or a report is asked for."""
    recorded = [
        (report.nodeid, name, value)
        for reports in terminalreporter.stats.values()
        for report in reports
        if getattr(report, "when", None) == "call"
        for name, value in report.user_properties
        if name in PROPERTIES
    ]
    if recorded or config.stash[config_key].report is not None:
        from pytest_cce_precheck.report.summary import summarise

        with as_usage_error():
            summarise(recorded, config.stash[config_key], terminalreporter)
