"""The report file: the form that its name ends in; JSON and Markdown are made here."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from importlib import import_module
from typing import TYPE_CHECKING, Final

from pytest_cce_precheck._files import prepare
from pytest_cce_precheck.contract.rules import rules
from pytest_cce_precheck.errors import ConfigurationError
from pytest_cce_precheck.report.record import RecordedFinding, RunRecord
from pytest_cce_precheck.report.text import as_code, as_json_text

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence
    from pathlib import Path

Writer = Callable[[RunRecord], str]


def as_json(record: RunRecord) -> str:
    """Render a record for programs."""
    return as_json_text(record.to_dict())


def as_markdown(record: RunRecord) -> str:
    """Render a record as Markdown."""
    rows = [
        f"| {f['verdict']} | {f['code']} | {as_code(f['message'])} | {as_code(_request(f))} |" for f in record.findings
    ]
    parts = [f"# Contract check of {as_code(record.service)}", "", f"**{as_code(record.headline)}**", ""]
    parts += [as_code(record.how_asked), ""]
    if rows:
        parts += ["| verdict | code | finding | request |", "|---|---|---|---|", *rows, ""]
    for heading, table in tables(record):
        cells = [" | ".join(map(as_code, row)) for row in table]
        rows = [f"| {each} |" for each in cells]
        parts += [f"## {heading}", "", rows[0], f"|{'---|' * len(table[0])}", *rows[1:], ""]
    for title, items in _lists(record):
        parts += [f"## {title}", "", *(f"- {as_code(item)}" for item in items), ""]
    return "\n".join(parts)


FORMS: Final[Mapping[str, str]] = {
    ".ctrf.json": "machine.as_ctrf",
    ".codequality.json": "machine.as_code_quality",
    ".json": "files.as_json",
    ".ndjson": "machine.as_events",
    ".sarif": "machine.as_sarif",
    ".md": "files.as_markdown",
    ".html": "html.as_html",
}
"""The function that writes each form, by how the name of a file ends."""


def writer_for(path: Path) -> Writer:
    """Return the writer for a file's name; raises `ConfigurationError` for others, or if no file can be written."""
    form = next((each for ending, each in FORMS.items() if path.name.endswith(ending)), None)
    if form is None:
        raise ConfigurationError(f"--cce-report={path}: expected a name that ends in {', '.join(FORMS)}")
    if not path.parent.is_dir():
        raise ConfigurationError(f"--cce-report={path}: the folder {path.parent} does not exist")
    prepare(path, f"--cce-report={path}")
    module, _, name = form.partition(".")
    # a form that nobody asks for costs no import, and needs no library
    try:
        writer: Writer = getattr(import_module(f"pytest_cce_precheck.report.{module}"), name)
    except ModuleNotFoundError as error:
        raise ConfigurationError(
            f"--cce-report={path} needs {error.name}, which is not installed:"
            f' pip install "pytest-cce-precheck[report]", or choose another form'
        ) from None
    return writer


def tables(record: RunRecord) -> Iterator[tuple[str, list[tuple[str, ...]]]]:
    """Yield each table with its heading; the first row names the columns."""
    if any(each.times for each in record.proved.values()):
        rows = [
            (kind, each.ratio, ", ".join(each.nothing) or "-", ", ".join(each.not_asked) or "-")
            for kind, each in record.proved.items()
        ]
        yield "How much was proved", [("kind", "proved", "nothing to judge", "not asked"), *rows]
        judged = record.proved["rules"].times
        yield "Rules judged", [("rule", "times"), *((f"{c} {rules()[c].name}", str(n)) for c, n in judged.items())]
    for name, target in record.targets.items():
        times = [
            (
                each.kind,
                str(each.answers),
                *(f"{value:.3f}" for value in (each.median, each.p95, each.p99, each.longest)),
            )
            for each in target.response_times
        ]
        if times:
            columns = ("query", "answers", "median", "95%", "99%", "longest")
            yield f"Response times in seconds{f', {name}' if name else ''}", [columns, *times]


def _lists(record: RunRecord) -> list[tuple[str, Sequence[str]]]:
    lists: list[tuple[str, Sequence[str]]] = [
        ("Unspecified by the contract", [f"{what}: {', '.join(seen)}" for what, seen in record.observations.items()]),
        ("Not asked for", record.not_asked_for),
        ("Inconclusive", record.inconclusive),
        ("No example listed a task", [each["test"] for each in record.examples if not each["listed"]]),
        ("Ran on the simulator", [test.nodeid for test in record.tests if test.on_simulator]),
        ("Unused acceptances", record.acceptances_never_met),
        ("Expired acceptances", record.acceptances_expired),
        ("Classes of filter values not reached", record.classes_not_reached),
    ]
    return [(title, items) for title, items in lists if items]


def _request(finding: RecordedFinding) -> str:
    first = next(iter(finding["exchanges"]), None)
    if first is None:
        return ""
    return f"{first['method']} {first['target']} → {first['status']} ({first['request_id'] or 'no request id'})"
