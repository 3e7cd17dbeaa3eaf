"""What a run tells GitHub Actions: the report on the job's page, and an annotation for each cause that fails."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Any, Final

from pytest_cce_precheck._files import append
from pytest_cce_precheck.config.options import Mode
from pytest_cce_precheck.contract.causes import causes
from pytest_cce_precheck.errors import ConfigurationError
from pytest_cce_precheck.report.files import as_markdown
from pytest_cce_precheck.report.saved import as_finding
from pytest_cce_precheck.report.text import one_line

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping, Sequence

SUMMARY: Final = "GITHUB_STEP_SUMMARY"
# the service shows no summary of more than 1 MiB; other steps' share it
_LONGEST: Final = 500_000
_CUT: Final = "\n\n… the rest is in the report file (--cce-report).\n"


def write_to_github(report: Mapping[str, Any], environment: Mapping[str, str]) -> list[str]:
    """Append the Markdown report to the job's summary, and give the lines to print: one workflow command a cause.

    Does nothing outside of GitHub Actions (``GITHUB_ACTIONS=true``), nor of a run on the embedded service. A summary
    that cannot be written is said in a warning, and fails nothing.
    """
    # of the embedded service nobody needs to be told what it was made to do
    if environment.get("GITHUB_ACTIONS") != "true" or Mode(report["mode"]).is_simulated:
        return []
    lines = list(commands(report["findings"]))
    path = environment.get(SUMMARY)
    if path:
        try:
            append(Path(path), _bounded(as_markdown(report)), SUMMARY)
        except ConfigurationError as error:
            lines.append(_command("warning", "cce-precheck", str(error)))
    return lines


def commands(findings: Sequence[Mapping[str, Any]]) -> Iterator[str]:
    """Return a workflow command for each cause that fails, and for each warning that does not."""
    for level, verdict in (("error", "failing"), ("warning", "shown")):
        found = {}
        for data in findings:
            if data["verdict"] == verdict and (verdict == "failing" or data["severity"] == "warning"):
                found[as_finding(data).identity] = data
        for group in causes([as_finding(data) for data in found.values()]):
            yield _command(level, group.finding.code, _message(found[group.finding.identity], len(group.consequences)))


def _message(finding: Mapping[str, Any], consequences: int) -> str:
    text = one_line(finding["message"].partition("\n")[0])
    known = [each["request_id"] for each in finding["exchanges"] if each["request_id"]]
    text += f" (request id {one_line(known[0])})" if known else ""
    return text + (f"; {consequences} more follow from it" if consequences else "")


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
    # a line that is cut would not close what it opens
    return (octets[:_LONGEST].decode("utf-8", "ignore").rpartition("\n")[0] + _CUT).encode()
