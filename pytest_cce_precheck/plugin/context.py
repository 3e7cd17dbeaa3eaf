"""The context of a test: made before it, its cassette's age checked at its call, and reported after it."""

from __future__ import annotations

import json
import os
from datetime import UTC, datetime
from functools import partial
from http import HTTPStatus
from typing import TYPE_CHECKING, Any

import pytest

from pytest_cce_precheck.cassette.files import place
from pytest_cce_precheck.cassette.misses import place_of, record_command
from pytest_cce_precheck.config.options import SIMULATED_SERVICE
from pytest_cce_precheck.contract.timing import too_old
from pytest_cce_precheck.errors import CassetteError, ConfigurationError, NetworkRefusedError
from pytest_cce_precheck.plugin.markers import acceptance_of, cassette_name, marker_of, refusal_key, test_id
from pytest_cce_precheck.plugin.modes.base import TestContext
from pytest_cce_precheck.plugin.run_log import record
from pytest_cce_precheck.plugin.settings import SUITE
from pytest_cce_precheck.report.language import language_of, line_in, text_in
from pytest_cce_precheck.report.text import ContractViolation
from pytest_cce_precheck.wire.vocabulary import list_path

if TYPE_CHECKING:
    from collections.abc import Sequence

    from pytest_cce_precheck.cassette.format import Origin, Recording
    from pytest_cce_precheck.config.options import Config, Language
    from pytest_cce_precheck.config.targets import NamedTarget
    from pytest_cce_precheck.contract.findings import Finding
    from pytest_cce_precheck.errors import CcePrecheckError
    from pytest_cce_precheck.plugin.session import Harness


def test_context(request: pytest.FixtureRequest, config: Config) -> TestContext:
    """Return the context of a test; skip a test that is marked for another mode.

    Raises `ConfigurationError` if its marker, or the name of its cassette, cannot be used.
    """
    item: pytest.Item = request.node
    if refusal_key in item.config.stash:
        raise ConfigurationError(item.config.stash[refusal_key])
    wanted = marker_of(item)
    if wanted.mode not in (None, config.mode):
        pytest.skip(f"marked cce(mode='{wanted.mode}'), and this run is in mode {config.mode}")
    # hypothesis repeats the same call, how often is random
    by_chance = bool(getattr(getattr(item, "obj", None), "is_hypothesis_test", False))
    test = TestContext(test_id(item), wanted.faults, wanted.tasks, repeats=wanted.repeats, by_chance=by_chance)
    test.is_alone = bool(wanted.faults or wanted.tasks is not None or "cce_simulator" in request.fixturenames)
    test.allowed = [acceptance_of(marker) for marker in item.iter_markers("cce_allow")]
    test.report = lambda recorded: record(item, *recorded)
    test.record_with = partial(_record_command, item, config, request.getfixturevalue("_cce_target"))
    if config.mode.records or config.mode.replays:
        test.cassette = place(request.getfixturevalue("cce_cassette_dir"), cassette_name(item, wanted))

        def before_record(recording: Recording, original: Recording) -> Recording:
            hook = request.config.hook.pytest_cce_before_record
            return hook(recording=recording, original=original, item=item) or recording

        test.before_record = before_record
    return test


def _record_command(item: pytest.Item, config: Config, target: NamedTarget | None, origin: Origin | None) -> str:
    """Return the command that records a test's cassette, from the folder in which pytest was started."""
    _, _, name = test_id(item).partition("::")
    module = getattr(getattr(item, "module", None), "__name__", "")
    if module.startswith(SUITE):
        test = ["--pyargs", f"{module}::{name}"]
    else:
        test = [f"{os.path.relpath(item.path, item.config.invocation_params.dir)}::{name}"]
    if config.source("cassette_dir") == "option":
        test.insert(0, f"--cce-cassette-dir={config.cassette_dir}")
    if target is not None:
        return record_command(test[-1], f"--cce-targets={config.targets}", f"--cce-target={target.name}", *test[:-1])
    known = origin if origin is not None and not origin.pseudonyms else None
    place = place_of(
        config.service or (origin.endpoint if origin is not None else None),
        config.project_id or (known.project_id if known is not None else None),
        config.cluster_id or (known.cluster_id if known is not None else None),
    )
    if config.region:
        place[0] = f"--cce-region={config.region}"
    if config.pseudonyms or (origin is not None and origin.pseudonyms):
        place.append("--cce-pseudonyms")
    return record_command(test[-1], *place, *test[:-1])


def age_finding(test: TestContext, config: Config) -> Finding | None:
    """Return a finding if the test's cassette is older than ``--cce-max-age``."""
    if test.playback is None or config.max_age is None:
        return None
    cassette = test.playback.cassette
    return too_old(cassette.origin.recorded_at, name=cassette.name, now=datetime.now(UTC), limit=config.max_age)


def use_of_cassette(test: TestContext, *, complete: bool) -> str | None:
    """Return what is recorded of the test's cassette: where it is from, its age, how much of it was unused.

    Unused recordings are not counted if the test is not ``complete`` or repeats calls at random.
    """
    if test.playback is None:
        return None
    cassette, unused = test.playback.cassette, test.playback.unused if complete and not test.by_chance else ()
    data: dict[str, Any] = {
        "name": cassette.name,
        "endpoint": cassette.origin.endpoint,
        "recorded_at": cassette.origin.recorded_at.isoformat(),
        "recordings": len(cassette),
        "unused": len(unused),
        "classes": list(test.classes),
    }
    return json.dumps(data)


def observed_of_service(harness: Harness) -> str | None:
    """Return what is recorded of a real service besides its answers; None if nothing new was observed."""
    observed = harness.observations()
    return harness.redaction[0].text(json.dumps(observed)) if any(observed.values()) else None


def timeline(harness: Harness) -> str | None:
    """Return what is recorded of the requests since the last call; None if there were none."""
    sent, harness.timeline = harness.timeline, []
    return harness.redaction[0].text(json.dumps({"requests": sent})) if sent else None


def answers(harness: Harness, test: TestContext) -> str:
    """Return what is recorded of the answers to a test's calls: by whom, how many, whether access was refused."""
    path = list_path(harness.mode.target.project_id, harness.mode.target.cluster_id)
    calls = ((each.request, each.status) for each in harness.exchanges)
    lists = [status for request, status in calls if request.method == "GET" and request.path == path]
    services = [harness.mode.who_answered(test)]
    if test.on_simulator:
        services.append(SIMULATED_SERVICE)
    redactor, _ = harness.redaction
    data = {
        # the only texts among these
        "services": [redactor.text(each) for each in services if each is not None],
        "sent": test.sent,
        "answered": max(test.by_client.answered, test.by_requests.answered),
        "judged": test.judged,
        "read": HTTPStatus.OK in lists,
        "listed": harness.exchanges.listed,
        "first_list": lists[0] if lists else None,
        "on_simulator": test.on_simulator,
    }
    return json.dumps(data)


def proved(harness: Harness) -> str | None:
    """Return what is recorded of how much the answers of a test proved; None if it judged none."""
    counts = harness.proof.take()
    return json.dumps(counts) if counts["rules"] else None


def end_phase(
    report: pytest.TestReport, error: BaseException | None, test: TestContext | None, harnesses: Sequence[Harness]
) -> None:
    """Fail a test, or its teardown, for requests that nobody answered; set whether a test finished.

    Those of fixtures of a wider scope, between tests, count with the test or the teardown that comes next. A test that
    uses nothing of the plugin has no context.
    """
    language = language_of(harnesses[0].config.lang, os.environ)
    if report.when == "call" and test is not None:
        _end_call(report, error, test, language)
    modes = [each.mode for each in harnesses]
    if report.when == "teardown":
        own = test.misses[test.misses_shown :] if test is not None else []
        if late := [*own, *(miss for mode in modes for miss in mode.misses)]:
            _end_teardown(report, late, language)
    if report.when == "teardown" or (report.when == "setup" and report.failed):
        # a setup that failed has told its own
        for mode in modes:
            mode.misses.clear()


def _end_call(report: pytest.TestReport, error: BaseException | None, test: TestContext, language: Language) -> None:
    test.finished = _is_finished(report, error)
    message = _missing_recording(test, error)
    test.misses_shown = len(test.misses)
    # a test that is expected to fail is never recorded
    if message is not None and not hasattr(report, "wasxfail"):
        report.outcome, report.longrepr = "failed", text_in(message, language)
    elif test.misses:
        _show_misses(report, text_in("\n".join(map(str, test.misses)), language), language)


def _end_teardown(report: pytest.TestReport, late: Sequence[CcePrecheckError], language: Language) -> None:
    if report.passed:
        report.outcome, report.longrepr = "failed", text_in(_unanswered("the teardown passed, but", late), language)
    else:
        _show_misses(report, text_in("\n".join(map(str, late)), language), language)


def _is_finished(report: pytest.TestReport, error: BaseException | None) -> bool:
    """Return whether a test finished, so that what it recorded is complete.

    It passed, was skipped, or ended with a verdict on the service; any other failure may have stopped it early.
    """
    if hasattr(report, "wasxfail"):
        return False
    return report.passed or report.skipped or isinstance(error, ContractViolation)


def _missing_recording(test: TestContext, error: BaseException | None) -> str | None:
    """Return the message about requests that were not answered, if the test failed with that or passed in spite of it.

    They had no recording, or were not permitted, or nobody asked what the test gave an answer for.
    """
    if isinstance(error, CassetteError | NetworkRefusedError):
        # the traceback through requests and responses would explain nothing
        return str(error)
    if error is not None or not test.misses:
        return None
    return _unanswered("the test passed, but", test.misses)


def _unanswered(said: str, misses: Sequence[CcePrecheckError]) -> str:
    if all(isinstance(each, CassetteError) for each in misses):
        said += f" {'a request' if len(misses) == 1 else f'{len(misses)} requests'} had no recording"
    return f"{said}:\n" + "\n".join(dict.fromkeys(map(str, misses)))


def _show_misses(report: pytest.TestReport, text: str, language: Language) -> None:
    """Show the requests that were not answered beside the error that a test failed with."""
    report.sections.append((line_in("requests that were not answered", language), text))
    crash = getattr(report.longrepr, "reprcrash", None)
    if crash is not None:
        # the summary and JUnit show no sections, and what the client made of status 501 explains nothing
        crash.message = f"{text.splitlines()[0]} ({crash.message})"
