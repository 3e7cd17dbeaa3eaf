"""Answers from the test's cassette."""

from __future__ import annotations

from contextlib import contextmanager
from functools import lru_cache
from typing import TYPE_CHECKING, Any, Final, NoReturn

from pytest_cce_precheck.cassette import files
from pytest_cce_precheck.cassette.replay import Replayer
from pytest_cce_precheck.errors import CassetteMissError, CassetteMissingError
from pytest_cce_precheck.plugin.modes.base import BaseMode, ServiceTarget, TestContext
from pytest_cce_precheck.redaction.recordings import REPLAY_CREDENTIALS, Redaction
from pytest_cce_precheck.transport.interception import Interceptor
from pytest_cce_precheck.wire.credentials import Credentials

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator
    from contextlib import AbstractContextManager

    from pytest_cce_precheck.cassette.format import Origin
    from pytest_cce_precheck.client import PrecheckClient
    from pytest_cce_precheck.errors import CcePrecheckError
    from pytest_cce_precheck.wire.exchange import Request, Response

# if neither the settings nor a cassette name a service
_NOWHERE: Final = "https://cce.replayed.example"
_NOBODY: Final = "not-recorded"


class ReplayMode(BaseMode):
    """What was recorded for each test; needs no network, no credentials and no settings."""

    def __init__(self, *settings: Any) -> None:
        super().__init__(*settings)
        self._origin: Origin | None = None
        self._answer: Callable[[Request], Response] = self._no_test

    @property
    def target(self) -> ServiceTarget:
        """What the settings name, and for the rest what the running test's cassette was recorded from."""
        config, origin = self.config, self._origin
        return ServiceTarget(
            config.service or (origin.endpoint if origin else _NOWHERE),
            config.project_id or (origin and origin.project_id) or _NOBODY,
            config.cluster_id or (origin and origin.cluster_id) or _NOBODY,
        )

    def credentials(self) -> Credentials:
        """Return made-up ones of the kinds that the recording was made with; of all kinds if it does not say."""
        kinds = self._origin.credentials if self._origin else ()
        return REPLAY_CREDENTIALS.only(kinds) if kinds else REPLAY_CREDENTIALS

    def wait(self, seconds: float) -> None:
        """Do nothing: what was waited for has been recorded."""

    @contextmanager
    def running(self, test: TestContext) -> Iterator[None]:
        """Answer from the test's cassette; raises `CassetteCorruptError` if it cannot be read."""
        try:
            with self._answering(test), self.network([self.target.endpoint, _NOWHERE], test):
                yield
        finally:
            self._origin, self._answer = None, self._no_test

    def outside_a_test(self) -> AbstractContextManager[object]:
        """Refuse the call: no cassette is open."""
        return refused_outside_a_test("replay", self.misses)

    def answer(self, request: Request, client: PrecheckClient) -> Response:  # noqa: ARG002  nobody else is asked
        """Answer from the test's cassette."""
        return self._answer(request)

    def who_answered(self, test: TestContext) -> str | None:
        """Return what the cassette was recorded from."""
        if test.playback is None or not test.playback.is_used:
            return None
        return f"{self.config.answered_by} of {test.playback.cassette.origin.endpoint}"

    def _no_test(self, _: Request) -> NoReturn:
        with self.outside_a_test():
            raise AssertionError

    def _answering(self, test: TestContext) -> Interceptor:
        # a client that was made before any cassette was open has this endpoint
        endpoints = [*([self.config.service] if self.config.service else []), _NOWHERE]
        try:
            if test.cassette is None:
                raise CassetteMissingError(f"{test.name} has no cassette")
            cassette = files.read(test.cassette, record_with=test.record_with)
        except CassetteMissingError as error:
            # a test that makes no call does not need one
            self._answer = _missing(test, error)
            return Interceptor(endpoints, answer=self._answer)
        self._origin = cassette.origin
        test.notes.update(cassette.origin.notes)
        redaction = _redaction(Credentials.from_environment(self.environment))
        replayer = Replayer(cassette, redaction, endpoints, record_with=test.record_with, observe=test.answered)
        test.playback, replayer.misses = replayer.playback, test.misses
        self._answer = replayer.answer
        return replayer


@lru_cache(maxsize=1)
def _redaction(credentials: Credentials) -> Redaction:
    # a test may change the environment, but most do not
    return Redaction(credentials)


def _missing(test: TestContext, error: CassetteMissingError) -> Callable[[Request], NoReturn]:
    def answer(_: Request) -> NoReturn:
        test.misses.append(error)
        raise error

    return answer


@contextmanager
def refused_outside_a_test(mode: str, misses: list[CcePrecheckError]) -> Iterator[None]:
    """Raise `CassetteMissError` for a call outside of a test, and add it to the misses."""
    miss = CassetteMissError(
        "no-test",
        f"a call was made outside of a test, in mode {mode}: cassettes belong to tests, so let the test make it,"
        " or a fixture of function scope",
    )
    misses.append(miss)
    raise miss
    yield
