"""``cce-precheck sdk``: the corpus against SDKs."""

from __future__ import annotations

from dataclasses import asdict
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final

from pytest_cce_precheck._files import prepare
from pytest_cce_precheck._text import count_of, listed
from pytest_cce_precheck.cli.arguments import chosen_language, positive
from pytest_cce_precheck.cli.output import print_json, print_lines, put_out
from pytest_cce_precheck.cli.printing import print_text
from pytest_cce_precheck.cli.progress import ProgressLine
from pytest_cce_precheck.errors import ConfigurationError
from pytest_cce_precheck.report.language import line_in
from pytest_cce_precheck.report.text import headline
from pytest_cce_precheck.sdk.cases import corpus_cases, find_case
from pytest_cce_precheck.sdk.driver import GRACE_SECONDS, Driver, driver_command
from pytest_cce_precheck.sdk.faults import defects, faults, model_differences
from pytest_cce_precheck.sdk.known import (
    CaseState,
    KnownCases,
    compare_with_baseline,
    read_baseline,
    read_known,
    write_baseline,
    write_junit,
    write_known_failing,
)
from pytest_cce_precheck.sdk.reports import bug_reports, write_reports
from pytest_cce_precheck.sdk.run import SdkReport, corpus_credentials, refuse_nothing_asked, run_sdks
from pytest_cce_precheck.sdk.table import as_document, as_markdown, as_text
from pytest_cce_precheck.sdk.versions import ASYNCHRONOUS, compare_sdks, installed_driver, versions_of_python

if TYPE_CHECKING:
    import argparse
    from collections.abc import Iterator, Mapping, Sequence

    from pytest_cce_precheck.config.options import Language
    from pytest_cce_precheck.sdk.case import Case
    from pytest_cce_precheck.sdk.faults import SdkFault
    from pytest_cce_precheck.sdk.known import Baseline, BaselineChange


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Add the actions of ``sdk``."""
    actions = parser.add_subparsers(required=True, metavar="ACTION")
    one = actions.add_parser("run", help="test one SDK with every case of the corpus")
    several = actions.add_parser("table", help="test several SDKs side by side, and show the result of each case")
    compare = actions.add_parser(
        "compare", help="show what changed from one SDK, or version of the Python SDK, to the next"
    )
    models = actions.add_parser("models", help="compare an SDK's models with the documented fields, without a call")
    site = actions.add_parser("site", help="write pages with the results of SDKs side by side (extra [report])")
    parsers = {"run": one, "compare": compare, "models": models, "site": site}
    for name, action in parsers.items():
        action.epilog = _EPILOGS[name]
    _add_of_run(one)
    add = several.add_argument
    add("--driver", action="append", default=[], metavar="CMD", help="starts an SDK's driver (repeatable)")
    add("--python", action="store_true", help="also the Python SDK that is installed here")
    add("--python-async", action="store_true", help="also the asynchronous client of this SDK")
    patience = f"how long a driver may take beyond the time of its call (default: {GRACE_SECONDS:g})"
    seconds = positive("a number of seconds", 3600)
    for each in (one, several):
        each.add_argument("--patience", type=seconds, default=GRACE_SECONDS, metavar="SECONDS", help=patience)
        form = each.add_mutually_exclusive_group()
        form.add_argument("--json", action="store_true", help="print JSON")
        form.add_argument("--markdown", action="store_true", help="print Markdown")
    compared = compare.add_mutually_exclusive_group(required=True)
    compared.add_argument("--python", nargs="+", metavar="VERSION", help="two or more versions, or a range A..B")
    compared.add_argument("--driver", action="append", metavar="CMD", help="starts an SDK's driver; give two or more")
    _add_which(models)
    for each in (compare, models):
        each.add_argument("--json", action="store_true", help="print JSON")
    site.add_argument("--out", required=True, metavar="DIR", help="the folder of the pages")
    site.add_argument("results", nargs="+", metavar="RESULTS", help="what run or table --json wrote")
    for each, run in ((one, _run), (several, _table), (compare, _compare), (models, _models), (site, _site)):
        each.set_defaults(run=run)


_EPILOGS: Final = {
    "run": "Exit status: 0 if nothing is wrong that is not known, 1 if something is, or if a case that is known to fail"
    " passes, 2 if the driver fails or an argument is wrong, 130 after Ctrl-C. Example: cce-precheck sdk run"
    " --driver ./my-driver --junit junit.xml --known-failing @known-failing.txt",
    "compare": "Exit status: 0 if nothing new is wrong, 1 if something is, 2 if a driver fails or an argument is wrong."
    ' Example: cce-precheck sdk compare --driver "./driver-of-main" --driver "./driver-of-branch"',
    "models": "Exit status: 0 if the models have every documented field, 1 if not, 2 if the driver cannot describe"
    " them. Example: cce-precheck sdk models --driver drivers/go/cce-driver",
    "site": "Example: cce-precheck sdk table --python --json > python.json;"
    " cce-precheck sdk site --out site python.json",
}


def _add_which(parser: argparse.ArgumentParser) -> argparse._MutuallyExclusiveGroup:
    which = parser.add_mutually_exclusive_group(required=True)
    which.add_argument("--driver", metavar="CMD", help="the command that starts the SDK's driver")
    which.add_argument("--python", action="store_true", help="the Python SDK that is installed here")
    return which


def _add_of_run(one: argparse.ArgumentParser) -> None:
    add = one.add_argument
    add("--case", action="append", default=[], metavar="NAME", help="only the case of this name (repeatable)")
    _add_which(one).add_argument("--python-async", action="store_true", help="the same SDK's asynchronous client")
    add("--baseline", metavar="FILE", help="the known errors: any other fails")
    add("--update-baseline", action="store_true", help="write the present errors to the baseline's file")
    writes = "write the cases that fail to a file that --known-failing @FILE reads; those of --known-flaky are left out"
    add("--write-known-failing", metavar="FILE", help=writes)
    reports = "write a bug report for each fault, in English and Chinese; with --baseline, only for what is new"
    add("--reports", metavar="DIR", help=reports)
    add("--junit", metavar="FILE", help="write a JUnit file, with a test case for each case of the corpus")
    known = {"failing": "fail; one that passes fails the run", "flaky": "fail sometimes, and never fail the run"}
    for name, what in known.items():
        text = f"cases that {what}: a pattern such as error-429-*, or @FILE with one on each line (repeatable)"
        add(f"--known-{name}", action="append", default=[], metavar="PATTERN", help=text)


def _run(options: argparse.Namespace) -> int:
    _refuse_contradictions(options)
    path = Path(options.baseline) if options.baseline else None
    written = Path(options.write_known_failing) if options.write_known_failing else None
    writes = written is not None or options.update_baseline
    # a file that cannot be used is reported before the SDK runs
    if path and options.update_baseline:
        prepare(path, f"the baseline {path}")
    if written:
        prepare(written, f"the file of known cases {written}")
    baseline = read_baseline(path) if path and not options.update_baseline else None
    command = driver_command(options.driver) if options.driver else _of_python(options)[0]
    if options.junit:
        prepare(Path(options.junit), f"the JUnit file {options.junit}")
    cases = [find_case(name) for name in options.case] or corpus_cases()
    named = read_known(options.known_failing, options.known_flaky, cases)
    language = chosen_language(options)
    [report] = _reports([command], cases, options)
    refuse_nothing_asked(report)
    change = compare_with_baseline(baseline, report) if baseline else None
    states = {result.case.name: (baseline or named).state_of(result) for result in report.results}
    failed = tuple(result for result in report.results if states[result.case.name] is CaseState.FAILED)
    found = faults(change.new if change else defects(SdkReport(report.introduction, failed)))
    known: KnownCases | Baseline = baseline or named
    if written:
        known = write_known_failing(written, report, named)
    elif path and options.update_baseline:
        known = write_baseline(path, report)
    if options.junit:
        write_junit(Path(options.junit), report, known)
    if options.reports:
        write_reports(Path(options.reports), report.introduction, found)
    if options.json:
        about = {"baseline": _baseline_document(baseline, change)} if baseline and change else {}
        print_json({**as_document([report]), **about})
    else:
        # what is known would bury what is new, which comes last
        is_known = baseline or any(state.is_known for state in states.values())
        new = {result.case.name for result in failed} if is_known else None
        print_text((as_markdown([report], new) if options.markdown else as_text([report], language, new)) + "\n")
        print_lines(_known_lines(states), language=language)
        print_lines(_baseline_lines(baseline, report, change) if baseline and change else [], language=language)
        _print_faults(report, found, options, language)
        print_lines(_written_lines(written or path, known) if writes else [], language=language)
    return 0 if writes else int(bool(found) or CaseState.FIXED in states.values())


def _print_faults(
    report: SdkReport, found: Sequence[SdkFault], options: argparse.Namespace, language: Language
) -> None:
    if options.markdown:
        print_text(bug_reports(report.introduction, found))
        return
    label = line_in("new, ", language) if options.baseline and not options.update_baseline else ""
    print_lines(f"{label}{_fault_line(fault, language)}" for fault in found)


def _reports(
    commands: Sequence[Sequence[str]], cases: Sequence[Case], options: argparse.Namespace
) -> tuple[SdkReport, ...]:
    with ProgressLine() as progress:
        progress.show(f"{count_of(len(commands), 'SDK')} with {count_of(len(cases), 'case')}")
        return run_sdks(commands, cases, grace=options.patience)


def _of_python(options: argparse.Namespace) -> list[tuple[str, ...]]:
    wanted = ((options.python, ()), (options.python_async, (ASYNCHRONOUS,)))
    return [(*installed_driver(), *words) for is_wanted, words in wanted if is_wanted]


def _refuse_contradictions(options: argparse.Namespace) -> None:
    if options.update_baseline and not options.baseline:
        raise ConfigurationError("--update-baseline writes the file that --baseline names: give both")
    if options.baseline and (options.known_failing or options.known_flaky or options.write_known_failing):
        raise ConfigurationError(
            "--baseline stores faults, and --known-failing, --known-flaky and --write-known-failing name cases:"
            " give the baseline without them"
        )
    if options.write_known_failing and options.known_failing:
        raise ConfigurationError("--write-known-failing writes a new list: give it without --known-failing")
    if options.case and (options.baseline or options.write_known_failing):
        raise ConfigurationError(
            "--baseline and --write-known-failing are about all cases, and --case names some: give one of them"
        )


def _known_lines(states: Mapping[str, CaseState]) -> Iterator[str]:
    for name, state in states.items():
        if state is CaseState.FIXED:
            yield f"{name} is known to fail, but it passes: remove it from the known cases"
    for state in (CaseState.KNOWN, CaseState.FLAKY):
        if number := list(states.values()).count(state):
            yield f"{count_of(number, 'case')} {state}"


def _written_lines(path: Path | None, known: KnownCases | Baseline) -> Iterator[str]:
    if isinstance(known, KnownCases):
        yield f"{path} names the cases that fail ({len(known.failing)}): --known-failing @{path} reads it"
    else:
        yield f"{path} has what is wrong ({count_of(len(known.known), 'fact')}): --baseline {path} reads it"


def _table(options: argparse.Namespace) -> int:
    commands = [*_of_python(options), *map(driver_command, options.driver)]
    if not commands:
        raise ConfigurationError("a table needs SDKs: give --python, or --driver once for each")
    reports = _reports(commands, corpus_cases(), options)
    if options.json:
        print_json(as_document(reports))
    else:
        print_text(as_markdown(reports) if options.markdown else as_text(reports, chosen_language(options)))
    return 0


def _models(options: argparse.Namespace) -> int:
    command = driver_command(options.driver) if options.driver else installed_driver()
    with Driver(command, corpus_credentials()) as driver:
        models = driver.models()
        name = driver.introduction.name
    if models is None:
        raise ConfigurationError(f"the driver of {name} cannot describe its models: see docs/how-to-driver.md#models")
    found = model_differences(models)
    wrong = [difference for difference in found if difference.kind != "extra"]
    document = {"sdk": name, "models": models, "differences": [asdict(difference) for difference in found]}
    missing = f"{name}: {count_of(len(wrong), 'documented field')} missing or of another type"
    put_out(options, document, [*(difference.fact for difference in found), missing])
    return int(bool(wrong))


def _site(options: argparse.Namespace) -> int:
    try:
        from pytest_cce_precheck.sdk.site import read_results, write_site
    except ImportError:
        raise ConfigurationError('the pages need Jinja2: pip install "pytest-cce-precheck[report]"') from None
    write_site(Path(options.out), [read_results(Path(path)) for path in options.results])
    print_lines([f"{Path(options.out) / 'index.html'}"])
    return 0


def _compare(options: argparse.Namespace) -> int:
    if options.driver and len(options.driver) < 2:
        raise ConfigurationError("a comparison needs two drivers or more: give --driver once for each")
    commands = map(driver_command, options.driver) if options.driver else versions_of_python(options.python)
    steps = compare_sdks([*commands])
    put_out(options, [step.to_dict() for step in steps], (step.text.removesuffix("\n") for step in steps))
    refuse_nothing_asked(steps[-1].after)
    return int(any(step.new for step in steps))


def _fault_line(fault: SdkFault, language: Language) -> str:
    cases = f"{len(fault.cases)} cases" if len(fault.cases) > 1 else fault.cases[0]
    kind = "conforming" if fault.sample.conforming else "broken"
    sample = f"{headline(fault.sample.finding, language)} [{line_in(f'{cases}, {kind}', language)}]"
    places = (
        f"\n{line_in(f'  in {listed(fault.places, 4)}', language)}" if fault.about and len(fault.places) > 1 else ""
    )
    return f"{line_in(f'{fault.severity}: {fault.title(language)}', language)}\n  {sample}{places}"


def _baseline_document(baseline: Baseline, change: BaselineChange) -> dict[str, Any]:
    return {
        "version": baseline.version,
        "new": [each.identity for each in change.new],
        "gone": change.gone,
        "unseen": [{"identity": identity, "because": why} for identity, why in change.unseen.items()],
    }


def _baseline_lines(baseline: Baseline, report: SdkReport, change: BaselineChange) -> Iterator[str]:
    if baseline.version != report.introduction.version:
        yield f"the baseline is of version {baseline.version}"
    for identity, why in change.unseen.items():
        yield f"not seen: {' '.join(identity)}, because {why}"
    for identity in change.gone:
        yield f"gone: {' '.join(identity)}; remove it from the baseline with --update-baseline"
    if not change.new and not change.gone:
        yield "nothing is wrong except what the baseline lists"
