"""Arguments of several commands, and types of arguments: numbers within bounds."""

from __future__ import annotations

import argparse
import os
import re
from typing import TYPE_CHECKING

from pytest_cce_precheck.report.language import language_of

if TYPE_CHECKING:
    from collections.abc import Callable

    from pytest_cce_precheck.config.options import Language


def add_language(parser: argparse.ArgumentParser) -> None:
    """Add ``--lang`` to a command, or to each of its actions, unless it is among their settings."""
    actions = [each for each in parser._actions if isinstance(each, argparse._SubParsersAction)]
    for action in {each for choices in actions for each in choices.choices.values()}:
        add_language(action)
    if not actions and "--lang" not in parser._option_string_actions:
        parser.add_argument("--lang", choices=("en", "zh"), help="English or Chinese; default: that of LANG")


def chosen_language(options: argparse.Namespace) -> Language:
    """Return the language that was chosen with ``--lang``, else that of the environment."""
    return language_of(getattr(options, "lang", None), os.environ)


def whole(what: str, least: int = 0, most: int = 1_000_000) -> Callable[[str], int]:
    """Return an argparse type for whole numbers; ``what`` is the argument's name in error messages."""
    bounds = f"from {least} to {most}"

    def read(text: str) -> int:
        if text.isascii() and text.isdigit() and len(text) < 20 and least <= int(text) <= most:
            return int(text)
        raise argparse.ArgumentTypeError(f"{text!r} is not {what}: expected {bounds}")

    return read


def positive(what: str, most: float) -> Callable[[str], float]:
    """Return an argparse type for finite numbers above 0, and not above ``most``."""
    bounds = f"more than 0, {most:g} at most"

    def read(text: str) -> float:
        try:
            number = float(text)
        except ValueError:
            number = 0.0
        if 0 < number <= most:
            return number
        raise argparse.ArgumentTypeError(f"{text!r} is not {what}: expected {bounds}")

    return read


def duration(text: str) -> float:
    """Parse a time such as 30s, 5m and 2h, in seconds."""
    found = re.fullmatch(r"(\d{1,5})([smh])", text, re.ASCII)
    if found and int(found[1]):
        return float(int(found[1]) * {"s": 1, "m": 60, "h": 3600}[found[2]])
    raise argparse.ArgumentTypeError(f"{text!r} is not a time: expected a number with s, m or h, such as 30s or 2h")
