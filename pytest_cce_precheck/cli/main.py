"""The command ``cce-precheck``: finds the module of a command, which reads its arguments and runs it."""

from __future__ import annotations

import argparse
import os
import sys
from importlib import import_module
from io import TextIOWrapper
from typing import TYPE_CHECKING, Final, NoReturn

from pytest_cce_precheck.errors import CcePrecheckError

if TYPE_CHECKING:
    from collections.abc import Sequence

OK: Final = 0
MISUSE: Final = 2
INTERRUPTED: Final = 130
# each command's module is imported only if the command runs; its `add_arguments` sets what `run` does
COMMANDS: Final = {
    "serve": ("serve", "run the simulator as an HTTP server on loopback"),
    "check": ("check", "judge captured answers without any server"),
    "explain": ("explain", "show what a finding code means, where it comes from, what to do"),
    "faults": ("faults", "list the simulator's faults and variations"),
    "selftest": ("selftest", "run the checks against every fault and variation, and show what was found"),
    "cassettes": ("cassettes.command", "list, show, verify, compare, prune, import and export recordings"),
    "sdk": ("sdk", "test what the vendor's SDKs send, and what they keep of an answer"),
    "corpus": ("corpus", "write the answers that SDKs are tested with to files"),
    "ledger": ("ledger", "keep the list of known failures, write tickets about them"),
    "history": ("history", "show how reliable each check was over the last runs"),
    "contract": ("contract", "compare a definition of the vendor with the contract that is checked"),
    "snapshot": ("snapshot", "show, compare and accept what runs saw of a service's answers"),
}


def main(arguments: Sequence[str] | None = None) -> int:
    """Run a command; return 0 if the contract holds, 1 if it does not, 2 if the command was used wrongly."""
    given = list(sys.argv[1:] if arguments is None else arguments)
    options = parser_of(given).parse_args(given)
    for stream in (sys.stdout, sys.stderr):
        # a captured answer may hold characters that the terminal's encoding, or any encoding, lacks
        if isinstance(stream, TextIOWrapper):
            stream.reconfigure(errors="backslashreplace")
    try:
        return int(options.run(options))
    except CcePrecheckError as error:
        sys.stderr.write(f"cce-precheck: {_without_secrets(str(error))}\n")
        return MISUSE
    except KeyboardInterrupt:
        return int(getattr(options, "interrupted", INTERRUPTED))
    except BrokenPipeError:
        # the program that reads our output has ended
        sys.stderr.close()
        return OK


def parser_of(given: Sequence[str]) -> argparse.ArgumentParser:
    """Return the parser of a command line; it has the arguments of the command that is given, and not of others."""
    parser = _Parser(prog="cce-precheck", description="Contract checks of CCE's ListAddonPrecheckTasks.")
    commands = parser.add_subparsers(required=True, metavar="COMMAND")
    for name, (module, description) in COMMANDS.items():
        command = commands.add_parser(name, help=description, description=f"{description[0].upper()}{description[1:]}.")
        if [name] == list(given[:1]):
            import_module(f"pytest_cce_precheck.cli.{module}").add_arguments(command)
    return parser


class _Parser(argparse.ArgumentParser):
    def error(self, message: str) -> NoReturn:
        super().error(_without_secrets(message))


def _without_secrets(text: str) -> str:
    """Return a message, which may quote arguments, without credentials."""
    from pytest_cce_precheck.redaction.texts import Redactor
    from pytest_cce_precheck.wire.credentials import secrets_in

    return Redactor(secrets_in(os.environ)).text(text)


def run() -> NoReturn:
    """Run the console script."""
    sys.exit(main())
