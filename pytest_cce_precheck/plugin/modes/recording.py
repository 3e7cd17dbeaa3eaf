"""Answers from a real service, kept in the test's cassette."""

from __future__ import annotations

from collections import Counter
from contextlib import contextmanager
from dataclasses import replace
from datetime import UTC, datetime
from http import HTTPStatus
from importlib.metadata import version
from typing import TYPE_CHECKING

from pytest_cce_precheck._files import shown
from pytest_cce_precheck.cassette import files
from pytest_cce_precheck.cassette.format import Origin, Recording, dumps
from pytest_cce_precheck.cassette.record import Recorder
from pytest_cce_precheck.plugin.modes.live import LiveMode
from pytest_cce_precheck.plugin.modes.replaying import refused_outside_a_test
from pytest_cce_precheck.redaction.pseudonyms import pseudonyms_for
from pytest_cce_precheck.redaction.recordings import Redaction
from pytest_cce_precheck.redaction.scan import refuse
from pytest_cce_precheck.redaction.texts import in_every_text
from pytest_cce_precheck.transport.live import TIMEOUTS
from pytest_cce_precheck.wire.credentials import Credentials, Secret
from pytest_cce_precheck.wire.exchange import Response
from pytest_cce_precheck.wire.vocabulary import TOKEN_HEADER

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence
    from contextlib import AbstractContextManager

    from pytest_cce_precheck.plugin.modes.base import TestContext
    from pytest_cce_precheck.redaction.pseudonyms import Pseudonyms
    from pytest_cce_precheck.wire.exchange import Request


class RecordMode(LiveMode):
    """A live run that keeps what each test asked and was answered."""

    def outside_a_test(self) -> AbstractContextManager[object]:
        """Refuse: there would be nowhere to keep it."""
        return refused_outside_a_test("record")

    @contextmanager
    def running(self, test: TestContext) -> Iterator[None]:
        """Keep the test's calls, and put them in place of the old cassette if the test came to its end."""
        recorder = Recorder(self.target.endpoint, deadline=TIMEOUTS * self.config.timeout, observe=test.answered)
        with recorder:
            yield
        if test.cassette is None or not recorder.recordings:
            return
        if test.finished:
            text = self._written(test, self._standing(recorder.recordings), shown(test.cassette))
            files.write(test.cassette, text)
        test.kept = test.finished

    def _standing(self, recordings: Sequence[Recording]) -> list[Recording]:
        """Leave out what was refused for its token and asked again: there is none to renew on replay."""
        asked_again = Counter(map(_as_sent, self.tokens.superseded if self.tokens else ()))
        standing = []
        for each in recordings:
            refused = isinstance(each.outcome, Response) and each.outcome.status == HTTPStatus.UNAUTHORIZED
            if refused and asked_again[_as_sent(each.request)]:
                asked_again[_as_sent(each.request)] -= 1
            else:
                standing.append(each)
        return standing

    def _written(self, test: TestContext, recordings: Sequence[Recording], name: str) -> str:
        found = Credentials.from_environment(self.environment)
        credentials = test.credentials or found
        pseudonyms = self._pseudonyms(recordings)
        redaction = Redaction(credentials, also=self.secrets, pseudonyms=pseudonyms)
        kept = [test.before_record(redaction.recording(each), each) for each in recordings]
        origin = Origin(
            tool=f"pytest-cce-precheck {version('pytest-cce-precheck')}",
            recorded_at=self._now(),
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
        if test.repeats or test.by_chance:
            kept = [replace(each, repeats=True) for each in kept]
        text = dumps(origin, kept, redacted=True)
        others = (Credentials(token=Secret(each)) for each in self.secrets if each)
        for each in dict.fromkeys((credentials, found, *others)):
            refuse(text, each, name)
        return text

    def _pseudonyms(self, recordings: Sequence[Recording]) -> Pseudonyms | None:
        if not self.config.pseudonyms:
            return None
        config = self.config
        given = (
            config.project_id,
            config.cluster_id,
            config.other_cluster_id,
            config.foreign_project_id,
            config.foreign_cluster_id,
        )
        return pseudonyms_for([each for each in given if each], recordings)

    def _now(self) -> datetime:
        # reproducible-builds.org: who wants the same bytes again says what time it is
        given = self.environment.get("SOURCE_DATE_EPOCH", "")
        return datetime.fromtimestamp(int(given), UTC) if given.isdigit() else datetime.now(UTC)


def _as_sent(request: Request) -> tuple[object, ...]:
    return request.method, request.target, request.body, Secret(request.headers.get(TOKEN_HEADER, ""))
