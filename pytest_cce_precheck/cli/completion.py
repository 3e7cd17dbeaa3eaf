"""``cce-precheck completion``: a script with which a shell completes commands, options, faults and codes."""

from __future__ import annotations

import argparse
from typing import TYPE_CHECKING, Final

from pytest_cce_precheck.cli.main import COMMANDS, parser_of
from pytest_cce_precheck.cli.printing import print_text
from pytest_cce_precheck.config.options import OPTIONS
from pytest_cce_precheck.contract.rules import rules
from pytest_cce_precheck.simulator.faults import FAULTS
from pytest_cce_precheck.simulator.variations import VARIATIONS

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Iterator, Mapping

    # the words that may follow a command with its action, such as "ledger add", or one of its options
    Table = Mapping[str, list[str]]

# of arguments that take any text, the words that are known
_KNOWN: Final[Mapping[tuple[str, str], Callable[[], Iterable[str]]]] = {
    ("explain", "codes"): rules,
    ("selftest", "names"): lambda: (*FAULTS, *VARIATIONS),
    ("challenge", "faults"): lambda: (*FAULTS, *VARIATIONS),
    **{(command, "cce_fault"): lambda: FAULTS for command in ("run", "rerun")},
    ("serve", "fault"): lambda: FAULTS,
    ("serve", "variation"): lambda: VARIATIONS,
}
_CHOICES: Final = {option.ini: option.choices for option in OPTIONS}
# bash splits --mode=live into three words
_BASH: Final = """\
_cce_precheck() {{
  local word=${{COMP_WORDS[COMP_CWORD]}} option=${{COMP_WORDS[COMP_CWORD-1]}} command=${{COMP_WORDS[1]}} key words=
  if [[ $word == = ]]; then word=; elif [[ $option == = ]]; then option=${{COMP_WORDS[COMP_CWORD-2]}}; fi
  [[ $COMP_CWORD == 1 ]] && command=
  for key in "$command $option" "$command ${{COMP_WORDS[2]}} $option" "$command ${{COMP_WORDS[2]}}" "$command"; do
    case "$key" in
{cases}
    esac
    [[ $words ]] && break
  done
  COMPREPLY=($(compgen -W "$words" -- "$word"))
}}
complete -o default -F _cce_precheck cce-precheck
"""
_ZSH: Final = "autoload -Uz compinit bashcompinit && compinit && bashcompinit\n"


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Add the arguments of ``completion``."""
    parser.epilog = (
        "Write it once to the file that the shell reads. bash: ~/.local/share/bash-completion/completions/cce-precheck;"
        " zsh: any file, which ~/.zshrc names with source; fish: ~/.config/fish/completions/cce-precheck.fish."
    )
    parser.add_argument("shell", choices=("bash", "zsh", "fish"), help="the shell that reads the script")
    parser.set_defaults(run=run)


def run(options: argparse.Namespace) -> int:
    """Print the script for a shell."""
    table = dict(_words())
    if options.shell == "fish":
        print_text("".join(f"{line}\n" for line in _fish(table)))
    else:
        cases = "\n".join(f"      '{key}') words='{' '.join(words)}' ;;" for key, words in table.items())
        print_text((_ZSH if options.shell == "zsh" else "") + _BASH.format(cases=cases))
    return 0


def _words() -> Iterator[tuple[str, list[str]]]:
    yield "", [*COMMANDS, "--help", "--version"]
    for command in COMMANDS:
        [commands] = _subparsers(parser_of([command]))
        yield from _of_parser(command, commands.choices[command])


def _of_parser(path: str, parser: argparse.ArgumentParser) -> Iterator[tuple[str, list[str]]]:
    words = []
    for action in parser._actions:
        known = _KNOWN.get((path, action.dest), lambda dest=action.dest: _CHOICES.get(dest, ()))
        values = [*map(str, action.choices or known())]
        words += [flag for flag in action.option_strings if flag.startswith("--")] or values
        if values and action.option_strings:
            yield from ((f"{path} {flag}", values) for flag in action.option_strings)
    yield path, words
    for actions in _subparsers(parser):
        for name, each in actions.choices.items():
            yield from _of_parser(f"{path} {name}", each)


def _subparsers(parser: argparse.ArgumentParser) -> list[argparse._SubParsersAction[argparse.ArgumentParser]]:
    return [action for action in parser._actions if isinstance(action, argparse._SubParsersAction)]


def _fish(table: Table) -> Iterator[str]:
    for key, words in table.items():
        *path, last = key.split(" ")
        option = last if last.startswith("-") else ""
        seen = [each for each in (path if option else key.split(" ")) if each]
        where = "; and ".join(f"__fish_seen_subcommand_from {each}" for each in seen) or "__fish_use_subcommand"
        start = f"complete -c cce-precheck -n '{where}'"
        if option:
            flag = f"-l {option[2:]}" if option.startswith("--") else f"-s {option[1:]}"
            yield f"{start} {flag} -xa '{' '.join(words)}'"
            continue
        plain = [word for word in words if not word.startswith("--")]
        if plain:
            yield f"{start} -a '{' '.join(plain)}'"
        yield from (f"{start} -l {word[2:]}" for word in words if word.startswith("--"))
