"""``cce-precheck cassettes verify``: whether cassettes can be read, hold no secret, and meet the contract of today."""

from __future__ import annotations

import json
from dataclasses import dataclass, replace
from functools import cache
from typing import TYPE_CHECKING, Any, Final, Literal

from jsonschema import Draft202012Validator

from pytest_cce_precheck.cassette.files import read, text_of
from pytest_cce_precheck.cassette.format import Failure
from pytest_cce_precheck.cassette.importers.foreign import is_call
from pytest_cce_precheck.cli.cassettes.found import cassettes_in
from pytest_cce_precheck.contract.check import check
from pytest_cce_precheck.contract.schema import json_path
from pytest_cce_precheck.errors import CassetteError, ConfigurationError
from pytest_cce_precheck.redaction.scan import leaks
from pytest_cce_precheck.report.text import describe, headline, one_line
from pytest_cce_precheck.report.verdict import verdict
from pytest_cce_precheck.schema_files import CASSETTE, load_schema

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence
    from datetime import date
    from pathlib import Path

    from jsonschema import ValidationError

    from pytest_cce_precheck.cassette.format import Cassette
    from pytest_cce_precheck.contract.acceptance import Acceptance
    from pytest_cce_precheck.contract.findings import Finding
    from pytest_cce_precheck.redaction.texts import Redactor
    from pytest_cce_precheck.report.verdict import Verdict
    from pytest_cce_precheck.wire.credentials import Credentials

_LONGEST: Final = 120


@dataclass(frozen=True)
class Problem:
    """What is wrong, or worth to know, of a file rather than of the service; ``recording`` counts from 1."""

    severity: Literal["error", "note"]
    message: str
    recording: int | None = None

    @property
    def text(self) -> str:
        """The problem on one line."""
        where = f"recording {self.recording}: " if self.recording is not None else ""
        return one_line(f"{self.severity}: {where}{self.message}")

    def to_dict(self) -> dict[str, Any]:
        """Return what machines read."""
        return {"severity": self.severity, "recording": self.recording, "message": self.message}


@dataclass(frozen=True)
class Verified:
    """What one file showed; each finding names its recording in its evidence."""

    path: Path
    problems: tuple[Problem, ...]
    findings: tuple[Finding, ...]
    verdict: Verdict

    @property
    def errors(self) -> int:
        """How many problems and findings fail."""
        return len(self.verdict.failing) + sum(problem.severity == "error" for problem in self.problems)

    def to_dict(self) -> dict[str, Any]:
        """Return what machines read."""
        return {
            "file": str(self.path),
            "problems": [problem.to_dict() for problem in self.problems],
            "findings": [finding.to_dict() for finding in self.findings],
            "holds": not self.errors,
        }


def verified(
    paths: Sequence[Path], credentials: Credentials, acceptances: Sequence[Acceptance], today: date
) -> Iterator[Verified]:
    """Verify files, and every cassette of folders.

    Raises `CassetteError` for a file that is named and is no cassette; in a folder it is a problem like others.
    """
    for path in paths:
        if not path.is_dir():
            yield _verified(path, read(path), credentials, acceptances, today)
            continue
        found = cassettes_in(path)
        if not found:
            raise ConfigurationError(f"{path} holds no cassettes, so nothing can be verified")
        for each in found:
            if each.cassette is None:
                yield Verified(each.path, (Problem("error", each.problem),), (), _sorted([], acceptances, today))
            else:
                yield _verified(each.path, each.cassette, credentials, acceptances, today)


def in_words(result: Verified, redactor: Redactor) -> str:
    """Write what a file showed as ``cce-precheck check`` does, the sum last."""
    parts = [problem.text for problem in result.problems]
    if result.verdict.failing:
        parts.append(describe(_bare(result.verdict.failing), redactor, kind=None) + "\n")
    parts += [f"accepted: {_where(finding)}{headline(finding)}" for finding, _ in result.verdict.accepted]
    parts += [f"{finding.severity}: {_where(finding)}{headline(finding)}" for finding in result.verdict.shown]
    number = result.errors
    last = f"{number} finding{'s' if number != 1 else ''}" if number else "nothing breaks the contract"
    return redactor.text("\n".join([*parts, f"{result.path}: {last}", ""]))


def sum_of(results: Sequence[Verified]) -> str:
    """Write how many of several files hold."""
    broken = sum(1 for each in results if each.errors)
    if not broken:
        return f"{len(results)} cassettes, and all hold\n"
    return f"{broken} of {len(results)} cassettes {'does' if broken == 1 else 'do'} not hold\n"


def _verified(
    path: Path, cassette: Cassette, credentials: Credentials, acceptances: Sequence[Acceptance], today: date
) -> Verified:
    text = text_of(path)
    problems = [*_form_problems(text), *_secret_problems(text, credentials)]
    if not cassette.sealed:
        problems.append(Problem("note", "was edited since it was written, and is redacted again whenever it is read"))
    findings: list[Finding] = []
    for number in range(1, len(cassette) + 1):
        try:
            recording = cassette.recording(number - 1)
        except CassetteError as error:
            problems.append(Problem("error", str(error)))
            continue
        request, outcome = recording.request, recording.outcome
        if not is_call(request.method, request.path):
            problems.append(Problem("note", f"{request.method} {request.path} is none of the two calls", number))
        if isinstance(outcome, Failure):
            problems.append(Problem("note", f"no answer came, which cannot be judged: {outcome.detail}", number))
        if recording.exchange is not None:
            evidence = ("recording", f"{number}: {request.method} {request.target}")
            findings += [
                replace(finding, evidence=(evidence, *finding.evidence)) for finding in check(recording.exchange)
            ]
    return Verified(path, tuple(problems), tuple(findings), _sorted(_once(findings), acceptances, today))


def _sorted(findings: Sequence[Finding], acceptances: Sequence[Acceptance], today: date) -> Verdict:
    return verdict(findings, fail_on="error", acceptances=acceptances, today=today)


def _once(findings: Sequence[Finding]) -> list[Finding]:
    """Return each fact once, with the recording that shows it first and how many others do."""
    groups: dict[tuple[str, ...], list[Finding]] = {}
    for finding in findings:
        groups.setdefault(finding.identity, []).append(finding)
    return [_counted(group) for group in groups.values()]


def _counted(group: Sequence[Finding]) -> Finding:
    first, more = group[0], len({each.evidence[0] for each in group}) - 1
    if not more:
        return first
    (label, text), *rest = first.evidence
    return replace(first, evidence=((label, f"{text}, and {more} more"), *rest))


def _where(finding: Finding) -> str:
    number, _, _ = finding.evidence[0][1].partition(":")
    return f"recording {number}: "


def _bare(findings: Sequence[Finding]) -> list[Finding]:
    # the evidence names the recording; what was on the wire is in the file
    return [replace(finding, exchanges=()) for finding in findings]


# ---- the file


@cache
def _form() -> Draft202012Validator:
    return Draft202012Validator(load_schema(CASSETTE))


def _form_problems(text: str) -> Iterator[Problem]:
    try:
        document = json.loads(text, object_pairs_hook=_unique)
    except ValueError as error:
        yield Problem("error", str(error))
        return
    for breach in sorted(_form().iter_errors(document), key=lambda each: list(map(str, each.absolute_path))):
        steps = list(breach.absolute_path)
        number = steps[1] + 1 if steps[:1] == ["recordings"] and len(steps) > 1 else None
        yield Problem("error", f"{json_path(steps[2:] if number else steps)} {_said(breach)}", number)


def _unique(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    members = dict(pairs)
    if len(members) != len(pairs):
        names = [name for name, _ in pairs]
        raise ValueError(
            f"the key {next(name for name in names if names.count(name) > 1)!r} stands twice in one object"
        )
    return members


def _said(breach: ValidationError) -> str:
    """Say what is wrong without repeating what may be a whole recording."""
    there: Any = breach.instance
    if breach.validator in ("minProperties", "maxProperties"):
        must = "must have exactly one outcome" if "request" in there else "must have exactly one form"
        return f"{must}, and has {', '.join(there) or 'nothing'}"
    text = breach.message
    return (
        text
        if len(text) <= _LONGEST
        else f"breaks the schema's {breach.validator}: {str(breach.validator_value)[:_LONGEST]}"
    )


def _secret_problems(text: str, credentials: Credentials) -> Iterator[Problem]:
    for leak in leaks(text, credentials):
        yield Problem("error", f"holds a secret, or what looks like one, at {leak.where}: {leak.kind}")
