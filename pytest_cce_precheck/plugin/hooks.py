"""The pytest plugin: its hooks, options, markers and header. It only connects parts, and imports nothing heavy."""

from __future__ import annotations

import os
import sys
from contextlib import contextmanager, nullcontext
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest

from pytest_cce_precheck.config.options import OPTIONS
from pytest_cce_precheck.environment import Environment
from pytest_cce_precheck.errors import ConfigurationError
from pytest_cce_precheck.plugin import fixtures, hookspecs
from pytest_cce_precheck.plugin.fixtures import as_usage_error, context_key, harnesses_key
from pytest_cce_precheck.plugin.run_log import RunLog, add_records, beside_key, log_key, record
from pytest_cce_precheck.plugin.settings import (
    TARGETS_INPUT,
    config_key,
    environment_key,
    ini_type,
    may_be_real,
    refuse_options_from_files,
    refuse_real_services,
    runs_the_suite,
    settings_of,
    targets_key,
    targets_of,
    time_of_writing,
    uses_the_plugin,
)

if TYPE_CHECKING:
    from collections.abc import Callable, Generator, Iterator

    from _pytest.terminal import TerminalReporter

    from pytest_cce_precheck.config.options import Config

MARKERS = (
    (
        "cce(mode=None, cassette=None, faults=(), repeats=False, tasks=None): mode to run in, cassette, faults, whether"
        " answers repeat, the simulator's tasks"
    ),
    "cce_allow(code, reason=..., until=None): accept a finding code (or a rule's name) in this test, until YYYY-MM-DD",
)
# only the heavier modules know which values of these are valid
_VALIDATED = frozenset({"fault", "accept", "baseline", "report", "require"})


def pytest_addhooks(pluginmanager: pytest.PytestPluginManager) -> None:
    """Register our hook specifications and our fixtures."""
    pluginmanager.add_hookspecs(hookspecs)
    pluginmanager.register(fixtures, "cce-fixtures")
    # `challenge.plan.VARIABLE`, which this run would have to import
    if os.environ.get("CCE_PRECHECK_CHALLENGE"):
        from pytest_cce_precheck.plugin.challenge import Challenger

        with as_usage_error():
            pluginmanager.register(Challenger(), "cce-challenge")


def pytest_addoption(parser: pytest.Parser) -> None:
    """Add an option and an ini name for every setting."""
    group = parser.getgroup("cce-precheck", "contract tests of CCE's ListAddonPrecheckTasks (pytest-cce-precheck)")
    for option in OPTIONS:
        action = {"flag": "store_true", "list": "append"}.get(option.kind, "store")
        metavar = "{" + ",".join(option.choices) + "}" if option.choices else option.metavar
        extra: dict[str, Any] = {"metavar": metavar} if metavar else {}
        # argparse formats the text
        text = option.help.replace("%", "%%")
        group.addoption(option.flag, dest=option.ini, action=action, default=None, help=text, **extra)
        parser.addini(option.ini, f"as {option.flag}", type=ini_type(option), default=None)


# inside pytest's own implementation, which shows what was captured
@pytest.hookimpl(wrapper=True, trylast=True)
def pytest_load_initial_conftests(
    early_config: pytest.Config, parser: pytest.Parser
) -> Generator[None, object, object]:
    """Mask the environment's credentials in an error of the first conftest.py, which pytest shows itself."""
    early_config.stash[environment_key] = dict(os.environ)
    if may_be_real(early_config):
        from pytest_cce_precheck.plugin.uncaught import mask_uncaught

        mask_uncaught(early_config)
    with _errors_masked(early_config):
        try:
            result = yield
        except BaseException:
            from pytest_cce_precheck.plugin.masking import mask_captured

            mask_captured(early_config)
            raise
    # pytest shows unknown arguments of the command line
    parser.parse = _errors_masked(early_config)(parser.parse)  # type: ignore[method-assign]
    return result


@contextmanager
def _errors_masked(config: pytest.Config) -> Iterator[None]:
    try:
        yield
    except BaseException as error:
        from pytest_cce_precheck.plugin.masking import mask_exception

        mask_exception(error, config)
        raise


@pytest.hookimpl(wrapper=True, tryfirst=True)
def pytest_cmdline_main(config: pytest.Config) -> Generator[None, object, object]:
    """Mask what the run shows, from before any plugin is configured; only if it has real credentials."""
    is_masked = may_be_real(config)
    if is_masked:
        from pytest_cce_precheck.plugin.masking import mask_everything_shown
        from pytest_cce_precheck.plugin.uncaught import mask_uncaught

        mask_uncaught(config)
        mask_everything_shown(config)
    with _errors_masked(config) if is_masked else nullcontext():
        return (yield)


def pytest_configure(config: pytest.Config) -> None:
    """Resolve the settings before anything is collected; unusable settings stop the run here."""
    for marker in MARKERS:
        config.addinivalue_line("markers", marker)
    is_controller = not hasattr(config, "workerinput")
    if is_controller:
        config.stash[log_key] = log = RunLog()
        config.pluginmanager.register(log, "cce-run-log")
    with as_usage_error(config):
        config.stash[config_key] = settings = settings_of(config)
        refuse_options_from_files(config)
        refuse_real_services(settings)
        if settings.snapshot or settings.mode.records:
            time_of_writing(os.environ)
        config.stash[targets_key] = targets_of(config, settings)
        if not settings.mode.is_simulated or not _VALIDATED.isdisjoint(settings.sources):
            _refuse_the_unusable(config, settings)
        has_ledger = settings.ledger or os.path.lexists(config.rootpath / "cce-known.toml")
        if is_controller and (settings.history or has_ledger):
            from pytest_cce_precheck.plugin.bookkeeping import Bookkeeper

            config.pluginmanager.register(Bookkeeper(config), "cce-bookkeeper")
        if settings.snapshot:
            from pytest_cce_precheck.plugin.snapshot_keeper import keep_snapshot

            keep_snapshot(config, Path(settings.snapshot))


def _refuse_the_unusable(config: pytest.Config, settings: Config) -> None:
    from pytest_cce_precheck.plugin.markers import refusal_key
    from pytest_cce_precheck.plugin.validation import refuse_the_unusable

    # pytest-xdist runs the tests on other machines, which have the credentials
    elsewhere = any("ssh=" in spec or "socket=" in spec for spec in config.getoption("tx", None) or ())
    of_the_suite = runs_the_suite(config) and not elsewhere
    targets = config.stash[targets_key]
    try:
        refuse_the_unusable(settings, Environment(os.environ), of_the_suite=of_the_suite, targets=targets)
    except ConfigurationError as error:
        if not hasattr(config, "workerinput"):
            raise
        config.stash[refusal_key] = str(error)


def pytest_generate_tests(metafunc: pytest.Metafunc) -> None:
    """Run a test that uses the plugin once for each target, and one that uses `cce_sdk` once for each driver."""
    targets = metafunc.config.stash[targets_key]
    if targets and uses_the_plugin(metafunc.definition):
        from pytest_cce_precheck.plugin.markers import over_targets

        over_targets(metafunc, targets)
    if "cce_sdk" in metafunc.fixturenames:
        from pytest_cce_precheck.sdk.pytest_support import driver_commands, driver_ids

        with as_usage_error(metafunc.config):
            commands = driver_commands(metafunc.config.stash[config_key].driver)
        metafunc.parametrize("cce_sdk", commands, indirect=True, scope="session", ids=driver_ids(commands))


@pytest.hookimpl(tryfirst=True)
def pytest_sessionstart(session: pytest.Session) -> None:
    """Apply the run's budget, rate and time to all that this process sends to a real service."""
    if session.config.stash[config_key].mode.is_real:
        from pytest_cce_precheck.plugin.request_budget import RequestBudgets, budgets_key

        session.config.stash[budgets_key] = budgets = RequestBudgets(session.config)
        budgets.start()


@pytest.hookimpl(wrapper=True, tryfirst=True)
def pytest_collection_modifyitems(config: pytest.Config, items: list[pytest.Item]) -> Generator[None, object, object]:
    """Refuse wrong arguments of our markers before any test runs, in every mode."""
    # deselected tests too, with the markers that other plugins add
    collected = list(items)
    result = yield
    if any(marker.name in ("cce", "cce_allow") for item in collected for marker in item.iter_markers()):
        from pytest_cce_precheck.plugin.markers import refuse_wrong_markers

        _refuse(config, refuse_wrong_markers, collected)
    return result


def _refuse(config: pytest.Config, check: Callable[[list[pytest.Item]], object], items: list[pytest.Item]) -> None:
    """Stop the run if a check refuses its tests; on a worker, which would seem to crash, each test fails instead."""
    from pytest_cce_precheck.plugin.markers import refusal_key

    if refusal_key in config.stash:
        # pytest calls `pytest_collection_finish` all the same
        return
    try:
        check(items)
    except ConfigurationError as error:
        config.stash[refusal_key] = str(error)
        if not hasattr(config, "workerinput"):
            with as_usage_error(config):
                raise


def pytest_collection_finish(session: pytest.Session) -> None:
    """Refuse two tests that would record one cassette, before either runs."""
    if session.config.stash[config_key].mode.records:
        from pytest_cce_precheck.plugin.markers import cassettes_by_test

        _refuse(session.config, cassettes_by_test, session.items)


@pytest.hookimpl(wrapper=True)
def pytest_runtest_call(item: pytest.Item) -> Generator[None, object, object]:
    """Check a cassette's age before the test, and record what was used of it afterwards."""
    __tracebackhide__ = True
    if context_key not in item.stash:
        return (yield)
    from pytest_cce_precheck.plugin.context import (
        age_finding,
        answers,
        observed_of_service,
        proved,
        timeline,
        use_of_cassette,
    )
    from pytest_cce_precheck.plugin.session import Contract

    harness, test = item.stash[context_key]
    finding = age_finding(test, harness.config)
    if finding is not None:
        harness.report_allowed()
        Contract(harness).judge([finding])
    complete = False
    try:
        result = yield
        complete = True
        if test.is_alone:
            test.misses += map(ConfigurationError, harness.mode.simulator.unused_answers)
        return result
    finally:
        if test.examples is not None:
            test.examples.end(complete=complete)
        recorded = {
            "cce_cassette": use_of_cassette(test, complete=complete),
            "cce_live": observed_of_service(harness),
            "cce_answers": answers(harness, test),
            "cce_proved": proved(harness),
            "cce_timeline": timeline(harness),
        }
        for name, value in recorded.items():
            if value is not None:
                record(item, name, value)


@pytest.hookimpl(wrapper=True)
def pytest_runtest_makereport(
    item: pytest.Item, call: pytest.CallInfo[None]
) -> Generator[None, pytest.TestReport, pytest.TestReport]:
    """Set whether the test finished: only then is its cassette written. Requests that nobody answered fail it."""
    report = yield
    # a fixture of a wider scope may end after a test that uses nothing of ours
    if harnesses := item.config.stash.get(harnesses_key, []):
        from pytest_cce_precheck.plugin.context import end_phase

        _, test = item.stash.get(context_key, (None, None))
        end_phase(report, call.excinfo.value if call.excinfo else None, test, harnesses)
    add_records(report, item)
    return report


@pytest.hookimpl(optionalhook=True)
def pytest_configure_node(node: Any) -> None:
    """Pass the request budget and the file of targets to a worker of pytest-xdist."""
    settings = node.config.stash[config_key]
    if settings.mode.is_real:
        from pytest_cce_precheck.plugin.request_budget import budgets_key

        node.config.stash[budgets_key].inform_worker(node)
    if node.config.stash[targets_key]:
        from pytest_cce_precheck.config.targets import text_of

        node.workerinput[TARGETS_INPUT] = text_of(node.config.rootpath / settings.targets)


@pytest.hookimpl(optionalhook=True)
def pytest_xdist_make_scheduler(config: pytest.Config, log: Any) -> Any:
    """Send all tests of a target to one worker, if ``--dist loadgroup`` is given."""
    targets = config.stash[targets_key]
    if not targets or config.getoption("dist") != "loadgroup":
        return None
    from pytest_cce_precheck.plugin.xdist_scheduling import TargetScheduling

    return TargetScheduling(config, log, [target.name for target in targets])


def pytest_report_header(config: pytest.Config) -> list[str]:
    """Return the mode, and each setting with its source, if any is set or the suite is run."""
    settings = config.stash[config_key]
    if not settings.shown and not runs_the_suite(config):
        return []
    said = [f"{flag} {value} ({source})" for flag, (value, source) in settings.shown.items() if flag != "--cce-mode"]
    lines = ["; ".join([f"cce-precheck: mode {settings.mode} ({settings.source('mode')})", *said])]
    names = [target.name for target in config.stash[targets_key]]
    if len(names) > 1:
        lines.append(f"cce-precheck: {len(names)} targets: {', '.join(names)}")
    from pytest_cce_precheck.report.language import language_of, line_in

    return [line_in(line, language_of(settings.lang, os.environ)) for line in lines]


def pytest_terminal_summary(terminalreporter: TerminalReporter, config: pytest.Config) -> None:
    """Print the section, and write the reports, if a test uses the plugin."""
    lines = _ended(config)
    if lines:
        terminalreporter.write_sep("=", "cce-precheck")
    for line in lines:
        terminalreporter.write_line(line)


@pytest.hookimpl(wrapper=True, tryfirst=True)
def pytest_sessionfinish(session: pytest.Session) -> Generator[None, object, object]:
    """Write the reports if no summary was printed, and again if the exit status has changed since."""
    try:
        result = yield
    except BaseException:
        # another plugin failed: the run ends with its traceback, and must not end with status 0
        session.exitstatus = session.exitstatus or pytest.ExitCode.INTERNAL_ERROR
        _end_unseen(session)
        raise
    _end_unseen(session)
    return result


@pytest.hookimpl(wrapper=True, tryfirst=True)
def pytest_unconfigure(config: pytest.Config) -> Generator[None, object, object]:
    """Write the reports again if a plugin has changed the exit status since, or fails here: they must not be green."""
    log = config.stash.get(log_key, None)
    session = log.session if log is not None else None
    if log is None or session is None:
        return (yield)
    if not log.ended:
        # a plugin whose hook goes before ours failed
        session.exitstatus = session.exitstatus or pytest.ExitCode.INTERNAL_ERROR
    try:
        return (yield)
    except BaseException:
        session.exitstatus = session.exitstatus or pytest.ExitCode.INTERNAL_ERROR
        raise
    finally:
        _end_unseen(session)


def _end_unseen(session: pytest.Session) -> None:
    log = session.config.stash.get(log_key, None)
    if log is not None:
        log.ended = True
    if log is not None and log.exit_status != session.exitstatus:
        unseen = log.exit_status is None
        lines = _ended(session.config)
        shown = [*lines[: int(unseen)], *(line for line in lines if line.startswith("ERROR: "))]
        sys.stderr.write("".join(f"{line}\n" for line in shown))


def _ended(config: pytest.Config) -> list[str]:
    """End a run that uses the plugin: make its record, write it, set the exit status; return the lines to print."""
    log = config.stash.get(log_key, None)
    # a worker of pytest-xdist has only a part, and without a test there is nothing to judge
    if log is None or log.session is None or not log.collected or config.option.collectonly or config.option.setuponly:
        return []
    suite = log.is_of_the_suite(config)
    if not (suite or log.has_ours or config.stash.get(beside_key, ()) or config.stash[config_key].report):
        return []
    from pytest_cce_precheck.plugin.ending import end

    return list(end(log.session, log, suite=suite))
