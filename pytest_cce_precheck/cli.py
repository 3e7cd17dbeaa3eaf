"""The command ``cce-precheck``: serve, check, explain, faults, selftest."""

from __future__ import annotations

import argparse
import json
import sys
from io import TextIOWrapper
from typing import TYPE_CHECKING, NoReturn

from pytest_cce_precheck.drift.arguments import add_snapshot
from pytest_cce_precheck.errors import CcePrecheckError
from pytest_cce_precheck.recordings.arguments import add_cassettes
from pytest_cce_precheck.report.arguments import add_history, add_ledger
from pytest_cce_precheck.sdk.arguments import add_corpus, add_sdk

if TYPE_CHECKING:
    from collections.abc import Sequence

    Commands = argparse._SubParsersAction[argparse.ArgumentParser]

OK, BROKEN, MISUSE, INTERRUPTED = 0, 1, 2, 130


def main(arguments: Sequence[str] | None = None) -> int:
    """Run a subcommand; give 0 where the contract holds, 1 where it does not, 2 where the command cannot be used so."""
    options = _parser().parse_args(arguments)
    for stream in (sys.stdout, sys.stderr):
        # a captured answer may hold what the terminal's encoding, or any, cannot write
        if isinstance(stream, TextIOWrapper):
            stream.reconfigure(errors="backslashreplace")
    try:
        return int(options.run(options))
    except CcePrecheckError as error:
        sys.stderr.write(f"cce-precheck: {error}\n")
        return MISUSE
    except KeyboardInterrupt:
        # a service is meant to be ended so
        return OK if options.run is _serve else INTERRUPTED
    except BrokenPipeError:
        # whoever read our output has seen enough
        sys.stderr.close()
        return OK


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(
        prog="cce-precheck", description="Contract checks of CCE's ListAddonPrecheckTasks."
    )
    commands = parser.add_subparsers(required=True, metavar="COMMAND")
    for add in (_add_serve, _add_check, _add_listings, _add_selftest):
        add(commands)
    add_cassettes(commands, _cassettes)
    add_sdk(commands, _sdk)
    add_corpus(commands, _corpus)
    add_ledger(commands, _ledger)
    add_history(commands, _history)
    add_snapshot(commands, _snapshot)
    return parser


def _add_serve(commands: Commands) -> None:
    serve = commands.add_parser(
        "serve",
        help="run the simulated service as an HTTP server on loopback",
        epilog="Ctrl-C (SIGINT) or SIGTERM ends it. Use SIGTERM (kill PID) if a script has started it with &:"
        " shells let such a process ignore SIGINT.",
    )
    serve.add_argument("--port", type=_port, default=0, metavar="N", help="the port; 0, the default, takes a free one")
    serve.add_argument(
        "--fault", action="append", default=[], metavar="NAME", help="a defect it shall have (repeatable)"
    )
    serve.add_argument(
        "--variation", action="append", default=[], metavar="NAME", help="a conforming variation (repeatable)"
    )
    serve.add_argument(
        "--staging",
        metavar="PROFILE",
        help="be as hard to test as a shared service:"
        " calm, busy, lagging, throttled, flaky, expiring, skewed, locking, hostile",
    )
    serve.add_argument(
        "--time-scale", type=_factor, default=1.0, metavar="F", help="others in staging work F times as fast"
    )
    serve.add_argument("--tls", action="store_true", help="speak HTTPS, by a CA made for it; needs openssl")
    serve.add_argument("--seed", type=int, default=0, metavar="N", help="fixes ids and tasks")
    serve.add_argument("--tasks", type=_count, default=12, metavar="N", help="how many tasks the main cluster has")
    serve.add_argument(
        "--corpus", action="store_true", help="serve the cases that SDKs are tested with, one cluster a case"
    )
    serve.add_argument("--json", action="store_true", help="print one line of JSON, for programs")
    serve.set_defaults(run=_serve)


def _add_check(commands: Commands) -> None:
    check = commands.add_parser("check", help="judge captured answers without any server")
    check.add_argument("files", nargs="+", metavar="FILE", help="a JSON body; - reads standard input")
    check.add_argument("--request", metavar="FILE", help="the create request that the answer is to")
    check.add_argument(
        "--status", type=int, metavar="N", help="the HTTP status that came with it (default: by what it is)"
    )
    check.add_argument(
        "--accept", action="append", default=[], metavar="TEXT", help="CODE: REASON, shall not fail (repeatable)"
    )
    check.add_argument("--json", action="store_true", help="print the findings as JSON")
    check.set_defaults(run=_check)


def _add_listings(commands: Commands) -> None:
    explain = commands.add_parser("explain", help="say what a finding code means, where it comes from, what to do")
    explain.add_argument("codes", nargs="*", metavar="CODE", help="a code or a rule's name; none lists them all")
    explain.set_defaults(run=_explain)

    faults = commands.add_parser("faults", help="list the defects and variations that the simulated service can have")
    faults.add_argument("--json", action="store_true", help="print them as JSON")
    faults.set_defaults(run=_faults)


def _add_selftest(commands: Commands) -> None:
    selftest = commands.add_parser(
        "selftest", help="run the checks against every defect and variation, and show what was found"
    )
    selftest.add_argument("names", nargs="*", metavar="NAME", help="these alone")
    selftest.add_argument("--budget", type=int, default=250, metavar="N", help="requests for each run")
    selftest.add_argument("--seed", type=int, default=0, metavar="N", help="fixes the plan and the world")
    selftest.add_argument(
        "--jobs", type=_count, default=None, metavar="N", help="processes (default: one for each core)"
    )
    selftest.add_argument("--json", action="store_true", help="print the matrix as JSON")
    selftest.set_defaults(run=_selftest)


def _count(text: str) -> int:
    try:
        number = int(text)
    except ValueError:
        number = -1
    if number < 0:
        raise argparse.ArgumentTypeError(f"{text!r} is no number of things: expected 0 or more")
    return number


def _factor(text: str) -> float:
    try:
        factor = float(text)
    except ValueError:
        factor = 0.0
    if not 0 < factor < float("inf"):
        raise argparse.ArgumentTypeError(f"{text!r} is no factor: expected a number above 0")
    return factor


def _port(text: str) -> int:
    if not (text.isascii() and text.isdigit() and int(text) < 65536):
        raise argparse.ArgumentTypeError(f"{text!r} is no port: expected a number from 0 to 65535")
    return int(text)


def _serve(options: argparse.Namespace) -> int:
    from pytest_cce_precheck.serving import serve

    return serve(options)


def _check(options: argparse.Namespace) -> int:
    from pytest_cce_precheck.captured import check_files

    return check_files(options)


def _explain(options: argparse.Namespace) -> int:
    from pytest_cce_precheck.report.explain import entry, overview
    from pytest_cce_precheck.simulator.faults import FAULTS

    if not options.codes:
        sys.stdout.write(overview())
        return OK
    shown_by = [(fault.name, fault.codes) for fault in FAULTS.values()]
    sys.stdout.write("\n".join(entry(code, shown_by) for code in options.codes))
    return OK


def _faults(options: argparse.Namespace) -> int:
    from pytest_cce_precheck.simulator.faults import FAULTS
    from pytest_cce_precheck.simulator.variations import VARIATIONS

    if options.json:
        listed = {
            "faults": [
                {
                    "name": f.name,
                    "category": f.category,
                    "codes": list(f.codes),
                    "subtle": f.subtle,
                    "summary": f.summary,
                }
                for f in FAULTS.values()
            ],
            "variations": [{"name": v.name, "summary": v.summary} for v in VARIATIONS.values()],
        }
        sys.stdout.write(json.dumps(listed, indent=2, ensure_ascii=False) + "\n")
        return OK
    width = max(len(name) for name in (*FAULTS, *VARIATIONS))
    for category in dict.fromkeys(fault.category for fault in FAULTS.values()):
        sys.stdout.write(f"{category}\n")
        for fault in FAULTS.values():
            if fault.category == category:
                sys.stdout.write(f"  {fault.name:<{width}}  {'/'.join(fault.codes):<8}  {fault.summary}\n")
    sys.stdout.write("conforming variations\n")
    for variation in VARIATIONS.values():
        sys.stdout.write(f"  {variation.name:<{width}}  {'':<8}  {variation.summary}\n")
    return OK


def _selftest(options: argparse.Namespace) -> int:
    from pytest_cce_precheck.suite.selftest import selftest

    return selftest(options)


def _cassettes(options: argparse.Namespace) -> int:
    from pytest_cce_precheck.recordings.command import cassettes_command

    return cassettes_command(options)


def _sdk(options: argparse.Namespace) -> int:
    from pytest_cce_precheck.sdk.command import sdk_command

    return sdk_command(options)


def _corpus(options: argparse.Namespace) -> int:
    from pytest_cce_precheck.sdk.command import corpus_command

    return corpus_command(options)


def _ledger(options: argparse.Namespace) -> int:
    from pytest_cce_precheck.report.command import ledger_command

    return ledger_command(options)


def _history(options: argparse.Namespace) -> int:
    from pytest_cce_precheck.report.command import history_command

    return history_command(options)


def _snapshot(options: argparse.Namespace) -> int:
    from pytest_cce_precheck.drift.command import snapshot_command

    return snapshot_command(options)


def run() -> NoReturn:
    """Be the console script."""
    sys.exit(main())


if __name__ == "__main__":
    run()
