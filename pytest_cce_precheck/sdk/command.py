"""``cce-precheck sdk`` and ``cce-precheck corpus``."""

from __future__ import annotations

import json
import shlex
import sys
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final

from pytest_cce_precheck._files import prepare
from pytest_cce_precheck.errors import ConfigurationError
from pytest_cce_precheck.report.text import headline
from pytest_cce_precheck.sdk.baseline import Comparison, against, read_baseline, write_baseline
from pytest_cce_precheck.sdk.cases import corpus_cases
from pytest_cce_precheck.sdk.corpus import export
from pytest_cce_precheck.sdk.driver import PATIENCE
from pytest_cce_precheck.sdk.reports import bug_reports, faults
from pytest_cce_precheck.sdk.run import run_sdks
from pytest_cce_precheck.sdk.table import as_document, as_markdown, as_text
from pytest_cce_precheck.sdk.versions import compare_versions, installed_driver

if TYPE_CHECKING:
    import argparse
    from collections.abc import Callable, Iterator, Mapping

    from pytest_cce_precheck.sdk.run import SdkReport


def sdk_command(options: argparse.Namespace) -> int:
    """Run ``cce-precheck sdk …``: 1 where an SDK gets something wrong that no baseline knows."""
    return _ACTIONS[options.action](options)


def corpus_command(options: argparse.Namespace) -> int:
    """Run ``cce-precheck corpus export DIR``."""
    number = export(Path(options.folder), corpus_cases())
    sys.stdout.write(f"{number} cases in {options.folder}\n")
    return 0


def driver_command(text: str) -> tuple[str, ...]:
    """Split what a person gives as a driver's command; raises `ConfigurationError` where there is nothing in it."""
    try:
        words = tuple(shlex.split(text))
    except ValueError as error:
        raise ConfigurationError(f"the driver's command {text!r} cannot be read: {error}") from None
    if not words:
        raise ConfigurationError("the driver's command is empty: give the program that speaks for the SDK")
    return words


def _run(options: argparse.Namespace) -> int:
    if options.update_baseline and not options.baseline:
        raise ConfigurationError("--update-baseline writes the file that --baseline names: give both")
    path = Path(options.baseline) if options.baseline else None
    # a file that cannot be used is better said before the SDK is asked
    if path and options.update_baseline:
        prepare(path, f"the baseline {path}")
    baseline = read_baseline(path) if path and not options.update_baseline else None
    command = installed_driver() if options.python else driver_command(options.driver)
    [report] = run_sdks([command], corpus_cases(), patience=options.patience or PATIENCE)
    if path and options.update_baseline:
        write_baseline(path, report)
    compared = against(baseline, report) if baseline else None
    if options.json:
        _print_json(as_document([report]), compared)
    else:
        sys.stdout.write(as_markdown([report]) if options.markdown else as_text([report]))
        sys.stdout.write("\n" + (bug_reports(report) if options.markdown else _found(report)))
        sys.stdout.writelines(f"{line}\n" for line in _compared(compared, report))
    if options.update_baseline:
        return 0
    return int(bool(compared.new if compared else faults(report)))


def _table(options: argparse.Namespace) -> int:
    commands = [*([installed_driver()] if options.python else []), *map(driver_command, options.driver)]
    if not commands:
        raise ConfigurationError("a table needs SDKs: give --python, or --driver once for each")
    reports = run_sdks(commands, corpus_cases(), patience=options.patience or PATIENCE)
    if options.json:
        _print_json(as_document(reports), None)
    else:
        sys.stdout.write(as_markdown(reports) if options.markdown else as_text(reports))
    return 0


def _compare(options: argparse.Namespace) -> int:
    steps = compare_versions(options.python)
    if options.json:
        sys.stdout.write(json.dumps([step.to_dict() for step in steps], indent=1) + "\n")
    else:
        sys.stdout.write("\n".join(step.text for step in steps))
    return 0


def _print_json(document: Mapping[str, Any], compared: Comparison | None) -> None:
    more: dict[str, Any] = {}
    if compared is not None:
        new = [list(fault.identity) for fault in compared.new]
        gone = [list(identity) for identity in compared.gone]
        more["baseline"] = {"version": compared.version, "new": new, "gone": gone}
    sys.stdout.write(json.dumps({**document, **more}, indent=1) + "\n")


def _found(report: SdkReport) -> str:
    lines = []
    for fault in faults(report):
        shows = f"{len(fault.cells)} cases" if len(fault.cells) > 1 else fault.sample.case.name
        lines.append(f"{headline(fault.finding)} [{shows}, {'conforming' if fault.conforming else 'broken'}]\n")
    return "".join(lines)


def _compared(compared: Comparison | None, report: SdkReport) -> Iterator[str]:
    if compared is None:
        return
    if compared.version != report.introduction.version:
        yield f"the baseline is of version {compared.version}"
    for fault in compared.new:
        yield f"new: {headline(fault.finding)} [{fault.sample.case.name}]"
    for identity in compared.gone:
        yield f"gone: {' '.join(identity)}; take it out of the baseline with --update-baseline"
    if not compared.new and not compared.gone:
        yield "nothing is wrong but what the baseline knows"


_ACTIONS: Final[Mapping[str, Callable[[argparse.Namespace], int]]] = {
    "run": _run,
    "table": _table,
    "compare": _compare,
}
