"""The report file: JSON for programs, Markdown and one self-contained HTML page for people."""

from __future__ import annotations

import html
import json
from collections.abc import Callable, Mapping
from typing import TYPE_CHECKING, Any, Final

from pytest_cce_precheck._files import prepare
from pytest_cce_precheck.errors import ConfigurationError
from pytest_cce_precheck.report.record import how_asked
from pytest_cce_precheck.report.text import as_code, one_line

if TYPE_CHECKING:
    from pathlib import Path

Writer = Callable[[Mapping[str, Any]], str]

_STYLE: Final = (
    "body{font:15px/1.5 system-ui,sans-serif;max-width:60rem;margin:2rem auto;padding:0 1rem}"
    "table{border-collapse:collapse;width:100%}td,th{border:1px solid #ccc;padding:.3rem .5rem;text-align:left;"
    "vertical-align:top}code{overflow-wrap:anywhere}.failing{background:#fdecea}.accepted{background:#eef6ee}"
)


def as_json(report: Mapping[str, Any]) -> str:
    """Write the report for programs."""
    return json.dumps(report, indent=2, ensure_ascii=False) + "\n"


def as_markdown(report: Mapping[str, Any]) -> str:
    """Write the report as Markdown."""
    rows = [
        f"| {f['verdict']} | {f['code']} | {as_code(f['message'])} | {as_code(_request(f))} |"
        for f in report["findings"]
    ]
    parts = [f"# Contract check of {as_code(report['service'])}", "", f"**{as_code(report['headline'])}**", ""]
    parts += [as_code(how_asked(report)), ""]
    if rows:
        parts += ["| verdict | code | finding | request |", "|---|---|---|---|", *rows, ""]
    for title, items in _lists(report):
        parts += [f"## {title}", "", *(f"- {as_code(item)}" for item in items), ""]
    return "\n".join(parts)


def as_html(report: Mapping[str, Any]) -> str:
    """Write the report as one page that needs nothing else."""

    def e(text: str) -> str:
        return html.escape(one_line(text))

    rows = "".join(
        f'<tr class="{e(f["verdict"])}"><td>{e(f["verdict"])}</td><td>{e(f["code"])}</td><td>{e(f["message"])}</td>'
        f"<td><code>{e(_request(f))}</code></td></tr>"
        for f in report["findings"]
    )
    table = f"<table><tr><th>verdict<th>code<th>finding<th>request</tr>{rows}</table>" if rows else ""
    lists = "".join(
        f"<h2>{e(title)}</h2><ul>{''.join(f'<li>{e(item)}</li>' for item in items)}</ul>"
        for title, items in _lists(report)
    )
    title = f"Contract check of {e(report['service'])}"
    return (
        f'<!doctype html><html lang="en"><meta charset="utf-8"><title>{title}</title><style>{_STYLE}</style>'
        f"<h1>{title}</h1><p><strong>{e(report['headline'])}</strong></p><p>{e(how_asked(report))}</p>"
        f"{table}{lists}</html>\n"
    )


WRITERS: Final[Mapping[str, Writer]] = {".json": as_json, ".md": as_markdown, ".html": as_html}


def writer_for(path: Path) -> Writer:
    """Return the writer for a file's ending; raises `ConfigurationError` for another, or where no file can be."""
    writer = WRITERS.get(path.suffix)
    if writer is None:
        raise ConfigurationError(f"--cce-report={path}: expected a name that ends in {', '.join(WRITERS)}")
    if not path.parent.is_dir():
        raise ConfigurationError(f"--cce-report={path}: the folder {path.parent} does not exist")
    prepare(path, f"--cce-report={path}")
    return writer


def _lists(report: Mapping[str, Any]) -> list[tuple[str, list[str]]]:
    lists = [
        (
            "Left open by the contract",
            [f"{question}: {', '.join(seen)}" for question, seen in report["observations"].items()],
        ),
        ("Not asked for", list(report["not_asked_for"])),
        ("Inconclusive", list(report["inconclusive"])),
        ("No example listed a task", [each["test"] for each in report["examples"] if not each["listed"]]),
        ("Ran on the simulator", [test["nodeid"] for test in report["tests"] if test["on_simulator"]]),
        ("Accepted but never met", list(report["acceptances_never_met"])),
        ("Accepted no longer", list(report["acceptances_expired"])),
        ("Classes of filter values not reached", list(report["classes_not_reached"])),
    ]
    return [(title, items) for title, items in lists if items]


def _request(finding: Mapping[str, Any]) -> str:
    first = next(iter(finding["exchanges"]), None)
    if first is None:
        return ""
    return f"{first['method']} {first['target']} → {first['status']} ({first['request_id'] or 'no request id'})"
