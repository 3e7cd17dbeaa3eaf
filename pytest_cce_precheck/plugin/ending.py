"""The end of a run: its record is made, printed, and written wherever it is asked for."""

from __future__ import annotations

import os
from collections.abc import Mapping
from dataclasses import fields, is_dataclass, replace
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final

import pytest

from pytest_cce_precheck.config.targets import secrets_of
from pytest_cce_precheck.errors import ConfigurationError
from pytest_cce_precheck.plugin.records import mask_key
from pytest_cce_precheck.redaction.texts import Redactor
from pytest_cce_precheck.report.collect import collect, write_report
from pytest_cce_precheck.report.github import write_to_github
from pytest_cce_precheck.report.terminal import lines
from pytest_cce_precheck.suite import test_contract

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Iterator, Sequence

    from pytest_cce_precheck.config.options import Config
    from pytest_cce_precheck.config.targets import NamedTarget
    from pytest_cce_precheck.plugin.run_log import RunLog
    from pytest_cce_precheck.report.collect import RecordedRun
    from pytest_cce_precheck.report.record import RunRecord

SHIPPED: Final = tuple(name for name in vars(test_contract) if name.startswith("test_"))
"""The names of the suite's tests: each is one check, and all of them together are the contract."""

_CHOSEN: Final = frozenset({"code", "fail_on", "mode", "outcome", "severity", "state", "verdict"})


def end(
    session: pytest.Session,
    log: RunLog,
    config: Config,
    targets: Sequence[NamedTarget],
    *,
    suite: bool,
    beside: Iterable[RecordedRun],
    sent: Mapping[str, int],
) -> Iterator[str]:
    """Write the reports, set the exit status of ``session``, and return the lines to print."""
    redactor = Redactor(secrets_of(targets, os.environ))
    record = collect(
        log,
        config,
        targets,
        redactor=redactor,
        suite=SHIPPED if suite else (),
        beside=beside,
        sent=sent,
        stopped=redactor.text(log.why_stopped(session)),
        exit_status=int(session.exitstatus),
    )
    record = _without_secrets(record, session.config.stash.get(mask_key, redactor.known))
    written, problems = _written(record, config.report)
    session.exitstatus = written.exit_status
    yield from lines(written)
    yield from problems
    # a second report of the same run replaces a file, but would be added to the page of the job
    yield from () if log.is_told else write_to_github(written, os.environ)
    log.is_told = True


def _without_secrets(part: Any, masked: Callable[[str], str]) -> Any:
    """Return a part of a record with each text in it masked, but for the words that we choose from ourselves."""
    if isinstance(part, str):
        return masked(part)
    if isinstance(part, Mapping):
        return {name: each if name in _CHOSEN else _without_secrets(each, masked) for name, each in part.items()}
    if isinstance(part, list | tuple | frozenset):
        return type(part)(_without_secrets(each, masked) for each in part)
    if is_dataclass(part) and not isinstance(part, type):
        members = {each.name: getattr(part, each.name) for each in fields(part)}
        return replace(part, **_without_secrets(members, masked))
    return part


def _written(record: RunRecord, paths: Sequence[str]) -> tuple[RunRecord, list[str]]:
    """Write every report; one that cannot be written changes the exit status, which the others must tell too."""
    told = []
    unusable = []
    for path in dict.fromkeys(paths):
        try:
            write_report(Path(path), record)
            told.append(f"report written to {path}")
        except ConfigurationError as error:
            unusable.append(path)
            told.append(f"ERROR: {error}")
    if not unusable or record.exit_status == pytest.ExitCode.USAGE_ERROR:
        return record, told
    record = replace(record, exit_status=int(pytest.ExitCode.USAGE_ERROR))
    _written(record, [path for path in paths if path not in unusable])
    return record, told
