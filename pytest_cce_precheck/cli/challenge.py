"""``cce-precheck challenge``: do your tests notice if the service answers wrongly?"""

from __future__ import annotations

import argparse
import os
import signal
import sys

from pytest_cce_precheck.challenge.commands import Challenge
from pytest_cce_precheck.challenge.outcomes import chosen
from pytest_cce_precheck.cli.arguments import duration, positive, whole
from pytest_cce_precheck.cli.exit_statuses import INTERRUPTED
from pytest_cce_precheck.cli.output import put_out
from pytest_cce_precheck.cli.progress import ProgressLine
from pytest_cce_precheck.errors import ConfigurationError
from pytest_cce_precheck.redaction.texts import Redactor
from pytest_cce_precheck.wire.credentials import secrets_in


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Add the arguments of ``challenge``."""
    parser.usage = "cce-precheck challenge [OPTION…] -- COMMAND…"
    parser.epilog = (
        "Example: cce-precheck challenge --fail-under=80 -- pytest tests. Pytest's tests are tried one by one; for any"
        " other command, such as go test -count=1 ./..., the environment has the service (CCE_ENDPOINT, CCE_AUTH_TOKEN,"
        " …), and the exit status says whether the tests pass."
    )
    add = parser.add_argument
    add("command", nargs=argparse.REMAINDER, metavar="COMMAND", help="the command that runs your tests, after --")
    add(
        "--faults",
        action="append",
        default=[],
        metavar="PATTERN",
        help="try only these: a name, with * for any letters, or a kind, such as schema or variation (repeatable)",
    )
    add("--time", type=duration, default=600.0, metavar="TIME", help="the time for all of it: 90s, 10m (default), 1h")
    add("--jobs", type=whole("a number of processes", least=1), metavar="N", help="processes (default: one a core)")
    add(
        "--fail-under",
        type=positive("a percentage", 100),
        metavar="PERCENT",
        help="exit with 1 if fewer of the faults are killed, or if the time was over before all were tried",
    )
    add("--json", action="store_true", help="print every trial as JSON")
    parser.set_defaults(run=run)


def run(options: argparse.Namespace) -> int:
    """Challenge the tests and print what they noticed; return 1 if that is less than was asked for."""
    command = options.command[1:] if options.command[:1] == ["--"] else options.command
    if not command:
        raise ConfigurationError("there is no command: cce-precheck challenge -- pytest tests")
    jobs = options.jobs or os.cpu_count() or 1
    names = chosen(options.faults)
    # without a handler, what it has started would run on
    previous = signal.signal(signal.SIGTERM, lambda *_: sys.exit(128 + signal.SIGTERM))
    try:
        with ProgressLine() as progress:
            progress.show("running the tests without a fault")
            tried = lambda done, of: progress.show(f"{done} of {of} faults and variations are tried")  # noqa: E731
            score = Challenge(command, names, jobs, options.time, tried).run()
    finally:
        signal.signal(signal.SIGTERM, previous)
    redactor = Redactor(secrets_in(os.environ))
    put_out(options, score.data, score.lines(), redactor)
    if score.interrupted:
        return INTERRUPTED
    return 0 if options.fail_under is None or score.reaches(options.fail_under) else 1
