"""The HTML report: one page that needs no other file, in English and Chinese."""

from __future__ import annotations

import base64
import hashlib
import re
import shlex
from functools import cache
from typing import TYPE_CHECKING, Any, Final

import jinja2
from markupsafe import Markup, escape

from pytest_cce_precheck._files import packaged
from pytest_cce_precheck._text import shortened
from pytest_cce_precheck.config.options import Mode
from pytest_cce_precheck.contract.rules import Kind, find_rule
from pytest_cce_precheck.errors import ConfigurationError
from pytest_cce_precheck.redaction.texts import Redactor
from pytest_cce_precheck.report import views
from pytest_cce_precheck.report.files import tables
from pytest_cce_precheck.report.language import in_language, label_in, line_in, reason_in, table
from pytest_cce_precheck.report.saved import SavedReport
from pytest_cce_precheck.report.text import one_line
from pytest_cce_precheck.report.ticket import documents, ticket
from pytest_cce_precheck.wire.vocabulary import TaskState

if TYPE_CHECKING:
    from collections.abc import Iterator

    from pytest_cce_precheck.report.record import RecordedCause, RunRecord

_CAUSES: Final = 40
_FINDINGS: Final = 1500
_MESSAGE: Final = 300
_ADDRESS: Final = re.compile(r"https://[\w./-]+")


def as_html(record: RunRecord) -> str:
    """Render a record as one page that needs no other file."""
    script = _file("page.js")
    return environment().get_template("page.html.j2").render(
        record=record,
        lang=record.language,
        words=table("page/words.toml"),
        style=Markup(_file("page.css")),  # noqa: S704  our own
        script=Markup(script),  # noqa: S704  our own
        script_hash=base64.b64encode(hashlib.sha256(script.encode()).digest()).decode(),
        titled=record.suite or record.verdict != "incomplete",
        real=Mode(record.mode).is_real,
        command=_command(record) if record.suite else "",
        causes=list(_causes(record)),
        findings=record.findings[:_FINDINGS],
        facts={code: in_language(find_rule(code), "zh")["fact"] for code in {each["code"] for each in record.findings}},
        without_tasks=[each["test"] for each in record.examples if not each["listed"]],
        on_simulator=[test.nodeid for test in record.tests if test.on_simulator],
        observations=[f"{what}: {', '.join(seen)}" for what, seen in record.observations.items()],
        tables=list(tables(record)),
        matrices=views.matrices(record),
        tree=views.contract_tree(record),
        columns=views.COLUMNS,
        states=[str(state) for state in TaskState],
        timeline=views.timeline(record),
        slowest=list(views.slowest(record)),
        open_rules=views.open_rules(record),
        complete=record.verdict == "holds" and not (record.not_asked_for or record.classes_not_reached),
    )  # fmt: skip


@cache
def environment() -> jinja2.Environment:
    """Return what renders pages; nothing in what they show is taken for HTML."""
    found = jinja2.Environment(
        autoescape=True,
        loader=jinja2.FunctionLoader(_file),
        trim_blocks=True,
        lstrip_blocks=True,
        undefined=jinja2.StrictUndefined,
    )
    found.filters.update(
        line=one_line,
        text=_lines,
        linked=_linked,
        query=_query,
        short=lambda text: shortened(text, _MESSAGE),
        zh=lambda text: line_in(text, "zh"),
        label_zh=lambda label: label_in(label, "zh"),
        reason_zh=lambda reason: reason_in(reason, "zh"),
    )
    return found


def _file(name: str) -> str:
    return packaged(f"report/page/{name}")


def _lines(text: str) -> str:
    """Return a text of several lines with each line made harmless."""
    return "\n".join(map(one_line, text.split("\n")))


def _query(target: str) -> str:
    """Return the end of a request target: what is asked, without the ids of project and cluster."""
    path, mark, query = target.partition("?")
    return f"…/{'/'.join(path.rsplit('/', 3)[1:])}{mark}{query}"


def _linked(text: str) -> Any:
    """Return a text of ours with its address as a link."""
    address = _ADDRESS.search(text)
    if not address:
        return escape(text)
    before = text[: address.start()].rstrip(": ：")
    return Markup('<a href="{}" rel="noreferrer">{}</a>').format(address[0], before)


def _command(record: RunRecord, *more: str) -> str:
    given = [
        flag if setting["value"] in ("true", "True") else f"{flag}={setting['value']}"
        for flag, setting in record.settings.items()
        if flag != "--cce-report"
    ]
    return shlex.join(["pytest", "--pyargs", "pytest_cce_precheck.suite", *more, *given])


def _causes(record: RunRecord) -> Iterator[dict[str, Any]]:
    saved = SavedReport("", record.to_dict())
    for cause in record.causes[:_CAUSES]:
        finding = cause.finding
        rule = find_rule(finding["code"])
        check = finding["test"].rpartition("::")[2].partition("[")[0]
        yield {
            "finding": finding,
            "rule": rule,
            "zh": in_language(rule, "zh"),
            "targets": cause.targets,
            "consequences": cause.consequences,
            "contradiction": rule.kind is Kind.DEVIATION,
            "documents": list(documents(rule)),
            "command": _command(record, "-k", check) if record.suite and check.startswith("test_") else "",
            "tickets": list(_tickets(saved, cause)),
        }


def _tickets(saved: SavedReport, cause: RecordedCause) -> Iterator[tuple[str, str]]:
    for language in ("en", "zh"):
        try:
            yield language, ticket(saved, cause.finding["code"], language, Redactor(()))
        except ConfigurationError:
            # not one for the vendor
            return
