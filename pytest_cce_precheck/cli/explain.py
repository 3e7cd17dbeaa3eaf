"""``cce-precheck explain``: what a finding code means."""

from __future__ import annotations

from dataclasses import asdict
from typing import TYPE_CHECKING

from pytest_cce_precheck._files import packaged_table
from pytest_cce_precheck._text import json_text
from pytest_cce_precheck.cli.arguments import chosen_language
from pytest_cce_precheck.cli.printing import print_text
from pytest_cce_precheck.contract.rules import find_rule, rules
from pytest_cce_precheck.report.language import entry, overview

if TYPE_CHECKING:
    import argparse


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Add the arguments of ``explain``."""
    parser.add_argument("codes", nargs="*", metavar="CODE", help="a code or a rule's name; without any, list them all")
    parser.add_argument("--json", action="store_true", help="print JSON")
    parser.set_defaults(run=run)


def run(options: argparse.Namespace) -> int:
    """Print the entries of the codes, or the list of all codes."""
    if options.json:
        print_text(f"{json_text([asdict(find_rule(code)) for code in options.codes or rules()])}\n")
        return 0
    language = chosen_language(options)
    if not options.codes:
        print_text(overview(language))
        return 0
    # to import the faults themselves would double the command's time
    categories = packaged_table("simulator/catalogue.toml")["faults"].values()
    shown_by = [(name, fault["codes"]) for faults in categories for name, fault in faults.items()]
    print_text("\n".join(entry(code, shown_by, language) for code in options.codes))
    return 0
