"""GitHub Actions: the report on the job's page, and an annotation for each cause that fails the run."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Final

from pytest_cce_precheck._files import append
from pytest_cce_precheck.config.options import Mode
from pytest_cce_precheck.errors import ConfigurationError
from pytest_cce_precheck.report.files import as_markdown
from pytest_cce_precheck.report.text import one_line

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Mapping

    from pytest_cce_precheck.report.record import RecordedCause, RunRecord

SUMMARY: Final = "GITHUB_STEP_SUMMARY"
# GitHub shows no summary of more than 1 MiB, and other steps add to it
_LONGEST: Final = 500_000
_CUT: Final = "\n\n… the rest is in the report file (--cce-report).\n"


def write_to_github(
    record: RunRecord, environment: Mapping[str, str], spelled: Callable[[str], str] = str
) -> list[str]:
    """Append the Markdown report to the job's summary, and return the lines to print: one workflow command a cause.

    Does nothing outside of GitHub Actions (``GITHUB_ACTIONS=true``), nor for a simulated run. If the summary cannot be
    written, that is a warning and fails nothing.
    """
    # whoever injects faults into the simulator knows them
    if environment.get("GITHUB_ACTIONS") != "true" or Mode(record.mode).is_simulated:
        return []
    lines = list(commands(record))
    path = environment.get(SUMMARY)
    if path:
        try:
            append(Path(path), _bounded(spelled(as_markdown(record))), SUMMARY)
        except ConfigurationError as error:
            lines.append(_command("warning", "cce-precheck", str(error)))
    return lines


def commands(record: RunRecord) -> Iterator[str]:
    """Yield a workflow command for each cause that fails the run, and for each warning that does not."""
    failing = [cause for cause in record.causes if cause.finding["verdict"] == "failing"]
    for level, causes in (("error", failing), ("warning", record.warnings)):
        yield from (_command(level, cause.finding["code"], _message(cause)) for cause in causes)


def _message(cause: RecordedCause) -> str:
    text = one_line(cause.finding["message"].partition("\n")[0])
    ids = [each["request_id"] for each in cause.finding["exchanges"] if each["request_id"]]
    text += f" (request id {one_line(ids[0])})" if ids else ""
    return text + (f"; {len(cause.consequences)} more follow from it" if cause.consequences else "")


def _command(level: str, title: str, message: str) -> str:
    # https://docs.github.com/actions/reference/workflow-commands-for-github-actions
    escaped = _data(title).replace(":", "%3A").replace(",", "%2C")
    return f"::{level} title={escaped}::{_data(message)}"


def _data(text: str) -> str:
    return text.replace("%", "%25").replace("\r", "%0D").replace("\n", "%0A")


def _bounded(text: str) -> bytes:
    octets = text.encode("utf-8", "backslashreplace")
    if len(octets) <= _LONGEST:
        return octets + b"\n"
    # half a line would not close the Markdown that it opens
    return (octets[:_LONGEST].decode("utf-8", "ignore").rpartition("\n")[0] + _CUT).encode()
