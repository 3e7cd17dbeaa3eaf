"""Answers from a real service, written to the test's cassette."""

from __future__ import annotations

from collections import Counter
from contextlib import contextmanager
from http import HTTPStatus
from importlib.metadata import version
from typing import TYPE_CHECKING

from pytest_cce_precheck._files import shown
from pytest_cce_precheck.cassette import files
from pytest_cce_precheck.cassette.format import Origin
from pytest_cce_precheck.cassette.record import Recorder, sealed
from pytest_cce_precheck.plugin.modes.live import LiveMode
from pytest_cce_precheck.plugin.modes.replaying import refused_outside_a_test
from pytest_cce_precheck.plugin.settings import time_of_writing
from pytest_cce_precheck.redaction.pseudonyms import pseudonyms_for
from pytest_cce_precheck.redaction.recordings import Redaction
from pytest_cce_precheck.redaction.texts import in_every_text
from pytest_cce_precheck.transport.live import TIMEOUTS
from pytest_cce_precheck.wire.credentials import Credentials, Secret
from pytest_cce_precheck.wire.exchange import Response
from pytest_cce_precheck.wire.vocabulary import TOKEN_HEADER

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence
    from contextlib import AbstractContextManager

    from pytest_cce_precheck.cassette.format import Recording
    from pytest_cce_precheck.plugin.modes.base import TestContext
    from pytest_cce_precheck.redaction.pseudonyms import Pseudonyms
    from pytest_cce_precheck.wire.exchange import Request


class RecordMode(LiveMode):
    """A live run that keeps the calls of each test."""

    def outside_a_test(self) -> AbstractContextManager[object]:
        """Refuse the call: no cassette is open."""
        return refused_outside_a_test("record", self.misses)

    @contextmanager
    def running(self, test: TestContext) -> Iterator[None]:
        """Keep the test's calls, and replace its cassette with them if the test finished."""
        recorder = Recorder(self.target.endpoint, deadline=TIMEOUTS * self.config.timeout, observe=test.answered)
        with recorder:
            yield
        if test.cassette is None or not recorder.recordings:
            return
        if test.finished:
            recordings = self._without_refused_tokens(recorder.recordings)
            files.write(test.cassette, self._written(test, recordings, shown(test.cassette)))
        test.kept = test.finished

    def _without_refused_tokens(self, recordings: Sequence[Recording]) -> list[Recording]:
        """Leave out calls that were repeated with a new token: on replay no token is renewed."""
        asked_again = Counter(map(_as_sent, self.tokens.superseded if self.tokens else ()))
        kept = []
        for each in recordings:
            refused = isinstance(each.outcome, Response) and each.outcome.status == HTTPStatus.UNAUTHORIZED
            if refused and asked_again[_as_sent(each.request)]:
                asked_again[_as_sent(each.request)] -= 1
            else:
                kept.append(each)
        return kept

    def _written(self, test: TestContext, recordings: Sequence[Recording], name: str) -> str:
        found = Credentials.from_environment(self.environment)
        credentials = test.credentials or found
        pseudonyms = self._pseudonyms(recordings)
        secrets = dict.fromkeys((*self.secrets, *test.secrets))
        redaction = Redaction(credentials, also=secrets, pseudonyms=pseudonyms)
        origin = Origin(
            tool=f"pytest-cce-precheck {version('pytest-cce-precheck')}",
            recorded_at=time_of_writing(self.environment),
            endpoint=self.target.endpoint,
            test=test.name,
            project_id=redaction.text(self.target.project_id),
            cluster_id=redaction.text(self.target.cluster_id),
            credentials=credentials.names,
            pseudonyms=self.config.pseudonyms,
            notes=in_every_text(
                test.notes, lambda text: redaction.text(pseudonyms.encoded(text) if pseudonyms else text)
            ),
        )
        return sealed(
            origin,
            (test.before_record(redaction.recording(each), each) for each in recordings),
            (credentials, found, *secrets),
            name,
            repeats=test.repeats or test.by_chance,
        )

    def _pseudonyms(self, recordings: Sequence[Recording]) -> Pseudonyms | None:
        if not self.config.pseudonyms:
            return None
        config = self.config
        own = (config.project_id, config.cluster_id, config.other_cluster_id)
        given = filter(None, (*own, config.foreign_project_id, config.foreign_cluster_id))
        return pseudonyms_for(list(given), recordings)


def _as_sent(request: Request) -> tuple[object, ...]:
    return request.method, request.target, request.body, Secret(request.headers.get(TOKEN_HEADER, ""))
