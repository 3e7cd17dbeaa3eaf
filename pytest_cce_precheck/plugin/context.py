"""What surrounds a test: its cassette before, its age at the call, what is kept and reported after."""

from __future__ import annotations

import json
from datetime import UTC, datetime
from http import HTTPStatus
from typing import TYPE_CHECKING, Any, Final

import pytest

from pytest_cce_precheck.cassette.files import place
from pytest_cce_precheck.contract.freshness import too_old
from pytest_cce_precheck.errors import CassetteError, ConfigurationError
from pytest_cce_precheck.explore.recorded import lists_a_task
from pytest_cce_precheck.plugin.markers import acceptance_of, cassette_name, marker_of, refusal_key, test_id
from pytest_cce_precheck.plugin.modes.base import TestContext
from pytest_cce_precheck.plugin.records import record
from pytest_cce_precheck.report.text import ContractViolation

if TYPE_CHECKING:
    from pytest_cce_precheck.cassette.format import Recording
    from pytest_cce_precheck.config.options import Config
    from pytest_cce_precheck.contract.findings import Finding
    from pytest_cce_precheck.plugin.session import Harness

_KEPT_OUT: Final = frozenset({HTTPStatus.UNAUTHORIZED, HTTPStatus.FORBIDDEN, HTTPStatus.NOT_FOUND})


def test_context(request: pytest.FixtureRequest, config: Config) -> TestContext:
    """Say what a mode needs to know of a test; skips one that is marked for another mode.

    Raises `ConfigurationError` if its marker, or its cassette's name, cannot be used.
    """
    item: pytest.Item = request.node
    if refusal_key in item.config.stash:
        raise ConfigurationError(item.config.stash[refusal_key])
    wanted = marker_of(item)
    if wanted.mode not in (None, config.mode):
        pytest.skip(f"marked cce(mode={wanted.mode!r}), and this run is in mode {config.mode}")
    test = TestContext(test_id(item), wanted.faults, repeats=wanted.repeats, by_chance=_is_hypothesis_test(item))
    test.allowed = [acceptance_of(marker) for marker in item.iter_markers("cce_allow")]
    test.report = lambda recorded: record(item, *recorded)
    if config.mode in ("record", "replay"):
        test.cassette = place(request.getfixturevalue("cce_cassette_dir"), cassette_name(item, wanted))

        def before_record(recording: Recording, original: Recording) -> Recording:
            hook = request.config.hook.pytest_cce_before_record
            return hook(recording=recording, original=original, item=item) or recording

        test.before_record = before_record
    return test


def _is_hypothesis_test(item: pytest.Item) -> bool:
    # it asks the same question again and again, how often is chance
    return bool(getattr(getattr(item, "obj", None), "is_hypothesis_test", False))


def age_finding(test: TestContext, config: Config) -> Finding | None:
    """Return a finding where the test's cassette is older than ``--cce-max-age``."""
    if test.playback is None or config.max_age is None:
        return None
    cassette = test.playback.cassette
    return too_old(cassette.origin.recorded_at, name=cassette.name, now=datetime.now(UTC), limit=config.max_age)


def use_of_cassette(test: TestContext, *, complete: bool) -> str | None:
    """Write what the report says of the test's cassette: where it is from, its age, what of it was used.

    A test that did not come to its end, not ``complete``, has left nothing unused, nor has one that asks by chance.
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
    """Write what the report says of a real service beside its answers; None if a test has learnt nothing new."""
    known = harness.learnt()
    redactor, _ = harness.redaction
    return redactor.text(json.dumps(known)) if any(known.values()) else None


def answers(harness: Harness, test: TestContext) -> str:
    """Write what the report says of how a test's calls were answered: by whom, how many, and whether it was let in."""
    config, lists = harness.config, harness.own_lists
    sent = max(test.by_client.sent, test.by_requests.sent)
    services = []
    if config.mode == "replay" and test.playback is not None and test.playback.is_used:
        services.append(f"recorded answers of {test.playback.cassette.origin.endpoint}")
    elif config.mode in ("live", "record") and sent:
        services.append(str(config.service))
    if test.on_simulator or (config.mode == "simulate" and harness.simulator.handled > test.asked_before):
        services.append("the embedded service")
    data = {
        "services": services,
        "sent": sent,
        "answered": max(test.by_client.answered, test.by_requests.answered),
        "judged": test.judged,
        "read": HTTPStatus.OK in lists,
        "listed": any(lists_a_task(each.response) for each in harness.exchanges),
        "refused": lists[0] if lists and lists[0] in _KEPT_OUT else None,
        "on_simulator": test.on_simulator,
    }
    redactor, _ = harness.redaction
    return redactor.text(json.dumps(data))


def outcome_is_evidence(report: pytest.TestReport, error: BaseException | None) -> bool:
    """Tell whether a test came to its end, so that what it recorded is whole.

    It passed, gave up (a skip), or ended with a verdict on the service; any other failure may have cut it short.
    """
    if hasattr(report, "wasxfail"):
        return False
    return report.passed or report.skipped or isinstance(error, ContractViolation)


def missing_recording(test: TestContext, error: BaseException | None) -> str | None:
    """Say which requests had no recording, where the test failed of that or did not notice.

    The way through requests and responses that such a call took tells nobody anything.
    """
    if isinstance(error, CassetteError):
        return str(error)
    if error is not None or not test.misses:
        return None
    number = len(test.misses)
    which = "a request" if number == 1 else f"{number} requests"
    return f"the test passed, but {which} had no recording:\n" + "\n".join(dict.fromkeys(map(str, test.misses)))
