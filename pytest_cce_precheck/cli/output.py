"""What commands print: text and JSON on standard output, problems on standard error."""

from __future__ import annotations

import sys
from dataclasses import replace
from typing import TYPE_CHECKING, Any

from pytest_cce_precheck._text import count_of, json_text
from pytest_cce_precheck.cli.arguments import chosen_language
from pytest_cce_precheck.cli.printing import print_text
from pytest_cce_precheck.contract.acceptance import useless
from pytest_cce_precheck.report.language import text_in
from pytest_cce_precheck.report.text import describe, headline

if TYPE_CHECKING:
    import argparse
    from collections.abc import Callable, Iterable, Iterator
    from datetime import date

    from pytest_cce_precheck.config.options import Language
    from pytest_cce_precheck.contract.acceptance import Acceptance
    from pytest_cce_precheck.contract.findings import Finding
    from pytest_cce_precheck.redaction.texts import Redactor
    from pytest_cce_precheck.report.verdict import Verdict


def print_lines(lines: Iterable[str], redactor: Redactor | None = None, *, language: Language = "en") -> None:
    """Print lines in a language, without secrets if there is a ``redactor``."""
    text = "".join(f"{text_in(line, language)}\n" for line in lines)
    print_text(redactor.text(text) if redactor else text)


def print_json(document: Any, redactor: Redactor | None = None) -> None:
    """Print a document for programs, without secrets if there is a ``redactor``."""
    print_lines([json_text(document)], redactor)


def say(lines: Iterable[str], options: argparse.Namespace, redactor: Redactor | None = None) -> None:
    """Print lines in the language that was chosen, without secrets if there is a ``redactor``."""
    print_lines(lines, redactor, language=chosen_language(options))


def put_out(options: argparse.Namespace, document: Any, lines: Iterable[str], redactor: Redactor | None = None) -> None:
    """Print the document with ``--json``, else the lines; without secrets if there is a ``redactor``."""
    if options.json:
        print_json(document, redactor)
    else:
        say(lines, options, redactor)


def complain(lines: Iterable[str], options: argparse.Namespace | None = None, redactor: Redactor | None = None) -> None:
    """Print problems on standard error in the language that was chosen, without secrets if there is a ``redactor``."""
    language = chosen_language(options) if options else "en"
    said = (text_in(line, language) for line in lines)
    sys.stderr.writelines(f"cce-precheck: {redactor.text(line) if redactor else line}\n" for line in said)


def verdict_lines(
    name: str,
    verdict: Verdict,
    redactor: Redactor,
    *,
    errors: int,
    where: Callable[[Finding], str] = lambda _: "",
    language: Language = "en",
) -> Iterator[str]:
    """Yield what was found in a file, then the number of ``errors``; ``where`` says in which part of the file."""
    if verdict.failing:
        # what was on the wire is in the file
        bare = [replace(finding, exchanges=()) for finding in verdict.failing]
        yield describe(bare, redactor, kind=None, language=language) + "\n"
    for finding, _ in verdict.accepted:
        yield f"accepted: {where(finding)}{headline(finding)}"
    for finding in verdict.shown:
        yield f"{finding.severity}: {where(finding)}{headline(finding)}"
    yield f"{name}: {count_of(errors, 'finding') if errors else 'nothing breaks the contract'}"


def useless_lines(acceptances: Iterable[Acceptance], verdicts: Iterable[Verdict], today: date) -> Iterator[str]:
    """Yield a line for each acceptance that has expired, or that accepted nothing."""
    used = {acceptance.code for verdict in verdicts for _, acceptance in verdict.accepted}
    expired, unused = useless(((each, "", each.code in used) for each in acceptances), today)
    yield from (f"expired acceptance: {each}" for each in expired)
    yield from (f"unused acceptance: {each}" for each in unused)
