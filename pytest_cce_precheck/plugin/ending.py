"""The end of a run: its record is made, printed, and written to every report that was asked for."""

from __future__ import annotations

import os
from collections.abc import Callable, Mapping
from contextlib import suppress
from dataclasses import fields, is_dataclass, replace
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final

import pytest

from pytest_cce_precheck.config.targets import secrets_of
from pytest_cce_precheck.errors import ConfigurationError
from pytest_cce_precheck.plugin.failures import keep_causes
from pytest_cce_precheck.plugin.request_budget import budgets_key
from pytest_cce_precheck.plugin.run_log import beside_key, mask_key
from pytest_cce_precheck.plugin.settings import config_key, targets_key
from pytest_cce_precheck.redaction.texts import Redactor
from pytest_cce_precheck.report.collect import collect, write_report
from pytest_cce_precheck.report.files import write_to_github
from pytest_cce_precheck.report.history import latest_runs
from pytest_cce_precheck.report.language import language_of, line_in
from pytest_cce_precheck.report.terminal import lines
from pytest_cce_precheck.suite import test_contract
from pytest_cce_precheck.suite.kept_failures import FOLDER

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from pytest_cce_precheck.plugin.run_log import RunLog
    from pytest_cce_precheck.report.collect import RecordedRun
    from pytest_cce_precheck.report.record import RunRecord

SHIPPED: Final = tuple(name for name in vars(test_contract) if name.startswith("test_"))
"""The names of the suite's tests: each is one check, and all of them together check the contract."""

record_key: pytest.StashKey[RunRecord] = pytest.StashKey()
"""The record of the run, once it has ended."""
spelling_key: pytest.StashKey[Callable[[str], str]] = pytest.StashKey()
"""Names options in a text as the command that runs pytest has them; missing if that is pytest itself."""
_RUNS: Final = 30
# members of the record that hold words of our own
_CHOSEN: Final = frozenset({"code", "fail_on", "mode", "outcome", "severity", "state", "verdict"})


def end(session: pytest.Session, log: RunLog, *, suite: bool) -> Iterator[str]:
    """Write the reports, set the exit status of ``session``, and return the lines to print.

    ``suite`` says whether the shipped suite was asked for.
    """
    stash = session.config.stash
    config, targets = stash[config_key], stash[targets_key]
    redactor = Redactor(secrets_of(targets, os.environ))
    budgets = stash.get(budgets_key, None)
    beside: list[RecordedRun] = stash.get(beside_key, [])
    record = collect(
        log,
        config,
        targets,
        redactor=redactor,
        suite=SHIPPED if suite else (),
        beside=beside,
        sent=budgets.sent() if budgets is not None else {},
        stopped=redactor.text(log.why_stopped(session)),
        exit_status=int(session.exitstatus),
    )
    record = _with_each_text(record, stash.get(mask_key, redactor.known))
    record = replace(record, language=language_of(config.lang, os.environ))
    record, unkept = keep_causes(session.config.invocation_params.dir / FOLDER, record, log)
    if config.history:
        with suppress(ConfigurationError):
            # that it cannot be used was said when it was written
            record = replace(record, runs=latest_runs(Path(config.history), _RUNS))
    spelled = stash.get(spelling_key, str)
    record = stash[record_key] = _with_each_text(record, spelled)
    written, problems = _written(record, config.report, spelled)
    session.exitstatus = written.exit_status
    yield from lines(written)
    yield from (line_in(line, record.language) for line in (*unkept, *problems))
    # a second report of the same run replaces a file, but would be added to the page of the job
    if log.exit_status is None:
        yield from write_to_github(written, os.environ, spelled)
    log.exit_status = int(session.exitstatus)


def _with_each_text(part: Any, changed: Callable[[str], str]) -> Any:
    """Return a part of a record with each text in it changed, except the members that hold words of our own."""
    if isinstance(part, str):
        return changed(part)
    if isinstance(part, Mapping):
        return {name: each if name in _CHOSEN else _with_each_text(each, changed) for name, each in part.items()}
    if isinstance(part, list | tuple | frozenset):
        return type(part)(_with_each_text(each, changed) for each in part)
    if is_dataclass(part) and not isinstance(part, type):
        members = {each.name: getattr(part, each.name) for each in fields(part)}
        return replace(part, **_with_each_text(members, changed))
    return part


def _written(record: RunRecord, paths: Sequence[str], spelled: Callable[[str], str]) -> tuple[RunRecord, list[str]]:
    """Write every report; one that cannot be written changes the exit status, which the others must contain."""
    said, unusable = [], []
    for path in dict.fromkeys(paths):
        try:
            write_report(Path(path), record, spelled)
            said.append(f"report written to {path}")
        except ConfigurationError as error:
            unusable.append(path)
            said.append(f"ERROR: {error}")
    if not unusable or record.exit_status == pytest.ExitCode.USAGE_ERROR:
        return record, said
    record = replace(record, exit_status=int(pytest.ExitCode.USAGE_ERROR))
    _written(record, [path for path in paths if path not in unusable], spelled)
    return record, said
