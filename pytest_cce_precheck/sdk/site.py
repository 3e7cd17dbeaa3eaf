"""Static pages with the results of SDKs side by side, from the JSON that the commands write."""

from __future__ import annotations

import json
import re
from typing import TYPE_CHECKING, Any

from markupsafe import Markup, escape

from pytest_cce_precheck import _files
from pytest_cce_precheck.contract.rules import rules
from pytest_cce_precheck.errors import ConfigurationError
from pytest_cce_precheck.report.html import environment
from pytest_cce_precheck.report.language import in_language
from pytest_cce_precheck.report.text import one_line
from pytest_cce_precheck.sdk.faults import words
from pytest_cce_precheck.sdk.run import CaseVerdict
from pytest_cce_precheck.sdk.table import FORMAT

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence
    from pathlib import Path

    Document = dict[str, Any]


def read_results(path: Path) -> Document:
    """Read what ``sdk run --json`` or ``sdk table --json`` wrote; raise `ConfigurationError` for something else."""
    way_out = "cce-precheck sdk table --json writes one"
    try:
        document = json.loads(_files.read_bytes(path, f"the results {path}", way_out=way_out))
        if document["format"] != FORMAT:
            raise ConfigurationError(f"{path} has format {document['format']!r}; this version reads {FORMAT}")
        count = len(document["sdks"])
        if not {"language", "sdk", "version"} <= set().union(*document["sdks"]) or len(document["faults"]) != count:
            raise ValueError("not every SDK has its faults")
        for fault in (fault for found in document["faults"] for fault in found):
            if not {"severity", "title", "title_zh", "codes", "cases"} <= fault.keys():
                raise ValueError("a fault has not all of its members")
        for case in document["cases"]:
            if len(case["cells"]) != count:
                raise ValueError(f"case {case['name']} has not one cell for each SDK")
            for cell in case["cells"]:
                CaseVerdict(cell["verdict"])
        return dict(document)
    except (ValueError, KeyError, TypeError, RecursionError) as error:
        raise ConfigurationError(f"{path} has no results of SDKs ({error}); {way_out}") from None


def write_site(folder: Path, documents: Sequence[Document]) -> None:
    """Write ``index.html`` (English and Chinese), ``summary.json`` and a badge for each SDK."""
    sdks = [_summary(document, number) for document in documents for number in range(len(document["sdks"]))]
    names = [sdk["name"] for sdk in sdks]
    if twice := sorted({name for name in names if names.count(name) > 1}):
        raise ConfigurationError(f"the results of {', '.join(twice)} are there twice: give each file once")
    rows = _rows(documents)
    _link(sdks, rows)
    template = environment().from_string(_files.packaged("sdk/data/site.html.j2"))
    page = template.render(
        sdks=sdks,
        rows=rows,
        wrong=[row for row in rows if any(cell and not cell["right"] for cell in row["cells"])],
        severities=words()["severities"],
        verdicts=words()["verdicts"],
        codes=_codes(sdks),
        ticked=_ticked,
        style=Markup(_files.packaged("report/page/page.css")),  # noqa: S704  our own
    )
    _write(folder / "index.html", page)
    shown = [{name: value for name, value in sdk.items() if name != "found"} for sdk in sdks]
    _write(folder / "summary.json", json.dumps({"format": FORMAT, "sdks": shown}, indent=1, ensure_ascii=False) + "\n")
    for sdk in sdks:
        _write(folder / sdk["badge"], _badge(sdk))


def _summary(document: Document, number: int) -> Document:
    sdk, found = document["sdks"][number], document["faults"][number]
    cells = [case["cells"][number] for case in document["cases"]]
    # what an SDK does not offer is neither right nor wrong
    asked = [cell for cell in cells if cell["verdict"] != CaseVerdict.ABSENT]
    name = f"{sdk['sdk']} {sdk['version']}"
    return {
        "name": name,
        "language": sdk["language"],
        "cases": len(asked),
        "right": sum(cell["right"] for cell in asked),
        "wrong": sum(not cell["right"] for cell in asked),
        "verdicts": {str(v): sum(cell["verdict"] == v for cell in cells) for v in CaseVerdict},
        "faults": {each: sum(fault["severity"] == each for fault in found) for each in words()["severities"]},
        "badge": f"badge-{re.sub(r'[^A-Za-z0-9.]+', '-', name).strip('-')}.svg",
        "found": [{**fault, "number": place} for place, fault in enumerate(found, 1)],
    }


def _link(sdks: Sequence[Document], rows: Sequence[Document]) -> None:
    """Give each fault and case the place to link to, and each of them the links to the others."""
    by_name = {row["name"]: row for row in rows}
    for place, row in enumerate(rows, 1):
        row["anchor"] = f"case-{place}" if any(cell and not cell["right"] for cell in row["cells"]) else ""
    for column, sdk in enumerate(sdks):
        for fault in sdk["found"]:
            fault["anchor"] = f"fault-{column + 1}-{fault['number']}"
            cases = [by_name.get(name, {"name": name, "anchor": "", "cells": []}) for name in fault["cases"]]
            for row in cases:
                for cell in row["cells"][column : column + 1]:
                    cell["faults"].append(fault)
            fault["cases"] = cases


def _codes(sdks: Sequence[Document]) -> Document:
    """Return each code that a fault has with its fact and these faults, but for codes that are unknown here."""
    found: Document = {}
    for sdk in sdks:
        for fault in sdk["found"]:
            for code in fault["codes"]:
                found.setdefault(code, []).append({**fault, "sdk": sdk["name"]})
    return {
        code: {"faults": found[code], "en": rule.title, "zh": in_language(rule, "zh")["fact"]}
        for code, rule in rules().items()
        if code in found
    }


def _ticked(text: str) -> Markup:
    """Return a text with what is between backticks as code."""
    parts = one_line(text).split("`")
    if len(parts) % 2 == 0:
        return escape(one_line(text))
    return Markup().join(
        Markup("<code>{}</code>").format(part) if place % 2 else escape(part) for place, part in enumerate(parts)
    )


def _rows(documents: Sequence[Document]) -> list[Document]:
    """Return a row for each case of any file; a cell is empty if the file of its SDK does not have the case."""
    titles = {case["name"]: case["title"] for document in documents for case in document["cases"]}
    tables = [{case["name"]: case["cells"] for case in document["cases"]} for document in documents]
    return [
        {
            "name": name,
            "title": title,
            "cells": [
                _cell(cells[name][number]) if name in cells else {}
                for document, cells in zip(documents, tables, strict=True)
                for number in range(len(document["sdks"]))
            ],
        }
        for name, title in titles.items()
    ]


def _cell(cell: Mapping[str, Any]) -> Document:
    codes = sorted({finding["code"] for finding in cell["findings"]} if not cell["right"] else ())
    messages = "; ".join(str(finding["message"]) for finding in cell["findings"])
    return {**cell, "codes": codes, "messages": messages, "faults": []}


def _badge(sdk: Document) -> str:
    colour = "#b3261e" if sdk["faults"]["high"] else "#855300" if sdk["wrong"] else "#11692f"
    text = f"{sdk['right']}/{sdk['cases']}"
    badge = _files.packaged("sdk/data/badge.svg")
    return badge.format(label="CCE precheck", text=text, colour=colour)


def _write(path: Path, text: str) -> None:
    _files.write(path, text.encode(), f"the page {path}", make_folders=True)
