"""The command ``cce-precheck``: finds the module of a command, which reads its arguments and runs it."""

from __future__ import annotations

import argparse
import os
import re
import sys
from importlib import import_module
from io import TextIOWrapper
from typing import TYPE_CHECKING, Any, Final, NamedTuple, NoReturn

from pytest_cce_precheck import __version__
from pytest_cce_precheck.cli.exit_statuses import INTERRUPTED, MISUSE, UNREAD
from pytest_cce_precheck.environment import prefers_chinese
from pytest_cce_precheck.errors import CcePrecheckError

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

_STOP: Final = "\N{IDEOGRAPHIC FULL STOP}"


class Command(NamedTuple):
    """A command: what it does, and an example; its module in this package is named as it is, or ``module``.

    The module is imported only if the command runs; its `add_arguments` sets what `run` does.
    """

    description: str
    example: str
    module: str = ""


COMMANDS: Final = {
    "run": Command(
        "check a service with the shipped contract tests",
        "cce-precheck run --mode=live --endpoint=https://cce.example.com --project-id=P --cluster-id=C",
    ),
    "rerun": Command(
        "ask again for the causes that a run found: FIXED, STILL or CHANGED",
        "cce-precheck rerun PRE401-3f2a9c --until-fixed=2h --every=5m",
    ),
    "report": Command("show, compare and merge JSON reports", "cce-precheck report diff old.json new.json"),
    "serve": Command("run the simulator as an HTTP server on loopback", "cce-precheck serve --port=8080 --tasks=50"),
    "proxy": Command(
        "record, replay, judge or compare the calls of any client, in any language",
        "cce-precheck proxy --mode=record --to=https://cce.example.com --cassette-dir=cassettes",
    ),
    "check": Command(
        "judge captured answers without any server",
        "cce-precheck check answer.json --query=type=addonUpgrade",
    ),
    "explain": Command(
        "show what a finding code means, where it comes from, what to do",
        "cce-precheck explain PRE401",
    ),
    "faults": Command("list the simulator's faults and variations", "cce-precheck faults --json"),
    "selftest": Command(
        "run the checks against every fault and variation, and show what was found",
        "cce-precheck selftest type-filter-ignored --budget=250",
    ),
    "challenge": Command(
        "run your own tests on each fault, and show which faults they do not notice",
        "cce-precheck challenge --faults='type-*' -- pytest tests",
    ),
    "cassettes": Command(
        "list, show, verify, compare, prune, import and export recordings",
        "cce-precheck cassettes verify cce-cassettes",
        module="cassettes.command",
    ),
    "sdk": Command("test what the vendor's SDKs send, and what they keep of an answer", "cce-precheck sdk table"),
    "corpus": Command("write the answers that SDKs are tested with to files", "cce-precheck corpus export corpus"),
    "ledger": Command("keep the list of known failures, write tickets about them", "cce-precheck ledger list"),
    "history": Command("show how reliable each check was over the last runs", "cce-precheck history runs.sqlite"),
    "contract": Command(
        "compare a definition of the vendor with the contract that is checked",
        "cce-precheck contract diff swagger.json",
    ),
    "snapshot": Command(
        "show, compare and accept what runs saw of a service's answers",
        "cce-precheck snapshot show shape.json",
    ),
    "completion": Command(
        "print a script with which bash, zsh or fish completes the command",
        "cce-precheck completion bash",
    ),
}


def main(arguments: Sequence[str] | None = None) -> int:
    """Run a command; return its exit status (`exit_statuses`): 1 if the contract does not hold."""
    given = list(sys.argv[1:] if arguments is None else arguments)
    options = parser_of(given).parse_args(given)
    for stream in (sys.stdout, sys.stderr):
        # a captured answer may hold characters that the terminal's encoding, or any encoding, lacks
        if isinstance(stream, TextIOWrapper):
            stream.reconfigure(errors="backslashreplace")
    try:
        return int(options.run(options))
    except CcePrecheckError as error:
        from pytest_cce_precheck.cli.output import complain
        from pytest_cce_precheck.cli.settings import as_option

        complain([as_option(_without_secrets(str(error)))], options)
        return MISUSE
    except KeyboardInterrupt as error:
        # Ctrl-C is how serve and proxy end: they set `interrupted`
        if not hasattr(options, "interrupted"):
            sys.stderr.write(f"cce-precheck: {' '.join(('interrupted', *map(str, error.args)))}\n")
        return int(getattr(options, "interrupted", INTERRUPTED))
    except BrokenPipeError:
        # what the command would have said of its work, nobody has read
        sys.stderr.close()
        return UNREAD


def parser_of(given: Sequence[str]) -> argparse.ArgumentParser:
    """Return the parser of a command line; it has the arguments of the command that is given, and not of others."""
    is_chinese = _reads_chinese(given)
    in_language = _in_chinese if is_chinese else str
    parser = _Parser(
        prog="cce-precheck",
        description=in_language("Contract checks of CCE's ListAddonPrecheckTasks."),
        epilog=in_language("Example: cce-precheck run. Each command has its own: cce-precheck COMMAND --help."),
        allow_abbrev=False,
    )
    parser.add_argument("--version", action="version", version=f"cce-precheck {__version__}")
    commands = parser.add_subparsers(required=True, metavar="COMMAND")
    for name, each in COMMANDS.items():
        said = in_language(each.description)
        sentence = f"{said[0].upper()}{said[1:]}{_STOP if is_chinese else '.'}"
        command = commands.add_parser(name, help=said, description=sentence, allow_abbrev=False)
        if [name] == list(given[:1]):
            from pytest_cce_precheck.cli.arguments import add_language

            import_module(f"pytest_cce_precheck.cli.{each.module or name}").add_arguments(command)
            add_language(command)
            for actions in command._actions:
                for action in getattr(actions, "_choices_actions", ()):
                    action.help = in_language(action.help)
            command.epilog = f"Example: {each.example}".replace("%", "%%") + (
                f" -- {command.epilog}" if command.epilog else ""
            )
    return parser


def _reads_chinese(given: Sequence[str]) -> bool:
    # help is printed before the arguments are known
    chosen = re.search(r"--lang[= ](en|zh)\b", " ".join(given))
    return chosen[1] == "zh" if chosen else prefers_chinese(os.environ)


def _in_chinese(text: str) -> str:
    from pytest_cce_precheck.report.language import line_in

    return line_in(text, "zh")


class _Parser(argparse.ArgumentParser):
    _given: Sequence[str] = ()

    def parse_known_args(self, args: Any = None, namespace: Any = None) -> Any:
        self._given = args or ()
        return super().parse_known_args(args, namespace)

    def error(self, message: str) -> NoReturn:
        super().error(_without_secrets(f"{message}{self._near(message)}"))

    def _near(self, message: str) -> str:
        """Return what a mistyped command, action or option may have been."""
        from pytest_cce_precheck._text import did_you_mean

        what, _, known = message.partition(" (choose from ")
        if known:
            return did_you_mean(what.rpartition(": ")[2].strip("'"), re.findall(r"[\w-]+", known))
        _, _, rest = message.partition("unrecognized arguments: ")
        flags = [word.partition("=")[0] for word in rest.split() if word.startswith("-")]
        if flags:
            return did_you_mean(flags[0], set(_flags_of(self)))
        # argparse names what is missing, and not what may be its wrong spelling
        odd = [word.partition("=")[0] for word in self._given if word.startswith("--")] if "required" in message else []
        unknown = [each for each in odd if each not in self._option_string_actions and each != "--"]
        return f"; {unknown[0]} is unknown{did_you_mean(unknown[0], set(_flags_of(self)))}" if unknown else ""


def _flags_of(parser: argparse.ArgumentParser) -> Iterator[str]:
    for action in parser._actions:
        yield from action.option_strings
        for command in (action.choices or {}).values() if isinstance(action, argparse._SubParsersAction) else ():
            yield from _flags_of(command)


def _without_secrets(text: str) -> str:
    """Return a message, which may quote arguments, without credentials."""
    from pytest_cce_precheck.redaction.texts import Redactor
    from pytest_cce_precheck.wire.credentials import secrets_in

    return Redactor(secrets_in(os.environ)).text(text)
