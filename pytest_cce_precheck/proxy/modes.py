"""What a proxy does with the calls of a test: it records, replays, judges or compares them."""

from __future__ import annotations

import os
import threading
from dataclasses import dataclass
from functools import partial
from http import HTTPStatus
from time import monotonic
from typing import TYPE_CHECKING, ClassVar, Final

from pytest_cce_precheck._files import shown
from pytest_cce_precheck._text import count_of
from pytest_cce_precheck.cassette import files
from pytest_cce_precheck.cassette.format import Failure, Recording
from pytest_cce_precheck.cassette.importers.foreign import is_call
from pytest_cce_precheck.cassette.replay import Replayer
from pytest_cce_precheck.config.options import Mode
from pytest_cce_precheck.contract.envelope import PASSING, THROTTLED, no_answer
from pytest_cce_precheck.contract.findings import Finding, gathered
from pytest_cce_precheck.contract.timing import too_slow
from pytest_cce_precheck.drift.comparison import changes_between
from pytest_cce_precheck.errors import CassetteError, CassetteMissingError, ConfigurationError
from pytest_cce_precheck.proxy.forwarding import passed_on
from pytest_cce_precheck.proxy.service import sized
from pytest_cce_precheck.suite.captured import Captured, Timed
from pytest_cce_precheck.wire.exchange import Response, TransportError
from pytest_cce_precheck.wire.vocabulary import FRAMING_HEADERS

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Mapping, Sequence
    from pathlib import Path

    from pytest_cce_precheck.cassette.format import Origin
    from pytest_cce_precheck.drift.comparison import Drift
    from pytest_cce_precheck.proxy.open_tests import OpenTest
    from pytest_cce_precheck.redaction.recordings import Redaction
    from pytest_cce_precheck.wire.exchange import Exchange, Request


_NO_LEAVE: Final = {HTTPStatus.UNAUTHORIZED, HTTPStatus.FORBIDDEN}
# they may come from any machine on the way
_PASSED_ON: Final = PASSING - {THROTTLED}


@dataclass(frozen=True)
class Means:
    """What a mode works with.

    ``folder`` has the cassettes, ``ask`` sends a request to the real service, ``redaction`` returns what hides every
    credential that is known by now, with those of a test, ``text_of`` the text of a cassette (test, recordings, name),
    ``record_with`` the command that records the cassette of a test (name, origin); ``max_response_time`` and ``lag``
    are in seconds.
    """

    folder: Path
    ask: Callable[[Request], Exchange]
    redaction: Callable[[OpenTest | None], Redaction]
    text_of: Callable[[OpenTest, Sequence[Recording], str], str]
    record_with: Callable[[str, Origin | None], str | None]
    max_response_time: float | None = None
    lag: int = 0


class ProxyMode:
    """Asks the real service; each mode overrides what differs."""

    mode: ClassVar[Mode] = Mode.LIVE
    needs_service: ClassVar[bool] = True
    needs_test: ClassVar[bool] = False
    judges: ClassVar[bool] = False

    @property
    def is_refused(self) -> bool:
        """Whether every answer that was judged is 401 or 403."""
        return False

    def __init__(self, means: Means) -> None:
        self.means = means

    def begin(self, test: OpenTest) -> None:
        """Prepare for the calls of a test; raises `ConfigurationError` or `CassetteError` if that is impossible."""

    def answer(self, request: Request, test: OpenTest) -> Response:
        """Return the answer to a call of a test; raises `TransportError` or what forbids the call."""
        began = monotonic()
        exchange = self.means.ask(request)
        self.asked(test, Timed(exchange, began, monotonic()))
        return passed_on(exchange.response, request, self.means.redaction(None))

    def asked(self, test: OpenTest, timed: Timed) -> None:
        """Look at an exchange with the real service."""

    def end(self, test: OpenTest, *, is_finished: bool) -> None:
        """End a test; ``is_finished`` says that it did all that it wanted to do."""

    def findings(self) -> list[Finding]:
        """Return what all tests together show."""
        return []


class RecordingProxy(ProxyMode):
    """Keeps the calls of each test, and replaces its cassette with them when it ends."""

    mode = Mode.RECORD
    needs_test = True

    def __init__(self, means: Means) -> None:
        super().__init__(means)
        self._lock = threading.Lock()
        self._recorded_by: dict[str, str] = {}
        self._let_in: set[str] = set()

    def begin(self, test: OpenTest) -> None:
        """Refuse a test whose cassette is that of another."""
        test.cassette = test.place_in(self.means.folder)
        # some file systems ignore case; that of a test which kept nothing is not given away either
        with self._lock:
            other = self._recorded_by.setdefault(os.path.realpath(test.cassette).lower(), test.name)
        if other != test.name:
            raise ConfigurationError(
                f"the tests {other} and {test.name} would record the same cassette {shown(test.cassette)}:"
                " give one of them another name"
            )

    def answer(self, request: Request, test: OpenTest) -> Response:
        """Ask the service, and keep what came back in the order in which the requests arrived."""
        call = test.called(request)
        try:
            exchange = self.means.ask(request)
        except TransportError as error:
            if error.reason == "unreachable":
                # a wrong address, which must not replace a good recording
                test.calls.remove(call)
                raise ConfigurationError(f"{error}: is --to (or CCE_ENDPOINT) the service, and does it run?") from None
            call.request, call.outcome = error.request, Failure(error.reason, error.detail)
            raise
        except Exception:
            # it was not sent: there is nothing to keep
            test.calls.remove(call)
            raise
        response = exchange.response
        headers = response.headers.without(*FRAMING_HEADERS)
        call.request, call.outcome = exchange.request, Response(response.status, headers, response.body)
        if response.status < HTTPStatus.BAD_REQUEST:
            self._let_in.add(_project_of(request))
        return passed_on(response, request, self.means.redaction(None))

    def end(self, test: OpenTest, *, is_finished: bool) -> None:
        """Write the cassette, unless the test did not finish or must not pass; raises `ConfigurationError`."""
        recordings = list(test.recordings)
        if not (test.calls or test.problems) or test.cassette is None:
            return
        test.kept = False
        waiting = len(test.calls) - len(recordings)
        if waiting:
            raise ConfigurationError(f"not recorded: {count_of(waiting, 'call')} had no answer when the test ended")
        if is_finished and not test.problems:
            self._refuse_lost_rights(recordings)
            if _is_refused(recordings) and _has_answers(test.cassette):
                raise ConfigurationError(
                    "not recorded: every call was refused (401, 403) or not answered by the service (502, 503, 504,"
                    f" no answer), and {shown(test.cassette)} has other answers; remove it to record these"
                )
            with self._lock:
                text = self.means.text_of(test, recordings, shown(test.cassette))
                files.write(test.cassette, text)
            test.kept = True

    def _refuse_lost_rights(self, recordings: Sequence[Recording]) -> None:
        """Raise `ConfigurationError` if the service refused this proxy's credentials where it had let them in."""
        refused = sum(
            isinstance(each.outcome, Response)
            and each.outcome.status == HTTPStatus.UNAUTHORIZED
            and _project_of(each.request) in self._let_in
            for each in recordings
        )
        if refused:
            calls = count_of(len(recordings), "call")
            raise ConfigurationError(
                f"not recorded: {refused} of {calls} refused with 401 where the service had let others in: has the"
                " token expired? Get a new one, or let --token-command renew it"
            )


def _project_of(request: Request) -> str:
    """Return what precedes the cluster in a path: what is refused in one project may be let into another."""
    return request.path.partition("/clusters/")[0]


def _is_refused(recordings: Iterable[Recording]) -> bool:
    """Whether all calls say nothing about the service but that it was not asked, or not with leave."""
    outcomes = (each.outcome for each in recordings)
    return all(isinstance(each, Failure) or each.status in _NO_LEAVE | _PASSED_ON for each in outcomes)


def _has_answers(cassette: Path) -> bool:
    try:
        return not _is_refused(files.read(cassette))
    except CassetteError:
        return False


class ReplayingProxy(ProxyMode):
    """Answers from the cassettes of the tests; needs no network and no credentials."""

    mode = Mode.REPLAY
    needs_service = False
    needs_test = True

    def __init__(self, means: Means) -> None:
        super().__init__(means)
        self._replayers: dict[int, Replayer | CassetteMissingError] = {}

    def begin(self, test: OpenTest) -> None:
        """Read the test's cassette; a test that makes no call does not need one."""
        means, test.cassette = self.means, test.place_in(self.means.folder)
        record_with = partial(means.record_with, test.name)
        try:
            cassette = files.read(test.cassette, record_with=record_with)
        except CassetteMissingError as error:
            self._replayers[id(test)] = error
            return
        self._replayers[id(test)] = Replayer(cassette, means.redaction(test), record_with=record_with)
        origin = cassette.origin
        ids = {"project_id": origin.project_id, "cluster_id": origin.cluster_id}
        test.used = {name: value for name, value in ids.items() if value}

    def answer(self, request: Request, test: OpenTest) -> Response:
        """Return what was recorded."""
        replayer = self._replayers[id(test)]
        if isinstance(replayer, CassetteMissingError):
            raise replayer
        # each is a problem of its test by its text, and an exception holds much more
        replayer.misses.clear()
        return sized(replayer.answer(request), request)

    def end(self, test: OpenTest, *, is_finished: bool) -> None:
        """Report how much of the cassette was used."""
        replayer = self._replayers.pop(id(test), None)
        if isinstance(replayer, Replayer):
            unused = replayer.playback.unused if is_finished else ()
            origin = replayer.playback.cassette.origin
            test.used |= {"recordings": len(replayer.playback.cassette), "unused": len(unused)}
            test.used |= {"recorded_at": origin.recorded_at.isoformat(), "endpoint": origin.endpoint}


class JudgingProxy(ProxyMode):
    """Passes on the real answers, and judges them by the contract: each alone, and all together."""

    judges = True

    def __init__(self, means: Means) -> None:
        super().__init__(means)
        self._lock = threading.Lock()
        self.captured = Captured(together=not means.lag)
        self._lost: dict[tuple[str, str], Finding] = {}
        self._has_answered = False
        self._is_refused = False
        self._let_in = False

    def answer(self, request: Request, test: OpenTest) -> Response:
        """Return the real answer; that there is none, again, is a finding too."""
        asked = request.method, request.target
        try:
            response = super().answer(request, test)
        except TransportError as error:
            finding = no_answer(error)
            with self._lock:
                # one connection may be lost anywhere on the way
                if is_call(request.method, request.path) and self._lost.setdefault(asked, finding) is not finding:
                    test.findings[:] = gathered([*test.findings, finding])
            raise
        self._has_answered = True
        self._lost.pop(asked, None)
        return response

    def findings(self) -> list[Finding]:
        """Return the losses if there was nothing else."""
        return [] if self._has_answered else gathered(self._lost.values())

    @property
    def is_refused(self) -> bool:
        """Whether every answer that was judged is 401 or 403."""
        return self._is_refused and not self._let_in

    def asked(self, test: OpenTest, timed: Timed) -> None:
        """Judge an exchange alone, and with all that came before."""
        with self._lock:
            found = [*self.captured.judge(timed), *too_slow(timed.exchange, self.means.max_response_time)]
            request, status = timed.exchange.request, timed.exchange.status
            if is_call(request.method, request.path) and status not in _PASSED_ON:
                test.judged += 1
                self._is_refused |= status in _NO_LEAVE
                self._let_in |= status not in _NO_LEAVE
            # of a fact that every answer shows, one finding is kept
            test.findings[:] = gathered([*test.findings, *(each.abridged() for each in found)])


class ComparingProxy(ProxyMode):
    """Passes on the real answers, and compares their shape with that of the answers in the cassettes."""

    judges = True
    needs_test = True

    def __init__(self, means: Means) -> None:
        super().__init__(means)
        self._recorded: dict[str, list[Exchange]] = {}
        self._seen: dict[str, list[Exchange]] = {}

    def begin(self, test: OpenTest) -> None:
        """Read the test's cassette, without which there is nothing to compare; raises `CassetteError`."""
        test.cassette = test.place_in(self.means.folder)
        cassette = files.read(test.cassette, record_with=partial(self.means.record_with, test.name))
        exchanges = (each.exchange for each in cassette)
        self._recorded[test.name] = [each for each in exchanges if each and _is_call(each)]
        self._seen[test.name] = []

    def asked(self, test: OpenTest, timed: Timed) -> None:
        """Keep an answer for the comparison."""
        if _is_call(timed.exchange):
            self._seen[test.name].append(timed.exchange)
            test.judged += 1

    def findings(self) -> list[Finding]:
        """Return what differs in all tests together: a single test sees little of a shape."""
        asked = [name for name, seen in self._seen.items() if seen]
        sides: list[Mapping[str, list[Exchange]]] = [self._recorded, self._seen]
        before, now = ([each for name in asked for each in side[name]] for side in sides)
        return gathered(map(_finding, changes_between(before, now)))


def _is_call(exchange: Exchange) -> bool:
    return is_call(exchange.request.method, exchange.request.path)


def _finding(change: Drift) -> Finding:
    return Finding(
        change.code,
        f"{change.said} (recorded → now)",
        path=change.path,
        subject=(change.key.kind, change.path, change.what),
        evidence=(("recorded", change.old), ("now", change.new)),
    )


MODES: Final[Mapping[str, type[ProxyMode]]] = {
    "record": RecordingProxy,
    "replay": ReplayingProxy,
    "judge": JudgingProxy,
    "diff": ComparingProxy,
}
"""The modes by the names that users give them."""
