"""The report file: JSON for programs, Markdown and one self-contained HTML page for people."""

from __future__ import annotations

import html
import json
from collections.abc import Callable, Mapping
from typing import TYPE_CHECKING, Final

from pytest_cce_precheck._files import prepare
from pytest_cce_precheck.contract.rules import rules
from pytest_cce_precheck.errors import ConfigurationError
from pytest_cce_precheck.report.record import RecordedFinding, RunRecord
from pytest_cce_precheck.report.text import as_code, one_line

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence
    from pathlib import Path

Writer = Callable[[RunRecord], str]

_STYLE: Final = (
    "body{font:15px/1.5 system-ui,sans-serif;max-width:60rem;margin:2rem auto;padding:0 1rem}"
    "table{border-collapse:collapse;width:100%}td,th{border:1px solid #ccc;padding:.3rem .5rem;text-align:left;"
    "vertical-align:top}code{overflow-wrap:anywhere}.failing{background:#fdecea}.accepted{background:#eef6ee}"
)


def as_json(record: RunRecord) -> str:
    """Render a record for programs."""
    return json.dumps(record.to_dict(), indent=2, ensure_ascii=False) + "\n"


def as_markdown(record: RunRecord) -> str:
    """Render a record as Markdown."""
    rows = [
        f"| {f['verdict']} | {f['code']} | {as_code(f['message'])} | {as_code(_request(f))} |" for f in record.findings
    ]
    parts = [f"# Contract check of {as_code(record.service)}", "", f"**{as_code(record.headline)}**", ""]
    parts += [as_code(record.how_asked), ""]
    if rows:
        parts += ["| verdict | code | finding | request |", "|---|---|---|---|", *rows, ""]
    for heading, table in _tables(record):
        cells = [" | ".join(map(as_code, row)) for row in table]
        rows = [f"| {each} |" for each in cells]
        parts += [f"## {heading}", "", rows[0], f"|{'---|' * len(table[0])}", *rows[1:], ""]
    for title, items in _lists(record):
        parts += [f"## {title}", "", *(f"- {as_code(item)}" for item in items), ""]
    return "\n".join(parts)


def as_html(record: RunRecord) -> str:
    """Render a record as one page that needs no other file."""

    def e(text: str) -> str:
        return html.escape(one_line(text))

    rows = "".join(
        f'<tr class="{e(f["verdict"])}"><td>{e(f["verdict"])}</td><td>{e(f["code"])}</td><td>{e(f["message"])}</td>'
        f"<td><code>{e(_request(f))}</code></td></tr>"
        for f in record.findings
    )
    table = f"<table><tr><th>verdict<th>code<th>finding<th>request</tr>{rows}</table>" if rows else ""
    tables = "".join(
        f"<h2>{e(heading)}</h2><table>{''.join(f'<tr>{cells}</tr>' for cells in map(_cells, table))}</table>"
        for heading, table in _tables(record)
    )
    lists = "".join(
        f"<h2>{e(title)}</h2><ul>{''.join(f'<li>{e(item)}</li>' for item in items)}</ul>"
        for title, items in _lists(record)
    )
    title = f"Contract check of {e(record.service)}"
    return (
        f'<!doctype html><html lang="en"><meta charset="utf-8"><title>{title}</title><style>{_STYLE}</style>'
        f"<h1>{title}</h1><p><strong>{e(record.headline)}</strong></p><p>{e(record.how_asked)}</p>"
        f"{table}{tables}{lists}</html>\n"
    )


WRITERS: Final[Mapping[str, Writer]] = {".json": as_json, ".md": as_markdown, ".html": as_html}


def writer_for(path: Path) -> Writer:
    """Return the writer for a file's suffix; raises `ConfigurationError` for others, or if no file can be written."""
    writer = WRITERS.get(path.suffix)
    if writer is None:
        raise ConfigurationError(f"--cce-report={path}: expected a name that ends in {', '.join(WRITERS)}")
    if not path.parent.is_dir():
        raise ConfigurationError(f"--cce-report={path}: the folder {path.parent} does not exist")
    prepare(path, f"--cce-report={path}")
    return writer


def _cells(row: Sequence[str]) -> str:
    return "".join(f"<td>{html.escape(one_line(each))}</td>" for each in row)


def _tables(record: RunRecord) -> Iterator[tuple[str, list[tuple[str, ...]]]]:
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
            for each in target.times
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
