"""``cce-precheck cassettes verify``: check that cassettes are valid, hold no secret, and meet today's contract."""

from __future__ import annotations

import json
from dataclasses import asdict, dataclass, replace
from functools import cache
from typing import TYPE_CHECKING, Any, Final, Literal

from jsonschema import Draft202012Validator

from pytest_cce_precheck.cassette.files import bytes_of, read
from pytest_cce_precheck.cassette.format import Failure
from pytest_cce_precheck.cassette.importers.foreign import is_call
from pytest_cce_precheck.cli.cassettes.folder import cassettes_in
from pytest_cce_precheck.cli.output import verdict_lines
from pytest_cce_precheck.contract.check import check
from pytest_cce_precheck.contract.schema import json_path
from pytest_cce_precheck.errors import CassetteError, ConfigurationError
from pytest_cce_precheck.redaction.scan import leaks
from pytest_cce_precheck.report.text import one_line
from pytest_cce_precheck.report.verdict import Verdict, sort_findings
from pytest_cce_precheck.schema_files import CASSETTE, load_schema

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence
    from datetime import date
    from pathlib import Path

    from jsonschema import ValidationError

    from pytest_cce_precheck.cassette.format import Cassette
    from pytest_cce_precheck.config.options import Language
    from pytest_cce_precheck.contract.acceptance import Acceptance
    from pytest_cce_precheck.contract.findings import Finding
    from pytest_cce_precheck.redaction.texts import Redactor
    from pytest_cce_precheck.wire.credentials import Credentials

_LONGEST: Final = 120


@dataclass(frozen=True)
class Problem:
    """A problem with a file, not with the service; ``recording`` counts from 1."""

    severity: Literal["error", "note"]
    message: str
    recording: int | None = None


@dataclass(frozen=True)
class Verified:
    """What was found in one file; the first evidence of each finding names its recording."""

    path: Path
    problems: tuple[Problem, ...]
    findings: tuple[Finding, ...]
    verdict: Verdict

    @property
    def errors(self) -> int:
        """How many problems and findings fail."""
        return len(self.verdict.failing) + sum(problem.severity == "error" for problem in self.problems)

    def to_dict(self) -> dict[str, Any]:
        """Return the result for programs."""
        return {
            "file": str(self.path),
            "problems": [asdict(problem) for problem in self.problems],
            "findings": [finding.to_dict() for finding in self.findings],
            "holds": not self.errors,
        }


def verified(
    paths: Sequence[Path], credentials: Credentials, acceptances: Sequence[Acceptance], today: date
) -> Iterator[Verified]:
    """Verify files, and every cassette of folders.

    Raises `CassetteError` for a file that is given and not a cassette; in a folder that is a problem like others.
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
                yield Verified(each.path, (Problem("error", each.problem),), (), Verdict((), (), ()))
            else:
                yield _verified(each.path, each.cassette, credentials, acceptances, today)


def in_words(result: Verified, redactor: Redactor, language: Language) -> Iterator[str]:
    """Yield what was found in a file, as ``cce-precheck check`` does."""
    for problem in result.problems:
        where = f"recording {problem.recording}: " if problem.recording is not None else ""
        yield one_line(f"{problem.severity}: {where}{problem.message}")
    yield from verdict_lines(
        str(result.path),
        result.verdict,
        redactor,
        errors=result.errors,
        where=_where,
        language=language,
    )


def _where(finding: Finding) -> str:
    return f"recording {finding.evidence[0][1].partition(':')[0]}: "


def _verified(
    path: Path, cassette: Cassette, credentials: Credentials, acceptances: Sequence[Acceptance], today: date
) -> Verified:
    text = bytes_of(path).decode()
    problems = [*_form_problems(text), *_secret_problems(text, credentials)]
    if not cassette.sealed:
        problems.append(Problem("note", "was edited after it was written, so it is redacted again when it is read"))
    findings: list[Finding] = []
    for number in range(1, len(cassette) + 1):
        try:
            recording = cassette.recording(number - 1)
        except CassetteError as error:
            problems.append(Problem("error", str(error)))
            continue
        request, outcome = recording.request, recording.outcome
        if not is_call(request.method, request.path):
            problems.append(Problem("note", f"{request.method} {request.path} is neither of the two calls", number))
        if isinstance(outcome, Failure):
            problems.append(Problem("note", f"no answer came, so there is none to judge: {outcome.detail}", number))
        if recording.exchange is not None:
            evidence = ("recording", f"{number}: {request.method} {request.target}")
            found = check(recording.exchange)
            findings += [replace(finding, evidence=(evidence, *finding.evidence)) for finding in found]
    judged = sort_findings(_once(findings), fail_on="error", acceptances=acceptances, today=today)
    return Verified(path, tuple(problems), tuple(findings), judged)


def _once(findings: Sequence[Finding]) -> list[Finding]:
    """Return each fact once, with the first recording that shows it and the number of others."""
    groups: dict[tuple[str, ...], list[Finding]] = {}
    for finding in findings:
        groups.setdefault(finding.identity, []).append(finding)
    once = []
    for group in groups.values():
        (label, text), *rest = group[0].evidence
        more = len({each.evidence[0] for each in group}) - 1
        where = f"{text}, and {more} more" if more else text
        once.append(replace(group[0], evidence=((label, where), *rest)))
    return once


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
    members: dict[str, Any] = {}
    for name, value in pairs:
        if name in members:
            raise ValueError(f"the key {name!r} occurs twice in one object")
        members[name] = value
    return members


def _said(breach: ValidationError) -> str:
    """Return what is wrong, without a copy of what may be a whole recording."""
    if breach.validator in ("minProperties", "maxProperties"):
        there: Any = breach.instance
        must = "must have exactly one outcome" if "request" in there else "must have exactly one form"
        return f"{must}, and has {', '.join(there) or 'nothing'}"
    if len(breach.message) <= _LONGEST:
        return breach.message
    return f"breaks the schema's {breach.validator}: {str(breach.validator_value)[:_LONGEST]}"


def _secret_problems(text: str, credentials: Credentials) -> Iterator[Problem]:
    for leak in leaks(text, credentials):
        yield Problem("error", f"holds a secret, or what looks like one, at {leak.where}: {leak.kind}")
