"""``cce-precheck run``: the shipped contract tests, for those who do not use pytest."""

from __future__ import annotations

import os
import shlex
import sys
from contextlib import redirect_stderr, redirect_stdout
from typing import TYPE_CHECKING, Any, Final, TextIO

import pytest

from pytest_cce_precheck.cli.exit_statuses import INCOMPLETE, INTERNAL, INTERRUPTED, MISUSE, NOT_REACHABLE, OK
from pytest_cce_precheck.cli.output import print_json
from pytest_cce_precheck.cli.progress import ProgressLine, is_watched
from pytest_cce_precheck.cli.settings import add_settings, as_option, settings_of
from pytest_cce_precheck.config.options import OPTIONS
from pytest_cce_precheck.environment import Environment
from pytest_cce_precheck.errors import ConfigurationError
from pytest_cce_precheck.plugin.ending import record_key, spelling_key
from pytest_cce_precheck.plugin.settings import SUITE, refuse_real_services
from pytest_cce_precheck.plugin.validation import refuse_the_unusable

if TYPE_CHECKING:
    import argparse
    from collections.abc import Generator, Iterator

    from pytest_cce_precheck.report.record import RunRecord

# pytest's own statuses, if there is no verdict that says more
_OF_PYTEST: Final = {
    pytest.ExitCode.INTERRUPTED: INTERRUPTED,
    pytest.ExitCode.INTERNAL_ERROR: INTERNAL,
    pytest.ExitCode.USAGE_ERROR: MISUSE,
}
_STATUSES: Final = {"holds": OK, "incomplete": INCOMPLETE, "not-reachable": NOT_REACHABLE, "not-let-in": NOT_REACHABLE}


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Add the arguments of ``run``."""
    parser.epilog = (
        "Exit status: 0 the contract holds, 1 it does not, 2 wrong use, 3 incomplete, 4 not reachable or not let in,"
        " 5 internal error, 130 interrupted. Credentials are read from the environment: CCE_AUTH_TOKEN, or"
        " HUAWEICLOUD_SDK_AK and HUAWEICLOUD_SDK_SK, or CCE_IAM_USER, CCE_IAM_PASSWORD and CCE_IAM_DOMAIN."
    )
    add = parser.add_argument
    add("-k", dest="only", metavar="TEXT", help="run only the checks whose names contain TEXT; the run is incomplete")
    add("-v", "--verbose", action="store_true", help="name each check as it ends")
    add("--json", action="store_true", help="print the record of the run as JSON (schemas/report.json)")
    add("--pytest", default="", metavar="ARGS", help="more arguments for pytest, in one text, such as '-x -n 2'")
    add_settings(parser)
    parser.set_defaults(run=run)


class _Session:
    """Keeps pytest's configuration, which has the record of the run at its end; shows how far the run is."""

    config: pytest.Config | None = None

    def __init__(self, progress: ProgressLine) -> None:
        self._progress = progress
        self._selected = self._begun = 0

    def pytest_configure(self, config: pytest.Config) -> None:
        self.config = config
        config.stash[spelling_key] = as_option

    def pytest_collection_finish(self, session: pytest.Session) -> None:
        self._selected = len(session.items)

    def pytest_runtest_logstart(self, nodeid: str) -> None:
        self._begun += 1
        name = nodeid.rpartition("::")[2].removeprefix("test_").replace("_", " ")
        self._progress.show(f"check {self._begun} of {self._selected}: {name}")

    @pytest.hookimpl(tryfirst=True)
    def pytest_sessionfinish(self) -> None:
        self._progress.end()


class _Dotless:
    """Lets pytest write no letter for each check that ends: these would stand where the progress is shown."""

    @pytest.hookimpl(wrapper=True)
    def pytest_report_teststatus(self) -> Generator[None, Any, Any]:
        category, _, word = yield
        return category, "", word


class _Spelled:
    """A stream on which pytest's options are named as this command has them."""

    def __init__(self, stream: TextIO) -> None:
        self._stream = stream

    def write(self, text: str) -> int:
        return self._stream.write(as_option(text))

    def __getattr__(self, name: str) -> Any:
        return getattr(self._stream, name)


def run(options: argparse.Namespace) -> int:
    """Run the suite in this process; return the status for its verdict."""
    config = settings_of(options)
    refuse_real_services(config)
    if not config.targets:
        refuse_the_unusable(config, Environment(os.environ), of_the_suite=True)
    arguments = list(_arguments(options))
    errors: Any = _Spelled(sys.stderr)
    # what is printed while it runs must not be among the JSON
    output: Any = errors if options.json else _Spelled(sys.stdout)
    with ProgressLine() as progress, redirect_stdout(output), redirect_stderr(errors):
        session = _Session(progress)
        watched = is_watched() and not options.verbose
        plugins: list[object] = [session, _Dotless()] if watched else [session]
        status = pytest.main([*arguments, *(("-o", "console_output_style=classic") if watched else ())], plugins)
    record = session.config.stash.get(record_key, None) if session.config is not None else None
    if record is not None and options.json:
        print_json(record.to_dict())
    return _status(record, int(status))


def _arguments(options: argparse.Namespace) -> Iterator[str]:
    # the files of pytest are those of others; the ledger is looked for here
    yield from ("--pyargs", SUITE, "-c", os.devnull, f"--rootdir={os.getcwd()}", "-p", "no:cacheprovider")
    yield from ("-p", "no:warnings", "--tb=short", "--no-header", "-r", "N", "-v" if options.verbose else "-q")
    if options.only:
        yield from ("-k", options.only)
    for option in OPTIONS:
        given = getattr(options, option.ini)
        if given is True:
            yield option.flag
        elif given is not None:
            yield from (f"{option.flag}={each}" for each in (given if isinstance(given, list) else [given]))
    try:
        yield from shlex.split(options.pytest)
    except ValueError as error:
        raise ConfigurationError(f"--pytest is not a valid command line: {str(error).lower()}") from None


def _status(record: RunRecord | None, status: int) -> int:
    if status in _OF_PYTEST or record is None:
        return _OF_PYTEST.get(pytest.ExitCode(status), INCOMPLETE)
    if record.verdict == "does-not-hold" or status == OK:
        # 0 with findings: they do not fail the run (--fail-on=never)
        return min(status, 1)
    return _STATUSES[record.verdict] or 1
