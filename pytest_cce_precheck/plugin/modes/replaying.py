"""Answers from the test's cassette."""

from __future__ import annotations

from contextlib import contextmanager
from functools import lru_cache
from typing import TYPE_CHECKING, Final, NoReturn

from pytest_cce_precheck.cassette import files
from pytest_cce_precheck.cassette.replay import Replayer
from pytest_cce_precheck.errors import CassetteMissError, CassetteMissingError
from pytest_cce_precheck.plugin.modes.base import ServiceTarget, TestContext
from pytest_cce_precheck.redaction.recordings import REPLAY_CREDENTIALS, Redaction
from pytest_cce_precheck.transport.interception import Interceptor
from pytest_cce_precheck.wire.credentials import Credentials

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Mapping
    from contextlib import AbstractContextManager

    from pytest_cce_precheck.cassette.format import Origin
    from pytest_cce_precheck.config.options import Config
    from pytest_cce_precheck.wire.exchange import Request

# where neither settings nor a cassette name a service
_NOWHERE: Final = "https://cce.replayed.example"
_NOBODY: Final = "not-recorded"


class ReplayMode:
    """What was recorded for each test; needs no network, no credentials and no settings."""

    def __init__(self, config: Config, environment: Mapping[str, str]) -> None:
        self._config = config
        self._environment = environment
        self._origin: Origin | None = None

    @property
    def target(self) -> ServiceTarget:
        """What the settings name, and for the rest what the running test's cassette was recorded from."""
        config, origin = self._config, self._origin
        return ServiceTarget(
            config.service or (origin.endpoint if origin else _NOWHERE),
            config.project_id or (origin and origin.project_id) or _NOBODY,
            config.cluster_id or (origin and origin.cluster_id) or _NOBODY,
        )

    def credentials(self) -> Credentials:
        """Return stand-ins of the kinds that the recording was made with, of all where it does not say."""
        kinds = self._origin.credentials if self._origin else ()
        return REPLAY_CREDENTIALS.only(kinds) if kinds else REPLAY_CREDENTIALS

    def wait(self, seconds: float) -> None:
        """Do nothing: what was waited for has happened."""

    def known_tasks(self) -> None:
        """Return None: nothing is asked but what was recorded."""

    def outside_a_test(self) -> AbstractContextManager[object]:
        """Refuse: no cassette is open."""
        return refused_outside_a_test("replay")

    @contextmanager
    def running(self, test: TestContext) -> Iterator[None]:
        """Answer from the test's cassette; raises `CassetteCorruptError` if it cannot be read."""
        try:
            with self._answering(test):
                yield
        finally:
            self._origin = None

    def _answering(self, test: TestContext) -> Interceptor:
        own = [self._config.service] if self._config.service else []
        try:
            if test.cassette is None:
                raise CassetteMissingError(f"{test.name} has no cassette")
            cassette = files.read(test.cassette, record_with=f"pytest --cce-mode=record '{test.name}'")
        except CassetteMissingError as error:
            # only a test that calls needs one
            return Interceptor([*own, _NOWHERE], answer=_missing(test, error))
        self._origin = cassette.origin
        test.notes.update(cassette.origin.notes)
        # a client of somebody's own may be as old as the session
        endpoints = [*own, _NOWHERE]
        redaction = _redaction(Credentials.from_environment(self._environment))
        replayer = Replayer(cassette, redaction, endpoints, observe=test.answered)
        test.playback, test.misses = replayer.playback, replayer.misses
        return replayer


@lru_cache(maxsize=1)
def _redaction(credentials: Credentials) -> Redaction:
    # a test may change the environment, and most do not
    return Redaction(credentials)


def _missing(test: TestContext, error: CassetteMissingError) -> Callable[[Request], NoReturn]:
    def answer(_: Request) -> NoReturn:
        test.misses.append(error)
        raise error

    return answer


@contextmanager
def refused_outside_a_test(mode: str) -> Iterator[None]:
    """Raise `CassetteMissError` for a call that no test makes."""
    raise CassetteMissError(
        "no-test",
        f"a call was made outside of a test, in mode {mode}: cassettes belong to tests, so let the test make it,"
        " or a fixture of function scope",
    )
    yield
