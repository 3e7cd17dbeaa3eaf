"""The pytest plugin: options, ini names, markers, header and summary. Wiring only; it imports nothing heavy."""

from __future__ import annotations

import os
import sys
from contextlib import contextmanager, nullcontext, suppress
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest

from pytest_cce_precheck.config.options import OPTIONS
from pytest_cce_precheck.environment import Environment
from pytest_cce_precheck.errors import ConfigurationError
from pytest_cce_precheck.plugin import hookspecs
from pytest_cce_precheck.plugin.fixtures import (
    _cce_harness,
    _cce_target,
    _cce_test,
    as_usage_error,
    cce_cassette_dir,
    cce_client,
    cce_config,
    cce_contract,
    cce_credentials,
    cce_exchanges,
    cce_filters,
    cce_sdk,
    cce_sdk_client,
    cce_server,
    cce_simulator,
    context_key,
    reported_key,
    targets_key,
)
from pytest_cce_precheck.plugin.records import environment_key, record, report_records
from pytest_cce_precheck.plugin.run_log import RunLog, log_key, runs_the_suite
from pytest_cce_precheck.plugin.settings import (
    TARGETS_INPUT,
    config_key,
    ini_type,
    refuse_options_from_files,
    refuse_real_services,
    settings_of,
    targets_of,
)

if TYPE_CHECKING:
    from collections.abc import Callable, Generator, Iterator

    from _pytest.terminal import TerminalReporter

    from pytest_cce_precheck.config.options import Config

# pytest finds fixtures as attributes of the plugin
__all__ = [
    "_cce_harness",
    "_cce_target",
    "_cce_test",
    "cce_cassette_dir",
    "cce_client",
    "cce_config",
    "cce_contract",
    "cce_credentials",
    "cce_exchanges",
    "cce_filters",
    "cce_sdk",
    "cce_sdk_client",
    "cce_server",
    "cce_simulator",
]

MARKERS = (
    "cce(mode=None, cassette=None, faults=(), repeats=False): mode to run in, cassette, defects, answers repeat",
    "cce_allow(code, reason=..., until=None): accept a finding code (or a rule's name) in this test, until YYYY-MM-DD",
)
# what is set here can be wrong in ways that only the heavier modules know
LOOKED_UP = frozenset({"fault", "accept", "report"})


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
        parser.addini(option.ini, f"as {option.flag}", type=ini_type(option), default=None)


# within pytest's own, which shows what was captured
@pytest.hookimpl(wrapper=True, trylast=True)
def pytest_load_initial_conftests(
    early_config: pytest.Config, parser: pytest.Parser
) -> Generator[None, object, object]:
    """Mask the environment's credentials in an error of the first conftest.py, which pytest shows by itself."""
    early_config.stash[environment_key] = dict(os.environ)
    with _errors_masked(early_config):
        try:
            result = yield
        except BaseException:
            from pytest_cce_precheck.plugin.masking import mask_captured

            mask_captured(early_config)
            raise
    # pytest goes on with the command line, of which it shows what it does not know
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
    """Mask what the run shows, from before any plugin is configured; only where it has real credentials."""
    with _errors_masked(config) if _masked(config) else nullcontext():
        return (yield)


def _masked(config: pytest.Config) -> bool:
    # what cannot be used is refused when we are configured
    with suppress(ConfigurationError):
        if settings_of(config).mode in ("live", "record"):
            from pytest_cce_precheck.plugin.masking import mask_everything_shown

            mask_everything_shown(config)
            return True
    return False


def pytest_configure(config: pytest.Config) -> None:
    """Settle the settings before anything is collected; what cannot be used stops the run here."""
    for marker in MARKERS:
        config.addinivalue_line("markers", marker)
    if not hasattr(config, "workerinput"):
        config.stash[log_key] = log = RunLog()
        config.pluginmanager.register(log, "cce-run-log")
    with as_usage_error():
        settled = settings_of(config)
        refuse_options_from_files(config)
        refuse_real_services(settled)
        config.stash[targets_key] = targets = targets_of(config, settled)
        if settled.mode != "simulate" or not LOOKED_UP.isdisjoint(settled.sources):
            _refuse_the_unusable(config, settled)
        if settled.history or settled.ledger or os.path.lexists(config.rootpath / "cce-known.toml"):
            from pytest_cce_precheck.contract.ledger import find_ledger
            from pytest_cce_precheck.plugin.bookkeeping import keep_records

            ledger = find_ledger(settled.ledger, config.rootpath)
            strict, history = settled.ledger_strict, settled.history
            keep_records(config, settled, ledger=ledger, strict=strict, history_file=history, targets=targets)
        if settled.snapshot:
            from pytest_cce_precheck.plugin.snapshot_keeper import keep_snapshot

            keep_snapshot(config, settled, Path(settled.snapshot), targets)
    config.stash[config_key] = settled


def _refuse_the_unusable(config: pytest.Config, settled: Config) -> None:
    from pytest_cce_precheck.plugin.markers import refusal_key
    from pytest_cce_precheck.plugin.validation import refuse_the_unusable

    # the credentials are where the tests run
    elsewhere = any("ssh=" in spec or "socket=" in spec for spec in config.getoption("tx", None) or ())
    of_the_suite = runs_the_suite(config) and not elsewhere
    targets = config.stash[targets_key]
    try:
        refuse_the_unusable(settled, Environment(os.environ), of_the_suite=of_the_suite, targets=targets)
    except ConfigurationError as error:
        if not hasattr(config, "workerinput"):
            raise
        config.stash[refusal_key] = str(error)


def pytest_generate_tests(metafunc: pytest.Metafunc) -> None:
    """Run a test of ours once for each target, and one of `cce_sdk` once for each driver."""
    targets = metafunc.config.stash[targets_key]
    if targets:
        from pytest_cce_precheck.plugin.markers import is_concerned, over_targets

        if is_concerned(metafunc.definition):
            over_targets(metafunc, targets)
    if "cce_sdk" in metafunc.fixturenames:
        from pytest_cce_precheck.sdk.pytest_support import driver_commands

        with as_usage_error():
            commands = driver_commands(metafunc.config.stash[config_key].driver)
        names = [" ".join(Path(word).name for word in command) for command in commands]
        metafunc.parametrize("cce_sdk", commands, indirect=True, scope="session", ids=names)


@pytest.hookimpl(tryfirst=True)
def pytest_sessionstart(session: pytest.Session) -> None:
    """Hold all that this process sends to a real service to the run's budget, rate and time."""
    settled = session.config.stash[config_key]
    if settled.mode in ("live", "record"):
        from pytest_cce_precheck.plugin.request_budget import install_gates

        targets = session.config.stash[targets_key]
        install_gates([(target.config, target) for target in targets] or [(settled, None)], session.config)


@pytest.hookimpl(wrapper=True, tryfirst=True)
def pytest_collection_modifyitems(config: pytest.Config, items: list[pytest.Item]) -> Generator[None, object, object]:
    """Refuse wrong arguments of our markers before any test runs, in every mode and of every test that is there."""
    # of those that are then deselected too, with the markers that others add
    collected = list(items)
    result = yield
    if any(marker.name in ("cce", "cce_allow") for item in collected for marker in item.iter_markers()):
        from pytest_cce_precheck.plugin.markers import refuse_wrong_markers

        _refuse(config, refuse_wrong_markers, collected)
    return result


def _refuse(config: pytest.Config, check: Callable[[list[pytest.Item]], object], items: list[pytest.Item]) -> None:
    """Stop the run if a check refuses its tests; a worker, which would seem to crash, fails each of ours with it."""
    from pytest_cce_precheck.plugin.markers import refusal_key

    if refusal_key in config.stash:
        # pytest calls `pytest_collection_finish` all the same
        return
    try:
        check(items)
    except ConfigurationError as error:
        config.stash[refusal_key] = str(error)
        if not hasattr(config, "workerinput"):
            raise pytest.UsageError(str(error)) from None


def pytest_collection_finish(session: pytest.Session) -> None:
    """Refuse two tests that would record one cassette, before either runs."""
    if session.config.stash[config_key].mode == "record":
        from pytest_cce_precheck.plugin.markers import cassettes_by_test

        _refuse(session.config, cassettes_by_test, session.items)


@pytest.hookimpl(wrapper=True)
def pytest_runtest_call(item: pytest.Item) -> Generator[None, object, object]:
    """Judge a cassette's age before the test, and report what was used of it after."""
    __tracebackhide__ = True
    if context_key not in item.stash:
        return (yield)
    from pytest_cce_precheck.plugin.context import age_finding, answers, observed_of_service, use_of_cassette
    from pytest_cce_precheck.plugin.session import Contract

    harness, test = item.stash[context_key]
    finding = age_finding(test, harness.config)
    if finding is not None:
        harness.note_allowed()
        Contract(harness).judge([finding])
    complete = False
    try:
        result = yield
        complete = True
        return result
    finally:
        if test.examples is not None:
            test.examples.end(complete=complete)
        used = use_of_cassette(test, complete=complete)
        if used is not None:
            record(item, "cce_cassette", used)
        known = observed_of_service(harness)
        if known is not None:
            record(item, "cce_live", known)
        record(item, "cce_answers", answers(harness, test))


@pytest.hookimpl(wrapper=True)
def pytest_runtest_makereport(
    item: pytest.Item, call: pytest.CallInfo[None]
) -> Generator[None, pytest.TestReport, pytest.TestReport]:
    """Tell the mode whether the test came to its end; only then is anything recorded."""
    report = yield
    if report.when == "call" and context_key in item.stash:
        from pytest_cce_precheck.plugin.context import missing_recording, outcome_is_evidence

        _, test = item.stash[context_key]
        test.finished = outcome_is_evidence(report, call.excinfo.value if call.excinfo else None)
        told = missing_recording(test, call.excinfo.value if call.excinfo else None)
        # what is expected to fail is never recorded, so it may well miss a recording
        if told is not None and not hasattr(report, "wasxfail"):
            report.outcome, report.longrepr = "failed", told
        elif test.misses:
            report.sections.append(("requests without a recording", "\n".join(map(str, test.misses))))
    report_records(report, item)
    return report


@pytest.hookimpl(optionalhook=True)
def pytest_configure_node(node: Any) -> None:
    """Return the workers of pytest-xdist one budget and one rate, and the file of targets."""
    settled = node.config.stash[config_key]
    if settled.mode in ("live", "record"):
        from pytest_cce_precheck.plugin.request_budget import inform_worker

        inform_worker(node, node.config)
    if node.config.stash[targets_key]:
        from pytest_cce_precheck.config.targets import text_of

        node.workerinput[TARGETS_INPUT] = text_of(node.config.rootpath / settled.targets)


@pytest.hookimpl(optionalhook=True)
def pytest_xdist_make_scheduler(config: pytest.Config, log: Any) -> Any:
    """Return each target to one worker, where ``--dist loadgroup`` says so."""
    targets = config.stash[targets_key]
    if not targets or config.getoption("dist") != "loadgroup":
        return None
    from pytest_cce_precheck.plugin.xdist_scheduling import TargetScheduling

    return TargetScheduling(config, log, [target.name for target in targets])


def pytest_report_header(config: pytest.Config) -> list[str]:
    """Say the mode, and each setting with its source, in the runs that have to do with us."""
    settled = config.stash[config_key]
    if not settled.settled and not runs_the_suite(config):
        return []
    settings = "; ".join(f"{flag} {value}" for flag, value in settled.settled.items() if flag != "--cce-mode")
    lines = [f"cce-precheck: mode {settled.mode} ({settled.source('mode')})" + (f"; {settings}" if settings else "")]
    names = [target.name for target in config.stash[targets_key]]
    return [*lines, f"cce-precheck: {len(names)} targets: {', '.join(names)}"] if len(names) > 1 else lines


def pytest_terminal_summary(terminalreporter: TerminalReporter, config: pytest.Config) -> None:
    """Print the section, and write the reports, if a run has to do with us."""
    lines = _ended(config)
    if lines:
        terminalreporter.write_sep("=", "cce-precheck")
    for line in lines:
        terminalreporter.write_line(line)


@pytest.hookimpl(wrapper=True, tryfirst=True)
def pytest_sessionfinish(session: pytest.Session) -> Generator[None, object, object]:
    """Write the reports if the terminal did not come to it, and anew if the exit status has changed since."""
    try:
        result = yield
    except BaseException:
        # another plugin broke: the run ends with its traceback, and not with status 0
        session.exitstatus = session.exitstatus or pytest.ExitCode.INTERNAL_ERROR
        _end_unseen(session)
        raise
    _end_unseen(session)
    return result


def _end_unseen(session: pytest.Session) -> None:
    """End a run of which pytest shows no summary, or whose exit status has changed since it did."""
    log = session.config.stash.get(log_key, None)
    if log is not None and log.exit_status != session.exitstatus:
        unseen = log.exit_status is None
        lines = _ended(session.config)
        shown = [*lines[: int(unseen)], *(line for line in lines if line.startswith("ERROR: "))]
        sys.stderr.write("".join(f"{line}\n" for line in shown))


def _ended(config: pytest.Config) -> list[str]:
    """End a run that has to do with us: make its record, write it, set the exit status; return the lines to print."""
    log = config.stash.get(log_key, None)
    # a worker of pytest-xdist knows a part, and without a test there is nothing to judge
    if log is None or log.session is None or not log.collected or config.option.collectonly or config.option.setuponly:
        return []
    suite = runs_the_suite(config) or log.has_shipped_checks
    beside = config.stash.get(reported_key, [])
    settled = config.stash[config_key]
    if not (suite or log.has_ours or beside or settled.report):
        return []
    from pytest_cce_precheck.plugin.ending import end
    from pytest_cce_precheck.plugin.request_budget import sent_by_all

    targets = config.stash[targets_key]
    sent = sent_by_all(settled, config, targets)
    lines = list(end(log.session, log, settled, targets, suite=suite, beside=beside, sent=sent))
    log.exit_status = int(log.session.exitstatus)
    return lines
