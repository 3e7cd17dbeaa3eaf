"""``cce-precheck run``: the shipped contract tests, for those who do not use pytest."""

from __future__ import annotations

import os
import shlex
import sys
from contextlib import nullcontext, redirect_stdout
from typing import TYPE_CHECKING, Final

import pytest

from pytest_cce_precheck.cli.main import INCOMPLETE, INTERNAL, INTERRUPTED, MISUSE, NOT_REACHABLE, OK
from pytest_cce_precheck.cli.output import print_json
from pytest_cce_precheck.cli.settings import add_settings, own_names, settings_of
from pytest_cce_precheck.config.options import OPTIONS
from pytest_cce_precheck.environment import Environment
from pytest_cce_precheck.errors import ConfigurationError
from pytest_cce_precheck.plugin.ending import record_key
from pytest_cce_precheck.plugin.settings import SUITE, refuse_real_services
from pytest_cce_precheck.plugin.validation import refuse_the_unusable

if TYPE_CHECKING:
    import argparse
    from collections.abc import Iterator

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
    """Keeps pytest's configuration, which has the record of the run at its end."""

    config: pytest.Config | None = None

    def pytest_configure(self, config: pytest.Config) -> None:
        self.config = config


def run(options: argparse.Namespace) -> int:
    """Run the suite in this process; return the status for its verdict."""
    config = settings_of(options)
    with own_names():
        refuse_real_services(config)
        if not config.targets:
            refuse_the_unusable(config, Environment(os.environ), of_the_suite=True)
    session = _Session()
    # what is printed while it runs must not be among the JSON
    with redirect_stdout(sys.stderr) if options.json else nullcontext():
        status = pytest.main(list(_arguments(options)), plugins=[session])
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
